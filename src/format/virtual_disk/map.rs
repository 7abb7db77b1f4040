//! Maps of virtual disks: which bytes of a file are which bytes of the disk.

use std::io::{Read, Seek, SeekFrom};

use crate::error::{Error, Result};

/// Unit of most offsets in virtual disks, in bytes.
pub(super) const SECTOR_LEN: u64 = 512;

/// Length of the pieces in which long tables are read, in bytes.
const TABLE_PIECE_LEN: u64 = 64 << 10;

/// Range of a disk and the source of its bytes. What no run covers comes from the disk below, or is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// First byte on the disk.
    pub at: u64,
    /// Length in bytes.
    pub len: u64,
    pub from: From,
}

/// Source of the bytes of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// A range of the file that begins at this byte.
    File(u64),
    /// A compressed range of the file, of `len` bytes at most.
    Packed { offset: u64, len: u64, packing: Packing },
    /// Zeros, whatever the disk below holds.
    Zeros,
}

/// Compression of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// Deflate without a header (RFC 1951).
    Deflate,
    /// Deflate in a zlib stream (RFC 1950).
    Zlib,
}

/// Receives the runs of a disk in ascending order, joins neighbours and passes them on.
///
/// A file can't be mapped to more bytes than it has: tables that lead to the same bytes again and again would make a
/// small file an endless disk.
pub(super) struct Map<'a> {
    disk_len: u64,
    file_len: u64,
    /// Bytes of the file that may still be mapped.
    left: u64,
    pending: Option<Run>,
    each: &'a mut dyn FnMut(Run) -> Result<()>,
}

impl<'a> Map<'a> {
    /// Maps a disk of `disk_len` bytes to a file of `file_len` bytes.
    pub fn new(disk_len: u64, file_len: u64, each: &'a mut dyn FnMut(Run) -> Result<()>) -> Self {
        Self { disk_len, file_len, left: file_len, pending: None, each }
    }

    /// Maps a block of the disk to the same number of bytes of the file. Only the last block of a file may be cut off.
    pub fn block(&mut self, at: u64, offset: u64, len: u64) -> Result<()> {
        if offset >= self.file_len {
            return Err(Error::new(format!(
                "the data at byte {offset} is missing: the file has {} bytes",
                self.file_len
            )));
        }
        self.charge(len.min(self.file_len - offset))?;
        self.add(at, len, From::File(offset))
    }

    /// Maps a block of the disk to a compressed range of the file.
    pub fn packed(&mut self, at: u64, len: u64, packed: From) -> Result<()> {
        let From::Packed { offset, len: packed_len, .. } = packed else { return Ok(()) };
        if offset >= self.file_len {
            return Err(Error::new(format!(
                "the data at byte {offset} is missing: the file has {} bytes",
                self.file_len
            )));
        }
        // Lengths are counted in whole sectors, and neighbours share one.
        self.charge(packed_len.saturating_sub(SECTOR_LEN))?;
        self.add(at, len, packed)
    }

    /// Maps a block of the disk to zeros.
    pub fn zeros(&mut self, at: u64, len: u64) -> Result<()> {
        self.add(at, len, From::Zeros)
    }

    /// Passes the last run on.
    pub fn finish(mut self) -> Result<()> {
        match self.pending.take() {
            Some(run) => (self.each)(run),
            None => Ok(()),
        }
    }

    fn charge(&mut self, len: u64) -> Result<()> {
        let left = self.left.checked_sub(len);
        self.left = left.ok_or_else(|| Error::new("its tables map the same bytes of the file more than once"))?;
        Ok(())
    }

    fn add(&mut self, at: u64, len: u64, from: From) -> Result<()> {
        let len = len.min(self.disk_len.saturating_sub(at));
        if len == 0 {
            return Ok(());
        }
        if let Some(last) = &mut self.pending
            && last.at + last.len == at
        {
            let continues = match (last.from, from) {
                (From::File(before), From::File(offset)) => before + last.len == offset,
                (From::Zeros, From::Zeros) => true,
                _ => false,
            };
            if continues {
                last.len += len;
                return Ok(());
            }
        }
        match self.pending.replace(Run { at, len, from }) {
            Some(run) => (self.each)(run),
            None => Ok(()),
        }
    }
}

/// Reads `n` bytes at an offset, all of which must be there.
pub(super) fn read_at(file: &mut (impl Read + Seek), offset: u64, n: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; n];
    let read = file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut bytes));
    read.map_err(|error| Error::new(format!("reading {n} bytes at {offset}")).because(error))?;
    Ok(bytes)
}

/// Calls `each` with the number and the bytes of every entry of a table.
pub(super) fn each_entry<const N: usize>(
    file: &mut (impl Read + Seek),
    offset: u64,
    n_entries: u64,
    mut each: impl FnMut(u64, [u8; N]) -> Result<()>,
) -> Result<()> {
    let in_piece = TABLE_PIECE_LEN / N as u64;
    let mut first = 0;
    while first < n_entries {
        let n = in_piece.min(n_entries - first);
        let at = offset.checked_add(first * N as u64).ok_or_else(|| Error::new("a table lies past the end"))?;
        let bytes = read_at(file, at, n as usize * N)?;
        for (number, entry) in (first..).zip(bytes.as_chunks::<N>().0) {
            each(number, *entry)?;
        }
        first += n;
    }
    Ok(())
}

pub(super) fn le_u16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn le_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(super) fn le_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from(le_u32(bytes, at)) | u64::from(le_u32(bytes, at + 4)) << 32
}

pub(super) fn be_u32(bytes: &[u8], at: usize) -> u32 {
    le_u32(bytes, at).swap_bytes()
}

pub(super) fn be_u64(bytes: &[u8], at: usize) -> u64 {
    le_u64(bytes, at).swap_bytes()
}
