//! How a disc of a set is filled: a line with what is on it below, and as data.

use serde_json::{Value, json};

use super::counted;
use super::map::share;
use super::screen::Point;
use crate::output::{DiscPart, SetDisc};
use crate::size::Size;

/// A disc that has so many bytes in all.
pub(super) fn point(disc: &SetDisc, len: u64) -> Point {
    let SetDisc { number, n_discs, capacity, .. } = disc;
    let full = share(len, capacity.0);
    let details: Vec<_> = own(disc).iter().chain(&disc.parts).map(line).collect();
    Point { line: format!("disc {number} of {n_discs}, full to {full} of {capacity}"), brief: details.clone(), details }
}

fn line(part: &DiscPart) -> String {
    let DiscPart { title, n_files, len, is_whole } = part;
    let a_part = if *is_whole { "" } else { "a part of " };
    format!("{a_part}{title}: {} in {}", Size(*len), counted(*n_files as usize, "file"))
}

/// What is of no entry: boot files, the label and the like.
fn own(disc: &SetDisc) -> Option<DiscPart> {
    let sum = |of: fn(&DiscPart) -> u64| disc.parts.iter().map(of).sum::<u64>();
    let n_files = disc.n_files.saturating_sub(sum(|part| part.n_files));
    let len = disc.len.saturating_sub(sum(|part| part.len));
    (n_files > 0).then(|| DiscPart { title: "files of the medium itself".into(), n_files, len, is_whole: true })
}

/// The same as data.
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
