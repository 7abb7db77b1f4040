//! Lines of text for a terminal. Each line is escaped when it is added, so that foreign text can't control the terminal, and
//! wrapped to the width of the terminal when it is printed.
//!
//! Lines are wrapped at spaces only, and not within backticks: paths and commands stay whole if they fit a line.

use std::fmt;

use unicode_width::UnicodeWidthStr;

use crate::foreign_text;

/// Lines of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    lines: Vec<PageLine>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct PageLine {
    /// Start of the line, which is never wrapped; continuations are indented by its width.
    start: String,
    text: String,
}

impl Page {
    /// Returns a page with one line.
    pub fn of_line(text: impl AsRef<str>) -> Self {
        let mut page = Self::default();
        page.line(text);
        page
    }

    /// Adds a line. Its continuations are indented by two columns more than the line.
    pub fn line(&mut self, text: impl AsRef<str>) {
        let text = text.as_ref();
        let indent = text.len() - text.trim_start_matches(' ').len();
        self.row(&text[..indent], &text[indent..]);
    }

    /// Adds a line that starts with cells of a table or a label such as `error: `. Its continuations are indented below
    /// `text`.
    pub fn row(&mut self, cells: impl AsRef<str>, text: impl AsRef<str>) {
        let [start, text] = [cells.as_ref(), text.as_ref()].map(|text| foreign_text::line(text).into_owned());
        self.lines.push(PageLine { start, text });
    }

    /// Adds an empty line.
    pub fn gap(&mut self) {
        self.line("");
    }

    /// Adds the lines of another page.
    pub fn append(&mut self, other: Self) {
        self.lines.extend(other.lines);
    }

    /// Removes empty lines at the start.
    pub fn trimmed(mut self) -> Self {
        let n_empty = self.lines.iter().take_while(|line| line.start.is_empty() && line.text.is_empty()).count();
        self.lines.drain(..n_empty);
        self
    }

    /// Returns the lines, wrapped to `width` columns. Longer words stay whole.
    pub fn wrapped(&self, width: usize) -> String {
        self.lines.iter().map(|line| line.wrapped(width) + "\n").collect()
    }
}

impl PageLine {
    fn wrapped(&self, width: usize) -> String {
        let Self { start, text } = self;
        // Below wide cells, only a word or two would fit each line: indent by half the width at most.
        let hang = if start.trim().is_empty() { start.len() + 2 } else { columns(start) }.min(width / 2);
        wrapped(start, hang, text, width)
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines
            .iter()
            .try_for_each(|PageLine { start, text }| writeln!(f, "{}", format!("{start}{text}").trim_end()))
    }
}

/// Returns the columns of a terminal that a text takes.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

/// Wraps a line to `width` columns. Continuations are indented by `hang`, or less if a long word needs the room.
pub(super) fn wrapped(start: &str, hang: usize, text: &str, width: usize) -> String {
    let mut lines = start.to_owned();
    let mut at = columns(start);
    let mut is_first = true;
    for word in split_words(text, width.saturating_sub(hang)) {
        let needed = columns(word);
        // The first word stays on the line of `start`, unless it only fits below.
        if !is_first && at + 1 + needed <= width {
            lines.push(' ');
            at += 1;
        } else if !is_first || at > 2 && at + needed > width && !start.trim().is_empty() {
            let indent = hang.min(width.saturating_sub(needed).max(2));
            lines.truncate(lines.trim_end_matches(' ').len());
            lines.push('\n');
            lines.push_str(&" ".repeat(indent));
            at = indent;
        }
        lines.push_str(word);
        at += needed;
        is_first = false;
    }
    lines.truncate(lines.trim_end_matches(' ').len());
    lines
}

/// Splits a text at the spaces where it may be wrapped. Text in backticks stays whole if it has at most `width` columns.
fn split_words(text: &str, width: usize) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(c) = text[at..].chars().next() {
        if c == ' ' {
            words.push(&text[start..at]);
            start = at + 1;
        } else if c == '`'
            && let Some(end) = text[at + 1..].find('`')
            && columns(&text[at..at + end + 2]) <= width
        {
            at += end + 1;
        }
        at += text[at..].chars().next().map_or(1, char::len_utf8);
    }
    words.push(&text[start..]);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_between_words_and_no_line_is_too_long() {
        let text =
            "the medium contains 3 files that `tsmedia apply media.toml` would write again, and one of them is damaged";
        for width in 26..110 {
            let broken = wrapped("error: ", 7, text, width);
            assert!(broken.lines().all(|line| columns(line) <= width), "{broken}");
            assert!(broken.lines().skip(1).all(|line| line.starts_with("       ")), "{broken}");
            assert_eq!(broken.split_whitespace().collect::<Vec<_>>().join(" "), format!("error: {text}"));
            assert!(broken.contains("`tsmedia apply media.toml`") || width < 33, "{broken}");
        }
    }

    #[test]
    fn long_paths_stay_whole_and_begin_further_to_the_left() {
        let mut page = Page::default();
        page.row("123456  12.0 MB      3  ", "small files in SMS/PKG/BER00021/drivers/network/x64");
        page.line("  kept `/srv/media/a folder/with spaces/win11.iso` as it is");
        let broken = [
            "123456  12.0 MB      3  small files in",
            "                SMS/PKG/BER00021/drivers/network/x64",
            "  kept `/srv/media/a folder/with spaces/win11.iso`",
            "    as it is",
        ];
        assert_eq!(page.wrapped(52).lines().collect::<Vec<_>>(), broken);
        assert_eq!(page.wrapped(200), page.to_string());
    }

    #[test]
    fn wide_letters_take_two_columns() {
        let broken = wrapped("", 2, &"日本 ".repeat(20), 20);
        assert!(broken.lines().all(|line| columns(line) <= 20) && broken.lines().count() == 7, "{broken}");
    }

    #[test]
    fn nothing_foreign_ends_a_line() {
        let mut page = Page::default();
        page.row("a\n", "b\r\x1b[2J\u{202e}");
        page.line("  ok\nerror: not ours");
        assert_eq!(page.to_string(), "a\\x0ab\\x0d\\x1b[2J\\u{202e}\n  ok\\x0aerror: not ours\n");
    }
}
