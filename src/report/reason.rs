//! Why something has to be done: a line, with its files below it, and as data.

use serde_json::{Value, json};

use super::counted;
use super::folders::{self, mark};
use super::screen::Point;
use crate::manifest;
use crate::plan::{Action, BootChange, EntryChange, FileChange, FileCount, FileStatus, PlannedChange, Reason};
use crate::size::Size;

/// A reason for what is done to an output.
pub(super) fn point(reason: &Reason, change: &PlannedChange) -> Point {
    let line = match reason {
        Reason::New => "never built".into(),
        Reason::Gone if change.action == Action::Delete => "not there any more: only forgotten".into(),
        Reason::Gone => "it was built, and the file is not there any more".into(),
        Reason::NotOurs if change.action == Action::Delete => {
            "the file is not the one that was built: it is left alone and only forgotten".into()
        }
        Reason::NotOurs if change.in_the_way => {
            "a file that tsmedia did not make is in the way: it is replaced only with `--force`".into()
        }
        _ => return difference(reason),
    };
    Point { line, ..Point::default() }
}

/// A reason by itself.
pub(super) fn difference(reason: &Reason) -> Point {
    let line = match reason {
        Reason::New => "never built".into(),
        Reason::Gone => "the file is not there any more".into(),
        Reason::NotRecorded => "a medium is there, and no record says from what it was built".into(),
        Reason::Touched => "the finished file was written to since".into(),
        Reason::Length { recorded, found } => {
            format!("the finished file has {found} bytes, and was built with {recorded}")
        }
        Reason::OtherMedium => "the file is another medium than the recorded one".into(),
        Reason::NotOurs => "the file is not a medium that tsmedia made".into(),
        Reason::Unclaimed => "no manifest makes it any more".into(),
        Reason::NotMadeHere => {
            "the manifest no longer makes it, and this cache doesn't know that it did: the file is left alone and only forgotten"
                .into()
        }
        Reason::Outside => {
            "ignored: the record names a file outside of the manifest's folder or behind a link; it is only forgotten".into()
        }
        Reason::CutOff => "its last patch was interrupted: `apply` first finishes it or takes it back".into(),
        Reason::NoGain => "built anew: to patch it would not write much less".into(),
        Reason::NotPatchable => "built anew: the file has another name too, or can't be written to".into(),
        Reason::FormatVersion { old, new } => format!("tsmedia's format: version {old} → {new}"),
        Reason::Value { key, old, new } => {
            let quoted = |value: &Option<String>| value.as_ref().map(|value| quoted(value));
            format!("{key}: {}", old_to_new(quoted(old), quoted(new)))
        }
        Reason::TemplateValue { name, old, new } => {
            let mut texts = [old, new].map(|value| value.as_ref().map(|value| quoted(&plain(value))));
            if texts[0] == texts[1] {
                // The number 1 became the text `1`, or the other way round.
                texts = [old, new].map(|value| value.as_ref().map(|value| quoted(&value.to_string())));
            }
            let [old, new] = texts;
            let what = match name.strip_prefix(manifest::VALUE_PREFIX) {
                Some(key) => format!("value of the site file `{key}`"),
                None => format!("template value `{name}`"),
            };
            format!("{what}: {}", old_to_new(old, new))
        }
        Reason::Secret(name) => format!("secret: {name} changed"),
        Reason::SecretsUnknown => "nobody here can tell whether its secrets are the same".into(),
        Reason::Boot(firmware, change) => format!("boot program for {firmware}: {}", boot_change(*change)),
        Reason::Device(title) => format!("{title}: a device, of which nobody can say whether it changed"),
        Reason::Unseen => "a source was written to since, and its sizes and times are the same".into(),
        Reason::Order => "the sources are in another order".into(),
        Reason::Folders => "the empty folders are other ones".into(),
        Reason::Entry(entry) => return of_entry(entry),
    };
    Point { line, ..Point::default() }
}

/// What a value was and what it is; a secret has neither.
fn old_to_new(old: Option<String>, new: Option<String>) -> String {
    match (old, new) {
        (Some(old), Some(new)) => format!("{old} → {new}"),
        (None, Some(new)) => format!("added, {new}"),
        (Some(old), None) => format!("removed, it was {old}"),
        (None, None) => "changed".into(),
    }
}

/// Text as it is, everything else as JSON has it.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The most characters of a value that are shown.
const MAX_VALUE: usize = 60;

/// A value in backticks, cut where it is long.
fn quoted(value: &str) -> String {
    let shown: String = value.chars().take(MAX_VALUE).collect();
    if value.chars().nth(MAX_VALUE).is_some() { format!("`{shown}…`") } else { format!("`{shown}`") }
}

fn of_entry(entry: &EntryChange) -> Point {
    let title = entry.title.as_deref().unwrap_or("files of the medium itself");
    let tally = |tally: &FileCount| format!("{} in {}", Size(tally.len), counted(tally.n_files as usize, "file"));
    let (old, new) = match (&entry.old, &entry.new) {
        (Some(old), Some(new)) => (old, new),
        // Of an entry that came or went as a whole, its files are no news.
        (old, new) => {
            let what = old_to_new(old.as_ref().map(tally), new.as_ref().map(tally));
            return Point { line: format!("{title}: {what}"), ..Point::default() };
        }
    };
    if let [file] = &entry.files[..] {
        let what = match (file.status(), within(&file.path, entry)) {
            // The title names it already.
            (status, "") => format!("{}, {}", status.as_str(), lens(file, entry)),
            (status, name) => format!("`{name}` {}, {}", status.as_str(), lens(file, entry)),
        };
        return Point { line: format!("{title}: {what}"), ..Point::default() };
    }
    let counts = FileStatus::ALL.map(|status| (entry.count(status), status.as_str()));
    let mut counts = counts.iter().filter(|(n, _)| *n > 0);
    let mut what = counts.next().map_or("changed".into(), |(n, status)| format!("{} {status}", counted(*n, "file")));
    counts.for_each(|(n, status)| what += &format!(", {n} {status}"));
    let n_other: usize =
        [FileStatus::Removed, FileStatus::Changed, FileStatus::Moved].map(|status| entry.count(status)).iter().sum();
    if n_other as u64 == old.n_files && n_other > 1 {
        what += ", none as it was";
    }
    let (old, new) = (Size(old.len).to_string(), Size(new.len).to_string());
    let sizes = if old == new { format!("{new} in all") } else { format!("{old} → {new}") };
    let detail =
        |file: &FileChange| format!("{} {} ({})", mark(file.status()), within(&file.path, entry), lens(file, entry));
    Point {
        line: format!("{title}: {what}; {sizes}"),
        details: entry.files.iter().map(detail).collect(),
        brief: folders::lines(&entry.files, &|path| within(path, entry), &detail),
    }
}

/// A path as it is called within its entry; nothing if it is the entry.
fn within<'a>(path: &'a str, entry: &EntryChange) -> &'a str {
    let rest = entry.path.as_deref().and_then(|folder| path.strip_prefix(folder));
    match rest.map(|rest| (rest, rest.strip_prefix('/'))) {
        Some(("", _)) => "",
        Some((_, Some(rest))) => rest,
        _ => path,
    }
}

fn lens(file: &FileChange, entry: &EntryChange) -> String {
    if let (Some(from), Some(new)) = (&file.from, file.new) {
        return format!("{}, it was `{}`", Size(new), within(from, entry));
    }
    match (file.old, file.new) {
        (Some(old), Some(new)) if old == new => format!("{}, other bytes", Size(new)),
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

/// A reason as data.
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
        Reason::SecretsUnknown => json!({ "reason": "secrets-unknown" }),
        Reason::Boot(firmware, change) => {
            json!({ "reason": "boot", "firmware": firmware, "change": boot_change(*change) })
        }
        Reason::Device(title) => json!({ "reason": "device", "source": title }),
        Reason::Unseen => json!({ "reason": "unseen" }),
        Reason::Order => json!({ "reason": "order" }),
        Reason::Folders => json!({ "reason": "folders" }),
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
