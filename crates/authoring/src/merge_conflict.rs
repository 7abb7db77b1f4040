//! Finds the conflict markers of Git in a text.

use std::ops::Range;

/// Help for a merge conflict.
pub const ADVICE: &str = "merge the two sides, and delete the lines that start with `<<<<<<<`, `=======` and `>>>>>>>`";

/// Returns the byte ranges of the first lines of conflicts. A conflict has all three markers, each
/// at the start of a line.
pub fn find(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut open: Option<(Range<usize>, bool)> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\n', '\r']);
        let is_mark = |mark: &str| bare.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
        if is_mark("<<<<<<<") {
            open = Some((start..start + bare.len(), false));
        } else if is_mark("=======") {
            open = open.map(|(place, _)| (place, true));
        } else if is_mark(">>>>>>>") {
            found.extend(open.take().filter(|(_, is_divided)| *is_divided).map(|(place, _)| place));
        }
        start += line.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_are_found_by_all_of_their_marks() {
        let text = "a = 1\n<<<<<<< HEAD\nb = 1\n=======\nb = 2\n>>>>>>> other\n<<<<<<< HEAD\r\n=======\r\n>>>>>>>\n";
        let found = find(text);
        assert_eq!(found.len(), 2);
        assert_eq!(&text[found[0].clone()], "<<<<<<< HEAD");
        for text in ["", "<<<<<<< HEAD\n", "=======\n>>>>>>> x\n", "a = '<<<<<<<'\n=======\n>>>>>>> x\n", "========\n"]
        {
            assert!(find(text).is_empty(), "{text}");
        }
    }
}
