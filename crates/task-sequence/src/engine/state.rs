//! State of a run: the machine, the known variables, and the entries of the trace.

use super::computer::Computer;
use super::conditions::EvaluationContext;
use super::machine::Machine;
use super::medium::Medium;
use super::start;
use super::trace::{Effect, TraceEntry, Uncertainty};
use super::variables::{PossibleValues, Variables};
use crate::Sequence;
use crate::catalog::{Environment, MAX_VALUE};
use crate::start_source::StartSource;

/// State of a run.
pub struct RunState<'a> {
    pub machine: &'a mut dyn Machine,
    pub medium: &'a Medium,
    pub variables: Variables,
    pub environment: Environment,
    /// Tells whether the system of the start is still running.
    pub is_first_system: bool,
    /// Tells whether there is a partition that the computer can restart from (R119).
    pub is_formatted: bool,
    /// Tells whether the staged content of a prestaged medium is still on the disk.
    pub is_staged: bool,
    /// Tells whether an operating system was applied to the disk.
    pub is_applied: bool,
    /// Name of the last program that may have changed the disk in ways that no fact tells.
    pub program: Option<String>,
    /// Tells whether the computer can start a full operating system.
    pub has_system: bool,
    pub is_uefi: bool,
    pub is_domain_member: bool,
    pub entries: Vec<TraceEntry>,
    /// Names of the variables that the facts set, in lower case.
    given: Vec<String>,
}

/// Cause of a failure.
pub struct FailureCause {
    pub why: String,
    /// Exit code, if it is known.
    pub exit_code: Option<i64>,
    /// Ends the sequence regardless of continue-on-error.
    pub is_final: bool,
}

impl From<String> for FailureCause {
    fn from(why: String) -> Self {
        Self { why, exit_code: None, is_final: false }
    }
}

impl FailureCause {
    /// Creates the cause of a failure that no group can catch.
    pub fn fatal(why: impl Into<String>) -> Self {
        Self { why: why.into(), exit_code: None, is_final: true }
    }
}

impl<'a> RunState<'a> {
    /// Creates the state before the first step.
    pub fn new(sequence: &Sequence, machine: &'a mut dyn Machine, medium: &'a Medium) -> Self {
        let start = machine.start();
        let computer = machine.computer();
        let variables = start::initial_variables(sequence, &start, &computer, medium);
        // Capture media are started in the running Windows, which has to be prepared.
        let is_running = matches!(medium.source, StartSource::Client | StartSource::Capture);
        let default = if is_running { Environment::FullOs } else { Environment::WindowsPe };
        let starts_full = start.environment.unwrap_or(default) == Environment::FullOs;
        let mut state = Self {
            machine,
            medium,
            variables,
            environment: Environment::Any,
            is_first_system: true,
            // A prestaged medium is on a formatted disk itself.
            is_formatted: start.is_formatted || starts_full || medium.source == StartSource::Prestaged,
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

    /// Returns the context for evaluating conditions.
    pub fn context(&self) -> EvaluationContext<'_> {
        EvaluationContext { machine: &*self.machine, variables: &self.variables, is_first_system: self.is_first_system }
    }

    /// Returns facts about the computer.
    pub fn computer(&self) -> Computer {
        self.machine.computer()
    }

    /// Continues in another system.
    fn enter(&mut self, environment: Environment) {
        self.environment = environment;
        let is_pe = environment == Environment::WindowsPe;
        self.variables.set("_SMSTSInWinPE", if is_pe { "true" } else { "false" });
    }

    /// Returns `true` if a step that needs this environment can run in the current system.
    pub fn is_in(&self, needs: Environment) -> bool {
        needs == Environment::Any || needs == self.environment
    }

    /// Requires a state of the disk.
    ///
    /// If it is not reached, a previous program may have brought it about; the run then continues
    /// as if it had.
    pub fn require(&mut self, entry: usize, is_so: bool, what: &str, otherwise: &str) -> Result<(), FailureCause> {
        match (is_so, &self.program) {
            (true, _) => Ok(()),
            (false, Some(program)) => {
                let why = format!("whether {what} is not known; `{program}` may have done it");
                self.effect(entry, Effect::Open { why, of: Uncertainty::Rest });
                Ok(())
            }
            (false, None) => Err(FailureCause::fatal(otherwise)),
        }
    }

    /// Restarts the computer.
    pub fn restart(&mut self, entry: usize, into: Environment, why: String) -> Result<(), FailureCause> {
        let otherwise = "the computer has no formatted partition to restart from";
        self.require(entry, self.is_formatted, "there is a partition to restart from", otherwise)?;
        if into == Environment::FullOs {
            let otherwise = "no operating system has been set up by `Setup Windows and Configuration Manager`";
            self.require(entry, self.has_system, "there is an operating system to start", otherwise)?;
        }
        // A restart that is assumed to work implies what it needs, so that it is not reported again.
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

    /// Sets a variable to a text with variables.
    ///
    /// The result is a secret if the text contains one, and unknown if it contains an unknown
    /// value.
    pub fn set_expanded(&mut self, entry: usize, name: &str, text: &str) -> Result<(), String> {
        let expanded = self.variables.expand(text);
        match expanded.unknown {
            Some(_) if expanded.is_secret => self.hide(entry, name),
            Some(why) => {
                // A text with anything besides the unknown variable is not empty, so the variable is certainly
                // set.
                let is_more = text.matches('%').count() != 2 || !text.starts_with('%') || !text.ends_with('%');
                self.forget(entry, name, if is_more { PossibleValues::Present } else { PossibleValues::Anything }, why);
            }
            None => {
                let n_chars = expanded.text.chars().count();
                if n_chars > MAX_VALUE {
                    return Err(format!(
                        "the value of `{name}` has {n_chars} characters; at most {MAX_VALUE} are allowed (long-variable-value)"
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
    pub fn forget(&mut self, entry: usize, name: &str, may_be: PossibleValues, why: String) {
        self.variables.forget(name, may_be, why.clone());
        self.effect(entry, Effect::Forget { name: name.to_owned(), why });
    }

    /// Sets a read-only variable from a fact, unless the facts set the variable itself.
    pub fn set_from_fact(&mut self, entry: usize, name: &str, value: Option<String>, fact: &str) {
        if self.given.contains(&name.to_lowercase()) {
            return;
        }
        match value {
            Some(value) => self.set(entry, name, &value),
            None => {
                self.variables.forget(name, PossibleValues::Anything, format!("`{name}` is not known; add `{fact}`"))
            }
        }
    }

    /// Adds an effect to an entry.
    pub fn effect(&mut self, entry: usize, effect: Effect) {
        self.entries[entry].effects.push(effect);
    }

    /// Records the result of the last step in its variables.
    pub fn record_result(&mut self, name: &str, exit_code: Option<i64>, is_success: bool) {
        let code = "_SMSTSLastActionRetCode";
        match exit_code {
            Some(exit_code) => self.variables.set(code, &exit_code.to_string()),
            None => {
                let why = format!("the exit code of the failed step `{name}` is not known");
                self.variables.leave_open(code, PossibleValues::Not("0".into()), why);
            }
        }
        self.variables.set("_SMSTSLastActionSucceeded", if is_success { "true" } else { "false" });
        self.variables.set("_SMSTSLastActionName", name);
    }
}
