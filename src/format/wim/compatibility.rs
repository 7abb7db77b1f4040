//! WIM files that wimlib reads and Microsoft's programs don't.
//!
//! Chunk lengths follow wimlib's documentation and its author: Microsoft's programs support those that they write, which
//! are 32 KiB for XPRESS and LZX (4 KiB for XPRESS too, since WIMBoot in Windows 8.1), 128 KiB for LZMS, and up to 64 MiB
//! in solid resources. Pipable and split files are refused when they are opened.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::header::{Header, VERSION};
use super::{Compression, Wim};
use crate::error::{Error, Result};
use crate::problem::Severity;

/// Longest chunk of solid resources that Microsoft's programs read, in bytes.
const MAX_SOLID_CHUNK: u64 = 64 << 20;
/// Chunk length of WIMBoot, in bytes.
const WIMBOOT_CHUNK: u32 = 4 << 10;

/// A property of a WIM file that Microsoft's programs may not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Incompatibility {
    /// The header says that the file is being written: its writer is at work, or was stopped.
    Unfinished,
    /// Contents are compressed in chunks of an unusual length.
    Chunks {
        /// The compression.
        compression: Compression,
        /// Length of a chunk in bytes.
        len: u32,
    },
    /// Contents are compressed together in chunks that are too long.
    SolidChunks {
        /// Length of the longest chunk in bytes.
        len: u64,
    },
}

/// Use that Windows makes of a WIM file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The boot manager starts an image of it.
    Start,
    /// DISM or the client of Configuration Manager applies an image of it.
    Apply,
}

impl Incompatibility {
    /// An error if it prevents the use, a warning if it may, and nothing if it doesn't.
    pub fn severity(self, wanted: Use) -> Option<Severity> {
        match (self, wanted) {
            // Boot images compressed by LZMS are re-exported.
            (Self::Chunks { compression: Compression::Lzms, .. } | Self::SolidChunks { .. }, Use::Start) => None,
            (Self::Chunks { compression: Compression::Xpress, len: WIMBOOT_CHUNK }, Use::Apply) => None,
            (Self::Chunks { compression: Compression::Xpress, .. }, Use::Apply) => Some(Severity::Warning),
            _ => Some(Severity::Error),
        }
    }
}

impl fmt::Display for Incompatibility {
    /// Completes a sentence that begins with the name of the file.
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
    /// Finds what Microsoft's programs may not read.
    ///
    /// # Errors
    ///
    /// If the file can't be read.
    pub fn incompatibilities(&self) -> Result<Vec<Incompatibility>> {
        let Some(header) = self.header()? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        if header.flags & Header::WRITE_IN_PROGRESS != 0 {
            found.push(Incompatibility::Unfinished);
        }
        let (compression, len) = (self.facts.compression, self.facts.chunk_len);
        let usual = match compression {
            Compression::None => len,
            Compression::Xpress | Compression::Lzx => 32 << 10,
            Compression::Lzms => 128 << 10,
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

    /// Checks that the file is not marked as being written, so that its images can be relied on.
    ///
    /// # Errors
    ///
    /// If it is marked so, or can't be read.
    pub fn check_finished(&self) -> Result<()> {
        if self.incompatibilities()?.contains(&Incompatibility::Unfinished) {
            return Err(Error::new(format!("`{}` {}", self.path, Incompatibility::Unfinished))
                .help("name the WIM file of a capture that was finished"));
        }
        Ok(())
    }
}
