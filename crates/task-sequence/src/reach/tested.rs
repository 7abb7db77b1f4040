//! Variables that conditions test, and the last step that does.
//!
//! Worlds that differ only in what no later condition asks for are the same, so such knowledge is not kept. Without that,
//! each test of another variable would double the worlds.

use std::collections::{BTreeMap, BTreeSet};

use super::world::World;
use crate::condition::Test;
use crate::{Sequence, Step};

/// Tested variables of a sequence, by name in lower case.
#[derive(Debug, Default)]
pub struct TestedVariables {
    last_tests: BTreeMap<String, LastTest>,
    /// Variables that are tested for the last time, by the index of the step.
    names_by_step: BTreeMap<usize, BTreeSet<String>>,
}

/// Last step that tests a variable.
#[derive(Clone, Copy, Debug)]
struct LastTest {
    index: usize,
    /// `true` if several parts of its condition test the variable.
    is_repeated: bool,
}

impl TestedVariables {
    /// Collects the variables of all conditions.
    pub fn new(sequence: &Sequence) -> Self {
        let mut last_tests: BTreeMap<String, LastTest> = BTreeMap::new();
        for (index, (_, step)) in sequence.walk().into_iter().enumerate() {
            for test in step.condition.iter().flat_map(|condition| condition.tests()) {
                let Test::Variable { name, .. } = test else { continue };
                let is_repeated = |last: &LastTest| last.index == index;
                let last = last_tests.entry(name.to_lowercase());
                last.and_modify(|last| *last = LastTest { index, is_repeated: is_repeated(last) })
                    .or_insert(LastTest { index, is_repeated: false });
            }
        }
        let mut names_by_step: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        for (name, last) in &last_tests {
            names_by_step.entry(last.index).or_default().insert(name.clone());
        }
        Self { last_tests, names_by_step }
    }

    /// Returns `true` if a test after the one in this step asks for a variable.
    pub fn is_tested_after(&self, name: &str, index: usize) -> bool {
        let last = self.last_tests.get(&name.to_lowercase());
        last.is_some_and(|last| last.index > index || (last.index == index && last.is_repeated))
    }

    /// Forgets the variables that no condition after that of this step tests.
    pub fn forget_tested(&self, index: usize, worlds: &mut [World]) {
        for name in self.names_by_step.get(&index).into_iter().flatten() {
            worlds.iter_mut().for_each(|world| world.forget_variable(name));
        }
    }

    /// Forgets the variable that a step sets, unless a later condition tests it.
    pub fn forget_set(&self, step: &Step, index: usize, worlds: &mut [World]) {
        let variable =
            step.action().filter(|action| action.is("set-variable")).and_then(|action| action.text("variable"));
        let Some(name) = variable else { return };
        let is_tested = self.last_tests.get(&name.to_lowercase()).is_some_and(|last| last.index > index);
        if !is_tested {
            worlds.iter_mut().for_each(|world| world.forget_variable(name));
        }
    }
}
