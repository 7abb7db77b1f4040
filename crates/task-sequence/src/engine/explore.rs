//! Runs a sequence several times, so that the trace states nothing that depends on an unknown
//! condition.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::machine::Machine;
use super::medium::Medium;
use super::run::run_once;
use super::trace::{Alternative, Effect, Outcome, Trace, TraceEntry};
use super::variables::PossibleValues;
use crate::Sequence;

/// Maximum number of alternative runs.
const MAX_ALTERNATIVES: usize = 512;
/// Maximum number of entries of all runs together.
const MAX_ENTRIES: usize = 200_000;

/// Runs a sequence from a medium, on a new machine each time.
///
/// The main run skips steps with unknown conditions. For each of them the sequence is run again
/// with that step; whatever differs between the runs becomes unknown in the trace.
pub fn run<M: Machine>(sequence: &Sequence, new_machine: impl Fn() -> M, medium: &Medium) -> Trace {
    let run = |taken: &BTreeSet<usize>| run_once(sequence, &mut new_machine(), medium, taken);
    // Each alternative has an entry per step, so long sequences get fewer alternatives.
    let max = (MAX_ENTRIES / sequence.walk().len().max(1)).clamp(1, MAX_ALTERNATIVES);
    let mut main = run(&BTreeSet::new());
    let mut seen = BTreeSet::new();
    let mut queue: VecDeque<(TraceEntry, BTreeSet<usize>)> = VecDeque::new();
    let mut enqueue = |trace: &Trace, taken: &BTreeSet<usize>, queue: &mut VecDeque<_>| {
        for entry in trace.entries.iter().filter(|entry| matches!(entry.outcome, Outcome::Unknown(_))) {
            if seen.insert(entry.step) {
                let taken = taken.iter().copied().chain([entry.step]).collect();
                queue.push_back((entry.clone(), taken));
            }
        }
    };
    // The search is breadth-first: steps near the start, which influence most, come before those that only
    // appear in alternatives.
    enqueue(&main, &BTreeSet::new(), &mut queue);
    let mut alternatives = Vec::new();
    while alternatives.len() < max
        && let Some((entry, taken)) = queue.pop_front()
    {
        let trace = run(&taken);
        // Unknown steps in a group only appear in runs in which the group runs.
        enqueue(&trace, &taken, &mut queue);
        let Outcome::Unknown(why) = entry.outcome else { continue };
        alternatives.push(Alternative { path: entry.path, why, trace });
    }
    main.n_unexplored = queue.len();
    for alternative in &alternatives {
        compare(&mut main, alternative);
    }
    main.alternatives = alternatives;
    main
}

/// Marks everything that differs in an alternative as unknown.
fn compare(main: &mut Trace, alternative: &Alternative) {
    let on = alternative.path.last().cloned().unwrap_or_default();
    let others: BTreeMap<usize, &TraceEntry> =
        alternative.trace.entries.iter().map(|entry| (entry.step, entry)).collect();
    for entry in &mut main.entries {
        // Its own reason is more useful than a dependency on another unknown step.
        if matches!(entry.outcome, Outcome::Unknown(_)) {
            continue;
        }
        match others.get(&entry.step) {
            Some(other) if is_same_kind(&entry.outcome, &other.outcome) => {
                if !has_same_effects(entry, other) {
                    entry.effects.push(Effect::Depends { on: on.clone() });
                }
            }
            // The step does not run in the alternative, or ends in another way.
            _ => {
                entry.outcome = Outcome::Unknown(format!("depends on `{on}`, which may or may not run"));
                entry.effects.clear();
            }
        }
    }
    let other = &alternative.trace.variables;
    let names = main.variables.iter().chain(other.iter()).map(|(name, _)| name.to_owned());
    for name in names.collect::<BTreeSet<_>>() {
        let is_known = main.variables.unknown_reason(&name).is_none();
        if is_known && (main.variables.get(&name) != other.get(&name) || other.unknown_reason(&name).is_some()) {
            let why = format!("`{name}` depends on `{on}`, which may or may not run");
            main.variables.forget(&name, PossibleValues::Anything, why);
        }
    }
}

fn is_same_kind(left: &Outcome, right: &Outcome) -> bool {
    std::mem::discriminant(left) == std::mem::discriminant(right)
}

fn has_same_effects(left: &TraceEntry, right: &TraceEntry) -> bool {
    fn is_work(effect: &&Effect) -> bool {
        !matches!(effect, Effect::Depends { .. } | Effect::Open { .. })
    }
    let failures = |outcome: &Outcome| matches!(outcome, Outcome::Failed { .. } | Outcome::Ran { .. });
    left.environment == right.environment
        && (!failures(&left.outcome) || left.outcome == right.outcome)
        && left.effects.iter().filter(is_work).eq(right.effects.iter().filter(is_work))
}
