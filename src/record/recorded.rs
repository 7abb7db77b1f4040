//! Targets as they were made: what the record says of each of them.

use std::collections::BTreeMap;
use std::mem;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::firmware::Firmware;
use crate::output::{ContentEntry, FORMAT_VERSION, Output, RecordedSecrets, Sealed, TemplateValue, find_entry};
use crate::target::{CaptureRequest, CaptureSource, Target};

/// A target as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// A medium.
    Medium(RecordedMedium),
    /// A captured WIM file.
    Capture(RecordedCapture),
}

impl Recorded {
    /// Its path as its author sees it.
    pub fn name(&self) -> &str {
        match self {
            Self::Medium(medium) => &medium.name,
            Self::Capture(capture) => &capture.name,
        }
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Medium(medium) => medium.len,
            Self::Capture(capture) => capture.len,
        }
    }

    /// `true` if it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Digest of everything in the open that decided its bytes.
    pub fn id(&self) -> Digest {
        match self {
            Self::Medium(medium) => medium.id,
            Self::Capture(capture) => capture.id,
        }
    }

    /// The site that it was made for, if it was made for one.
    pub fn site(&self) -> Option<&String> {
        match self {
            Self::Medium(medium) => medium.description.get("site"),
            Self::Capture(capture) => capture.description.get("site"),
        }
    }

    /// The medium, if it is one.
    pub fn medium(&self) -> Option<&RecordedMedium> {
        match self {
            Self::Medium(medium) => Some(medium),
            Self::Capture(_) => None,
        }
    }

    /// The capture, if it is one.
    pub fn capture(&self) -> Option<&RecordedCapture> {
        match self {
            Self::Medium(_) => None,
            Self::Capture(capture) => Some(capture),
        }
    }

    /// Takes over the template values of a target whose bytes are these; `false` if they are the recorded ones.
    pub(super) fn renew_values(&mut self, values: &[TemplateValue]) -> bool {
        match self {
            Self::Medium(medium) => medium.values.replace(values.to_vec()).as_deref() != Some(values),
            Self::Capture(capture) => mem::replace(&mut capture.values, values.to_vec()) != values,
        }
    }
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

/// A medium as it was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RecordedMedium {
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
    pub secrets: Option<RecordedSecrets>,
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
    /// Its digest; under the veil for those that [depend on secrets](RecordedMedium::secrets).
    pub blake3: Digest,
    /// Where it starts in the output.
    pub offset: u64,
}

impl RecordedCapture {
    /// What the record says of a capture that came to a WIM file with this GUID and length.
    pub fn new(target: &Target, request: &CaptureRequest, guid: String, len: u64) -> Self {
        let source = |source: &CaptureSource| RecordedSource {
            title: source.title.clone(),
            n_files: source.seen.n_files,
            len: source.seen.len,
            listing: source.seen.listing,
        };
        Self {
            name: target.name.clone(),
            len,
            id: request.id(),
            guid,
            format_version: FORMAT_VERSION,
            date: request.date.unix(),
            description: request.description.clone(),
            sources: request.all_sources().map(source).collect(),
            values: target.values.clone(),
        }
    }
}

impl RecordedMedium {
    /// What the record says of a medium that was built, and of its files.
    pub fn new(target: &Target, output: &Output, sealed: &Sealed) -> (Self, Vec<RecordedFile>) {
        let files = sealed.files.iter().map(|file| RecordedFile {
            path: file.path.clone(),
            len: file.len,
            blake3: output.recordable_digest(&file.path, file.digests.blake3),
            offset: file.places.first().map_or(0, |place| place.offset),
        });
        let files: Vec<_> = files.collect();
        let boot = sealed.boot.iter().map(|image| RecordedBoot { firmware: image.firmware, blake3: image.blake3 });
        let recorded = Self {
            name: target.name.clone(),
            len: sealed.layout.len(),
            id: sealed.id,
            format_version: FORMAT_VERSION,
            label: output.label.clone(),
            date: output.date.unix(),
            description: output.description.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
            boot: boot.collect(),
            entries: entries_of(&output.entries, &files),
            values: Some(target.values.clone()),
            secrets: output.recorded_secrets(),
        };
        (recorded, files)
    }
}

fn entries_of(entries: &[ContentEntry], files: &[RecordedFile]) -> Vec<RecordedEntry> {
    let mut hashers: Vec<_> = entries.iter().map(|_| (0, 0, blake3::Hasher::new())).collect();
    for file in files {
        let Some(entry) = find_entry(entries, &file.path) else { continue };
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
    let entry = |(entry, (n_files, len, hasher)): (&ContentEntry, (u64, u64, blake3::Hasher))| RecordedEntry {
        title: entry.title.clone(),
        path: entry.path.clone(),
        n_files,
        len,
        blake3: Digest(*hasher.finalize().as_bytes()),
    };
    entries.iter().zip(hashers).map(entry).collect()
}
