//! Steps of a task sequence, with the system that each runs in.

use serde::Serialize;

use super::Block;
use crate::report::sequence::{flags, type_of};
use crate::sequence::Sequence;
use crate::sequence::catalog::Environment;

/// Step, or group of steps.
#[derive(Clone, Debug, Serialize)]
pub(super) struct StepRow {
    /// Number of groups around it.
    depth: usize,
    name: String,
    /// Type, and remarks.
    about: String,
    /// `pe`, `os`, `any`, or `group`.
    system: &'static str,
    /// Label of the system.
    label: &'static str,
    condition: Option<String>,
    is_disabled: bool,
}

/// Shows a task sequence.
pub(super) fn steps(sequence: &Sequence) -> Block {
    let rows = sequence.walk().into_iter().map(|(around, step)| {
        let (system, label) = match step.environment() {
            Some(Environment::WindowsPe) => ("pe", "PE"),
            Some(Environment::FullOs) => ("os", "OS"),
            Some(Environment::Any) => ("any", "any"),
            None => ("group", ""),
        };
        StepRow {
            depth: around.len(),
            name: step.name.clone(),
            about: type_of(step).into_iter().chain(flags(step)).collect::<Vec<_>>().join(", "),
            system,
            label,
            condition: step.condition.as_ref().map(ToString::to_string),
            // A step in a disabled group does not run either.
            is_disabled: step.is_disabled || around.iter().any(|group| group.is_disabled),
        }
    });
    Block::Steps { rows: rows.collect() }
}
