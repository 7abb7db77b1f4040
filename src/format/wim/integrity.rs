//! The integrity table of a WIM file: SHA-1s of what is between its header and its XML, in chunks of 10 MiB.
//!
//! Windows Imaging File Format, `_INTEGRITY_TABLE`: the length of the table, how many chunks there are, their length
//! (u32 each), then 20 bytes for each. It covers the file from byte 208 up to the end of the table of resources.

use std::ops::Range;

use super::content_sha1::sha1_of;

use super::header::{HEADER_LEN, array_at};
use crate::content::Pieced;
use crate::error::Result;
use crate::progress::Progress;

/// How much one SHA-1 is of, in files that others make too.
pub const CHUNK_LEN: u64 = 10 << 20;
const HEAD_LEN: usize = 12;

/// An integrity table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integrity {
    /// How much one SHA-1 is of, in bytes; the last may be of less.
    pub chunk_len: u64,
    /// The SHA-1 of each chunk.
    pub chunks: Vec<[u8; 20]>,
}

impl Integrity {
    /// What the bytes of a table say, or what is wrong with them.
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

    /// The bytes of the table.
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

/// The table of a WIM that was made of one with the table `old`: up to `n_same` their bytes are the same, and its table
/// of resources ends at `end`. Only the rest is read.
pub(super) fn renewed(old: &Integrity, n_same: u64, end: u64, new: &Pieced, progress: &Progress) -> Result<Integrity> {
    let chunks = chunks(old.chunk_len, end).enumerate().map(|(at, range)| match old.chunks.get(at) {
        Some(sha1) if range.end <= n_same && range.end - range.start == old.chunk_len => Ok(*sha1),
        _ => sha1_of(new, range, progress),
    });
    Ok(Integrity { chunk_len: old.chunk_len, chunks: chunks.collect::<Result<_>>()? })
}

/// The chunks of a file whose table of resources ends at a byte, as ranges of the file.
pub fn chunks(chunk_len: u64, end: u64) -> impl Iterator<Item = Range<u64>> {
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
        let all: Vec<_> = chunks(100, 450).collect();
        assert_eq!(all, [208..308, 308..408, 408..450]);
        assert_eq!(chunks(100, 208).count(), 0);
    }
}
