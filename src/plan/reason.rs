//! Why an output is not what it should be: what it was built from, against what it would be built from now.

use std::collections::{BTreeMap, BTreeSet};

use crate::date::Date;
use crate::firmware::Firmware;
use crate::output::{FORMAT_VERSION, Held, Identity, Output, lists};
use crate::record::{Recorded, RecordedFile, entry_of};

/// Why something has to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was never built.
    New,
    /// It was built, and the file is not there any more.
    Gone,
    /// A medium is there, and nothing says from what it was built.
    NotRecorded,
    /// The finished file was written to since.
    Touched,
    /// The finished file has another length.
    Length {
        /// What was recorded, in bytes.
        recorded: u64,
        /// What is there, in bytes.
        found: u64,
    },
    /// The file is another medium than the recorded one.
    OtherMedium,
    /// The file is none that tsmedia made.
    NotOurs,
    /// No manifest makes it any more.
    Unclaimed,
    /// To patch it would not write much less than to build it anew, which is done instead.
    NoGain,
    /// The finished file has another name besides, or can't be written to: it is built anew.
    NotPatchable,
    /// tsmedia itself makes other bytes now.
    FormatVersion {
        /// What it was built with.
        old: u32,
        /// What it would be built with.
        new: u32,
    },
    /// The label, the date or a line of the description.
    Value {
        /// What it is called.
        key: String,
        /// What it was.
        old: Option<String>,
        /// What it is now.
        new: Option<String>,
    },
    /// A boot image.
    Boot(Firmware, BootChange),
    /// A content entry of the manifest.
    Entry(EntryChange),
    /// The same files are in other entries, or the manifest's empty folders are others.
    Folders,
}

/// What became of a boot image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootChange {
    /// There was none for this firmware.
    Added,
    /// There is none any more.
    Removed,
    /// It is another one.
    Changed,
}

/// What became of a content entry. An entry that was not there before has no `old`, one that is gone no `new`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryChange {
    /// What the manifest calls it; nothing for files that no entry of the manifest brought.
    pub title: Option<String>,
    /// What it was.
    pub old: Option<Tally>,
    /// What it is now.
    pub new: Option<Tally>,
    /// How many files are there that were not.
    pub n_added: usize,
    /// How many files are not there any more.
    pub n_removed: usize,
    /// How many files have other bytes.
    pub n_changed: usize,
    /// The first few of them, by path.
    pub first: Vec<FileChange>,
}

/// How much an entry is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many files.
    pub n_files: u64,
    /// How many bytes.
    pub len: u64,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// Its path on the medium.
    pub path: String,
    /// How long it was, if it was there.
    pub old: Option<u64>,
    /// How long it is, if it is there.
    pub new: Option<u64>,
}

/// How many files an [`EntryChange`] names.
pub const N_NAMED: usize = 5;

/// Everything in which an output differs from the recorded one.
pub(super) fn differences(
    output: &Output,
    identity: &Identity,
    recorded: &Recorded,
    files: &[RecordedFile],
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if recorded.format_version != FORMAT_VERSION {
        reasons.push(Reason::FormatVersion { old: recorded.format_version, new: FORMAT_VERSION });
    }
    let mut value = |key: &str, old: Option<String>, new: Option<String>| {
        if old != new {
            reasons.push(Reason::Value { key: key.to_owned(), old, new });
        }
    };
    value("label", Some(recorded.label.clone()), Some(output.label.clone()));
    value("date", Some(day(recorded.date)), Some(day(output.date.unix())));
    let new: BTreeMap<_, _> = output.description.iter().map(|(key, value)| (*key, value)).collect();
    let keys: BTreeSet<_> = recorded.description.keys().map(String::as_str).chain(new.keys().copied()).collect();
    for key in keys {
        value(key, recorded.description.get(key).cloned(), new.get(key).map(|value| (*value).clone()));
    }
    for firmware in [Firmware::Bios, Firmware::Uefi] {
        let old: Vec<_> =
            recorded.boot.iter().filter(|image| image.firmware == firmware).map(|image| image.blake3).collect();
        let new: Vec<_> =
            identity.boot.iter().filter(|image| image.firmware == firmware).map(|image| image.blake3).collect();
        if old != new {
            let change = match (old.is_empty(), new.is_empty()) {
                (true, _) => BootChange::Added,
                (_, true) => BootChange::Removed,
                _ => BootChange::Changed,
            };
            reasons.push(Reason::Boot(firmware, change));
        }
    }
    reasons.extend(entry_changes(output, identity, recorded, files).into_iter().map(Reason::Entry));
    if reasons.is_empty() && identity.id.is_some() {
        reasons.push(Reason::Folders);
    }
    reasons
}

/// Seconds since 1970 as text.
fn day(seconds: u64) -> String {
    Date::from_unix(seconds).map_or_else(|| seconds.to_string(), |date| date.to_string())
}

#[derive(Default)]
struct Gathered {
    old: Option<Tally>,
    new: Option<Tally>,
    counts: [usize; 3],
    first: Vec<FileChange>,
}

fn entry_changes(
    output: &Output,
    identity: &Identity,
    recorded: &Recorded,
    files: &[RecordedFile],
) -> Vec<EntryChange> {
    let old_entries: Vec<_> = recorded
        .entries
        .iter()
        .map(|entry| crate::output::Entry { title: entry.title.clone(), path: entry.path.clone() })
        .collect();
    let is_own = |path: &str| [lists::MEDIUM, lists::BLAKE3SUMS, lists::SHA256SUMS].contains(&path);
    let old: BTreeMap<&str, &RecordedFile> =
        files.iter().filter(|file| !is_own(&file.path)).map(|file| (file.path.as_str(), file)).collect();
    let new: BTreeMap<&str, &Held> = identity.files.iter().map(|file| (file.path.as_str(), file)).collect();

    // In the order of the manifest; entries that are gone after it, and files of no entry last.
    let mut titles: Vec<Option<&str>> = output.entries.iter().map(|entry| Some(entry.title.as_str())).collect();
    titles.extend(old_entries.iter().map(|entry| Some(entry.title.as_str())));
    titles.push(None);
    let mut gathered: BTreeMap<Option<&str>, Gathered> = BTreeMap::new();
    for entry in &output.entries {
        gathered.entry(Some(&entry.title)).or_default().new = Some(Tally::default());
    }
    for entry in &old_entries {
        gathered.entry(Some(&entry.title)).or_default().old = Some(Tally::default());
    }
    for path in old.keys().chain(new.keys()).copied().collect::<BTreeSet<_>>() {
        let (old, new) = (old.get(path), new.get(path));
        let old_title = old.and_then(|_| entry_of(&old_entries, path)).map(|entry| entry.title.as_str());
        let new_title = new.and_then(|_| entry_of(&output.entries, path)).map(|entry| entry.title.as_str());
        if let Some(old) = old {
            add(&mut gathered.entry(old_title).or_default().old, old.len);
        }
        if let Some(new) = new {
            add(&mut gathered.entry(new_title).or_default().new, new.len);
        }
        // What nobody had to read to decide anything is taken to be what it was.
        // A file that went from one entry to another under the same path counts for both.
        let (kept, change) = match (old, new) {
            (Some(old), Some(new)) => (old.len == new.len && new.blake3.is_none_or(|blake3| blake3 == old.blake3), 2),
            (None, _) => (false, 0),
            (_, None) => (false, 1),
        };
        if kept && old_title == new_title {
            continue;
        }
        let change_of = |change: usize, old: Option<u64>, new: Option<u64>| {
            (change, FileChange { path: path.to_owned(), old, new })
        };
        let (old_len, new_len) = (old.map(|file| file.len), new.map(|file| file.len));
        let parts = match (old, new) {
            (Some(_), Some(_)) if old_title != new_title => {
                vec![(old_title, change_of(1, old_len, None)), (new_title, change_of(0, None, new_len))]
            }
            (Some(_), None) => vec![(old_title, change_of(change, old_len, new_len))],
            _ => vec![(new_title, change_of(change, old_len, new_len))],
        };
        for (title, (change, file)) in parts {
            let gathered = gathered.entry(title).or_default();
            gathered.counts[change] += 1;
            if gathered.first.len() < N_NAMED {
                gathered.first.push(file);
            }
        }
    }
    let mut changes = Vec::new();
    for title in titles {
        let Some(Gathered { old, new, counts, first }) = gathered.remove(&title) else { continue };
        if counts == [0; 3] && old.is_some() == new.is_some() {
            continue;
        }
        let [n_added, n_removed, n_changed] = counts;
        changes.push(EntryChange { title: title.map(str::to_owned), old, new, n_added, n_removed, n_changed, first });
    }
    changes
}

fn add(tally: &mut Option<Tally>, len: u64) {
    let tally = tally.get_or_insert_default();
    tally.n_files += 1;
    tally.len += len;
}
