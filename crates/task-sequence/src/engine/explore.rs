//! Runs a sequence, and again with each step whose condition is not known, so that nothing is stated that depends on it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::machine::Machine;
use super::medium::Medium;
use super::run::run_once;
use super::trace::{Alternative, Effect, Entry, Outcome, Trace};
use super::variables::MayBe;
use crate::Sequence;

/// Most alternatives of a run.
const MAX_ALTERNATIVES: usize = 512;
/// Most entries of all alternatives together.
const MAX_ENTRIES: usize = 200_000;

/// Runs a sequence from a medium, each time on a new machine.
///
/// Steps whose conditions are not known are passed over. For each of them the sequence is run again with that step; what
/// differs between the runs is not known in the trace.
pub fn run<M: Machine>(sequence: &Sequence, new_machine: impl Fn() -> M, medium: &Medium) -> Trace {
    let run = |taken: &BTreeSet<usize>| run_once(sequence, &mut new_machine(), medium, taken);
    let max = (MAX_ENTRIES / sequence.walk().len().max(1)).clamp(1, MAX_ALTERNATIVES);
    let mut main = run(&BTreeSet::new());
    let mut seen = BTreeSet::new();
    let mut queue: VecDeque<(Entry, BTreeSet<usize>)> = VecDeque::new();
    let mut enqueue = |trace: &Trace, taken: &BTreeSet<usize>, queue: &mut VecDeque<_>| {
        for entry in trace.entries.iter().filter(|entry| matches!(entry.outcome, Outcome::Unknown(_))) {
            if seen.insert(entry.step) {
                let taken = taken.iter().copied().chain([entry.step]).collect();
                queue.push_back((entry.clone(), taken));
            }
        }
    };
    enqueue(&main, &BTreeSet::new(), &mut queue);
    let mut alternatives = Vec::new();
    while alternatives.len() < max
        && let Some((entry, taken)) = queue.pop_front()
    {
        let trace = run(&taken);
        // Steps of a group are seen only where the group runs.
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

/// Marks what differs from an alternative as unknown.
fn compare(main: &mut Trace, alternative: &Alternative) {
    let on = alternative.path.last().cloned().unwrap_or_default();
    let others: BTreeMap<usize, &Entry> = alternative.trace.entries.iter().map(|entry| (entry.step, entry)).collect();
    for entry in &mut main.entries {
        if matches!(entry.outcome, Outcome::Unknown(_)) {
            continue;
        }
        match others.get(&entry.step) {
            Some(other) if is_same_fate(&entry.outcome, &other.outcome) => {
                if !is_same_work(entry, other) {
                    entry.effects.push(Effect::Depends { on: on.clone() });
                }
            }
            _ => {
                entry.outcome = Outcome::Unknown(format!("it depends on `{on}`, which is not known to run"));
                entry.effects.clear();
            }
        }
    }
    let other = &alternative.trace.variables;
    let names = main.variables.iter().chain(other.iter()).map(|(name, _)| name.to_owned());
    for name in names.collect::<BTreeSet<_>>() {
        let is_known = main.variables.unknown(&name).is_none();
        if is_known && (main.variables.get(&name) != other.get(&name) || other.unknown(&name).is_some()) {
            let why = format!("`{name}` depends on `{on}`, which is not known to run");
            main.variables.forget(&name, MayBe::Anything, why);
        }
    }
}

fn is_same_fate(left: &Outcome, right: &Outcome) -> bool {
    std::mem::discriminant(left) == std::mem::discriminant(right)
}

fn is_same_work(left: &Entry, right: &Entry) -> bool {
    fn is_work(effect: &&Effect) -> bool {
        !matches!(effect, Effect::Depends { .. } | Effect::Open { .. })
    }
    let failures = |outcome: &Outcome| matches!(outcome, Outcome::Failed { .. } | Outcome::Ran { .. });
    left.environment == right.environment
        && (!failures(&left.outcome) || left.outcome == right.outcome)
        && left.effects.iter().filter(is_work).eq(right.effects.iter().filter(is_work))
}
