//! Finds problems that occur at several places, such as a note on content that all manifests of a repository share, so
//! that text output shows each once.

use super::shown_name;
use crate::problem::{Problem, Problems, Severity};

/// Maximum number of further places that are listed.
const MAX_PLACES: usize = 3;

/// Problem, and its equals at other places.
pub(super) struct RepeatedProblem<'a> {
    /// The problem to show.
    pub first: &'a Problem,
    /// Further places, such as `media/b.toml:12`, in the order in which they were found.
    places: Vec<String>,
    /// Number of equal problems without a place of their own, such as files that are missing everywhere.
    n_nowhere: usize,
}

impl RepeatedProblem<'_> {
    /// Describes where else the problem occurs; `None` if nowhere.
    pub fn elsewhere(&self) -> Option<String> {
        let n_more = self.places.len().saturating_sub(MAX_PLACES);
        let mut shown: Vec<String> = self.places.iter().take(MAX_PLACES).map(|place| format!("`{place}`")).collect();
        if n_more > 0 {
            shown.push(super::counted(n_more, "more place"));
        }
        match shown.is_empty() {
            false => Some(format!("also in {}", crate::manifest::suggest::join(&shown, "and"))),
            true => (self.n_nowhere > 0).then(|| format!("and {} more like this", self.n_nowhere)),
        }
    }
}

/// Groups the problems, in the order of their lines. Errors are equal if they are at the same line of the same file;
/// warnings and notes also if only their places differ.
pub(super) fn group(problems: &Problems) -> Vec<RepeatedProblem<'_>> {
    let place = |problem: &Problem| {
        let (place, _) = problem.labels.first()?;
        let source = problems.source(place.source);
        let line = source.text.get(..place.span.start)?.matches('\n').count() + 1;
        Some(format!("{}:{line}", shown_name(source)))
    };
    let is_equal = |one: &Problem, other: &Problem| {
        let labels = |problem: &Problem| problem.labels.iter().map(|(_, words)| words.clone()).collect::<Vec<_>>();
        one.severity == other.severity
            && one.rule == other.rule
            && one.message == other.message
            && one.help == other.help
            && labels(one) == labels(other)
            && (one.severity != Severity::Error || (!one.labels.is_empty() && place(one) == place(other)))
    };
    let mut groups: Vec<RepeatedProblem> = Vec::new();
    for problem in problems.sorted() {
        let Some(group) = groups.iter_mut().find(|group| is_equal(group.first, problem)) else {
            groups.push(RepeatedProblem { first: problem, places: Vec::new(), n_nowhere: 0 });
            continue;
        };
        match place(problem) {
            None => group.n_nowhere += 1,
            Some(here) if place(group.first).as_ref() != Some(&here) && !group.places.contains(&here) => {
                group.places.push(here);
            }
            // The same line of a file that several manifests share.
            Some(_) => {}
        }
    }
    groups
}
