//! Escapes text from outside, so that it is safe to print.
//!
//! Labels, names and messages come from media, archives, folders and other programs. They may contain characters that
//! control a terminal, reorder a line (the bidirectional controls of UAX #9) or are invisible. Those are printed as
//! escapes such as `\x1b` or `\u{202e}`. A backslash that would read as the start of such an escape is printed as `\x5c`, so
//! that different texts never look alike because of escapes. Letters, combining marks and signs of every script are
//! printed unchanged: texts that differ in normalisation (UAX #15) or in letters of the same shape do look alike.
//!
//! Text is stored unchanged and escaped once, when it is printed: a line by [`line()`]. In data, [`json`], [`toml()`] and
//! [`xml`] use the escapes of the format, so that the data stays the same.

mod toml;

use std::borrow::Cow;
use std::fmt::Write as _;

pub use disc_layout::decode::{from_utf8, from_utf16};
pub use toml::toml;

/// Maximum number of characters that [`line()`] prints; it counts the others. Paths on Linux have at most 4,096 bytes.
pub const MAX_CHARS: usize = 4_096;

/// Maximum number of combining marks on one letter; more would cover other lines.
const MAX_MARKS: usize = 4;

/// Returns whether a character is printed unchanged. `false` for controls, format characters (bidirectional controls, tags,
/// joiners), variation selectors and other invisible characters, separators except the space, private-use characters,
/// noncharacters, and unassigned ones.
pub fn is_printed(c: char) -> bool {
    match c {
        ' '..='~' => true,
        c if c.is_ascii() || is_blank(c) => false,
        // After a letter, `escape_debug` escapes all of these, but not combining marks.
        c => {
            let mut bytes = [b'a'; 5];
            let len = 1 + c.encode_utf8(&mut bytes[1..]).len();
            std::str::from_utf8(&bytes[..len]).is_ok_and(|text| text.escape_debug().nth(1) == Some(c))
        }
    }
}

/// Returns whether a mark, letter or sign is invisible (Default_Ignorable_Code_Point, fillers and blanks).
fn is_blank(c: char) -> bool {
    matches!(c,
        '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{2800}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{13441}'..='\u{13442}' | '\u{16fe4}' | '\u{1d159}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Returns whether a printed character is drawn onto the one before it.
fn is_mark(c: char) -> bool {
    !c.is_ascii() && c.escape_debug().len() > 1
}

/// Escapes a text for a single line, including line breaks and tabs. Text beyond [`MAX_CHARS`] is replaced by a count.
pub fn line(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_CHARS) {
        None => escaped(text, |_| false, begins_like_an_escape),
        Some((at, _)) => {
            let n_more = text[at..].chars().count();
            format!("{}… ({n_more} more characters)", escaped(&text[..at], |_| false, begins_like_an_escape)).into()
        }
    }
}

/// Escapes a text of several lines whose values may be escaped already. Backslashes, line breaks and tabs stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| matches!(c, '\n' | '\t'), |_| false)
}

fn escaped(text: &str, is_kept: impl Fn(char) -> bool, is_escaped: impl Fn(&str) -> bool) -> Cow<'_, str> {
    if text.chars().all(|c| matches!(c, ' '..='[' | ']'..='~') || is_kept(c)) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len());
    // A mark at the start would be drawn onto the character before the text, so escape it.
    let mut n_marks = MAX_MARKS;
    for (at, c) in text.char_indices() {
        n_marks = if is_mark(c) { n_marks + 1 } else { 0 };
        match c {
            '\\' if is_escaped(&text[at + 1..]) => escaped.push_str("\\x5c"),
            c if is_kept(c) || is_printed(c) && n_marks <= MAX_MARKS => escaped.push(c),
            c => push_escape(&mut escaped, c),
        }
    }
    escaped.into()
}

/// Appends the escape of a character, printed or not.
fn push_escape(text: &mut String, c: char) {
    let number = u32::from(c);
    // Writing to a text does not fail.
    let _ = match c.is_ascii() {
        true => write!(text, "\\x{number:02x}"),
        false => write!(text, "\\u{{{number:x}}}"),
    };
}

/// Returns whether a backslash followed by `rest` reads as an escape of [`push_escape`]. `\x64` and `\x86`, common in paths
/// of drivers, don't: they would be printable characters.
fn begins_like_an_escape(rest: &str) -> bool {
    let byte = |n: usize| rest.as_bytes().get(n).copied().unwrap_or_default();
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    match byte(0) {
        b'x' => {
            matches!((byte(1), byte(2)), (b'0' | b'1', digit) if is_hex(digit))
                || rest[1..].starts_with("7f")
                || rest[1..].starts_with("5c")
        }
        b'u' => {
            let digits = rest[1..].strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(digits, _)| digits);
            digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32).is_some()
        }
        _ => false,
    }
}

/// Keeps colours (SGR, ECMA-48 8.3.117) and escapes everything else like [`lines`]. Foreign text must be escaped before, or
/// it could set colours.
pub fn styled(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\x1b[") {
        let numbers = &rest[at + 2..];
        let end = numbers.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(numbers.len());
        if !numbers[end..].starts_with('m') {
            break;
        }
        safe.push_str(&lines(&rest[..at]));
        safe.push_str(&rest[at..at + 2 + end + 1]);
        rest = &numbers[end + 1..];
    }
    safe + &lines(rest)
}

/// Escapes characters in the strings of a JSON text, which stays the same data (RFC 8259 clause 7). Outside strings, JSON
/// has only printable characters and line breaks.
pub fn json(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte == b'\n' || matches!(byte, b' '..=b'~')) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || is_printed(c) {
            safe.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        }
    }
    safe.into()
}

/// Returns the character of a reference, given the text between `&` and `;` (XML 1.0 clauses 4.1 and 4.6).
pub fn xml_reference(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

/// Escapes characters in an XML text, which stays the same data (XML 1.0 clause 4.1). It must have no comments or CDATA
/// sections, where references have no meaning.
pub fn xml(text: &str) -> Cow<'_, str> {
    let is_kept = |c| matches!(c, '\n' | '\t') || is_printed(c);
    if text.chars().all(is_kept) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match is_kept(c) {
            true => safe.push(c),
            false => drop(write!(safe, "&#x{:X};", u32::from(c))),
        }
    }
    safe.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_every_script_stays_as_it_is() {
        for text in [
            "WIN11 BER",
            "C:\\drivers\\x64\\net\\new.inf",
            "\\\\server\\share\\x86\\users",
            "Übergrößenträger",
            "Zu\u{308}rich",
            "Παράδειγμα",
            "Привет",
            "שלום",
            "مرحبا",
            "हिन्दी",
            "ไทย",
            "日本語、한국어",
            "→ “100 %” ½ € ✓ ─┬ \u{fffd}",
            "💿 🚀 👍🏽 🇩🇪",
        ] {
            assert_eq!([line(text), lines(text), json(text)], [text, text, text]);
        }
    }

    #[test]
    fn what_controls_reorders_or_hides_is_escaped() {
        for (text, expected) in [
            ("\x1b[31mred\x1b[0m\x07", "\\x1b[31mred\\x1b[0m\\x07"),
            ("a\r\nb\tc\x7f\0", "a\\x0d\\x0ab\\x09c\\x7f\\x00"),
            ("\u{9b}31m \u{85}", "\\u{9b}31m \\u{85}"),
            ("a\u{202e}txt.exe\u{202c}", "a\\u{202e}txt.exe\\u{202c}"),
            ("\u{200e}\u{200f}\u{61c}\u{2066}\u{2069}", "\\u{200e}\\u{200f}\\u{61c}\\u{2066}\\u{2069}"),
            ("a\u{200b}b\u{200d}c\u{2060}d\u{feff}e\u{ad}", "a\\u{200b}b\\u{200d}c\\u{2060}d\\u{feff}e\\u{ad}"),
            ("a\u{2028}b\u{2029}", "a\\u{2028}b\\u{2029}"),
            ("a\u{e0041}\u{e0100}\u{fe0f}", "a\\u{e0041}\\u{e0100}\\u{fe0f}"),
            ("a\u{a0}b\u{2003}c\u{3000}\u{3164}\u{2800}", "a\\u{a0}b\\u{2003}c\\u{3000}\\u{3164}\\u{2800}"),
            ("\u{e000}\u{fffe}\u{10ffff}", "\\u{e000}\\u{fffe}\\u{10ffff}"),
            ("\u{301}a", "\\u{301}a"),
        ] {
            assert_eq!(line(text), expected);
            assert!(expected.chars().all(is_printed));
        }
        let piled = format!("a{}", "\u{301}".repeat(100));
        assert_eq!(line(&piled).matches("\\u{301}").count(), 100 - MAX_MARKS);
        assert_eq!(lines("a\n\tb\r\n\x1b\\x1b"), "a\n\tb\\x0d\n\\x1b\\x1b");
    }

    #[test]
    fn no_two_texts_look_alike_by_their_escapes() {
        let texts = [
            "\x1b",
            "\\x1b",
            "\\x5cx1b",
            "\\\\x1b",
            "\\\x1b",
            "\\x1B",
            "\u{202e}",
            "\\u{202e}",
            "\\u{202E}",
            "\\u{0202e}",
            "\\x5cu{202e}",
            "\\u{d800}",
            "\u{7f}",
            "\\x7f",
            "\\x5c",
            "\\",
            "\n",
            "\\x0a",
            "\\n",
            "\\x",
            "\\u{}",
            "\\u{",
        ];
        for (at, text) in texts.iter().enumerate() {
            let others = texts[..at].iter().filter(|other| line(other) == line(text));
            assert_eq!(others.count(), 0, "{text:?}");
            // One that was escaped is escaped once more.
            assert!(line(text) == *text || line(&line(text)) != line(text), "{text:?}");
        }
    }

    #[test]
    fn long_texts_are_counted_beyond_their_bound() {
        let long = "é\x1b".repeat(MAX_CHARS);
        let shown = line(&long);
        assert!(shown.ends_with("… (4096 more characters)") && shown.len() < 4 * MAX_CHARS, "{}", shown.len());
        assert_eq!(line(&"é".repeat(MAX_CHARS)).chars().count(), MAX_CHARS);
    }

    #[test]
    fn json_and_xml_stay_the_same_data() {
        let data = serde_json::json!({ "a\u{202e}\"": ["\x1b\u{7f}\u{9b}\u{e0041}é\n\\", "\u{10ffff}"] });
        for text in [data.to_string(), format!("{data:#}")] {
            let safe = json(&text);
            assert!(safe.chars().all(|c| c == '\n' || is_printed(c)), "{safe}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), data);
        }
        assert_eq!(xml("<a b=\"\u{202e}\u{85}é\">\u{e0041}</a>\n"), "<a b=\"&#x202E;&#x85;é\">&#xE0041;</a>\n");
        assert_eq!(json("\"\u{202e}\u{e0041}\""), "\"\\u202e\\udb40\\udc41\"");
    }

    #[test]
    fn colours_pass_and_nothing_else_does() {
        assert_eq!(styled("a \x1b[1;31mred\x1b[0m\n"), "a \x1b[1;31mred\x1b[0m\n");
        for bad in ["\x1b[2J", "\x1b]0;title\x07", "\x1b[31", "\x1b[?25l", "\x1b[m\x1b[1A", "\x1b[31\u{202e}m"] {
            assert!(!styled(bad).trim_start_matches("\x1b[m").contains('\x1b'), "{bad:?}");
        }
    }
    #[test]
    fn names_that_are_not_text_are_escaped_once() {
        assert_eq!(line(&from_utf16([0x61, 0xd800, 0x62])), "a\\u{d800}b");
    }
}
