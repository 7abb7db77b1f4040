//! Summarises changed files by folder if there are too many to list each.

use std::collections::HashMap;

use super::counted;
use crate::plan::{FileChange, FileStatus};
use crate::size::Size;

/// Maximum number of lines; more levels of folders are shown as long as their lines don't exceed it.
const MAX_LINES: usize = 6;
/// Maximum number of folder levels.
const MAX_DEPTH: usize = 8;
/// Minimum number of files summarised in one line; fewer are listed.
const MIN_FILES: usize = 3;

/// Files of one folder that changed in the same way.
struct FolderChange<'a> {
    status: FileStatus,
    folder: &'a str,
    /// Previous folder, if the files were moved together.
    from: Option<&'a str>,
    files: Vec<&'a FileChange>,
}

/// Returns lines for files. `within` shortens a path; `line` formats a single file.
pub(super) fn lines<'a>(
    files: &'a [FileChange],
    within: &dyn Fn(&'a str) -> &'a str,
    line: &dyn Fn(&'a FileChange) -> String,
) -> Vec<String> {
    let at_depth = |depth: usize| {
        let groups = groups(files, within, depth);
        let lines = groups.into_iter().flat_map(|group| match group.files.len() {
            n_files if n_files < MIN_FILES || group.folder.is_empty() => group.files.into_iter().map(line).collect(),
            _ => vec![folder_line(&group)],
        });
        lines.collect::<Vec<_>>()
    };
    let mut lines = at_depth(1);
    for depth in 2..=MAX_DEPTH {
        let deeper = at_depth(depth);
        if deeper.len() > lines.len().max(MAX_LINES) {
            break;
        }
        lines = deeper;
    }
    lines
}

fn groups<'a>(files: &'a [FileChange], within: &dyn Fn(&'a str) -> &'a str, depth: usize) -> Vec<FolderChange<'a>> {
    let mut groups: Vec<FolderChange> = Vec::new();
    let mut by_key = HashMap::new();
    for file in files {
        let path = within(&file.path);
        let ends = path.match_indices('/').map(|(at, _)| at).take(depth);
        let (folder, rest) = path.split_at(ends.last().unwrap_or(0));
        let from = file.from.as_deref().and_then(|from| within(from).strip_suffix(rest));
        // A file that was also renamed is listed on its own.
        let folder = if file.from.is_some() && from.is_none() { "" } else { folder };
        let status = file.status();
        let index = *by_key.entry((status, folder, from)).or_insert(groups.len());
        match groups.get_mut(index) {
            Some(group) => group.files.push(file),
            None => groups.push(FolderChange { status, folder, from, files: vec![file] }),
        }
    }
    groups
}

fn folder_line(group: &FolderChange) -> String {
    let sum = |len: fn(&FileChange) -> Option<u64>| Size(group.files.iter().filter_map(|file| len(file)).sum());
    let (old, new) = (sum(|file| file.old), sum(|file| file.new));
    let what = match group.status {
        FileStatus::Added => new.to_string(),
        FileStatus::Removed => old.to_string(),
        FileStatus::Changed if old.to_string() == new.to_string() => format!("{new}, different content"),
        FileStatus::Changed => format!("{old} → {new}"),
        FileStatus::Moved => format!("{new}, from `{}/`", group.from.unwrap_or_default()),
    };
    format!("{} {} in {}/ ({what})", mark(group.status), counted(group.files.len(), "file"), group.folder)
}

/// Returns the sign at the start of a line.
pub(super) fn mark(status: FileStatus) -> char {
    match status {
        FileStatus::Added => '+',
        FileStatus::Removed => '-',
        FileStatus::Changed => '~',
        FileStatus::Moved => '>',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Path, previous path, previous length and length.
    type File<'a> = (&'a str, Option<&'a str>, Option<u64>, Option<u64>);

    fn summarise(files: &[File]) -> String {
        let change = |(path, from, old, new): &File| FileChange {
            path: format!("PKG/{path}"),
            from: from.map(|from| format!("PKG/{from}")),
            old: *old,
            new: *new,
        };
        let files: Vec<_> = files.iter().map(change).collect();
        let within = |path| str::strip_prefix(path, "PKG/").unwrap_or(path);
        lines(&files, &within, &|file| format!("{} {}", mark(file.status()), within(&file.path))).join("\n")
    }

    #[test]
    fn files_of_a_folder_that_went_the_same_way_are_one_line() {
        let (one, two) = (Some(1_000), Some(2_000));
        insta::assert_snapshot!(summarise(&[
            ("a/1", None, None, one),
            ("a/2", None, None, one),
            ("a/3", None, None, one),
            ("a/4", None, one, two),
            ("b/c/1", Some("b/d/1"), one, one),
            ("b/c/2", Some("b/d/2"), one, one),
            ("b/c/e/3", Some("b/d/e/3"), one, one),
            ("b/c/other", Some("x"), one, one),
            ("r1", None, one, None),
            ("r2", None, one, None),
            ("r3", None, one, None),
        ]), @"
        + 3 files in a/ (3.00 kB)
        ~ a/4
        > 3 files in b/c/ (3.00 kB, from `b/d/`)
        > b/c/other
        - r1
        - r2
        - r3
        ");
        let deep: Vec<_> = (0..40).map(|n| format!("drivers/{n}/x64/{}.sys", n % 2)).collect();
        let deep: Vec<_> = deep.iter().map(|path| (path.as_str(), None, one, one)).collect();
        insta::assert_snapshot!(summarise(&deep), @"
        ~ 40 files in drivers/ (40.0 kB, different content)
        ");
    }
}
