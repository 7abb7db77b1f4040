//! TOML text to a tree with places, and what is wrong with the text.
//!
//! Follows TOML 1.0. The parser also takes what TOML 1.1 added, which editors refuse and which turns the `\e` of
//! an unescaped Windows path into a control character, so those additions are refused here.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::limits::{MAX_SYNTAX_ERRORS, MAX_TOML_DEPTH, MAX_TOML_ITEMS, MAX_TOML_KEYS, MAX_TOML_POINTERS_LEN};
use crate::merge_conflict;
use crate::problem::{Place, Problem, Problems, SourceId};

use super::nesting::too_deep;
use super::spanned::{Entry, Node, Table, Value};

/// Merge conflicts that are underlined.
const MAX_CONFLICTS: usize = 5;

/// Reads a text. What is wrong with it goes to `problems`; the tree then holds what could be read.
pub fn parse(source: SourceId, text: &str, problems: &mut Problems) -> Node {
    let conflicts = merge_conflict::find(text);
    if let Some((first, others)) = conflicts.split_first() {
        let place = |span: &std::ops::Range<usize>| Place { source, span: span.clone() };
        let n_conflicts = conflicts.len();
        let what = if n_conflicts == 1 {
            "an unresolved merge conflict".into()
        } else {
            format!("{n_conflicts} unresolved merge conflicts")
        };
        let mut problem = Problem::error(format!("the file has {what}")).at(place(first), "");
        for other in others.iter().take(MAX_CONFLICTS - 1) {
            problem = problem.at(place(other), "");
        }
        problems.add(problem.help(merge_conflict::ADVICE));
        // Either side may be right: what is wrong besides is told when one is chosen.
        return Node { value: Value::Table(Table::default()), place: Place { source, span: 0..0 } };
    }
    // A byte order mark is no part of the document, but places count it.
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let lines_complained_of = Vec::new();
    let mut reader = Reader { source, text, start, problems, lines_complained_of, twice: None, pointers_len: 0 };
    if let Some(span) = too_deep(&text[start..]) {
        let place = reader.place(span);
        reader.refuse(place.clone(), format!("brackets and dotted keys nest more than {MAX_TOML_DEPTH} levels deep"));
        return Node { value: Value::Table(Table::default()), place };
    }
    let (table, errors) = DeTable::parse_recoverable(&text[start..]);
    for error in errors.iter().take(MAX_SYNTAX_ERRORS) {
        reader.complain(error);
    }
    let value = reader.table(table.into_inner(), 0);
    Node { value, place: reader.place(0..0) }
}

struct Reader<'a> {
    source: SourceId,
    text: &'a str,
    start: usize,
    problems: &'a mut Problems,
    lines_complained_of: Vec<usize>,
    /// Where the line of a table header starts that was there before.
    twice: Option<usize>,
    /// Length of the JSON pointers of the values read so far, in bytes.
    pointers_len: usize,
}

impl<'a> Reader<'a> {
    fn place(&self, span: std::ops::Range<usize>) -> Place {
        let boundary = |mut at: usize| {
            at = (at + self.start).min(self.text.len());
            while !self.text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        Place { source: self.source, span: boundary(span.start)..boundary(span.end) }
    }

    fn raw(&self, place: &Place) -> &'a str {
        &self.text[place.span.clone()]
    }

    fn refuse(&mut self, place: Place, message: String) {
        self.problems.add(Problem::error(message).at(place, "one too many").help("split what is written here"));
    }

    /// Adds the JSON pointer of a value to those that there are, and returns `false` if they become too long.
    fn count_pointer(&mut self, len: usize, place: &Place) -> bool {
        let was_short = self.pointers_len <= MAX_TOML_POINTERS_LEN;
        self.pointers_len = self.pointers_len.saturating_add(len);
        let is_short = self.pointers_len <= MAX_TOML_POINTERS_LEN;
        if was_short && !is_short {
            let message = format!("the keys above all values take more than {MAX_TOML_POINTERS_LEN} bytes");
            self.refuse(place.clone(), message);
        }
        is_short
    }

    /// A table whose JSON pointer has `pointer_len` bytes.
    fn table(&mut self, table: DeTable<'_>, pointer_len: usize) -> Value {
        let n_keys = table.len();
        let mut entries: Vec<_> = table
            .into_iter()
            .take(MAX_TOML_KEYS)
            .map(|(key, value)| {
                let place = self.place(key.span());
                if self.raw(&place).starts_with('"') {
                    self.lint_escapes(&place);
                }
                let name = key.into_inner().into_owned();
                Entry { node: self.node(value, &place, pointer_len + 1 + name.len()), name, key: place }
            })
            .collect();
        entries.sort_by_key(|entry| entry.key.span.start);
        if let Some(last) = entries.last().filter(|_| n_keys > MAX_TOML_KEYS) {
            self.refuse(last.key.clone(), format!("a table has {n_keys} keys; at most {MAX_TOML_KEYS} are read"));
        }
        Value::Table(Table(entries))
    }

    fn node(&mut self, value: Spanned<DeValue<'_>>, key: &Place, pointer_len: usize) -> Node {
        let mut place = self.place(value.span());
        if place.span.is_empty() {
            place = key.clone();
        }
        if !self.count_pointer(pointer_len, &place) {
            return Node { value: Value::Failed, place };
        }
        let value = match value.into_inner() {
            DeValue::String(text) => {
                self.lint_escapes(&place);
                Value::String(text.into_owned())
            }
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Integer(number),
                Err(_) => {
                    let message = format!("the number `{}` is too large", self.raw(&place));
                    let help = "whole numbers reach from -9223372036854775808 to 9223372036854775807";
                    self.problems.add(Problem::error(message).at(place.clone(), "").help(help));
                    Value::Failed
                }
            },
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) if f64::is_finite(number) => Value::Float(number),
                _ => {
                    let message = format!("`{}` is not a number that means anything here", self.raw(&place));
                    self.problems.add(Problem::error(message).at(place.clone(), "").help("write a finite number"));
                    Value::Failed
                }
            },
            DeValue::Boolean(truth) => Value::Boolean(truth),
            DeValue::Datetime(date) => {
                if date.time.is_some_and(|time| time.second.is_none()) {
                    let message = "a time without seconds, which editors refuse (it is new in TOML 1.1)";
                    self.problems
                        .add(Problem::error(message).at(place.clone(), "").help("write the seconds: `12:00:00`"));
                }
                Value::Date(date.to_string())
            }
            DeValue::Array(array) => {
                let n_items = array.len();
                if n_items > MAX_TOML_ITEMS {
                    let message = format!("an array has {n_items} values; at most {MAX_TOML_ITEMS} are read");
                    self.refuse(key.clone(), message);
                }
                let item_len = pointer_len + 1 + n_items.to_string().len();
                let items = array.into_iter().take(MAX_TOML_ITEMS);
                Value::Array(items.map(|value| self.node(value, key, item_len)).collect())
            }
            DeValue::Table(table) => {
                if self.raw(&place).starts_with('{') {
                    self.lint_inline_table(&place);
                }
                self.table(table, pointer_len)
            }
        };
        Node { value, place }
    }

    /// Refuses the escapes that TOML 1.1 added: `\e` and `\x`.
    fn lint_escapes(&mut self, place: &Place) {
        let raw = self.raw(place);
        if !raw.starts_with('"') {
            return;
        }
        let mut found = Vec::new();
        let mut chars = raw.char_indices();
        while let Some((at, c)) = chars.next() {
            if c == '\\'
                && let Some((_, escaped @ ('e' | 'x'))) = chars.next()
            {
                let len = if escaped == 'e' { 2 } else { 4.min(raw.len() - at) };
                found.push((at..at + len, escaped));
            }
        }
        for (span, escaped) in found {
            let span = place.span.start + span.start..place.span.start + span.end;
            let message = format!("`\\{escaped}` in double quotes is not a backslash and `{escaped}`");
            let help = match self.literal(place) {
                Some(literal) => {
                    format!(r"write backslashes in single quotes, {literal}, or double them: `\\{escaped}`")
                }
                None => format!(r"write the text in single quotes, or double the backslash: `\\{escaped}`"),
            };
            let words = "an escape that is new in TOML 1.1: editors refuse it";
            self.problems.add(
                Problem::error(message)
                    .at(Place { source: self.source, span: self.on_boundary(span) }, words)
                    .help(help),
            );
        }
    }

    fn on_boundary(&self, span: std::ops::Range<usize>) -> std::ops::Range<usize> {
        self.place(span.start - self.start..span.end - self.start).span
    }

    /// The same text in single quotes, if it is short and can be written so.
    fn literal(&self, place: &Place) -> Option<String> {
        let inner = self.raw(place).strip_prefix('"')?.strip_suffix('"')?;
        (inner.len() < 50 && !inner.contains(['\'', '"', '\n'])).then(|| format!("`'{}'`", inner.replace(r"\\", r"\")))
    }

    /// Refuses what TOML 1.1 added to inline tables: line breaks and a comma at the end.
    fn lint_inline_table(&mut self, place: &Place) {
        let raw = self.raw(place);
        let Some(at) = newer_inline_table(raw) else { return };
        let (what, help) = if raw[at..].starts_with(',') {
            ("a comma at the end of a table in braces", "leave the comma out")
        } else {
            ("a table in braces over several lines", "write it on one line, or under a `[header]` of its own")
        };
        let at = place.span.start + at;
        let message = format!("{what}, which editors refuse (it is new in TOML 1.1)");
        let span = if what.starts_with("a comma") { at..at + 1 } else { place.span.start..place.span.start + 1 };
        self.problems.add(Problem::error(message).at(Place { source: self.source, span }, "").help(help));
    }

    /// A syntax error. The parser goes on after it, and a second complaint about the same line is an echo.
    fn complain(&mut self, error: &toml::de::Error) {
        let place = self.place(error.span().unwrap_or(0..0));
        let line = self.text[..place.span.start].matches('\n').count();
        let is_duplicate = error.message() == "duplicate key";
        // After a table that is written twice, each of its keys is reported as well.
        let is_echo = is_duplicate && self.twice.is_some_and(|header| self.header_of(place.span.start) == header);
        if is_echo || self.lines_complained_of.contains(&line) {
            return;
        }
        self.lines_complained_of.push(line);
        let line_start = self.text[..place.span.start].rfind('\n').map_or(0, |at| at + 1);
        if is_duplicate && self.text[line_start..].trim_start().starts_with('[') {
            self.twice = Some(line_start);
        }
        let (message, help, place) = self.words(error.message(), place, line_start);
        let mut problem = Problem::error(message).at(place, "");
        problem.help = help;
        self.problems.add(problem);
    }

    /// Where the line starts that holds the last table header at or before a byte.
    fn header_of(&self, at: usize) -> usize {
        let end = self.text[at..].find('\n').map_or(self.text.len(), |newline| at + newline);
        let mut header = 0;
        let mut start = 0;
        for line in self.text[..end].split_inclusive('\n') {
            if line.trim_start().starts_with('[') {
                header = start;
            }
            start += line.len();
        }
        header
    }

    /// What the parser says, in words that say what to do, and what to underline.
    fn words(&self, said: &str, place: Place, line_start: usize) -> (String, Option<String>, Place) {
        let line = self.text[line_start..].lines().next().unwrap_or("").trim_end();
        let raw = self.raw(&place);
        let help = |message: &str, help: &str| (message.to_owned(), Some(help.to_owned()), place.clone());
        if said == "duplicate key" {
            let advice = match line.trim_start().starts_with('[') {
                true => format!("put both into one table; if `{raw}` is a list, each entry is written `[[{raw}]]`"),
                false => "keep one of them".into(),
            };
            return help(&format!("`{raw}` is written twice"), &advice);
        }
        if said.contains("escape") {
            let advice =
                "write backslashes in single quotes, such as `'C:\\images'`, or double them; `/` also works in paths";
            return help("a backslash in double quotes starts an escape, and this is none", advice);
        }
        if let Some(rest) = said.strip_prefix("cannot extend value of type ") {
            let kind = match rest.strip_suffix(" with a dotted key").unwrap_or(rest) {
                "string" => "text",
                "array" => "a list",
                "inline table" => "a table in braces",
                _ => "a value",
            };
            let advice = "give it another name, or put all its keys where it is written first";
            return help(&format!("`{raw}` is {kind} already, so nothing can be put into it"), advice);
        }
        let value = line.split_once('=').map_or("", |(_, value)| value.trim());
        if value.starts_with("{{") || value.starts_with("{%") {
            let advice = format!("templates stand in quotes: `\"{}\"`", value.replace('"', "'"));
            let start = line_start + line.len() - value.len();
            let place = Place { source: self.source, span: start..line_start + line.len() };
            return ("a template outside quotes".into(), Some(advice), place);
        }
        let is_value =
            |at: &usize| line[..*at].trim_end().ends_with(['=', '[', ',', '{']) || line[..*at].trim().is_empty();
        if let Some(at) = line.find(CURLY_QUOTES).filter(is_value) {
            let start = line_start + at;
            let quote = line[at..].chars().next().unwrap_or_default();
            let straight = line.replace(['“', '”', '„', '‟', '«', '»'], "\"").replace(['‘', '’', '‚', '‛'], "'");
            let place = Place { source: self.source, span: start..start + quote.len_utf8() };
            let message = format!("`{quote}` is a typographic quote, which TOML does not take for one");
            return (message, Some(format!("write straight quotes: `{}`", straight.trim())), place);
        }
        let is_unclosed = said.contains("invalid basic string") || said.contains("invalid literal string");
        if is_unclosed && said.contains("expected") {
            return help(
                "a text without the quote at its end",
                "close it on the same line; text over several lines stands in `\"\"\"`",
            );
        }
        if said.contains("must be quoted") && !raw.is_empty() {
            return help(&format!("the text `{raw}` needs quotes"), &format!("write `\"{raw}\"`"));
        }
        if said.contains("must be quoted") || said.contains("key with no value") {
            return help("a key without a value", "write `key = value`");
        }
        help(&format!("not valid TOML: {said}"), "mend this first; what follows may be a consequence")
    }
}

/// What word processors, chats and web pages make of quotes.
const CURLY_QUOTES: [char; 10] = ['“', '”', '„', '‟', '«', '»', '‘', '’', '‚', '‛'];

/// Where an inline table uses what TOML 1.1 added: the first line break or last comma directly in braces.
fn newer_inline_table(raw: &str) -> Option<usize> {
    let bytes = raw.as_bytes();
    let mut open = Vec::new();
    let mut comma = None;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'"' | b'\'') => {
                at = end_of_string(bytes, at, quote);
                comma = None;
                continue;
            }
            b'#' => {
                at += bytes[at..].iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len() - at);
                continue;
            }
            bracket @ (b'{' | b'[') => {
                open.push(bracket);
                comma = None;
            }
            b'}' => {
                if comma.is_some() {
                    return comma;
                }
                open.pop();
            }
            b']' => {
                open.pop();
                comma = None;
            }
            b'\n' if open.last() == Some(&b'{') => return Some(at),
            b',' if open.last() == Some(&b'{') => comma = Some(at),
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => comma = None,
        }
        at += 1;
    }
    None
}

/// The byte after the string that starts at `at`.
fn end_of_string(bytes: &[u8], at: usize, quote: u8) -> usize {
    let triple = [quote; 3];
    let multi = bytes[at..].starts_with(&triple);
    let mut at = at + if multi { 3 } else { 1 };
    while at < bytes.len() {
        if bytes[at] == b'\\' && quote == b'"' {
            at += 2;
        } else if multi && bytes[at..].starts_with(&triple) {
            at += 3;
            // Up to two quotes may stand before the closing three.
            while bytes.get(at) == Some(&quote) {
                at += 1;
            }
            return at;
        } else if !multi && bytes[at] == quote {
            return at + 1;
        } else {
            at += 1;
        }
    }
    bytes.len()
}

/// For each byte of a string's value (and its end), the byte of its TOML text that it comes from.
///
/// None if the text does not yield that value.
pub fn origins(raw: &str, value: &str) -> Option<Vec<usize>> {
    let quote = raw.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let triple = quote.to_string().repeat(3);
    let multi = raw.len() >= 6 && raw.starts_with(&triple) && raw.ends_with(&triple);
    let around = if multi { 3 } else { 1 };
    let inner = raw.get(around..raw.len().checked_sub(around)?)?;
    let mut text = String::new();
    let mut origins = Vec::new();
    let mut push = |text: &mut String, c: char, at: usize| {
        text.push(c);
        origins.resize(text.len(), at);
    };
    let mut rest = inner;
    if multi {
        rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')).unwrap_or(rest);
    }
    while let Some(c) = rest.chars().next() {
        let at = raw.len() - around - rest.len();
        let mut used = c.len_utf8();
        if c == '\\' && quote == '"' {
            let escaped = rest[1..].chars().next()?;
            used += escaped.len_utf8();
            let digits = match escaped {
                'x' => 2,
                'u' => 4,
                'U' => 8,
                _ => 0,
            };
            match escaped {
                'x' | 'u' | 'U' => {
                    let code = u32::from_str_radix(rest.get(2..2 + digits)?, 16).ok()?;
                    used += digits;
                    push(&mut text, char::from_u32(code)?, at);
                }
                ' ' | '\t' | '\r' | '\n' if multi => {
                    used = rest.len() - rest[1..].trim_start_matches([' ', '\t', '\r', '\n']).len()
                }
                _ => {
                    let c = match escaped {
                        'b' => '\u{8}',
                        't' => '\t',
                        'n' => '\n',
                        'f' => '\u{c}',
                        'r' => '\r',
                        'e' => '\u{1b}',
                        same => same,
                    };
                    push(&mut text, c, at);
                }
            }
        } else {
            push(&mut text, c, at);
        }
        rest = &rest[used..];
    }
    origins.push(raw.len() - around);
    (text == value).then_some(origins)
}

/// Returns where a range of a string's value was written, if every character of it stands there as it is.
pub(super) fn place_within(text: &str, range: Range<usize>, place: &Place, sources: &Problems) -> Option<Place> {
    let raw = sources.source(place.source).text.get(place.span.clone())?;
    let origins = origins(raw, text)?;
    let (start, end) = (*origins.get(range.start)?, *origins.get(range.end)?);
    (start < end).then(|| Place { source: place.source, span: place.span.start + start..place.span.start + end })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(text: &str) -> Vec<String> {
        let mut problems = Problems::default();
        let source = problems.add_source("test.toml", text);
        parse(source, text, &mut problems);
        problems.sorted().iter().map(|problem| problem.message.clone()).collect()
    }

    #[test]
    fn what_toml_1_1_added_is_refused() {
        for text in [
            r#"a = "net\e1000""#,
            r#"a = "\x41""#,
            "a = { b = 1,\n c = 2 }",
            "a = { b = 1, }",
            "a = [{ b = 1, }]",
            "a = { b = [1,\n 2],\n c = 1 }",
            "a = 12:30",
        ] {
            let complaints = complaints(text);
            assert_eq!(complaints.len(), 1, "{text}: {complaints:?}");
        }
        for text in [
            r"a = 'net\e1000'",
            r#"a = "net\\e1000""#,
            "a = { b = [1,\n 2,\n], c = '}' }",
            "a = { b = \"\"\"x,\n}\"\"\", c = 2 } # , }",
            "a = { b = { c = 1 }, d = [] }",
            "a = 12:30:00",
        ] {
            assert!(complaints(text).is_empty(), "{text}: {:?}", complaints(text));
        }
    }

    #[test]
    fn several_syntax_errors_come_at_once() {
        assert_eq!(complaints("a = b\nc = 'fine'\nd = \"\\q\"\ne =\n").len(), 3);
    }

    #[test]
    fn each_byte_of_a_string_is_found_in_its_text() {
        for (raw, value, byte, origin) in [
            ("'a{{ b }}'", "a{{ b }}", 1, 2),
            (r#""a\\b\u00e9x""#, "a\\béx", 5, 11),
            ("\"\"\"\n a \\\n   b\"\"\"", " a b", 3, 12),
            ("'''x\ny'''", "x\ny", 2, 5),
        ] {
            assert_eq!(origins(raw, value).unwrap()[byte], origin, "{raw}");
        }
        assert_eq!(origins(r#""a""#, "b"), None);
        assert_eq!(origins("bare", "bare"), None);
    }
}
