//! Reader of a disc that checks that every range lies within it.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use super::super::SECTOR;
use super::{IsoPart, IsoStructure};
use crate::error::{Details, Error, Result};
use crate::limits::MAX_DISC_FOLDER_LEN;

pub struct DiscReader<'a, R> {
    reader: &'a mut R,
    len: u64,
    structures: Vec<IsoStructure>,
}

impl<'a, R: Read + Seek> DiscReader<'a, R> {
    pub fn new(reader: &'a mut R) -> Result<Self> {
        let len = reader.seek(SeekFrom::End(0)).map_err(|error| Error::io("finding the end of the disc", error))?;
        Ok(Self { reader, len, structures: Vec::new() })
    }

    pub fn len(&self) -> u64 {
        self.len
    }

    /// Marks what a range is used for. Bytes outside of the disc are ignored.
    pub fn note(&mut self, part: IsoPart, start: u64, len: u64) {
        let end = start.saturating_add(len).min(self.len);
        match self.structures.last_mut() {
            _ if start >= end => {}
            Some(last) if last.part == part && last.range.end == start => last.range.end = end,
            _ => self.structures.push(IsoStructure { part, range: start..end }),
        }
    }

    /// Marked ranges in ascending order. Adjacent ranges with the same use are joined.
    pub fn into_structures(mut self) -> Vec<IsoStructure> {
        self.structures.sort_by_key(|structure| (structure.range.start, structure.range.end));
        let mut merged: Vec<IsoStructure> = Vec::new();
        for IsoStructure { part, range } in self.structures {
            match merged.last_mut() {
                Some(last) if last.part == part && range.start <= last.range.end => {
                    last.range.end = last.range.end.max(range.end);
                }
                _ => merged.push(IsoStructure { part, range }),
            }
        }
        merged
    }

    /// Checks that a range is within the disc. Errors name it with `what`.
    pub fn range(&self, what: &str, start: u64, len: u64) -> Result<Range<u64>> {
        match start.checked_add(len) {
            Some(end) if end <= self.len => Ok(start..end),
            _ => Err(Error::Damaged(
                Details::new(format!("{what} is outside of the disc: {len} bytes at byte {start} of {}", self.len))
                    .help("the image may be truncated: compare its size with that of the original"),
            )),
        }
    }

    pub fn read(&mut self, what: &str, range: Range<u64>) -> Result<Vec<u8>> {
        let range = self.range(what, range.start, range.end.saturating_sub(range.start))?;
        let len = range.end - range.start;
        self.check_len(what, len)?;
        let mut bytes = vec![0; len as usize];
        let read = self.reader.seek(SeekFrom::Start(range.start)).and_then(|_| self.reader.read_exact(&mut bytes));
        read.map_err(|error| Error::io(format!("reading {what} at byte {}", range.start), error))?;
        Ok(bytes)
    }

    /// Fails if a range is too large to read at once.
    pub fn check_len(&self, what: &str, len: u64) -> Result<()> {
        match len > MAX_DISC_FOLDER_LEN {
            true => Err(Error::over_limit(format!(
                "{what} has {len} bytes, but at most {MAX_DISC_FOLDER_LEN} are supported"
            ))),
            false => Ok(()),
        }
    }

    pub fn sector(&mut self, what: &str, sector: u64) -> Result<Vec<u8>> {
        let start = sector.saturating_mul(SECTOR);
        self.read(what, start..start.saturating_add(SECTOR))
    }
}
