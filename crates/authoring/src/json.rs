//! Parses JSON (RFC 8259) into a tree with places, and reports the first syntax error.
//!
//! For exported files that people commit. Keys whose value is `null` count as missing, since
//! Windows PowerShell writes `null` for properties without a value.

use crate::limits::{MAX_JSON_ITEMS, MAX_TOML_DEPTH, MAX_TOML_KEYS, MAX_TOML_POINTERS_LEN};
use crate::merge_conflict;
use crate::problem::{Place, Problem, Problems, SourceId};

use super::spanned::{Node, Table, TableEntry, Value};

/// Parses a text. `None` after a syntax error, which is added to `problems`.
pub fn parse(source: SourceId, text: &str, problems: &mut Problems) -> Option<Node> {
    if let Some(conflict) = merge_conflict::find(text).first() {
        let problem = Problem::error("the file has an unresolved merge conflict");
        let place = Place { source, span: conflict.clone() };
        problems.add(problem.at(place, "").help(merge_conflict::ADVICE));
        return None;
    }
    let mut parser = Parser { source, text, at: 0, pointers_len: 0 };
    match parser.document() {
        Ok(node) => Some(node),
        Err(problem) => {
            problems.add(*problem);
            None
        }
    }
}

type Parsed<T> = Result<T, Box<Problem>>;

struct Parser<'a> {
    source: SourceId,
    text: &'a str,
    at: usize,
    /// Total length of the JSON pointers of the values parsed so far, in bytes.
    pointers_len: usize,
}

impl Parser<'_> {
    fn document(&mut self) -> Parsed<Node> {
        // A byte order mark is not part of the document, but counts in places.
        if self.text.starts_with('\u{feff}') {
            self.at = '\u{feff}'.len_utf8();
        }
        self.skip_space();
        let start = self.at;
        let Some(node) = self.value(0, 0)? else {
            return Err(self.problem(start..self.at, "the file contains only `null`", "write an object: `{ … }`"));
        };
        self.skip_space();
        match self.at < self.text.len() {
            true => Err(self.unexpected("the end of the file")),
            false => Ok(node),
        }
    }

    /// Parses a value at a depth. `pointer_len` is the length of its JSON pointer in bytes. `None`
    /// for `null`.
    fn value(&mut self, depth: usize, pointer_len: usize) -> Parsed<Option<Node>> {
        let start = self.at;
        self.pointers_len = self.pointers_len.saturating_add(pointer_len);
        if depth > MAX_TOML_DEPTH || self.pointers_len > MAX_TOML_POINTERS_LEN {
            let message = match depth > MAX_TOML_DEPTH {
                true => format!("values are nested more than {MAX_TOML_DEPTH} levels deep"),
                false => {
                    format!("the keys on the paths to all values have more than {MAX_TOML_POINTERS_LEN} bytes in total")
                }
            };
            return Err(self.problem(start..start + 1, message, "remove data that does not belong in this file"));
        }
        let value = match self.peek() {
            Some(b'{') => Value::Table(self.object(depth, pointer_len)?),
            Some(b'[') => Value::Array(self.array(depth, pointer_len)?),
            Some(b'"') => Value::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ if self.takes("true") => Value::Boolean(true),
            _ if self.takes("false") => Value::Boolean(false),
            _ if self.takes("null") => return Ok(None),
            _ => return Err(self.unexpected("a value")),
        };
        Ok(Some(Node { value, place: self.place(start..self.at) }))
    }

    fn object(&mut self, depth: usize, pointer_len: usize) -> Parsed<Table> {
        let mut table = Table::default();
        self.at += 1;
        self.skip_space();
        if self.takes("}") {
            return Ok(table);
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key in double quotes"));
            }
            let start = self.at;
            let name = self.string()?;
            let key = self.place(start..self.at);
            if let Some(first) = table.entry(&name) {
                let problem = Problem::error(format!("the key `{name}` occurs twice"));
                let problem = problem.at(key, "again").at(first.key.clone(), "first");
                return Err(Box::new(problem.help("remove one of them")));
            }
            self.skip_space();
            if !self.takes(":") {
                return Err(self.unexpected("`:` and the value of the key"));
            }
            self.skip_space();
            if let Some(node) = self.value(depth + 1, pointer_len + 1 + name.len())? {
                table.0.push(TableEntry { name, key, node });
            }
            if self.ends_list("}", MAX_TOML_KEYS > table.0.len())? {
                return Ok(table);
            }
        }
    }

    fn array(&mut self, depth: usize, pointer_len: usize) -> Parsed<Vec<Node>> {
        let mut nodes = Vec::new();
        self.at += 1;
        self.skip_space();
        if self.takes("]") {
            return Ok(nodes);
        }
        loop {
            let start = self.at;
            match self.value(depth + 1, pointer_len + 2)? {
                Some(node) => nodes.push(node),
                None => return Err(self.problem(start..self.at, "a list can't contain `null`", "remove it")),
            }
            if self.ends_list("]", MAX_JSON_ITEMS > nodes.len())? {
                return Ok(nodes);
            }
        }
    }

    /// Skips the comma between two entries of an object or list. Returns `true` at the end.
    /// `may_go_on` is `false` if the maximum is reached.
    fn ends_list(&mut self, end: &str, may_go_on: bool) -> Parsed<bool> {
        self.skip_space();
        if self.takes(end) {
            return Ok(true);
        }
        if !self.takes(",") {
            return Err(self.unexpected(&format!("`,` or `{end}`")));
        }
        if !may_go_on {
            let message = match end {
                "]" => format!("a list has more than {MAX_JSON_ITEMS} values"),
                _ => format!("an object has more than {MAX_TOML_KEYS} keys"),
            };
            return Err(self.problem(self.at - 1..self.at, message, "remove entries that media do not need"));
        }
        // A trailing comma is common after editing by hand, so report it as such.
        let comma = self.at - 1;
        self.skip_space();
        if self.peek().is_some_and(|byte| byte == end.as_bytes()[0]) {
            return Err(self.problem(comma..comma + 1, "there is a comma after the last entry", "remove it"));
        }
        Ok(false)
    }

    fn number(&mut self) -> Parsed<Value> {
        let start = self.at;
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        self.at += self.text.as_bytes()[start..].iter().take_while(|byte| is_part(byte)).count();
        let raw = &self.text[start..self.at];
        // Use the number grammar of the JSON library.
        let value = match serde_json::from_str::<serde_json::Number>(raw) {
            Ok(number) => number.as_i64().map(Value::Integer).or(number.as_f64().map(Value::Float)),
            Err(_) => None,
        };
        // Rounding a large ID to a float would change it silently.
        let is_whole = !raw.contains(['.', 'e', 'E']);
        match value {
            Some(Value::Float(_)) if is_whole => {
                Err(self.problem(start..self.at, format!("the number `{raw}` is too large"), "write it as a string"))
            }
            Some(value) => Ok(value),
            None => Err(self.problem(start..self.at, format!("`{raw}` is not a number"), "write a decimal number")),
        }
    }

    fn string(&mut self) -> Parsed<String> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut end = start + 1;
        loop {
            match bytes.get(end) {
                Some(b'"') => break,
                // Only find the end here; the JSON library resolves escape sequences.
                Some(b'\\') => end += 2,
                Some(0..0x20) => {
                    let help = "write `\\n` for a line break and `\\t` for a tab";
                    let what = "a string contains a line break or another control character";
                    return Err(self.problem(end..end + 1, what, help));
                }
                Some(_) => end += 1,
                None => {
                    let line = self.text[start..].lines().next().map_or(1, str::len);
                    return Err(self.problem(start..start + line, "a string is not closed", "close it with `\"`"));
                }
            }
        }
        self.at = end + 1;
        serde_json::from_str(&self.text[start..self.at]).map_err(|_| {
            let help = "write `\\\\` for a backslash: `\"\\\\\\\\server\\\\share\"`";
            self.problem(start..self.at, "a string contains an invalid escape sequence", help)
        })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn takes(&mut self, word: &str) -> bool {
        let is_there = self.text[self.at..].starts_with(word);
        self.at += if is_there { word.len() } else { 0 };
        is_there
    }

    fn skip_space(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
    }

    fn place(&self, span: std::ops::Range<usize>) -> Place {
        Place { source: self.source, span }
    }

    fn unexpected(&self, wanted: &str) -> Box<Problem> {
        let found = self.text[self.at..].chars().next();
        let message = match found {
            Some(_) => format!("expected {wanted}"),
            None => format!("the file ends, but {wanted} was expected"),
        };
        let help = match found {
            Some('\'') => "write strings in double quotes",
            Some('/' | '#') => "remove comments; JSON has none",
            Some(_) => "write valid JSON, as `ConvertTo-Json` does",
            None => "copy the file again; it is truncated",
        };
        self.problem(self.at..self.at + found.map_or(0, char::len_utf8), message, help)
    }

    fn problem(&self, span: std::ops::Range<usize>, message: impl Into<String>, help: &str) -> Box<Problem> {
        let mut end = span.end.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        Box::new(Problem::error(message.into()).at(self.place(span.start.min(end)..end), "").help(help))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<(serde_json::Value, crate::spanned::Spans), String> {
        let mut problems = Problems::default();
        let source = problems.add_source("test.json", text);
        match parse(source, text, &mut problems) {
            Some(node) => Ok(node.flatten()),
            None => {
                let problem = problems.take_since(0).into_iter().next().expect("a problem");
                let (place, _) = &problem.labels[0];
                Err(format!("{} at `{}`", problem.message, &text[place.span.clone()]))
            }
        }
    }

    #[test]
    fn values_are_those_of_the_json_library() {
        for text in [
            r#"{}"#,
            r#" [1, -2, 3.5, 1e3, true, false, "a\u00e4\ud834\udd1e\n\\", {"a": {"b": []}}] "#,
            "\u{feff}{\"ä\": \"𝄞\"}",
            "{\r\n\t\"a\" : 1 , \"b\" : [ ] }",
        ] {
            let expected: serde_json::Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap();
            assert_eq!(parsed(text).unwrap().0, expected, "{text}");
        }
        assert_eq!(parsed(r#"{"a": null, "b": 1}"#).unwrap().0, serde_json::json!({ "b": 1 }));
    }

    #[test]
    fn places_are_those_of_keys_and_values() {
        let text = r#"{"sites": [{"code": "BER"}]}"#;
        let (_, spans) = parsed(text).unwrap();
        let spot = spans.nearest("/sites/0/code").unwrap();
        assert_eq!(&text[spot.value.span.clone()], "\"BER\"");
        assert_eq!(&text[spot.key.as_ref().unwrap().span.clone()], "\"code\"");
    }

    #[test]
    fn the_first_mistake_is_named_and_underlined() {
        for (text, expected) in [
            ("", "the file ends, but a value was expected at ``"),
            ("null", "the file contains only `null` at `null`"),
            ("{\"a\": 1,}", "there is a comma after the last entry at `,`"),
            ("{\"a\" 1}", "expected `:` and the value of the key at `1`"),
            ("{'a': 1}", "expected a key in double quotes at `'`"),
            ("{\"a\": 1", "the file ends, but `,` or `}` was expected at ``"),
            ("[1 2]", "expected `,` or `]` at `2`"),
            ("[null]", "a list can't contain `null` at `null`"),
            ("{} {}", "expected the end of the file at `{`"),
            ("{\"a\": 1, \"a\": 2}", "the key `a` occurs twice at `\"a\"`"),
            ("[01]", "`01` is not a number at `01`"),
            ("[-]", "`-` is not a number at `-`"),
            ("[18446744073709551616]", "the number `18446744073709551616` is too large at `18446744073709551616`"),
            ("[\"a\nb\"]", "a string contains a line break or another control character at `\n`"),
            ("[\"\\x\"]", "a string contains an invalid escape sequence at `\"\\x\"`"),
            ("[\"\\ud800\"]", "a string contains an invalid escape sequence at `\"\\ud800\"`"),
            ("[\"abc", "a string is not closed at `\"abc`"),
            ("[\"abc\\", "a string is not closed at `\"abc\\`"),
            ("[\"abc\\ä", "a string is not closed at `\"abc\\ä`"),
            ("[tru]", "expected a value at `t`"),
            ("[ä]", "expected a value at `ä`"),
        ] {
            assert_eq!(parsed(text).unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn nesting_and_lists_are_bounded() {
        let deep = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
        assert!(parsed(&deep(MAX_TOML_DEPTH)).is_ok());
        assert!(
            parsed(&deep(MAX_TOML_DEPTH + 1)).unwrap_err().starts_with("values are nested more than 64 levels deep")
        );
        assert!(parsed(&"[".repeat(1_000_000)).is_err());
        let list = |n: usize| format!("[{}1]", "1,".repeat(n - 1));
        assert!(parsed(&list(MAX_JSON_ITEMS)).is_ok());
        let keys = (0..=MAX_TOML_KEYS).map(|n| format!("\"{n}\": 1")).collect::<Vec<_>>();
        assert!(parsed(&format!("{{{}}}", keys[1..].join(","))).is_ok());
        let message = parsed(&format!("{{{}}}", keys.join(","))).unwrap_err();
        assert!(message.starts_with("an object has more than 4096 keys"), "{message}");
        assert!(parsed(&list(MAX_JSON_ITEMS + 1)).unwrap_err().starts_with("a list has more than 100000 values"));
    }
}
