//! Why an output is not what it should be: what it was built from, against what it would be built from now.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use serde_json::Value as Json;

use crate::content::Content;
use crate::date::Date;
use crate::digest::Digest;
use crate::firmware::Firmware;
use crate::output::{Entry, FORMAT_VERSION, Held, Identity, KeptSecrets, Output, TemplateValue, entry_of, lists};
use crate::record::{RecordedFile, RecordedMedium};
use crate::target::Target;
use crate::volume::Node;

use super::Existing;

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
    /// No manifest makes it any more, and the cache does not know that this one did: the file is left alone.
    NotMadeHere,
    /// The record names a file outside of the manifest's folder, or over a link: it is left alone.
    Outside,
    /// A patch of it was cut off, and is finished or taken back first.
    CutOff,
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
    /// A template value that it was made with. It may have decided nothing: what it went into is told as well.
    TemplateValue {
        /// Its name below `vars`.
        name: String,
        /// What it was.
        old: Option<Json>,
        /// What it is now.
        new: Option<Json>,
    },
    /// The value of a secret that it was made with; what it is, in words.
    Secret(String),
    /// It was made with secrets by somebody else, and nobody here can tell whether they are the same.
    SecretsUnknown,
    /// A boot image.
    Boot(Firmware, BootChange),
    /// A content entry of the manifest.
    Entry(EntryChange),
    /// A source of a capture is a device, which may change without a sign: what it is called.
    Device(String),
    /// Something was done to a source of a capture that left sizes and times as they were.
    Unseen,
    /// The sources of a capture are in another order.
    Order,
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
    /// Its folder or file on the medium; nothing for files that no entry of the manifest brought.
    pub path: Option<String>,
    /// What it was.
    pub old: Option<Tally>,
    /// What it is now.
    pub new: Option<Tally>,
    /// The files that are not as they were, by path.
    pub files: Vec<FileChange>,
}

impl EntryChange {
    /// How many files became this.
    pub fn count(&self, fate: Fate) -> usize {
        self.files.iter().filter(|file| file.fate() == fate).count()
    }
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
    /// Where it was, if it was moved.
    pub from: Option<String>,
    /// How long it was, if it was there.
    pub old: Option<u64>,
    /// How long it is, if it is there.
    pub new: Option<u64>,
}

/// The ways in which a file can be other than it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It was not there.
    Added,
    /// It is not there any more.
    Removed,
    /// It has other bytes.
    Changed,
    /// It has the bytes of one that is not there any more.
    Moved,
}

impl Fate {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::Added, Self::Removed, Self::Changed, Self::Moved];

    /// The word for it.
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
    /// Which way it went.
    pub fn fate(&self) -> Fate {
        match (&self.from, self.old, self.new) {
            (Some(_), ..) => Fate::Moved,
            (None, None, _) => Fate::Added,
            (None, _, None) => Fate::Removed,
            (None, Some(_), Some(_)) => Fate::Changed,
        }
    }
}

/// Everything in which a medium differs from the recorded one.
pub(super) fn differences(
    target: &Target,
    output: &Output,
    identity: &Identity,
    recorded: &RecordedMedium,
    files: &[RecordedFile],
) -> Vec<Reason> {
    let old = Fields {
        label: Some(&recorded.label),
        date: recorded.date,
        description: recorded.description.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
        values: recorded.values.as_deref(),
    };
    let new = Fields {
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
    // What tsmedia writes itself follows from what is told above, if anything is.
    let with_own = reasons.is_empty();
    reasons.extend(entry_changes(output, identity, recorded, files, with_own).into_iter().map(Reason::Entry));
    if reasons.is_empty() && identity.id.is_some() {
        reasons.push(Reason::Folders);
    }
    reasons
}

/// What targets say of themselves, whichever their recipe.
pub(super) struct Fields<'a> {
    /// The volume label, if it has one.
    pub(super) label: Option<&'a str>,
    /// Its date in seconds since 1970.
    pub(super) date: u64,
    /// What else it says: key and value.
    pub(super) description: BTreeMap<&'a str, &'a str>,
    /// Its template values; a record of version 1 has none.
    pub(super) values: Option<&'a [TemplateValue]>,
}

/// Everything that a target says of itself other than it did when it was made in this version of our formats.
pub(super) fn field_changes(format_version: u32, old: &Fields, new: &Fields) -> Vec<Reason> {
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

/// Returns the values that are not those of the record, as reasons; none if the record has no values.
fn named_values(old: Option<&[TemplateValue]>, new: Option<&[TemplateValue]>) -> Vec<Reason> {
    let Some((old, new)) = old.zip(new) else { return Vec::new() };
    value_changes(old, new).map(|(name, old, new)| Reason::TemplateValue { name, old, new }).collect()
}

/// Returns the values by which files with secrets differ from the recorded ones. Nothing else of them is recorded in
/// clear.
pub(super) fn values_beside_secrets(
    target: &Target,
    recorded: &RecordedMedium,
    wanted: Option<&KeptSecrets>,
) -> Vec<Reason> {
    let digest = |secrets: Option<&KeptSecrets>| secrets.map(|secrets| secrets.digest);
    match digest(recorded.secrets.as_ref()) == digest(wanted) {
        true => Vec::new(),
        false => named_values(recorded.values.as_deref(), Some(&target.values)),
    }
}

/// In which secrets an output differs from the recorded one, and from what is there.
pub(super) fn secret_changes(
    recorded: Option<&KeptSecrets>,
    wanted: Option<&KeptSecrets>,
    existing: Existing,
) -> Vec<Reason> {
    let digest = |secrets: Option<&KeptSecrets>| secrets.map(|secrets| secrets.digest);
    let is_there = matches!(existing, Existing::Medium { secrets, .. } if secrets == digest(wanted));
    match (recorded, wanted) {
        (Some(recorded), Some(wanted)) if recorded.veil != wanted.veil => {
            if is_there {
                Vec::new()
            } else {
                vec![Reason::SecretsUnknown]
            }
        }
        _ => {
            let values = |secrets: Option<&KeptSecrets>| -> BTreeMap<String, Digest> {
                let values = secrets.iter().flat_map(|secrets| &secrets.values);
                values.map(|value| (value.name.clone(), value.digest)).collect()
            };
            let (old, new) = (values(recorded), values(wanted));
            let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
            let changed = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
            let mut changed: Vec<_> = changed.map(|name| Reason::Secret(name.clone())).collect();
            if changed.is_empty()
                && matches!(existing, Existing::Medium { .. })
                && !is_there
                && digest(recorded) == digest(wanted)
            {
                // The record says what is to be, and the medium has others.
                changed.push(Reason::SecretsUnknown);
            }
            changed
        }
    }
}

/// Seconds since 1970 as text.
fn day(seconds: u64) -> String {
    Date::from_unix(seconds).map_or_else(|| seconds.to_string(), |date| date.to_string())
}

/// The template values that are other ones: name, what it was and what it is.
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

/// An entry while its files are gathered.
#[derive(Default)]
struct Gathered<'a> {
    path: Option<&'a str>,
    old: Option<Tally>,
    new: Option<Tally>,
    files: Vec<(FileChange, Option<Digest>)>,
}

fn entry_changes(
    output: &Output,
    identity: &Identity,
    recorded: &RecordedMedium,
    files: &[RecordedFile],
    with_own: bool,
) -> Vec<EntryChange> {
    let old_entries: Vec<_> = recorded.entries.iter().map(|entry| Entry::new(&entry.title, &entry.path)).collect();
    let is_list = |path: &str| [lists::MEDIUM, lists::BLAKE3SUMS, lists::SHA256SUMS].contains(&path);
    let old: BTreeMap<&str, &RecordedFile> =
        files.iter().filter(|file| !is_list(&file.path)).map(|file| (file.path.as_str(), file)).collect();
    let new: BTreeMap<&str, &Held> = identity.files.iter().map(|file| (file.path.as_str(), file)).collect();
    let is_own = |path: &str| matches!(output.root.get(path), Some(Node::File(Content::Bytes(_))));

    // In the order of the manifest; entries that are gone after it, and files of no entry last.
    let mut titles: Vec<Option<&str>> = output.entries.iter().map(|entry| Some(entry.title.as_str())).collect();
    titles.extend(old_entries.iter().map(|entry| Some(entry.title.as_str())));
    titles.push(None);
    let mut gathered: BTreeMap<Option<&str>, Gathered> = BTreeMap::new();
    for entry in &old_entries {
        let gathered = gathered.entry(Some(&entry.title)).or_default();
        (gathered.old, gathered.path) = (Some(Tally::default()), Some(entry.path.as_str()));
    }
    for entry in &output.entries {
        let gathered = gathered.entry(Some(&entry.title)).or_default();
        (gathered.new, gathered.path) = (Some(Tally::default()), Some(entry.path.as_str()));
    }
    for path in old.keys().chain(new.keys()).copied().collect::<BTreeSet<_>>() {
        let (old, new) = (old.get(path), new.get(path));
        let title = |entries, is_there| {
            if is_there { entry_of(entries, path).map(|entry: &Entry| &*entry.title) } else { None }
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
            // What nobody had to read to decide anything is taken to be what it was.
            (Some(old), Some(new))
                if old.len == new.len
                    && (output.is_veiled(path) || new.blake3.is_none_or(|blake3| blake3 == old.blake3)) => {}
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
        let Some(Gathered { path, old, new, files }) = gathered.remove(&title) else { continue };
        if files.is_empty() && old.is_some() == new.is_some() {
            continue;
        }
        let (title, path) = (title.map(str::to_owned), path.map(str::to_owned));
        changes.push(EntryChange { title, path, old, new, files: moved(files) });
    }
    changes
}

fn count(tally: &mut Option<Tally>, len: u64) {
    let tally = tally.get_or_insert_default();
    tally.n_files += 1;
    tally.len += len;
}

/// Files that are gone and others that came with their bytes are files that were moved. Empty ones are too much alike.
fn moved(files: Vec<(FileChange, Option<Digest>)>) -> Vec<FileChange> {
    let mut gone: HashMap<Digest, VecDeque<usize>> = HashMap::new();
    for (index, (file, blake3)) in files.iter().enumerate() {
        if let (Fate::Removed, Some(blake3)) = (file.fate(), blake3)
            && file.old > Some(0)
        {
            gone.entry(*blake3).or_default().push_back(index);
        }
    }
    let mut from = BTreeMap::new();
    for (index, (file, blake3)) in files.iter().enumerate() {
        let gone = blake3.filter(|_| file.fate() == Fate::Added).and_then(|blake3| gone.get_mut(&blake3)?.pop_front());
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
