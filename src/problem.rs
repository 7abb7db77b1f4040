//! What authors got wrong: many at a time, each with the lines it is about.
//!
//! Problems are data. `report` draws them for a terminal or as JSON; nothing here knows how they look.

use std::ops::Range;
use std::sync::Arc;

/// A text that an author wrote (manifest, profile, variables) and that a problem can point into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// How the author knows it: the path as given on the command line, or the name of a built-in profile.
    pub name: String,
    /// The whole text.
    pub text: Arc<str>,
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

/// Whether a problem stops the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is built before it is mended.
    Error,
    /// The medium can be built; the author probably didn't mean it.
    Warning,
    /// Worth knowing.
    Note,
}

/// One thing that is wrong, where, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether it stops the work.
    pub severity: Severity,
    /// The rule of the field that it breaks (`R27`), where there is one.
    pub rule: Option<&'static str>,
    /// A lower-case fragment without a final stop, literals in backticks.
    pub message: String,
    /// What to underline, the culprit first, each with a few words; the words may be empty.
    pub labels: Vec<(Place, String)>,
    /// What would be right, to be typed as it stands where possible.
    pub help: Option<String>,
    /// Whether what is underlined first must not be shown: a secret that was written out.
    pub is_hidden: bool,
}

impl Problem {
    /// An error.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            rule: None,
            message: message.into(),
            labels: Vec::new(),
            help: None,
            is_hidden: false,
        }
    }

    /// A warning.
    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// A note.
    pub fn note(message: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::error(message) }
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

    /// Has what is underlined first never be shown.
    pub fn hide(mut self) -> Self {
        self.is_hidden = true;
        self
    }

    /// Names the rule of the field.
    pub fn rule(mut self, rule: &'static str) -> Self {
        self.rule = Some(rule);
        self
    }
}

/// A rule that an author has lowered, and how often it spoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lowering {
    /// The rule.
    pub rule: String,
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
        self.sources.push(SourceText { name: name.into(), text: text.into() });
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
        if let Some((place, _)) = problem.labels.first().filter(|_| problem.is_hidden) {
            self.hide(place.clone());
        }
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
        let lowering = self.lowerings.iter_mut().find(|lowering| problem.rule == Some(lowering.rule.as_str()));
        lowering.into_iter().for_each(|lowering| lowering.n_problems += 1);
        match is_said {
            true => self.add(problem),
            false => self.unsaid.push(problem),
        }
    }

    /// Puts asterisks in the place of a text, so that no message shows it. Places stay where they are.
    fn hide(&mut self, place: Place) {
        let Some(source) = self.sources.get_mut(place.source.0) else { return };
        let (Some(before), Some(text), Some(after)) = (
            source.text.get(..place.span.start),
            source.text.get(place.span.clone()),
            source.text.get(place.span.end..),
        ) else {
            return;
        };
        let hidden: String = text.bytes().map(|byte| if byte == b'\n' { '\n' } else { '*' }).collect();
        source.text = format!("{before}{hidden}{after}").into();
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
}
