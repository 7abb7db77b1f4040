//! Formats the effect of a plan on many media: first the changes, each with the number of media and sites that it
//! affects, then the cost of each medium.

mod groups;

use super::condense::{ReportItem, ReportSection, condense};
use super::{Page, counted, plan::action_line};
use crate::baseline::{Caveat, Comparison};
use crate::plan::{Action, MediumChange};
use crate::size::Size;

pub(super) use groups::{ChangeGroup, groups, reach, sites};

/// Formats a comparison with a commit, in at most `n_lines` lines if given.
pub fn text(comparison: &Comparison, n_lines: Option<usize>) -> Page {
    let mut page = Page::of_line(summary(comparison));
    let mut sections: Vec<_> = groups(&comparison.media, Some(comparison)).iter().map(section).collect();
    let changed = comparison.media.iter().filter(|medium| is_changed(medium));
    let headings: Vec<_> = changed.map(medium_line).collect();
    if !headings.is_empty() {
        sections.push(ReportSection { headings, items: Vec::new() });
    }
    let caveats = notes(comparison);
    let n_caveats = if caveats.is_empty() { 0 } else { caveats.len() + 1 };
    page.append(condense(&sections, n_lines.map(|n_lines| n_lines.saturating_sub(1 + n_caveats))));
    if !caveats.is_empty() {
        page.gap();
        caveats.iter().for_each(|caveat| page.row("note: ", caveat));
    }
    page
}

/// Returns a summary in one line.
pub(super) fn summary(comparison: &Comparison) -> String {
    let base = format!("`{}`", comparison.reference);
    let n_changed = comparison.media.iter().filter(|medium| is_changed(medium)).count();
    if n_changed == 0 {
        return format!("no medium changes compared with {base}");
    }
    let n_media = comparison.media.len();
    let change = if n_changed == 1 { "changes" } else { "change" };
    let counts = counts(&comparison.media);
    format!("{n_changed} of {} {change} compared with {base}: {counts}", counted(n_media, "medium"))
}

/// Returns the number of media for each action, and the bytes to write.
pub(super) fn counts(media: &[MediumChange]) -> String {
    let count = |action| media.iter().filter(|medium| medium.change.action == action).count();
    let actions = [Action::Create, Action::Patch, Action::Rebuild, Action::Delete];
    let mut parts: Vec<_> = actions
        .into_iter()
        .filter(|action| count(*action) > 0)
        .map(|action| format!("{} to {}", count(action), action.as_str()))
        .collect();
    let n_renamed = media.iter().filter(|medium| medium.change.renamed_from.is_some()).count();
    if n_renamed > 0 {
        parts.push(format!("{n_renamed} to rename"));
    }
    let n_write: u64 = media.iter().map(|medium| medium.change.n_write).sum();
    if n_write > 0 { format!("{}; {} to write", parts.join(", "), Size(n_write)) } else { parts.join(", ") }
}

/// Returns `true` if there is something to do for a medium.
pub(super) fn is_changed(medium: &MediumChange) -> bool {
    medium.change.action != Action::Keep
}

fn section(group: &ChangeGroup) -> ReportSection {
    let mut items = Vec::new();
    let with_details = |line: String, at: usize| {
        let variant = &group.variants[at];
        ReportItem { line, details: variant.item.details.clone(), brief: variant.item.brief.clone() }
    };
    match &group.variants[..] {
        [_] => items.push(with_details(group.reach(), 0)),
        variants => {
            let lines = variants.iter().map(|variant| format!("{}: {}", variant.line, reach(&variant.media)));
            items.extend(lines.enumerate().map(|(at, line)| with_details(line, at)));
        }
    }
    ReportSection { headings: vec![group.heading()], items }
}

fn medium_line(medium: &MediumChange) -> String {
    let path = medium.path.as_str();
    match (&medium.change.renamed_from, medium.change.action) {
        (Some(old), Action::Rename) => format!("{:8} {old} → {path}", "rename"),
        (Some(old), _) => format!("{}, renamed from {old}", action_line(&medium.change, path)),
        (None, _) => action_line(&medium.change, path),
    }
}

/// Returns the assumptions and omissions of a comparison.
pub fn notes(comparison: &Comparison) -> Vec<String> {
    comparison.caveats.iter().map(|caveat| caveat_text(caveat, comparison)).collect()
}

/// Formats an assumption or omission.
pub(super) fn caveat_text(caveat: &Caveat, comparison: &Comparison) -> String {
    let base = format!("`{}`", comparison.reference);
    match caveat {
        Caveat::UnreadBase { manifest, why, n_media } => {
            format!(
                "`{manifest}` of {base} can't be read, so {} not compared: {why}",
                were(&counted(*n_media, "medium"), *n_media)
            )
        }
        Caveat::NeedsSecrets(names) => {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            let text = names.join(", ");
            format!("{} not compared: the password of the base medium is needed to read it", were(&text, names.len()))
        }
        Caveat::SecretsAssumed(n_media) => format!(
            "secrets were not read; {} on them, and they count as unchanged",
            match n_media {
                1 => "1 medium depends".to_owned(),
                n => format!("{n} media depend"),
            }
        ),
        Caveat::Awaits { manifest, file } => {
            format!("`{manifest}` was not compared: it needs `{file}`, which is not captured yet")
        }
        Caveat::MissingLargeFile(path, len) => format!(
            "`{path}` of {base} ({}) is a Git LFS object that this clone does not have, so it counts as changed; run \
             `git lfs fetch origin {}` to compare it",
            Size(*len),
            comparison.commit
        ),
        Caveat::Submodule(path) => {
            format!("the submodule `{path}` changed; its present files are used for both sides")
        }
    }
}

fn were(what: &str, n: usize) -> String {
    format!("{what} {}", if n == 1 { "was" } else { "were" })
}
