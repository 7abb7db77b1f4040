//! Step Check Readiness: checks of the computer, each with a read-only variable.

use super::computer::{Architecture, Computer, ProductType};
use super::state::{FailureCause, RunState};
use crate::Action;
use crate::catalog::Environment;
use crate::condition::Operator;
use crate::truth::Truth;

/// Exit code of the step if a check fails.
const FAILED: i64 = 4316;

/// Runs the checks, and fails if one of them certainly fails.
pub fn check_readiness(state: &mut RunState<'_>, action: &Action, entry: usize) -> Result<(), FailureCause> {
    let failed = set_checks(state, action, entry);
    if failed.is_empty() {
        return Ok(());
    }
    let list = failed.join(" and ");
    let fails = if failed.len() == 1 { "check fails" } else { "checks fail" };
    Err(FailureCause {
        why: format!("the {list} {fails} (exit code {FAILED})"),
        exit_code: Some(FAILED),
        is_final: false,
    })
}

/// Sets the variable of each check of the step, and returns the names of the checks that fail.
pub fn set_checks(state: &mut RunState<'_>, action: &Action, entry: usize) -> Vec<String> {
    let computer = state.computer();
    // The facts describe the system that runs at the start, and checks of the system are about one that is not Windows PE.
    let is_present = state.is_first_system && state.environment == Environment::FullOs;
    let mut failed = Vec::new();
    for check in checks(action, &computer, state.is_uefi, is_present) {
        match check.outcome {
            Truth::True => state.set(entry, check.variable, "1"),
            Truth::False => {
                state.set(entry, check.variable, "0");
                failed.push(check.name.to_owned());
            }
            Truth::Unknown(fact) => {
                state.set_from_fact(entry, check.variable, None, &fact);
            }
        }
    }
    failed
}

/// Check of a step.
struct Check {
    name: &'static str,
    variable: &'static str,
    /// Result; `Unknown` contains the key of the missing fact.
    outcome: Truth,
}

fn checks(action: &Action, computer: &Computer, is_uefi: bool, is_present: bool) -> Vec<Check> {
    let unknown = |fact: &str| Truth::Unknown(fact.to_owned());
    let at_least = |known: Option<i64>, required: i64, fact: &str| match known {
        Some(known) => (known >= required).into(),
        None => unknown(fact),
    };
    let version = |known: &Option<String>, operator: Operator, required: &str, fact: &str| match known {
        Some(known) => operator.holds(Some(known), required).into(),
        None => unknown(fact),
    };
    let truth = |known: Option<bool>, fact: &str| known.map_or_else(|| unknown(fact), Truth::from);
    let os = &computer.operating_system;
    // Checks of an operating system that the facts do not describe are unknown.
    let of_os = |outcome: Truth, variable: &str| match is_present {
        true => outcome,
        false => unknown(&format!("{variable}` to `sets` of its `[[step]]")),
    };
    let adapters = |is_it: &dyn Fn(&super::computer::NetworkAdapter) -> Truth| match &computer.network_adapter {
        Some(adapters) => Truth::any(adapters.iter().map(is_it)),
        None => unknown("computer.network-adapter"),
    };
    let connected =
        |adapter: &super::computer::NetworkAdapter| truth(adapter.connected, "computer.network-adapter.connected");
    let tpm = |known: Option<bool>, fact: &str| {
        let is_new = match computer.tpm.version.as_deref().map(|version| version.trim_start().split(['.', ',']).next())
        {
            Some(Some(major)) => major.parse::<u32>().is_ok_and(|major| major >= 2).into(),
            _ => unknown("computer.tpm.version"),
        };
        Truth::all([truth(computer.tpm.present, "computer.tpm.present"), truth(known, fact), is_new])
    };
    let mut checks = Vec::new();
    let mut add = |name, variable, outcome: Option<Truth>| {
        checks.extend(outcome.map(|outcome| Check { name, variable, outcome }));
    };
    let is_required = |key: &str| action.is_set(key).then_some(());
    add("memory", "_TS_CRMEMORY", action.integer("memory").map(|mb| at_least(computer.memory, mb, "computer.memory")));
    let speed = action.integer("processor-speed");
    add("speed", "_TS_CRSPEED", speed.map(|mhz| at_least(computer.processor.speed, mhz, "computer.processor.speed")));
    let space = action.integer("disk-space");
    add("disk space", "_TS_CRDISK", space.map(|mb| at_least(computer.free_disk_space, mb, "computer.free-disk-space")));
    let kind = action.text("os-type").map(|kind| match os.product_type {
        Some(known) => ((known == ProductType::Workstation) == (kind == "client")).into(),
        None => unknown("computer.operating-system.product-type"),
    });
    add("system type", "_TS_CROSTYPE", kind.map(|outcome| of_os(outcome, "_TS_CROSTYPE")));
    let architecture = action.text("architecture").map(|required| match os.architecture {
        Some(known) => ((known == Architecture::X86) == (required == "x86")).into(),
        None => unknown("computer.operating-system.architecture"),
    });
    add("architecture", "_TS_CRARCH", architecture.map(|outcome| of_os(outcome, "_TS_CRARCH")));
    let os_version = "computer.operating-system.version";
    let minimum =
        action.text("minimum-os").map(|required| version(&os.version, Operator::GreaterEqual, required, os_version));
    add("minimum version", "_TS_CRMINOSVER", minimum.map(|outcome| of_os(outcome, "_TS_CRMINOSVER")));
    let maximum =
        action.text("maximum-os").map(|required| version(&os.version, Operator::LessEqual, required, os_version));
    add("maximum version", "_TS_CRMAXOSVER", maximum.map(|outcome| of_os(outcome, "_TS_CRMAXOSVER")));
    let client = action
        .text("client-version")
        .map(|required| version(&computer.client_version, Operator::GreaterEqual, required, "computer.client-version"));
    add("client version", "_TS_CRCLIENTMINVER", client);
    let language = action.integer("os-language").map(|required| match os.language {
        Some(known) => (known == required).into(),
        None => unknown("computer.operating-system.language"),
    });
    add("language", "_TS_CROSLANGUAGE", language.map(|outcome| of_os(outcome, "_TS_CROSLANGUAGE")));
    let power = is_required("ac-power").map(|()| truth(computer.ac_power, "computer.ac-power"));
    add("power", "_TS_CRACPOWER", power);
    add("network", "_TS_CRNETWORK", is_required("network").map(|()| adapters(&connected)));
    let wired = is_required("wired-network").map(|()| {
        adapters(&|adapter| Truth::all([connected(adapter), truth(adapter.wired, "computer.network-adapter.wired")]))
    });
    add("wired network", "_TS_CRWIRED", wired);
    add("UEFI", "_TS_CRUEFI", is_required("uefi").map(|()| is_uefi.into()));
    let activated = is_required("tpm-activated")
        .or(is_required("tpm"))
        .map(|()| tpm(computer.tpm.activated, "computer.tpm.activated"));
    add("activated TPM", "_TS_CRTPMACTIVATED", activated);
    let enabled =
        is_required("tpm-enabled").or(is_required("tpm")).map(|()| tpm(computer.tpm.enabled, "computer.tpm.enabled"));
    add("enabled TPM", "_TS_CRTPMENABLED", enabled);
    checks
}
