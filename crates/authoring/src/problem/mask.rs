//! Finds the values of secrets in an author's text, so that diagnostics can show its lines without
//! them.
//!
//! Works on tokens instead of a parsed tree: the text may have syntax errors, and secrets may be in
//! the wrong places. References (`{ env = "NAME" }`) are not secret. Comments are scanned as well,
//! since old values end up there.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::secret_names::is_secret_name;

/// Keys of a reference to a secret.
const REFERENCE_KEYS: [&str; 3] = ["env", "file", "command"];
/// Keys whose value names the variable that a `value` key beside it belongs to.
const NAMING_KEYS: [&str; 4] = ["name", "variable", "property", "variable-name"];
/// Keys of the value that is named this way.
const NAMED_KEYS: [&str; 4] = ["value", "data", "default", "text"];

/// Returns the byte ranges of secret values in a text, sorted and disjoint.
pub fn find_secrets(text: &str) -> Vec<Range<usize>> {
    let mut scan =
        SecretScan { text, tokens: tokenize(text), found: Vec::new(), pairs: Vec::new(), scopes: vec![0], n_scopes: 1 };
    scan.scan();
    scan.mask_named_values();
    merge_ranges(scan.found)
}

/// Sorts ranges, and merges overlapping ones.
pub fn merge_ranges(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
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

/// Text that replaces a secret.
pub const MASK: &str = "•••";
/// Minimum length of secrets that are masked anywhere. Shorter ones could be part of any word, so
/// they are only masked in quotes or backticks.
const MIN_LEN: usize = 4;

/// Masks a secret in a text. If the text is about the line of the secret (`is_near`), parts of the
/// secret in backticks are masked as well.
pub fn scrub(text: &mut String, raw: &str, is_near: bool) {
    let value = parse_value(raw);
    if value.is_empty() {
        return;
    }
    // Long secrets are masked anywhere in the text.
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

/// Returns the value of a TOML token: without quotes, and with escapes resolved if it is a whole
/// string.
fn parse_value(raw: &str) -> String {
    let parsed = if raw.contains('\\') { toml::from_str::<toml::Table>(&format!("value = {raw}")).ok() } else { None };
    match parsed.as_ref().and_then(|table| table.get("value")).and_then(toml::Value::as_str) {
        Some(value) => value.to_owned(),
        None => raw.trim_matches(['"', '\'', '\n', ' ']).to_owned(),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TokenKind {
    /// A bare key or value.
    Word,
    /// A string with its quotes, possibly unclosed.
    Text,
    Sign(u8),
    LineBreak,
}

#[derive(Clone, Debug)]
struct Token {
    kind: TokenKind,
    range: Range<usize>,
    is_comment: bool,
}

fn tokenize(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let (mut at, mut is_comment) = (0, false);
    while at < bytes.len() {
        let start = at;
        let kind = match bytes[at] {
            b'\n' => {
                is_comment = false;
                at += 1;
                TokenKind::LineBreak
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
                at = string_end(bytes, at, quote, is_comment);
                TokenKind::Text
            }
            sign @ (b'=' | b':' | b'.' | b',' | b'[' | b']' | b'{' | b'}') => {
                at += 1;
                TokenKind::Sign(sign)
            }
            _ => {
                let is_end = |byte: &u8| b" \t\r\n#\"'=:.,[]{}".contains(byte);
                at += bytes[at..].iter().position(is_end).unwrap_or(bytes.len() - at);
                TokenKind::Word
            }
        };
        tokens.push(Token { kind, range: start..at, is_comment });
    }
    tokens
}

/// Returns the position after a string. An unclosed one ends with its line, or with the text if it
/// is multi-line.
fn string_end(bytes: &[u8], start: usize, quote: u8, is_comment: bool) -> usize {
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

/// A key with the tokens of its value.
struct Pair {
    scope: usize,
    key: String,
    value: Range<usize>,
}

struct SecretScan<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    found: Vec<Range<usize>>,
    pairs: Vec<Pair>,
    /// Enclosing tables: that of the last header, and inline tables inside.
    scopes: Vec<usize>,
    n_scopes: usize,
}

impl SecretScan<'_> {
    fn kind(&self, at: usize) -> Option<TokenKind> {
        self.tokens.get(at).map(|token| token.kind)
    }

    fn is_sign(&self, at: usize, signs: &[u8]) -> bool {
        matches!(self.kind(at), Some(TokenKind::Sign(sign)) if signs.contains(&sign))
    }

    fn is_name(&self, at: usize) -> bool {
        matches!(self.kind(at), Some(TokenKind::Word | TokenKind::Text))
    }

    fn raw(&self, at: usize) -> &str {
        self.tokens.get(at).and_then(|token| self.text.get(token.range.clone())).unwrap_or_default()
    }

    fn name(&self, at: usize) -> &str {
        self.raw(at).trim_matches(['"', '\''])
    }

    fn scan(&mut self) {
        let (mut at, mut is_line_start, mut is_secret_table) = (0, true, false);
        while at < self.tokens.len() {
            if is_line_start && let Some((end, names)) = self.header(at) {
                is_secret_table = names.iter().any(|name| is_secret_name(name));
                self.scopes = vec![self.n_scopes];
                self.n_scopes += 1;
                at = end;
                continue;
            }
            is_line_start = self.kind(at) == Some(TokenKind::LineBreak);
            match self.kind(at) {
                Some(TokenKind::Sign(b'{')) => {
                    self.scopes.push(self.n_scopes);
                    self.n_scopes += 1;
                    at += 1;
                }
                Some(TokenKind::Sign(b'}')) if self.scopes.len() > 1 => {
                    self.scopes.pop();
                    at += 1;
                }
                Some(TokenKind::Word | TokenKind::Text) => at = self.scan_pair(at, is_secret_table),
                _ => at += 1,
            }
        }
    }

    /// Parses a table header: returns the token after it, and its names.
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
        let is_alone = self.tokens.get(at).is_none_or(|next| next.kind == TokenKind::LineBreak || next.is_comment);
        (is_closed && is_alone).then_some((at, names))
    }

    /// Scans a key with its value, or anything in the place of a key. Returns the token to continue
    /// with.
    fn scan_pair(&mut self, start: usize, is_secret_table: bool) -> usize {
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
        // A colon counts too: authors paste YAML, and JSON ends up in comments.
        let has_sign = self.is_sign(last + 1, b"=:");
        if !has_sign {
            // The equals sign was forgotten, unless this is prose.
            let is_forgotten = self.kind(start) == Some(TokenKind::Word)
                && is_secret_name(&key)
                && self.is_name(last + 1)
                && !self.tokens[start].is_comment;
            return match is_forgotten {
                true => self.mask_value(last + 1),
                false => last + 1,
            };
        }
        // A value on the line below its key is a mistake, but still a secret.
        let mut value = last + 2;
        while is_secret
            && self.kind(value) == Some(TokenKind::LineBreak)
            && self.kind(value + 1) == Some(TokenKind::Text)
        {
            value += 1;
        }
        if is_secret {
            return self.mask_value(value);
        }
        if self.is_sign(value, b"[{") {
            return value;
        }
        // Another key beside it may name a secret, which is known only at the end.
        let scope = self.scopes.last().copied().unwrap_or_default();
        self.pairs.push(Pair { scope, key, value: value..value + 1 });
        if self.is_name(value) { value + 1 } else { value }
    }

    /// Masks the value that starts at a token, and returns the token after it.
    fn mask_value(&mut self, start: usize) -> usize {
        match self.kind(start) {
            None | Some(TokenKind::LineBreak) => start,
            Some(TokenKind::Sign(open @ (b'[' | b'{'))) => {
                let end = self.end_of_brackets(start);
                if !(open == b'{' && self.is_reference(start, end)) {
                    self.mask_within(start, end);
                }
                end
            }
            // Booleans such as `password = true` are not secret, and the mistake is clearer with
            // them.
            Some(TokenKind::Word) if matches!(self.raw(start), "true" | "false") && self.is_end(start + 1) => start + 1,
            Some(TokenKind::Text) if self.is_end(start + 1) => {
                self.found.push(self.tokens[start].range.clone());
                start + 1
            }
            // Unquoted values and text after a string are syntax errors, so their end is unknown.
            Some(_) => self.mask_line(start),
        }
    }

    /// Returns `true` if a value ends before a token.
    fn is_end(&self, at: usize) -> bool {
        let is_comment = |token: &Token| token.is_comment && at > 0 && !self.tokens[at - 1].is_comment;
        self.tokens.get(at).is_none_or(|token| {
            token.kind == TokenKind::LineBreak
                || is_comment(token)
                || matches!(token.kind, TokenKind::Sign(b',' | b'}' | b']'))
        })
    }

    /// Masks the rest of a line, starting at a token.
    fn mask_line(&mut self, start: usize) -> usize {
        let mut end = start;
        while self.kind(end).is_some_and(|kind| kind != TokenKind::LineBreak) {
            end += 1;
        }
        if let (Some(first), Some(last)) =
            (self.tokens.get(start), end.checked_sub(1).and_then(|at| self.tokens.get(at)))
        {
            self.found.push(first.range.start..last.range.end);
        }
        end
    }

    /// Returns the token after the matching bracket, or the end of the line if the next line starts
    /// a key or table.
    fn end_of_brackets(&self, start: usize) -> usize {
        let (mut depth, mut at) = (0usize, start);
        while let Some(kind) = self.kind(at) {
            match kind {
                TokenKind::Sign(b'[' | b'{') => depth += 1,
                TokenKind::Sign(b']' | b'}') => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return at + 1;
                    }
                }
                TokenKind::LineBreak if self.tokens[start].is_comment || self.header(at + 1).is_some() => return at,
                TokenKind::LineBreak
                    if self.is_name(at + 1) && self.is_sign(at + 2, b"=") && self.is_sign(start, b"[") =>
                {
                    return at;
                }
                _ => {}
            }
            at += 1;
        }
        at
    }

    /// Returns `true` if braces contain a reference.
    fn is_reference(&self, start: usize, end: usize) -> bool {
        let keys: Vec<_> = (start + 1..end).filter(|at| self.is_name(*at) && self.is_sign(at + 1, b"=:")).collect();
        let is_closed = self.is_sign(end.saturating_sub(1), b"}");
        is_closed && !keys.is_empty() && keys.iter().all(|at| REFERENCE_KEYS.contains(&self.name(*at)))
    }

    /// Masks every value in brackets, except those of reference keys.
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

    /// Masks values named by another key beside them, as in `variable = "OSDJoinPassword"` and
    /// `value = "…"`.
    fn mask_named_values(&mut self) {
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

    /// Returns a text with its secrets shown as `<…>`.
    fn shown(text: &str) -> String {
        let mut shown = String::new();
        let mut at = 0;
        for range in find_secrets(text) {
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
            let found = find_secrets(&text);
            assert!(found.iter().all(|range| text.get(range.clone()).is_some()), "{text}");
            assert!(found.windows(2).all(|pair| pair[0].end <= pair[1].start), "{text}");
        }
    }
}
