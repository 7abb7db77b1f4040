//! Checks of a task sequence against the rules R29, R74 to R139 and R146.
//!
//! All checks are pure functions of a sequence and its [`MediumContext`]. Checks that depend on
//! what runs where use [`super::reach`], so that a step that is guarded, disabled or in a group
//! that never runs is not reported. The table of rules gives a reason for each rule that can't be
//! checked here.

mod boot_image;
mod capture;
mod inferred;
mod order;
mod policies;
mod references;
mod secrets;
mod software;
mod standalone;
mod unreachable_steps;
mod values;

use crate::MediaKind;
use authoring::problem::{Place, Problem};

use super::reach::{Reached, reach};
use super::{Action, Sequence, Step};

pub use boot_image::BootImage;
pub use policies::Policies;
pub use references::{
    CarriedContent, MediumContext, Requirement, matches_content, requirements, step_references, without_revision,
};

/// Checks a sequence on a medium against all rules.
pub fn check(sequence: &Sequence, medium: &MediumContext) -> Vec<Problem> {
    let found = reach(sequence, medium.kind);
    let mut rules = Rules::new(sequence, medium, &found);
    values::check(&mut rules);
    software::check(&mut rules);
    order::check(&mut rules);
    secrets::check(&mut rules);
    capture::check(&mut rules);
    standalone::check(&mut rules);
    references::check(&mut rules);
    unreachable_steps::check(&mut rules);
    inferred::check(&mut rules);
    if !medium.has_boot_image {
        boot_image::check(&mut rules, None);
    }
    rules.problems
}

/// Checks that a medium carries the content that a sequence needs (R29), once all of that content
/// is known.
pub fn check_content(sequence: &Sequence, medium: &MediumContext) -> Vec<Problem> {
    check_part(sequence, medium, references::check)
}

/// Checks that the policies of a site describe the programs and applications that a sequence
/// installs.
pub fn check_policies(sequence: &Sequence, kind: MediaKind, policies: &Policies<'_>) -> Vec<Problem> {
    let medium = MediumContext { kind: Some(kind), ..MediumContext::default() };
    check_part(sequence, &medium, |rules| policies::check(rules, policies))
}

fn check_part(sequence: &Sequence, medium: &MediumContext, check: impl FnOnce(&mut Rules<'_>)) -> Vec<Problem> {
    let found = reach(sequence, medium.kind);
    let mut rules = Rules::new(sequence, medium, &found);
    check(&mut rules);
    rules.problems
}

/// Checks the boot image that a sequence starts from.
pub fn check_boot_image(sequence: &Sequence, kind: MediaKind, image: &BootImage) -> Vec<Problem> {
    let medium = MediumContext { kind: Some(kind), has_boot_image: true, ..MediumContext::default() };
    check_part(sequence, &medium, |rules| boot_image::check(rules, Some(image)))
}

/// Step with its position in the sequence.
#[derive(Clone)]
struct PlacedStep<'a> {
    /// Index in [`Sequence::walk`].
    index: usize,
    /// Groups around the step, outermost first.
    around: Vec<&'a Step>,
    step: &'a Step,
    reached: &'a Reached,
}

impl<'a> PlacedStep<'a> {
    fn name(&self) -> &'a str {
        &self.step.name
    }

    fn action(&self) -> Option<&'a Action> {
        self.step.action()
    }

    fn is(&self, kind: &str) -> bool {
        self.action().is_some_and(|action| action.is(kind))
    }

    fn continues_on_error(&self) -> bool {
        self.step.continues_on_error
    }
}

struct Rules<'a> {
    sequence: &'a Sequence,
    medium: &'a MediumContext,
    steps: Vec<PlacedStep<'a>>,
    problems: Vec<Problem>,
}

impl<'a> Rules<'a> {
    fn new(sequence: &'a Sequence, medium: &'a MediumContext, found: &'a [Reached]) -> Self {
        let steps = sequence.walk().into_iter().zip(found).enumerate();
        let steps =
            steps.map(|(index, ((around, step), reached))| PlacedStep { index, around, step, reached }).collect();
        Self { sequence, medium, steps, problems: Vec::new() }
    }

    /// Returns the steps that are not disabled.
    fn enabled(&self) -> Vec<PlacedStep<'a>> {
        self.steps.iter().filter(|at| !at.reached.is_disabled).cloned().collect()
    }

    /// Returns the steps of a type that may run, as far as is known.
    fn running(&self, kind: &str) -> Vec<PlacedStep<'a>> {
        self.steps.iter().filter(|at| at.is(kind) && at.reached.may_run()).cloned().collect()
    }

    /// Returns `true` if a step has unknown effects: a child task sequence, or a step of an unknown
    /// class.
    fn has_unknown_steps(&self) -> bool {
        self.enabled().iter().any(|at| at.is("run-task-sequence") || matches!(at.step.body, super::Body::Foreign(_)))
    }

    /// Returns `true` if the sequence is checked without a manifest.
    fn has_no_manifest(&self) -> bool {
        self.medium.kind_place.is_none()
    }

    fn is_stand_alone(&self) -> bool {
        self.medium.kind == Some(MediaKind::StandAlone)
    }

    /// Returns the name of the kind of medium if it carries its task sequence and contacts no site.
    fn without_site(&self) -> Option<&'static str> {
        self.medium.kind.filter(|kind| kind.carries_sequence()).map(MediaKind::as_str)
    }

    /// Adds the place in the manifest that sets the kind of the medium.
    fn at_media_kind(&self, problem: Problem) -> Problem {
        at_place(problem, self.medium.kind_place.clone(), "the kind of the medium")
    }

    fn add(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}

/// Adds a label at a place, if there is one.
fn at_place(problem: Problem, place: Option<Place>, words: &str) -> Problem {
    match place {
        Some(place) => problem.at(place, words),
        None => problem,
    }
}

/// Adds a label at the value of a key of a step, or at the step's header if the key is not set.
fn at_key(problem: Problem, step: &Step, key: &str, words: &str) -> Problem {
    at_place(problem, step.places.part(key), words)
}

/// Adds a label at the name of a step.
fn at_step(problem: Problem, step: &Step, words: &str) -> Problem {
    at_key(problem, step, "name", words)
}

/// Returns `true` if a text contains a variable, so that its value is only known at run time.
fn has_variable(text: &str) -> bool {
    text.matches('%').count() > 1
}

#[cfg(test)]
mod tests {
    use super::super::{Body, Foreign, catalog::Environment};
    use super::*;
    use authoring::rule::Rule;

    #[test]
    fn a_sequence_that_no_site_stores_is_refused() {
        let body = Body::Foreign(Box::new(Foreign {
            class: "SMS_TaskSequence_OtherAction".into(),
            command: String::new(),
            environment: Environment::Any,
            variables: None,
            xml: None,
        }));
        let step = |len: usize| Step {
            name: "Other".into(),
            description: "d".repeat(len),
            is_disabled: false,
            continues_on_error: false,
            condition: None,
            body: body.clone(),
            attributes: Default::default(),
            places: Default::default(),
        };
        let rules = |len| {
            let sequence = Sequence { name: "x".into(), steps: vec![step(len)], ..Sequence::default() };
            check(&sequence, &MediumContext::default()).iter().filter_map(|problem| problem.rule).collect::<Vec<_>>()
        };
        assert_eq!(rules((2 << 20) + 1), [Rule::LargeTaskSequence]);
        assert_eq!(rules(100), Vec::<Rule>::new());
    }
}
