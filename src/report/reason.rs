//! Formats the reasons of a plan: a line each, with its files below.

use serde_json::{Value, json};

use super::condense::ReportItem;
use super::counted;
use super::folders::{self, mark};
use super::sequence;
use crate::manifest;
use crate::output::MEDIUM_FILES;
use crate::plan::{
    Action, BootChange, EntryChange, FileChange, FileCount, FileStatus, PlannedChange, Reason, SequenceChange,
};
use crate::sequence::difference::Difference;
use crate::size::Size;

/// Returns the lines for a reason of a change.
pub(super) fn item(reason: &Reason, change: &PlannedChange) -> ReportItem {
    let line = match reason {
        Reason::New => "not built yet".into(),
        Reason::Gone if change.action == Action::Delete => {
            "the file no longer exists; only its record is removed".into()
        }
        Reason::Gone => "it was built, but the file no longer exists".into(),
        Reason::NotOurs if change.action == Action::Delete => {
            "the file is not the one that was built; it is kept, and only its record is removed".into()
        }
        Reason::NotOurs if change.in_the_way => {
            "a file that tsmedia did not make is in the way; `--force` replaces it".into()
        }
        _ => return difference(reason),
    };
    ReportItem { line, ..ReportItem::default() }
}

/// Returns the lines for a reason, without regard to the change.
pub(super) fn difference(reason: &Reason) -> ReportItem {
    let line = match reason {
        Reason::New => "not built yet".into(),
        Reason::Gone => "the file no longer exists".into(),
        Reason::NotRecorded => "a medium exists, but there is no record of what it was built from".into(),
        Reason::Touched => "the file was modified since it was built".into(),
        Reason::Length { recorded, found } => {
            format!("the file has {found} bytes, but was built with {recorded}")
        }
        Reason::OtherMedium => "the file is not the recorded medium".into(),
        Reason::NotOurs => "the file is not a medium made by tsmedia".into(),
        Reason::Unclaimed => "it is no longer in the manifest".into(),
        Reason::NotMadeHere => {
            "it is no longer in the manifest, and was not built with this cache; the file is kept, and only its record is removed"
                .into()
        }
        Reason::Outside => {
            "ignored: the record names a file outside the manifest's folder or behind a link; only the record is removed".into()
        }
        Reason::CutOff => "its last patch was interrupted; `apply` first finishes or undoes it".into(),
        Reason::NoGain => "rebuilt: a patch would write almost as much".into(),
        Reason::NotPatchable => "rebuilt: the file has a second hard link, or is read-only".into(),
        Reason::FormatVersion { old, new } => format!("format of media: version {old} → {new}"),
        Reason::Value { key, old, new } => {
            let quoted = |value: &Option<String>| value.as_ref().map(|value| quoted(value));
            format!("{key}: {}", old_to_new(quoted(old), quoted(new)))
        }
        Reason::TemplateValue { name, old, new } => {
            let mut texts = [old, new].map(|value| value.as_ref().map(|value| quoted(&plain(value))));
            if texts[0] == texts[1] {
                // The type changed, such as from the number 1 to the text `1`: show both as JSON.
                texts = [old, new].map(|value| value.as_ref().map(|value| quoted(&value.to_string())));
            }
            let [old, new] = texts;
            let what = match name.strip_prefix(manifest::VALUE_PREFIX) {
                Some(key) => format!("site file value `{key}`"),
                None => format!("template value `{name}`"),
            };
            format!("{what}: {}", old_to_new(old, new))
        }
        Reason::Secret(name) => format!("secret: {name} changed"),
        Reason::FilesWithSecrets => {
            "files with secrets: other content of the variables or policies of the medium changed".into()
        }
        Reason::SecretsUnknown => "built with another machine's cache key: can't compare secrets".into(),
        Reason::Boot(firmware, change) => format!("boot program for {firmware}: {}", boot_change(*change)),
        Reason::Device(title) => format!("{title}: a device; changes on it can't be detected"),
        Reason::Unseen => "a source was modified, although sizes and times are unchanged".into(),
        Reason::Order => "the order of the sources changed".into(),
        Reason::Folders => "the empty folders changed, or the record was merged".into(),
        Reason::Entry(entry) => return entry_item(entry),
        Reason::Sequence(change) => return sequence_item(change),
    };
    ReportItem { line, ..ReportItem::default() }
}

/// Formats a change of a value. Secrets have neither an old nor a new one.
fn old_to_new(old: Option<String>, new: Option<String>) -> String {
    match (old, new) {
        (Some(old), Some(new)) => format!("{old} → {new}"),
        (None, Some(new)) => format!("added, {new}"),
        (Some(old), None) => format!("removed, was {old}"),
        (None, None) => "changed".into(),
    }
}

/// Formats text without quotes, and other values as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Maximum number of characters shown of a value.
const MAX_VALUE: usize = 60;

/// Puts a value in backticks, and shortens a long one.
fn quoted(value: &str) -> String {
    let shown: String = value.chars().take(MAX_VALUE).collect();
    if value.chars().nth(MAX_VALUE).is_some() { format!("`{shown}…`") } else { format!("`{shown}`") }
}

fn entry_item(entry: &EntryChange) -> ReportItem {
    let title = entry.title.as_deref().unwrap_or(MEDIUM_FILES);
    let tally = |tally: &FileCount| format!("{} in {}", Size(tally.len), counted(tally.n_files as usize, "file"));
    let (old, new) = match (&entry.old, &entry.new) {
        (Some(old), Some(new)) => (old, new),
        // An entry that was added or removed as a whole needs no list of files.
        (old, new) => {
            let what = old_to_new(old.as_ref().map(tally), new.as_ref().map(tally));
            return ReportItem { line: format!("{title}: {what}"), ..ReportItem::default() };
        }
    };
    if let [file] = &entry.files[..] {
        let what = match (file.status(), path_within(&file.path, entry)) {
            // The title names the file already.
            (status, "") => format!("{}, {}", status.as_str(), lengths(file, entry)),
            (status, name) => format!("`{name}` {}, {}", status.as_str(), lengths(file, entry)),
        };
        return ReportItem { line: format!("{title}: {what}"), ..ReportItem::default() };
    }
    let counts = FileStatus::ALL.map(|status| (entry.count(status), status.as_str()));
    let mut counts = counts.iter().filter(|(n, _)| *n > 0);
    let mut what = counts.next().map_or("changed".into(), |(n, status)| format!("{} {status}", counted(*n, "file")));
    counts.for_each(|(n, status)| what += &format!(", {n} {status}"));
    let n_other: usize =
        [FileStatus::Removed, FileStatus::Changed, FileStatus::Moved].map(|status| entry.count(status)).iter().sum();
    // Worth a remark: replaced as a whole, such as by another version of a package.
    if n_other as u64 == old.n_files && n_other > 1 {
        what += ", none unchanged";
    }
    let (old, new) = (Size(old.len).to_string(), Size(new.len).to_string());
    let sizes = if old == new { format!("{new} in total") } else { format!("{old} → {new}") };
    let detail = |file: &FileChange| {
        format!("{} {} ({})", mark(file.status()), path_within(&file.path, entry), lengths(file, entry))
    };
    ReportItem {
        line: format!("{title}: {what}; {sizes}"),
        details: entry.files.iter().map(detail).collect(),
        brief: folders::lines(&entry.files, &|path| path_within(path, entry), &detail),
    }
}

/// Subject of the lines about a task sequence.
pub(super) fn sequence_title(change: &SequenceChange) -> String {
    format!("task sequence `{}`", change.name)
}

fn sequence_item(change: &SequenceChange) -> ReportItem {
    let count = |kind: &str| {
        let of_kind = |step: &&Difference| !step.path.is_empty() && sequence::kind_of_change(&step.kind) == kind;
        change.steps.iter().filter(of_kind).count()
    };
    let mut counts = sequence::KINDS_OF_CHANGE.iter().map(|kind| (count(kind), kind)).filter(|(n, _)| *n > 0);
    let mut what = match counts.next() {
        Some((n, kind)) => format!("{} {kind}", counted(n, "step")),
        None => "its own values changed".into(),
    };
    counts.for_each(|(n, kind)| what += &format!(", {n} {kind}"));
    let details: Vec<_> = change.steps.iter().flat_map(sequence::change_lines).collect();
    ReportItem { line: format!("{}: {what}", sequence_title(change)), brief: details.clone(), details }
}

/// Returns a path relative to its entry; empty if it is the entry itself.
fn path_within<'a>(path: &'a str, entry: &EntryChange) -> &'a str {
    let rest = entry.path.as_deref().and_then(|folder| path.strip_prefix(folder));
    match rest.map(|rest| (rest, rest.strip_prefix('/'))) {
        Some(("", _)) => "",
        Some((_, Some(rest))) => rest,
        _ => path,
    }
}

fn lengths(file: &FileChange, entry: &EntryChange) -> String {
    if let (Some(from), Some(new)) = (&file.from, file.new) {
        return format!("{}, from `{}`", Size(new), path_within(from, entry));
    }
    match (file.old, file.new) {
        (Some(old), Some(new)) if old == new => format!("{}, different content", Size(new)),
        (Some(old), Some(new)) if Size(old).to_string() == Size(new).to_string() => format!("{old} → {new} bytes"),
        (Some(old), Some(new)) => format!("{} → {}", Size(old), Size(new)),
        (old, new) => Size(old.or(new).unwrap_or_default()).to_string(),
    }
}

pub(super) fn boot_change(change: BootChange) -> &'static str {
    match change {
        BootChange::Added => "added",
        BootChange::Removed => "removed",
        BootChange::Changed => "changed",
    }
}

/// Returns a reason as JSON.
pub(super) fn json(reason: &Reason) -> Value {
    match reason {
        Reason::New => json!({ "reason": "new" }),
        Reason::Gone => json!({ "reason": "gone" }),
        Reason::NotRecorded => json!({ "reason": "not-recorded" }),
        Reason::Touched => json!({ "reason": "touched" }),
        Reason::Length { recorded, found } => json!({ "reason": "length", "old": recorded, "new": found }),
        Reason::OtherMedium => json!({ "reason": "other-medium" }),
        Reason::NotOurs => json!({ "reason": "not-ours" }),
        Reason::Unclaimed => json!({ "reason": "unclaimed" }),
        Reason::NotMadeHere => json!({ "reason": "not-made-here" }),
        Reason::Outside => json!({ "reason": "outside" }),
        Reason::CutOff => json!({ "reason": "cut-off" }),
        Reason::NoGain => json!({ "reason": "no-gain" }),
        Reason::NotPatchable => json!({ "reason": "not-patchable" }),
        Reason::FormatVersion { old, new } => json!({ "reason": "format-version", "old": old, "new": new }),
        Reason::Value { key, old, new } => json!({ "reason": "value", "key": key, "old": old, "new": new }),
        Reason::TemplateValue { name, old, new } => {
            json!({ "reason": "template-value", "name": name, "old": old, "new": new })
        }
        Reason::Secret(name) => json!({ "reason": "secret", "name": name }),
        Reason::FilesWithSecrets => json!({ "reason": "files-with-secrets" }),
        Reason::SecretsUnknown => json!({ "reason": "secrets-unknown" }),
        Reason::Boot(firmware, change) => {
            json!({ "reason": "boot", "firmware": firmware, "change": boot_change(*change) })
        }
        Reason::Device(title) => json!({ "reason": "device", "source": title }),
        Reason::Unseen => json!({ "reason": "unseen" }),
        Reason::Order => json!({ "reason": "order" }),
        Reason::Folders => json!({ "reason": "folders" }),
        Reason::Sequence(change) => {
            let steps = sequence::differences_json(&change.steps)["steps"].take();
            json!({ "reason": "sequence", "name": change.name, "steps": steps })
        }
        Reason::Entry(entry) => {
            let tally = |tally: &FileCount| json!({ "files": tally.n_files, "len": tally.len });
            let file = |file: &FileChange| {
                json!({
                    "path": file.path,
                    "change": file.status().as_str(),
                    "from": file.from,
                    "old": file.old,
                    "new": file.new,
                })
            };
            json!({
                "reason": "entry",
                "entry": entry.title,
                "path": entry.path,
                "old": entry.old.as_ref().map(tally),
                "new": entry.new.as_ref().map(tally),
                "files": entry.files.iter().map(file).collect::<Vec<_>>(),
            })
        }
    }
}
