//! Converts between bytes and positions of the protocol: lines from 0, and UTF-16 code units within a line.

use std::ops::Range;

use serde_json::{Value as Json, json};

/// Returns the byte at a position. A position beyond the end of a line is its end.
pub fn offset(text: &str, position: &Json) -> usize {
    let number = |key: &str| position[key].as_u64().unwrap_or(0) as usize;
    let (line, character) = (number("line"), number("character"));
    let start = match line {
        0 => 0,
        _ => match text.match_indices('\n').nth(line - 1) {
            Some((at, _)) => at + 1,
            None => return text.len(),
        },
    };
    let line = text[start..].split('\n').next().unwrap_or_default();
    let line = line.strip_suffix('\r').unwrap_or(line);
    let mut n_units = 0;
    for (at, c) in line.char_indices() {
        if n_units >= character {
            return start + at;
        }
        n_units += c.len_utf16();
    }
    start + line.len()
}

/// Returns the position of a byte.
pub fn position(text: &str, offset: usize) -> Json {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    json!({ "line": line, "character": before[start..].encode_utf16().count() })
}

/// Returns the positions of both ends of a range.
pub fn range(text: &str, range: &Range<usize>) -> Json {
    json!({ "start": position(text, range.start), "end": position(text, range.end) })
}

/// Applies one change of a document: of a range, or of all of it.
pub fn apply(text: &mut String, change: &Json) {
    let new = change["text"].as_str().unwrap_or_default();
    if !change["range"].is_object() {
        *text = new.to_owned();
        return;
    }
    let (start, end) = (offset(text, &change["range"]["start"]), offset(text, &change["range"]["end"]));
    text.replace_range(start..end.max(start), new);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_utf_16_code_units() {
        let text = "a = \"ß🙂x\"\r\nb = 1\r\n";
        for (needle, line, character) in [("a", 0, 0), ("ß", 0, 5), ("🙂", 0, 6), ("x", 0, 8), ("b", 1, 0)] {
            let at = text.find(needle).unwrap();
            let found = position(text, at);
            assert_eq!(found, json!({ "line": line, "character": character }), "{needle}");
            assert_eq!(offset(text, &found), at, "{needle}");
        }
        assert_eq!(offset(text, &json!({ "line": 0, "character": 99 })), text.find('\r').unwrap());
        assert_eq!(offset(text, &json!({ "line": 9, "character": 0 })), text.len());
    }

    #[test]
    fn changes_replace_ranges_or_everything() {
        let mut text = String::from("a = \"🙂\"\nb = 1\n");
        let at = |line: u32, character: u32| json!({ "line": line, "character": character });
        apply(&mut text, &json!({ "range": { "start": at(0, 5), "end": at(0, 7) }, "text": "x\ny" }));
        assert_eq!(text, "a = \"x\ny\"\nb = 1\n");
        apply(&mut text, &json!({ "range": { "start": at(3, 0), "end": at(3, 0) }, "text": "c" }));
        assert_eq!(text, "a = \"x\ny\"\nb = 1\nc");
        apply(&mut text, &json!({ "text": "new" }));
        assert_eq!(text, "new");
    }
}
