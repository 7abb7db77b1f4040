//! What authors got wrong: many at a time, each with the lines it is about.
//!
//! Problems are data. `report` draws them for a terminal or as JSON; nothing here knows how they look. Values of secrets
//! are taken out of messages here; `report` masks them in the lines that it shows.

mod mask;

use std::ops::Range;
use std::sync::Arc;

pub use mask::MASK;

use crate::limits::MAX_PROBLEMS;
use crate::rule::Rule;
pub use crate::rule::Severity;

/// A text that an author wrote (manifest, profile, variables) and that a problem can point into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// How the author knows it: the path as given on the command line, or the name of a built-in profile.
    pub name: String,
    /// The whole text.
    pub text: Arc<str>,
    /// Bytes of it that are values of secrets, in order and apart from each other: never to be shown.
    pub secrets: Vec<Range<usize>>,
}

/// Which [`SourceText`] of a [`Problems`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(usize);

/// A range of bytes in an author's text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The text it is in.
    pub source: SourceId,
    /// The bytes of that text; both ends lie on character boundaries.
    pub span: Range<usize>,
}

/// One thing that is wrong, where, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether it stops the work.
    pub severity: Severity,
    /// Rule of the field that is broken, if there is one.
    pub rule: Option<Rule>,
    /// A lower-case fragment without a final stop, literals in backticks.
    pub message: String,
    /// What to underline, the culprit first, each with a few words; the words may be empty.
    pub labels: Vec<(Place, String)>,
    /// What would be right, to be typed as it stands where possible.
    pub help: Option<String>,
    /// Places that must not be shown: secrets that were written out.
    pub hidden: Vec<Place>,
}

impl Problem {
    /// Returns a problem that breaks a rule, which has the severity.
    pub fn new(rule: Rule, message: impl Into<String>) -> Self {
        Self::error(message).with_rule(Some(rule))
    }

    /// An error that breaks no rule.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            rule: None,
            message: message.into(),
            labels: Vec::new(),
            help: None,
            hidden: Vec::new(),
        }
    }

    /// A warning that breaks no rule.
    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// A note that breaks no rule.
    pub fn note(message: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::error(message) }
    }

    /// Sets the broken rule, if there is one, and with it the severity.
    pub fn with_rule(self, rule: Option<Rule>) -> Self {
        let severity = rule.map_or(self.severity, Rule::severity);
        Self { severity, rule, ..self }
    }

    /// Underlines `place`, with a few words.
    pub fn at(mut self, place: Place, words: impl Into<String>) -> Self {
        self.labels.push((place, words.into()));
        self
    }

    /// Says what would be right.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Hides the place that is underlined first: it holds a secret.
    pub fn hide(mut self) -> Self {
        self.hidden.extend(self.labels.first().map(|(place, _)| place.clone()));
        self
    }
}

/// A rule that an author has lowered, and how often it spoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lowering {
    /// The rule.
    pub rule: Rule,
    /// What it was lowered to; nothing if it is off.
    pub to: Option<Severity>,
    /// How many problems break it, said or not.
    pub n_problems: usize,
}

/// Everything that is wrong, with the texts it is wrong in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    sources: Vec<SourceText>,
    list: Vec<Problem>,
    n_errors_told: usize,
    lowerings: Vec<Lowering>,
    /// What was not said since its rule is off.
    unsaid: Vec<Problem>,
}

impl Problems {
    /// Takes in a text that problems can point into.
    pub fn add_source(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) -> SourceId {
        let text = text.into();
        let secrets = mask::secrets(&text);
        self.sources.push(SourceText { name: name.into(), text, secrets });
        SourceId(self.sources.len() - 1)
    }

    /// The same of a text that may have been taken in before, as every site reads it.
    pub fn add_source_once(&mut self, name: &str, text: &str) -> SourceId {
        match self.sources.iter().position(|source| source.name == name && *source.text == *text) {
            Some(at) => SourceId(at),
            None => self.add_source(name, text),
        }
    }

    /// Where problems begin that are added from now on, for [`Self::take_since`].
    pub fn mark(&self) -> usize {
        self.list.len()
    }

    /// Takes out what was added since.
    pub fn take_since(&mut self, mark: usize) -> Vec<Problem> {
        self.list.split_off(mark)
    }

    /// Notes rules that an author has lowered.
    pub fn note_lowerings(&mut self, lowerings: impl IntoIterator<Item = Lowering>) {
        for lowering in lowerings {
            // What its files show is added to what the manifest shows.
            match self.lowerings.iter_mut().find(|known| known.rule == lowering.rule && known.to == lowering.to) {
                Some(known) => known.n_problems += lowering.n_problems,
                None => self.lowerings.push(lowering),
            }
        }
    }

    /// The rules that authors have lowered.
    pub fn lowerings(&self) -> &[Lowering] {
        &self.lowerings
    }

    /// The text that a place points into.
    pub fn source(&self, id: SourceId) -> &SourceText {
        &self.sources[id.0]
    }

    /// Adds a problem, unless the very same one is there already (every site renders the same lines).
    pub fn add(&mut self, problem: Problem) {
        self.n_errors_told += usize::from(problem.severity == Severity::Error);
        problem.hidden.iter().for_each(|place| self.hide(place.clone()));
        if let Some(unlisted) = self.list.get(MAX_PROBLEMS..) {
            // An error among them must still count as one.
            if unlisted.iter().all(|known| known.severity != problem.severity) {
                let message = format!("more than {MAX_PROBLEMS} problems were found; the rest are not listed");
                self.list.push(Problem { severity: problem.severity, ..Problem::error(message) });
            }
            return;
        }
        let problem = self.without_secrets(problem);
        if !self.list.contains(&problem) {
            self.list.push(problem);
        }
    }

    /// Adds a problem whose rule an author has lowered, and counts it, said or not.
    pub fn add_lowered(&mut self, problem: Problem, is_said: bool) {
        // Every site has the same one.
        if self.list.contains(&problem) || self.unsaid.contains(&problem) {
            return;
        }
        let lowering = self.lowerings.iter_mut().find(|lowering| problem.rule == Some(lowering.rule));
        lowering.into_iter().for_each(|lowering| lowering.n_problems += 1);
        match is_said {
            true => self.add(problem),
            false => self.unsaid.push(problem),
        }
    }

    /// Marks a place as that of a secret, which is never shown. A proper reference stays visible.
    fn hide(&mut self, place: Place) {
        let Some(source) = self.sources.get_mut(place.source.0) else { return };
        let is_known = |known: &Range<usize>| place.span.start <= known.start && known.end <= place.span.end;
        // The values within braces are known already, and their keys may be read.
        if source.text.get(place.span.clone()).is_some() && !source.secrets.iter().any(is_known) {
            source.secrets.push(place.span);
            source.secrets = mask::merged(std::mem::take(&mut source.secrets));
        }
    }

    /// Removes the values of secrets from the words of a problem.
    fn without_secrets(&self, mut problem: Problem) -> Problem {
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

    /// The problems in the order of the lines that they are about; those about no line come last.
    pub fn sorted(&self) -> Vec<&Problem> {
        let mut sorted: Vec<_> = self.list.iter().collect();
        sorted.sort_by_key(|problem| {
            let place = problem.labels.first().map(|(place, _)| (place.source, place.span.start));
            (place.is_none(), place, problem.severity)
        });
        sorted
    }

    /// How often an error was added, the same one each time that it was: what tells whether one more step failed.
    pub fn n_errors_told(&self) -> usize {
        self.n_errors_told
    }

    /// Drops what is only worth knowing.
    pub fn drop_notes(&mut self) {
        self.list.retain(|problem| problem.severity != Severity::Note);
    }

    /// Whether any of them stops the work.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many there are of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|problem| problem.severity == severity).count()
    }
}

/// Returns whether two ranges touch the same line of a text.
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
    fn of_problems_without_end_a_number_is_listed_and_no_severity_is_lost() {
        let mut problems = Problems::default();
        (0..MAX_PROBLEMS + 500).for_each(|n| problems.add(Problem::warning(format!("warning {n}"))));
        (0..500).for_each(|n| problems.add(Problem::error(format!("error {n}"))));
        assert!(problems.has_errors());
        assert_eq!(problems.sorted().len(), MAX_PROBLEMS + 2);
    }
}
