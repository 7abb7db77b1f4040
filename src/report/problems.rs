//! Formats problems with the lines that cause them.
//!
//! miette draws lines of one text, but a problem may have labels in several (a manifest and its profile). So the texts of
//! a problem are presented to miette as one, at addresses far apart, each under its own name.

use std::fmt;
use std::ops::Range;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    Severity as Level, SourceCode, SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};
use serde_json::{Value as Json, json};

use crate::problem::{MASK, Place, Problem, Problems, Severity, SourceId, SourceText};
use crate::rule::Rule;

use super::page::wrapped;
use super::repeated::{self, RepeatedProblem};
use super::{TextStyle, shown_name};
use crate::foreign_text;

/// Lines of context before and after the labelled ones.
const N_CONTEXT_LINES: usize = 1;
/// Maximum length of a line in characters; longer lines are cut, with some text before the label.
const N_CHARS_BEFORE: usize = 40;
const MAX_LINE_CHARS: usize = 160;
/// Mask of secrets in ASCII output.
const PLAIN_MASK: &str = "***";
/// Unused addresses between two texts, so that miette does not join their lines.
const GAP: usize = 1 << 16;
/// Minimum indentation of continuations in [`wrapped`].
const HANG: usize = 2;

/// Draws all problems in the order of their lines, and a summary; empty if there are none. Equal warnings and notes are
/// drawn once.
pub fn graphical(problems: &Problems, style: TextStyle) -> String {
    let width = style.width.max(40);
    let mut text = String::new();
    let groups = repeated::group(problems);
    for group in &groups {
        let problem = group.first;
        let marker = marker(problem, style.unicode);
        let drawn =
            ProblemDiagnostic::new(problem, problems, width, (&marker, if style.unicode { MASK } else { PLAIN_MASK }));
        // Writing to a `String` does not fail. If miette fails, the summary still counts the problem.
        let _ = handler(marker, style, width).render_report(&mut text, &drawn);
        if let Some(elsewhere) = group.elsewhere() {
            text.push_str(&wrapped("  ", HANG, &foreign_text::line(&elsewhere), width));
            text.push('\n');
        }
        text.push('\n');
    }
    if let Some(summary) = count(&groups) {
        text.push_str(&summary);
        text.push('\n');
    }
    without_trailing_spaces(&text)
}

/// Returns the miette handler that puts `marker` before the message.
fn handler(marker: String, style: TextStyle, width: usize) -> GraphicalReportHandler {
    let styles = if style.colour { ThemeStyles::ansi() } else { ThemeStyles::none() };
    let lines = if style.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() };
    let characters = ThemeCharacters { error: marker.clone(), warning: marker.clone(), advice: marker, ..lines };
    GraphicalReportHandler::new_themed(GraphicalTheme { characters, styles })
        // Wrapping is done here: miette would break keys at their hyphens.
        .with_wrap_lines(false)
        .with_width(width)
        .with_context_lines(N_CONTEXT_LINES)
        .with_links(false)
        .without_syntax_highlighting()
        .tab_width(4)
}

/// Returns the text before the message: a sign, and the severity with the rule, such as `× error[weak-password]:`.
fn marker(problem: &Problem, unicode: bool) -> String {
    let severity = problem.severity;
    let sign = match severity {
        Severity::Error => "×",
        Severity::Warning => "⚠",
        Severity::Note => "☞",
    };
    match (problem.rule, unicode) {
        (Some(rule), true) => format!("{sign} {severity}[{rule}]:"),
        (Some(rule), false) => format!("{severity}[{rule}]:"),
        (None, true) => sign.to_owned(),
        (None, false) => format!("{severity}:"),
    }
}

/// Counts problems by severity, such as `3 errors, 1 warning`; `None` if there are none. Equal ones count once.
pub fn summary(problems: &Problems) -> Option<String> {
    count(&repeated::group(problems))
}

fn count(groups: &[RepeatedProblem]) -> Option<String> {
    let counted: Vec<_> = [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")]
        .into_iter()
        .map(|(severity, word)| (groups.iter().filter(|group| group.first.severity == severity).count(), word))
        .filter(|(n_problems, _)| *n_problems > 0)
        .map(|(n_problems, word)| super::counted(n_problems, word))
        .collect();
    (!counted.is_empty()).then(|| counted.join(", "))
}

/// Returns all problems as JSON, in the order of their lines. Lines and columns of labels count from 1, columns in
/// characters.
pub fn json(problems: &Problems) -> Vec<Json> {
    let label = |(place, words): &(Place, String)| {
        let source = problems.source(place.source);
        let (line, column) = line_and_column(&source.text, place.span.start);
        let (end_line, end_column) = line_and_column(&source.text, place.span.end);
        json!({
            "file": shown_name(source),
            "line": line,
            "column": column,
            "end-line": end_line,
            "end-column": end_column,
            "bytes": [place.span.start, place.span.end],
            "words": words,
        })
    };
    let problem = |problem: &&Problem| {
        json!({
            "severity": problem.severity.word(),
            "rule": problem.rule.map(Rule::slug),
            "rule-number": problem.rule.map(Rule::code),
            "message": problem.message,
            "help": problem.help,
            "labels": problem.labels.iter().map(label).collect::<Json>(),
            "origins": problem.origins.iter().map(|it| json!({ "manifest": it.manifest, "site": it.site })).collect::<Json>(),
        })
    };
    problems.sorted().iter().map(problem).collect()
}

/// Returns the line and the column of a byte, from 1.
pub(super) fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

fn without_trailing_spaces(text: &str) -> String {
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// Escapes a text and wraps it to `width` columns.
fn in_lines(text: &str, width: usize) -> String {
    wrapped("", 0, &foreign_text::line(text), width)
}

/// Escapes and wraps a message to `width` columns, with room for the marker that miette draws on the first line.
fn after_marker(marker: &str, message: &str, width: usize) -> String {
    // miette draws two spaces before the marker, and `  │ ` before the other lines.
    let drawn = wrapped(&format!("{marker} "), HANG, &foreign_text::line(message), width.saturating_sub(3));
    let lines = drawn.strip_prefix(marker).unwrap_or(&drawn);
    lines.strip_prefix(' ').unwrap_or(lines).replace(&format!("\n{:HANG$}", ""), "\n")
}

/// Problem as a diagnostic of miette.
#[derive(Debug)]
struct ProblemDiagnostic<'a> {
    problem: &'a Problem,
    message: String,
    help: Option<String>,
    texts: SourceTexts,
    labels: Vec<LabeledSpan>,
}

impl<'a> ProblemDiagnostic<'a> {
    fn new(problem: &'a Problem, problems: &Problems, width: usize, (marker, mask): (&str, &str)) -> Self {
        let mut sources: Vec<SourceId> = Vec::new();
        for (place, _) in &problem.labels {
            if !sources.contains(&place.source) {
                sources.push(place.source);
            }
        }
        let mut texts = SourceTexts(Vec::new());
        let mut labels = Vec::new();
        // Address of the next text; labels are shifted by it, and `read_span` subtracts it again.
        let mut start = 0;
        for id in sources {
            let source = problems.source(id);
            let here: Vec<_> = problem.labels.iter().filter(|(place, _)| place.source == id).collect();
            let spans: Vec<_> = here.iter().map(|(place, _)| place.span.clone()).collect();
            // Mask first: cutting could leave part of a secret that no longer looks like one.
            let (text, spans) = masked(source, &spans, mask);
            let (text, spans) = shortened(&text, &spans);
            for ((place, words), span) in here.iter().zip(spans) {
                let words = (!words.is_empty()).then(|| foreign_text::line(words).into_owned());
                let span = SourceSpan::new((start + span.start).into(), span.len());
                let is_culprit = problem.labels.first().is_some_and(|(first, _)| first == place);
                labels.push(match is_culprit {
                    true => LabeledSpan::new_primary_with_span(words, span),
                    false => LabeledSpan::new_with_span(words, span),
                });
            }
            let n_bytes = text.len();
            texts.0.push(ShownText { name: foreign_text::line(&shown_name(source)).into_owned(), start, text });
            start += n_bytes + GAP;
        }
        let message = after_marker(marker, &problem.message, width);
        Self {
            problem,
            message,
            help: problem.help.as_ref().map(|help| in_lines(help, width.saturating_sub("  help: ".len()))),
            texts,
            labels,
        }
    }
}

impl fmt::Display for ProblemDiagnostic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ProblemDiagnostic<'_> {}

impl Diagnostic for ProblemDiagnostic<'_> {
    fn severity(&self) -> Option<Level> {
        Some(match self.problem.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
            Severity::Note => Level::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as _)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        (!self.labels.is_empty()).then_some(&self.texts as _)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (!self.labels.is_empty()).then(|| Box::new(self.labels.iter().cloned()) as _)
    }
}

/// Texts of a problem, each at its own addresses.
#[derive(Debug)]
struct SourceTexts(Vec<ShownText>);

#[derive(Debug)]
struct ShownText {
    name: String,
    start: usize,
    text: String,
}

impl SourceCode for SourceTexts {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        n_before: usize,
        n_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let end = span.offset() + span.len();
        let holds = |text: &&ShownText| text.start <= span.offset() && end <= text.start + text.text.len();
        let text = self.0.iter().find(holds).ok_or(MietteError::OutOfBounds)?;
        let local = SourceSpan::new((span.offset() - text.start).into(), span.len());
        let contents = text.text.read_span(&local, n_before, n_after)?;
        let shifted = SourceSpan::new((contents.span().offset() + text.start).into(), contents.span().len());
        Ok(Box::new(MietteSpanContents::new_named(
            text.name.clone(),
            contents.data(),
            shifted,
            contents.line(),
            contents.column(),
            contents.line_count(),
        )))
    }
}

/// Replaces each secret of a text by a mask, and adjusts the spans. Masks have the same width for every secret, so that they
/// don't reveal its length; line breaks are kept, so that line numbers stay right.
fn masked(source: &SourceText, spans: &[Range<usize>], mask: &str) -> (String, Vec<Range<usize>>) {
    let text = &source.text;
    let mut masked = String::with_capacity(text.len());
    // Range of each secret, range of its mask, and start of the text after it.
    let mut moved: Vec<(&Range<usize>, Range<usize>, usize)> = Vec::new();
    let mut at = 0;
    for secret in &source.secrets {
        let (Some(before), Some(value)) = (text.get(at..secret.start), text.get(secret.clone())) else { continue };
        masked.push_str(before);
        let start = masked.len();
        match value.chars().next().filter(|first| matches!(first, '"' | '\'')) {
            Some(quote) => masked += &format!("{quote}{mask}{quote}"),
            None => masked += mask,
        }
        let end = masked.len();
        // A multi-line secret keeps its line breaks after the mask, so that the lines below keep their numbers.
        masked.extend(value.matches('\n'));
        moved.push((secret, start..end, masked.len()));
        at = secret.end;
    }
    masked.push_str(text.get(at..).unwrap_or_default());
    // Positions within a secret map to the start or the end of its mask, positions after it shift with the text.
    let place = |at: usize, is_end: bool| match moved.iter().rfind(|(secret, ..)| secret.start <= at) {
        None => at,
        Some((secret, mask, _)) if at == secret.start => mask.start,
        Some((secret, mask, _)) if at < secret.end || (is_end && at == secret.end) => {
            if is_end {
                mask.end
            } else {
                mask.start
            }
        }
        Some((secret, _, next)) => next + at - secret.end,
    };
    let spans = spans.iter().map(|span| place(span.start, false)..place(span.end, true).max(place(span.start, false)));
    let spans = spans.collect();
    (masked, spans)
}

/// Escapes a text for printing, cuts long lines around the labels, and adjusts the spans. Lines outside the shown part are
/// left empty.
fn shortened(text: &str, spans: &[Range<usize>]) -> (String, Vec<Range<usize>>) {
    let mut short = Excerpt::default();
    let shown = lines_around(text, spans);
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        let end = line_start + line.len();
        // Escaping the whole manifest for each problem would take quadratic time.
        if end <= shown.start || shown.end <= line_start {
            short.text.push_str(if line.ends_with('\n') { "\n" } else { "" });
            line_start = end;
            continue;
        }
        let first = spans.iter().map(|span| span.start).find(|start| (line_start..end).contains(start));
        let bare_len = line.trim_end_matches(['\n', '\r']).len();
        let chars: Vec<usize> = line[..bare_len].char_indices().map(|(at, _)| at).collect();
        let mut kept = 0..bare_len;
        if chars.len() > MAX_LINE_CHARS {
            // Without a label on the line, show its start.
            let at = first.map_or(0, |first| chars.partition_point(|at| line_start + at < first));
            let from = at.saturating_sub(N_CHARS_BEFORE);
            kept = chars[from]..chars.get(from + MAX_LINE_CHARS).copied().unwrap_or(bare_len);
        }
        short.text.push_str(if kept.start > 0 { "…" } else { "" });
        short.keep(&line[kept.clone()], line_start + kept.start);
        short.text.push_str(if kept.end < bare_len { "…" } else { "" });
        short.keep(&line[bare_len..], line_start + bare_len);
        line_start = end;
    }
    let spans = spans.iter().map(|span| {
        let [start, end] = [span.start, span.end].map(|at| short.place(at));
        start..end.max(start)
    });
    let spans = spans.collect();
    (short.text, spans)
}

/// Returns the bytes of all lines that miette may show: from the first span to the last with their context, and one line
/// more at both ends.
fn lines_around(text: &str, spans: &[Range<usize>]) -> Range<usize> {
    let first = spans.iter().map(|span| span.start).min().unwrap_or_default();
    let last = spans.iter().map(|span| span.end).max().unwrap_or_default();
    let bytes = text.as_bytes();
    let line_start = |at: usize| bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let line_end =
        |at: usize| bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| at + length + 1);
    let (mut start, mut end) = (line_start(first.min(bytes.len())), line_end(last.min(bytes.len())));
    for _ in 0..=N_CONTEXT_LINES {
        start = line_start(start.saturating_sub(1));
        end = line_end(end);
    }
    start..end
}

/// Shown parts of a text, with their positions in it.
#[derive(Default)]
struct Excerpt {
    text: String,
    /// Start of a part in the whole text and here, and its length in both.
    parts: Vec<([usize; 2], [usize; 2])>,
}

impl Excerpt {
    /// Appends a part that starts at `from` in the whole text.
    fn keep(&mut self, part: &str, from: usize) {
        let mut at = 0;
        while at < part.len() {
            let is_shown = |c: char| matches!(c, '\n' | '\t') || foreign_text::is_printed(c);
            let rest = &part[at..];
            let shown = match rest.find(|c| !is_shown(c)) {
                Some(0) => &rest[..rest.chars().next().map_or(0, char::len_utf8)],
                Some(end) => &rest[..end],
                None => rest,
            };
            // The line feed that follows ends the line; the carriage return is dropped.
            let safe = if rest == "\r\n" { "".into() } else { foreign_text::lines(shown) };
            self.parts.push(([from + at, self.text.len()], [shown.len(), safe.len()]));
            self.text.push_str(&safe);
            at += shown.len();
        }
    }

    /// Returns the position of a byte of the whole text.
    fn place(&self, byte: usize) -> usize {
        let n_before = self.parts.partition_point(|([from, _], _)| *from <= byte);
        let Some(([from, now], [len, now_len])) = n_before.checked_sub(1).map(|last| self.parts[last]) else {
            return 0;
        };
        // Within an escape sequence, positions map to its end.
        let inside = if len == now_len || byte == from { byte - from } else { now_len };
        now + inside.min(now_len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_files() -> Problems {
        let mut problems = Problems::default();
        let manifest = problems.add_source("media.toml", "[output]\ncapacity = \"dvd\"\n");
        let profile = problems.add_source("profile.toml", "# first\n\n[output]\ncapacity = 3\n");
        problems.add(
            Problem::new(crate::rule::Rule::UnknownCapacity, "two things disagree")
                .at(Place { source: profile, span: 29..30 }, "a number here")
                .at(Place { source: manifest, span: 20..25 }, "and text here")
                .help("make them agree"),
        );
        problems.add(Problem::warning("about no line").help("sit down"));
        problems
    }

    #[test]
    fn a_problem_about_two_files_shows_both() {
        let text = graphical(&two_files(), TextStyle { unicode: false, ..TextStyle::default() });
        for part in [
            "profile.toml:4:12",
            "media.toml:2:12",
            "a number here",
            "and text here",
            "unknown-capacity",
            "1 error, 1 warning",
        ] {
            assert!(text.contains(part), "{part}:\n{text}");
        }
        assert!(text.is_ascii(), "{text}");
    }

    #[test]
    fn json_says_the_same() {
        let found = json(&two_files());
        assert_eq!(found[0]["labels"][0]["line"], 4);
        assert_eq!(found[0]["labels"][0]["column"], 12);
        assert_eq!(found[0]["labels"][1]["file"], "media.toml");
        assert_eq!(found[0]["rule"], "unknown-capacity");
        assert_eq!(
            found[1],
            serde_json::json!({
                "severity": "warning", "rule": null, "rule-number": null, "message": "about no line", "help": "sit down", "labels": [], "origins": []
            })
        );
    }

    #[test]
    fn long_lines_are_cut_around_what_is_underlined() {
        let mut problems = Problems::default();
        let text = format!("a = \"{}é wrong {}\"\nb = 1\n", "x".repeat(5_000), "y".repeat(5_000));
        let source = problems.add_source("long.toml", text.as_str());
        let at = text.find("wrong").unwrap();
        problems.add(Problem::error("too long").at(Place { source, span: at..at + 5 }, "this"));
        let drawn = graphical(&problems, TextStyle { width: 200, ..TextStyle::default() });
        assert!(drawn.lines().all(|line| line.chars().count() < 180), "{drawn}");
        let lines: Vec<_> = drawn.lines().collect();
        let row = lines.iter().position(|line| line.contains("wrong")).unwrap();
        let column = lines[row].chars().collect::<String>().split("wrong").next().unwrap().chars().count();
        let marker = lines[row + 1].chars().skip(column).take(5).collect::<String>();
        assert_eq!(marker.chars().count(), 5);
        assert!(marker.chars().all(|c| "─┬".contains(c)), "{drawn}");
    }

    #[test]
    fn what_would_control_the_terminal_is_escaped_and_the_right_place_underlined() {
        let mut problems = Problems::default();
        let text = "a = \"\u{202e}\x1b[2J\"\r\nb = \"é\u{200b}wrong\"\n";
        let source = problems.add_source("a\x1b.toml", text);
        let at = text.find("wrong").unwrap();
        let place = Place { source, span: at..at + 5 };
        problems.add(Problem::error("odd \x07").at(place, "this\u{2066}").help("line\nbreak"));
        for colour in [false, true] {
            let drawn = graphical(&problems, TextStyle { colour, ..TextStyle::default() });
            let plain = drawn.replace("\x1b[", "").replace('\n', "");
            assert!(plain.chars().all(foreign_text::is_printed), "{drawn}");
        }
        insta::assert_snapshot!(graphical(&problems, TextStyle::default()), @r#"
          × odd \x07
           ╭─[a\x1b.toml:2:16]
         1 │ a = "\u{202e}\x1b[2J"
         2 │ b = "é\u{200b}wrong"
           ·               ──┬──
           ·                 ╰── this\u{2066}
           ╰────
          help: line\x0abreak

        1 error
        "#);
    }

    #[test]
    fn the_end_of_a_text_and_an_empty_one_can_be_underlined() {
        for (text, span) in [("", 0..0), ("a = 1", 5..5), ("a = 1\n", 6..6), ("é", 0..2), ("a\r\nb", 3..4)] {
            let mut problems = Problems::default();
            let source = problems.add_source("end.toml", text);
            problems.add(Problem::error("here").at(Place { source, span }, "here"));
            assert!(graphical(&problems, TextStyle::default()).contains("end.toml"), "{text:?}");
        }
    }
}
