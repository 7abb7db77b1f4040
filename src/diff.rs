//! Differences between two media, finished or planned: label and description, boot images, and files.
//!
//! [`MediumContents`] is common to manifests, records and finished media; [`diff`] compares two of them. Values that
//! one side can't know are not compared. The medium's own lists are left out, since they follow from the rest. A
//! removed file that reappears elsewhere with the same bytes counts as moved.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::AddAssign;

use serde_json::Value as Json;

use crate::date::Date;
use crate::digest::Digest;
use crate::output::{BootImage, ContentEntry, Identity, Output, TemplateValue, find_entry, lists};
use crate::plan::{BootChange, FileCount, value_changes};
use crate::record::{RecordedFile, RecordedMedium};
use crate::target::Target;

/// Contents and description of a medium.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediumContents {
    /// Identity, if tsmedia made the medium or would make it.
    pub id: Option<Digest>,
    /// Volume label.
    pub label: String,
    /// Timestamp of the medium, if known.
    pub date: Option<Date>,
    /// Format version of the tsmedia that made it. `None` for other media.
    pub format_version: Option<u32>,
    /// Further keys and values of `medium.toml`.
    pub description: BTreeMap<String, String>,
    /// Template values, if known.
    pub values: Option<Vec<TemplateValue>>,
    /// Boot images, in the order of the boot catalog.
    pub boot: Vec<BootContent>,
    /// Files by path.
    pub files: BTreeMap<String, FileContent>,
    /// Content entries, if the manifest is known.
    pub entries: Vec<ContentEntry>,
    /// Digest of the files that depend on secrets, if known. It is compared, but never shown.
    pub secrets: Option<Digest>,
}

/// Boot image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootContent {
    /// Display name of its firmware.
    pub firmware: String,
    /// Digest of its bytes, if known.
    pub bytes: Option<Digest>,
    /// Digest in the identity of an output, if known.
    pub made_of: Option<Digest>,
}

/// File.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileContent {
    /// Length in bytes.
    pub len: u64,
    /// Digest. `None` if the file depends on secrets, since a digest would help to guess them.
    pub blake3: Option<Digest>,
}

/// Differences between two media.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Label, date, format version, description and template values.
    pub values: Vec<ValueChange>,
    /// Boot images.
    pub boot: Vec<BootDiff>,
    /// Files, by content entry or folder.
    pub groups: Vec<Group>,
    /// `true` if both sides depend on secrets that can't be compared.
    pub has_unknown_secrets: bool,
}

/// Changed value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueChange {
    /// Name of the value.
    pub key: String,
    /// Value on the old medium.
    pub old: Option<String>,
    /// Value on the new medium.
    pub new: Option<String>,
}

/// Changed boot image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootDiff {
    /// Display name of its firmware.
    pub firmware: String,
    /// Change. `None` if one side does not know its bytes.
    pub change: Option<BootChange>,
    /// Digests of its bytes, as far as known.
    pub bytes: [Option<Digest>; 2],
}

/// Files of one content entry or folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Title in the manifest, if known.
    pub title: Option<String>,
    /// Folder or file on the medium; empty for the root.
    pub path: String,
    /// Number and length of its files on the old medium and on the new one.
    pub tallies: [FileCount; 2],
    /// Changed files, by path.
    pub files: Vec<FileDiff>,
}

/// Changed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDiff {
    /// Path; the new one if it was moved.
    pub path: String,
    /// Change of the file.
    pub change: FileDifference,
}

/// Change of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileDifference {
    /// Only on the new medium.
    Added(FileContent),
    /// Only on the old medium.
    Removed(FileContent),
    /// Different bytes.
    Changed(FileContent, FileContent),
    /// Same bytes at another path.
    Moved {
        /// Old path.
        from: String,
        /// Length and digest.
        file: FileContent,
    },
}

impl MediumContents {
    /// Contents of a planned output, from its identity and the digests of its boot images. All digests must be known.
    pub fn from_output(target: &Target, output: &Output, identity: &Identity, boot: &[Digest]) -> Self {
        let made_of = identity.boot.iter().map(|image| (image.firmware.to_string(), image.blake3));
        let boot = made_of.zip(boot).map(|((firmware, made_of), bytes)| BootContent {
            firmware,
            bytes: Some(*bytes),
            made_of: Some(made_of),
        });
        let files = identity.files.iter().filter_map(|held| {
            let blake3 = if output.depends_on_secrets(&held.path) { None } else { Some(held.blake3?) };
            Some((held.path.clone(), FileContent { len: held.len, blake3 }))
        });
        Self {
            id: identity.id,
            label: output.label.clone(),
            date: Some(output.date),
            format_version: Some(crate::output::FORMAT_VERSION),
            description: output.description.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
            values: Some(target.values.clone()),
            boot: boot.collect(),
            files: files.collect(),
            entries: output.entries.clone(),
            secrets: output.secrets(),
        }
    }

    /// Contents of a recorded output.
    pub fn from_record(recorded: &RecordedMedium, files: &[RecordedFile]) -> Self {
        let boot = recorded.boot.iter().map(|image| BootContent {
            firmware: image.firmware.to_string(),
            bytes: None,
            made_of: Some(image.blake3),
        });
        let entries = recorded.entries.iter();
        let depends_on_secrets = |path: &String| recorded.secrets.iter().any(|secrets| secrets.files.contains(path));
        let file = |file: &RecordedFile| {
            let blake3 = (!depends_on_secrets(&file.path)).then_some(file.blake3);
            (file.path.clone(), FileContent { len: file.len, blake3 })
        };
        Self {
            id: Some(recorded.id),
            label: recorded.label.clone(),
            date: Date::from_unix(recorded.date),
            format_version: Some(recorded.format_version),
            description: recorded.description.clone(),
            values: recorded.values.clone(),
            boot: boot.collect(),
            files: files.iter().map(file).collect(),
            entries: entries.map(|entry| ContentEntry::new(&entry.title, &entry.path)).collect(),
            secrets: None,
        }
    }
}

impl MediumContents {
    /// Combined contents of the discs of a set. The description is that of the first disc, without its number; of a
    /// file on each disc (its label), that of the first one counts.
    pub fn from_discs(discs: Vec<Self>) -> Self {
        let n_discs = discs.len();
        let mut discs = discs.into_iter();
        let mut whole = discs.next().unwrap_or_default();
        for disc in discs {
            whole.boot.extend(disc.boot);
            for (path, file) in disc.files {
                whole.files.entry(path).or_insert(file);
            }
            let new =
                disc.entries.into_iter().filter(|entry| whole.entries.iter().all(|other| other.path != entry.path));
            let new: Vec<_> = new.collect();
            whole.entries.extend(new);
        }
        if n_discs > 1 {
            whole.id = None;
            whole.description.remove("disc");
            whole.description.insert("discs".into(), n_discs.to_string());
        }
        whole
    }
}

impl BootContent {
    /// Creates a boot image that is a file of the medium.
    pub fn from_file(firmware: String, file: FileContent) -> Self {
        let made_of = file.blake3.map(|blake3| BootImage::digest_of_file(file.len, blake3));
        Self { firmware, bytes: file.blake3, made_of }
    }

    /// Compares two boot images. `None` if there is no kind of digest that both have.
    fn is_same(&self, other: &Self) -> Option<bool> {
        match (self.bytes.zip(other.bytes), self.made_of.zip(other.made_of)) {
            (Some((old, new)), _) | (None, Some((old, new))) => Some(old == new),
            (None, None) => None,
        }
    }
}

impl Diff {
    /// Returns `true` if there is no known difference.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.boot.iter().all(|boot| boot.change.is_none()) && self.groups.is_empty()
    }

    /// Number of added, removed, changed and moved files.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        self.groups.iter().for_each(|group| counts += group.counts());
        counts
    }
}

/// Number of files by kind of change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Only on the new medium.
    pub added: usize,
    /// Only on the old medium.
    pub removed: usize,
    /// With different bytes.
    pub changed: usize,
    /// With another path.
    pub moved: usize,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.added += other.added;
        self.removed += other.removed;
        self.changed += other.changed;
        self.moved += other.moved;
    }
}

impl Group {
    /// Number of added, removed, changed and moved files.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for file in &self.files {
            match file.change {
                FileDifference::Added(_) => counts.added += 1,
                FileDifference::Removed(_) => counts.removed += 1,
                FileDifference::Changed(..) => counts.changed += 1,
                FileDifference::Moved { .. } => counts.moved += 1,
            }
        }
        counts
    }
}

/// Lists the differences of `new` from `old`.
pub fn diff(old: &MediumContents, new: &MediumContents) -> Diff {
    // Equal identities imply equal boot images, even if there is no digest to compare.
    let is_one = old.id.is_some() && old.id == new.id;
    let boot = if is_one { Vec::new() } else { boot(&old.boot, &new.boot) };
    let has_secrets = |contents: &MediumContents| contents.files.values().any(|file| file.blake3.is_none());
    let has_unknown_secrets = has_secrets(old) && has_secrets(new) && old.secrets.zip(new.secrets).is_none();
    Diff { values: values(old, new), boot, groups: groups(old, new), has_unknown_secrets }
}

fn values(old: &MediumContents, new: &MediumContents) -> Vec<ValueChange> {
    let mut changes = Vec::new();
    let mut compare = |key: &str, old: Option<String>, new: Option<String>| {
        if old != new {
            changes.push(ValueChange { key: key.to_owned(), old, new });
        }
    };
    compare("label", Some(old.label.clone()), Some(new.label.clone()));
    if let Some((old, new)) = old.date.zip(new.date) {
        compare("date", Some(old.to_string()), Some(new.to_string()));
    }
    if let Some((old, new)) = old.format_version.zip(new.format_version) {
        compare("format version", Some(old.to_string()), Some(new.to_string()));
    }
    for key in old.description.keys().chain(new.description.keys()).collect::<BTreeSet<_>>() {
        compare(key, old.description.get(key).cloned(), new.description.get(key).cloned());
    }
    // The values of secrets are never shown.
    let is_other = old.secrets.zip(new.secrets).is_some_and(|(old, new)| old != new);
    changes.extend(is_other.then(|| ValueChange { key: "secrets".into(), old: None, new: None }));
    template_values(old, new, &mut changes);
    changes
}

fn template_values(old: &MediumContents, new: &MediumContents, changes: &mut Vec<ValueChange>) {
    if let (Some(old), Some(new)) = (&old.values, &new.values) {
        // Show a string without quotes, and anything else as JSON.
        let text = |value: Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        for (name, old, new) in value_changes(old, new) {
            let key = format!("template value `{name}`");
            changes.push(ValueChange { key, old: old.map(text), new: new.map(text) });
        }
    }
}

/// Compares boot images of each firmware in the order of the boot catalog.
fn boot(old: &[BootContent], new: &[BootContent]) -> Vec<BootDiff> {
    let mut changes = Vec::new();
    for firmware in old.iter().chain(new).map(|boot| boot.firmware.as_str()).collect::<BTreeSet<_>>() {
        let of =
            |boot: &'_ [BootContent]| boot.iter().filter(|boot| boot.firmware == firmware).cloned().collect::<Vec<_>>();
        let (old, new) = (of(old), of(new));
        for n in 0..old.len().max(new.len()) {
            let (old, new) = (old.get(n), new.get(n));
            let change = match (old, new) {
                (Some(old), Some(new)) => match old.is_same(new) {
                    Some(true) => continue,
                    Some(false) => Some(BootChange::Changed),
                    None => None,
                },
                (None, _) => Some(BootChange::Added),
                (_, None) => Some(BootChange::Removed),
            };
            let bytes = [old, new].map(|boot| boot.and_then(|boot| boot.bytes));
            changes.push(BootDiff { firmware: firmware.to_owned(), change, bytes });
        }
    }
    changes
}

/// Groups files by content entry, in the order of the manifest, and other files by folder.
fn groups(old: &MediumContents, new: &MediumContents) -> Vec<Group> {
    let is_new = |entry: &&ContentEntry| new.entries.iter().all(|other| other.path != entry.path);
    let entries: Vec<_> = new.entries.iter().chain(old.entries.iter().filter(is_new)).cloned().collect();
    let key = |path: &str| match find_entry(&entries, path) {
        Some(entry) => (entries.iter().position(|other| std::ptr::eq(other, entry)), entry.path.clone()),
        None => (None, content_folder(path).to_owned()),
    };
    let mut groups: BTreeMap<(Option<usize>, String), Group> = BTreeMap::new();
    for file in file_changes(&old.files, &new.files) {
        let group = groups.entry(key(&file.path)).or_insert_with_key(|(entry, path)| Group {
            title: entry.map(|index| entries[index].title.clone()),
            path: path.clone(),
            tallies: Default::default(),
            files: Vec::new(),
        });
        group.files.push(file);
    }
    for (side, files) in [&old.files, &new.files].into_iter().enumerate() {
        for (path, file) in files.iter().filter(|(path, _)| !is_own(path)) {
            if let Some(group) = groups.get_mut(&key(path)) {
                group.tallies[side].n_files += 1;
                group.tallies[side].len += file.len;
            }
        }
    }
    let (of_none, of_entries): (Vec<_>, Vec<_>) = groups.into_iter().partition(|((entry, _), _)| entry.is_none());
    of_entries.into_iter().chain(of_none).map(|(_, group)| group).collect()
}

/// Lists changed files by path.
fn file_changes(old: &BTreeMap<String, FileContent>, new: &BTreeMap<String, FileContent>) -> Vec<FileDiff> {
    let mut changes = BTreeMap::new();
    let mut gone: HashMap<FileContent, Vec<&str>> = HashMap::new();
    for (path, file) in old.iter().filter(|(path, _)| !is_own(path)) {
        match new.get(path) {
            None => gone.entry(*file).or_default().push(path),
            Some(other) if other != file => drop(changes.insert(path.clone(), FileDifference::Changed(*file, *other))),
            Some(_) => {}
        }
    }
    for (path, file) in new.iter().filter(|(path, _)| !is_own(path) && !old.contains_key(*path)) {
        // Files that are empty or depend on secrets are never matched as moved.
        let from = gone.get_mut(file).filter(|_| file.len > 0 && file.blake3.is_some()).and_then(|from| {
            let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_lowercase();
            let same_name = from.iter().position(|from| name(from) == name(path));
            (!from.is_empty()).then(|| from.remove(same_name.unwrap_or(0)).to_owned())
        });
        let change = match from {
            Some(from) => FileDifference::Moved { from, file: *file },
            None => FileDifference::Added(*file),
        };
        changes.insert(path.clone(), change);
    }
    for (file, paths) in gone {
        changes.extend(paths.into_iter().map(|path| (path.to_owned(), FileDifference::Removed(file))));
    }
    changes.into_iter().map(|(path, change)| FileDiff { path, change }).collect()
}

fn is_own(path: &str) -> bool {
    [lists::MEDIUM, lists::BLAKE3SUMS, lists::SHA256SUMS].contains(&path)
}

/// Folder that a file belongs to: that of its package, or else the top-level folder. Empty for a file in the root.
pub fn content_folder(path: &str) -> &str {
    let end_of = |n: usize| path.match_indices('/').nth(n).map(|(at, _)| at);
    let is_package = path.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("SMS/PKG/"));
    match (end_of(2).filter(|_| is_package), end_of(0)) {
        (Some(end), _) | (None, Some(end)) => &path[..end],
        (None, None) => "",
    }
}

#[cfg(test)]
mod tests;
