//! What is wrong in meaning with a sequence: the rules of the field, R74 to R139, R29 and R146.
//!
//! Pure: a sequence, and what is known of the medium that it is for, give complaints. Rules on what runs where go by
//! [`super::reach`], so that a step that is guarded, disabled or in a group that never runs is not complained of.
//! Rules that nothing here can find out are in the table of rules, with the reason.

mod alone;
mod boot_image;
mod capture;
mod closure;
mod inferred;
mod never;
mod order;
mod policies;
mod secrets;
mod software;
mod values;

use crate::MediaKind;
use authoring::problem::{Place, Problem};

use super::reach::{Reached, reach};
use super::{Action, Sequence, Step};

pub use boot_image::BootImage;
pub use closure::{Carried, Medium, Need, is_content, needs, referred, without_revision};
pub use policies::Policies;

/// Everything that is wrong with a sequence on a medium.
pub fn check(sequence: &Sequence, medium: &Medium) -> Vec<Problem> {
    let found = reach(sequence, medium.kind);
    let mut rules = Rules::new(sequence, medium, &found);
    values::check(&mut rules);
    software::check(&mut rules);
    order::check(&mut rules);
    secrets::check(&mut rules);
    capture::check(&mut rules);
    alone::check(&mut rules);
    closure::check(&mut rules);
    never::check(&mut rules);
    inferred::check(&mut rules);
    if !medium.has_boot_image {
        boot_image::check(&mut rules, None);
    }
    rules.problems
}

/// Checks that a medium carries the content that a sequence needs (R29), once all of that content is known.
pub fn check_content(sequence: &Sequence, medium: &Medium) -> Vec<Problem> {
    check_part(sequence, medium, closure::check)
}

/// Checks that policies of a site describe the programs and applications that a sequence installs.
pub fn check_policies(sequence: &Sequence, kind: MediaKind, policies: &Policies<'_>) -> Vec<Problem> {
    let medium = Medium { kind: Some(kind), ..Medium::default() };
    check_part(sequence, &medium, |rules| policies::check(rules, policies))
}

fn check_part(sequence: &Sequence, medium: &Medium, check: impl FnOnce(&mut Rules<'_>)) -> Vec<Problem> {
    let found = reach(sequence, medium.kind);
    let mut rules = Rules::new(sequence, medium, &found);
    check(&mut rules);
    rules.problems
}

/// Everything that is wrong with the boot image that a sequence starts from.
pub fn check_boot_image(sequence: &Sequence, kind: MediaKind, image: &BootImage) -> Vec<Problem> {
    let medium = Medium { kind: Some(kind), has_boot_image: true, ..Medium::default() };
    check_part(sequence, &medium, |rules| boot_image::check(rules, Some(image)))
}

/// A step at its place in the sequence.
#[derive(Clone)]
struct At<'a> {
    /// Its place in [`Sequence::walk`].
    index: usize,
    /// The groups around it, the outermost first.
    around: Vec<&'a Step>,
    step: &'a Step,
    reached: &'a Reached,
}

impl<'a> At<'a> {
    fn name(&self) -> &'a str {
        &self.step.name
    }

    fn action(&self) -> Option<&'a Action> {
        self.step.action()
    }

    fn is(&self, kind: &str) -> bool {
        self.action().is_some_and(|action| action.is(kind))
    }

    /// Whether it or a group around it goes on when it fails.
    fn survives(&self) -> bool {
        self.step.continues_on_error
    }
}

struct Rules<'a> {
    sequence: &'a Sequence,
    medium: &'a Medium,
    steps: Vec<At<'a>>,
    problems: Vec<Problem>,
}

impl<'a> Rules<'a> {
    fn new(sequence: &'a Sequence, medium: &'a Medium, found: &'a [Reached]) -> Self {
        let steps = sequence.walk().into_iter().zip(found).enumerate();
        let steps = steps.map(|(index, ((around, step), reached))| At { index, around, step, reached }).collect();
        Self { sequence, medium, steps, problems: Vec::new() }
    }

    /// The steps that are not disabled.
    fn enabled(&self) -> Vec<At<'a>> {
        self.steps.iter().filter(|at| !at.reached.is_disabled).cloned().collect()
    }

    /// The steps of a type that may run, as far as is known.
    fn running(&self, kind: &str) -> Vec<At<'a>> {
        self.steps.iter().filter(|at| at.is(kind) && at.reached.may_run()).cloned().collect()
    }

    /// Whether the sequence has a step of which nobody here knows what it does.
    fn has_unknown_steps(&self) -> bool {
        self.enabled().iter().any(|at| at.is("run-task-sequence") || matches!(at.step.body, super::Body::Foreign(_)))
    }

    /// Returns whether the sequence is checked without a manifest.
    fn is_by_itself(&self) -> bool {
        self.medium.kind_place.is_none()
    }

    fn is_alone(&self) -> bool {
        self.medium.kind == Some(MediaKind::StandAlone)
    }

    /// What the kind of medium is called, if it carries its sequence and asks no site.
    fn without_site(&self) -> Option<&'static str> {
        self.medium.kind.filter(|kind| kind.carries_sequence()).map(MediaKind::as_str)
    }

    /// The place of the medium's kind, with words for it.
    fn on_medium(&self, problem: Problem) -> Problem {
        with(problem, self.medium.kind_place.clone(), "the kind of the medium")
    }

    fn add(&mut self, problem: Problem) {
        self.problems.push(problem);
    }
}

/// Underlines a place, if there is one.
fn with(problem: Problem, place: Option<Place>, words: &str) -> Problem {
    match place {
        Some(place) => problem.at(place, words),
        None => problem,
    }
}

/// Underlines the value of a key of a step, or its header.
fn at_key(problem: Problem, step: &Step, key: &str, words: &str) -> Problem {
    with(problem, step.written.part(key), words)
}

/// Underlines the name of a step.
fn at_step(problem: Problem, step: &Step, words: &str) -> Problem {
    at_key(problem, step, "name", words)
}

/// Whether a text holds a variable, so that nothing can be said of it.
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
            written: Default::default(),
        };
        let rules = |len| {
            let sequence = Sequence { name: "x".into(), steps: vec![step(len)], ..Sequence::default() };
            check(&sequence, &Medium::default()).iter().filter_map(|problem| problem.rule).collect::<Vec<_>>()
        };
        assert_eq!(rules((2 << 20) + 1), [Rule::LargeTaskSequence]);
        assert_eq!(rules(100), Vec::<Rule>::new());
    }
}
