//! Parses TOML into a tree with places, and reports syntax errors.
//!
//! Follows TOML 1.0. The parser also accepts the additions of TOML 1.1, which editors refuse, and
//! which would turn the `\e` of an unescaped Windows path into a control character. So they are
//! refused here.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::limits::{MAX_SYNTAX_ERRORS, MAX_TOML_DEPTH, MAX_TOML_ITEMS, MAX_TOML_KEYS, MAX_TOML_POINTERS_LEN};
use crate::merge_conflict;
use crate::problem::{Place, Problem, Problems, SourceId};

use super::nesting::find_too_deep;
use super::spanned::{Node, Table, TableEntry, Value};

/// Maximum number of merge conflicts that are underlined.
const MAX_CONFLICTS: usize = 5;

/// Parses a text. Mistakes are added to `problems`; the tree has everything that could be parsed.
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
        // Don't report other mistakes until one side is chosen.
        return Node { value: Value::Table(Table::default()), place: Place { source, span: 0..0 } };
    }
    // A byte order mark is not part of the document, but counts in places.
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let reported_lines = Vec::new();
    let mut reader = TomlReader { source, text, start, problems, reported_lines, twice: None, pointers_len: 0 };
    if let Some(span) = find_too_deep(&text[start..]) {
        let place = reader.place(span);
        reader.report_limit(
            place.clone(),
            format!("brackets and dotted keys are nested more than {MAX_TOML_DEPTH} levels deep"),
        );
        return Node { value: Value::Table(Table::default()), place };
    }
    let (table, errors) = DeTable::parse_recoverable(&text[start..]);
    for error in errors.iter().take(MAX_SYNTAX_ERRORS) {
        reader.report_error(error);
    }
    let value = reader.table(table.into_inner(), 0);
    Node { value, place: reader.place(0..0) }
}

struct TomlReader<'a> {
    source: SourceId,
    text: &'a str,
    start: usize,
    problems: &'a mut Problems,
    reported_lines: Vec<usize>,
    /// Start of the line of a duplicate table header.
    twice: Option<usize>,
    /// Total length of the JSON pointers of the values read so far, in bytes.
    pointers_len: usize,
}

impl<'a> TomlReader<'a> {
    fn place(&self, span: std::ops::Range<usize>) -> Place {
        // The parser may return places within a character, where slicing would panic.
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

    fn report_limit(&mut self, place: Place, message: String) {
        self.problems.add(Problem::error(message).at(place, "over the limit").help("split the file or value"));
    }

    /// Counts the JSON pointer of a value, and returns `false` once the total is too long.
    fn count_pointer(&mut self, len: usize, place: &Place) -> bool {
        let was_short = self.pointers_len <= MAX_TOML_POINTERS_LEN;
        self.pointers_len = self.pointers_len.saturating_add(len);
        let is_short = self.pointers_len <= MAX_TOML_POINTERS_LEN;
        if was_short && !is_short {
            let message =
                format!("the keys on the paths to all values have more than {MAX_TOML_POINTERS_LEN} bytes in total");
            self.report_limit(place.clone(), message);
        }
        is_short
    }

    /// Converts a table. `pointer_len` is the length of its JSON pointer in bytes.
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
                TableEntry { node: self.node(value, &place, pointer_len + 1 + name.len()), name, key: place }
            })
            .collect();
        // The parser sorts keys by name.
        entries.sort_by_key(|entry| entry.key.span.start);
        if let Some(last) = entries.last().filter(|_| n_keys > MAX_TOML_KEYS) {
            self.report_limit(
                last.key.clone(),
                format!("the table has {n_keys} keys; at most {MAX_TOML_KEYS} are allowed"),
            );
        }
        Value::Table(Table(entries))
    }

    fn node(&mut self, value: Spanned<DeValue<'_>>, key: &Place, pointer_len: usize) -> Node {
        let mut place = self.place(value.span());
        // Tables made by dotted keys have no text of their own.
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
                    let help = "use an integer from -9223372036854775808 to 9223372036854775807";
                    self.problems.add(Problem::error(message).at(place.clone(), "").help(help));
                    Value::Failed
                }
            },
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) if f64::is_finite(number) => Value::Float(number),
                _ => {
                    let message = format!("`{}` is not a finite number", self.raw(&place));
                    self.problems.add(Problem::error(message).at(place.clone(), "").help("write a finite number"));
                    Value::Failed
                }
            },
            DeValue::Boolean(truth) => Value::Boolean(truth),
            DeValue::Datetime(date) => {
                if date.time.is_some_and(|time| time.second.is_none()) {
                    let message = "a time without seconds, which requires TOML 1.1 and is refused by editors";
                    self.problems
                        .add(Problem::error(message).at(place.clone(), "").help("write the seconds: `12:00:00`"));
                }
                Value::Date(date.to_string())
            }
            DeValue::Array(array) => {
                let n_items = array.len();
                if n_items > MAX_TOML_ITEMS {
                    let message = format!("the array has {n_items} values; at most {MAX_TOML_ITEMS} are allowed");
                    self.report_limit(key.clone(), message);
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

    /// Refuses the escape sequences that TOML 1.1 added: `\e` and `\x`.
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
            let message = format!(
                "`\\{escaped}` in double quotes is an escape sequence, not a backslash followed by `{escaped}`"
            );
            let help = match self.as_literal(place) {
                Some(literal) => {
                    format!(r"write the text in single quotes, {literal}, or double the backslash: `\\{escaped}`")
                }
                None => format!(r"write the text in single quotes, or double the backslash: `\\{escaped}`"),
            };
            let words = "requires TOML 1.1; refused by editors";
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

    /// Returns the text in single quotes if it is short and can be written that way.
    fn as_literal(&self, place: &Place) -> Option<String> {
        let inner = self.raw(place).strip_prefix('"')?.strip_suffix('"')?;
        (inner.len() < 50 && !inner.contains(['\'', '"', '\n'])).then(|| format!("`'{}'`", inner.replace(r"\\", r"\")))
    }

    /// Refuses the additions of TOML 1.1 to inline tables: line breaks and a trailing comma.
    fn lint_inline_table(&mut self, place: &Place) {
        let raw = self.raw(place);
        let Some(at) = find_toml_1_1_syntax(raw) else { return };
        let (what, help) = if raw[at..].starts_with(',') {
            ("a trailing comma in an inline table", "remove the comma")
        } else {
            ("an inline table over several lines", "write it on one line, or as a table with a `[header]`")
        };
        let at = place.span.start + at;
        let message = format!("{what}, which requires TOML 1.1 and is refused by editors");
        let span =
            if what.starts_with("a trailing comma") { at..at + 1 } else { place.span.start..place.span.start + 1 };
        self.problems.add(Problem::error(message).at(Place { source: self.source, span }, "").help(help));
    }

    /// Reports a syntax error. The parser continues after errors, so only the first one per line is
    /// reported.
    fn report_error(&mut self, error: &toml::de::Error) {
        let place = self.place(error.span().unwrap_or(0..0));
        let line = self.text[..place.span.start].matches('\n').count();
        let is_duplicate = error.message() == "duplicate key";
        // After a duplicate table header, the parser reports each of its keys as well.
        let is_echo = is_duplicate && self.twice.is_some_and(|header| self.header_of(place.span.start) == header);
        if is_echo || self.reported_lines.contains(&line) {
            return;
        }
        self.reported_lines.push(line);
        let line_start = self.text[..place.span.start].rfind('\n').map_or(0, |at| at + 1);
        if is_duplicate && self.text[line_start..].trim_start().starts_with('[') {
            self.twice = Some(line_start);
        }
        let (message, help, place) = self.describe_error(error.message(), place, line_start);
        let mut problem = Problem::error(message).at(place, "");
        problem.help = help;
        self.problems.add(problem);
    }

    /// Returns the start of the line with the last table header at or before a position.
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

    /// Converts a parser error to message, help and the place to underline.
    fn describe_error(&self, said: &str, place: Place, line_start: usize) -> (String, Option<String>, Place) {
        let line = self.text[line_start..].lines().next().unwrap_or("").trim_end();
        let raw = self.raw(&place);
        let help = |message: &str, help: &str| (message.to_owned(), Some(help.to_owned()), place.clone());
        if said == "duplicate key" {
            let advice = match line.trim_start().starts_with('[') {
                true => format!("merge both tables; or write `[[{raw}]]` for each entry if `{raw}` is a list"),
                false => "keep one of them".into(),
            };
            return help(&format!("`{raw}` occurs twice"), &advice);
        }
        if said.contains("escape") {
            let advice =
                "use single quotes for backslashes, such as `'C:\\images'`, or double them; `/` also works in paths";
            return help("invalid escape sequence in a double-quoted string", advice);
        }
        if let Some(rest) = said.strip_prefix("cannot extend value of type ") {
            let kind = match rest.strip_suffix(" with a dotted key").unwrap_or(rest) {
                "string" => "text",
                "array" => "a list",
                "inline table" => "an inline table",
                _ => "a value",
            };
            let advice = "rename it, or write all its keys in its first definition";
            return help(&format!("`{raw}` is already {kind}, so it can't have keys"), advice);
        }
        // The parser only names what it expected; the line shows what the author meant.
        let value = line.split_once('=').map_or("", |(_, value)| value.trim());
        if value.starts_with("{{") || value.starts_with("{%") {
            let advice = format!("put templates in quotes: `\"{}\"`", value.replace('"', "'"));
            let start = line_start + line.len() - value.len();
            let place = Place { source: self.source, span: start..line_start + line.len() };
            return ("a template without quotes".into(), Some(advice), place);
        }
        let is_value =
            |at: &usize| line[..*at].trim_end().ends_with(['=', '[', ',', '{']) || line[..*at].trim().is_empty();
        if let Some(at) = line.find(CURLY_QUOTES).filter(is_value) {
            let start = line_start + at;
            let quote = line[at..].chars().next().unwrap_or_default();
            let straight = line.replace(['“', '”', '„', '‟', '«', '»'], "\"").replace(['‘', '’', '‚', '‛'], "'");
            let place = Place { source: self.source, span: start..start + quote.len_utf8() };
            let message = format!("`{quote}` is a typographic quote, which TOML does not recognize");
            return (message, Some(format!("write straight quotes: `{}`", straight.trim())), place);
        }
        let is_unclosed = said.contains("invalid basic string") || said.contains("invalid literal string");
        if is_unclosed && said.contains("expected") {
            return help(
                "a string without a closing quote",
                "close it on the same line, or write text over several lines in `\"\"\"`",
            );
        }
        if said.contains("must be quoted") && !raw.is_empty() {
            return help(&format!("the text `{raw}` needs quotes"), &format!("write `\"{raw}\"`"));
        }
        if said.contains("must be quoted") || said.contains("key with no value") {
            return help("a key without a value", "write `key = value`");
        }
        help(&format!("invalid TOML: {said}"), "fix this first; later errors may be consequences")
    }
}

/// Quotes as changed by word processors, chats and web pages.
const CURLY_QUOTES: [char; 10] = ['“', '”', '„', '‟', '«', '»', '‘', '’', '‚', '‛'];

/// Finds a TOML 1.1 addition in an inline table: the first line break or trailing comma directly in
/// braces.
fn find_toml_1_1_syntax(raw: &str) -> Option<usize> {
    let bytes = raw.as_bytes();
    let mut open = Vec::new();
    let mut comma = None;
    let mut at = 0;
    while at < bytes.len() {
        // A comma counts as trailing only if nothing but blanks follows it, so every other token
        // forgets it.
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

/// Returns the position after the string that starts at `at`.
fn end_of_string(bytes: &[u8], at: usize, quote: u8) -> usize {
    let triple = [quote; 3];
    let multi = bytes[at..].starts_with(&triple);
    let mut at = at + if multi { 3 } else { 1 };
    while at < bytes.len() {
        if bytes[at] == b'\\' && quote == b'"' {
            at += 2;
        } else if multi && bytes[at..].starts_with(&triple) {
            at += 3;
            // Up to two quotes may precede the closing three.
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

/// Returns, for each byte of a string's value (and its end), the position in its TOML source.
/// `None` if the source does not produce that value.
pub fn byte_origins(raw: &str, value: &str) -> Option<Vec<usize>> {
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
    // The escapes are decoded again here because the TOML parser gives values without positions.
    // The comparison at the end makes a difference between the two harmless: the whole string is
    // underlined instead of a part.
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

/// Returns the place of a range of a string's value in its source, if all its characters are
/// written as is.
pub(super) fn place_within(text: &str, range: Range<usize>, place: &Place, sources: &Problems) -> Option<Place> {
    let raw = sources.source(place.source).text.get(place.span.clone())?;
    let origins = byte_origins(raw, text)?;
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
            assert_eq!(byte_origins(raw, value).unwrap()[byte], origin, "{raw}");
        }
        assert_eq!(byte_origins(r#""a""#, "b"), None);
        assert_eq!(byte_origins("bare", "bare"), None);
    }
}
