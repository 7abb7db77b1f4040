//! Formats a plan as one comment of a pull request, in Markdown as GitHub, GitLab and Azure DevOps read it.
//!
//! The summary and the changes come first; media and files are folded. A comment starts with a marker, by which a
//! pipeline finds the one to update. It has a bounded length: lists that are too long end with the number of entries
//! left out. Equal plans give equal comments.

mod escape;

use super::impact::{self, ChangeGroup, groups, is_changed};
use super::{condense::ReportItem, counted};
use crate::baseline::{Caveat, Comparison};
use crate::plan::{Action, MediumChange};
use crate::size::Size;

use escape::{code, inline};

/// Maximum length of a comment in bytes: the limit of GitHub is 65,536 characters.
const MAX_LEN: usize = 65_000;
/// Maximum length of the table of changes.
const MAX_CHANGES_LEN: usize = 20_000;
/// Maximum length of the table of media, which leaves the rest for lists of files.
const MAX_MEDIA_LEN: usize = 25_000;
/// Room for the start and the end of the comment, and for the counts of what is left out.
const RESERVED_LEN: usize = 2_000;
/// Maximum number of lines in the list of one change.
const MAX_DETAILS: usize = 50;
/// Maximum length of the notes.
const MAX_NOTES_LEN: usize = 8_000;

/// Plan to comment on.
#[derive(Clone, Copy, Debug)]
pub struct Comment<'a> {
    /// Planned media.
    pub media: &'a [MediumChange],
    /// Comparison that the media are from, if they are compared with a commit.
    pub comparison: Option<&'a Comparison>,
    /// Further notes.
    pub notes: &'a [String],
    /// Name in the marker, if there are several comments.
    pub name: Option<&'a str>,
}

/// Formats a comment. `None` if nothing changes and everything was compared.
pub fn comment(comment: &Comment) -> Option<String> {
    let caveats = comment.comparison.map_or(&[][..], |comparison| &comparison.caveats);
    let is_incomplete = |caveat: &Caveat| !matches!(caveat, Caveat::SecretsAssumed(_) | Caveat::Submodule(_));
    let changed: Vec<_> = comment.media.iter().filter(|medium| is_changed(medium)).collect();
    if changed.is_empty() && comment.notes.is_empty() && !caveats.iter().any(is_incomplete) {
        return None;
    }
    let marker = match comment.name {
        Some(name) => format!("<!-- tsmedia plan {name} -->"),
        None => "<!-- tsmedia plan -->".into(),
    };
    let mut text = format!("{marker}\n### {}\n", inline(&title(comment, changed.len())));
    let groups = groups(comment.media, comment.comparison);
    if !groups.is_empty() {
        text += "\n| Change | Media | Sites |\n|---|--:|--:|\n";
        text += &rows(groups.iter().map(change_row), MAX_CHANGES_LEN, |n| {
            format!("| and {} | | |\n", counted(n, "more change"))
        });
    }
    let notes: Vec<_> = comment.comparison.map_or_else(Vec::new, |comparison| {
        caveats.iter().map(|caveat| impact::caveat_text(caveat, comparison)).collect()
    });
    let notes = notes.iter().chain(comment.notes).map(|note| format!("- {}\n", inline(note)));
    let notes = rows(notes, MAX_NOTES_LEN, |n| format!("- and {}\n", counted(n, "more note")));
    if !notes.is_empty() {
        text += "\n";
        text += &notes;
    }
    if !changed.is_empty() {
        text += &format!("\n<details><summary>{}</summary>\n\n", inline(&costs(&changed)));
        text += "| Medium | Action | Size | To write | Kept |\n|---|---|--:|--:|--:|\n";
        text += &rows(changed.iter().map(|medium| medium_row(medium)), MAX_MEDIA_LEN, |n| {
            format!("| and {} more | | | | |\n", counted(n, "medium"))
        });
        if let Some(comparison) = comment.comparison {
            text += &format!("\nCompared with the commit {}. ", code(&comparison.commit));
            text += "Estimated from the layouts of both sides, as if the media of the base were patched in place.\n";
        }
        text += "\n</details>\n";
    }
    let room = MAX_LEN.saturating_sub(text.len() + RESERVED_LEN);
    let lists = groups.iter().filter_map(details);
    text += &rows(lists, room, |n| format!("\nThe files of {} are left out.\n", counted(n, "more change")));
    Some(text)
}

/// Returns the summary in the heading.
fn title(comment: &Comment, n_changed: usize) -> String {
    match comment.comparison {
        Some(comparison) => impact::summary(comparison),
        None if n_changed == 0 => "nothing to do".into(),
        None => {
            let n_media = counted(comment.media.len(), "medium");
            format!("{n_changed} of {n_media}: {}", impact::counts(comment.media))
        }
    }
}

fn costs(changed: &[&MediumChange]) -> String {
    let n_write: u64 = changed.iter().map(|medium| medium.change.n_write).sum();
    format!("{}, {} to write", counted(changed.len(), "medium"), Size(n_write))
}

/// Joins as many rows as fit, with the number of the others at the end.
fn rows(rows: impl Iterator<Item = String>, max_len: usize, more: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    let mut n_more = 0;
    for row in rows {
        // Nothing follows a row that was left out, so that the order says what is missing.
        if n_more > 0 || text.len() + row.len() > max_len {
            n_more += 1;
        } else {
            text += &row;
        }
    }
    if n_more > 0 {
        text += &more(n_more);
    }
    text
}

fn change_row(group: &ChangeGroup) -> String {
    let media = group.media();
    let n_sites = impact::sites(&media).len();
    let n_sites = if n_sites == 0 { String::new() } else { n_sites.to_string() };
    format!("| {} | {} | {n_sites} |\n", inline(&group.heading()), media.len())
}

fn medium_row(medium: &MediumChange) -> String {
    let change = &medium.change;
    let action = match (&medium.change.renamed_from, change.action) {
        (Some(old), Action::Rename) => format!("rename from {}", code(old.as_str())),
        (Some(old), action) => format!("{}, rename from {}", action.as_str(), code(old.as_str())),
        (None, action) => action.as_str().to_owned(),
    };
    let size = |n: u64| if n == 0 { String::new() } else { Size(n).to_string() };
    let (len, n_write, n_keep) = (size(change.len), size(change.n_write), size(change.n_keep));
    let n_write = change.n_capture.map_or(n_write, |n| format!("{} to capture", Size(n)));
    format!("| {} | {action} | {len} | {n_write} | {n_keep} |\n", code(medium.path.as_str()))
}

/// Returns the folded list of a change. `None` if its row has everything.
fn details(group: &ChangeGroup) -> Option<String> {
    let has_details = |item: &ReportItem| !item.details.is_empty();
    if group.variants.len() == 1 && !group.variants.iter().any(|variant| has_details(&variant.item)) {
        return None;
    }
    let mut text = format!("\n<details><summary>{}</summary>\n\n", inline(&group.heading()));
    let mut lines = Vec::new();
    for variant in &group.variants {
        if group.variants.len() > 1 {
            lines.push(format!("- {}: {}\n", inline(&variant.line), impact::reach(&variant.media)));
        }
        let indent = if group.variants.len() > 1 { "  " } else { "" };
        lines.extend(variant.item.details.iter().map(|line| format!("{indent}- {}\n", code(line))));
    }
    let n_more = lines.len().saturating_sub(MAX_DETAILS);
    lines.truncate(MAX_DETAILS);
    text += &lines.concat();
    if n_more > 0 {
        text += &format!("- and {n_more} more\n");
    }
    text += "\n</details>\n";
    Some(text)
}
