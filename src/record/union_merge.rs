//! Records that Git merged with `merge=union`, which keeps the changed lines of both sides.
//!
//! What both sides changed is there twice then. The first side is used, as of a record with conflict markers.

use std::collections::HashSet;

/// Returns a record without lines of the second side: the first line of each key of an object, and of each file, stays.
pub(super) fn first_sides(text: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut seen: Vec<HashSet<&str>> = vec![HashSet::new()];
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let bare = line.trim().trim_end_matches(',');
        if bare.starts_with([']', '}']) && seen.len() > 1 {
            seen.pop();
        }
        let is_new = subject(bare).is_none_or(|subject| seen.last_mut().is_some_and(|seen| seen.insert(subject)));
        if is_new || bare.ends_with(['[', '{']) {
            kept.push(line.trim_end().trim_end_matches(','));
        }
        if bare.ends_with(['[', '{']) {
            seen.push(HashSet::new());
        }
    }
    let mut merged = String::with_capacity(text.len());
    for (at, line) in kept.iter().enumerate() {
        let is_last = kept.get(at + 1).is_none_or(|next| next.trim_start().starts_with([']', '}']));
        let comma = if is_last || line.ends_with(['[', '{']) { "" } else { "," };
        merged.extend([line, comma, "\n"]);
    }
    merged
}

/// Returns the part of a line that no other line of its object or list has: a key, or the path of a file.
fn subject(line: &str) -> Option<&str> {
    match line.strip_prefix("{\"path\":") {
        Some(file) => Some(file.split_once(",\"len\":").map_or(file, |(path, _)| path)),
        None => line.strip_prefix('"').and_then(|rest| rest.split_once("\": ")).map(|(key, _)| key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_first_side_stay_and_commas_are_put_right() {
        let merged = r#"{
"record-version": 4,
"outputs": [
{
"summary": {
  "name": "a.iso",
  "len": 1,
  "id": "1",
  "len": 2,
  "id": "2",
  "description": {
    "name": "x"
  },
  "entries": [
    {
      "title": "one"
    }
    {
      "title": "two"
    },
  ]
},
"files": [
{"path":"a","len":1,"blake3":"1"},
{"path":"a","len":2,"blake3":"2"},

{"path":"b/c","len":3,"blake3":"3"}
{"path":"d","len":4,"blake3":"4"}
]
}
]
}
"#;
        let json: serde_json::Value = serde_json::from_str(&first_sides(merged)).unwrap();
        let expected = serde_json::json!({ "record-version": 4, "outputs": [{
            "summary": {
                "name": "a.iso", "len": 1, "id": "1", "description": { "name": "x" },
                "entries": [{ "title": "one" }, { "title": "two" }],
            },
            "files": [
                { "path": "a", "len": 1, "blake3": "1" },
                { "path": "b/c", "len": 3, "blake3": "3" },
                { "path": "d", "len": 4, "blake3": "4" },
            ],
        }] });
        assert_eq!(json, expected);
    }

    #[test]
    fn other_text_does_not_fail() {
        for text in ["", "]\n}\n", "{\n[\n", "\"\": \n\"\": ", ",,,"] {
            first_sides(text);
        }
    }
}
