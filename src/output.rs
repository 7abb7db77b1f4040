//! The recipe of a medium: everything that decides its bytes, but for the digests of sources that nobody has read yet.
//!
//! A medium carries its own lists in the folder `tsmedia`: `medium.toml` says what it is and holds the digest of
//! every byte outside files; `BLAKE3SUMS` and `SHA256SUMS` are what `b3sum` and `sha256sum` write and check. Their
//! lengths depend on names alone, so an output is laid out before its sources are read ([`Draft`]) and stays where
//! it is when their digests are known ([`Sealed`]).

mod carrier;
mod draft;
mod fit;
mod form;
mod identity;
pub mod lists;
mod prompt;
pub mod size_bound;
mod structure;
mod veiled;

use std::io::{self, Read, Seek, SeekFrom};

use serde::{Deserialize, Serialize};

pub use carrier::Carrier;
pub use draft::{Draft, Job, Placed, Sealed};
pub use fit::Overflow;
pub use form::{Form, WIM_MAGIC, read, starts_with};
pub use identity::{BootImage, Held, Identity};
pub use prompt::Prompt;
pub use structure::{Structure, outside};
pub use veiled::{KeptSecrets, Veiled, VeiledValue};

use crate::date::Date;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::layout::Region;
use crate::limits::MAX_MEDIUM_TEXT_LEN;
use crate::size::Size;
use crate::volume::{BootEntry, Folder};

/// Raised whenever the same inputs give other bytes than before.
pub const FORMAT_VERSION: u32 = 5;

/// A medium as one file.
#[derive(Clone, Debug)]
pub struct Output {
    /// What it is as a file.
    pub form: Form,
    /// What it says of itself in `tsmedia/medium.toml`, in this order: key and value.
    pub description: Vec<(&'static str, String)>,
    /// The volume label.
    pub label: String,
    /// Every time on the medium.
    pub date: Date,
    /// What the medium holds, but for its lists of digests.
    pub root: Folder,
    /// How it starts.
    pub boot: Vec<BootEntry>,
    /// The most bytes that it may have.
    pub capacity: Option<Size>,
    /// The content entries of the manifest, in its order.
    pub entries: Vec<Entry>,
    /// What of it depends on secrets, if anything does.
    pub veiled: Option<Veiled>,
    /// Which disc of a set it is, if it is one.
    pub disc: Option<Disc>,
}

/// A disc of a set, for people. It decides nothing: what the disc says of itself is in its description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disc {
    /// What tells the set from others.
    pub set: String,
    /// Its number, from 1.
    pub number: usize,
    /// How many discs there are.
    pub n_discs: usize,
    /// What it holds at most.
    pub capacity: Size,
    /// How many files are on it, but for its own lists.
    pub n_files: u64,
    /// How many bytes they have.
    pub len: u64,
    /// What it has of the manifest's entries, in their order. An entry may be on several discs.
    pub parts: Vec<Part>,
}

/// What a disc has of a content entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What the manifest calls the entry.
    pub title: String,
    /// How many of its files are on the disc.
    pub n_files: u64,
    /// How many bytes they have.
    pub len: u64,
    /// Whether that is all of it.
    pub is_whole: bool,
}

/// A content entry of the manifest: the unit in which plans and records speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the manifest calls it, such as ``package `BER00021` ``.
    pub title: String,
    /// The folder or file on the medium, from its root.
    pub path: String,
    /// What needs it, if it was taken from a library. It decides nothing.
    pub needed_by: Option<String>,
}

impl Entry {
    /// An entry of the manifest.
    pub fn new(title: impl Into<String>, path: impl Into<String>) -> Self {
        Self { title: title.into(), path: path.into(), needed_by: None }
    }
}

/// Which entry a file belongs to: the one whose path is the longest that holds it.
pub fn entry_of<'a>(entries: &'a [Entry], path: &str) -> Option<&'a Entry> {
    let holds = |entry: &&Entry| match entry.path.as_str() {
        "" | "." => true,
        folder => path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
    };
    entries.iter().filter(holds).max_by_key(|entry| entry.path.len())
}

/// A template value that an output is made with: what plans and records name as the reason of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateValue {
    /// Its name as templates have it below `vars`, such as `language`.
    pub name: String,
    /// What it is.
    pub value: serde_json::Value,
}

/// A finished output, open.
pub trait Image: Read + Seek {}

impl<T: Read + Seek> Image for T {}

/// The files of a finished output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The volume label.
    pub label: String,
    /// The files, in any order. Those with the same contents may share places.
    pub files: Vec<Listed>,
    /// Where it carries the digest of its own structure, if that is not in `tsmedia/medium.toml`.
    pub seal: Option<Seal>,
}

/// The digest of the structure of a medium, carried by the structure itself. All but its own bytes are covered by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Where it is.
    pub place: Region,
    /// What is there, if it is a digest.
    pub structure: Option<Digest>,
}

/// A file of a finished output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its path from the root, parts separated by `/`.
    pub path: String,
    /// Its length in bytes.
    pub len: u64,
    /// Where its bytes are, from the first.
    pub places: Vec<Region>,
}

impl Listing {
    /// What the medium says of itself, if it is one that tsmedia made.
    pub fn medium(&self, image: &mut dyn Image) -> Option<lists::Medium> {
        let file = self.files.iter().find(|file| file.path.eq_ignore_ascii_case(lists::MEDIUM))?;
        lists::Medium::parse(&file.read_text(image).ok()?)
    }
}

impl Listed {
    /// Reads a text of the medium into memory.
    pub fn read_text(&self, image: &mut dyn Image) -> Result<String> {
        let text = String::from_utf8(self.read_bytes(image, MAX_MEDIUM_TEXT_LEN)?);
        text.map_err(|error| self.failed(io::Error::new(io::ErrorKind::InvalidData, error)))
    }

    /// Reads a file of the medium into memory, which may have so many bytes.
    pub fn read_bytes(&self, image: &mut dyn Image, max_len: u64) -> Result<Vec<u8>> {
        if self.len > max_len {
            return Err(Error::new(format!("`{}` is too long for what it should be: {}", self.path, Size(self.len))));
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
pub(crate) mod desk;
#[cfg(test)]
pub(crate) mod shelf;
