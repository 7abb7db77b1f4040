//! Media as WIM files: one image, every content once and stored as it is, so that a layout can be made of it.
//!
//! Follows the Windows Imaging File Format 1.13. What it allows and others do not write: room between resources, as
//! files have it from which something was deleted; readers go by the blob table. There is no integrity table, whose
//! sums of 10 MiB each would have to be made of the whole file anew, and nothing to start from: boot index 0. Not
//! supported: security descriptors (whoever applies the image has files inherit them), short names, streams, links.
//!
//! # Where things are put
//!
//! As on a disc ([`iso`](crate::format::iso) says what slots, groups and room are), in units of 512 bytes:
//!
//! 1. The header, 208 bytes.
//! 2. The contents that come from sources, from byte 4,096 on. Files with the same contents share them.
//! 3. From a multiple of a generous power of two: the files that we made, the metadata, the blob table in the order of
//!    places, and the XML, which is the end of the file. What wimlib or DISM append comes after all that.
//!
//! The XML carries the digest of everything outside files, itself but for that digest included, in the element
//! `TSMEDIA` of the image.

mod layout;
mod read;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::Range;

use crate::content::{Content, SourceKey};
use crate::date::Date;
use crate::digest::{Digest, Sha1};

pub use layout::layout;
pub use read::read;

/// What a medium as a WIM file says beside what its volume does.
#[derive(Clone, Copy, Debug)]
pub struct MediumText<'a> {
    /// Who made it.
    pub created_by: Option<&'a str>,
    /// Which version of it this is.
    pub version: Option<&'a str>,
    /// The description of the image.
    pub comment: Option<&'a str>,
    /// The SHA-1 of sources; zeros stand for those that are not known.
    pub sha1s: &'a HashMap<SourceKey, Sha1>,
    /// What stands for the digest of the structure: see [`seal`].
    pub seal: &'a Content,
}

/// A medium as a WIM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UncompressedWim {
    /// How long the file is, in bytes.
    pub len: u64,
    /// The name of the image.
    pub label: String,
    /// Tells the file from others.
    pub guid: [u8; 16],
    /// When the image was made, if any format can write that.
    pub date: Option<Date>,
    /// Who made it.
    pub created_by: Option<String>,
    /// Which version of it this is.
    pub version: Option<String>,
    /// The description of the image.
    pub comment: Option<String>,
    /// Files and folders, a folder before what is in it; the root is not among them.
    pub files: Vec<UncompressedFile>,
    /// What is no content of a file, ascending.
    pub structures: Vec<(UncompressedPart, Range<u64>)>,
    /// Where the digest of the structure is, and which: nothing for a file that tsmedia did not make.
    pub seal: Option<(Range<u64>, Option<Digest>)>,
}

/// A file or folder of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UncompressedFile {
    /// Its path from the root, parts separated by `/`.
    pub path: String,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// How many bytes it has.
    pub len: u64,
    /// Where its bytes are; nothing for a folder and for an empty file.
    pub place: Option<Range<u64>>,
}

/// What a range outside files is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UncompressedPart {
    /// The header.
    Header,
    /// Names, attributes, times, and the SHA-1 of contents.
    Metadata,
    /// Where contents are.
    BlobTable,
    /// What the image says of itself.
    Xml,
    /// Sums of the file that somebody had made later.
    Integrity,
}

/// The element of the XML with the digest of the structure.
const SEAL: &str = "TSMEDIA";
/// Who made the image, and which version of it this is.
const CREATED_BY: &str = "CREATEDBY";
const VERSION: &str = "VERSION";

/// How a digest of the structure is spelled: 64 digits in UTF-16.
pub fn encode_seal(structure: Digest) -> Vec<u8> {
    utf16(&structure.to_string())
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
