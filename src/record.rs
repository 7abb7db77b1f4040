//! What was built, from what: `media.record.json` beside the manifest.
//!
//! Sorted, without times and without paths of this machine, one file of the medium on a line: it may be committed,
//! and a second clone plans from it. Loading it reads the summaries; the files are parsed when somebody asks.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::firmware::Firmware;
use crate::limits;
use crate::media::order::{Order, Ordered};
use crate::merge_conflict;
use crate::output::{Entry, FORMAT_VERSION, KeptSecrets, Output, Sealed, TemplateValue, entry_of};
use crate::write::{Disk, replace};

/// The version of the file that is written here, and the newest that is read.
const RECORD_VERSION: u32 = 2;
/// The oldest that is read.
const OLDEST_VERSION: u32 = 1;

/// What was built from one manifest.
#[derive(Debug, Default)]
pub struct Record {
    text: String,
    outputs: BTreeMap<String, Recorded>,
    /// The files of those outputs that are as the text has them.
    parsed: OnceCell<BTreeMap<String, Vec<RecordedFile>>>,
    /// The files of outputs recorded since.
    files: BTreeMap<String, Vec<RecordedFile>>,
    captures: BTreeMap<String, RecordedCapture>,
}

/// A captured WIM file as it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RecordedCapture {
    /// Its path as its author sees it.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
    /// The digest of everything that decided its bytes, as far as it was looked at.
    pub id: Digest,
    /// The GUID of the WIM file, which follows from all that it holds.
    pub guid: String,
    /// The version of tsmedia's formats that made it.
    pub format_version: u32,
    /// When its images are said to be made, in seconds since 1970.
    pub date: u64,
    /// What else its author wrote.
    pub description: BTreeMap<String, String>,
    /// What it was made of, in this order.
    pub sources: Vec<RecordedSource>,
    /// The template values that it was made with.
    pub values: Vec<TemplateValue>,
}

/// A source of a captured WIM file as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RecordedSource {
    /// What plans call it.
    pub title: String,
    /// How many files it was.
    pub n_files: u64,
    /// How many bytes they had.
    pub len: u64,
    /// The digest of their names, sizes and times.
    pub listing: Digest,
}

/// One output as it was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Recorded {
    /// Its path as its author sees it.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
    /// The medium's identity: the digest of everything in the open that decided its bytes.
    pub id: Digest,
    /// The version of tsmedia's formats that made it.
    pub format_version: u32,
    /// The volume label.
    pub label: String,
    /// Every time on the medium, in seconds since 1970.
    pub date: u64,
    /// What it says of itself.
    pub description: BTreeMap<String, String>,
    /// The boot images: for which firmware, and their digest.
    pub boot: Vec<RecordedBoot>,
    /// The content entries of the manifest.
    pub entries: Vec<RecordedEntry>,
    /// The template values that it was made with; nothing of an output that was built when records had none
    /// (version 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<TemplateValue>>,
    /// What is kept of its secrets, if it depends on any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<KeptSecrets>,
}

/// A boot image as it was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RecordedBoot {
    /// The firmware that it is for.
    pub firmware: Firmware,
    /// Its digest.
    pub blake3: Digest,
}

/// A content entry as it was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RecordedEntry {
    /// What the manifest calls it.
    pub title: String,
    /// The folder or file on the medium.
    pub path: String,
    /// How many files it is.
    pub n_files: u64,
    /// How many bytes they have.
    pub len: u64,
    /// The digest of their paths, lengths and digests.
    pub blake3: Digest,
}

/// A file of the medium as it was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RecordedFile {
    /// Its path from the root of the medium.
    pub path: String,
    /// Its length in bytes.
    pub len: u64,
    /// Its digest; under the veil for those that [depend on secrets](Recorded::secrets).
    pub blake3: Digest,
    /// Where it starts in the output.
    pub offset: u64,
}

/// Why a record can't be used.
struct Fault {
    error: Error,
    /// Set if nothing is lost by writing another one in its place.
    is_damaged: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Version {
    record_version: u32,
}

#[derive(Deserialize)]
struct Outputs<T> {
    outputs: Vec<T>,
    /// A manifest that captures makes nothing else, and most records have none.
    #[serde(default)]
    captures: Vec<RecordedCapture>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Summary {
    summary: Recorded,
    #[serde(rename = "files")]
    _files: IgnoredAny,
}

#[derive(Deserialize)]
struct Details {
    summary: Name,
    files: Vec<RecordedFile>,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

impl Record {
    /// Where the record of a manifest is: `media.record.json` for `media.toml`.
    pub fn path_beside(manifest: &Utf8Path) -> Utf8PathBuf {
        manifest.with_extension("record.json")
    }

    /// Reads a record; one that is not there is empty.
    pub fn load(path: &Utf8Path) -> Result<Self> {
        Self::read(path).map_err(|Fault { error, .. }| error)
    }

    /// Reads a record; one that is damaged counts as empty, and what is wrong with it is returned as well.
    ///
    /// # Errors
    ///
    /// When it can't be read at all, or is that of a newer version: to write it would lose what it says.
    pub fn load_or_empty(path: &Utf8Path) -> Result<(Self, Option<Error>)> {
        match Self::read(path) {
            Ok(record) => Ok((record, None)),
            Err(Fault { error, is_damaged: true }) => Ok((Self::default(), Some(error))),
            Err(Fault { error, is_damaged: false }) => Err(error),
        }
    }

    fn read(path: &Utf8Path) -> std::result::Result<Self, Fault> {
        let text = match limits::read_text(path, limits::MAX_RECORD_LEN) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                let is_damaged = error.kind() == io::ErrorKind::InvalidData;
                return Err(Fault { error: Error::io("reading", path, error), is_damaged });
            }
            Ok(text) => text,
        };
        Self::parse(text, path)
    }

    fn parse(text: String, path: &Utf8Path) -> std::result::Result<Self, Fault> {
        let fault = |error| Fault { error, is_damaged: true };
        let conflicts = merge_conflict::find(&text);
        if let Some(first) = conflicts.first() {
            let line = text[..first.start].matches('\n').count() + 1;
            let error = Error::new(format!("`{path}` has an unresolved merge conflict in line {line}"));
            return Err(fault(
                error.help(format!("take either side, such as by `git checkout --theirs {path}`, or remove the file")),
            ));
        }
        let damaged = |error: serde_json::Error| {
            let error = Error::new(format!("`{path}` is not a record that tsmedia wrote")).because(error);
            fault(error.help("restore it from Git, or remove it: then every medium is looked at anew"))
        };
        let outputs = match serde_json::from_str::<Outputs<Summary>>(&text) {
            Ok(outputs) => outputs,
            // What a newer version writes need not parse; the version is told first.
            Err(error) => match serde_json::from_str::<Version>(&text) {
                Ok(version) if version.record_version > RECORD_VERSION => {
                    Outputs { outputs: Vec::new(), captures: Vec::new() }
                }
                _ => return Err(damaged(error)),
            },
        };
        // The version stands first: reading it costs nothing.
        let head = text.get(..text.len().min(80)).unwrap_or(&text);
        let version = head.split_once("\"record-version\": ").and_then(|(_, rest)| rest.split_once(','));
        match version.map(|(number, _)| number.parse::<u32>()) {
            Some(Ok(OLDEST_VERSION..=RECORD_VERSION)) => {}
            Some(Ok(newer)) if newer > RECORD_VERSION => {
                let error = Error::new(format!(
                    "`{path}` is a record of version {newer}, and this tsmedia reads up to {RECORD_VERSION}"
                ));
                let error = error.help("use the tsmedia that wrote it, or a newer one");
                return Err(Fault { error, is_damaged: false });
            }
            _ => {
                let error = Error::new(format!("`{path}` has no record version"));
                return Err(fault(error.help("restore it from Git, or remove it")));
            }
        }
        let Outputs { outputs, captures } = outputs;
        let outputs = outputs.into_iter().map(|output| (output.summary.name.clone(), output.summary)).collect();
        let captures = captures.into_iter().map(|capture| (capture.name.clone(), capture)).collect();
        Ok(Self { text, outputs, captures, ..Self::default() })
    }

    /// The outputs, by name.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = &Recorded> {
        self.outputs.values()
    }

    /// An output.
    pub fn get(&self, name: &str) -> Option<&Recorded> {
        self.outputs.get(name)
    }

    /// The captured WIM files, by name.
    pub fn captures(&self) -> impl ExactSizeIterator<Item = &RecordedCapture> {
        self.captures.values()
    }

    /// A captured WIM file.
    pub fn capture(&self, name: &str) -> Option<&RecordedCapture> {
        self.captures.get(name)
    }

    /// Records a captured WIM file in place of what was recorded under its name; says whether that was another.
    pub fn put_capture(&mut self, order: &Order, guid: String, len: u64) -> bool {
        let source = |source: &Ordered| RecordedSource {
            title: source.title.clone(),
            n_files: source.seen.n_files,
            len: source.seen.len,
            listing: source.seen.listing,
        };
        let recorded = RecordedCapture {
            name: order.name.clone(),
            len,
            id: order.id(),
            guid,
            format_version: FORMAT_VERSION,
            date: order.date.unix(),
            description: order.description.clone(),
            sources: order.all().map(source).collect(),
            values: order.values.clone(),
        };
        self.captures.insert(order.name.clone(), recorded.clone()) != Some(recorded)
    }

    /// The files of an output, in the order of the medium's own lists; none for an output that is not recorded.
    pub fn files(&self, name: &str) -> Result<&[RecordedFile]> {
        if !self.outputs.contains_key(name) {
            return Ok(&[]);
        }
        if let Some(files) = self.files.get(name) {
            return Ok(files);
        }
        if self.parsed.get().is_none() {
            let details: Outputs<Details> = serde_json::from_str(&self.text).map_err(|error| {
                Error::new("the record is damaged").because(error).help("restore it from Git, or remove it")
            })?;
            let files = details.outputs.into_iter().map(|output| (output.summary.name, output.files)).collect();
            let _ = self.parsed.set(files);
        }
        Ok(self.parsed.get().and_then(|parsed| parsed.get(name)).map_or(&[], Vec::as_slice))
    }

    /// Records an output in place of what was recorded under its name.
    pub fn put(&mut self, output: &Output, sealed: &Sealed) {
        let files: Vec<_> = sealed
            .files
            .iter()
            .map(|file| RecordedFile {
                path: file.path.clone(),
                len: file.len,
                blake3: output.kept_digest(&file.path, file.digests.blake3),
                offset: file.places.first().map_or(0, |place| place.offset),
            })
            .collect();
        let entries = entries_of(&output.entries, &files);
        let recorded = Recorded {
            name: output.name.clone(),
            len: sealed.layout.len(),
            id: sealed.id,
            format_version: FORMAT_VERSION,
            label: output.label.clone(),
            date: output.date.unix(),
            description: output.description.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
            boot: sealed
                .boot
                .iter()
                .map(|image| RecordedBoot { firmware: image.firmware, blake3: image.blake3 })
                .collect(),
            entries,
            values: Some(output.values.clone()),
            secrets: output.kept_secrets(),
        };
        self.files.insert(output.name.clone(), files);
        self.outputs.insert(output.name.clone(), recorded);
    }

    /// Takes over the template values of an output whose bytes are the recorded ones; says whether there were others.
    pub fn renew_values(&mut self, output: &Output) -> bool {
        let Some(recorded) = self.outputs.get_mut(&output.name) else { return false };
        if recorded.values.as_ref() == Some(&output.values) {
            return false;
        }
        recorded.values = Some(output.values.clone());
        true
    }

    /// Forgets an output, or a captured WIM file.
    pub fn remove(&mut self, name: &str) {
        self.captures.remove(name);
        self.outputs.remove(name);
        self.files.remove(name);
    }

    /// Writes the record in one step.
    pub fn save(&self, path: &Utf8Path, disk: &Disk) -> Result<()> {
        replace(disk, path, self.to_json()?.as_bytes())
    }

    fn to_json(&self) -> Result<String> {
        let failed = |error: serde_json::Error| Error::new("writing the record").because(error);
        let mut text = format!("{{\n\"record-version\": {RECORD_VERSION},\n\"outputs\": [");
        for (index, (name, output)) in self.outputs.iter().enumerate() {
            text += if index == 0 { "\n{\n\"summary\": " } else { ",\n{\n\"summary\": " };
            text += &serde_json::to_string_pretty(output).map_err(failed)?;
            text += ",\n\"files\": [";
            for (index, file) in self.files(name)?.iter().enumerate() {
                text += if index == 0 { "\n" } else { ",\n" };
                text += &serde_json::to_string(file).map_err(failed)?;
            }
            text += "\n]\n}";
        }
        text += "\n]";
        for (index, capture) in self.captures.values().enumerate() {
            text += if index == 0 { ",\n\"captures\": [\n" } else { ",\n" };
            text += &serde_json::to_string_pretty(capture).map_err(failed)?;
        }
        text += if self.captures.is_empty() { "\n}\n" } else { "\n]\n}\n" };
        Ok(text)
    }
}

fn entries_of(entries: &[Entry], files: &[RecordedFile]) -> Vec<RecordedEntry> {
    let mut hashers: Vec<_> = entries.iter().map(|_| (0, 0, blake3::Hasher::new())).collect();
    for file in files {
        let Some(entry) = entry_of(entries, &file.path) else { continue };
        let Some(index) = entries.iter().position(|other| std::ptr::eq(other, entry)) else { continue };
        let (n_files, len, hasher) = &mut hashers[index];
        *n_files += 1;
        *len += file.len;
        let path = file.path.strip_prefix(&entry.path).unwrap_or(&file.path);
        hasher.update(&(path.len() as u64).to_le_bytes());
        hasher.update(path.as_bytes());
        hasher.update(&file.len.to_le_bytes());
        hasher.update(&file.blake3.0);
    }
    let entry = |(entry, (n_files, len, hasher)): (&Entry, (u64, u64, blake3::Hasher))| RecordedEntry {
        title: entry.title.clone(),
        path: entry.path.clone(),
        n_files,
        len,
        blake3: Digest(*hasher.finalize().as_bytes()),
    };
    entries.iter().zip(hashers).map(entry).collect()
}

#[cfg(test)]
mod tests;
