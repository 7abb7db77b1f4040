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

/// Returns a text with the first side of each conflict: that of the current branch, or of the branch rebased onto.
pub fn first_sides(text: &str) -> String {
    let starts: HashSet<usize> = find(text).into_iter().map(|place| place.start).collect();
    let mut kept = String::with_capacity(text.len());
    // `true` on lines of a conflict, and on those that are left out.
    let (mut is_inside, mut is_left_out) = (false, false);
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if starts.contains(&start) {
            (is_inside, is_left_out) = (true, false);
        } else if is_inside && line.starts_with(">>>>>>>") {
            is_inside = false;
        } else if is_inside && (line.starts_with("=======") || line.starts_with("|||||||")) {
            is_left_out = true;
        } else if !(is_inside && is_left_out) {
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
    fn the_first_side_of_each_conflict_is_kept() {
        let text =
            "a\n<<<<<<< HEAD\nb\n||||||| base\nc\n=======\nd\n>>>>>>> other\ne\n<<<<<<< x\n=======\nf\n>>>>>>> y\ng";
        assert_eq!(first_sides(text), "a\nb\ne\ng");
        assert_eq!(first_sides("a\n=======\nb\n"), "a\n=======\nb\n");
    }
}
