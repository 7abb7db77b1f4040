//! Single run through a sequence, step by step.

use std::collections::{BTreeMap, BTreeSet};

use super::actions::perform;
use super::conditions::{UnmetReason, unmet};
use super::content::find_missing_content;
use super::machine::{Machine, ProgramResult};
use super::medium::Medium;
use super::readiness::set_checks;
use super::state::{FailureCause, RunState};
use super::trace::{AfterFailure, Effect, Outcome, SequenceEnd, Trace, TraceEntry, Uncertainty, environment_name};
use crate::catalog::Environment;
use crate::{Action, Body, Sequence, Step, literal_exit_code};

/// Exit code that requests a restart (`ERROR_SUCCESS_REBOOT_REQUIRED`).
const RESTART: i64 = 3010;
/// Maximum number of times that one step may request to be run again.
const MAX_RUNS: usize = 100;

/// Runs a sequence from a medium on a machine.
///
/// Of the steps with unknown conditions, only those in `taken` run, given by their indexes in
/// [`Sequence::walk`].
pub fn run_once(sequence: &Sequence, machine: &mut dyn Machine, medium: &Medium, taken: &BTreeSet<usize>) -> Trace {
    let walk = sequence.walk();
    let indexes = walk.iter().enumerate().map(|(place, (_, step))| (std::ptr::from_ref(*step), place)).collect();
    let mut run = Run { state: RunState::new(sequence, machine, medium), indexes, taken };
    let failure = run.steps(&sequence.steps, &mut Vec::new());
    let end = match failure {
        Some(failure) => SequenceEnd::Failure { step: failure.step, why: failure.why },
        None => SequenceEnd::Success,
    };
    let RunState { entries, variables, environment, .. } = run.state;
    Trace { entries, end, variables, environment, alternatives: Vec::new(), n_unexplored: 0 }
}

struct Run<'a> {
    state: RunState<'a>,
    /// Indexes of steps in the sequence.
    indexes: BTreeMap<*const Step, usize>,
    taken: &'a BTreeSet<usize>,
}

/// Failure that propagates to the groups around a step.
struct Failure {
    step: String,
    why: String,
    /// Index of the entry to update when the failure is caught.
    entry: usize,
    /// Prevents groups from catching the failure.
    is_final: bool,
}

impl Run<'_> {
    /// Runs steps until one fails that does not continue on error.
    fn steps(&mut self, steps: &[Step], around: &mut Vec<String>) -> Option<Failure> {
        for step in steps {
            around.push(step.name.clone());
            let failure = self.step(step, around);
            around.pop();
            let Some(failure) = failure else { continue };
            // The failure propagates to the group around the step.
            if failure.is_final || !step.continues_on_error {
                return Some(failure);
            }
            let then = match step.body {
                Body::Group(_) => AfterFailure::AfterGroup(step.name.clone()),
                Body::Action(_) | Body::Foreign(_) => AfterFailure::Next,
            };
            // The entry was written when the step failed, before it was known which group would catch it.
            if let Outcome::Failed { then: known, .. } = &mut self.state.entries[failure.entry].outcome {
                *known = then;
            }
        }
        None
    }

    fn step(&mut self, step: &Step, path: &[String]) -> Option<Failure> {
        let place = self.indexes.get(&std::ptr::from_ref(step)).copied().unwrap_or_default();
        let mut open = None;
        let outcome = match &step.condition {
            _ if step.is_disabled => Outcome::Skipped("disabled".to_owned()),
            Some(condition) => match unmet(condition, self.state.context()) {
                Some(UnmetReason::Not(why)) => Outcome::Skipped(why),
                Some(UnmetReason::Unknown(why)) if self.taken.contains(&place) => {
                    open = Some(why);
                    Outcome::Ran { exit_code: None }
                }
                Some(UnmetReason::Unknown(why)) => Outcome::Unknown(why),
                None => Outcome::Ran { exit_code: None },
            },
            None => Outcome::Ran { exit_code: None },
        };
        let runs = matches!(outcome, Outcome::Ran { .. });
        let entry = self.state.entries.len();
        let is_group = matches!(step.body, Body::Group(_));
        self.state.entries.push(TraceEntry {
            step: place,
            path: path.to_vec(),
            is_group,
            environment: self.state.environment,
            outcome,
            effects: open.into_iter().map(|why| Effect::Open { why, of: Uncertainty::Rest }).collect(),
        });
        if !runs {
            return None;
        }
        if !is_group {
            self.state.variables.set("_SMSTSCurrentActionName", &step.name);
        }
        match &step.body {
            Body::Group(steps) => self.steps(steps, &mut path.to_vec()),
            Body::Action(action) => self.action(action, path, entry),
            Body::Foreign(foreign) => match self.state.is_in(foreign.environment) {
                true => self.foreign(path, entry),
                false => self.fail(path, entry, wrong_system(foreign.environment, self.state.environment).into()),
            },
        }
    }

    /// Runs a step of the catalog, repeatedly if it is retried.
    fn action(&mut self, action: &Action, path: &[String], entry: usize) -> Option<Failure> {
        let needs = action.kind.environment;
        if !self.state.is_in(needs) {
            return self.fail(path, entry, wrong_system(needs, self.state.environment).into());
        }
        if let Some(why) = find_missing_content(&mut self.state, action, entry) {
            return self.fail(path, entry, why.into());
        }
        let mut n_retries = action.retries.unwrap_or(0);
        for _ in 0..MAX_RUNS {
            let ending = self.state.machine.run(path, Some(action), &self.state.variables);
            let exit_code = self.exit_code(action, ending.as_ref(), entry);
            let codes = action.success_codes();
            if !codes.contains(&exit_code) {
                if action.is("check-readiness") {
                    // The facts decide the exit code, but the variables still follow from the checks.
                    set_checks(&mut self.state, action, entry);
                }
                self.set_from(ending.as_ref(), entry);
                if n_retries > 0 {
                    n_retries -= 1;
                    self.state.effect(entry, Effect::Retry { why: format!("exit code {exit_code}") });
                    continue;
                }
                return self.fail(path, entry, unsuccessful(exit_code, codes, action.is("setup-windows")));
            }
            if let Err(cause) = perform(&mut self.state, action, entry) {
                return self.fail(path, entry, cause);
            }
            if let (true, Some(code)) =
                (action.is("upgrade-operating-system"), ending.as_ref().and_then(|ending| ending.exit_code))
            {
                // The variable holds an unsigned number: 0xC1900210 is 3247440400.
                let code = (code & 0xffff_ffff).to_string();
                self.state.variables.set("_SMSTSOSUpgradeActionReturnCode", &code);
            }
            // Facts about a step take precedence over the usual effects of its type.
            self.set_from(ending.as_ref(), entry);
            let command = action.text("command-line").unwrap_or_default();
            // A program in Windows PE may have partitioned the disk, so later steps that need a partition are
            // not failed.
            let is_program = ["run-command-line", "run-powershell-script", "run-task-sequence"];
            if is_program.contains(&action.kind.name) && literal_exit_code(command).is_none() {
                self.note_program(path);
            }
            if action.is("run-task-sequence") && ending.is_none() {
                self.open_world(entry, "the steps of the child task sequence are not run");
            }
            if exit_code == RESTART {
                let same = self.state.environment;
                if let Err(cause) = self.state.restart(entry, same, "exit code 3010".into()) {
                    return self.fail(path, entry, cause);
                }
            }
            match self.handle_restart_request(entry) {
                Ok(true) => self.state.effect(entry, Effect::Retry { why: "`SMSTSRetryRequested`".into() }),
                Ok(false) => return self.succeed(path, entry, ending.map(|_| exit_code)),
                Err(cause) => return self.fail(path, entry, cause),
            }
        }
        self.fail(path, entry, format!("the step requested {MAX_RUNS} times to be run again").into())
    }

    /// Runs a step of a class that is not in the catalog. Its effects are those in the facts.
    fn foreign(&mut self, path: &[String], entry: usize) -> Option<Failure> {
        const SUCCESS: [i64; 2] = [0, RESTART];
        let ending = self.state.machine.run(path, None, &self.state.variables);
        let is_open = ending.is_none();
        self.set_from(ending.as_ref(), entry);
        let exit_code = ending.and_then(|ending| ending.exit_code);
        if let Some(exit_code) = exit_code.filter(|exit_code| !SUCCESS.contains(exit_code)) {
            return self.fail(path, entry, unsuccessful(exit_code, &SUCCESS, false));
        }
        self.note_program(path);
        if is_open {
            self.open_world(entry, "the effects of steps of this class are not known");
        }
        match self.handle_restart_request(entry) {
            Ok(_) => self.succeed(path, entry, exit_code),
            Err(cause) => self.fail(path, entry, cause),
        }
    }

    /// Records a step that may set any variable, unless the facts list its effects.
    fn open_world(&mut self, entry: usize, why: &str) {
        let name = self.state.entries[entry].name().to_owned();
        self.state
            .variables
            .open_world(format!("`{name}` may set it; add a `[[step]]` for `{name}` with what it `sets`"));
        let why = format!("{why}; add a `[[step]]` with what it `sets`");
        self.state.effect(entry, Effect::Open { why, of: Uncertainty::Rest });
    }

    /// Records a program that may have changed the disk in ways that no fact tells.
    fn note_program(&mut self, path: &[String]) {
        if self.state.environment == Environment::WindowsPe {
            self.state.program = path.last().cloned();
        }
    }

    fn set_from(&mut self, ending: Option<&ProgramResult>, entry: usize) {
        for (name, value) in ending.iter().flat_map(|ending| &ending.sets) {
            // The fact replaces the unknown value that the step's usual effect left.
            let is_it = |effect: &Effect| matches!(effect, Effect::Forget { name: other, .. } if other.eq_ignore_ascii_case(name));
            self.state.entries[entry].effects.retain(|effect| !is_it(effect));
            self.state.set(entry, name, value);
        }
    }

    /// Returns the exit code: that of the facts, the one written in the command line, or 0.
    fn exit_code(&mut self, action: &Action, ending: Option<&ProgramResult>, entry: usize) -> i64 {
        if let Some(exit_code) = ending.and_then(|ending| ending.exit_code) {
            return exit_code;
        }
        let Some(command) = action.text("command-line").filter(|_| action.is("run-command-line")) else { return 0 };
        let expanded = self.state.variables.expand(command);
        if let (Some(why), true) = (expanded.unknown, has_exit(command)) {
            let why = format!("the exit code is not known: {why}");
            self.state.effect(entry, Effect::Open { why, of: Uncertainty::End });
            return 0;
        }
        literal_exit_code(&expanded.text).unwrap_or(0)
    }

    /// Restarts if the step requested it by variables. Returns `true` if the step has to be run
    /// again.
    fn handle_restart_request(&mut self, entry: usize) -> Result<bool, FailureCause> {
        let variables = &mut self.state.variables;
        let Some(target) = variables.get("SMSTSRebootRequested").map(str::to_owned) else { return Ok(false) };
        let is_retry = variables.get("SMSTSRetryRequested").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        // The engine resets both variables before it restarts.
        variables.set("SMSTSRebootRequested", "");
        variables.set("SMSTSRetryRequested", "");
        let into = match target.eq_ignore_ascii_case("WinPE") {
            true => Environment::WindowsPe,
            // Without an installed system the computer starts Windows PE again.
            false if self.state.has_system => Environment::FullOs,
            false => self.state.environment,
        };
        self.state.restart(entry, into, format!("`SMSTSRebootRequested` is `{target}`"))?;
        Ok(is_retry)
    }

    fn succeed(&mut self, path: &[String], entry: usize, exit_code: Option<i64>) -> Option<Failure> {
        self.state.record_result(path.last().map_or("", String::as_str), Some(exit_code.unwrap_or(0)), true);
        self.state.entries[entry].outcome = Outcome::Ran { exit_code };
        None
    }

    fn fail(&mut self, path: &[String], entry: usize, cause: FailureCause) -> Option<Failure> {
        let FailureCause { why, exit_code, is_final } = cause;
        self.state.record_result(path.last().map_or("", String::as_str), exit_code, false);
        self.state.entries[entry].outcome = Outcome::Failed { why: why.clone(), then: AfterFailure::End };
        Some(Failure { step: path.join(" / "), why, entry, is_final })
    }
}

/// Returns `true` if a command line contains `exit`.
fn has_exit(command: &str) -> bool {
    command.to_lowercase().split_whitespace().any(|word| word == "exit")
}

/// Returns the failure of an exit code that does not count as success.
fn unsuccessful(exit_code: i64, codes: &[i64], is_final: bool) -> FailureCause {
    let list = codes.iter().map(i64::to_string).collect::<Vec<_>>().join(" and ");
    let codes = if codes.len() == 1 { "code is" } else { "codes are" };
    let why = format!("exit code {exit_code}; the success {codes} {list}");
    FailureCause { why, exit_code: Some(exit_code), is_final }
}

fn wrong_system(needs: Environment, runs: Environment) -> String {
    format!("the step runs only in {}, but {} is running", environment_name(needs), environment_name(runs))
}
