//! Mapping of virtual disks to ranges of files.

use std::io::{Read, Seek, SeekFrom};

use crate::error::{Error, Result};

/// Unit of most offsets in virtual disks, in bytes.
pub(super) const SECTOR_LEN: u64 = 512;

/// Length of pieces in which long tables are read, in bytes.
const TABLE_PIECE_LEN: u64 = 64 << 10;

/// Range of a disk with the source of its bytes. Unmapped ranges come from the disk below, or are
/// zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DiskRun {
    /// Offset on the disk in bytes.
    pub at: u64,
    /// Length in bytes.
    pub len: u64,
    pub from: RunSource,
}

/// Source of the bytes of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunSource {
    /// Range of the file that starts at this offset.
    File(u64),
    /// Compressed range of the file, of at most `len` bytes.
    Packed { offset: u64, len: u64, packing: RunCompression },
    /// Zeros that hide the disk below.
    Zeros,
}

/// Compression of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunCompression {
    /// Deflate without a header (RFC 1951).
    Deflate,
    /// Deflate in a zlib stream (RFC 1950).
    Zlib,
}

/// Collects the runs of a disk in ascending order, merges adjacent ones and passes them on.
///
/// No more bytes are mapped than the file has: tables that refer to the same data repeatedly could
/// make a small file an endless disk.
pub(super) struct DiskMapper<'a> {
    disk_len: u64,
    file_len: u64,
    /// Bytes of the file that may still be mapped.
    left: u64,
    pending: Option<DiskRun>,
    each: &'a mut dyn FnMut(DiskRun) -> Result<()>,
}

impl<'a> DiskMapper<'a> {
    /// Creates a mapper for a disk of `disk_len` bytes in a file of `file_len` bytes.
    pub fn new(disk_len: u64, file_len: u64, each: &'a mut dyn FnMut(DiskRun) -> Result<()>) -> Self {
        Self { disk_len, file_len, left: file_len, pending: None, each }
    }

    /// Maps a block to as many bytes of the file. Only the last block of the file may be truncated.
    pub fn add_block(&mut self, at: u64, offset: u64, len: u64) -> Result<()> {
        if offset >= self.file_len {
            return Err(Error::new(format!(
                "the data at byte {offset} is missing: the file has {} bytes",
                self.file_len
            )));
        }
        self.charge(len.min(self.file_len - offset))?;
        self.add(at, len, RunSource::File(offset))
    }

    /// Maps a block to a compressed range of the file.
    pub fn add_packed(&mut self, at: u64, len: u64, packed: RunSource) -> Result<()> {
        let RunSource::Packed { offset, len: packed_len, .. } = packed else { return Ok(()) };
        if offset >= self.file_len {
            return Err(Error::new(format!(
                "the data at byte {offset} is missing: the file has {} bytes",
                self.file_len
            )));
        }
        // Lengths are rounded up to sectors, and adjacent clusters share one.
        self.charge(packed_len.saturating_sub(SECTOR_LEN))?;
        self.add(at, len, packed)
    }

    /// Maps a block to zeros.
    pub fn add_zeros(&mut self, at: u64, len: u64) -> Result<()> {
        self.add(at, len, RunSource::Zeros)
    }

    /// Passes on the last run.
    pub fn finish(mut self) -> Result<()> {
        match self.pending.take() {
            Some(run) => (self.each)(run),
            None => Ok(()),
        }
    }

    /// Counts mapped bytes, up to the length of the file.
    fn charge(&mut self, len: u64) -> Result<()> {
        let left = self.left.checked_sub(len);
        self.left = left.ok_or_else(|| Error::new("its tables map the same bytes of the file more than once"))?;
        Ok(())
    }

    /// Adds a run, or extends the last one.
    fn add(&mut self, at: u64, len: u64, from: RunSource) -> Result<()> {
        let len = len.min(self.disk_len.saturating_sub(at));
        if len == 0 {
            return Ok(());
        }
        if let Some(last) = &mut self.pending
            && last.at + last.len == at
        {
            let continues = match (last.from, from) {
                (RunSource::File(before), RunSource::File(offset)) => before + last.len == offset,
                (RunSource::Zeros, RunSource::Zeros) => true,
                _ => false,
            };
            if continues {
                last.len += len;
                return Ok(());
            }
        }
        match self.pending.replace(DiskRun { at, len, from }) {
            Some(run) => (self.each)(run),
            None => Ok(()),
        }
    }
}

/// Reads `n` bytes at an offset; fewer are an error.
pub(super) fn read_at(file: &mut (impl Read + Seek), offset: u64, n: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; n];
    let read = file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut bytes));
    read.map_err(|error| Error::new(format!("reading {n} bytes at byte {offset}")).because(error))?;
    Ok(bytes)
}

/// Calls `each` with the index and the bytes of each table entry.
pub(super) fn for_each_entry<const N: usize>(
    file: &mut (impl Read + Seek),
    offset: u64,
    n_entries: u64,
    mut each: impl FnMut(u64, [u8; N]) -> Result<()>,
) -> Result<()> {
    let in_piece = TABLE_PIECE_LEN / N as u64;
    let mut first = 0;
    while first < n_entries {
        let n = in_piece.min(n_entries - first);
        let at =
            offset.checked_add(first * N as u64).ok_or_else(|| Error::new("a table is past the end of the file"))?;
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
