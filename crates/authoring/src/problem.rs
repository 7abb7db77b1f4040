//! Mistakes in authors' files: many at a time, each with the places it is about.
//!
//! Problems are data; `report` renders them for a terminal or as JSON. Values of secrets are masked
//! here in messages, and by `report` in source lines.

mod lowering;
mod mask;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

pub use lowering::{Lowering, Lowerings};
pub use mask::MASK;

use crate::limits::MAX_PROBLEMS;
use crate::rule::Rule;
pub use crate::rule::Severity;

/// A text by an author (manifest, profile, variables) that problems can point into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// Name known to the author: the path given on the command line, or the name of a built-in
    /// profile.
    pub name: String,
    /// The whole text.
    pub text: Arc<str>,
    /// Byte ranges of secret values, sorted and disjoint, which must not be shown.
    pub secrets: Vec<Range<usize>>,
}

/// Identifies a [`SourceText`] of a [`Problems`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(usize);

/// A byte range in an author's text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Source text.
    pub source: SourceId,
    /// Byte range, on character boundaries.
    pub span: Range<usize>,
}

/// Manifest that has a problem, and the site for which it has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Path of the manifest, as given; empty until the problem is added.
    pub manifest: String,
    /// Site. `None` if the problem does not depend on it.
    pub site: Option<String>,
}

/// A mistake, with its places and help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Severity; errors stop the work.
    pub severity: Severity,
    /// Domain rule that is broken, if any.
    pub rule: Option<Rule>,
    /// Message: a lower-case fragment without final stop, literals in backticks.
    pub message: String,
    /// Places to underline, each with a label that may be empty; the cause comes first.
    pub labels: Vec<(Place, String)>,
    /// Help in the imperative, to be typed as is where possible.
    pub help: Option<String>,
    /// Places that must not be shown, because they contain a literal secret.
    pub hidden: Vec<Place>,
    /// Manifests and sites that have it. They don't make it another problem.
    pub origins: Vec<Origin>,
}

impl Problem {
    /// Creates a problem that breaks a rule, with the severity of the rule.
    pub fn new(rule: Rule, message: impl Into<String>) -> Self {
        Self::error(message).with_rule(Some(rule))
    }

    /// Creates an error without a rule.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            rule: None,
            message: message.into(),
            labels: Vec::new(),
            help: None,
            hidden: Vec::new(),
            origins: Vec::new(),
        }
    }

    /// Creates a warning without a rule.
    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// Creates a note without a rule.
    pub fn note(message: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::error(message) }
    }

    /// Sets the broken rule, if any, and the severity of the rule.
    pub fn with_rule(self, rule: Option<Rule>) -> Self {
        let severity = rule.map_or(self.severity, Rule::severity);
        Self { severity, rule, ..self }
    }

    /// Adds a place to underline, with a label.
    pub fn at(mut self, place: Place, words: impl Into<String>) -> Self {
        self.labels.push((place, words.into()));
        self
    }

    /// Sets the help.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the origins of another problem that is the same.
    pub fn merge_origins(&mut self, origins: Vec<Origin>) {
        for origin in origins {
            if !self.origins.contains(&origin) {
                self.origins.push(origin);
            }
        }
    }

    /// Returns `true` for the same problem, whatever manifests and sites have it.
    fn is_same(&self, other: &Self) -> bool {
        let key = |problem: &Self| {
            let Self { severity, rule, message, labels, help, hidden, origins: _ } = problem.clone();
            (severity, rule, message, labels, help, hidden)
        };
        self.message == other.message && key(self) == key(other)
    }

    /// Hides the place that is underlined first, because it contains a secret.
    pub fn hide(mut self) -> Self {
        self.hidden.extend(self.labels.first().map(|(place, _)| place.clone()));
        self
    }
}

/// A list of problems, with the texts they point into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    sources: Vec<SourceText>,
    list: Vec<Problem>,
    n_errors_added: usize,
    /// Origin of the problems that are added next.
    origin: Origin,
    /// Rules that authors have lowered or accepted.
    pub lowerings: Lowerings,
    /// Places that problems at other places are also labelled at, with the label.
    related: HashMap<Place, (Place, &'static str)>,
}

impl Problems {
    /// Adds a text that problems can point into.
    pub fn add_source(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) -> SourceId {
        let text = text.into();
        let secrets = mask::find_secrets(&text);
        self.sources.push(SourceText { name: name.into(), text, secrets });
        SourceId(self.sources.len() - 1)
    }

    /// Adds a text unless it was added before, since every site reads shared texts.
    pub fn add_source_once(&mut self, name: &str, text: &str) -> SourceId {
        match self.sources.iter().position(|source| source.name == name && *source.text == *text) {
            Some(at) => SourceId(at),
            None => self.add_source(name, text),
        }
    }

    /// Sets the manifest and the site that the next problems are found for; an empty path for neither.
    pub fn enter(&mut self, manifest: &str, site: Option<&str>) {
        self.origin = Origin { manifest: manifest.to_owned(), site: site.map(str::to_owned) };
    }

    /// Labels all later problems at a place with another place too, such as the entry of a profile
    /// that is overridden there.
    pub fn relate(&mut self, place: Place, to: Place, words: &'static str) {
        self.related.insert(place, (to, words));
    }

    /// Adds the label of the place that is related to the cause.
    fn with_related(&self, mut problem: Problem) -> Problem {
        let cause = problem.labels.first().map(|(place, _)| place);
        if let Some((to, words)) = cause.and_then(|place| self.related.get(place))
            && problem.labels.iter().all(|(place, _)| place != to)
        {
            problem.labels.push((to.clone(), (*words).to_owned()));
        }
        problem
    }

    /// Returns the current number of problems, for [`Self::take_since`].
    pub fn mark(&self) -> usize {
        self.list.len()
    }

    /// Removes and returns the problems added since `mark`.
    pub fn take_since(&mut self, mark: usize) -> Vec<Problem> {
        self.list.split_off(mark)
    }

    /// Returns a source text.
    pub fn source(&self, id: SourceId) -> &SourceText {
        &self.sources[id.0]
    }

    /// Adds a problem, unless an equal one was added before: every site renders the same lines.
    pub fn add(&mut self, problem: Problem) {
        self.n_errors_added += usize::from(problem.severity == Severity::Error);
        problem.hidden.iter().for_each(|place| self.hide(place.clone()));
        if let Some(unlisted) = self.list.get(MAX_PROBLEMS..) {
            // Add one per severity, so that an unlisted error still counts.
            if unlisted.iter().all(|known| known.severity != problem.severity) {
                let message = format!("more than {MAX_PROBLEMS} problems were found; the rest are not listed");
                self.list.push(Problem { severity: problem.severity, ..Problem::error(message) });
            }
            return;
        }
        let mut problem = self.mask_secrets(self.with_related(problem));
        if problem.origins.is_empty() && !self.origin.manifest.is_empty() {
            problem.origins.push(self.origin.clone());
        }
        for origin in problem.origins.iter_mut().filter(|origin| origin.manifest.is_empty()) {
            origin.manifest.clone_from(&self.origin.manifest);
        }
        match self.list.iter_mut().find(|known| known.is_same(&problem)) {
            Some(known) => known.merge_origins(problem.origins),
            None => self.list.push(problem),
        }
    }

    /// Adds a problem whose rule an author has lowered, and counts it, reported or not.
    pub fn add_lowered(&mut self, problem: Problem, is_reported: bool) {
        // Every site may have the same problem.
        if self.list.iter().any(|known| known.is_same(&problem)) || self.lowerings.is_silenced(&problem) {
            return;
        }
        self.lowerings.count(&problem);
        match is_reported {
            true => self.add(problem),
            false => self.lowerings.silence(problem),
        }
    }

    /// Marks a place as secret, so that it is never shown. A reference in braces stays visible.
    fn hide(&mut self, place: Place) {
        let Some(source) = self.sources.get_mut(place.source.0) else { return };
        let is_known = |known: &Range<usize>| place.span.start <= known.start && known.end <= place.span.end;
        // Secret values in braces are masked already; their keys may be shown.
        if source.text.get(place.span.clone()).is_some() && !source.secrets.iter().any(is_known) {
            source.secrets.push(place.span);
            source.secrets = mask::merge_ranges(std::mem::take(&mut source.secrets));
        }
    }

    /// Masks the values of secrets in the texts of a problem.
    fn mask_secrets(&self, mut problem: Problem) -> Problem {
        for (index, source) in self.sources.iter().enumerate() {
            for secret in &source.secrets {
                let is_near = problem
                    .labels
                    .iter()
                    .any(|(place, _)| place.source.0 == index && is_on_one_line(&source.text, &place.span, secret));
                let raw = source.text.get(secret.clone()).unwrap_or_default();
                let words = problem.labels.iter_mut().map(|(_, words)| words);
                for text in words.chain([&mut problem.message]).chain(&mut problem.help) {
                    mask::scrub(text, raw, is_near);
                }
            }
        }
        problem
    }

    /// Returns the problems in the order of their lines; those without a place come last.
    pub fn sorted(&self) -> Vec<&Problem> {
        let mut sorted: Vec<_> = self.list.iter().collect();
        sorted.sort_by_key(|problem| {
            let place = problem.labels.first().map(|(place, _)| (place.source, place.span.start));
            (place.is_none(), place, problem.severity)
        });
        sorted
    }

    /// Returns how often an error was added, including repeated ones, to tell if a step failed.
    pub fn n_errors_added(&self) -> usize {
        self.n_errors_added
    }

    /// Removes all notes.
    pub fn drop_notes(&mut self) {
        self.list.retain(|problem| problem.severity != Severity::Note);
    }

    /// Removes all warnings and notes.
    pub fn keep_errors(&mut self) {
        self.list.retain(|problem| problem.severity == Severity::Error);
    }

    /// Returns `true` if there are errors.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// Returns the number of problems of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|problem| problem.severity == severity).count()
    }
}

/// Returns `true` if two ranges touch the same line of a text.
fn is_on_one_line(text: &str, one: &Range<usize>, other: &Range<usize>) -> bool {
    let (first, second) = if one.start <= other.start { (one, other) } else { (other, one) };
    second.start <= first.end || text.get(first.end..second.start).is_some_and(|between| !between.contains('\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_come_in_the_order_of_their_lines_and_once() {
        let mut problems = Problems::default();
        let source = problems.add_source("media.toml", "a = 1\nb = 2\n");
        let place = |at| Place { source, span: at..at + 1 };
        problems.add(Problem::error("nowhere"));
        problems.add(Problem::warning("second").at(place(6), ""));
        problems.add(Problem::error("first").at(place(0), "here"));
        problems.add(Problem::error("first").at(place(0), "here"));
        let messages: Vec<_> = problems.sorted().iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(messages, ["first", "second", "nowhere"]);
        assert_eq!((problems.count(Severity::Error), problems.count(Severity::Warning)), (2, 1));
    }

    #[test]
    fn no_message_holds_the_value_of_a_secret() {
        let mut problems = Problems::default();
        let text = "password = hunter2\nname = \"x\"\n";
        let source = problems.add_source("media.toml", text);
        let place = |span| Place { source, span };
        problems.add(
            Problem::error("the text `hunter2` needs quotes").at(place(11..18), "`unter`").help("write `\"hunter2\"`"),
        );
        problems.add(Problem::error("elsewhere: hunter2, and `x`").at(place(26..29), ""));
        for problem in problems.sorted() {
            let words = format!("{} {:?} {:?}", problem.message, problem.help, problem.labels);
            assert!(!words.contains("unter"), "{words}");
        }
        assert_eq!(problems.sorted()[1].message, "elsewhere: •••, and `x`");
    }

    #[test]
    fn one_problem_of_several_sites_is_listed_once_with_all_of_them() {
        let mut problems = Problems::default();
        for site in ["BER", "HAM"] {
            problems.enter("media.toml", Some(site));
            problems.add(Problem::error("wrong"));
        }
        problems.enter("other.toml", None);
        problems.add(Problem {
            origins: vec![Origin { site: Some("ROM".into()), ..Origin::default() }],
            ..Problem::error("wrong")
        });
        problems.enter("", None);
        problems.add(Problem::error("nowhere"));
        let origins = |at: usize| -> Vec<_> {
            let origins = problems.sorted()[at].origins.iter();
            origins.map(|origin| (origin.manifest.as_str(), origin.site.as_deref().unwrap())).collect()
        };
        assert_eq!(origins(0), [("media.toml", "BER"), ("media.toml", "HAM"), ("other.toml", "ROM")]);
        assert_eq!(origins(1), []);
        assert_eq!(problems.sorted().len(), 2);
    }

    #[test]
    fn of_problems_without_end_a_number_is_listed_and_no_severity_is_lost() {
        let mut problems = Problems::default();
        (0..MAX_PROBLEMS + 500).for_each(|n| problems.add(Problem::warning(format!("warning {n}"))));
        (0..500).for_each(|n| problems.add(Problem::error(format!("error {n}"))));
        assert!(problems.has_errors());
        assert_eq!(problems.sorted().len(), MAX_PROBLEMS + 2);
    }
}
