//! Which steps of a sequence can run: its conditions, worked out over what is known before anything runs.
//!
//! All that may be so when the sequence comes to a step is a few worlds ([`World`]), each with its system (Windows PE
//! or the full one) and what is known of variables. What is not known splits a world in two, so that conditions that
//! contradict each other, or the kind of medium, or a variable that was set before, are found; what depends on the
//! computer stays unknown and is never complained of. Where a failure goes is told by continue-on-error.

mod effects;
mod shared_map;
mod world;

use std::collections::BTreeSet;

use crate::MediaKind;

use super::catalog::Environment;
use super::condition::{Condition, Test};
use super::{Body, Sequence, Step};

pub use world::{Disk, Origin, System, World};

/// More worlds than this, and what is known of variables is given up.
const MAX_WORLDS: usize = 64;

/// What was found of a step, in the order of [`Sequence::walk`].
#[derive(Debug, Clone, Default)]
pub struct Reached {
    /// Whether it or a group around it is disabled.
    pub is_disabled: bool,
    /// What may be so when the sequence comes to it.
    pub before: Vec<World>,
    /// What may be so when it runs; nothing if it never does.
    pub runs: Vec<World>,
    /// Why its condition never holds.
    pub blame: Option<Blame>,
    /// Which step the sequence never comes past, if this one lies behind it.
    pub ended_by: Option<usize>,
}

/// Why a condition never holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blame {
    /// The part of the condition, by its key in [`super::Written`].
    pub part: String,
    /// The variable that it asks for, if it is one.
    pub variable: Option<String>,
    /// Whence it is known.
    pub origin: Option<Origin>,
}

impl Reached {
    /// The worlds in which it runs that no step in the wrong system lies before.
    pub fn surely(&self) -> impl Iterator<Item = &World> {
        self.runs.iter().filter(|world| !world.is_doubtful)
    }

    /// Whether it may run, as far as is known.
    pub fn may_run(&self) -> bool {
        self.surely().next().is_some()
    }

    /// Whether it runs only in this system, if at all.
    pub fn runs_only_in(&self, system: System) -> bool {
        !self.runs.is_empty() && self.runs.iter().all(|world| world.system == system)
    }

    /// Whether it never runs because of what kind the medium is.
    pub fn is_kept_off_by_medium(&self) -> bool {
        self.blame.as_ref().is_some_and(|blame| blame.origin == Some(Origin::Medium))
    }
}

/// Works a sequence out for a kind of medium, or for any.
pub fn reach(sequence: &Sequence, kind: Option<MediaKind>) -> Vec<Reached> {
    let mut walker = Walker { found: Vec::new(), last: None };
    walker.steps(&sequence.steps, World::at_start(kind), false);
    walker.found
}

/// Where the sequence goes after steps.
#[derive(Default)]
struct Flow {
    on: Vec<World>,
    failed: Vec<World>,
}

struct Walker {
    found: Vec<Reached>,
    /// The step after which nothing runs any more.
    last: Option<usize>,
}

impl Walker {
    fn steps(&mut self, steps: &[Step], worlds: Vec<World>, is_disabled: bool) -> Flow {
        let mut on = worlds;
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
            self.steps(step.children(), Vec::new(), true);
            return Flow { on: before, failed: Vec::new() };
        }
        let (runs, passed) = match &step.condition {
            Some(condition) => split(condition, "condition", index, before.clone()),
            None => (before.clone(), Vec::new()),
        };
        if before.is_empty() {
            self.found[index].ended_by = self.last;
        } else if runs.is_empty()
            && let Some(condition) = &step.condition
        {
            self.found[index].blame = Some(blame(condition, "condition", index, before));
        }
        self.found[index].runs.clone_from(&runs);
        let had_any = !runs.is_empty();
        let mut flow = match &step.body {
            Body::Group(steps) => {
                let mut flow = self.steps(steps, runs, false);
                if step.continues_on_error {
                    flow.on.append(&mut flow.failed);
                }
                flow
            }
            Body::Action(_) | Body::Foreign(_) => action(step, index, runs),
        };
        flow.on.extend(passed);
        if flow.on.is_empty() && had_any && !matches!(step.body, Body::Group(_)) {
            self.last = Some(index);
        }
        flow
    }
}

/// A step that does something by itself.
fn action(step: &Step, index: usize, runs: Vec<World>) -> Flow {
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
    // Nothing says whether the engine passes over a step in the wrong system or fails with it.
    flow.on.extend(unfit.into_iter().map(World::doubted));
    match step.continues_on_error && !step.action().is_some_and(|action| action.is("setup-windows")) {
        true => flow.on.extend(runs.iter().cloned()),
        false => flow.failed.extend(runs.iter().cloned().chain(flow.on.iter().cloned())),
    }
    match &step.body {
        Body::Action(action) if effects::always_fails(action) => {}
        Body::Action(action) => flow.on.extend(runs.into_iter().flat_map(|world| world.after(action, index))),
        Body::Group(_) | Body::Foreign(_) => flow.on.extend(runs.into_iter().flat_map(World::after_anything)),
    }
    flow
}

/// Each world once; with too many of them, without what is known of variables.
#[derive(Default)]
struct Joined {
    worlds: BTreeSet<World>,
    has_forgotten: bool,
}

impl Joined {
    fn extend(&mut self, worlds: impl IntoIterator<Item = World>) {
        for mut world in worlds {
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

/// Joins worlds, as [`Joined`] does.
fn joined(worlds: Vec<World>) -> Vec<World> {
    let mut all = Joined::default();
    all.extend(worlds);
    all.into_vec()
}

/// The worlds in which a condition may hold, and those in which it may not.
fn split(condition: &Condition, part: &str, index: usize, worlds: Vec<World>) -> (Vec<World>, Vec<World>) {
    match condition {
        Condition::All(parts) => {
            let (mut held, mut failed) = (worlds, Vec::new());
            for (at, condition) in parts.iter().enumerate() {
                let (on, off) = split(condition, &format!("{part}/all/{at}"), index, held);
                held = on;
                failed.extend(off);
            }
            (joined(held), joined(failed))
        }
        // Consoles leave such operators behind, and what clients make of them is not documented.
        Condition::Any(parts) if parts.is_empty() => (worlds.clone(), worlds),
        Condition::Any(parts) => one_of(parts, &format!("{part}/any"), index, worlds),
        Condition::None(parts) => {
            let (held, failed) = one_of(parts, &format!("{part}/none"), index, worlds);
            (failed, held)
        }
        Condition::Test(Test::Variable { name, operator, value }) => {
            let (mut held, mut failed) = (Vec::new(), Vec::new());
            for world in worlds {
                let (on, off) = world.ask(name, *operator, value, index);
                held.extend(on);
                failed.extend(off);
            }
            (joined(held), joined(failed))
        }
        // What the computer has is not known.
        Condition::Test(_) => (worlds.clone(), worlds),
    }
}

fn one_of(parts: &[Condition], part: &str, index: usize, worlds: Vec<World>) -> (Vec<World>, Vec<World>) {
    let (mut held, mut failed) = (Vec::new(), worlds);
    for (at, condition) in parts.iter().enumerate() {
        let (on, off) = split(condition, &format!("{part}/{at}"), index, failed);
        held.extend(on);
        failed = off;
    }
    (joined(held), joined(failed))
}

/// Why a condition holds in none of these worlds.
fn blame(condition: &Condition, part: &str, index: usize, worlds: Vec<World>) -> Blame {
    match condition {
        Condition::All(parts) => {
            let mut held = worlds;
            for (at, condition) in parts.iter().enumerate() {
                let own = format!("{part}/all/{at}");
                let on = split(condition, &own, index, held.clone()).0;
                if on.is_empty() {
                    return blame(condition, &own, index, held);
                }
                held = on;
            }
            Blame { part: part.to_owned(), variable: None, origin: None }
        }
        Condition::Any(parts) => match &parts[..] {
            [only] => blame(only, &format!("{part}/any/0"), index, worlds),
            [first, ..] => {
                let first = blame(first, &format!("{part}/any/0"), index, worlds);
                Blame { part: part.to_owned(), ..first }
            }
            [] => Blame { part: part.to_owned(), variable: None, origin: None },
        },
        Condition::None(parts) => {
            let mut left = worlds;
            for (at, condition) in parts.iter().enumerate() {
                let own = format!("{part}/none/{at}");
                let off = split(condition, &own, index, left.clone()).1;
                if off.is_empty() {
                    return known(condition, &own, &left);
                }
                left = off;
            }
            Blame { part: part.to_owned(), variable: None, origin: None }
        }
        Condition::Test(_) => known(condition, part, &worlds),
    }
}

/// Whence the outcome of a test is known.
fn known(condition: &Condition, part: &str, worlds: &[World]) -> Blame {
    let tests = condition.tests();
    let variable = tests.iter().find_map(|test| match test {
        Test::Variable { name, .. } => Some(name.clone()),
        _ => None,
    });
    let origin = variable.as_ref().and_then(|name| worlds.first()?.origin(name));
    Blame { part: part.to_owned(), variable, origin }
}

#[cfg(test)]
mod tests;
