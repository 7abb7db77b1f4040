//! Finds the conflict markers of Git in a text.

use std::collections::HashSet;
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

/// Returns the number, from 1, of the first line of the first conflict.
pub fn first_line(text: &str) -> Option<usize> {
    find(text).first().map(|place| text[..place.start].matches('\n').count() + 1)
}

/// Returns a text with the first side of each conflict: that of the current branch, or of the branch rebased onto.
pub fn first_sides(text: &str) -> String {
    without_marks(text, false)
}

/// Returns a text with all sides of each conflict, one after the other.
pub fn all_sides(text: &str) -> String {
    without_marks(text, true)
}

fn without_marks(text: &str, with_later_sides: bool) -> String {
    let starts: HashSet<usize> = find(text).into_iter().map(|place| place.start).collect();
    let mut kept = String::with_capacity(text.len());
    // `true` on lines of a conflict, and on those after its first side.
    let (mut is_inside, mut is_later) = (false, false);
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if starts.contains(&start) {
            (is_inside, is_later) = (true, false);
        } else if is_inside && line.starts_with(">>>>>>>") {
            is_inside = false;
        } else if is_inside && (line.starts_with("=======") || line.starts_with("|||||||")) {
            is_later = true;
        } else if !(is_inside && is_later) || with_later_sides {
            kept += line;
        }
        start += line.len();
    }
    kept
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

    #[test]
    fn sides_are_kept_without_marks() {
        let text =
            "a\n<<<<<<< HEAD\nb\n||||||| base\nc\n=======\nd\n>>>>>>> other\ne\n<<<<<<< x\n=======\nf\n>>>>>>> y\ng";
        assert_eq!(first_sides(text), "a\nb\ne\ng");
        assert_eq!(all_sides(text), "a\nb\nc\nd\ne\nf\ng");
        assert_eq!(first_line(text), Some(2));
        assert_eq!(first_sides("a\n=======\nb\n"), "a\n=======\nb\n");
    }
}
