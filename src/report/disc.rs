//! Formats the contents of a disc of a media set, and how full it is.

use serde_json::{Value, json};

use super::condense::ReportItem;
use super::counted;
use super::map::share;
use crate::output::{DiscPart, MEDIUM_FILES, SetDisc};
use crate::plan::{LibraryContent, MediumSummary};
use crate::size::Size;

/// Returns the lines for a disc whose image has `len` bytes.
pub(super) fn item(disc: &SetDisc, len: u64) -> ReportItem {
    let SetDisc { number, n_discs, capacity, .. } = disc;
    let full = share(len, capacity.0);
    let details: Vec<_> = medium_files(disc).iter().chain(&disc.parts).map(line).collect();
    ReportItem {
        line: format!("disc {number} of {n_discs}, {full} of {capacity} used"),
        brief: details.clone(),
        details,
    }
}

/// Start of the line above the contents of a new medium.
pub(super) const CONTENTS: &str = "contents: ";

/// Returns the lines for a medium that does not exist yet. If there is little room, the largest entries come first.
pub(super) fn contents_item(contents: &MediumSummary, taken: &[LibraryContent]) -> ReportItem {
    let MediumSummary { parts, sequence } = contents;
    let sum = |of: fn(&DiscPart) -> u64| parts.iter().map(of).sum::<u64>();
    let (len, n_files) = (Size(sum(|part| part.len)), counted(sum(|part| part.n_files) as usize, "file"));
    let sequence = sequence.iter();
    let sequence = sequence.map(|(name, n_steps)| format!("task sequence `{name}` with {}", counted(*n_steps, "step")));
    let part_line = |part: &&DiscPart| match taken.iter().find(|taken| taken.title == part.title) {
        Some(taken) => format!("{}, from the library for {}", line(part), taken.needed_by),
        None => line(part),
    };
    let lines = |parts: &[&DiscPart]| sequence.clone().chain(parts.iter().map(part_line)).collect();
    let mut parts: Vec<_> = parts.iter().collect();
    let details = lines(&parts);
    parts.sort_by_key(|part| std::cmp::Reverse(part.len));
    ReportItem { line: format!("{CONTENTS}{len} in {n_files}"), details, brief: lines(&parts) }
}

/// Returns the contents of a new medium as JSON.
pub(super) fn contents_json(contents: &MediumSummary) -> Value {
    let MediumSummary { parts, sequence } = contents;
    let parts = parts.iter().map(|part| json!({ "entry": part.title, "files": part.n_files, "len": part.len }));
    json!({
        "entries": parts.collect::<Vec<_>>(),
        "sequence": sequence.as_ref().map(|(name, n_steps)| json!({ "name": name, "steps": n_steps })),
    })
}

fn line(part: &DiscPart) -> String {
    let DiscPart { title, n_files, len, is_whole } = part;
    let a_part = if *is_whole { "" } else { "part of " };
    format!("{a_part}{title}: {} in {}", Size(*len), counted(*n_files as usize, "file"))
}

/// Returns the files that belong to no entry of the manifest, such as boot files.
fn medium_files(disc: &SetDisc) -> Option<DiscPart> {
    let sum = |of: fn(&DiscPart) -> u64| disc.parts.iter().map(of).sum::<u64>();
    let n_files = disc.n_files.saturating_sub(sum(|part| part.n_files));
    let len = disc.len.saturating_sub(sum(|part| part.len));
    (n_files > 0).then(|| DiscPart { title: MEDIUM_FILES.into(), n_files, len, is_whole: true })
}

/// Returns a disc as JSON.
pub(super) fn json(disc: &SetDisc, len: u64) -> Value {
    let parts = disc
        .parts
        .iter()
        .map(|part| json!({ "entry": part.title, "files": part.n_files, "len": part.len, "whole": part.is_whole }));
    json!({
        "set": disc.set,
        "number": disc.number,
        "discs": disc.n_discs,
        "capacity": disc.capacity.0,
        "free": disc.capacity.0.saturating_sub(len),
        "files": disc.n_files,
        "content": disc.len,
        "entries": parts.collect::<Vec<_>>(),
    })
}
