//! Runs a task sequence without a target computer: from facts about a computer to the trace of a
//! run.
//!
//! The engine is that of [`task_sequence`], on a machine that answers from a fact file. Programs
//! are not run: the facts list their exit codes and the variables that they set. A step without
//! facts succeeds and sets the variables that its type is documented to set.

mod expect;
mod facts;
mod machine;
mod medium;
mod names;
mod wmi;

use crate::sequence::Sequence;
use crate::sequence::engine;

pub use engine::{
    AfterFailure, Alternative, ContentSource, Effect, Medium, Outcome, SequenceEnd, Trace, TraceEntry, Uncertainty,
    Variables, environment_name,
};
pub use expect::Unmet;
pub use facts::{FactFile, Facts, editor_schema, read};
pub use medium::{medium_of_facts, medium_of_manifest};
pub use names::check_names;

/// Runs a sequence from a medium, with facts about the computer.
pub fn simulate(sequence: &Sequence, facts: &Facts, medium: &Medium) -> Trace {
    engine::run(sequence, || machine::FactMachine::new(facts), medium)
}
