//! Escapes text from outside in TOML, as written by the crate `toml` and by [`sequence::write`](crate::sequence::write). The
//! data stays the same.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{is_printed, lines};

/// Escapes characters in the strings and comments of a TOML text. Literal strings that need escapes become basic ones, which
/// have escapes (TOML 1.0, "String").
pub fn toml(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_kept) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\'', '#']) {
        safe.push_str(&lines(&rest[..at]));
        rest = &rest[at..];
        let len = match rest.starts_with('#') {
            true => rest.find('\n').unwrap_or(rest.len()),
            false => push_string(&mut safe, rest),
        };
        if rest.starts_with('#') {
            safe.push_str(&lines(&rest[..len]));
        }
        rest = &rest[len..];
    }
    safe.push_str(&lines(rest));
    safe.into()
}

fn is_kept(c: char) -> bool {
    matches!(c, '\n' | '\t') || is_printed(c)
}

/// Appends the string at the start of `text`, and returns its length in `text`.
fn push_string(safe: &mut String, text: &str) -> usize {
    let quote = &text[..1];
    let triple = quote.repeat(3);
    let delimiter = if text.starts_with(&triple) { triple.as_str() } else { quote };
    let body = &text[delimiter.len()..];
    let is_basic = quote == "\"";
    let mut len = 0;
    while let Some(c) = body[len..].chars().next() {
        if body[len..].starts_with(delimiter) {
            break;
        }
        len += c.len_utf8();
        if is_basic && c == '\\' {
            len += body[len..].chars().next().map_or(0, char::len_utf8);
        }
    }
    // Up to two quotes before the closing three belong to the string.
    while delimiter.len() == 3 && body[len + delimiter.len().min(body.len() - len)..].starts_with(quote) {
        len += 1;
    }
    let body = &body[..len];
    let whole = 2 * delimiter.len() + len;
    if body.chars().all(is_kept) {
        safe.push_str(&text[..whole.min(text.len())]);
        return whole.min(text.len());
    }
    let delimiter = "\"".repeat(delimiter.len());
    safe.push_str(&delimiter);
    for c in body.chars() {
        match c {
            '"' | '\\' if !is_basic => {
                safe.push('\\');
                safe.push(c);
            }
            c if is_kept(c) => safe.push(c),
            c => {
                // Writing to a text does not fail.
                let number = u32::from(c);
                let _ =
                    if number < 0x1_0000 { write!(safe, "\\u{number:04X}") } else { write!(safe, "\\U{number:08X}") };
            }
        }
    }
    safe.push_str(&delimiter);
    whole.min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toml_stays_the_same_data() {
        let values = [
            "plain",
            "a\u{202e}b",
            "C:\\a\u{200b}",
            "\"both' \u{85}",
            "two\nlines\u{2066}\\\n",
            "''' \u{feff}\n'",
            "\u{e0041}",
            "tab\t\u{a0}",
            "ends in \"\"\u{202e}\"",
            "",
            "\\u202e",
            "# \u{202e}",
        ];
        let mut table = ::toml::Table::new();
        for (n, value) in values.iter().enumerate() {
            table.insert(format!("key {n}"), (*value).into());
            table.insert(format!("\u{202e}{n}"), ::toml::Value::Array(vec![(*value).into()]));
        }
        for text in [::toml::to_string(&table).unwrap(), ::toml::to_string_pretty(&table).unwrap()] {
            let safe = toml(&text);
            assert!(safe.chars().all(is_kept), "{safe}");
            assert_eq!(safe.parse::<::toml::Table>().unwrap(), table, "{safe}");
        }
        let commented = "# it's \u{202e}\na = '\u{202e}' # \"\nb = '''\n\u{202e}\"\\'''''\nc = \"\"\n";
        let safe = toml(commented);
        assert_eq!(safe, "# it's \\u{202e}\na = \"\\u202E\" # \"\nb = \"\"\"\n\\u202E\\\"\\\\''\"\"\"\nc = \"\"\n");
        assert_eq!(safe.parse::<::toml::Table>().unwrap(), commented.parse::<::toml::Table>().unwrap());
    }

    #[test]
    fn what_is_not_toml_is_safe_all_the_same() {
        for text in ["'\u{202e}", "\"\"\"\u{202e}\"", "\"\\", "'''", "\"\u{1b}\\", "a # \u{1b}'"] {
            assert!(toml(text).chars().all(is_kept), "{text:?}");
        }
    }
}
