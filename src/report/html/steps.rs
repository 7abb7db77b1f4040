//! Steps of a task sequence, with the system that each runs in.

use serde::Serialize;

use super::Block;
use crate::sequence::catalog::Environment;
use crate::sequence::{Body, Sequence};

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
        let kind = match &step.body {
            Body::Group(_) => "",
            Body::Action(action) => action.kind.title,
            Body::Foreign(foreign) => &foreign.class,
        };
        let remarks = [
            Some(kind).filter(|kind| !kind.is_empty() && *kind != step.name),
            step.is_disabled.then_some("disabled"),
            step.continues_on_error.then_some("continues on error"),
        ];
        StepRow {
            depth: around.len(),
            name: step.name.clone(),
            about: remarks.into_iter().flatten().collect::<Vec<_>>().join(", "),
            system,
            label,
            condition: step.condition.as_ref().map(ToString::to_string),
            // A step in a disabled group does not run either.
            is_disabled: step.is_disabled || around.iter().any(|group| group.is_disabled),
        }
    });
    Block::Steps { rows: rows.collect() }
}
