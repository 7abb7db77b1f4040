//! A plan as text and as JSON.
//!
//! The text starts with one line that sums up; each output follows with what is done to it and why, entry by entry.
//! It names a few files and no more; the JSON has the same, as data.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::plan::{Action, BootChange, Change, EntryChange, FileChange, Plan, Reason, Tally};
use crate::size::Size;

/// The plan as text for people.
pub fn text(plan: &Plan) -> String {
    let mut text = format!("{}\n", summary(plan));
    let mut is_list = false;
    for change in &plan.changes {
        // What is kept is a list; whatever has reasons stands by itself.
        if !(is_list && change.action == Action::Keep) {
            text.push('\n');
        }
        is_list = change.action == Action::Keep;
        let (action, name, len) = (change.action.as_str(), &change.name, Size(change.len));
        // Writing to a string can't fail.
        let _ = match change.action {
            Action::Keep | Action::Delete => writeln!(text, "{action:8} {name} ({len})"),
            Action::Patch => {
                let (n_write, n_keep) = (Size(change.n_write), Size(change.n_keep));
                writeln!(text, "{action:8} {name} ({len}, {n_write} to write, {n_keep} kept)")
            }
            Action::Create | Action::Rebuild => {
                writeln!(text, "{action:8} {name} ({len}, {} to write)", Size(change.n_write))
            }
        };
        for reason in &change.reasons {
            write_reason(&mut text, reason, change);
        }
    }
    text
}

/// The plan as data.
pub fn json(plan: &Plan) -> Value {
    let changes: Vec<_> = plan
        .changes
        .iter()
        .map(|change| {
            json!({
                "output": change.name,
                "action": change.action.as_str(),
                "len": change.len,
                "to-write": change.n_write,
                "kept": change.n_keep,
                "in-the-way": change.in_the_way,
                "reasons": change.reasons.iter().map(reason_json).collect::<Vec<_>>(),
            })
        })
        .collect();
    let count = |action| plan.count(action);
    json!({
        "summary": {
            "keep": count(Action::Keep),
            "create": count(Action::Create),
            "patch": count(Action::Patch),
            "rebuild": count(Action::Rebuild),
            "delete": count(Action::Delete),
            "to-write": plan.n_write(),
        },
        "outputs": changes,
    })
}

/// One line: how many outputs are treated how.
pub fn summary(plan: &Plan) -> String {
    if plan.is_all_keep() {
        return match plan.changes.len() {
            0 => "nothing to do: there are no outputs".into(),
            1 => "nothing to do: the output is as it should be".into(),
            n => format!("nothing to do: all {n} outputs are as they should be"),
        };
    }
    let parts: Vec<_> = [Action::Create, Action::Patch, Action::Rebuild, Action::Delete, Action::Keep]
        .into_iter()
        .filter(|action| plan.count(*action) > 0)
        .map(|action| format!("{} to {}", plan.count(action), action.as_str()))
        .collect();
    format!("{}; {} to write", parts.join(", "), Size(plan.n_write()))
}

/// The first reason for a change, in a few words.
pub fn gist(change: &Change) -> Option<String> {
    let mut text = String::new();
    write_reason(&mut text, change.reasons.first()?, change);
    let first = text.lines().next()?.trim().to_owned();
    let n_more = change.reasons.len() - 1;
    Some(if n_more > 0 { format!("{first}, and {n_more} more") } else { first })
}

fn write_reason(text: &mut String, reason: &Reason, change: &Change) {
    let line = match reason {
        Reason::New => "it was never built".into(),
        Reason::Gone if change.action == Action::Delete => "it is not there any more: only forgotten".into(),
        Reason::Gone => "it was built, and the file is not there any more".into(),
        Reason::NotRecorded => "a medium is there, and no record says from what it was built".into(),
        Reason::Touched => "the finished file was written to since".into(),
        Reason::Length { recorded, found } => {
            format!("the finished file has {found} bytes, and was built with {recorded}")
        }
        Reason::OtherMedium => "the file is another medium than the recorded one".into(),
        Reason::NotOurs if change.action == Action::Delete => {
            "the file is not the one that was built: it is left alone and only forgotten".into()
        }
        Reason::NotOurs if change.in_the_way => {
            "a file that tsmedia did not make is in the way: it is replaced only with `--force`".into()
        }
        Reason::NotOurs => "the file is not a medium that tsmedia made".into(),
        Reason::Unclaimed => "no manifest makes it any more".into(),
        Reason::NoGain => "built anew: to patch it would not write much less".into(),
        Reason::NotPatchable => "built anew: the file has another name too, or can't be written to".into(),
        Reason::FormatVersion { old, new } => format!("tsmedia's format is version {new} now; it was {old}"),
        Reason::Value { key, old, new } => match (old, new) {
            (Some(old), Some(new)) => format!("{key}: `{old}` → `{new}`"),
            (None, Some(new)) => format!("{key}: added, `{new}`"),
            (Some(old), None) => format!("{key}: removed, it was `{old}`"),
            (None, None) => format!("{key} changed"),
        },
        Reason::Boot(firmware, change) => {
            format!("boot program for {}: {}", firmware, boot_change(*change))
        }
        Reason::Folders => "the empty folders are other ones".into(),
        Reason::Entry(entry) => return write_entry(text, entry),
    };
    let _ = writeln!(text, "  {line}");
}

fn write_entry(text: &mut String, entry: &EntryChange) {
    let title = entry.title.as_deref().unwrap_or("files of the medium itself");
    let tally = |tally: &Tally| format!("{} in {}", Size(tally.len), files(tally.n_files as usize));
    let what = match (&entry.old, &entry.new) {
        (None, Some(new)) => format!("added, {}", tally(new)),
        (Some(old), None) => format!("removed, it was {}", tally(old)),
        (Some(old), Some(new)) if Size(old.len).to_string() == Size(new.len).to_string() => tally(new),
        (Some(old), Some(new)) => format!("{} → {}", Size(old.len), Size(new.len)),
        (None, None) => "changed".into(),
    };
    let _ = writeln!(text, "  {title}: {what}");
    // Of an entry that came or went as a whole, its files are no news.
    if entry.old.is_none() || entry.new.is_none() {
        return;
    }
    let n_named = entry.first.len();
    for FileChange { path, old, new } in &entry.first {
        let _ = match (old, new) {
            (None, Some(new)) => writeln!(text, "    + {path} ({})", Size(*new)),
            (Some(old), None) => writeln!(text, "    - {path} ({})", Size(*old)),
            (Some(old), Some(new)) if old == new => writeln!(text, "    ~ {path} ({}, other bytes)", Size(*new)),
            (Some(old), Some(new)) => writeln!(text, "    ~ {path} ({} → {})", Size(*old), Size(*new)),
            (None, None) => Ok(()),
        };
    }
    let n_more = (entry.n_added + entry.n_removed + entry.n_changed).saturating_sub(n_named);
    if n_more > 0 {
        let counts = [(entry.n_added, "added"), (entry.n_removed, "removed"), (entry.n_changed, "changed")];
        let counts: Vec<_> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        let _ = writeln!(text, "    and {n_more} more: {} in all", counts.join(", "));
    }
}

fn files(n_files: usize) -> String {
    if n_files == 1 { "1 file".into() } else { format!("{n_files} files") }
}

pub(super) fn boot_change(change: BootChange) -> &'static str {
    match change {
        BootChange::Added => "added",
        BootChange::Removed => "removed",
        BootChange::Changed => "changed",
    }
}

fn reason_json(reason: &Reason) -> Value {
    match reason {
        Reason::New => json!({ "reason": "new" }),
        Reason::Gone => json!({ "reason": "gone" }),
        Reason::NotRecorded => json!({ "reason": "not-recorded" }),
        Reason::Touched => json!({ "reason": "touched" }),
        Reason::Length { recorded, found } => json!({ "reason": "length", "old": recorded, "new": found }),
        Reason::OtherMedium => json!({ "reason": "other-medium" }),
        Reason::NotOurs => json!({ "reason": "not-ours" }),
        Reason::Unclaimed => json!({ "reason": "unclaimed" }),
        Reason::NoGain => json!({ "reason": "no-gain" }),
        Reason::NotPatchable => json!({ "reason": "not-patchable" }),
        Reason::FormatVersion { old, new } => json!({ "reason": "format-version", "old": old, "new": new }),
        Reason::Value { key, old, new } => json!({ "reason": "value", "key": key, "old": old, "new": new }),
        Reason::Boot(firmware, change) => {
            json!({ "reason": "boot", "firmware": firmware, "change": boot_change(*change) })
        }
        Reason::Folders => json!({ "reason": "folders" }),
        Reason::Entry(entry) => {
            let tally = |tally: &Tally| json!({ "files": tally.n_files, "len": tally.len });
            let file = |file: &FileChange| json!({ "path": file.path, "old": file.old, "new": file.new });
            json!({
                "reason": "entry",
                "entry": entry.title,
                "old": entry.old.as_ref().map(tally),
                "new": entry.new.as_ref().map(tally),
                "added": entry.n_added,
                "removed": entry.n_removed,
                "changed": entry.n_changed,
                "first": entry.first.iter().map(file).collect::<Vec<_>>(),
            })
        }
    }
}

#[cfg(test)]
mod tests;
