//! Media as WIM files: one image, uncompressed, with every content stored once, so that they can be
//! laid out.
//!
//! Follows the Windows Imaging File Format 1.13. Unlike other writers, leaves room between
//! resources; readers accept this, since they use the blob table, and deleting files leaves such
//! gaps, too. There is no integrity table, since its chunks of 10 MiB would have to be hashed for
//! every change, and no boot image. Not supported: security descriptors (files inherit them when
//! the image is applied), short names, streams, links.
//!
//! # Layout
//!
//! Like on a disc (see [`iso`](crate::format::iso) for slots, groups and room), in units of 512
//! bytes:
//!
//! 1. The header, 208 bytes.
//! 2. Contents from sources, from byte 4,096 on. Files with the same contents share them.
//! 3. Aligned to a generous power of two: generated files, the metadata, the blob table in the
//!    order of offsets, and the XML at the end of the file. wimlib and DISM append after it.
//!
//! The element `TSMEDIA` of the image in the XML contains the digest of everything outside of
//! files, including the XML without the digest itself.

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

/// Properties of a medium in a WIM file that are not part of its volume.
#[derive(Clone, Copy, Debug)]
pub struct MediumText<'a> {
    /// Author of the medium.
    pub created_by: Option<&'a str>,
    /// Version of the medium.
    pub version: Option<&'a str>,
    /// Description of the image.
    pub comment: Option<&'a str>,
    /// SHA-1 of sources. Unknown ones are written as zeros.
    pub sha1s: &'a HashMap<SourceKey, Sha1>,
    /// Placeholder for the digest of the structure; see [`encode_seal`].
    pub seal: &'a Content,
}

/// A medium in a WIM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UncompressedWim {
    /// Length of the file in bytes.
    pub len: u64,
    /// Name of the image.
    pub label: String,
    /// Identifier of the file.
    pub guid: [u8; 16],
    /// Date of the image, if it is in the range of all formats.
    pub date: Option<Date>,
    /// Author of the medium.
    pub created_by: Option<String>,
    /// Version of the medium.
    pub version: Option<String>,
    /// Description of the image.
    pub comment: Option<String>,
    /// Files and folders except the root. Folders come before their contents.
    pub files: Vec<UncompressedFile>,
    /// Ranges outside of files, ascending.
    pub structures: Vec<(UncompressedPart, Range<u64>)>,
    /// Range and value of the digest of the structure; `None` for a file of another program.
    pub seal: Option<(Range<u64>, Option<Digest>)>,
}

/// A file or folder in the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UncompressedFile {
    /// Path from the root, separated by `/`.
    pub path: String,
    /// `true` for a folder.
    pub is_folder: bool,
    /// Length in bytes.
    pub len: u64,
    /// Range of the contents; `None` for folders and empty files.
    pub place: Option<Range<u64>>,
}

/// Purpose of a range outside of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UncompressedPart {
    /// Header of the file.
    Header,
    /// Names, attributes, times and SHA-1s of the files.
    Metadata,
    /// Locations of contents.
    BlobTable,
    /// Properties of the image.
    Xml,
    /// Integrity table that another program added.
    Integrity,
}

/// XML element with the digest of the structure.
const SEAL: &str = "TSMEDIA";
// XML elements with author and version of the medium.
const CREATED_BY: &str = "CREATEDBY";
const VERSION: &str = "VERSION";

/// Encodes the digest of the structure: 64 hexadecimal digits in UTF-16.
pub fn encode_seal(structure: Digest) -> Vec<u8> {
    utf16(&structure.to_string())
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
