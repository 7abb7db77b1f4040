//! State that conversions of steps share, and the result of a conversion.

use std::collections::BTreeSet;

use crate::catalog::Environment;
use crate::{Body, Foreign, Step, Variable};

use super::draft::{Draft, step};
use super::toolkit_step::ToolkitStep;
use super::{ConversionStatus, Share};

/// State that conversions of steps share.
pub struct Context<'a> {
    /// Deployment share.
    pub share: &'a mut Share,
    /// State after the previous steps.
    pub state: ConversionState,
    /// Variables that conditions and steps read.
    pub read: BTreeSet<String>,
    /// Variables that steps set.
    pub set: BTreeSet<String>,
}

/// Result of the conversion of a step.
pub struct ConvertedStep {
    /// Kind of result.
    pub fate: ConversionStatus,
    /// Steps that replace it.
    pub steps: Vec<Step>,
    /// Reason, unless the types of the steps explain themselves.
    pub why: String,
    /// Task for the author; empty if there is none.
    pub todo: String,
}

impl ConvertedStep {
    pub fn converted(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            fate: ConversionStatus::Converted,
            steps: steps.into_iter().collect(),
            why: String::new(),
            todo: String::new(),
        }
    }

    pub fn dropped(why: &str) -> Self {
        Self { fate: ConversionStatus::Dropped, steps: Vec::new(), why: why.to_owned(), todo: String::new() }
    }

    /// Sets the task for the author.
    pub fn todo(mut self, todo: impl Into<String>) -> Self {
        self.todo = todo.into();
        self
    }

    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// Disables the steps until the author completes them.
    pub fn unfinished(mut self, todo: impl Into<String>) -> Self {
        self.fate = ConversionStatus::Unfinished;
        self.steps.iter_mut().for_each(|step| step.is_disabled = true);
        self.todo(todo)
    }
}

/// State of the converted sequence after the previous steps.
#[derive(Clone, Default)]
pub struct ConversionState {
    /// A later step applies an operating system.
    pub applies_later: bool,
    /// Facts about the computer were gathered.
    pub has_gathered: bool,
    /// An operating system was applied.
    pub has_applied: bool,
    /// The sequence has continued from Windows PE in the new system.
    pub is_set_up: bool,
    /// Windows PE was staged for the next restart.
    pub is_pe_staged: bool,
    /// Sysprep has run.
    pub is_prepared: bool,
    /// The settings of Windows and its network were applied.
    pub has_settings: bool,
    /// Drivers were applied.
    pub has_drivers: bool,
    /// `true` in Windows PE, according to the conditions around a step.
    pub in_windows_pe: Option<bool>,
    /// Steps that have to wait for the operating system.
    pub deferred: Vec<Step>,
    /// Network settings of the sequence, regardless of the position of their step.
    pub network: Option<ToolkitStep>,
}

/// Keeps a step as it is, but disabled.
pub fn keep_disabled(source: &ToolkitStep) -> ConvertedStep {
    let class = if source.class.is_empty() { "SMS_TaskSequence_RunCommandLineAction" } else { &source.class };
    let variable = |(name, property, value): &(String, String, String)| Variable {
        name: name.clone(),
        property: property.clone(),
        is_hidden: false,
        value: value.clone(),
    };
    let variables: Vec<_> = source.variables.iter().filter(|variable| !variable.2.is_empty()).map(variable).collect();
    let foreign = Foreign {
        class: class.to_owned(),
        xml: None,
        command: source.command.clone(),
        environment: Environment::Any,
        variables: (!variables.is_empty()).then_some(variables),
    };
    // Steps of the toolkit's classes stay foreign. Scripts become command lines, which are easier to edit.
    let kept = match Draft::new("run-command-line").map(|draft| draft.set("command-line", &source.command)) {
        Some(draft) if !source.class.starts_with("BDD_") && draft.has_any() => {
            draft.step(&source.name, &source.description)
        }
        _ => step(&source.name, &source.description, Body::Foreign(Box::new(foreign))),
    };
    let mut outcome = ConvertedStep::converted([Step { is_disabled: true, ..kept }]);
    outcome.fate = ConversionStatus::Kept;
    outcome
}
