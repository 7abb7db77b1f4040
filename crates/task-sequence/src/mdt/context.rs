//! What conversions of steps share: the outcome of one, what is known of the steps before it, and the share.

use std::collections::BTreeSet;

use crate::catalog::Environment;
use crate::{Body, Foreign, Step, Variable};

use super::draft::{Draft, step};
use super::source::Source;
use super::{Fate, Share};

/// What conversions of steps share.
pub struct Context<'a> {
    /// The deployment share.
    pub share: &'a mut Share,
    /// What is known of the steps before.
    pub state: State,
    /// Variables that conditions and steps read.
    pub read: BTreeSet<String>,
    /// Variables that steps set.
    pub set: BTreeSet<String>,
}

/// What a step of the toolkit becomes.
pub struct Outcome {
    /// What became of it.
    pub fate: Fate,
    /// The steps that take its place.
    pub steps: Vec<Step>,
    /// Why, if the types of the steps don't say it.
    pub why: String,
    /// What the author has to do; empty if nothing.
    pub todo: String,
}

impl Outcome {
    pub fn converted(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { fate: Fate::Converted, steps: steps.into_iter().collect(), why: String::new(), todo: String::new() }
    }

    pub fn dropped(why: &str) -> Self {
        Self { fate: Fate::Dropped, steps: Vec::new(), why: why.to_owned(), todo: String::new() }
    }

    /// Adds what the author has to do.
    pub fn todo(mut self, todo: impl Into<String>) -> Self {
        self.todo = todo.into();
        self
    }

    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// Disables the steps until the author has done what is left to do.
    pub fn unfinished(mut self, todo: impl Into<String>) -> Self {
        self.fate = Fate::Unfinished;
        self.steps.iter_mut().for_each(|step| step.is_disabled = true);
        self.todo(todo)
    }
}

/// What is known at a step of what comes before it.
#[derive(Clone, Default)]
pub struct State {
    /// A step that applies an operating system comes later.
    pub applies_later: bool,
    /// Facts of the computer were gathered.
    pub has_gathered: bool,
    /// An operating system was applied.
    pub has_applied: bool,
    /// The sequence has gone from Windows PE to the new system.
    pub is_set_up: bool,
    /// Windows PE was staged for the next restart.
    pub is_pe_staged: bool,
    /// Sysprep ran.
    pub is_prepared: bool,
    /// The settings of Windows and network were written.
    pub has_settings: bool,
    /// Drivers were applied.
    pub has_drivers: bool,
    /// `true` in Windows PE, as conditions around a step say.
    pub in_windows_pe: Option<bool>,
    /// Steps that wait for the operating system.
    pub deferred: Vec<Step>,
    /// Network settings of the sequence, wherever their step is.
    pub network: Option<Source>,
}

/// A step that is kept as it is, disabled.
pub fn kept(source: &Source) -> Outcome {
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
    // A class of its own stays foreign; a script is a command line that anybody can read.
    let kept = match Draft::new("run-command-line").map(|draft| draft.set("command-line", &source.command)) {
        Some(draft) if !source.class.starts_with("BDD_") && draft.has_any() => {
            draft.step(&source.name, &source.description)
        }
        _ => step(&source.name, &source.description, Body::Foreign(Box::new(foreign))),
    };
    let mut outcome = Outcome::converted([Step { is_disabled: true, ..kept }]);
    outcome.fate = Fate::Kept;
    outcome
}
