//! Runs a task sequence without a target: from facts about a computer to the trace of what would happen.
//!
//! The engine is that of [`task_sequence`]; the machine that it runs on is made of a fact file. Programs are not run; the
//! facts say how they end and what they set, and a step of which they say nothing succeeds and sets what its type is
//! documented to set.

mod expect;
mod facts;
mod machine;
mod medium;
mod names;
mod wmi;

use crate::sequence::Sequence;
use crate::sequence::engine;

pub use engine::{Alternative, Doubt, Effect, End, Entry, Medium, Outcome, Source, Then, Trace, Variables, name};
pub use expect::Unmet;
pub use facts::{FactFile, Facts, editor_schema, read};
pub use medium::{medium_of_facts, medium_of_manifest};
pub use names::check_names;

/// Runs a sequence from a medium by the facts about a computer.
pub fn simulate(sequence: &Sequence, facts: &Facts, medium: &Medium) -> Trace {
    engine::run(sequence, || machine::FactMachine::new(facts), medium)
}
