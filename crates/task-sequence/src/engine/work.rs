//! Work of steps on the computer and on variables, beyond their exit codes.

use super::dynamic::set_dynamic_variables;
use super::readiness::check_readiness;
use super::state::{Cause, State};
use super::variables::MayBe;
use crate::catalog::Environment;
use crate::read_only::is_reserved;
use crate::{Action, Value, text};

/// Does the work of a step.
pub fn work(state: &mut State<'_>, action: &Action, entry: usize) -> Result<(), Cause> {
    match action.kind.name {
        "set-variable" => {
            let variable = action.text("variable").unwrap_or_default().to_owned();
            if is_reserved(&variable) {
                return Err(format!("`{variable}` can't be set: names with `_` in front are read-only").into());
            }
            match action.values.get("secret-value") {
                // The value of a secret is not read.
                Some(_) => state.hide(entry, &variable),
                None => state.set_expanded(entry, &variable, action.text("value").unwrap_or_default())?,
            }
        }
        "set-dynamic-variables" => set_dynamic_variables(state, action, entry)?,
        "check-readiness" => check_readiness(state, action, entry)?,
        "run-command-line" | "run-powershell-script" => {
            if state.environment == Environment::WindowsPe && action.text("user").is_some() {
                return Err("no other account can be used in Windows PE".to_owned().into());
            }
            leaves_open(state, action, entry, "output-variable");
        }
        "restart-computer" => {
            let into = match action.text("target") {
                Some("windows-pe") => Environment::WindowsPe,
                _ => Environment::FullOs,
            };
            state.restart(entry, into, "the step says so".into())?;
        }
        "partition-disk" => {
            state.is_formatted = action.tables("partitions").iter().any(|one| text(one, "file-system").is_some());
            (state.is_applied, state.has_system, state.is_staged) = (false, false, false);
            state.program = None;
            state.variables.set("_SMSTSClientCache", "");
            for partition in action.tables("partitions") {
                if let Some(name) = text(partition, "variable") {
                    let why = format!("the drive letter in `{name}` is not known; add `sets` to its `[[step]]`");
                    state.forget(entry, name, MayBe::Present, why);
                }
            }
        }
        "apply-operating-system" => {
            needs_partition(state, entry)?;
            state.is_applied = true;
            match action.text("drive").map(|drive| state.variables.expand(drive)) {
                Some(drive) if drive.unknown.is_none() => state.set(entry, "OSDTargetSystemDrive", &drive.text),
                _ => {
                    let why = "the drive letter in `OSDTargetSystemDrive` is not known; add `sets` to its `[[step]]`";
                    state.forget(entry, "OSDTargetSystemDrive", MayBe::Present, why.into());
                }
            }
        }
        "apply-data-image" => needs_partition(state, entry)?,
        "download-package-content" => leaves_open(state, action, entry, "variable"),
        "apply-network-settings" | "join-domain-workgroup" => {
            let joins_domain = action.text("domain").is_some();
            state.is_domain_member = joins_domain;
            if action.is("join-domain-workgroup") && !action.is_set("skip-restart") {
                state.restart(entry, Environment::FullOs, "to join".into())?;
            }
        }
        "setup-windows" => {
            if state.environment != Environment::WindowsPe {
                return Err(Cause::last("it sets up a system that was applied in Windows PE"));
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
            open(state, "_TSAppInstallStatus", MayBe::OneOf(status), &why);
            open(state, "_SMSTSAppInstallNeedsRetry", MayBe::Anything, &why);
        }
        "upgrade-operating-system" => {
            let step = state.entries[entry].name().to_owned();
            let why = |name: &str| format!("`{name}` is not known after `{step}`; add `sets` to its `[[step]]`");
            open(state, "_SMSTSOSUpgradeActionReturnCode", MayBe::Present, &why);
            open(state, "_SMSTSSetupRollback", MayBe::Anything, &why);
            if !action.is_set("scan-only") {
                state.restart(entry, Environment::FullOs, "to upgrade".into())?;
                state.is_first_system = false;
            }
        }
        "prepare-windows-for-capture" => {
            if state.is_domain_member {
                return Err("Sysprep fails on a member of a domain".to_owned().into());
            }
            state.restart(entry, Environment::WindowsPe, "for the capture".into())?;
        }
        _ => {}
    }
    Ok(())
}

fn needs_partition(state: &mut State<'_>, entry: usize) -> Result<(), Cause> {
    let otherwise = "there is no formatted partition";
    let required = state.require(entry, state.is_formatted, "there is a formatted partition", otherwise);
    required.map_err(|cause| Cause { is_final: false, ..cause })
}

/// Leaves a read-only variable unknown without saying so in the trace.
fn open(state: &mut State<'_>, name: &str, may_be: MayBe, why: &dyn Fn(&str) -> String) {
    state.variables.leave_open(name, may_be, why(name));
}

/// Leaves the variable unknown that a key names: the output of the step.
fn leaves_open(state: &mut State<'_>, action: &Action, entry: usize, key: &str) {
    let name = match action.values.get(key) {
        Some(Value::Text(name)) if !name.is_empty() => name.clone(),
        _ => return,
    };
    let why = format!("the output of the step in `{name}` is not known; add `sets` to its `[[step]]`");
    state.forget(entry, &name, MayBe::Anything, why);
}
