//! Recipe of a medium: everything that decides its bytes, except the digests of sources that have not been read yet.
//!
//! A medium carries its own lists in the folder `tsmedia`. `medium.toml` describes the medium and holds the digest of
//! every byte outside files; `b3sum` and `sha256sum` can check `BLAKE3SUMS` and `SHA256SUMS`. The lengths of all three
//! depend on names alone, so an output is laid out before its sources are read ([`Draft`]) and keeps that layout once
//! their digests are known ([`Sealed`]).

mod capacity;
mod contents;
mod draft;
mod form;
mod identity;
pub mod lists;
mod parsed_medium;
mod prompt;
mod secret_fingerprint;
pub mod size_bound;
mod structure_digest;

use std::io::{self, Read, Seek, SeekFrom};

use serde::{Deserialize, Serialize};

pub use capacity::Overflow;
pub use contents::MEDIUM_FILES;
pub use draft::{CopyJob, Draft, PlacedFile, Sealed};
pub use form::{Form, WIM_MAGIC, read, starts_with};
pub use identity::{BootImage, Identity, IdentityFile};
pub use parsed_medium::ParsedMedium;
pub use prompt::Prompt;
pub use secret_fingerprint::{RecordedSecrets, SecretContent, SecretFingerprint};
pub use structure_digest::{StructureHasher, outside};

use crate::date::Date;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::layout::Region;
use crate::limits::MAX_MEDIUM_TEXT_LEN;
use crate::size::Size;
use crate::volume::{BootEntry, Folder};

/// Version of the media format; bump it when the same inputs produce different bytes.
pub const FORMAT_VERSION: u32 = 5;

/// A medium to be written as one file.
#[derive(Clone, Debug)]
pub struct Output {
    /// File format: disc image, WIM file or stick image.
    pub form: Form,
    /// Keys and values of `tsmedia/medium.toml`, in the order written.
    pub description: Vec<(&'static str, String)>,
    /// Volume label.
    pub label: String,
    /// Timestamp of everything on the medium.
    pub date: Date,
    /// Files and folders of the medium, without its own lists in `tsmedia`.
    pub root: Folder,
    /// Boot images for each firmware.
    pub boot: Vec<BootEntry>,
    /// Maximum length of the medium. `None` if unlimited.
    pub capacity: Option<Size>,
    /// Content entries, in the order of the manifest.
    pub entries: Vec<ContentEntry>,
    /// Files and values that depend on secrets. `None` if nothing does.
    pub secret_content: Option<SecretContent>,
    /// Position in a disc set. `None` for a single medium.
    pub disc: Option<SetDisc>,
}

impl Output {
    /// Returns a value of the description.
    pub fn described(&self, key: &str) -> Option<&str> {
        self.description.iter().find(|(known, _)| *known == key).map(|(_, value)| value.as_str())
    }
}

/// Summary of one disc of a set, for reports. It does not affect any byte; `medium.toml` gets its values from the
/// description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetDisc {
    /// Identifier of the set.
    pub set: String,
    /// Number of the disc, from 1.
    pub number: usize,
    /// Number of discs in the set.
    pub n_discs: usize,
    /// Maximum length of the disc.
    #[serde(with = "bytes")]
    pub capacity: Size,
    /// Number of files on the disc, without its own lists.
    pub n_files: u64,
    /// Total length of these files in bytes.
    pub len: u64,
    /// Content entries on the disc, in the order of the manifest. An entry may span several discs.
    pub parts: Vec<DiscPart>,
}

/// Writes a [`Size`] as a number of bytes.
mod bytes {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::size::Size;

    pub(super) fn serialize<S: Serializer>(size: &Size, serializer: S) -> Result<S::Ok, S::Error> {
        size.0.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Size, D::Error> {
        u64::deserialize(deserializer).map(Size)
    }
}

/// Share of a content entry on one disc.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscPart {
    /// Title of the entry in the manifest.
    pub title: String,
    /// Number of the entry's files on this disc.
    pub n_files: u64,
    /// Total length of these files in bytes.
    pub len: u64,
    /// `true` if the whole entry is on this disc.
    pub is_whole: bool,
}

/// Content entry of the manifest: the unit that plans and records report on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentEntry {
    /// Title for messages, such as ``package `BER00021` ``.
    pub title: String,
    /// Path of the folder or file on the medium.
    pub path: String,
    /// Title of the entry that requires this one, if it was taken from a library. For reports only.
    pub needed_by: Option<String>,
}

impl ContentEntry {
    /// Creates an entry that no other entry requires.
    pub fn new(title: impl Into<String>, path: impl Into<String>) -> Self {
        Self { title: title.into(), path: path.into(), needed_by: None }
    }
}

/// Finds the entry that a file belongs to: the one with the longest path that contains it.
pub fn find_entry<'a>(entries: &'a [ContentEntry], path: &str) -> Option<&'a ContentEntry> {
    let holds = |entry: &&ContentEntry| match entry.path.as_str() {
        "" | "." => true,
        folder => path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
    };
    entries.iter().filter(holds).max_by_key(|entry| entry.path.len())
}

/// Template value that an output was rendered with. Plans name it as the reason for a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateValue {
    /// Name below `vars`, such as `language`.
    pub name: String,
    /// Value after rendering.
    pub value: serde_json::Value,
}

/// Open medium that can be read at any position.
pub trait ReadSeek: Read + Seek {}

impl<T: Read + Seek> ReadSeek for T {}

/// Files of a finished output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Volume label.
    pub label: String,
    /// Files in any order. Files with the same contents may share regions.
    pub files: Vec<ListedFile>,
    /// Digest of the structure, if it is stored outside of `tsmedia/medium.toml`.
    pub seal: Option<Seal>,
}

/// Digest of a medium's structure that is stored in the structure itself. It covers everything but its own bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Region that holds the digest.
    pub place: Region,
    /// The stored digest; `None` if the region does not hold a valid one.
    pub structure: Option<Digest>,
}

/// File of a finished output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// Path from the root, separated by `/`.
    pub path: String,
    /// Length in bytes.
    pub len: u64,
    /// Regions of its bytes, in file order.
    pub places: Vec<Region>,
}

impl Listing {
    /// Reads `medium.toml`. `None` if the medium was not made by tsmedia.
    pub fn medium(&self, image: &mut dyn ReadSeek) -> Option<lists::MediumToml> {
        let file = self.files.iter().find(|file| file.path.eq_ignore_ascii_case(lists::MEDIUM))?;
        lists::MediumToml::parse(&file.read_text(image).ok()?)
    }
}

impl ListedFile {
    /// Reads a text file of the medium into memory.
    pub fn read_text(&self, image: &mut dyn ReadSeek) -> Result<String> {
        let text = String::from_utf8(self.read_bytes(image, MAX_MEDIUM_TEXT_LEN)?);
        text.map_err(|error| self.failed(io::Error::new(io::ErrorKind::InvalidData, error)))
    }

    /// Reads a file of at most `max_len` bytes into memory.
    pub fn read_bytes(&self, image: &mut dyn ReadSeek, max_len: u64) -> Result<Vec<u8>> {
        if self.len > max_len {
            return Err(Error::new(format!(
                "`{}` is {}; at most {} was expected",
                self.path,
                Size(self.len),
                Size(max_len)
            )));
        }
        let mut bytes = Vec::new();
        for place in &self.places {
            let left = self.len - bytes.len() as u64;
            let read = image.seek(SeekFrom::Start(place.offset));
            let read = read.and_then(|_| (&mut *image).take(place.len.min(left)).read_to_end(&mut bytes));
            read.map_err(|error| self.failed(error))?;
        }
        if bytes.len() as u64 != self.len {
            return Err(self.failed(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(bytes)
    }

    fn failed(&self, error: io::Error) -> Error {
        Error::new(format!("reading `{}` on the medium", self.path)).because(error)
    }
}

#[cfg(test)]
pub(crate) mod fixtures;
