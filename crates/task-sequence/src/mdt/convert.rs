//! Conversion of all groups and steps of a `ts.xml`.
//!
//! The toolkit configures the answer file and injects drivers before it applies an image,
//! Configuration Manager after it. Such steps are moved after the step that applies the operating
//! system.

use std::collections::BTreeSet;

use crate::condition::Condition;
use crate::error::{Error, Result};
use crate::limits::{MAX_SEQUENCE_DEPTH, MAX_SEQUENCE_STEPS};
use crate::xml::document::Element;
use crate::{Body, Step, xml};

use super::context::{Context, ConversionState, ConvertedStep, keep_disabled};
use super::draft::{Draft, step};
use super::table::{Counterpart, Treatment};
use super::toolkit_step::ToolkitStep;
use super::{ConversionStatus, Share, StepReport, actions, conditions, disks, software};

/// Conversion in progress.
pub struct Converter<'a> {
    /// State that conversions of steps share.
    pub context: Context<'a>,
    /// Reports of the steps so far.
    pub reports: Vec<StepReport>,
    path: Vec<String>,
    /// Conditions of the groups around a step, except tests for Windows PE.
    around: Vec<Condition>,
    /// Number of disabled groups around a step.
    n_disabled: usize,
    n_steps: usize,
}

impl<'a> Converter<'a> {
    pub fn new(root: &Element, share: &'a mut Share) -> Self {
        let mut state = ConversionState::default();
        for source in sources(root, false) {
            state.applies_later |= source.counterpart() == Some(Counterpart::OperatingSystem) && source.applies_image();
            // The toolkit has this step before the image, but its settings are needed after it.
            if source.class == "SMS_TaskSequence_ApplyNetworkSettingsAction" {
                state.network = Some(source);
            }
        }
        let context = Context { share, state, read: BTreeSet::new(), set: BTreeSet::new() };
        let (path, around) = (Vec::new(), Vec::new());
        Self { context, reports: Vec::new(), path, around, n_disabled: 0, n_steps: 0 }
    }

    /// Converts the groups and steps in an element.
    pub fn children(&mut self, element: &Element) -> Result<Vec<Step>> {
        if self.path.len() > MAX_SEQUENCE_DEPTH {
            return Err(Error::TooLarge(format!("groups are nested deeper than {MAX_SEQUENCE_DEPTH} levels")));
        }
        let mut steps = Vec::new();
        for child in element.children() {
            match child.name.as_str() {
                "group" => steps.push(self.group(child)?),
                "step" => steps.extend(self.step(child)?),
                _ => {}
            }
            if self.n_steps > MAX_SEQUENCE_STEPS {
                return Err(Error::TooLarge(format!(
                    "the converted task sequence has more than {MAX_SEQUENCE_STEPS} steps"
                )));
            }
        }
        Ok(steps)
    }

    fn group(&mut self, element: &Element) -> Result<Step> {
        self.n_steps += 1;
        let source = ToolkitStep::new(element);
        let condition = self.condition(element)?;
        let outside = self.context.state.in_windows_pe;
        self.context.state.in_windows_pe = condition.as_ref().and_then(conditions::in_windows_pe).or(outside);
        let before = source.is_disabled.then(|| self.context.state.clone());
        let n_around = self.around.len();
        // Steps that move out of the group need its conditions, but no longer run in its phase.
        self.around.extend(condition.clone().filter(|condition| !conditions::is_phase(condition)));
        self.n_disabled += usize::from(source.is_disabled);
        self.path.push(source.name.clone());
        let steps = self.children(element)?;
        self.path.pop();
        self.n_disabled -= usize::from(source.is_disabled);
        self.around.truncate(n_around);
        self.leave(before, outside);
        let mut group = step(&source.name, &source.description, Body::Group(steps));
        (group.condition, group.is_disabled) = (condition, source.is_disabled);
        group.continues_on_error = source.continues_on_error;
        Ok(group)
    }

    /// Restores the state from before a step or group that is disabled, since it changes nothing.
    fn leave(&mut self, before: Option<ConversionState>, in_windows_pe: Option<bool>) {
        if let Some(before) = before {
            let deferred = std::mem::take(&mut self.context.state.deferred);
            self.context.state = ConversionState { deferred, ..before };
        }
        self.context.state.in_windows_pe = in_windows_pe;
    }

    fn condition(&mut self, element: &Element) -> Result<Option<Condition>> {
        let condition = xml::read_condition(element)?;
        Ok(condition.map(|condition| conditions::translate(condition, &mut self.context.read)))
    }

    fn step(&mut self, element: &Element) -> Result<Vec<Step>> {
        let source = ToolkitStep::new(element);
        let condition = self.condition(element)?;
        let outside = self.context.state.in_windows_pe;
        self.context.state.in_windows_pe = condition.as_ref().and_then(conditions::in_windows_pe).or(outside);
        let before = source.is_disabled.then(|| self.context.state.clone());
        let mut outcome = self.outcome(&source);
        self.leave(before, outside);
        let became = types(&outcome.steps);
        for step in &mut outcome.steps {
            step.is_disabled |= source.is_disabled;
            step.continues_on_error |= source.continues_on_error;
        }
        self.report(&source, &outcome, became);
        let mut steps = outcome.steps;
        let condition = match outcome.fate {
            // The step leaves its groups, so their conditions have to move with it.
            ConversionStatus::Moved => {
                steps.iter_mut().for_each(|step| step.is_disabled |= self.n_disabled > 0);
                conditions::all_of(self.around.iter().cloned().chain(condition))
            }
            _ => condition,
        };
        if let Some(condition) = condition {
            steps = with_condition(steps, condition, &source);
        }
        if outcome.fate == ConversionStatus::Moved {
            self.context.state.deferred.extend(steps);
            return Ok(Vec::new());
        }
        self.n_steps += count(&steps);
        Ok(steps)
    }

    fn report(&mut self, source: &ToolkitStep, outcome: &ConvertedStep, became: Vec<&'static str>) {
        self.reports.push(StepReport {
            path: self.path.clone(),
            name: source.name.clone(),
            origin: source.origin(),
            is_disabled: source.is_disabled,
            fate: outcome.fate,
            became,
            why: outcome.why.clone(),
            todo: outcome.todo.clone(),
        });
    }

    /// Converts a step according to the table.
    fn outcome(&mut self, source: &ToolkitStep) -> ConvertedStep {
        let Some(entry) = source.entry() else { return self.other(source) };
        match entry.treatment {
            Treatment::Drop => ConvertedStep::dropped(entry.why).todo(entry.todo),
            Treatment::Keep => keep_disabled(source).why(entry.why).todo(entry.todo),
            Treatment::Convert(counterpart) => {
                let mut outcome = actions::convert_step(&mut self.context, counterpart, source)
                    .unwrap_or_else(|| keep_disabled(source));
                if outcome.why.is_empty() {
                    outcome.why = entry.why.to_owned();
                }
                if outcome.todo.is_empty() && outcome.fate != ConversionStatus::Dropped {
                    outcome.todo = entry.todo.to_owned();
                }
                outcome
            }
        }
    }

    /// Converts a step that runs none of the toolkit's scripts.
    fn other(&mut self, source: &ToolkitStep) -> ConvertedStep {
        let context = &mut self.context;
        let own = match source.class.strip_prefix("SMS_TaskSequence_") {
            Some("RebootAction") => actions::restart(context, source),
            Some("SetVariableAction") => actions::set_variable(context, source),
            Some("PartitionDiskAction") => disks::partition(source),
            Some("EnableBitLockerAction") => actions::bitlocker(context, source),
            Some("ApplyNetworkSettingsAction") => actions::network(context, source),
            Some("RunCommandLineAction") => software::command_line(context, source),
            Some(class) => own_class(class, source),
            None if source.class.is_empty() => software::command_line(context, source),
            None => None,
        };
        own.unwrap_or_else(|| {
            keep_disabled(source).why("no equivalent is known").todo("replace it with steps of Configuration Manager")
        })
    }
}

/// Adds a condition to steps. Several steps are put into a group.
fn with_condition(mut steps: Vec<Step>, condition: Condition, source: &ToolkitStep) -> Vec<Step> {
    match &mut steps[..] {
        [] => {}
        [one] if one.condition.is_none() => one.condition = Some(condition),
        _ => {
            let mut group = step(&source.name, &source.description, Body::Group(steps));
            group.condition = Some(condition);
            return vec![group];
        }
    }
    steps
}

fn count(steps: &[Step]) -> usize {
    steps.iter().map(|step| 1 + count(step.children())).sum()
}

/// Returns the types of steps in order, without duplicates.
fn types(steps: &[Step]) -> Vec<&'static str> {
    fn below(steps: &[Step], found: &mut Vec<&'static str>) {
        for step in steps {
            match &step.body {
                Body::Group(steps) => below(steps, found),
                Body::Action(action) if !found.contains(&action.kind.name) => found.push(action.kind.name),
                Body::Foreign(_) if !found.contains(&"foreign") => found.push("foreign"),
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    below(steps, &mut found);
    found
}

/// Returns all steps of a document. Disabled steps and steps in disabled groups are only included
/// if `with_disabled`.
fn sources(element: &Element, with_disabled: bool) -> Vec<ToolkitStep> {
    let mut found = Vec::new();
    for child in element.children() {
        let source = ToolkitStep::new(child);
        match child.name.as_str() {
            _ if source.is_disabled && !with_disabled => {}
            "group" => found.extend(sources(child, with_disabled)),
            "step" => found.push(source),
            _ => {}
        }
    }
    found
}

/// Converts a step of a class that Configuration Manager has as well.
fn own_class(class: &str, source: &ToolkitStep) -> Option<ConvertedStep> {
    let kind = crate::catalog::find_by_class(class)?;
    let mut draft = Draft::new(kind.name)?;
    for key in kind.keys {
        if let Some(text) = source.variable(key.variable()).or_else(|| source.property(key.property)) {
            draft = draft.set(key.name, text);
        }
    }
    if kind.keys.iter().any(|key| key.is_required && !draft.has(key.name)) {
        return None;
    }
    Some(ConvertedStep::converted([draft.step(&source.name, &source.description)]))
}
