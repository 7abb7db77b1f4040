//! Finds the values of secrets in an author's text, so that diagnostics can show the lines without them.
//!
//! Works on tokens, not on a parsed tree: the text may have syntax errors, and a secret may stand at any place where
//! none belongs. A proper reference (`{ env = "NAME" }`) is no secret. Comments count, since old values end there.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::secret_names::is_secret_name;

/// The keys of a reference to a secret.
const REFERENCE_KEYS: [&str; 3] = ["env", "file", "command"];
/// Keys whose value names what a `value` beside it belongs to.
const NAMING_KEYS: [&str; 4] = ["name", "variable", "property", "variable-name"];
/// Keys of a value that is named so.
const NAMED_KEYS: [&str; 4] = ["value", "data", "default", "text"];

/// The bytes of a text that are values of secrets, in order and apart from each other.
pub fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut scan =
        Scan { text, tokens: tokens(text), found: Vec::new(), pairs: Vec::new(), scopes: vec![0], n_scopes: 1 };
    scan.run();
    scan.named();
    merged(scan.found)
}

/// Ranges in order, each apart from the next.
pub fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// Text shown in the place of a secret.
pub const MASK: &str = "•••";
/// A shorter secret is taken out of a text only where it stands in quotes or backticks: it may be part of any word.
const MIN_LEN: usize = 4;

/// Takes a secret out of a text. Near the line on which it is written, parts of it go as well that stand in backticks.
pub fn scrub(text: &mut String, raw: &str, is_near: bool) {
    let value = value_of(raw);
    if value.is_empty() {
        return;
    }
    if value.len() >= MIN_LEN && text.contains(&value) {
        *text = text.replace(&value, MASK);
    }
    if !is_near || !text.contains('`') {
        return;
    }
    let is_part = |part: &str| part == value || (part.chars().count() >= 3 && value.contains(part));
    let parts = text.split('`').enumerate().map(|(at, part)| match at % 2 {
        1 if is_part(part.trim_matches(['"', '\''])) => MASK.to_owned(),
        1 => ['"', '\''].iter().fold(part.to_owned(), |part, quote| {
            part.replace(&format!("{quote}{value}{quote}"), &format!("{quote}{MASK}{quote}"))
        }),
        _ => part.to_owned(),
    });
    *text = parts.collect::<Vec<_>>().join("`");
}

/// Value of a TOML token: without quotes, and with escapes resolved if it is a whole string.
fn value_of(raw: &str) -> String {
    let parsed = if raw.contains('\\') { toml::from_str::<toml::Table>(&format!("value = {raw}")).ok() } else { None };
    match parsed.as_ref().and_then(|table| table.get("value")).and_then(toml::Value::as_str) {
        Some(value) => value.to_owned(),
        None => raw.trim_matches(['"', '\'', '\n', ' ']).to_owned(),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// A bare key or value.
    Word,
    /// A string with its quotes, closed or not.
    Text,
    Sign(u8),
    LineBreak,
}

#[derive(Clone, Debug)]
struct Token {
    sort: Sort,
    range: Range<usize>,
    is_comment: bool,
}

fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let (mut at, mut is_comment) = (0, false);
    while at < bytes.len() {
        let start = at;
        let sort = match bytes[at] {
            b'\n' => {
                is_comment = false;
                at += 1;
                Sort::LineBreak
            }
            b' ' | b'\t' | b'\r' => {
                at += 1;
                continue;
            }
            b'#' => {
                is_comment = true;
                at += 1;
                continue;
            }
            quote @ (b'"' | b'\'') => {
                at = end_of_text(bytes, at, quote, is_comment);
                Sort::Text
            }
            sign @ (b'=' | b':' | b'.' | b',' | b'[' | b']' | b'{' | b'}') => {
                at += 1;
                Sort::Sign(sign)
            }
            _ => {
                let is_end = |byte: &u8| b" \t\r\n#\"'=:.,[]{}".contains(byte);
                at += bytes[at..].iter().position(is_end).unwrap_or(bytes.len() - at);
                Sort::Word
            }
        };
        tokens.push(Token { sort, range: start..at, is_comment });
    }
    tokens
}

/// The byte after a string. One that is not closed ends with its line; one of several lines, with the text.
fn end_of_text(bytes: &[u8], start: usize, quote: u8, is_comment: bool) -> usize {
    let triple = [quote; 3];
    let is_multi = !is_comment && bytes[start..].starts_with(&triple);
    let mut at = start + if is_multi { 3 } else { 1 };
    while at < bytes.len() {
        if is_multi && bytes[at..].starts_with(&triple) {
            at += 3;
            while bytes.get(at) == Some(&quote) {
                at += 1;
            }
            return at;
        }
        match bytes[at] {
            b'\n' if !is_multi => return at,
            b'\\' if quote == b'"' && bytes.get(at + 1).is_some_and(|next| *next != b'\n') => at += 2,
            byte if byte == quote && !is_multi => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// A key and its value, as tokens.
struct Pair {
    scope: usize,
    key: String,
    value: Range<usize>,
}

struct Scan<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    found: Vec<Range<usize>>,
    pairs: Vec<Pair>,
    /// The tables around: that of the last header, and inline tables within.
    scopes: Vec<usize>,
    n_scopes: usize,
}

impl Scan<'_> {
    fn sort(&self, at: usize) -> Option<Sort> {
        self.tokens.get(at).map(|token| token.sort)
    }

    fn is_sign(&self, at: usize, signs: &[u8]) -> bool {
        matches!(self.sort(at), Some(Sort::Sign(sign)) if signs.contains(&sign))
    }

    fn is_name(&self, at: usize) -> bool {
        matches!(self.sort(at), Some(Sort::Word | Sort::Text))
    }

    fn raw(&self, at: usize) -> &str {
        self.tokens.get(at).and_then(|token| self.text.get(token.range.clone())).unwrap_or_default()
    }

    fn name(&self, at: usize) -> &str {
        self.raw(at).trim_matches(['"', '\''])
    }

    fn run(&mut self) {
        let (mut at, mut is_line_start, mut is_secret_table) = (0, true, false);
        while at < self.tokens.len() {
            if is_line_start && let Some((end, names)) = self.header(at) {
                is_secret_table = names.iter().any(|name| is_secret_name(name));
                self.scopes = vec![self.n_scopes];
                self.n_scopes += 1;
                at = end;
                continue;
            }
            is_line_start = self.sort(at) == Some(Sort::LineBreak);
            match self.sort(at) {
                Some(Sort::Sign(b'{')) => {
                    self.scopes.push(self.n_scopes);
                    self.n_scopes += 1;
                    at += 1;
                }
                Some(Sort::Sign(b'}')) if self.scopes.len() > 1 => {
                    self.scopes.pop();
                    at += 1;
                }
                Some(Sort::Word | Sort::Text) => at = self.pair(at, is_secret_table),
                _ => at += 1,
            }
        }
    }

    /// A table header: the token after it, and its names.
    fn header(&self, start: usize) -> Option<(usize, Vec<String>)> {
        let mut at = start;
        while self.is_sign(at, b"[") {
            at += 1;
        }
        if at == start {
            return None;
        }
        let mut names = Vec::new();
        while self.is_name(at) || self.is_sign(at, b".") {
            if self.is_name(at) {
                names.push(self.name(at).to_owned());
            }
            at += 1;
        }
        let is_closed = !names.is_empty() && self.is_sign(at, b"]");
        while self.is_sign(at, b"]") {
            at += 1;
        }
        let is_alone = self.tokens.get(at).is_none_or(|next| next.sort == Sort::LineBreak || next.is_comment);
        (is_closed && is_alone).then_some((at, names))
    }

    /// A key with its value, or what stands where a key might: the token to go on with.
    fn pair(&mut self, start: usize, is_secret_table: bool) -> usize {
        let mut names = vec![self.name(start).to_owned()];
        let mut last = start;
        while self.is_sign(last + 1, b".") && self.is_name(last + 2) {
            last += 2;
            names.push(self.name(last).to_owned());
        }
        let key = names.last().cloned().unwrap_or_default();
        let is_reference_key = REFERENCE_KEYS.contains(&key.as_str());
        let parents_are_secret = names[..names.len() - 1].iter().any(|name| is_secret_name(name)) || is_secret_table;
        let is_secret = !is_reference_key && (is_secret_name(&key) || parents_are_secret);
        let has_sign = self.is_sign(last + 1, b"=:");
        if !has_sign {
            // A sign that was forgotten; in prose it never was there.
            let is_forgotten = self.sort(start) == Some(Sort::Word)
                && is_secret_name(&key)
                && self.is_name(last + 1)
                && !self.tokens[start].is_comment;
            return match is_forgotten {
                true => self.mask_value(last + 1),
                false => last + 1,
            };
        }
        let mut value = last + 2;
        while is_secret && self.sort(value) == Some(Sort::LineBreak) && self.sort(value + 1) == Some(Sort::Text) {
            value += 1;
        }
        if is_secret {
            return self.mask_value(value);
        }
        if self.is_sign(value, b"[{") {
            return value;
        }
        let scope = self.scopes.last().copied().unwrap_or_default();
        self.pairs.push(Pair { scope, key, value: value..value + 1 });
        if self.is_name(value) { value + 1 } else { value }
    }

    /// Masks the value that starts at a token; the token after it.
    fn mask_value(&mut self, start: usize) -> usize {
        match self.sort(start) {
            None | Some(Sort::LineBreak) => start,
            Some(Sort::Sign(open @ (b'[' | b'{'))) => {
                let end = self.end_of_brackets(start);
                if !(open == b'{' && self.is_reference(start, end)) {
                    self.mask_within(start, end);
                }
                end
            }
            Some(Sort::Word) if matches!(self.raw(start), "true" | "false") && self.is_end(start + 1) => start + 1,
            Some(Sort::Text) if self.is_end(start + 1) => {
                self.found.push(self.tokens[start].range.clone());
                start + 1
            }
            Some(_) => self.mask_line(start),
        }
    }

    /// Returns whether a value ends before a token.
    fn is_end(&self, at: usize) -> bool {
        let is_comment = |token: &Token| token.is_comment && at > 0 && !self.tokens[at - 1].is_comment;
        self.tokens.get(at).is_none_or(|token| {
            token.sort == Sort::LineBreak || is_comment(token) || matches!(token.sort, Sort::Sign(b',' | b'}' | b']'))
        })
    }

    /// Masks from a token to the end of its line.
    fn mask_line(&mut self, start: usize) -> usize {
        let mut end = start;
        while self.sort(end).is_some_and(|sort| sort != Sort::LineBreak) {
            end += 1;
        }
        if let (Some(first), Some(last)) =
            (self.tokens.get(start), end.checked_sub(1).and_then(|at| self.tokens.get(at)))
        {
            self.found.push(first.range.start..last.range.end);
        }
        end
    }

    /// The token after the bracket that closes one, or that of the line's end if what follows is the next key.
    fn end_of_brackets(&self, start: usize) -> usize {
        let (mut depth, mut at) = (0usize, start);
        while let Some(sort) = self.sort(at) {
            match sort {
                Sort::Sign(b'[' | b'{') => depth += 1,
                Sort::Sign(b']' | b'}') => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return at + 1;
                    }
                }
                Sort::LineBreak if self.tokens[start].is_comment || self.header(at + 1).is_some() => return at,
                Sort::LineBreak if self.is_name(at + 1) && self.is_sign(at + 2, b"=") && self.is_sign(start, b"[") => {
                    return at;
                }
                _ => {}
            }
            at += 1;
        }
        at
    }

    /// Returns whether braces hold a proper reference.
    fn is_reference(&self, start: usize, end: usize) -> bool {
        let keys: Vec<_> = (start + 1..end).filter(|at| self.is_name(*at) && self.is_sign(at + 1, b"=:")).collect();
        let is_closed = self.is_sign(end.saturating_sub(1), b"}");
        is_closed && !keys.is_empty() && keys.iter().all(|at| REFERENCE_KEYS.contains(&self.name(*at)))
    }

    /// Masks every value in brackets, but for those of a reference's keys.
    fn mask_within(&mut self, start: usize, end: usize) {
        let mut at = start + 1;
        while at < end {
            if self.is_name(at) && self.is_sign(at + 1, b"=:") {
                let is_reference_key = REFERENCE_KEYS.contains(&self.name(at));
                at += 2;
                if is_reference_key {
                    at = if self.is_sign(at, b"[") { self.end_of_brackets(at) } else { at + 1 };
                }
            } else {
                if self.is_name(at) && !matches!(self.raw(at), "true" | "false") {
                    self.found.push(self.tokens[at].range.clone());
                }
                at += 1;
            }
        }
    }

    /// Masks values whose names stand beside them: `variable = "OSDJoinPassword"` and `value = "…"`.
    fn named(&mut self) {
        let names_secret = |pair: &&Pair| {
            NAMING_KEYS.contains(&pair.key.to_lowercase().as_str()) && is_secret_name(self.name(pair.value.start))
        };
        let scopes: BTreeSet<usize> = self.pairs.iter().filter(names_secret).map(|pair| pair.scope).collect();
        let is_named =
            |pair: &&Pair| scopes.contains(&pair.scope) && NAMED_KEYS.contains(&pair.key.to_lowercase().as_str());
        let values: Vec<usize> = self.pairs.iter().filter(is_named).map(|pair| pair.value.start).collect();
        for value in values {
            self.mask_value(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text with its secrets as `<…>`.
    fn shown(text: &str) -> String {
        let mut shown = String::new();
        let mut at = 0;
        for range in secrets(text) {
            shown += &text[at..range.start];
            shown += "<…>";
            at = range.end;
        }
        shown + &text[at..]
    }

    #[test]
    fn values_of_secrets_are_found_however_they_are_written() {
        for (text, expected) in [
            ("password = \"h\"\nname = \"x\"\n", "password = <…>\nname = \"x\"\n"),
            ("password = { value = \"h\", env = \"E\" } # c", "password = { value = <…>, env = \"E\" } # c"),
            ("password = [\"h\", 'i']", "password = [<…>, <…>]"),
            ("passwrd = 'h'", "passwrd = <…>"),
            ("password = 12345", "password = <…>"),
            ("password = h u # x", "password = <…>"),
            ("password = \"h\nname = \"x\"", "password = <…>\nname = \"x\""),
            ("password = \"a\"b\"", "password = <…>"),
            ("password \"h\"", "password <…>"),
            ("password: h", "password: <…>"),
            ("password = \"\"\"a\nb\"\"\"\nc = 1", "password = <…>\nc = 1"),
            ("password = “h”", "password = <…>"),
            ("password = {{ h }}", "password = {{ <…> }}"),
            ("password = \"{{ 'h' }}\"", "password = <…>"),
            ("password = [\"h\"\nname = \"x\"", "password = [<…>\nname = \"x\""),
            (
                "[security.password]\nvalue = \"h\"\n[boot]\nvalue = \"x\"",
                "[security.password]\nvalue = <…>\n[boot]\nvalue = \"x\"",
            ),
            ("password.value = \"h\"", "password.value = <…>"),
            ("pfx = { file = \"a\", password = \"h\" }", "pfx = { file = \"a\", password = <…> }"),
            ("\"OSDJoinPassword\" = \"h\"", "\"OSDJoinPassword\" = <…>"),
            ("--var password=h", "--var password=<…>"),
            ("# password = \"old\"\n", "# password = <…>\n"),
            ("variable = \"OSDJoinPassword\"\nvalue = \"h\"\n", "variable = \"OSDJoinPassword\"\nvalue = <…>\n"),
            (
                "v = [{ name = \"JoinPwd\", value = \"h\" }, { name = \"x\", value = \"y\" }]",
                "v = [{ name = \"JoinPwd\", value = <…> }, { name = \"x\", value = \"y\" }]",
            ),
            ("password =\n\"h\"", "password =\n<…>"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "password = { env = \"MEDIA_PASSWORD\" }",
            "password = { command = [\"pass\", \"show\", \"x\"] }",
            "password = { env = \"A\", file = \"b\" }",
            "[security.password]\nenv = \"X\"",
            "password.env = \"X\"",
            "accept-weak-password = true\nlabel = \"the password is secret\"",
            "random-administrator-password = false",
            "# The password that has to be typed\nname = 'x'",
            "help = \"\"\"\npassword = 'x'\n\"\"\"",
            "",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn any_text_is_scanned_without_a_panic() {
        let parts = ["password", "=", "\"", "'", "\"\"\"", "[", "]", "{", "}", "\n", ".", "#", "\\", "é", "x", " "];
        let mut state = 1u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..12 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text += parts[(state >> 33) as usize % parts.len()];
            }
            let found = secrets(&text);
            assert!(found.iter().all(|range| text.get(range.clone()).is_some()), "{text}");
            assert!(found.windows(2).all(|pair| pair[0].end <= pair[1].start), "{text}");
        }
    }
}
