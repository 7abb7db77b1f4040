//! Reachability of steps, derived from everything that is known before a task sequence runs.
//!
//! For each step, a few worlds ([`World`]) describe the possible states: the running system
//! (Windows PE or the full operating system), the disk, and known variables. A condition with an
//! unknown result splits a world in two. This finds conditions that contradict each other, the kind
//! of medium, or a variable that was set before; everything that depends on the computer stays
//! unknown and is never reported. Failures continue according to continue-on-error.

mod effects;
mod shared_map;
mod tested;
mod world;

use std::collections::BTreeSet;

use crate::MediaKind;

use super::catalog::Environment;
use super::condition::{Condition, Test};
use super::{Body, Sequence, Step};
use tested::TestedVariables;

pub use world::{Disk, Origin, System, World};

/// Maximum number of worlds. With more, all knowledge about variables is dropped.
const MAX_WORLDS: usize = 64;

/// Reachability of a step or group, in the order of [`Sequence::walk`].
#[derive(Debug, Clone, Default)]
pub struct Reached {
    /// Tells whether the step or a group around it is disabled.
    pub is_disabled: bool,
    /// Possible states before the step.
    pub before: Vec<World>,
    /// Possible states in which the step runs; empty if it never does.
    pub runs: Vec<World>,
    /// Reason why its condition is never true.
    pub contradiction: Option<Contradiction>,
    /// Index of the step that always ends the sequence before this one.
    pub ended_by: Option<usize>,
}

/// Reason why a condition is never true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// Part of the condition, by its key in [`super::Places`].
    pub part: String,
    /// Variable that the part tests, if it tests one.
    pub variable: Option<String>,
    /// Origin of the knowledge about the variable.
    pub origin: Option<Origin>,
}

impl Reached {
    /// Returns the worlds in which the step runs and no earlier step was in the wrong system.
    pub fn certain(&self) -> impl Iterator<Item = &World> {
        self.runs.iter().filter(|world| !world.is_uncertain)
    }

    /// Returns `true` if the step may run, as far as is known.
    pub fn may_run(&self) -> bool {
        self.certain().next().is_some()
    }

    /// Returns `true` if the step can run, but only in this system.
    pub fn runs_only_in(&self, system: System) -> bool {
        !self.runs.is_empty() && self.runs.iter().all(|world| world.system == system)
    }

    /// Returns `true` if the step never runs because of the kind of medium.
    pub fn is_excluded_by_medium(&self) -> bool {
        self.contradiction.as_ref().is_some_and(|contradiction| contradiction.origin == Some(Origin::Medium))
    }
}

/// Determines the reachability of all steps for a kind of medium, or for any kind.
pub fn reach(sequence: &Sequence, kind: Option<MediaKind>) -> Vec<Reached> {
    let tested = TestedVariables::new(sequence);
    let mut walker = Walker { tested: &tested, found: Vec::new(), last: None };
    walker.steps(&sequence.steps, World::at_start(kind), false);
    walker.found
}

/// Possible states after steps: of those that succeeded and of those that failed.
#[derive(Default)]
struct Flow {
    on: Vec<World>,
    failed: Vec<World>,
}

struct Walker<'a> {
    tested: &'a TestedVariables,
    found: Vec<Reached>,
    /// Index of the last step that always ends the sequence.
    last: Option<usize>,
}

impl Walker<'_> {
    fn steps(&mut self, steps: &[Step], worlds: Vec<World>, is_disabled: bool) -> Flow {
        let mut on = worlds;
        // Failures of all steps are joined, since the group may continue after any of them.
        let mut failed = Joined::default();
        for step in steps {
            let after = self.step(step, std::mem::take(&mut on), is_disabled);
            on = joined(after.on);
            failed.extend(after.failed);
        }
        Flow { on, failed: failed.into_vec() }
    }

    fn step(&mut self, step: &Step, before: Vec<World>, is_disabled: bool) -> Flow {
        let index = self.found.len();
        let is_disabled = is_disabled || step.is_disabled;
        self.found.push(Reached { is_disabled, before: before.clone(), ..Reached::default() });
        if is_disabled {
            // Children of a disabled group still get an entry, so that the result matches `Sequence::walk`.
            self.steps(step.children(), Vec::new(), true);
            return Flow { on: before, failed: Vec::new() };
        }
        let (runs, passed) = match &step.condition {
            Some(condition) => {
                let (mut runs, mut passed) = self.splitter(index).split(condition, before.clone());
                self.tested.forget_tested(index, &mut runs);
                self.tested.forget_tested(index, &mut passed);
                (joined(runs), joined(passed))
            }
            None => (before.clone(), Vec::new()),
        };
        // An unreachable step is explained by the step that ended the sequence, not by its own condition.
        if before.is_empty() {
            self.found[index].ended_by = self.last;
        } else if runs.is_empty()
            && let Some(condition) = &step.condition
        {
            self.found[index].contradiction =
                Some(self.splitter(index).find_contradiction(condition, "condition", before));
        }
        self.found[index].runs.clone_from(&runs);
        let had_any = !runs.is_empty();
        let mut flow = match &step.body {
            Body::Group(steps) => {
                let mut flow = self.steps(steps, runs, false);
                if step.continues_on_error {
                    // A failure inside of the group counts as its end.
                    flow.on.append(&mut flow.failed);
                }
                flow
            }
            Body::Action(_) | Body::Foreign(_) => after_step(step, index, runs),
        };
        self.tested.forget_set(step, index, &mut flow.on);
        // Worlds in which the condition is false skip the step.
        flow.on.extend(passed);
        // Only the innermost step is to blame, not the groups around it.
        if flow.on.is_empty() && had_any && !matches!(step.body, Body::Group(_)) {
            self.last = Some(index);
        }
        flow
    }

    fn splitter(&self, index: usize) -> Splitter<'_> {
        Splitter { tested: self.tested, index }
    }
}

/// Returns the possible states after a step that is not a group.
fn after_step(step: &Step, index: usize, runs: Vec<World>) -> Flow {
    let environment = match &step.body {
        Body::Action(action) => action.kind.environment,
        Body::Foreign(foreign) => foreign.environment,
        Body::Group(_) => Environment::Any,
    };
    let fits = |world: &World| match environment {
        Environment::WindowsPe => world.system == System::WindowsPe,
        Environment::FullOs => world.system == System::FullOs,
        Environment::Any => true,
    };
    let (runs, unfit): (Vec<_>, Vec<_>) = runs.into_iter().partition(fits);
    let mut flow = Flow::default();
    // It is not documented whether the engine skips a step in the wrong system or fails.
    flow.on.extend(unfit.into_iter().map(World::uncertain));
    // Setup Windows and Configuration Manager ignores continue-on-error (R104). All other steps may fail for
    // reasons that are not modeled, so both outcomes are possible.
    match step.continues_on_error && !step.action().is_some_and(|action| action.is("setup-windows")) {
        true => flow.on.extend(runs.iter().cloned()),
        false => flow.failed.extend(runs.iter().cloned().chain(flow.on.iter().cloned())),
    }
    match &step.body {
        Body::Action(action) if effects::always_fails(action) => {}
        Body::Action(action) => flow.on.extend(runs.into_iter().flat_map(|world| world.after(action, index))),
        Body::Group(_) | Body::Foreign(_) => flow.on.extend(runs.into_iter().flat_map(World::after_unknown)),
    }
    flow
}

/// Set of worlds. If there are too many, knowledge about variables is dropped.
#[derive(Default)]
struct Joined {
    worlds: BTreeSet<World>,
    has_forgotten: bool,
}

impl Joined {
    fn extend(&mut self, worlds: impl IntoIterator<Item = World>) {
        for mut world in worlds {
            // Once there were too many worlds, later ones must not split by variables again.
            if self.has_forgotten {
                world.forget();
            }
            self.worlds.insert(world);
            if self.worlds.len() > MAX_WORLDS && !self.has_forgotten {
                self.has_forgotten = true;
                let worlds = std::mem::take(&mut self.worlds);
                self.extend(worlds);
            }
        }
    }

    fn into_vec(self) -> Vec<World> {
        self.worlds.into_iter().collect()
    }
}

/// Removes duplicate worlds, like [`Joined`].
fn joined(worlds: Vec<World>) -> Vec<World> {
    let mut all = Joined::default();
    all.extend(worlds);
    all.into_vec()
}

/// Evaluates the condition of a step.
struct Splitter<'a> {
    tested: &'a TestedVariables,
    /// Index of the step.
    index: usize,
}

impl Splitter<'_> {
    /// Splits worlds into those in which a condition may be true, and those in which it may be false.
    fn split(&self, condition: &Condition, worlds: Vec<World>) -> (Vec<World>, Vec<World>) {
        match condition {
            Condition::All(parts) => {
                let (mut held, mut failed) = (worlds, Vec::new());
                for condition in parts {
                    let (on, off) = self.split(condition, held);
                    held = on;
                    failed.extend(off);
                }
                (joined(held), joined(failed))
            }
            // The editor leaves empty operators behind, and their result is not documented.
            Condition::Any(parts) if parts.is_empty() => (worlds.clone(), worlds),
            Condition::Any(parts) => self.one_of(parts, worlds),
            Condition::None(parts) => {
                let (held, failed) = self.one_of(parts, worlds);
                (failed, held)
            }
            Condition::Test(Test::Variable { name, operator, value }) => {
                let (mut held, mut failed) = (Vec::new(), Vec::new());
                let is_tested_after = self.tested.is_tested_after(name, self.index);
                for world in worlds {
                    let (on, off) = world.split(name, *operator, value, self.index, is_tested_after);
                    held.extend(on);
                    failed.extend(off);
                }
                (joined(held), joined(failed))
            }
            // Tests of the computer are unknown.
            Condition::Test(_) => (worlds.clone(), worlds),
        }
    }

    fn one_of(&self, parts: &[Condition], worlds: Vec<World>) -> (Vec<World>, Vec<World>) {
        let (mut held, mut failed) = (Vec::new(), worlds);
        for condition in parts {
            let (on, off) = self.split(condition, failed);
            held.extend(on);
            failed = off;
        }
        (joined(held), joined(failed))
    }

    /// Finds the reason why a condition is true in none of these worlds.
    fn find_contradiction(&self, condition: &Condition, part: &str, worlds: Vec<World>) -> Contradiction {
        match condition {
            Condition::All(parts) => {
                let mut held = worlds;
                for (at, condition) in parts.iter().enumerate() {
                    let own = format!("{part}/all/{at}");
                    // The first part that is false in all remaining worlds contradicts the parts before it.
                    let on = self.split(condition, held.clone()).0;
                    if on.is_empty() {
                        return self.find_contradiction(condition, &own, held);
                    }
                    held = on;
                }
                Contradiction { part: part.to_owned(), variable: None, origin: None }
            }
            Condition::Any(parts) => match &parts[..] {
                [only] => self.find_contradiction(only, &format!("{part}/any/0"), worlds),
                // All parts are false. Explain the first one, but label the whole `any`.
                [first, ..] => {
                    let first = self.find_contradiction(first, &format!("{part}/any/0"), worlds);
                    Contradiction { part: part.to_owned(), ..first }
                }
                [] => Contradiction { part: part.to_owned(), variable: None, origin: None },
            },
            Condition::None(parts) => {
                let mut left = worlds;
                for (at, condition) in parts.iter().enumerate() {
                    let own = format!("{part}/none/{at}");
                    let off = self.split(condition, left.clone()).1;
                    if off.is_empty() {
                        return known(condition, &own, &left);
                    }
                    left = off;
                }
                Contradiction { part: part.to_owned(), variable: None, origin: None }
            }
            Condition::Test(_) => known(condition, part, &worlds),
        }
    }
}

/// Finds the origin of the result of a test.
fn known(condition: &Condition, part: &str, worlds: &[World]) -> Contradiction {
    let tests = condition.tests();
    let variable = tests.iter().find_map(|test| match test {
        Test::Variable { name, .. } => Some(name.clone()),
        _ => None,
    });
    let origin = variable.as_ref().and_then(|name| worlds.first()?.origin(name));
    Contradiction { part: part.to_owned(), variable, origin }
}

#[cfg(test)]
mod tests;
