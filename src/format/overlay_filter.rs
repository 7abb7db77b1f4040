//! Transparent decompression of files under the Windows Overlay Filter (CompactOS) on an NTFS
//! volume.
//!
//! Nothing is copied or written. File records of compressed files are replaced while they are read,
//! so that the files look like plain ones whose clusters lie past the end of the volume; reads from
//! there decompress. Readers of the volume still see names, times, security descriptors, other
//! streams and hard links as they are. Uses memory for about one file record per compressed file,
//! and for one chunk.

#[cfg(test)]
pub(crate) mod fixtures;
mod wof_file;

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read, Seek, SeekFrom};

use disc_layout::ntfs::attributes::Stream;
use disc_layout::ntfs::mft::MasterFileTable;
use disc_layout::ntfs::record::NtfsRun;

use self::wof_file::WofFile;
use crate::error::Result;
use crate::format::partitions::Window;
use crate::format::wim::{ChunkReader, ReadAt, ResourceCompression};
use crate::limits::MAX_PATHS_LEN;
use crate::progress::Progress;

/// NTFS volume with compressed files decompressed. Reads may go past
/// [`volume_len`](Self::volume_len).
pub struct UnfilteredVolume {
    volume: Window,
    /// Master file table; `None` if it can't be read.
    table: Option<MasterFileTable>,
    /// Replacement bytes by offset on the volume. They don't overlap.
    patches: BTreeMap<u64, Vec<u8>>,
    /// Compressed files, sorted by offset of their contents.
    files: Vec<CompressedFile>,
    /// Record numbers of other files with a reparse point whose contents are not on the volume.
    hollow: HashSet<u64>,
    /// Reader of the last file, with its index.
    reader: Option<(usize, ChunkReader)>,
    position: u64,
    fault: Option<String>,
}

/// Compressed file with its place past the end of the volume.
struct CompressedFile {
    at: u64,
    len: u64,
    packing: ResourceCompression,
    stream: Stream,
    number: u64,
}

/// Compressed contents of a file, and their volume.
struct CompressedStream<'a>(&'a Stream, &'a Window);

impl ReadAt for CompressedStream<'_> {
    fn len(&self) -> std::result::Result<u64, String> {
        Ok(self.0.len())
    }

    fn fill(&self, bytes: &mut [u8], at: u64) -> std::result::Result<(), String> {
        self.0.fill(self.1, bytes, at)
    }
}

impl UnfilteredVolume {
    /// Finds the compressed files of a volume.
    ///
    /// Files that can't be decompressed keep their reparse point, since without it they would look
    /// empty. If the master file table can't be read, nothing is replaced, and the reader of the
    /// volume reports it.
    ///
    /// # Errors
    ///
    /// If reading the table fails, or the user interrupts.
    pub fn new(volume: Window, progress: &Progress) -> Result<Self> {
        let mut unfiltered = Self {
            volume,
            table: None,
            patches: BTreeMap::new(),
            files: Vec::new(),
            hollow: HashSet::new(),
            reader: None,
            position: 0,
            fault: None,
        };
        let Ok(table) = MasterFileTable::open(&unfiltered.volume) else { return Ok(unfiltered) };
        let mut numbers = Vec::new();
        let hollow = &mut unfiltered.hollow;
        table.visit(&unfiltered.volume, &mut || progress.check_cancelled(), &mut |number, record| {
            numbers.extend(wof_file::owner_of_wof_record(record, number));
            if table.is_hollow(record) {
                hollow.insert(number);
            }
        })?;
        // A file with several records is found once per record.
        numbers.sort_unstable();
        numbers.dedup();
        let mut end = unfiltered.volume_len().max(table.volume_len()).next_multiple_of(table.cluster_len());
        for number in numbers {
            progress.check_cancelled()?;
            if let Ok(len) = unfiltered.add_file(&table, number, end) {
                end += len;
                unfiltered.hollow.remove(&number);
            }
        }
        unfiltered.table = Some(table);
        Ok(unfiltered)
    }

    /// Adds a file with its contents at offset `at`. Returns the length of its clusters in bytes.
    fn add_file(&mut self, table: &MasterFileTable, number: u64, at: u64) -> std::result::Result<u64, String> {
        let file = WofFile::read(&self.volume, table, number)?;
        let n_clusters = file.len.div_ceil(table.cluster_len());
        // libntfs-3g uses signed offsets.
        let end = n_clusters.checked_mul(table.cluster_len()).and_then(|len| at.checked_add(len));
        end.filter(|end| i64::try_from(*end).is_ok()).ok_or("it is too long")?;
        ChunkReader::new(file.packing, file.stream.len(), file.len)?;
        let run = NtfsRun { start: at / table.cluster_len(), n_clusters };
        self.patches.extend(file.rewrite(&self.volume, table, run)?);
        let WofFile { len, packing, stream, .. } = file;
        self.files.push(CompressedFile { at, len, packing, stream, number });
        Ok(n_clusters * table.cluster_len())
    }

    /// Length of the volume in bytes.
    pub fn volume_len(&self) -> u64 {
        self.volume.len()
    }

    /// Paths of files with a reparse point whose contents are not on the volume, relative to its
    /// root. The list ends at [`MAX_PATHS_LEN`] bytes.
    pub fn hollow_paths(&self) -> HashSet<String> {
        let Some(table) = &self.table else { return HashSet::new() };
        let mut len = 0;
        let paths = self.hollow.iter().flat_map(|number| table.paths(&self.volume, *number));
        let fits = |path: &String| {
            len += path.len() as u64;
            len <= MAX_PATHS_LEN
        };
        paths.take_while(fits).collect()
    }

    /// Takes the reason why the last read could not decompress a file.
    pub fn take_fault(&mut self) -> Option<String> {
        self.fault.take()
    }

    /// Reads decompressed contents, up to the end of a file. The last cluster is padded with zeros.
    fn read_contents(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let Some(number) = self.files.partition_point(|file| file.at <= self.position).checked_sub(1) else {
            return Ok(0);
        };
        let next = self.files.get(number + 1).map_or(u64::MAX, |next| next.at);
        let n = usize::try_from(next - self.position).map_or(to.len(), |left| left.min(to.len()));
        let start = self.position - self.files[number].at;
        let left = self.files[number].len.saturating_sub(start);
        let (contents, zeros) = to[..n].split_at_mut(usize::try_from(left).map_or(n, |left| left.min(n)));
        zeros.fill(0);
        if !contents.is_empty()
            && let Err(why) = self.decompress(number, contents, start)
        {
            let number = self.files[number].number;
            let path = self.table.as_ref().and_then(|table| table.paths(&self.volume, number).into_iter().next());
            let path = path.map_or_else(|| format!("the file in record {number}"), |path| format!("`{path}`"));
            self.fault = Some(format!("{path} is compressed (CompactOS) and damaged: {why}"));
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.position += n as u64;
        Ok(n)
    }

    /// Decompresses part of a file, which has the index `number`.
    fn decompress(&mut self, number: usize, to: &mut [u8], start: u64) -> std::result::Result<(), String> {
        let file = &self.files[number];
        let mut reader = match self.reader.take().filter(|(last, _)| *last == number) {
            Some((_, reader)) => reader,
            None => ChunkReader::new(file.packing, file.stream.len(), file.len)?,
        };
        reader.read(&CompressedStream(&file.stream, &self.volume), to, start)?;
        self.reader = Some((number, reader));
        Ok(())
    }

    /// Replaces bytes that were read from offset `at`.
    fn apply_patches(&self, bytes: &mut [u8], at: u64) {
        let end = at + bytes.len() as u64;
        for (place, patch) in self.patches.range(..end).rev() {
            let patch_end = place + patch.len() as u64;
            if patch_end <= at {
                break;
            }
            let (from, to) = (at.max(*place), end.min(patch_end));
            let new = &patch[(from - place) as usize..(to - place) as usize];
            bytes[(from - at) as usize..(to - at) as usize].copy_from_slice(new);
        }
    }
}

impl Read for UnfilteredVolume {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.files.first().is_some_and(|first| self.position >= first.at) {
            return self.read_contents(to);
        }
        self.volume.seek(SeekFrom::Start(self.position))?;
        let n = self.volume.read(to)?;
        self.apply_patches(&mut to[..n], self.position);
        self.position += n as u64;
        Ok(n)
    }
}

impl Seek for UnfilteredVolume {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.volume_len().checked_add_signed(by),
        };
        self.position = place.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests;
