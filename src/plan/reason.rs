//! Reasons for a planned change: differences between an output's recorded inputs and its current ones.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::content::Content;
use crate::date::Date;
use crate::digest::Digest;
use crate::firmware::Firmware;
use crate::output::{
    ContentEntry, FORMAT_VERSION, Identity, IdentityFile, Output, RecordedSecrets, TemplateValue, find_entry, lists,
};
use crate::record::{RecordedFile, RecordedMedium};
use crate::sequence::difference::Difference;
use crate::target::Target;
use crate::volume::Node;

use super::ExistingFile;

/// Reason for a planned change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The target was never built.
    New,
    /// It was built, but the file is gone.
    Gone,
    /// A medium is there, but not recorded.
    NotRecorded,
    /// The finished file was modified.
    Touched,
    /// The finished file has another length.
    Length {
        /// Recorded length in bytes.
        recorded: u64,
        /// Length found, in bytes.
        found: u64,
    },
    /// The file is another medium than the recorded one.
    OtherMedium,
    /// The file was not made by tsmedia.
    NotOurs,
    /// The manifest no longer makes it.
    Unclaimed,
    /// The manifest no longer makes it, but the cache does not confirm that it ever did. The file is left alone.
    NotMadeHere,
    /// The record names a file outside of the manifest's folder, or through a link. It is left alone.
    Outside,
    /// A patch was interrupted, and is finished or rolled back first.
    CutOff,
    /// A patch would not write much less than a rebuild, so it is rebuilt.
    NoGain,
    /// The finished file has another hard link or can't be written, so it is rebuilt.
    NotPatchable,
    /// The format version of tsmedia changed.
    FormatVersion {
        /// Format version it was built with.
        old: u32,
        /// Current format version.
        new: u32,
    },
    /// The label, the date or a line of the description changed.
    Value {
        /// Key of the value.
        key: String,
        /// Recorded value.
        old: Option<String>,
        /// Current value.
        new: Option<String>,
    },
    /// A template value changed. It may not affect the output; changes that it causes are listed separately.
    TemplateValue {
        /// Name below `vars`.
        name: String,
        /// Recorded value.
        old: Option<Json>,
        /// Current value.
        new: Option<Json>,
    },
    /// A secret changed; holds its description.
    Secret(String),
    /// Files that depend on secrets changed in another way than by a secret.
    FilesWithSecrets,
    /// The recorded secrets were fingerprinted with another key, so they can't be compared.
    SecretsUnknown,
    /// A boot image changed.
    Boot(Firmware, BootChange),
    /// A content entry changed.
    Entry(EntryChange),
    /// The task sequence changed; only known if that of the earlier state is.
    Sequence(SequenceChange),
    /// A source of a capture is a device, which may change without a trace; holds its title.
    Device(String),
    /// A source of a capture was modified in a way that kept its sizes and times.
    Unseen,
    /// The sources of a capture are in another order.
    Order,
    /// Files moved between entries, or the empty folders of the manifest changed.
    Folders,
}

/// Change of a boot image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootChange {
    /// There was none for this firmware.
    Added,
    /// There is none for this firmware any more.
    Removed,
    /// Its contents changed.
    Changed,
}

/// Change of a content entry. A new entry has no `old`, a removed one no `new`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryChange {
    /// Title of the entry. `None` for files outside of any entry.
    pub title: Option<String>,
    /// Path of its folder or file on the medium. `None` for files outside of any entry.
    pub path: Option<String>,
    /// Recorded size.
    pub old: Option<FileCount>,
    /// Current size.
    pub new: Option<FileCount>,
    /// Changed files, by path.
    pub files: Vec<FileChange>,
}

impl EntryChange {
    /// Number of files with this status.
    pub fn count(&self, status: FileStatus) -> usize {
        self.files.iter().filter(|file| file.status() == status).count()
    }
}

/// Change of a task sequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceChange {
    /// Current name of the task sequence.
    pub name: String,
    /// Changed steps; at least one.
    pub steps: Vec<Difference>,
}

/// Number and total length of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCount {
    /// Number of files.
    pub n_files: u64,
    /// Total length in bytes.
    pub len: u64,
}

/// Change of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Path on the medium.
    pub path: String,
    /// Previous path, if it was moved.
    pub from: Option<String>,
    /// Previous length in bytes, if it existed.
    pub old: Option<u64>,
    /// Current length in bytes, if it exists.
    pub new: Option<u64>,
}

/// Kind of a file's change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileStatus {
    /// It did not exist before.
    Added,
    /// It no longer exists.
    Removed,
    /// Its bytes changed.
    Changed,
    /// It has the bytes of a file that no longer exists.
    Moved,
}

impl FileStatus {
    /// All kinds, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Added, Self::Removed, Self::Changed, Self::Moved];

    /// Name of the kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Moved => "moved",
        }
    }
}

impl FileChange {
    /// Kind of the change.
    pub fn status(&self) -> FileStatus {
        match (&self.from, self.old, self.new) {
            (Some(_), ..) => FileStatus::Moved,
            (None, None, _) => FileStatus::Added,
            (None, _, None) => FileStatus::Removed,
            (None, Some(_), Some(_)) => FileStatus::Changed,
        }
    }
}

/// Lists the differences between a medium and the recorded one.
pub(super) fn differences(
    target: &Target,
    output: &Output,
    identity: &Identity,
    recorded: &RecordedMedium,
    files: &[RecordedFile],
) -> Vec<Reason> {
    let old = TargetFields {
        label: Some(&recorded.label),
        date: recorded.date,
        description: recorded.description.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
        values: recorded.values.as_deref(),
    };
    let new = TargetFields {
        label: Some(&output.label),
        date: output.date.unix(),
        description: output.description.iter().map(|(key, value)| (*key, value.as_str())).collect(),
        values: Some(&target.values),
    };
    let mut reasons = field_changes(recorded.format_version, &old, &new);
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
    // Files written by tsmedia follow from the reasons above, so list them only if there are none.
    let with_own = reasons.is_empty();
    reasons.extend(entry_changes(output, identity, recorded, files, with_own).into_iter().map(Reason::Entry));
    if reasons.is_empty() && identity.id.is_some() {
        reasons.push(Reason::Folders);
    }
    reasons
}

/// Fields that media and captures have in common.
pub(super) struct TargetFields<'a> {
    /// Volume label, if it has one.
    pub(super) label: Option<&'a str>,
    /// Date in seconds since 1970.
    pub(super) date: u64,
    /// Further keys and values.
    pub(super) description: BTreeMap<&'a str, &'a str>,
    /// Template values. `None` in records of version 1.
    pub(super) values: Option<&'a [TemplateValue]>,
}

/// Lists the changed fields of a target, and a change of the format version.
pub(super) fn field_changes(format_version: u32, old: &TargetFields, new: &TargetFields) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if format_version != FORMAT_VERSION {
        reasons.push(Reason::FormatVersion { old: format_version, new: FORMAT_VERSION });
    }
    let mut value = |key: &str, old: Option<String>, new: Option<String>| {
        if old != new {
            reasons.push(Reason::Value { key: key.to_owned(), old, new });
        }
    };
    value("label", old.label.map(str::to_owned), new.label.map(str::to_owned));
    value("date", Some(day(old.date)), Some(day(new.date)));
    for key in old.description.keys().chain(new.description.keys()).collect::<BTreeSet<_>>() {
        let [old, new] = [old, new].map(|fields| fields.description.get(key).map(|value| (*value).to_owned()));
        value(key, old, new);
    }
    reasons.extend(named_values(old.values, new.values));
    reasons
}

/// Lists the changed template values. Empty if the record has none.
fn named_values(old: Option<&[TemplateValue]>, new: Option<&[TemplateValue]>) -> Vec<Reason> {
    let Some((old, new)) = old.zip(new) else { return Vec::new() };
    value_changes(old, new).map(|(name, old, new)| Reason::TemplateValue { name, old, new }).collect()
}

/// Lists the changed template values of a medium whose secrets changed. They are all that is recorded in clear of its
/// files with secrets.
pub(super) fn values_beside_secrets(
    target: &Target,
    recorded: &RecordedMedium,
    wanted: Option<&RecordedSecrets>,
) -> Vec<Reason> {
    let digest = |secrets: Option<&RecordedSecrets>| secrets.map(|secrets| secrets.digest);
    match digest(recorded.secrets.as_ref()) == digest(wanted) {
        true => Vec::new(),
        false => named_values(recorded.values.as_deref(), Some(&target.values)),
    }
}

/// Lists the secrets that differ from the record or from the existing medium.
pub(super) fn secret_changes(
    recorded: Option<&RecordedSecrets>,
    wanted: Option<&RecordedSecrets>,
    existing: ExistingFile,
) -> Vec<Reason> {
    let digest = |secrets: Option<&RecordedSecrets>| secrets.map(|secrets| secrets.digest);
    let is_there = matches!(existing, ExistingFile::Medium { secrets, .. } if secrets == digest(wanted));
    match (recorded, wanted) {
        (Some(recorded), Some(wanted)) if recorded.key != wanted.key => {
            if is_there {
                Vec::new()
            } else {
                vec![Reason::SecretsUnknown]
            }
        }
        _ => {
            let values = |secrets: Option<&RecordedSecrets>| -> BTreeMap<String, Digest> {
                let values = secrets.iter().flat_map(|secrets| &secrets.values);
                values.map(|value| (value.name.clone(), value.digest)).collect()
            };
            let (old, new) = (values(recorded), values(wanted));
            let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
            let changed = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
            let mut changed: Vec<_> = changed.map(|name| Reason::Secret(name.clone())).collect();
            if changed.is_empty()
                && matches!(existing, ExistingFile::Medium { .. })
                && !is_there
                && digest(recorded) == digest(wanted)
            {
                // The record agrees with the manifest, but the medium has other secrets.
                changed.push(Reason::SecretsUnknown);
            }
            changed
        }
    }
}

/// Returns a reason if files with secrets changed and no other reason explains it. Variables and policies are in such
/// files, of which only a keyed digest is recorded.
pub(super) fn files_with_secrets(
    reasons: &[Reason],
    recorded: &RecordedMedium,
    wanted: Option<&RecordedSecrets>,
) -> Option<Reason> {
    let (old, new) = recorded.secrets.as_ref().zip(wanted)?;
    let is_content = |reason: &Reason| matches!(reason, Reason::Entry(_) | Reason::Boot(..) | Reason::Folders);
    let is_other = old.key == new.key && old.digest != new.digest;
    (is_other && reasons.iter().all(is_content)).then_some(Reason::FilesWithSecrets)
}

/// Formats seconds since 1970.
fn day(seconds: u64) -> String {
    Date::from_unix(seconds).map_or_else(|| seconds.to_string(), |date| date.to_string())
}

/// Lists the changed template values, each with its name, old value and new value.
pub fn value_changes(
    old: &[TemplateValue],
    new: &[TemplateValue],
) -> impl Iterator<Item = (String, Option<Json>, Option<Json>)> {
    let by_name = |values: &[TemplateValue]| -> BTreeMap<String, Json> {
        values.iter().map(|value| (value.name.clone(), value.value.clone())).collect()
    };
    let (mut old, mut new) = (by_name(old), by_name(new));
    let names: BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
    names.into_iter().filter_map(move |name| {
        let (old, new) = (old.remove(&name), new.remove(&name));
        (old != new).then_some((name, old, new))
    })
}

/// Files of an entry while they are collected.
#[derive(Default)]
struct EntryFiles<'a> {
    path: Option<&'a str>,
    old: Option<FileCount>,
    new: Option<FileCount>,
    files: Vec<(FileChange, Option<Digest>)>,
}

fn entry_changes(
    output: &Output,
    identity: &Identity,
    recorded: &RecordedMedium,
    files: &[RecordedFile],
    with_own: bool,
) -> Vec<EntryChange> {
    let old_entries: Vec<_> =
        recorded.entries.iter().map(|entry| ContentEntry::new(&entry.title, &entry.path)).collect();
    let is_list = |path: &str| [lists::MEDIUM, lists::BLAKE3SUMS, lists::SHA256SUMS].contains(&path);
    let old: BTreeMap<&str, &RecordedFile> =
        files.iter().filter(|file| !is_list(&file.path)).map(|file| (file.path.as_str(), file)).collect();
    let new: BTreeMap<&str, &IdentityFile> = identity.files.iter().map(|file| (file.path.as_str(), file)).collect();
    let is_own = |path: &str| matches!(output.root.get(path), Some(Node::File(Content::Bytes(_))));

    // Entries of the manifest come first, then removed entries, then files outside of any entry.
    let mut titles: Vec<Option<&str>> = output.entries.iter().map(|entry| Some(entry.title.as_str())).collect();
    titles.extend(old_entries.iter().map(|entry| Some(entry.title.as_str())));
    titles.push(None);
    let mut gathered: BTreeMap<Option<&str>, EntryFiles> = BTreeMap::new();
    for entry in &old_entries {
        let gathered = gathered.entry(Some(&entry.title)).or_default();
        (gathered.old, gathered.path) = (Some(FileCount::default()), Some(entry.path.as_str()));
    }
    for entry in &output.entries {
        let gathered = gathered.entry(Some(&entry.title)).or_default();
        (gathered.new, gathered.path) = (Some(FileCount::default()), Some(entry.path.as_str()));
    }
    for path in old.keys().chain(new.keys()).copied().collect::<BTreeSet<_>>() {
        let (old, new) = (old.get(path), new.get(path));
        let title = |entries, is_there| {
            if is_there { find_entry(entries, path).map(|entry: &ContentEntry| &*entry.title) } else { None }
        };
        let (old_title, new_title) = (title(&old_entries, old.is_some()), title(&output.entries, new.is_some()));
        let (old_len, new_len) = (old.map(|file| file.len), new.map(|file| file.len));
        let mut add = |title, old, new, blake3| {
            let change = FileChange { path: path.to_owned(), from: None, old, new };
            gathered.entry(title).or_default().files.push((change, blake3));
        };
        match (old, new) {
            // A file that went from one entry to another under the same path counts for both.
            (Some(old), Some(new)) if old_title != new_title => {
                add(old_title, old_len, None, Some(old.blake3));
                add(new_title, None, new_len, new.blake3);
            }
            // A file that was not hashed is assumed to be unchanged if its length is.
            (Some(old), Some(new))
                if old.len == new.len
                    && (output.depends_on_secrets(path) || new.blake3.is_none_or(|blake3| blake3 == old.blake3)) => {}
            (Some(_), Some(_)) if is_own(path) && !with_own => {}
            (Some(_), Some(_)) => add(new_title, old_len, new_len, None),
            (Some(old), None) => add(old_title, old_len, None, Some(old.blake3)),
            (None, Some(new)) => add(new_title, None, new_len, new.blake3),
            (None, None) => {}
        }
        if let Some(len) = old_len {
            count(&mut gathered.entry(old_title).or_default().old, len);
        }
        if let Some(len) = new_len {
            count(&mut gathered.entry(new_title).or_default().new, len);
        }
    }
    let mut changes = Vec::new();
    for title in titles {
        let Some(EntryFiles { path, old, new, files }) = gathered.remove(&title) else { continue };
        if files.is_empty() && old.is_some() == new.is_some() {
            continue;
        }
        let (title, path) = (title.map(str::to_owned), path.map(str::to_owned));
        changes.push(EntryChange { title, path, old, new, files: merge_moves(files) });
    }
    changes
}

fn count(total: &mut Option<FileCount>, len: u64) {
    let total = total.get_or_insert_default();
    total.n_files += 1;
    total.len += len;
}

/// Merges a removed file and an added one with the same bytes into a move. Empty files are never merged.
fn merge_moves(files: Vec<(FileChange, Option<Digest>)>) -> Vec<FileChange> {
    let mut gone: HashMap<Digest, VecDeque<usize>> = HashMap::new();
    for (index, (file, blake3)) in files.iter().enumerate() {
        if let (FileStatus::Removed, Some(blake3)) = (file.status(), blake3)
            && file.old > Some(0)
        {
            gone.entry(*blake3).or_default().push_back(index);
        }
    }
    let mut from = BTreeMap::new();
    for (index, (file, blake3)) in files.iter().enumerate() {
        let gone =
            blake3.filter(|_| file.status() == FileStatus::Added).and_then(|blake3| gone.get_mut(&blake3)?.pop_front());
        from.extend(gone.map(|gone| (index, gone)));
    }
    let is_source: HashSet<usize> = from.values().copied().collect();
    let paths: HashMap<usize, String> = is_source.iter().map(|index| (*index, files[*index].0.path.clone())).collect();
    let kept = files.into_iter().enumerate().filter(|(index, _)| !is_source.contains(index));
    kept.map(|(index, (file, _))| match from.get(&index) {
        Some(gone) => FileChange { from: paths.get(gone).cloned(), old: file.new, ..file },
        None => file,
    })
    .collect()
}
