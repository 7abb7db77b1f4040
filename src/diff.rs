//! What two media differ in, whether they are finished or not: label and description, what firmware starts, files.
//!
//! [`MediumContents`] is what a manifest, a record and a finished medium have in common; [`diff`] compares two of them.
//! What one side can't know is not compared. The lists that a medium carries of itself are left out: they follow
//! from the rest. A file that is gone and is found elsewhere with the same bytes has moved.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::AddAssign;

use serde_json::Value as Json;

use crate::date::Date;
use crate::digest::Digest;
use crate::output::{BootImage, ContentEntry, Identity, Output, TemplateValue, find_entry, lists};
use crate::plan::{BootChange, FileCount, value_changes};
use crate::record::{RecordedFile, RecordedMedium};
use crate::target::Target;

/// What a medium holds and says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediumContents {
    /// The digest of everything that decided its bytes, if tsmedia made it or would.
    pub id: Option<Digest>,
    /// The volume label.
    pub label: String,
    /// Every time on it, if that is known.
    pub date: Option<Date>,
    /// The version of tsmedia's formats that made it; none if something else did.
    pub format_version: Option<u32>,
    /// What it says of itself.
    pub description: BTreeMap<String, String>,
    /// The template values that it was made with, if they are known.
    pub values: Option<Vec<TemplateValue>>,
    /// What firmware starts, in the order of the boot catalog.
    pub boot: Vec<BootContent>,
    /// The files by path.
    pub files: BTreeMap<String, FileContent>,
    /// The content entries of the manifest, if it is known.
    pub entries: Vec<ContentEntry>,
    /// The digest of the files that depend on secrets, where it is known. It is compared, and told to nobody.
    pub secrets: Option<Digest>,
}

/// A boot image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootContent {
    /// The firmware that it is for, as people write it.
    pub firmware: String,
    /// The digest of its bytes, if they are known.
    pub bytes: Option<Digest>,
    /// The digest that an output's identity has of it, if that is known.
    pub made_of: Option<Digest>,
}

/// A file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileContent {
    /// Its length in bytes.
    pub len: u64,
    /// Its digest; `None` if its bytes depend on secrets, since guesses could be tested with it.
    pub blake3: Option<Digest>,
}

/// Everything in which one medium differs from another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// The label, the date, the version of the format, lines of the description, and template values.
    pub values: Vec<ValueChange>,
    /// The boot images.
    pub boot: Vec<BootDiff>,
    /// The files, by content entry or folder.
    pub groups: Vec<Group>,
    /// Whether both sides depend on secrets, and it is not known whether those are the same.
    pub has_unknown_secrets: bool,
}

/// A value that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueChange {
    /// What it is called.
    pub key: String,
    /// What it is on the old medium.
    pub old: Option<String>,
    /// What it is on the new one.
    pub new: Option<String>,
}

/// A boot image that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootDiff {
    /// The firmware that it is for.
    pub firmware: String,
    /// What became of it; none if one side does not know its bytes.
    pub change: Option<BootChange>,
    /// The digests of its bytes, as far as they are known.
    pub bytes: [Option<Digest>; 2],
}

/// Files that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What the manifest calls it, if it is known.
    pub title: Option<String>,
    /// The folder or file on the medium; empty for the root.
    pub path: String,
    /// What it is: files and bytes on the old medium and on the new one.
    pub tallies: [FileCount; 2],
    /// What became of its files, by path.
    pub files: Vec<FileDiff>,
}

/// A file that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDiff {
    /// Its path; if it was moved, the new one.
    pub path: String,
    /// What became of it.
    pub change: FileDifference,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileDifference {
    /// It is on the new medium only.
    Added(FileContent),
    /// It is on the old medium only.
    Removed(FileContent),
    /// It has other bytes.
    Changed(FileContent, FileContent),
    /// It has the same bytes and another path.
    Moved {
        /// The old path.
        from: String,
        /// What it is.
        file: FileContent,
    },
}

impl MediumContents {
    /// What an output will hold: its identity, and the digests of its boot images' bytes. Every digest is known.
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

    /// What a recorded output held.
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
    /// What the discs of a set hold together. What each of them says of itself is that of the first, but for its
    /// number; of a file that each has (its label) the first disc's counts.
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
    /// A boot image that is a file of the medium.
    pub fn of_file(firmware: String, file: FileContent) -> Self {
        let made_of = file.blake3.map(|blake3| BootImage::digest_of_file(file.len, blake3));
        Self { firmware, bytes: file.blake3, made_of }
    }

    /// Whether it is the same as another; nothing if neither digest is known of both.
    fn is_same(&self, other: &Self) -> Option<bool> {
        match (self.bytes.zip(other.bytes), self.made_of.zip(other.made_of)) {
            (Some((old, new)), _) | (None, Some((old, new))) => Some(old == new),
            (None, None) => None,
        }
    }
}

impl Diff {
    /// Whether nothing differs, as far as both sides know.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.boot.iter().all(|boot| boot.change.is_none()) && self.groups.is_empty()
    }

    /// How many files were added, removed, changed and moved.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        self.groups.iter().for_each(|group| counts += group.counts());
        counts
    }
}

/// How many files were treated how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// On the new medium only.
    pub added: usize,
    /// On the old medium only.
    pub removed: usize,
    /// With other bytes.
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
    /// How many of its files were added, removed, changed and moved.
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

/// Everything in which `new` differs from `old`.
pub fn diff(old: &MediumContents, new: &MediumContents) -> Diff {
    // Of one identity are the same boot images, even where neither side has a digest that the other has too.
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
    // Nobody is told what they are or were.
    let is_other = old.secrets.zip(new.secrets).is_some_and(|(old, new)| old != new);
    changes.extend(is_other.then(|| ValueChange { key: "secrets".into(), old: None, new: None }));
    template_values(old, new, &mut changes);
    changes
}

fn template_values(old: &MediumContents, new: &MediumContents, changes: &mut Vec<ValueChange>) {
    if let (Some(old), Some(new)) = (&old.values, &new.values) {
        // A text as it is, everything else as JSON has it.
        let text = |value: Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        for (name, old, new) in value_changes(old, new) {
            let key = format!("template value `{name}`");
            changes.push(ValueChange { key, old: old.map(text), new: new.map(text) });
        }
    }
}

/// Boot images of one firmware are compared in the order of the boot catalog.
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

/// Files by content entry, in the order of the manifest; then those of no entry, by folder.
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

/// What became of the files, by path.
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
        // Files without bytes are all the same, which says nothing; of secret ones it is not known.
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

/// The folder of a medium that a file belongs to: that of its package, or else the one in the root. Empty for a file
/// in the root itself.
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
