//! Formats the differences between two media as text and JSON.
//!
//! The text starts with a summary and the names of the media, and fits a screen; with `verbose` it lists every file with
//! its digests. The JSON has everything.

use camino::Utf8PathBuf;
use serde_json::{Value as Json, json};

use super::reason::boot_change;
use super::{Page, counted};
use crate::diff::{Counts, Diff, FileContent, FileDiff, FileDifference, Group, ValueChange};
use crate::digest::Digest;
use crate::plan::FileCount;
use crate::size::Size;

/// Maximum number of lines for groups and files, unless `verbose`.
const MAX_LINES: usize = 20;
/// Maximum number of files listed in a group.
const MAX_FILES: usize = 5;

/// Two media that were compared, or two disc sets.
#[derive(Clone, Debug)]
pub struct ComparedMedium {
    /// Site of both, if any.
    pub site: Option<String>,
    /// Kind of the medium, if known.
    pub kind: Option<String>,
    /// Old and new side.
    pub sides: [DiffSide; 2],
    /// Differences.
    pub diff: Diff,
}

/// Side of a comparison.
#[derive(Clone, Debug)]
pub struct DiffSide {
    /// Kind of its file.
    pub kind: SideKind,
    /// Path of the file, as given.
    pub path: Utf8PathBuf,
    /// Names of the outputs in a manifest or record.
    pub outputs: Vec<String>,
}

/// Kind of file that a side is given as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SideKind {
    /// Manifest.
    Manifest,
    /// Record.
    Record,
    /// Finished medium.
    Medium,
}

/// Output of a site that only one side has.
#[derive(Clone, Debug)]
pub struct Unpaired {
    /// `true` for the old side.
    pub is_old: bool,
    /// Path of the manifest or record.
    pub path: Utf8PathBuf,
    /// Site.
    pub site: Option<String>,
    /// Name of the output.
    pub output: String,
}

impl DiffSide {
    fn title(&self) -> String {
        let path = &self.path;
        match &self.outputs[..] {
            [] => path.to_string(),
            [one] => format!("{one}, from {path}"),
            [first, .., last] => format!("{first} to {last}, from {path}"),
        }
    }
}

/// Formats differences. Sites with the same differences share a section.
pub fn text(compared: &[ComparedMedium], only: &[Unpaired], verbose: bool) -> Page {
    if let ([one], []) = (compared, only) {
        let mut page = Page::of_line(summary(&one.diff));
        add_details(&mut page, one, 0, verbose);
        return page;
    }
    let n_differing = compared.iter().filter(|one| !one.diff.is_empty()).count();
    let mut page = Page::of_line(match n_differing {
        0 => format!("no differences at {}", counted(compared.len(), "common site")),
        n => format!("differences at {n} of {}", counted(compared.len(), "common site")),
    });
    let mut sections: Vec<(&ComparedMedium, Vec<&str>)> = Vec::new();
    for one in compared {
        let site = one.site.as_deref().unwrap_or("no site");
        match sections.iter_mut().find(|(first, _)| first.diff == one.diff) {
            Some((_, sites)) => sites.push(site),
            None => sections.push((one, vec![site])),
        }
    }
    sections.sort_by_key(|(first, _)| first.diff.is_empty());
    for (first, sites) in sections.iter().filter(|_| n_differing > 0) {
        page.gap();
        page.row(format!("{}: ", sites.join(", ")), summary(&first.diff));
        if !first.diff.is_empty() {
            add_details(&mut page, first, sites.len() - 1, verbose);
        }
    }
    for (at, unpaired) in only.iter().enumerate() {
        if at == 0 {
            page.gap();
        }
        let site = unpaired.site.as_deref().unwrap_or("no site");
        let sign = if unpaired.is_old { '-' } else { '+' };
        page.row(format!("{sign} "), format!("{site}: {}, only in {}", unpaired.output, unpaired.path));
    }
    page
}

/// Adds the two sides and their differences. `n_more` is the number of other sites with the same differences.
fn add_details(page: &mut Page, compared: &ComparedMedium, n_more: usize, verbose: bool) {
    let ComparedMedium { sides, diff, .. } = compared;
    let more = if n_more > 0 {
        format!(" (and {n_more} more {})", if n_more == 1 { "site" } else { "sites" })
    } else {
        String::new()
    };
    page.gap();
    page.row("- ", sides[0].title() + &more);
    page.row("+ ", sides[1].title() + &more);
    let mut rows: Vec<_> = diff.values.iter().map(|change| (change.key.clone(), value(change))).collect();
    for boot in &diff.boot {
        let what = match boot.change {
            Some(change) => boot_change(change),
            None => "unknown whether it differs: one side has no digest of it",
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
        rows.push(("secrets".into(), "can't be compared: records contain only keyed fingerprints of secrets".into()));
    }
    if !rows.is_empty() {
        let width = rows.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
        page.gap();
        rows.iter().for_each(|(key, value)| page.row(format!("{key:width$}  "), value));
    }
    if !diff.groups.is_empty() {
        page.gap();
    }
    // Never cut just the last group: the line that counts the others takes as much room.
    let n_shown = if verbose || diff.groups.len() <= MAX_LINES { diff.groups.len() } else { MAX_LINES - 1 };
    let (shown, others) = diff.groups.split_at(n_shown);
    // The fewer groups, the more files of each can be listed.
    let n_lines = if verbose { usize::MAX } else { MAX_LINES / n_shown.max(1) };
    for group in shown {
        write_group(page, group, verbose, n_lines);
    }
    if !others.is_empty() {
        let mut counts = Counts::default();
        others.iter().for_each(|group| counts += group.counts());
        page.line(format!("and in {} more places: {}", others.len(), counts_text(counts)));
    }
}

/// Returns a summary in one line.
pub fn summary(diff: &Diff) -> String {
    let unknown = diff.has_unknown_secrets || diff.boot.iter().any(|boot| boot.change.is_none());
    if diff.is_empty() {
        let but = if unknown { "no differences in what both sides know" } else { "no differences" };
        return but.into();
    }
    let counts = diff.counts();
    let mut parts = Vec::new();
    if counts != Counts::default() {
        parts.push(format!("files: {}", counts_text(counts)));
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

fn counts_text(counts: Counts) -> String {
    let Counts { added, removed, changed, moved } = counts;
    let parts = [(changed, "changed"), (added, "added"), (removed, "removed"), (moved, "moved")];
    let parts: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    parts.join(", ")
}

fn value(change: &ValueChange) -> String {
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => format!("`{old}` → `{new}`"),
        (None, Some(new)) => format!("added, `{new}`"),
        (Some(old), None) => format!("removed, was `{old}`"),
        (None, None) => "changed".into(),
    }
}

/// Formats a group in at most `n_lines` lines.
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
        (_, 0) if is_whole => format!("removed, was {}", tally(old)),
        // Sizes that are rounded to the same text would read as no change.
        _ if Size(old.len).to_string() == Size(new.len).to_string() => {
            format!("{}, {}", Size(new.len), counts_text(counts))
        }
        _ => format!("{} → {}, {}", Size(old.len), Size(new.len), counts_text(counts)),
    };
    page.line(format!("{name}: {what}"));
    // A group that was added or removed as a whole needs no list of files.
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

/// Shown in place of the digest of a file that contains secrets.
const SECRET: &str = "secret";

fn shown(digest: Option<Digest>, is_whole: bool) -> String {
    match digest {
        None => SECRET.to_owned(),
        Some(digest) if is_whole => digest.to_string(),
        Some(digest) => short(&digest),
    }
}

/// Returns the first digits of a digest.
fn short(digest: &Digest) -> String {
    digest.to_string().chars().take(8).collect()
}

/// Returns differences as JSON.
pub fn json(compared: &[ComparedMedium], only: &[Unpaired]) -> Json {
    let only = only.iter().map(|one| {
        let side = if one.is_old { "old" } else { "new" };
        json!({ "side": side, "path": one.path, "site": one.site, "output": one.output })
    });
    let only: Vec<_> = only.collect();
    json!({
        "same": only.is_empty() && compared.iter().all(|one| one.diff.is_empty()),
        "media": compared.iter().map(medium_json).collect::<Vec<_>>(),
        "only": only,
    })
}

fn side_json(side: &DiffSide) -> Json {
    let kind = match side.kind {
        SideKind::Manifest => "manifest",
        SideKind::Record => "record",
        SideKind::Medium => "medium",
    };
    json!({ "kind": kind, "path": side.path, "outputs": side.outputs })
}

fn medium_json(compared: &ComparedMedium) -> Json {
    let ComparedMedium { site, kind, sides, diff } = compared;
    let Counts { added, removed, changed, moved } = diff.counts();
    let [old, new] = sides.each_ref().map(side_json);
    let values = diff.values.iter().map(|change| json!({ "key": change.key, "old": change.old, "new": change.new }));
    let boot = diff.boot.iter().map(|boot| {
        let change = boot.change.map_or("unknown", boot_change);
        json!({ "firmware": boot.firmware, "change": change, "old": boot.bytes[0], "new": boot.bytes[1] })
    });
    let files = diff.groups.iter().flat_map(|group| group.files.iter().map(|file| file_json(file, group)));
    json!({
        "site": site,
        "kind": kind,
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
