//! State of a run: the machine, the variables as far as they are known, and the entries of the trace.

use super::computer::Computer;
use super::conditions::Scene;
use super::machine::Machine;
use super::medium::Medium;
use super::start;
use super::trace::{Doubt, Effect, Entry};
use super::variables::{MayBe, Variables};
use crate::Sequence;
use crate::catalog::{Environment, MAX_VALUE};
use crate::started::Started;

/// State of a run.
pub struct State<'a> {
    pub machine: &'a mut dyn Machine,
    pub medium: &'a Medium,
    pub variables: Variables,
    pub environment: Environment,
    /// The system that ran at the start still runs.
    pub is_first_system: bool,
    /// There is a partition that the computer can restart from (R119).
    pub is_formatted: bool,
    /// What was staged on the disk is still there, on prestaged media.
    pub is_staged: bool,
    /// An operating system was applied to the disk.
    pub is_applied: bool,
    /// Name of the last program that may have done more to the disk than the facts say.
    pub program: Option<String>,
    /// The computer can start a full operating system.
    pub has_system: bool,
    pub is_uefi: bool,
    pub is_domain_member: bool,
    pub entries: Vec<Entry>,
    /// Names of the variables that the facts give a value, in lower case.
    given: Vec<String>,
}

/// Reason of a failure.
pub struct Cause {
    pub why: String,
    /// The exit code, if it is known.
    pub exit_code: Option<i64>,
    /// It ends every sequence, whatever continues on error.
    pub is_final: bool,
}

impl From<String> for Cause {
    fn from(why: String) -> Self {
        Self { why, exit_code: None, is_final: false }
    }
}

impl Cause {
    /// A failure that no group can stop.
    pub fn last(why: impl Into<String>) -> Self {
        Self { why: why.into(), exit_code: None, is_final: true }
    }
}

impl<'a> State<'a> {
    /// State before the first step.
    pub fn new(sequence: &Sequence, machine: &'a mut dyn Machine, medium: &'a Medium) -> Self {
        let start = machine.start();
        let computer = machine.computer();
        let variables = start::variables(sequence, &start, &computer, medium);
        // Capture media are for a machine that runs: its Windows has to be prepared.
        let is_running = matches!(medium.started, Started::Client | Started::Capture);
        let usual = if is_running { Environment::FullOs } else { Environment::WindowsPe };
        let starts_full = start.environment.unwrap_or(usual) == Environment::FullOs;
        let mut state = Self {
            machine,
            medium,
            variables,
            environment: Environment::Any,
            is_first_system: true,
            // A prestaged medium is on the disk itself.
            is_formatted: start.is_formatted || starts_full || medium.started == Started::Prestaged,
            is_staged: true,
            is_applied: false,
            program: None,
            has_system: starts_full,
            is_uefi: start.is_uefi,
            is_domain_member: start.is_domain_member,
            entries: Vec::new(),
            given: start.variables.iter().map(|(name, _)| name.to_lowercase()).collect(),
        };
        state.enter(if starts_full { Environment::FullOs } else { Environment::WindowsPe });
        state
    }

    /// What conditions are evaluated on.
    pub fn scene(&self) -> Scene<'_> {
        Scene { machine: &*self.machine, variables: &self.variables, is_first_system: self.is_first_system }
    }

    /// The computer.
    pub fn computer(&self) -> Computer {
        self.machine.computer()
    }

    /// Another system runs from here on.
    fn enter(&mut self, environment: Environment) {
        self.environment = environment;
        let is_pe = environment == Environment::WindowsPe;
        self.variables.set("_SMSTSInWinPE", if is_pe { "true" } else { "false" });
    }

    /// Returns true if the running system is one that a step needs.
    pub fn is_in(&self, needs: Environment) -> bool {
        needs == Environment::Any || needs == self.environment
    }

    /// Requires something of the disk that the sequence itself did not bring about. A program may have done so; the run
    /// goes on as if it had.
    pub fn require(&mut self, entry: usize, is_so: bool, what: &str, otherwise: &str) -> Result<(), Cause> {
        match (is_so, &self.program) {
            (true, _) => Ok(()),
            (false, Some(program)) => {
                let why = format!("it is not known whether {what}; `{program}` may have seen to it");
                self.effect(entry, Effect::Open { why, of: Doubt::Rest });
                Ok(())
            }
            (false, None) => Err(Cause::last(otherwise)),
        }
    }

    /// Restarts the computer.
    pub fn restart(&mut self, entry: usize, into: Environment, why: String) -> Result<(), Cause> {
        let otherwise = "the computer has no formatted partition to restart from";
        self.require(entry, self.is_formatted, "there is a partition to restart from", otherwise)?;
        if into == Environment::FullOs {
            let otherwise = "there is no operating system that `Setup Windows and Configuration Manager` has set up";
            self.require(entry, self.has_system, "there is an operating system to start", otherwise)?;
        }
        // A restart that is taken to work proves what it needs.
        self.is_formatted = true;
        self.has_system |= into == Environment::FullOs;
        self.is_first_system &= self.environment == into;
        self.effect(entry, Effect::Restart { into, why });
        self.enter(into);
        Ok(())
    }

    /// Sets a variable.
    pub fn set(&mut self, entry: usize, name: &str, value: &str) {
        self.variables.set(name, value);
        let value = (!value.is_empty()).then(|| value.to_owned());
        self.effect(entry, Effect::Set { name: name.to_owned(), value });
    }

    /// Sets a variable to a text that may name others: to a secret with a secret in it, to an unknown value with an
    /// unknown one.
    pub fn set_expanded(&mut self, entry: usize, name: &str, text: &str) -> Result<(), String> {
        let expanded = self.variables.expand(text);
        match expanded.unknown {
            Some(_) if expanded.is_secret => self.hide(entry, name),
            Some(why) => {
                let is_more = text.matches('%').count() != 2 || !text.starts_with('%') || !text.ends_with('%');
                self.forget(entry, name, if is_more { MayBe::Present } else { MayBe::Anything }, why);
            }
            None => {
                let n_chars = expanded.text.chars().count();
                if n_chars > MAX_VALUE {
                    return Err(format!(
                        "the value of `{name}` has {n_chars} characters, and {MAX_VALUE} is the most (long-variable-value)"
                    ));
                }
                self.set(entry, name, &expanded.text);
            }
        }
        Ok(())
    }

    /// Sets a variable to a secret.
    pub fn hide(&mut self, entry: usize, name: &str) {
        self.variables.hide(name);
        self.effect(entry, Effect::Set { name: name.to_owned(), value: Some(super::variables::HIDDEN.to_owned()) });
    }

    /// Makes the value of a variable unknown.
    pub fn forget(&mut self, entry: usize, name: &str, may_be: MayBe, why: String) {
        self.variables.forget(name, may_be, why.clone());
        self.effect(entry, Effect::Forget { name: name.to_owned(), why });
    }

    /// Sets a read-only variable from a fact. What the facts say of the variable itself stays.
    pub fn set_from_fact(&mut self, entry: usize, name: &str, value: Option<String>, fact: &str) {
        if self.given.contains(&name.to_lowercase()) {
            return;
        }
        match value {
            Some(value) => self.set(entry, name, &value),
            None => self.variables.forget(name, MayBe::Anything, format!("`{name}` is not known; add `{fact}`")),
        }
    }

    /// Adds an effect to an entry.
    pub fn effect(&mut self, entry: usize, effect: Effect) {
        self.entries[entry].effects.push(effect);
    }

    /// Notes how the last step ended.
    pub fn note_end(&mut self, name: &str, exit_code: Option<i64>, is_success: bool) {
        let code = "_SMSTSLastActionRetCode";
        match exit_code {
            Some(exit_code) => self.variables.set(code, &exit_code.to_string()),
            None => {
                let why = format!("the exit code with which `{name}` failed is not known");
                self.variables.leave_open(code, MayBe::Not("0".into()), why);
            }
        }
        self.variables.set("_SMSTSLastActionSucceeded", if is_success { "true" } else { "false" });
        self.variables.set("_SMSTSLastActionName", name);
    }
}
