//! Text for people, line by line: each is escaped where it is added, so that nothing foreign in it ends it or controls the
//! terminal, and broken between words where the terminal is narrow.
//!
//! Lines are broken at spaces only, and not within backticks: paths and commands stay whole where a line can hold them.

use std::fmt;

use unicode_width::UnicodeWidthStr;

use crate::foreign_text;

/// Lines of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    /// What is never broken, and behind which the continuations begin.
    start: String,
    text: String,
}

impl Page {
    /// A page of one line.
    pub fn of_line(text: impl AsRef<str>) -> Self {
        let mut page = Self::default();
        page.line(text);
        page
    }

    /// Adds a line; spaces at its start are its indentation, and its continuations have two more.
    pub fn line(&mut self, text: impl AsRef<str>) {
        let text = text.as_ref();
        let indent = text.len() - text.trim_start_matches(' ').len();
        self.row(&text[..indent], &text[indent..]);
    }

    /// Adds a line that begins with cells of a table, or a word such as `error: `: its continuations begin behind those.
    pub fn row(&mut self, cells: impl AsRef<str>, text: impl AsRef<str>) {
        let [start, text] = [cells.as_ref(), text.as_ref()].map(|text| foreign_text::line(text).into_owned());
        self.lines.push(Line { start, text });
    }

    /// Adds an empty line.
    pub fn gap(&mut self) {
        self.line("");
    }

    /// Adds the lines of another page.
    pub fn append(&mut self, other: Self) {
        self.lines.extend(other.lines);
    }

    /// The page without empty lines at its start.
    pub fn trimmed(mut self) -> Self {
        let n_empty = self.lines.iter().take_while(|line| line.start.is_empty() && line.text.is_empty()).count();
        self.lines.drain(..n_empty);
        self
    }

    /// Returns the lines, broken so that they have `width` columns at most, as far as words allow.
    pub fn wrapped(&self, width: usize) -> String {
        self.lines.iter().map(|line| line.wrapped(width) + "\n").collect()
    }
}

impl Line {
    fn wrapped(&self, width: usize) -> String {
        let Self { start, text } = self;
        // Behind many cells there would be room for a word at most.
        let hang = if start.trim().is_empty() { start.len() + 2 } else { columns(start) }.min(width / 2);
        wrapped(start, hang, text, width)
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|Line { start, text }| writeln!(f, "{}", format!("{start}{text}").trim_end()))
    }
}

/// The columns of a terminal that a text takes.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

/// Breaks a line after `width` columns at most; what follows is indented by `hang`, or less where a long word needs it.
pub(super) fn wrapped(start: &str, hang: usize, text: &str, width: usize) -> String {
    let mut lines = start.to_owned();
    let mut at = columns(start);
    let mut is_first = true;
    for word in words(text, width.saturating_sub(hang)) {
        let needed = columns(word);
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

/// The parts of a text between which it may be broken, a space each. What stands in backticks is one part if it has
/// `width` columns at most.
fn words(text: &str, width: usize) -> Vec<&str> {
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
            "the medium holds 3 files that `tsmedia apply media.toml` would make anew, and one of them is at odds";
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
