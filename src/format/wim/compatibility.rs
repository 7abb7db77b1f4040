//! WIM files that wimlib can read, but Microsoft's tools can't.
//!
//! According to the documentation and the author of wimlib, Microsoft's tools support the chunk
//! lengths that they write: 32 KiB for XPRESS and LZX (also 4 KiB for XPRESS, since WIMBoot in
//! Windows 8.1), 128 KiB for LZMS, and up to 64 MiB in solid resources. Pipable and split files are
//! rejected when they are opened.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::header::{VERSION, WimHeader};
use super::{Wim, WimCompression};
use crate::error::{Error, Result};
use crate::problem::Severity;

/// Longest solid chunk that Microsoft's tools can read, in bytes.
const MAX_SOLID_CHUNK: u64 = 64 << 20;
/// Chunk length of WIMBoot in bytes.
const WIMBOOT_CHUNK: u32 = 4 << 10;

/// A property of a WIM file that Microsoft's tools may not support.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Incompatibility {
    /// The header marks the file as being written: a writer is running, or was interrupted.
    Unfinished,
    /// Contents are compressed in chunks of an unusual length.
    Chunks {
        /// The compression.
        compression: WimCompression,
        /// Length of a chunk in bytes.
        len: u32,
    },
    /// Solid resources have chunks that are too long.
    SolidChunks {
        /// Length of the longest chunk in bytes.
        len: u64,
    },
}

/// Use of a WIM file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WimUse {
    /// The boot manager starts an image.
    Start,
    /// DISM or the Configuration Manager client applies an image.
    Apply,
}

impl Incompatibility {
    /// `Error` if it prevents the use, `Warning` if it may, and `None` otherwise.
    pub fn severity(self, wanted: WimUse) -> Option<Severity> {
        match (self, wanted) {
            // Such boot images are re-exported.
            (Self::Chunks { compression: WimCompression::Lzms, .. } | Self::SolidChunks { .. }, WimUse::Start) => None,
            (Self::Chunks { compression: WimCompression::Xpress, len: WIMBOOT_CHUNK }, WimUse::Apply) => None,
            (Self::Chunks { compression: WimCompression::Xpress, .. }, WimUse::Apply) => Some(Severity::Warning),
            _ => Some(Severity::Error),
        }
    }
}

impl fmt::Display for Incompatibility {
    /// Completes a sentence that starts with the name of the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfinished => f.write_str("is marked as being written"),
            Self::Chunks { compression, len } => {
                write!(f, "is compressed by {compression} in chunks of {} KiB", len >> 10)
            }
            Self::SolidChunks { len } => write!(f, "is solid, in chunks of {} MiB", len >> 20),
        }
    }
}

impl Wim {
    /// Finds properties that Microsoft's tools may not support.
    ///
    /// # Errors
    ///
    /// If the file can't be read.
    pub fn incompatibilities(&self) -> Result<Vec<Incompatibility>> {
        let Some(header) = self.header()? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        if header.flags & WimHeader::WRITE_IN_PROGRESS != 0 {
            found.push(Incompatibility::Unfinished);
        }
        let (compression, len) = (self.facts.compression, self.facts.chunk_len);
        let usual = match compression {
            WimCompression::None => len,
            WimCompression::Xpress | WimCompression::Lzx => 32 << 10,
            WimCompression::Lzms => 128 << 10,
        };
        if len != usual {
            found.push(Incompatibility::Chunks { compression, len });
        }
        if header.version != VERSION {
            let longest = self.structure()?.longest_solid_chunk()?;
            found.extend(longest.filter(|len| *len > MAX_SOLID_CHUNK).map(|len| Incompatibility::SolidChunks { len }));
        }
        Ok(found)
    }

    /// Checks that the file is not marked as being written.
    ///
    /// # Errors
    ///
    /// If it is marked, or can't be read.
    pub fn check_finished(&self) -> Result<()> {
        if self.incompatibilities()?.contains(&Incompatibility::Unfinished) {
            return Err(Error::new(format!("`{}` {}", self.path, Incompatibility::Unfinished))
                .help("use the WIM file of a completed capture"));
        }
        Ok(())
    }
}
