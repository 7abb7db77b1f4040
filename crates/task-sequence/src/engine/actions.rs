//! Effects of steps on the computer and on variables, beyond their exit codes.

use super::dynamic::set_dynamic_variables;
use super::readiness::check_readiness;
use super::state::{FailureCause, RunState};
use super::variables::PossibleValues;
use crate::catalog::Environment;
use crate::read_only::is_reserved;
use crate::{Action, Value, text};

/// Applies the effects of a step.
pub fn perform(state: &mut RunState<'_>, action: &Action, entry: usize) -> Result<(), FailureCause> {
    match action.kind.name {
        "set-variable" => {
            let variable = action.text("variable").unwrap_or_default().to_owned();
            if is_reserved(&variable) {
                return Err(format!("`{variable}` is read-only: it begins with `_`").into());
            }
            match action.values.get("secret-value") {
                // Secrets are not read in a simulated run.
                Some(_) => state.hide(entry, &variable),
                None => state.set_expanded(entry, &variable, action.text("value").unwrap_or_default())?,
            }
        }
        "set-dynamic-variables" => set_dynamic_variables(state, action, entry)?,
        "check-readiness" => check_readiness(state, action, entry)?,
        "run-command-line" | "run-powershell-script" => {
            if state.environment == Environment::WindowsPe && action.text("user").is_some() {
                return Err("Windows PE has no user accounts".to_owned().into());
            }
            forget_output(state, action, entry, "output-variable");
        }
        "restart-computer" => {
            let into = match action.text("target") {
                Some("windows-pe") => Environment::WindowsPe,
                _ => Environment::FullOs,
            };
            state.restart(entry, into, "requested by the step".into())?;
        }
        "partition-disk" => {
            state.is_formatted = action.tables("partitions").iter().any(|one| text(one, "file-system").is_some());
            (state.is_applied, state.has_system, state.is_staged) = (false, false, false);
            state.program = None;
            state.variables.set("_SMSTSClientCache", "");
            for partition in action.tables("partitions") {
                if let Some(name) = text(partition, "variable") {
                    let why = format!("the drive letter in `{name}` is not known; add `sets` to its `[[step]]`");
                    state.forget(entry, name, PossibleValues::Present, why);
                }
            }
        }
        "apply-operating-system" => {
            require_partition(state, entry)?;
            state.is_applied = true;
            match action.text("drive").map(|drive| state.variables.expand(drive)) {
                Some(drive) if drive.unknown.is_none() => state.set(entry, "OSDTargetSystemDrive", &drive.text),
                _ => {
                    let why = "the drive letter in `OSDTargetSystemDrive` is not known; add `sets` to its `[[step]]`";
                    state.forget(entry, "OSDTargetSystemDrive", PossibleValues::Present, why.into());
                }
            }
        }
        "apply-data-image" => require_partition(state, entry)?,
        "download-package-content" => forget_output(state, action, entry, "variable"),
        "apply-network-settings" | "join-domain-workgroup" => {
            let joins_domain = action.text("domain").is_some();
            state.is_domain_member = joins_domain;
            if action.is("join-domain-workgroup") && !action.is_set("skip-restart") {
                state.restart(entry, Environment::FullOs, "to join a domain or workgroup".into())?;
            }
        }
        "setup-windows" => {
            if state.environment != Environment::WindowsPe {
                return Err(FailureCause::fatal("the step sets up a system that was applied in Windows PE"));
            }
            let otherwise = "no operating system was applied";
            state.require(entry, state.is_applied, "an operating system was applied", otherwise)?;
            state.has_system = true;
            state.restart(entry, Environment::FullOs, "into the new system".into())?;
        }
        "install-application" => {
            let step = state.entries[entry].name().to_owned();
            let why = |name: &str| format!("`{name}` is not known after `{step}`; add `sets` to its `[[step]]`");
            let status = ["Success", "Warning"].map(|value| Some(value.to_owned())).to_vec();
            leave_open(state, "_TSAppInstallStatus", PossibleValues::OneOf(status), &why);
            leave_open(state, "_SMSTSAppInstallNeedsRetry", PossibleValues::Anything, &why);
        }
        "upgrade-operating-system" => {
            let step = state.entries[entry].name().to_owned();
            let why = |name: &str| format!("`{name}` is not known after `{step}`; add `sets` to its `[[step]]`");
            leave_open(state, "_SMSTSOSUpgradeActionReturnCode", PossibleValues::Present, &why);
            leave_open(state, "_SMSTSSetupRollback", PossibleValues::Anything, &why);
            if !action.is_set("scan-only") {
                state.restart(entry, Environment::FullOs, "to upgrade".into())?;
                state.is_first_system = false;
            }
        }
        "prepare-windows-for-capture" => {
            if state.is_domain_member {
                return Err("Sysprep fails on domain members".to_owned().into());
            }
            state.restart(entry, Environment::WindowsPe, "for the capture".into())?;
        }
        _ => {}
    }
    Ok(())
}

fn require_partition(state: &mut RunState<'_>, entry: usize) -> Result<(), FailureCause> {
    let otherwise = "there is no formatted partition";
    let required = state.require(entry, state.is_formatted, "there is a formatted partition", otherwise);
    required.map_err(|cause| FailureCause { is_final: false, ..cause })
}

/// Makes a read-only variable unknown without an effect in the trace.
fn leave_open(state: &mut RunState<'_>, name: &str, may_be: PossibleValues, why: &dyn Fn(&str) -> String) {
    state.variables.leave_open(name, may_be, why(name));
}

/// Makes the variable unknown that a key of the step names for its output.
fn forget_output(state: &mut RunState<'_>, action: &Action, entry: usize, key: &str) {
    let name = match action.values.get(key) {
        Some(Value::Text(name)) if !name.is_empty() => name.clone(),
        _ => return,
    };
    let why = format!("the output in `{name}` is not known; add `sets` to its `[[step]]`");
    state.forget(entry, &name, PossibleValues::Anything, why);
}
