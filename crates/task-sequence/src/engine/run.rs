//! Goes through a sequence step by step.

use std::collections::{BTreeMap, BTreeSet};

use super::conditions::{Why, unmet};
use super::content::lacks_content;
use super::machine::{Ending, Machine};
use super::medium::Medium;
use super::readiness::set_checks;
use super::state::{Cause, State};
use super::trace::{Doubt, Effect, End, Entry, Outcome, Then, Trace, name};
use super::work::work;
use crate::catalog::Environment;
use crate::{Action, Body, Sequence, Step, said_exit_code};

/// Exit code that asks for a restart (`ERROR_SUCCESS_REBOOT_REQUIRED`).
const RESTART: i64 = 3010;
/// Most times that one step may ask to be run again.
const MAX_RUNS: usize = 100;

/// Runs a sequence from a medium on a machine. Of the steps whose conditions are not known, those that are `taken` run;
/// they are named by their places in [`Sequence::walk`].
pub fn run_once(sequence: &Sequence, machine: &mut dyn Machine, medium: &Medium, taken: &BTreeSet<usize>) -> Trace {
    let walk = sequence.walk();
    let places = walk.iter().enumerate().map(|(place, (_, step))| (std::ptr::from_ref(*step), place)).collect();
    let mut run = Run { state: State::new(sequence, machine, medium), places, taken };
    let failure = run.steps(&sequence.steps, &mut Vec::new());
    let end = match failure {
        Some(failure) => End::Failure { step: failure.step, why: failure.why },
        None => End::Success,
    };
    let State { entries, variables, environment, .. } = run.state;
    Trace { entries, end, variables, environment, alternatives: Vec::new(), n_unexplored: 0 }
}

struct Run<'a> {
    state: State<'a>,
    /// Places of steps in the sequence.
    places: BTreeMap<*const Step, usize>,
    taken: &'a BTreeSet<usize>,
}

/// A failure on its way up.
struct Failure {
    step: String,
    why: String,
    /// The entry that says it.
    entry: usize,
    /// No group can stop it.
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
            if failure.is_final || !step.continues_on_error {
                return Some(failure);
            }
            let then = match step.body {
                Body::Group(_) => Then::Behind(step.name.clone()),
                Body::Action(_) | Body::Foreign(_) => Then::Next,
            };
            if let Outcome::Failed { then: known, .. } = &mut self.state.entries[failure.entry].outcome {
                *known = then;
            }
        }
        None
    }

    fn step(&mut self, step: &Step, path: &[String]) -> Option<Failure> {
        let place = self.places.get(&std::ptr::from_ref(step)).copied().unwrap_or_default();
        let mut open = None;
        let outcome = match &step.condition {
            _ if step.is_disabled => Outcome::Skipped("it is disabled".to_owned()),
            Some(condition) => match unmet(condition, self.state.scene()) {
                Some(Why::Not(why)) => Outcome::Skipped(why),
                Some(Why::Unknown(why)) if self.taken.contains(&place) => {
                    open = Some(why);
                    Outcome::Ran { exit_code: None }
                }
                Some(Why::Unknown(why)) => Outcome::Unknown(why),
                None => Outcome::Ran { exit_code: None },
            },
            None => Outcome::Ran { exit_code: None },
        };
        let runs = matches!(outcome, Outcome::Ran { .. });
        let entry = self.state.entries.len();
        let is_group = matches!(step.body, Body::Group(_));
        self.state.entries.push(Entry {
            step: place,
            path: path.to_vec(),
            is_group,
            environment: self.state.environment,
            outcome,
            effects: open.into_iter().map(|why| Effect::Open { why, of: Doubt::Rest }).collect(),
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
                false => self.fails(path, entry, wrong_system(foreign.environment, self.state.environment).into()),
            },
        }
    }

    /// Runs a step of the catalog, again as often as it may be.
    fn action(&mut self, action: &Action, path: &[String], entry: usize) -> Option<Failure> {
        let needs = action.kind.environment;
        if !self.state.is_in(needs) {
            return self.fails(path, entry, wrong_system(needs, self.state.environment).into());
        }
        if let Some(why) = lacks_content(&mut self.state, action, entry) {
            return self.fails(path, entry, why.into());
        }
        let mut n_retries = action.retries.unwrap_or(0);
        for _ in 0..MAX_RUNS {
            let ending = self.state.machine.run(path, Some(action), &self.state.variables);
            let exit_code = self.exit_code(action, ending.as_ref(), entry);
            let codes = action.success_codes();
            if !codes.contains(&exit_code) {
                if action.is("check-readiness") {
                    set_checks(&mut self.state, action, entry);
                }
                self.set_from(ending.as_ref(), entry);
                if n_retries > 0 {
                    n_retries -= 1;
                    self.state.effect(entry, Effect::Retry { why: format!("exit code {exit_code}") });
                    continue;
                }
                return self.fails(path, entry, unsuccessful(exit_code, codes, action.is("setup-windows")));
            }
            if let Err(cause) = work(&mut self.state, action, entry) {
                return self.fails(path, entry, cause);
            }
            if let (true, Some(code)) =
                (action.is("upgrade-operating-system"), ending.as_ref().and_then(|ending| ending.exit_code))
            {
                // Windows Setup counts without a sign: 0xC1900210 is 3247440400.
                let code = (code & 0xffff_ffff).to_string();
                self.state.variables.set("_SMSTSOSUpgradeActionReturnCode", &code);
            }
            // Facts about a step take precedence over what steps of its type leave behind.
            self.set_from(ending.as_ref(), entry);
            let command = action.text("command-line").unwrap_or_default();
            let is_program = ["run-command-line", "run-powershell-script", "run-task-sequence"];
            if is_program.contains(&action.kind.name) && said_exit_code(command).is_none() {
                self.note_program(path);
            }
            if action.is("run-task-sequence") && ending.is_none() {
                self.open_world(entry, "the steps of the other sequence are not run");
            }
            if exit_code == RESTART {
                let same = self.state.environment;
                if let Err(cause) = self.state.restart(entry, same, "exit code 3010".into()) {
                    return self.fails(path, entry, cause);
                }
            }
            match self.asked_restart(entry) {
                Ok(true) => self.state.effect(entry, Effect::Retry { why: "`SMSTSRetryRequested`".into() }),
                Ok(false) => return self.ends(path, entry, ending.map(|_| exit_code)),
                Err(cause) => return self.fails(path, entry, cause),
            }
        }
        self.fails(path, entry, format!("it asked {MAX_RUNS} times to be run again").into())
    }

    /// Runs a step of a class that is not in the catalog: it does what the facts say.
    fn foreign(&mut self, path: &[String], entry: usize) -> Option<Failure> {
        const SUCCESS: [i64; 2] = [0, RESTART];
        let ending = self.state.machine.run(path, None, &self.state.variables);
        let is_open = ending.is_none();
        self.set_from(ending.as_ref(), entry);
        let exit_code = ending.and_then(|ending| ending.exit_code);
        if let Some(exit_code) = exit_code.filter(|exit_code| !SUCCESS.contains(exit_code)) {
            return self.fails(path, entry, unsuccessful(exit_code, &SUCCESS, false));
        }
        self.note_program(path);
        if is_open {
            self.open_world(entry, "what a step of this class does is not known here");
        }
        match self.asked_restart(entry) {
            Ok(_) => self.ends(path, entry, exit_code),
            Err(cause) => self.fails(path, entry, cause),
        }
    }

    /// Notes a step that may set any variable, as long as the facts say nothing of it.
    fn open_world(&mut self, entry: usize, why: &str) {
        let name = self.state.entries[entry].name().to_owned();
        self.state
            .variables
            .open_world(format!("`{name}` may set it; add a `[[step]]` for `{name}` with what it `sets`"));
        let why = format!("{why}; add a `[[step]]` with what it `sets`");
        self.state.effect(entry, Effect::Open { why, of: Doubt::Rest });
    }

    /// Notes a program that may have done to the disk what no fact says.
    fn note_program(&mut self, path: &[String]) {
        if self.state.environment == Environment::WindowsPe {
            self.state.program = path.last().cloned();
        }
    }

    fn set_from(&mut self, ending: Option<&Ending>, entry: usize) {
        for (name, value) in ending.iter().flat_map(|ending| &ending.sets) {
            let is_it = |effect: &Effect| matches!(effect, Effect::Forget { name: other, .. } if other.eq_ignore_ascii_case(name));
            self.state.entries[entry].effects.retain(|effect| !is_it(effect));
            self.state.set(entry, name, value);
        }
    }

    /// Exit code of a run: the machine's, that of the command line itself, or a success.
    fn exit_code(&mut self, action: &Action, ending: Option<&Ending>, entry: usize) -> i64 {
        if let Some(exit_code) = ending.and_then(|ending| ending.exit_code) {
            return exit_code;
        }
        let Some(command) = action.text("command-line").filter(|_| action.is("run-command-line")) else { return 0 };
        let expanded = self.state.variables.expand(command);
        if let (Some(why), true) = (expanded.unknown, is_exit(command)) {
            let why = format!("its exit code is not known: {why}");
            self.state.effect(entry, Effect::Open { why, of: Doubt::End });
            return 0;
        }
        said_exit_code(&expanded.text).unwrap_or(0)
    }

    /// Restarts if a step asked for it by variables. Returns true if it is to be run again.
    fn asked_restart(&mut self, entry: usize) -> Result<bool, Cause> {
        let variables = &mut self.state.variables;
        let Some(target) = variables.get("SMSTSRebootRequested").map(str::to_owned) else { return Ok(false) };
        let is_retry = variables.get("SMSTSRetryRequested").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        variables.set("SMSTSRebootRequested", "");
        variables.set("SMSTSRetryRequested", "");
        let into = match target.eq_ignore_ascii_case("WinPE") {
            true => Environment::WindowsPe,
            // It may be asked for in Windows PE before there is a system: the computer then starts Windows PE again.
            false if self.state.has_system => Environment::FullOs,
            false => self.state.environment,
        };
        self.state.restart(entry, into, format!("`SMSTSRebootRequested` is `{target}`"))?;
        Ok(is_retry)
    }

    fn ends(&mut self, path: &[String], entry: usize, exit_code: Option<i64>) -> Option<Failure> {
        self.state.note_end(path.last().map_or("", String::as_str), Some(exit_code.unwrap_or(0)), true);
        self.state.entries[entry].outcome = Outcome::Ran { exit_code };
        None
    }

    fn fails(&mut self, path: &[String], entry: usize, cause: Cause) -> Option<Failure> {
        let Cause { why, exit_code, is_final } = cause;
        self.state.note_end(path.last().map_or("", String::as_str), exit_code, false);
        self.state.entries[entry].outcome = Outcome::Failed { why: why.clone(), then: Then::End };
        Some(Failure { step: path.join(" / "), why, entry, is_final })
    }
}

/// Returns true if a command line does nothing but end with an exit code.
fn is_exit(command: &str) -> bool {
    command.to_lowercase().split_whitespace().any(|word| word == "exit")
}

/// Failure by an exit code that is not a success.
fn unsuccessful(exit_code: i64, codes: &[i64], is_final: bool) -> Cause {
    let list = codes.iter().map(i64::to_string).collect::<Vec<_>>().join(" and ");
    let are = if codes.len() == 1 { "is" } else { "are" };
    let why = format!("exit code {exit_code}, where {list} {are} a success");
    Cause { why, exit_code: Some(exit_code), is_final }
}

fn wrong_system(needs: Environment, runs: Environment) -> String {
    format!("it runs in {} only, and {} is running", name(needs), name(runs))
}
