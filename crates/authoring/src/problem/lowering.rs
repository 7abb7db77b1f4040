//! Rules whose problems an author has lowered or accepted.

use super::{Problem, Severity};
use crate::rule::Rule;

/// A rule whose severity an author has lowered, with the number of its problems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lowering {
    /// The rule.
    pub rule: Rule,
    /// New severity; `None` if its problems are not reported.
    pub to: Option<Severity>,
    /// The author accepts the problems of the rule, which is a warning or a note.
    pub is_accepted: bool,
    /// Number of problems that break it, reported or not.
    pub n_problems: usize,
}

/// Rules that authors have lowered or accepted, and the problems that are not reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lowerings {
    list: Vec<Lowering>,
    silenced: Vec<Problem>,
}

impl Lowerings {
    /// Adds rules with the number of their problems so far.
    pub fn add(&mut self, lowerings: impl IntoIterator<Item = Lowering>) {
        for lowering in lowerings {
            // Problems in the manifest and in its files are counted together.
            let is_same = |known: &&mut Lowering| Lowering { n_problems: lowering.n_problems, ..**known } == lowering;
            match self.list.iter_mut().find(is_same) {
                Some(known) => known.n_problems += lowering.n_problems,
                None => self.list.push(lowering),
            }
        }
    }

    /// Returns the rules, in the order in which they were added.
    pub fn list(&self) -> &[Lowering] {
        &self.list
    }

    /// Returns the current number of problems that are not reported, for
    /// [`Self::is_silenced_since`].
    pub fn mark(&self) -> usize {
        self.silenced.len()
    }

    /// Returns `true` if a problem of a rule was kept from the report since `mark`.
    pub fn is_silenced_since(&self, mark: usize, rule: Rule) -> bool {
        self.silenced[mark..].iter().any(|problem| problem.rule == Some(rule))
    }

    pub(super) fn is_silenced(&self, problem: &Problem) -> bool {
        self.silenced.iter().any(|known| known.is_same(problem))
    }

    pub(super) fn count(&mut self, problem: &Problem) {
        let lowering = self.list.iter_mut().find(|lowering| problem.rule == Some(lowering.rule));
        lowering.into_iter().for_each(|lowering| lowering.n_problems += 1);
    }

    pub(super) fn silence(&mut self, problem: Problem) {
        self.silenced.push(problem);
    }
}
