//! Effects of steps on a world, as far as they follow from the sequence.
//!
//! A program may set any variable that is not read-only, so these are forgotten after one.

use crate::{Action, Value, literal_exit_code, text};

use super::world::{Disk, System, World};

/// Returns `true` if a step fails whenever it runs, which authors write to end a sequence.
pub fn always_fails(action: &Action) -> bool {
    let command = action.text("command-line").filter(|_| action.is("run-command-line"));
    command.and_then(literal_exit_code).is_some_and(|code| !action.success_codes().contains(&code))
}

impl World {
    /// Returns the possible states after a step of the catalog.
    pub fn after(mut self, action: &Action, index: usize) -> Vec<Self> {
        // Every other step may set variables that begin with `OSD`, `SMSTS` or `TS`.
        if !matches!(action.kind.name, "set-variable" | "set-dynamic-variables" | "restart-computer") {
            self.forget_results();
        }
        match action.kind.name {
            "restart-computer" => {
                let system = match action.text("target") {
                    Some("hard-disk") => System::FullOs,
                    _ => System::WindowsPe,
                };
                return vec![self.started(system)];
            }
            "partition-disk" => {
                let is_formatted = action.tables("partitions").iter().any(|one| text(one, "file-system").is_some());
                self.disk = if is_formatted { Disk::Formatted } else { Disk::Bare };
                for partition in action.tables("partitions") {
                    if let Some(name) = text(partition, "variable") {
                        self.set(name, None, index);
                    }
                }
            }
            "apply-operating-system" => {
                self.has_applied = true;
                self.disk = Disk::Formatted;
            }
            "setup-windows" => {
                self.has_set_up = true;
                return vec![self.started(System::FullOs)];
            }
            "prepare-windows-for-capture" => return vec![self.started(System::WindowsPe)],
            "upgrade-operating-system" if !action.is_set("scan-only") => {
                self.has_applied = true;
                return vec![self.started(System::FullOs)];
            }
            "join-domain-workgroup" => return vec![self.started(System::FullOs)],
            "set-variable" => return self.after_setting(action, index),
            "set-dynamic-variables" => {
                for rule in action.tables("rules") {
                    if let Some(Value::Map(variables)) = rule.get("set") {
                        variables.iter().for_each(|(name, _)| self.set(name, None, index));
                    }
                }
            }
            "run-command-line" | "install-package" | "install-application" | "run-powershell-script" => {
                return self.after_program(action, index);
            }
            "run-task-sequence" => return self.after_unknown(),
            _ => {}
        }
        vec![self]
    }

    /// Returns the possible states after a step with unknown effects.
    pub fn after_unknown(mut self) -> Vec<Self> {
        self.forget();
        // The step may have done all of this, so no later step is reported for lacking it.
        self.has_applied = true;
        self.disk = Disk::Formatted;
        [System::WindowsPe, System::FullOs].map(|system| self.clone().started(system)).into()
    }

    fn started(mut self, system: System) -> Self {
        self.forget_detected();
        self.system = system;
        self
    }

    fn after_setting(mut self, action: &Action, index: usize) -> Vec<Self> {
        let Some(name) = action.text("variable") else { return vec![self] };
        let value = match action.values.get("secret-value") {
            Some(_) => None,
            None => Some(action.text("value").unwrap_or_default()).filter(|value| !value.contains('%')),
        };
        self.set(name, value, index);
        if !name.eq_ignore_ascii_case("SMSTSRebootRequested") {
            return vec![self];
        }
        match value.map(str::to_lowercase).as_deref() {
            Some("hd") => vec![self.started(System::FullOs)],
            Some("winpe") => vec![self.started(System::WindowsPe)],
            Some("") => vec![self],
            _ => [System::WindowsPe, System::FullOs].map(|system| self.clone().started(system)).into(),
        }
    }

    fn after_program(mut self, action: &Action, index: usize) -> Vec<Self> {
        let own = ["command-line", "script", "parameters"].map(|key| action.text(key).unwrap_or_default());
        let own = own.join("\n").to_lowercase();
        // The text of an inline script shows whether it sets variables.
        let is_harmless = action.values.contains_key("script") && !own.contains("tsenvironment");
        if !is_harmless {
            self.forget_settable();
        }
        if let Some(name) = action.text("output-variable") {
            self.set(name, None, index);
        }
        match own.contains("smstsrebootrequested") {
            true => [System::WindowsPe, System::FullOs].map(|system| self.clone().started(system)).into(),
            false => vec![self],
        }
    }
}
