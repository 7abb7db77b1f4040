//! The engine: goes through a sequence step by step.

use super::conditions::{Why, unmet};
use super::variables::{HIDDEN, Variables};
use super::{Effect, End, Ending, Entry, Launch, Machine, Medium, Outcome, Source, Started, Then, Trace, name};
use crate::catalog::{Environment, MAX_VALUE};
use crate::compare::is_like;
use crate::condition::Operator;
use crate::{Action, Body, Sequence, Step, Value, Values, said_exit_code, text};

/// What asks for a restart, among exit codes (`ERROR_SUCCESS_REBOOT_REQUIRED`).
const RESTART: i64 = 3010;
/// So often may one step ask to be run again.
const MAX_RUNS: usize = 100;

/// Runs a sequence from a medium on a machine.
pub fn run(sequence: &Sequence, machine: &mut dyn Machine, medium: &Medium) -> Trace {
    let mut run = Run::new(machine, medium);
    let failure = run.steps(&sequence.steps, &mut Vec::new());
    let end = match failure {
        Some(failure) => End::Failure { step: failure.step, why: failure.why },
        None => End::Success,
    };
    Trace { entries: run.entries, end, variables: run.variables, environment: run.environment }
}

struct Run<'a> {
    machine: &'a mut dyn Machine,
    medium: &'a Medium,
    variables: Variables,
    environment: Environment,
    /// Whether there is a partition that the computer can restart from (R119).
    is_formatted: bool,
    /// Whether what was staged on the disk is still there, on prestaged media.
    is_staged: bool,
    /// Whether an operating system was applied to the disk.
    is_applied: bool,
    /// Whether the computer can start a full operating system.
    has_system: bool,
    is_domain_member: bool,
    entries: Vec<Entry>,
}

/// A failure on its way up.
struct Failure {
    step: String,
    why: String,
    /// The entry that says it.
    entry: usize,
    /// Whether no group can stop it.
    is_final: bool,
}

/// Why a step failed.
struct Cause {
    why: String,
    /// Whether it ends every sequence, whatever continues on error.
    is_final: bool,
}

impl From<String> for Cause {
    fn from(why: String) -> Self {
        Self { why, is_final: false }
    }
}

impl<'a> Run<'a> {
    fn new(machine: &'a mut dyn Machine, medium: &'a Medium) -> Self {
        let start = machine.start();
        let mut variables = Variables::default();
        variables.set("_SMSTSMediaType", medium.started.media_type());
        let launch = match (medium.started, medium.launch) {
            (Started::Client, _) => "SMS",
            (Started::Pxe, _) => "PXE",
            (Started::Prestaged, _) => "HD",
            (_, Launch::Cd) => "CD",
            (_, Launch::Usb) => "UFD+FORMAT",
            (_, Launch::Dvd) => "DVD",
        };
        variables.set("_SMSTSLaunchMode", launch);
        if start.is_uefi {
            variables.set("_SMSTSBootUEFI", "true");
        }
        variables.set("_SMSTSMachineName", machine.computer().name.as_deref().unwrap_or("MININT-TEST"));
        for (name, value) in &medium.variables {
            match value {
                Some(value) => variables.set(name, value),
                None => variables.hide(name),
            }
        }
        for (name, value) in &start.variables {
            variables.set(name, value);
        }
        // Capture media are for a machine that runs: its Windows has to be prepared.
        let is_running = matches!(medium.started, Started::Client | Started::Capture);
        let usual = if is_running { Environment::FullOs } else { Environment::WindowsPe };
        let starts_full = start.environment.unwrap_or(usual) == Environment::FullOs;
        let mut run = Self {
            machine,
            medium,
            variables,
            environment: Environment::Any,
            // A prestaged medium is on the disk itself.
            is_formatted: start.is_formatted || starts_full || medium.started == Started::Prestaged,
            is_staged: true,
            is_applied: false,
            has_system: starts_full,
            is_domain_member: start.is_domain_member,
            entries: Vec::new(),
        };
        run.enter(if starts_full { Environment::FullOs } else { Environment::WindowsPe });
        run
    }

    /// Another system runs from here on.
    fn enter(&mut self, environment: Environment) {
        self.environment = environment;
        let is_pe = environment == Environment::WindowsPe;
        self.variables.set("_SMSTSInWinPE", if is_pe { "true" } else { "false" });
    }

    /// Runs steps until one fails that does not continue on error.
    fn steps(&mut self, steps: &[Step], around: &mut Vec<String>) -> Option<Failure> {
        for step in steps {
            around.push(step.name.clone());
            let failure = self.step(step, around);
            around.pop();
            let Some(failure) = failure else { continue };
            if failure.is_final {
                return Some(failure);
            }
            if !step.continues_on_error {
                return Some(failure);
            }
            let then = match step.body {
                Body::Group(_) => Then::Behind(step.name.clone()),
                Body::Action(_) | Body::Foreign(_) => Then::Next,
            };
            if let Outcome::Failed { then: known, .. } = &mut self.entries[failure.entry].outcome {
                *known = then;
            }
        }
        None
    }

    fn step(&mut self, step: &Step, path: &[String]) -> Option<Failure> {
        let why_not = match &step.condition {
            _ if step.is_disabled => Some("it is disabled".to_owned()),
            Some(condition) => unmet(condition, &*self.machine, &self.variables).map(|why| match why {
                Why::Not(words) => words,
                Why::Unknown(words) => format!("nobody knows whether its condition holds: {words}"),
            }),
            None => None,
        };
        let outcome = match why_not {
            Some(why) => Outcome::Skipped(why),
            None => Outcome::Ran { exit_code: None },
        };
        let is_skipped = matches!(outcome, Outcome::Skipped(_));
        let entry = self.entries.len();
        let (is_group, environment) = (matches!(step.body, Body::Group(_)), self.environment);
        self.entries.push(Entry { path: path.to_vec(), is_group, environment, outcome, effects: Vec::new() });
        if is_skipped {
            return None;
        }
        match &step.body {
            Body::Group(steps) => {
                let mut path = path.to_vec();
                self.steps(steps, &mut path)
            }
            Body::Action(action) => self.run(action, action.kind.environment, path, entry),
            Body::Foreign(foreign) => match self.is_in(foreign.environment) {
                true => self.ends(path, entry, None),
                false => self.fails(path, entry, wrong_system(foreign.environment, self.environment).into()),
            },
        }
    }

    /// A step that does something by itself, tried again as often as it may be.
    fn run(&mut self, action: &Action, needs: Environment, path: &[String], entry: usize) -> Option<Failure> {
        if !self.is_in(needs) {
            return self.fails(path, entry, wrong_system(needs, self.environment).into());
        }
        if let Some(why) = self.lacks_content(action, entry) {
            return self.fails(path, entry, why.into());
        }
        let mut n_retries = action.retries.unwrap_or(0);
        for _ in 0..MAX_RUNS {
            let ending = self.machine.run(path, action, &self.variables);
            let exit_code = self.exit_code(action, ending.as_ref());
            for (name, value) in ending.iter().flat_map(|ending| &ending.sets) {
                self.set(entry, name, value);
            }
            let codes = action.success_codes();
            if !codes.contains(&exit_code) {
                if n_retries > 0 {
                    n_retries -= 1;
                    self.effect(entry, Effect::Retry { why: format!("exit code {exit_code}") });
                    continue;
                }
                let list = codes.iter().map(i64::to_string).collect::<Vec<_>>().join(" and ");
                let why = format!("exit code {exit_code}, where {list} are a success");
                let why = if codes.len() == 1 { why.replace(" are ", " is ") } else { why };
                self.note_end(exit_code, false);
                let is_final = action.is("setup-windows");
                return self.fails(path, entry, Cause { why, is_final });
            }
            if let Err(cause) = self.does(action, entry) {
                self.note_end(1, false);
                return self.fails(path, entry, cause);
            }
            if exit_code == RESTART {
                let same = self.environment;
                if let Err(cause) = self.restart(entry, same, "exit code 3010".into()) {
                    return self.fails(path, entry, cause);
                }
            }
            match self.asked_restart(entry) {
                Ok(true) => self.effect(entry, Effect::Retry { why: "`SMSTSRetryRequested`".into() }),
                Ok(false) => return self.ends(path, entry, ending.map(|_| exit_code)),
                Err(cause) => return self.fails(path, entry, cause),
            }
        }
        self.fails(path, entry, format!("it asked {MAX_RUNS} times to be run again").into())
    }

    fn is_in(&self, needs: Environment) -> bool {
        needs == Environment::Any || needs == self.environment
    }

    /// Exit code of a run: the machine's, that of the command line itself, or a success.
    fn exit_code(&self, action: &Action, ending: Option<&Ending>) -> i64 {
        if let Some(exit_code) = ending.and_then(|ending| ending.exit_code) {
            return exit_code;
        }
        let command = action.text("command-line").filter(|_| action.is("run-command-line"));
        command.and_then(|command| said_exit_code(&self.variables.expand(command))).unwrap_or(0)
    }

    /// Notes the content that a step needs, or says what can't be had.
    fn lacks_content(&mut self, action: &Action, entry: usize) -> Option<String> {
        let has_no_site = matches!(self.medium.started, Started::StandAlone | Started::Capture);
        for id in action.content() {
            let id = self.variables.expand(&id);
            let is_there = self.is_staged || self.medium.started != Started::Prestaged;
            let is_local = is_there && self.medium.carries(&id);
            if !is_local && has_no_site {
                return Some(format!("`{id}` is not on the medium, and there is no site to get it from"));
            }
            let from = if is_local { Source::Medium } else { Source::Network };
            self.effect(entry, Effect::Content { id, from });
        }
        let kind = action.kind.name;
        let needs_site = ["auto-apply-drivers", "install-software-updates", "download-package-content"].contains(&kind);
        let is_dynamic = action.text("base-variable").is_some();
        match has_no_site {
            true if needs_site => Some("it needs the site, and such media have none".into()),
            true if is_dynamic => Some("what variables name can't be found without a site".into()),
            _ => None,
        }
    }

    /// What a step does to the run, beyond its exit code.
    fn does(&mut self, action: &Action, entry: usize) -> Result<(), Cause> {
        match action.kind.name {
            "set-variable" => {
                let variable = action.text("variable").unwrap_or_default().to_owned();
                if variable.starts_with('_') {
                    return Err(format!("`{variable}` can't be set: names with `_` in front are read-only").into());
                }
                match action.values.get("secret-value") {
                    // What it is belongs to nobody here.
                    Some(_) => self.hide(entry, &variable),
                    None => self.set_expanded(entry, &variable, action.text("value").unwrap_or_default())?,
                }
            }
            "set-dynamic-variables" => {
                for rule in action.tables("rules").to_vec() {
                    if self.is_met(&rule)
                        && let Some(Value::Map(set)) = rule.get("set")
                    {
                        set.iter().try_for_each(|(name, value)| self.set_expanded(entry, name, value))?;
                    }
                }
            }
            "run-command-line" | "run-powershell-script"
                if self.environment == Environment::WindowsPe && action.text("user").is_some() =>
            {
                return Err("no other account can be used in Windows PE".to_owned().into());
            }
            "restart-computer" => {
                let into = match action.text("target") {
                    Some("windows-pe") => Environment::WindowsPe,
                    _ => Environment::FullOs,
                };
                self.restart(entry, into, "the step says so".into())?;
            }
            "partition-disk" => {
                (self.is_formatted, self.is_applied, self.has_system) = (true, false, false);
                self.is_staged = false;
                self.variables.set("_SMSTSClientCache", "");
            }
            "apply-operating-system" => {
                if !self.is_formatted {
                    return Err("there is no formatted partition".to_owned().into());
                }
                self.is_applied = true;
                self.set(entry, "OSDTargetSystemDrive", "C:");
            }
            "apply-data-image" if !self.is_formatted => {
                return Err("there is no formatted partition".to_owned().into());
            }
            "apply-network-settings" | "join-domain-workgroup" => {
                let joins_domain = action.text("domain").is_some();
                self.is_domain_member = joins_domain;
                if action.is("join-domain-workgroup") && !action.is_set("skip-restart") {
                    self.restart(entry, Environment::FullOs, "to join".into())?;
                }
            }
            "setup-windows" => {
                if self.environment != Environment::WindowsPe {
                    let why = "it sets up a system that was applied in Windows PE".to_owned();
                    return Err(Cause { why, is_final: true });
                }
                if !self.is_applied {
                    let why = "no operating system was applied".to_owned();
                    return Err(Cause { why, is_final: true });
                }
                self.has_system = true;
                self.restart(entry, Environment::FullOs, "into the new system".into())?;
            }
            "upgrade-operating-system" if !action.is_set("scan-only") => {
                self.restart(entry, Environment::FullOs, "to upgrade".into())?;
            }
            "prepare-windows-for-capture" => {
                if self.is_domain_member {
                    return Err("Sysprep fails on a member of a domain".to_owned().into());
                }
                self.restart(entry, Environment::WindowsPe, "for the capture".into())?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether a rule of Set Dynamic Variables holds: one thing that it asks of the computer, its location, make and
    /// model together, and a variable.
    fn is_met(&self, rule: &Values) -> bool {
        let computer = &self.machine.computer();
        let same =
            |left: &Option<String>, right: &str| left.as_deref().is_some_and(|left| left.eq_ignore_ascii_case(right));
        let among = |list: &[String], right: &str| list.iter().any(|left| left.eq_ignore_ascii_case(right));
        let of_computer = [
            text(rule, "asset-tag").map(|tag| same(&computer.asset_tag, tag)),
            text(rule, "uuid").map(|uuid| same(&computer.uuid, uuid)),
            text(rule, "serial-number").map(|number| same(&computer.serial_number, number)),
            text(rule, "mac-address").map(|address| among(&computer.mac_addresses, address)),
        ];
        let mut asked = of_computer.iter().flatten().peekable();
        let is_computer = asked.peek().is_none() || asked.any(|is_so| *is_so);
        let fits = |key: &str, found: &Option<String>| {
            text(rule, key).is_none_or(|pattern| found.as_deref().is_some_and(|found| is_like(found, pattern)))
        };
        let is_there = text(rule, "default-gateway").is_none_or(|gateway| among(&computer.default_gateways, gateway));
        let is_variable = text(rule, "variable").is_none_or(|variable| {
            let value = text(rule, "value").unwrap_or_default();
            let named =
                |row: &&(Operator, &'static str, &'static str, &'static str)| Some(row.1) == text(rule, "operator");
            let operator = Operator::ALL.iter().find(named).map_or(Operator::Equals, |row| row.0);
            // What a secret is compared with is not known, so the rule can't be said to hold.
            let is_known = operator.is_about_presence() || !self.variables.is_hidden(variable);
            is_known && operator.holds(self.variables.get(variable), &self.variables.expand(value))
        });
        is_computer && is_there && fits("make", &computer.make) && fits("model", &computer.model) && is_variable
    }

    fn restart(&mut self, entry: usize, into: Environment, why: String) -> Result<(), Cause> {
        if !self.is_formatted {
            let why = "the computer has no formatted partition to restart from".to_owned();
            return Err(Cause { why, is_final: true });
        }
        if into == Environment::FullOs && !self.has_system {
            let why =
                "there is no operating system that `Setup Windows and Configuration Manager` has set up".to_owned();
            return Err(Cause { why, is_final: true });
        }
        self.effect(entry, Effect::Restart { into, why });
        self.enter(into);
        Ok(())
    }

    /// Restarts if a step asked for it by variables; whether it is to be run again.
    fn asked_restart(&mut self, entry: usize) -> Result<bool, Cause> {
        let Some(target) = self.variables.get("SMSTSRebootRequested").map(str::to_owned) else { return Ok(false) };
        let is_retry =
            self.variables.get("SMSTSRetryRequested").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        self.variables.set("SMSTSRebootRequested", "");
        self.variables.set("SMSTSRetryRequested", "");
        let into = match target.eq_ignore_ascii_case("WinPE") {
            true => Environment::WindowsPe,
            // It may be asked for in Windows PE before there is a system: the computer then starts Windows PE again.
            false if self.has_system => Environment::FullOs,
            false => self.environment,
        };
        self.restart(entry, into, format!("`SMSTSRebootRequested` is `{target}`"))?;
        Ok(is_retry)
    }

    fn set(&mut self, entry: usize, name: &str, value: &str) {
        self.variables.set(name, value);
        let value = (!value.is_empty()).then(|| value.to_owned());
        self.effect(entry, Effect::Set { name: name.to_owned(), value });
    }

    /// Sets a variable to a text that may name others; with a secret in it, it is one.
    fn set_expanded(&mut self, entry: usize, name: &str, text: &str) -> Result<(), String> {
        if self.variables.takes_hidden(text) {
            self.hide(entry, name);
            return Ok(());
        }
        let value = self.variables.expand(text);
        let n_chars = value.chars().count();
        if n_chars > MAX_VALUE {
            return Err(format!(
                "the value of `{name}` has {n_chars} characters, and {MAX_VALUE} is the most (long-variable-value)"
            ));
        }
        self.set(entry, name, &value);
        Ok(())
    }

    fn hide(&mut self, entry: usize, name: &str) {
        self.variables.hide(name);
        self.effect(entry, Effect::Set { name: name.to_owned(), value: Some(HIDDEN.to_owned()) });
    }

    fn effect(&mut self, entry: usize, effect: Effect) {
        self.entries[entry].effects.push(effect);
    }

    /// What the engine keeps of the last step that ran.
    fn note_end(&mut self, exit_code: i64, is_success: bool) {
        self.variables.set("_SMSTSLastActionRetCode", &exit_code.to_string());
        self.variables.set("_SMSTSLastActionSucceeded", if is_success { "true" } else { "false" });
    }

    fn ends(&mut self, path: &[String], entry: usize, exit_code: Option<i64>) -> Option<Failure> {
        self.note_end(exit_code.unwrap_or(0), true);
        self.variables.set("_SMSTSLastActionName", path.last().map_or("", String::as_str));
        self.entries[entry].outcome = Outcome::Ran { exit_code };
        None
    }

    fn fails(&mut self, path: &[String], entry: usize, cause: Cause) -> Option<Failure> {
        if self.variables.get("_SMSTSLastActionSucceeded") != Some("false") {
            self.note_end(1, false);
        }
        self.variables.set("_SMSTSLastActionName", path.last().map_or("", String::as_str));
        let Cause { why, is_final } = cause;
        self.entries[entry].outcome = Outcome::Failed { why: why.clone(), then: Then::End };
        Some(Failure { step: path.join(" / "), why, entry, is_final })
    }
}

fn wrong_system(needs: Environment, runs: Environment) -> String {
    format!("it runs in {} only, and {} is running", name(needs), name(runs))
}
