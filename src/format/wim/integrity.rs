//! Integrity table of a WIM file: SHA-1s of chunks of 10 MiB between header and XML.
//!
//! Follows the Windows Imaging File Format, `_INTEGRITY_TABLE`: length of the table, number of
//! chunks, chunk length (`u32` each), then 20 bytes per chunk. Covers the file from byte 208 to the
//! end of the blob table.

use std::ops::Range;

use super::content_sha1::pieced_sha1;

use super::header::{HEADER_LEN, array_at};
use crate::content::Pieced;
use crate::error::Result;
use crate::progress::Progress;

/// Length of a chunk in bytes, as in files of other tools.
pub const CHUNK_LEN: u64 = 10 << 20;
const HEAD_LEN: usize = 12;

/// An integrity table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integrity {
    /// Length of a chunk in bytes. The last one may be shorter.
    pub chunk_len: u64,
    /// SHA-1 of each chunk.
    pub chunks: Vec<[u8; 20]>,
}

impl Integrity {
    /// Parses a table.
    pub fn parse(bytes: &[u8]) -> std::result::Result<Self, String> {
        let damaged = || "its integrity table is damaged".to_owned();
        let head = bytes.first_chunk::<HEAD_LEN>().ok_or_else(damaged)?;
        let [len, n_chunks, chunk_len] = [0, 4, 8].map(|at| u32::from_le_bytes(array_at(head, at)));
        let (chunks, rest) = bytes[HEAD_LEN..].as_chunks();
        if len as usize != bytes.len() || n_chunks as usize != chunks.len() || !rest.is_empty() || chunk_len == 0 {
            return Err(damaged());
        }
        Ok(Self { chunk_len: chunk_len.into(), chunks: chunks.to_vec() })
    }

    /// Encodes the table.
    pub fn to_bytes(&self) -> Vec<u8> {
        let len = HEAD_LEN + self.chunks.len() * 20;
        let mut bytes = Vec::with_capacity(len);
        [len as u64, self.chunks.len() as u64, self.chunk_len]
            .iter()
            .for_each(|number| bytes.extend((*number as u32).to_le_bytes()));
        bytes.extend(self.chunks.as_flattened());
        bytes
    }
}

/// Table of a derived WIM. Its first `n_same` bytes equal those of the WIM with the table `old`, so
/// only the rest is read. `end` is the end of its blob table.
pub(super) fn updated(old: &Integrity, n_same: u64, end: u64, new: &Pieced, progress: &Progress) -> Result<Integrity> {
    let chunks = chunk_ranges(old.chunk_len, end).enumerate().map(|(at, range)| match old.chunks.get(at) {
        Some(sha1) if range.end <= n_same && range.end - range.start == old.chunk_len => Ok(*sha1),
        _ => pieced_sha1(new, range, progress),
    });
    Ok(Integrity { chunk_len: old.chunk_len, chunks: chunks.collect::<Result<_>>()? })
}

/// Ranges of the chunks in a file whose blob table ends at `end`.
pub fn chunk_ranges(chunk_len: u64, end: u64) -> impl Iterator<Item = Range<u64>> {
    let start = HEADER_LEN as u64;
    (0..end.saturating_sub(start).div_ceil(chunk_len)).map(move |chunk| {
        let from = start + chunk * chunk_len;
        from..(from + chunk_len).min(end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_is_read_is_written_as_it_was() {
        let table = Integrity { chunk_len: CHUNK_LEN, chunks: vec![[1; 20], [2; 20]] };
        let bytes = table.to_bytes();
        assert_eq!(Integrity::parse(&bytes).unwrap(), table);
        assert!((0..bytes.len()).all(|len| Integrity::parse(&bytes[..len]).is_err()));
    }

    #[test]
    fn chunks_cover_the_file_without_its_header() {
        let all: Vec<_> = chunk_ranges(100, 450).collect();
        assert_eq!(all, [208..308, 308..408, 408..450]);
        assert_eq!(chunk_ranges(100, 208).count(), 0);
    }
}
