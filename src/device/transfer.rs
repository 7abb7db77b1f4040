//! Copying a medium to a drive and reading back what was written.
//!
//! Before the first byte is written the start of the drive is cleared, where firmware looks first, and it is written
//! last, when all else was read back and is right: a drive that is pulled out, fails or lies starts nothing. What is
//! zero on the medium is read, and cleared where it is anything else: drives read faster than they write, and
//! `verify` covers those bytes too. So does the rest where the drive holds an older build of the medium.

use std::io;

use camino::Utf8Path;

use super::drive::{CHUNK_LEN, Drive};
use super::image::Image;
use super::table::{self, Ends};
use crate::error::{Error, Result};
use crate::layout::Region;
use crate::progress::Progress;

/// How a medium is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// All of it.
    Whole,
    /// What differs from what the drive holds.
    Differences,
    /// All of it, to a drive that was found to be empty: what is written over is looked at before.
    Empty,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// How many bytes were written, and read back.
    pub n_written: u64,
    /// How many were there already.
    pub n_kept: u64,
}

/// A medium on its way to a drive: [written](Transfer::write), then [checked](Transfer::check), then
/// [finished](Transfer::finish).
pub struct Transfer<'a> {
    medium: &'a Image,
    /// The range that is no hole at or after the place that was looked at last. Places are looked at in order.
    data: Region,
    drive: &'a mut dyn Drive,
    name: &'a Utf8Path,
    how: How,
    ends: Ends,
    is_begun: bool,
    written: Vec<Region>,
    buffers: [Vec<u8>; 2],
}

/// How many bytes at the start of the drive are written last: partition tables and whatever precedes the first
/// partition.
pub(super) const HEAD_LEN: u64 = 1 << 20;

const NOTHING: Region = Region { offset: 0, len: 0 };

/// In what units what differs is written.
const BLOCK_LEN: usize = 64 << 10;

impl<'a> Transfer<'a> {
    /// Begins, writing nothing. `name` is what the drive is called in errors.
    pub fn new(medium: &'a Image, drive: &'a mut dyn Drive, name: &'a Utf8Path, how: How) -> Result<Self> {
        let mut head = vec![0; HEAD_LEN.min(medium.len) as usize];
        medium.read(&mut head, 0)?;
        let ends = table::ends(head, medium.len, drive.len());
        let buffers = [vec![0; CHUNK_LEN], vec![0; CHUNK_LEN]];
        Ok(Self { medium, data: NOTHING, drive, name, how, ends, is_begun: false, written: Vec::new(), buffers })
    }

    /// Writes all but the start of the drive.
    pub fn write(&mut self, progress: &Progress) -> Result<()> {
        progress.start(self.medium.len);
        let [mut wanted, mut there] = std::mem::take(&mut self.buffers);
        if self.how != How::Differences {
            self.begin()?;
        }
        let mut at = self.ends.head.len() as u64;
        progress.add(at);
        while at < self.medium.len {
            progress.go_on()?;
            let len = self.chunk_len(at)?;
            let wanted = &mut wanted[..len];
            let is_zero = self.wanted(wanted, at)?;
            if is_zero || self.how != How::Whole {
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
    /// When anything reads otherwise than it was written: then the drive is left without its start.
    pub fn check(&mut self, progress: &Progress) -> Result<()> {
        progress.start(self.written.iter().map(|region| region.len).sum());
        self.data = NOTHING;
        let [mut wanted, mut there] = std::mem::take(&mut self.buffers);
        for region in self.written.clone() {
            let mut at = region.offset;
            while at < region.end() {
                progress.go_on()?;
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

    /// Writes the start, which makes the drive a medium.
    pub fn finish(&mut self) -> Result<Done> {
        self.medium.check()?;
        let mut n_written: u64 = self.written.iter().map(|region| region.len).sum();
        let ends = [(0, std::mem::take(&mut self.ends.head)), std::mem::take(&mut self.ends.tail)];
        let [_, there] = &mut std::mem::take(&mut self.buffers);
        let mut differ = Vec::new();
        // The start is the last to be written of these too.
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
        Ok(Done { n_written, n_kept: whole.saturating_sub(n_written) })
    }

    /// Whether the drive is not what it was any more, and not the medium yet either.
    pub fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// Clears both ends of the drive, where partition tables are, unless that is done.
    fn begin(&mut self) -> Result<()> {
        if self.is_begun {
            return Ok(());
        }
        let mut zeros = vec![0; HEAD_LEN as usize];
        let places = [
            Region { offset: 0, len: HEAD_LEN.min(self.medium.len) },
            table::end_of(self.drive.len(), self.medium.len),
        ];
        for place in places.iter().filter(|_| self.how == How::Empty) {
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

    /// How many bytes from a place on are looked at together: they are all in a hole of the file, or none of them is.
    fn chunk_len(&mut self, at: u64) -> Result<usize> {
        if at >= self.data.end() {
            self.data = self.medium.next_data(at)?;
        }
        let end = if at < self.data.offset { self.data.offset } else { self.data.end() };
        Ok((end - at).min(CHUNK_LEN as u64) as usize)
    }

    /// Fills `bytes`, a chunk, with what the medium holds there, and says whether that is nothing but zeros.
    fn wanted(&mut self, bytes: &mut [u8], at: u64) -> Result<bool> {
        if at < self.data.offset {
            bytes.fill(0);
            return Ok(true);
        }
        self.medium.read(bytes, at)?;
        Ok(is_zero(bytes))
    }

    /// Fails if a drive that was found to be empty holds data where it is to be written.
    fn check_empty(&self, there: &[u8], at: u64) -> Result<()> {
        match there.iter().position(|byte| *byte != 0).filter(|_| self.how == How::Empty) {
            Some(n) => {
                let at = at + n as u64;
                Err(Error::new(format!("`{}` was found to be empty, and holds data from byte {at} on", self.name))
                    .help("they are as they were; to have them erased, give the stick's name with `--erase`"))
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
        Err(Error::new(format!("`{}` gives back other bytes than were written, from byte {at} on", self.name))
            .help("it is worn out, or holds less than it says: take another one"))
    }

    fn cannot_read(&self, error: io::Error) -> Error {
        Error::io("reading", self.name, error)
    }

    fn cannot_write(&self, error: io::Error) -> Error {
        Error::io("writing", self.name, error)
    }
}

/// Whether there is nothing but zeros: the first is, and each is like the one before it. Comparing is the fastest that
/// there is.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|first| *first == 0 && bytes[1..] == bytes[..bytes.len() - 1])
}

/// Where two runs of bytes differ, in whole blocks; neighbours are one range.
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
