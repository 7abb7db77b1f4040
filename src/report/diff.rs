//! What two media differ in, as text and as JSON.
//!
//! The text starts with one line that sums up, and names the two. It is a screen long at most; with `verbose` it
//! names every file, with digests. The JSON has everything.

use serde_json::{Value as Json, json};

use super::reason::boot_change;
use super::{Page, counted};
use crate::diff::{Counts, Diff, FileContent, FileDiff, FileDifference, Group, ValueChange};
use crate::digest::Digest;
use crate::plan::FileCount;
use crate::size::Size;

/// How many lines of groups and files there are at most, unless all are asked for.
const MAX_LINES: usize = 20;
/// How many files of a group are named.
const MAX_FILES: usize = 5;

/// A difference for people. `sides` are the names of the two media.
pub fn text(diff: &Diff, sides: [&str; 2], verbose: bool) -> Page {
    let mut page = Page::of_line(summary(diff));
    page.gap();
    page.row("- ", sides[0]);
    page.row("+ ", sides[1]);
    let mut rows: Vec<_> = diff.values.iter().map(|change| (change.key.clone(), value(change))).collect();
    for boot in &diff.boot {
        let what = match boot.change {
            Some(change) => boot_change(change),
            None => "nobody knows whether it differs, as one side has no digest of its bytes",
        };
        let [old, new] = &boot.bytes;
        let digests = match (old, new) {
            (Some(old), Some(new)) if verbose => format!(", {old} → {new}"),
            (Some(old), Some(new)) => format!(", {} → {}", short(old), short(new)),
            _ => String::new(),
        };
        rows.push(("boot".into(), format!("program for {}: {what}{digests}", boot.firmware)));
    }
    if diff.has_unknown_secrets {
        rows.push(("secrets".into(), "can't be compared: a record has only keyed fingerprints of them".into()));
    }
    if !rows.is_empty() {
        let width = rows.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
        page.gap();
        rows.iter().for_each(|(key, value)| page.row(format!("{key:width$}  "), value));
    }
    if !diff.groups.is_empty() {
        page.gap();
    }
    let n_shown = if verbose || diff.groups.len() <= MAX_LINES { diff.groups.len() } else { MAX_LINES - 1 };
    let (shown, others) = diff.groups.split_at(n_shown);
    let n_lines = if verbose { usize::MAX } else { MAX_LINES / n_shown.max(1) };
    for group in shown {
        write_group(&mut page, group, verbose, n_lines);
    }
    if !others.is_empty() {
        let mut counts = Counts::default();
        others.iter().for_each(|group| counts += group.counts());
        page.line(format!("and in {} more places: {}", others.len(), words(counts)));
    }
    page
}

/// One line: how much differs.
pub fn summary(diff: &Diff) -> String {
    let unknown = diff.has_unknown_secrets || diff.boot.iter().any(|boot| boot.change.is_none());
    if diff.is_empty() {
        let but = if unknown { "nothing differs that both sides know" } else { "nothing differs" };
        return but.into();
    }
    let counts = diff.counts();
    let mut parts = Vec::new();
    if counts != Counts::default() {
        parts.push(format!("files: {}", words(counts)));
    }
    let mut others: Vec<_> = diff.values.iter().map(|change| change.key.as_str()).collect();
    if diff.boot.iter().any(|boot| boot.change.is_some()) {
        others.push("boot programs");
    }
    match others.split_last() {
        None => {}
        Some((last, [])) => parts.push(format!("{last} differ{}", if last.ends_with('s') { "" } else { "s" })),
        Some((last, first)) => parts.push(format!("{} and {last} differ", first.join(", "))),
    }
    parts.join("; ")
}

fn words(counts: Counts) -> String {
    let Counts { added, removed, changed, moved } = counts;
    let parts = [(changed, "changed"), (added, "added"), (removed, "removed"), (moved, "moved")];
    let parts: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    parts.join(", ")
}

fn value(change: &ValueChange) -> String {
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => format!("`{old}` → `{new}`"),
        (None, Some(new)) => format!("added, `{new}`"),
        (Some(old), None) => format!("removed, it was `{old}`"),
        (None, None) => "changed".into(),
    }
}

/// Writes a group in so many lines at most.
fn write_group(page: &mut Page, group: &Group, verbose: bool, n_lines: usize) {
    let name = match (&group.title, group.path.as_str()) {
        (Some(title), _) => title,
        (None, "") => "files in the root",
        (None, path) => path,
    };
    let [old, new] = &group.tallies;
    let tally = |tally: &FileCount| format!("{} in {}", Size(tally.len), counted(tally.n_files as usize, "file"));
    let counts = group.counts();
    let is_whole = counts.changed + counts.moved == 0 && (old.n_files == 0 || new.n_files == 0);
    let what = match (old.n_files, new.n_files) {
        (0, _) if is_whole => format!("added, {}", tally(new)),
        (_, 0) if is_whole => format!("removed, it was {}", tally(old)),
        _ if Size(old.len).to_string() == Size(new.len).to_string() => format!("{}, {}", Size(new.len), words(counts)),
        _ => format!("{} → {}, {}", Size(old.len), Size(new.len), words(counts)),
    };
    page.line(format!("{name}: {what}"));
    // Of a group that came or went as a whole, its files are no news.
    if is_whole && !verbose {
        return;
    }
    let n_named = match group.files.len() {
        n if verbose || n < n_lines && n <= MAX_FILES => n,
        _ => n_lines.saturating_sub(2).min(MAX_FILES),
    };
    for file in &group.files[..n_named] {
        write_file(page, file, verbose);
    }
    if n_named > 0 && n_named < group.files.len() {
        page.line(format!("  and {} more", group.files.len() - n_named));
    }
}

fn write_file(page: &mut Page, file: &FileDiff, verbose: bool) {
    let path = &file.path;
    let digest = |file: &FileContent| if verbose { format!(", {}", shown(file.blake3, true)) } else { String::new() };
    let (mark, words) = match &file.change {
        FileDifference::Added(new) => ('+', format!("{}{}", Size(new.len), digest(new))),
        FileDifference::Removed(old) => ('-', format!("{}{}", Size(old.len), digest(old))),
        FileDifference::Changed(old, new) => {
            let lens = if old.len == new.len {
                Size(new.len).to_string()
            } else {
                format!("{} → {}", Size(old.len), Size(new.len))
            };
            let digests = match (old.blake3, new.blake3) {
                (None, None) => SECRET.to_owned(),
                (old, new) => format!("{} → {}", shown(old, verbose), shown(new, verbose)),
            };
            ('~', format!("{lens}, {digests}"))
        }
        FileDifference::Moved { from, file } => ('>', format!("{}, from {from}{}", Size(file.len), digest(file))),
    };
    page.row(format!("  {mark} "), format!("{path} ({words})"));
}

/// Stands for the digest of a file whose bytes depend on secrets.
const SECRET: &str = "secret";

fn shown(digest: Option<Digest>, is_whole: bool) -> String {
    match digest {
        None => SECRET.to_owned(),
        Some(digest) if is_whole => digest.to_string(),
        Some(digest) => short(&digest),
    }
}

/// The first digits of a digest: enough to tell a few files apart.
fn short(digest: &Digest) -> String {
    digest.to_string().chars().take(8).collect()
}

/// A difference as data. `sides` say what the two media are.
pub fn json(diff: &Diff, sides: [Json; 2]) -> Json {
    let Counts { added, removed, changed, moved } = diff.counts();
    let [old, new] = sides;
    let values = diff.values.iter().map(|change| json!({ "key": change.key, "old": change.old, "new": change.new }));
    let boot = diff.boot.iter().map(|boot| {
        let change = boot.change.map_or("unknown", boot_change);
        json!({ "firmware": boot.firmware, "change": change, "old": boot.bytes[0], "new": boot.bytes[1] })
    });
    let files = diff.groups.iter().flat_map(|group| group.files.iter().map(|file| file_json(file, group)));
    json!({
        "old": old,
        "new": new,
        "same": diff.is_empty(),
        "summary": { "added": added, "removed": removed, "changed": changed, "moved": moved },
        "values": values.collect::<Vec<_>>(),
        "boot": boot.collect::<Vec<_>>(),
        "files": files.collect::<Vec<_>>(),
        "secrets-unknown": diff.has_unknown_secrets,
    })
}

fn file_json(file: &FileDiff, group: &Group) -> Json {
    let (change, from, old, new) = match &file.change {
        FileDifference::Added(new) => ("added", None, None, Some(new)),
        FileDifference::Removed(old) => ("removed", None, Some(old), None),
        FileDifference::Changed(old, new) => ("changed", None, Some(old), Some(new)),
        FileDifference::Moved { from, file } => ("moved", Some(from), Some(file), Some(file)),
    };
    let side = |file: Option<&FileContent>| file.map(|file| json!({ "len": file.len, "blake3": file.blake3 }));
    json!({
        "path": file.path,
        "change": change,
        "from": from,
        "entry": group.title,
        "old": side(old),
        "new": side(new),
    })
}

#[cfg(test)]
mod tests;
