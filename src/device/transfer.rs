//! Copies a medium to a drive and reads back what was written.
//!
//! The start of the drive, where firmware looks first, is cleared before anything else is written. It is written last,
//! after everything else has been read back correctly, so a drive that is unplugged, fails or lies is never bootable.
//! Where the medium has zeros, the drive is read, and only written if it has something else: reading is faster than
//! writing, and `verify` covers these bytes too. The same goes for everything if the drive holds an older build.

use std::io;

use camino::Utf8Path;

use super::drive::{CHUNK_LEN, Drive};
use super::image::MediumFile;
use super::table::{self, DriveEnds};
use crate::error::{Error, Result};
use crate::layout::Region;
use crate::progress::Progress;

/// Extent of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferMode {
    /// Copy everything.
    Whole,
    /// Copy the differences from an older build on the drive.
    Differences,
    /// Copy everything to a drive that was found empty, checking each range before overwriting it.
    Empty,
}

/// Result of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferResult {
    /// Number of bytes written and read back.
    pub n_written: u64,
    /// Number of bytes that were on the drive already.
    pub n_kept: u64,
}

/// Transfer of a medium to a drive. Call [`write`](Transfer::write), then [`check`](Transfer::check), then
/// [`finish`](Transfer::finish).
pub struct Transfer<'a> {
    medium: &'a MediumFile,
    /// Last range found that is not a hole. Ranges are visited in order.
    data: Region,
    drive: &'a mut dyn Drive,
    name: &'a Utf8Path,
    mode: TransferMode,
    ends: DriveEnds,
    is_begun: bool,
    written: Vec<Region>,
    buffers: [Vec<u8>; 2],
}

/// Number of bytes at the start of the drive that are written last: partition tables, and everything before the first
/// partition.
pub(super) const HEAD_LEN: u64 = 1 << 20;

const NOTHING: Region = Region { offset: 0, len: 0 };

/// Number of bytes in which differences are written.
const BLOCK_LEN: usize = 64 << 10;

impl<'a> Transfer<'a> {
    /// Prepares a transfer without writing anything. `name` is the drive's name in errors.
    pub fn new(
        medium: &'a MediumFile,
        drive: &'a mut dyn Drive,
        name: &'a Utf8Path,
        mode: TransferMode,
    ) -> Result<Self> {
        let mut head = vec![0; HEAD_LEN.min(medium.len) as usize];
        medium.read(&mut head, 0)?;
        let ends = table::drive_ends(head, medium.len, drive.len());
        let buffers = [vec![0; CHUNK_LEN], vec![0; CHUNK_LEN]];
        Ok(Self { medium, data: NOTHING, drive, name, mode, ends, is_begun: false, written: Vec::new(), buffers })
    }

    /// Writes everything but the start of the drive.
    pub fn write(&mut self, progress: &Progress) -> Result<()> {
        progress.start(self.medium.len);
        let [mut wanted, mut there] = std::mem::take(&mut self.buffers);
        if self.mode != TransferMode::Differences {
            self.begin()?;
        }
        let mut at = self.ends.head.len() as u64;
        progress.add(at);
        while at < self.medium.len {
            progress.check_cancelled()?;
            let len = self.chunk_len(at)?;
            let wanted = &mut wanted[..len];
            let is_zero = self.wanted(wanted, at)?;
            if is_zero || self.mode != TransferMode::Whole {
                let there = &mut there[..len];
                self.drive.read(there, at).map_err(|error| self.cannot_read(error))?;
                self.check_empty(there, at)?;
                for block in differing(wanted, there) {
                    self.put(&wanted[block.clone()], at + block.start as u64)?;
                }
            } else {
                self.put(wanted, at)?;
            }
            progress.add(len as u64);
            at += len as u64;
        }
        self.buffers = [wanted, there];
        self.sync()
    }

    /// Reads back what was written.
    ///
    /// # Errors
    ///
    /// If a byte differs from the one written. The drive is then left without its start, so it is not bootable.
    pub fn check(&mut self, progress: &Progress) -> Result<()> {
        progress.start(self.written.iter().map(|region| region.len).sum());
        self.data = NOTHING;
        let [mut wanted, mut there] = std::mem::take(&mut self.buffers);
        for region in self.written.clone() {
            let mut at = region.offset;
            while at < region.end() {
                progress.check_cancelled()?;
                let len = self.chunk_len(at)?.min((region.end() - at) as usize);
                self.wanted(&mut wanted[..len], at)?;
                self.compare(&wanted[..len], &mut there[..len], at)?;
                progress.add(len as u64);
                at += len as u64;
            }
        }
        self.buffers = [wanted, there];
        Ok(())
    }

    /// Writes the start, which makes the drive bootable.
    pub fn finish(&mut self) -> Result<TransferResult> {
        self.medium.check()?;
        let mut n_written: u64 = self.written.iter().map(|region| region.len).sum();
        let ends = [(0, std::mem::take(&mut self.ends.head)), std::mem::take(&mut self.ends.tail)];
        let [_, there] = &mut std::mem::take(&mut self.buffers);
        let mut differ = Vec::new();
        // The end comes first, so that the start is written last of all.
        for (at, bytes) in ends.iter().rev().filter(|(_, bytes)| !bytes.is_empty()) {
            let there = &mut there[..bytes.len()];
            self.drive.read(there, *at).map_err(|error| self.cannot_read(error))?;
            if there != bytes.as_slice() {
                differ.push((*at, bytes));
            }
        }
        if !differ.is_empty() {
            self.begin()?;
        }
        for (at, bytes) in differ {
            self.drive.write(bytes, at).map_err(|error| self.cannot_write(error))?;
            self.sync()?;
            self.compare(bytes, &mut there[..bytes.len()], at)?;
            n_written += bytes.len() as u64;
        }
        let whole = self.medium.len + ends[1].1.len() as u64;
        Ok(TransferResult { n_written, n_kept: whole.saturating_sub(n_written) })
    }

    /// Returns `true` if the drive was changed and is not a complete medium yet.
    pub fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// Clears the places of both partition tables, unless this was done before.
    fn begin(&mut self) -> Result<()> {
        if self.is_begun {
            return Ok(());
        }
        let mut zeros = vec![0; HEAD_LEN as usize];
        let places = [
            Region { offset: 0, len: HEAD_LEN.min(self.medium.len) },
            table::backup_region(self.drive.len(), self.medium.len),
        ];
        for place in places.iter().filter(|_| self.mode == TransferMode::Empty) {
            let there = &mut zeros[..place.len as usize];
            self.drive.read(there, place.offset).map_err(|error| self.cannot_read(error))?;
            self.check_empty(there, place.offset)?;
        }
        self.is_begun = true;
        for place in places {
            let zeros = &zeros[..place.len as usize];
            self.drive.write(zeros, place.offset).map_err(|error| self.cannot_write(error))?;
        }
        self.sync()
    }

    /// Length of the chunk at `at`, which is either all hole or all data.
    fn chunk_len(&mut self, at: u64) -> Result<usize> {
        if at >= self.data.end() {
            self.data = self.medium.next_data(at)?;
        }
        let end = if at < self.data.offset { self.data.offset } else { self.data.end() };
        Ok((end - at).min(CHUNK_LEN as u64) as usize)
    }

    /// Fills `bytes` with a chunk of the medium. Returns `true` if it is all zero.
    fn wanted(&mut self, bytes: &mut [u8], at: u64) -> Result<bool> {
        if at < self.data.offset {
            bytes.fill(0);
            return Ok(true);
        }
        self.medium.read(bytes, at)?;
        Ok(is_zero(bytes))
    }

    /// Fails if a drive that was found empty holds data where it is about to be written.
    fn check_empty(&self, there: &[u8], at: u64) -> Result<()> {
        match there.iter().position(|byte| *byte != 0).filter(|_| self.mode == TransferMode::Empty) {
            Some(n) => {
                let at = at + n as u64;
                Err(Error::new(format!("`{}` seemed to be empty, but holds data from byte {at} on", self.name))
                    .help("the data is untouched; to erase it, give the stick's name with `--erase`"))
            }
            None => Ok(()),
        }
    }

    fn put(&mut self, bytes: &[u8], at: u64) -> Result<()> {
        self.begin()?;
        self.drive.write(bytes, at).map_err(|error| self.cannot_write(error))?;
        let len = bytes.len() as u64;
        match self.written.last_mut() {
            Some(last) if last.end() == at => last.len += len,
            _ => self.written.push(Region { offset: at, len }),
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.drive.sync().map_err(|error| self.cannot_write(error))
    }

    fn compare(&mut self, wanted: &[u8], there: &mut [u8], at: u64) -> Result<()> {
        self.drive.read(there, at).map_err(|error| self.cannot_read(error))?;
        if wanted == there {
            return Ok(());
        }
        let first = wanted.iter().zip(there.iter()).take_while(|(wanted, there)| wanted == there).count();
        let at = at + first as u64;
        Err(Error::new(format!("`{}` returned different bytes than were written, from byte {at} on", self.name))
            .help("use another stick: this one is worn out, or smaller than it claims"))
    }

    fn cannot_read(&self, error: io::Error) -> Error {
        Error::io("reading", self.name, error)
    }

    fn cannot_write(&self, error: io::Error) -> Error {
        Error::io("writing", self.name, error)
    }
}

/// Returns `true` if all bytes are zero. Comparing a slice with itself, shifted by one, is the fastest way.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|first| *first == 0 && bytes[1..] == bytes[..bytes.len() - 1])
}

/// Ranges of whole blocks in which two slices differ; adjacent blocks are joined.
fn differing(wanted: &[u8], there: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut ranges: Vec<std::ops::Range<usize>> = Vec::new();
    let blocks = wanted.chunks(BLOCK_LEN).zip(there.chunks(BLOCK_LEN)).enumerate();
    for (index, (wanted, _)) in blocks.filter(|(_, (wanted, there))| wanted != there) {
        let start = index * BLOCK_LEN;
        match ranges.last_mut() {
            Some(last) if last.end == start => last.end += wanted.len(),
            _ => ranges.push(start..start + wanted.len()),
        }
    }
    ranges
}
