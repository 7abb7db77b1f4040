//! Lexer of INF files ("General Syntax Rules for INF Files" in Microsoft's driver documentation).
//!
//! A line is a key and comma-separated fields. Quotes, comments and line continuations are
//! resolved. A `%token%` is replaced on request, anywhere in a field, and `%%` becomes a percent
//! sign. Directory numbers (`%12%`) and undefined tokens stay as they are.

use std::collections::HashMap;

use crate::foreign_text::{from_utf8, from_utf16};
use crate::limits::MAX_INF_STRING_LEN;

/// A line in a section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct InfLine {
    /// Text before the equals sign; empty without one.
    pub key: String,
    /// Fields after the equals sign, or of the whole line without one.
    pub fields: Vec<String>,
}

/// Sections of a file, and the strings that tokens stand for.
pub(super) struct Sections {
    sections: Vec<(String, Vec<InfLine>)>,
    strings: HashMap<String, String>,
}

/// Decodes an INF or INI file: UTF-8 and UTF-16 by their byte order marks, UTF-16 without one by
/// its zero bytes. Other text is read as Latin-1, which preserves ASCII in every code page.
pub fn decode_text(bytes: &[u8]) -> String {
    let units = |bytes: &[u8], unit: fn([u8; 2]) -> u16| from_utf16(bytes.as_chunks().0.iter().map(|two| unit(*two)));
    match bytes {
        [0xFF, 0xFE, rest @ ..] => units(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => units(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => from_utf8(rest),
        // The first character is ASCII in practice: a bracket, a semicolon or a line break.
        [one, 0, two, 0, ..] if *one > 0 && *two > 0 => units(bytes, u16::from_le_bytes),
        [0, one, 0, two, ..] if *one > 0 && *two > 0 => units(bytes, u16::from_be_bytes),
        _ => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// Splits a text into sections and lines.
impl Sections {
    pub fn parse(text: &str) -> Self {
        let mut sections: Vec<(String, Vec<InfLine>)> = Vec::new();
        for line in join_lines(text) {
            if let Some(name) = line.strip_prefix('[') {
                let name = split_unquoted(name, ']').next().unwrap_or_default();
                sections.push((unquote(name), Vec::new()));
            } else if let Some((_, lines)) = sections.last_mut() {
                let mut halves = split_unquoted(&line, '=');
                let (first, rest) = (halves.next().unwrap_or_default(), line.split_at(halves.at).1);
                let (key, value) = if halves.is_done { ("", line.as_str()) } else { (first, rest) };
                lines.push(InfLine { key: unquote(key), fields: split_unquoted(value, ',').map(unquote).collect() });
            }
        }
        let mut strings = HashMap::new();
        let is_strings = |name: &str| name.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("strings"));
        // Localized strings: neutral ones first, then English (0409), the language of Windows PE.
        let rank =
            |name: &str| [7, 12].iter().position(|len| name.len() == *len && (*len == 7 || name.ends_with("0409")));
        let mut named: Vec<_> = sections.iter().filter(|(name, _)| is_strings(name)).collect();
        named.sort_by_key(|(name, _)| rank(name).unwrap_or(2));
        for line in named.into_iter().flat_map(|(_, lines)| lines) {
            let value = line.fields.first().cloned().unwrap_or_default();
            strings.entry(line.key.to_ascii_lowercase()).or_insert(value);
        }
        Self { sections, strings }
    }

    /// Lines of all sections with this name, in any case: Windows merges such sections.
    pub fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a InfLine> + Clone {
        let named = self.sections.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name));
        named.flat_map(|(_, lines)| lines)
    }

    /// Replaces the tokens in a text. A long result is cut off at [`MAX_INF_STRING_LEN`]
    /// characters.
    pub fn expand(&self, text: &str) -> String {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            expanded += before;
            match after.split_once('%') {
                Some(("", after)) => {
                    expanded.push('%');
                    rest = after;
                }
                Some((token, after)) => {
                    match self.strings.get(&token.to_ascii_lowercase()) {
                        Some(value) => expanded += value,
                        None => expanded.extend(["%", token, "%"]),
                    }
                    rest = after;
                }
                None => {
                    expanded.push('%');
                    rest = after;
                }
            }
            if expanded.len() > MAX_INF_STRING_LEN {
                return expanded.chars().take(MAX_INF_STRING_LEN).collect();
            }
        }
        expanded + rest
    }
}

/// Lines without comments, surrounding blanks and empty lines. A backslash at the end continues a
/// line.
fn join_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut joined = String::new();
    for line in text.lines() {
        let line = split_unquoted(line, ';').next().unwrap_or_default().trim();
        match line.strip_suffix('\\').filter(|start| !ends_in_quotes(start)) {
            Some(start) => joined += start,
            None => {
                joined += line;
                lines.push(std::mem::take(&mut joined));
            }
        }
    }
    lines.push(joined);
    lines.retain(|line| !line.trim().is_empty());
    lines
}

/// Returns `true` if the end of `text` is inside quotes.
fn ends_in_quotes(text: &str) -> bool {
    text.matches('"').count() % 2 == 1
}

/// Splits a text at a character outside of quotes.
fn split_unquoted(text: &str, at: char) -> Split<'_> {
    Split { text, separator: at, at: 0, is_done: false }
}

/// Parts of a text; see [`split_unquoted`].
struct Split<'a> {
    text: &'a str,
    separator: char,
    /// Offset of the next part.
    at: usize,
    is_done: bool,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.is_done {
            return None;
        }
        let rest = &self.text[self.at..];
        let mut is_quoted = false;
        for (len, c) in rest.char_indices() {
            match c {
                '"' => is_quoted = !is_quoted,
                c if c == self.separator && !is_quoted => {
                    self.at += len + c.len_utf8();
                    return Some(&rest[..len]);
                }
                _ => {}
            }
        }
        self.is_done = true;
        Some(rest)
    }
}

/// Trims a text and removes its quotes; a doubled quote inside of quotes stays as one.
fn unquote(text: &str) -> String {
    let mut unquoted = String::new();
    let mut is_quoted = false;
    let mut chars = text.trim().chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => unquoted.extend(chars.next()),
            '"' => is_quoted = !is_quoted,
            c => unquoted.push(c),
        }
    }
    unquoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, section: &str) -> Vec<(String, Vec<String>)> {
        let sections = Sections::parse(text);
        sections.lines(section).map(|line| (line.key.clone(), line.fields.clone())).collect()
    }

    fn line(key: &str, fields: &[&str]) -> (String, Vec<String>) {
        (key.into(), fields.iter().map(|field| (*field).to_owned()).collect())
    }

    #[test]
    fn names_that_are_not_text_stay_different() {
        let name = |unit: u16| decode_text(&[0xfeff, 0x61, unit].map(u16::to_le_bytes).concat());
        assert_eq!([name(0xd800), name(0xdfff)], ["a\\u{d800}", "a\\u{dfff}"]);
        assert_eq!(decode_text(b"\xef\xbb\xbfa\xff"), "a\\xff");
    }

    #[test]
    fn quotes_comments_and_continued_lines_are_resolved() {
        let text = "junk=1\n [ First ] ; a comment\n key = one, \"two; \"\"2\"\"\", th\" r\"ee ; comment \"\n\
            long = a, \\ ; goes on\n   b,\\\n c\n\"quoted = key\" = \"C:\\\"\n\
            alone, field\nempty =\nback = C:\\dir\\\n[second]\nx=1\n[\"od]d\"]\ny=2\n[FIRST]\nmore=\"open, still\nz=1\n";
        assert_eq!(
            lines(text, "first"),
            [
                line("key", &["one", "two; \"2\"", "th ree"]),
                line("long", &["a", "b", "c"]),
                line("quoted = key", &["C:\\"]),
                line("", &["alone", "field"]),
                line("empty", &[""]),
                line("back", &["C:\\dir[second]"]),
                line("x", &["1"]),
                line("more", &["open, still"]),
                line("z", &["1"]),
            ]
        );
        assert_eq!(lines(text, "od]d"), [line("y", &["2"])]);
        assert_eq!(lines("", "first"), []);
    }

    #[test]
    fn tokens_are_replaced_wherever_they_stand() {
        let text = "[Strings.0407]\nname=deutsch\nonly=nur\n[Strings.0409]\nname=english\nsecond=2\n[STRINGS]\n\
            Name = \"net, card\"\npercent=%%\n\"with blank\" = b\n";
        let sections = Sections::parse(text);
        for (written, expanded) in [
            ("%NAME%.cat", "net, card.cat"),
            ("a%name%b%second%c", "anet, cardb2c"),
            ("%only%", "nur"),
            ("100%% of %name%", "100% of net, card"),
            ("%12%\\x.sys", "%12%\\x.sys"),
            ("%unknown%%second%", "%unknown%2"),
            ("half %name", "half %name"),
            ("%percent%", "%%"),
            ("%with blank%", "b"),
            ("plain", "plain"),
        ] {
            assert_eq!(sections.expand(written), expanded, "{written}");
        }
        let bomb = format!("[Strings]\na={}\n", "x".repeat(10_000));
        assert_eq!(Sections::parse(&bomb).expand(&"%a%".repeat(10_000)).len(), MAX_INF_STRING_LEN);
    }

    #[test]
    fn every_encoding_of_windows_is_decoded() {
        let written = "[Version]\r\nProvider=Kühn";
        let units = |unit: fn(u16) -> [u8; 2]| written.encode_utf16().flat_map(unit).collect::<Vec<_>>();
        let marked = |mark: &[u8], rest: &[u8]| [mark, rest].concat();
        for bytes in [
            units(u16::to_le_bytes),
            units(u16::to_be_bytes),
            marked(&[0xFF, 0xFE], &units(u16::to_le_bytes)),
            marked(&[0xFE, 0xFF], &units(u16::to_be_bytes)),
            marked(&[0xEF, 0xBB, 0xBF], written.as_bytes()),
            written.chars().map(|c| c as u8).collect(),
        ] {
            assert_eq!(decode_text(&bytes), written, "{bytes:?}");
        }
        assert_eq!(decode_text(b""), "");
    }
}
