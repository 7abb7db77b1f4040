//! Recorded targets.

use std::collections::BTreeMap;
use std::mem;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::firmware::Firmware;
use crate::output::lists::{BLAKE3SUMS, MEDIUM, SHA256SUMS};
use crate::output::{ContentEntry, FORMAT_VERSION, Output, RecordedSecrets, Sealed, TemplateValue, find_entry};
use crate::target::{CaptureRequest, CaptureSource, Target, WIM};

/// Recorded target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Medium.
    Medium(RecordedMedium),
    /// Captured WIM file.
    Capture(RecordedCapture),
}

impl Recorded {
    /// Name of the target, as in the manifest.
    pub fn name(&self) -> &str {
        match self {
            Self::Medium(medium) => &medium.name,
            Self::Capture(capture) => &capture.name,
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Medium(medium) => medium.len,
            Self::Capture(capture) => capture.len,
        }
    }

    /// Returns `true` if it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Identity: digest of everything public that decided the bytes.
    pub fn id(&self) -> Digest {
        match self {
            Self::Medium(medium) => medium.id,
            Self::Capture(capture) => capture.id,
        }
    }

    /// Site that it was made for, if any.
    pub fn site(&self) -> Option<&String> {
        match self {
            Self::Medium(medium) => medium.description.get("site"),
            Self::Capture(capture) => capture.description.get("site"),
        }
    }

    /// Kind of the medium, or [`WIM`].
    pub fn kind(&self) -> &str {
        self.medium().map_or(WIM, |medium| medium.description.get("kind").map_or("", String::as_str))
    }

    /// Returns the medium, if it is one.
    pub fn medium(&self) -> Option<&RecordedMedium> {
        match self {
            Self::Medium(medium) => Some(medium),
            Self::Capture(_) => None,
        }
    }

    /// Returns the capture, if it is one.
    pub fn capture(&self) -> Option<&RecordedCapture> {
        match self {
            Self::Medium(_) => None,
            Self::Capture(capture) => Some(capture),
        }
    }

    /// Updates the template values of a target whose bytes are unchanged. Returns `true` if they differed.
    pub(super) fn renew_values(&mut self, values: &[TemplateValue]) -> bool {
        match self {
            Self::Medium(medium) => medium.values.replace(values.to_vec()).as_deref() != Some(values),
            Self::Capture(capture) => mem::replace(&mut capture.values, values.to_vec()) != values,
        }
    }
}

/// Recorded capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RecordedCapture {
    /// Name of the target, as in the manifest.
    pub name: String,
    /// Length in bytes.
    pub len: u64,
    /// Digest of everything that decided the bytes, as far as it was examined.
    pub id: Digest,
    /// GUID of the WIM file, which is derived from its contents.
    pub guid: String,
    /// Format version of the tsmedia that made it.
    pub format_version: u32,
    /// Creation date of its images, in seconds since 1970.
    pub date: u64,
    /// Further properties set by the manifest.
    pub description: BTreeMap<String, String>,
    /// Sources, in order.
    pub sources: Vec<RecordedSource>,
    /// Template values that it was rendered with.
    pub values: Vec<TemplateValue>,
}

/// Recorded source of a capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RecordedSource {
    /// Title in plans.
    pub title: String,
    /// Number of files.
    pub n_files: u64,
    /// Total length in bytes.
    pub len: u64,
    /// Digest of names, sizes and times.
    pub listing: Digest,
}

/// Recorded medium.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RecordedMedium {
    /// Name of the target, as in the manifest.
    pub name: String,
    /// Length in bytes.
    pub len: u64,
    /// Identity of the medium: digest of everything public that decided its bytes.
    pub id: Digest,
    /// Format version of the tsmedia that made it.
    pub format_version: u32,
    /// Volume label.
    pub label: String,
    /// Timestamp of everything on the medium, in seconds since 1970.
    pub date: u64,
    /// Further keys and values of `medium.toml`.
    pub description: BTreeMap<String, String>,
    /// Boot images.
    pub boot: Vec<RecordedBoot>,
    /// Content entries of the manifest, by path.
    pub entries: Vec<RecordedEntry>,
    /// Template values that it was rendered with. `None` in records of version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<TemplateValue>>,
    /// Keyed digests of its secrets, if it depends on any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<RecordedSecrets>,
}

/// Recorded boot image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RecordedBoot {
    /// Firmware that it is for.
    pub firmware: Firmware,
    /// Digest of its layout and contents.
    pub blake3: Digest,
}

/// Recorded content entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RecordedEntry {
    /// Title in the manifest.
    pub title: String,
    /// Path of the folder or file on the medium.
    pub path: String,
    /// Number of files.
    pub n_files: u64,
    /// Total length in bytes.
    pub len: u64,
    /// Digest of the files' paths, lengths and digests.
    pub blake3: Digest,
}

/// Recorded file of a medium.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RecordedFile {
    /// Path from the root of the medium.
    pub path: String,
    /// Length in bytes.
    pub len: u64,
    /// Digest; keyed for files that [depend on secrets](RecordedMedium::secrets).
    pub blake3: Digest,
}

impl RecordedCapture {
    /// Records a capture that resulted in a WIM file with this GUID and length.
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
    /// Records a medium and its files.
    pub fn new(target: &Target, output: &Output, sealed: &Sealed) -> (Self, Vec<RecordedFile>) {
        let files = sealed.files.iter().filter(|file| !is_list(&file.path)).map(|file| RecordedFile {
            path: file.path.clone(),
            len: file.len,
            blake3: output.recordable_digest(&file.path, file.digests.blake3),
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
        (recorded.sorted(), files)
    }

    /// Sorts the entries, so that their order in the manifest makes no difference. Records up to version 3 have that
    /// order.
    pub(super) fn sorted(mut self) -> Self {
        self.entries.sort_by(|one, other| (&one.path, &one.title).cmp(&(&other.path, &other.title)));
        self
    }

    /// Returns `true` if the recorded secrets are those of an output, as far as their fingerprints can be compared.
    pub fn has_secrets_of(&self, output: &Output) -> bool {
        match (&self.secrets, output.recorded_secrets()) {
            (Some(recorded), Some(wanted)) if recorded.key != wanted.key => true,
            (recorded, wanted) => *recorded == wanted,
        }
    }

    /// Returns `true` if the fingerprints of two records can't be compared, since they have different keys.
    pub(super) fn has_other_key(&self, other: &Self) -> bool {
        let keys = [self, other].map(|medium| medium.secrets.as_ref().map(|secrets| secrets.key));
        matches!(keys, [Some(own), Some(other)] if own != other)
    }

    /// Copies the record of a medium and its files, with everything blank that depends on the key of fingerprints.
    pub(super) fn without_fingerprints(&self, files: &[RecordedFile]) -> (Self, Vec<RecordedFile>) {
        const BLANK: Digest = Digest([0; 32]);
        let (mut medium, mut files) = (self.clone(), files.to_vec());
        let Some(secrets) = &mut medium.secrets else { return (medium, files) };
        (secrets.key, secrets.digest) = (BLANK, BLANK);
        secrets.values.iter_mut().for_each(|value| value.digest = BLANK);
        for path in &secrets.files {
            files.iter_mut().filter(|file| file.path == *path).for_each(|file| file.blake3 = BLANK);
            let is_around = |entry: &RecordedEntry| Utf8Path::new(path).starts_with(&entry.path);
            medium.entries.iter_mut().filter(|entry| is_around(entry)).for_each(|entry| entry.blake3 = BLANK);
        }
        (medium, files)
    }
}

/// Returns `true` for the lists that a medium carries of itself: they follow from its other files.
pub(super) fn is_list(path: &str) -> bool {
    [MEDIUM, BLAKE3SUMS, SHA256SUMS].contains(&path)
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
