//! Memos of versions 3 and 4, which are read in full: no index, sources before the finished outputs, and one BLAKE3 of
//! the counts and all entries. Version 3 has another number in place of the week.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;

use super::entry::{ENTRY_LEN, Entry, array};
use super::{HEADER_LEN, Memo, state_of};
use crate::limits::MAX_DIGESTS_LEN;

/// Reads a memo of `len` bytes.
pub(super) fn read(file: &File, len: u64) -> io::Result<Memo> {
    if len > MAX_DIGESTS_LEN || len < HEADER_LEN as u64 {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; len as usize];
    file.read_exact_at(&mut bytes, 0)?;
    let (header, entries) = bytes.split_at(HEADER_LEN);
    let has_weeks = match header.strip_prefix(b"tsmedia") {
        Some([3, ..]) => false,
        Some([4, ..]) => true,
        _ => return Err(ErrorKind::InvalidData.into()),
    };
    let count = |at: usize| u32::from_le_bytes(array(&header[at..])) as usize;
    let (n_files, n_finished) = (count(8), count(12));
    let is_whole =
        entries.len() == (n_files + n_finished) * ENTRY_LEN && header[16..] == state_of(&header[8..16], entries).0;
    if !is_whole {
        return Err(ErrorKind::InvalidData.into());
    }
    let (sources, finished) = entries.as_chunks::<ENTRY_LEN>().0.split_at(n_files);
    let sources: &[Entry] = sources;
    Ok(Memo::from_sources(len, has_weeks, sources, finished))
}
