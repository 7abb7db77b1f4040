//! Record of what was built from which inputs: `media.record.json` beside the manifest.
//!
//! It is sorted, has no times and no paths of this machine, and lists each file of a medium on its own line. It may be
//! committed, so that another clone can plan from it. It is written only if a fact changed, and fingerprints of secrets
//! that another machine made count as unchanged. Loading reads the summaries; file lists are parsed on demand.
//!
//! While many targets are made, a [log](writer) beside the file holds those that the file does not have yet.
//!
//! For merges, it has no fact that follows from others, such as digests of the lists that a medium carries of itself.

mod recorded;
mod union_merge;
mod writer;

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::limits;
use crate::merge_conflict;
use crate::output::{Output, Sealed};
use crate::target::Target;
use crate::write::{DiskOps, remove_log, replace};

pub use recorded::{
    Recorded, RecordedBoot, RecordedCapture, RecordedEntry, RecordedFile, RecordedMedium, RecordedSource,
};
pub use writer::RecordWriter;

/// Newest version of the file that is read, and the one that is written.
const RECORD_VERSION: u32 = 4;
/// Oldest version that is read.
const OLDEST_VERSION: u32 = 1;

/// Record of one manifest.
#[derive(Clone, Debug, Default)]
pub struct Record {
    text: String,
    targets: BTreeMap<String, Recorded>,
    /// Files of media, parsed from the text.
    parsed: OnceCell<BTreeMap<String, Vec<RecordedFile>>>,
    /// Files of media recorded since loading.
    files: BTreeMap<String, Vec<RecordedFile>>,
    /// Digest and length of the file on disk. `None` if there is none, or if it has to be replaced.
    on_disk: Cell<Option<(Digest, u64)>>,
    /// `true` if some of it was in the log beside the file.
    has_log: bool,
    /// `true` if a fact changed since loading. A record of an earlier version has another text with the same facts.
    is_changed: bool,
}

/// Reason why a record can't be used.
struct RecordFault {
    error: Error,
    /// Part of the record that can be used. `None` if overwriting the file would lose something.
    usable: Option<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RecordVersion {
    record_version: u32,
}

#[derive(Deserialize)]
struct Outputs<T> {
    outputs: Vec<T>,
    /// Captures, absent from most records, since a manifest that captures makes nothing else.
    #[serde(default)]
    captures: Vec<RecordedCapture>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Summary {
    summary: RecordedMedium,
    #[serde(rename = "files")]
    _files: IgnoredAny,
}

#[derive(Deserialize)]
struct RecordDetails {
    summary: RecordName,
    files: Vec<RecordedFile>,
}

#[derive(Deserialize)]
struct RecordName {
    name: String,
}

impl Record {
    /// Path of a manifest's record: `media.record.json` for `media.toml`.
    pub fn path_beside(manifest: &Utf8Path) -> Utf8PathBuf {
        manifest.with_extension("record.json")
    }

    /// Reads a record. A missing one counts as empty.
    pub fn load(path: &Utf8Path) -> Result<Self> {
        Self::read(path).map_err(|fault| fault.error)
    }

    /// Reads a record. A damaged one counts as empty, and of one with merge conflicts, the first sides are used. The
    /// error is returned too.
    ///
    /// # Errors
    ///
    /// If it can't be read, or has a newer version, so that overwriting it would lose data.
    pub fn load_or_empty(path: &Utf8Path) -> Result<(Self, Option<Error>)> {
        match Self::read(path).map_err(|fault| *fault) {
            Ok(record) => Ok((record, None)),
            Err(RecordFault { error, usable: Some(record) }) => Ok((record, Some(error))),
            Err(RecordFault { error, usable: None }) => Err(error),
        }
    }

    fn read(path: &Utf8Path) -> std::result::Result<Self, Box<RecordFault>> {
        let text = match limits::read_text(path, limits::MAX_RECORD_LEN) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                let is_damaged = error.kind() == io::ErrorKind::InvalidData;
                let usable = is_damaged.then(Self::default);
                return Err(Box::new(RecordFault { error: Error::io("reading", path, error), usable }));
            }
            Ok(text) => text,
        };
        let mut record = Self::parse(text, path)?;
        if let Some((state, _)) = record.on_disk.get() {
            record.add_logged(path, &state);
        }
        Ok(record)
    }

    fn parse(text: String, path: &Utf8Path) -> std::result::Result<Self, Box<RecordFault>> {
        let fault = |error| Box::new(RecordFault { error, usable: Some(Self::default()) });
        if let Some(line) = merge_conflict::first_line(&text) {
            let error = Error::new(format!("`{path}` has an unresolved merge conflict in line {line}"))
                .help(format!("run `tsmedia apply`, or take either side with `git checkout --theirs {path}`"));
            let usable = Self::parse(merge_conflict::first_sides(&text), path).unwrap_or_default();
            usable.on_disk.set(None);
            return Err(Box::new(RecordFault { error, usable: Some(usable) }));
        }
        let damaged = |error: serde_json::Error| {
            let error = Error::new(format!("`{path}` is not a record that tsmedia wrote")).because(error);
            fault(error.help("restore it from Git, or remove it to have every medium examined again"))
        };
        let outputs = match serde_json::from_str::<Outputs<Summary>>(&text) {
            Ok(outputs) => outputs,
            // A newer version need not parse; report the version first.
            Err(error) => match serde_json::from_str::<RecordVersion>(&text) {
                Ok(version) if version.record_version > RECORD_VERSION => {
                    Outputs { outputs: Vec::new(), captures: Vec::new() }
                }
                _ => return Err(Self::parse_union(&text, path).unwrap_or_else(|| damaged(error))),
            },
        };
        // The version is at the start, so this is cheap.
        let head = text.get(..text.len().min(80)).unwrap_or(&text);
        let version = head.split_once("\"record-version\": ").and_then(|(_, rest)| rest.split_once(','));
        match version.map(|(number, _)| number.parse::<u32>()) {
            Some(Ok(OLDEST_VERSION..=RECORD_VERSION)) => {}
            Some(Ok(newer)) if newer > RECORD_VERSION => {
                let error = Error::new(format!(
                    "`{path}` is a record of version {newer}, but this tsmedia reads versions up to {RECORD_VERSION}"
                ));
                let error = error.help("use the tsmedia version that wrote it, or a newer one");
                return Err(Box::new(RecordFault { error, usable: None }));
            }
            _ => {
                let error = Error::new(format!("`{path}` has no record version"));
                return Err(fault(error.help("restore it from Git, or remove it")));
            }
        }
        let Outputs { outputs, captures } = outputs;
        let media = outputs.into_iter().map(|output| Recorded::Medium(output.summary.sorted()));
        let recorded = media.chain(captures.into_iter().map(Recorded::Capture));
        let targets = recorded.map(|recorded| (recorded.name().to_owned(), recorded)).collect();
        let on_disk = Cell::new(Some((Digest::hash(text.as_bytes()), text.len() as u64)));
        Ok(Self { text, targets, on_disk, ..Self::default() })
    }

    /// Reads a record that Git merged with `merge=union`. `None` if it is damaged in another way.
    fn parse_union(text: &str, path: &Utf8Path) -> Option<Box<RecordFault>> {
        let first_sides = union_merge::first_sides(text);
        if serde_json::from_str::<Outputs<Summary>>(&first_sides).is_err() {
            return None;
        }
        let usable = Self::parse(first_sides, path).ok()?;
        usable.on_disk.set(None);
        let error = Error::new(format!("`{path}` has the lines of both sides of a merge"))
            .help("run `tsmedia apply`, which builds and records what the merged manifest asks for");
        Some(Box::new(RecordFault { error, usable: Some(usable) }))
    }

    /// Targets by name.
    pub fn targets(&self) -> impl ExactSizeIterator<Item = &Recorded> {
        self.targets.values()
    }

    /// Media by name.
    pub fn media(&self) -> impl Iterator<Item = &RecordedMedium> {
        self.targets().filter_map(Recorded::medium)
    }

    /// Finds a target.
    pub fn get(&self, name: &str) -> Option<&Recorded> {
        self.targets.get(name)
    }

    /// Finds a medium.
    pub fn medium(&self, name: &str) -> Option<&RecordedMedium> {
        self.get(name)?.medium()
    }

    /// Finds a captured WIM file.
    pub fn capture(&self, name: &str) -> Option<&RecordedCapture> {
        self.get(name)?.capture()
    }

    /// Files of a medium, in the order of its own lists; empty if it is not recorded.
    pub fn files(&self, name: &str) -> Result<&[RecordedFile]> {
        if self.medium(name).is_none() {
            return Ok(&[]);
        }
        if let Some(files) = self.files.get(name) {
            return Ok(files);
        }
        if self.parsed.get().is_none() {
            let details: Outputs<RecordDetails> = serde_json::from_str(&self.text).map_err(|error| {
                Error::new("the record is damaged").because(error).help("restore it from Git, or remove it")
            })?;
            let files = details.outputs.into_iter().map(|RecordDetails { summary, mut files }| {
                // Records up to version 3 have the lists.
                files.retain(|file| !recorded::is_list(&file.path));
                (summary.name, files)
            });
            let _ = self.parsed.set(files.collect());
        }
        Ok(self.parsed.get().and_then(|parsed| parsed.get(name)).map_or(&[], Vec::as_slice))
    }

    /// Returns `true` if the file on disk has to be replaced even if nothing changes.
    pub fn is_damaged(&self) -> bool {
        self.on_disk.get().is_none() && !self.text.is_empty()
    }

    /// Records a medium, replacing an earlier record of that name unless they differ only in the key of fingerprints.
    pub fn put_medium(&mut self, target: &Target, output: &Output, sealed: &Sealed) -> Result<()> {
        let (recorded, files) = RecordedMedium::new(target, output, sealed);
        if let Some(earlier) = self.medium(&target.name) {
            let earlier_files = self.files(&target.name)?;
            let is_same = (&recorded, files.as_slice()) == (earlier, earlier_files);
            let differs_in_key = || {
                recorded.has_other_key(earlier)
                    && recorded.without_fingerprints(&files) == earlier.without_fingerprints(earlier_files)
            };
            if is_same || differs_in_key() {
                return Ok(());
            }
        }
        self.is_changed = true;
        self.files.insert(target.name.clone(), files);
        self.targets.insert(target.name.clone(), Recorded::Medium(recorded));
        Ok(())
    }

    /// Records a captured WIM file, replacing an earlier record of that name.
    pub fn put_capture(&mut self, recorded: RecordedCapture) {
        self.files.remove(&recorded.name);
        let name = recorded.name.clone();
        let recorded = Recorded::Capture(recorded);
        self.is_changed |= self.targets.get(&name) != Some(&recorded);
        self.targets.insert(name, recorded);
    }

    /// Updates the template values of a target whose bytes are unchanged. Returns `true` if they differed.
    pub fn renew_values(&mut self, target: &Target) -> bool {
        let is_renewed =
            self.targets.get_mut(&target.name).is_some_and(|recorded| recorded.renew_values(&target.values));
        self.is_changed |= is_renewed;
        is_renewed
    }

    /// Gives a recorded medium another name. Does nothing if there is none of the old name.
    pub fn rename(&mut self, old: &str, new: &str) -> Result<()> {
        let files = self.files(old)?.to_vec();
        if let Some(Recorded::Medium(medium)) = self.targets.remove(old) {
            self.targets.insert(new.to_owned(), Recorded::Medium(RecordedMedium { name: new.to_owned(), ..medium }));
            self.files.remove(old);
            self.files.insert(new.to_owned(), files);
            self.is_changed = true;
        }
        Ok(())
    }

    /// Forgets a target.
    pub fn remove(&mut self, name: &str) {
        self.is_changed |= self.targets.remove(name).is_some();
        self.files.remove(name);
    }

    /// Writes the record atomically, unless the file has the same facts, and removes its log.
    pub fn save(&self, path: &Utf8Path, disk: &DiskOps) -> Result<()> {
        if self.is_changed || self.has_log || self.on_disk.get().is_none() {
            let text = self.to_json()?;
            let state = (Digest::hash(text.as_bytes()), text.len() as u64);
            if self.on_disk.get() != Some(state) {
                replace(disk, path, text.as_bytes())?;
                self.on_disk.set(Some(state));
            }
        }
        remove_log(disk, path)
    }

    fn to_json(&self) -> Result<String> {
        let failed = |error: serde_json::Error| Error::new("writing the record").because(error);
        let mut text = format!("{{\n\"record-version\": {RECORD_VERSION},\n\"outputs\": [");
        for (index, medium) in self.media().enumerate() {
            text += if index == 0 { "\n{\n\"summary\": " } else { ",\n{\n\"summary\": " };
            text += &serde_json::to_string_pretty(medium).map_err(failed)?;
            text += ",\n\"files\": [";
            let mut last_folder = None;
            for file in self.files(&medium.name)? {
                // Changes of neighbouring lines conflict, so folders are apart.
                let folder = Utf8Path::new(&file.path).parent();
                text += match last_folder.replace(folder) {
                    None => "\n",
                    Some(last) if last == folder => ",\n",
                    Some(_) => ",\n\n",
                };
                text += &serde_json::to_string(file).map_err(failed)?;
            }
            text += "\n]\n}";
        }
        text += "\n]";
        let mut captures = self.targets().filter_map(Recorded::capture).peekable();
        if captures.peek().is_none() {
            return Ok(text + "\n}\n");
        }
        for (index, capture) in captures.enumerate() {
            text += if index == 0 { ",\n\"captures\": [\n" } else { ",\n" };
            text += &serde_json::to_string_pretty(capture).map_err(failed)?;
        }
        Ok(text + "\n]\n}\n")
    }
}

#[cfg(test)]
mod tests;
