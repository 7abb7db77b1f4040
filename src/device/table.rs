//! Adapts partition tables to a drive that is larger than the medium.
//!
//! Follows UEFI 2.10, 5.3 (GUID partition table): the backup table is at the end of the disk, and the primary one holds
//! its position. So the backup is written to the end of the drive, and the primary header is updated. The medium's own
//! backup stays in place, outside of any partition; [`Original`] uses it to recognise the medium. A backup of another
//! medium at the end of the drive is cleared, since firmware would use it if the primary were damaged.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use camino::Utf8Path;

use crate::content::Stat;
use crate::error::{Error, Result};
use crate::format::file_system::{self, FileSystem};
use crate::format::partitions::{self, PartitionScheme, PartitionTable, crc32};
use crate::git_lfs;
use crate::layout::Region;
use crate::limits;
use crate::write;
use authoring::file::is_lfs_pointer;

/// Bytes to write at the ends of a drive.
#[derive(Clone, Debug)]
pub(super) struct DriveEnds {
    /// Bytes from the start of the drive.
    pub head: Vec<u8>,
    /// Offset and bytes at the end of the drive; empty if nothing belongs there.
    pub tail: (u64, Vec<u8>),
}

const SECTOR: u64 = 512;

/// Length of the backup table: 32 sectors of entries and the header.
const TABLE_LEN: u64 = 33 * SECTOR;

const SIGNATURE: &[u8] = b"EFI PART";
const HEADER: usize = SECTOR as usize;
const ENTRIES: Range<usize> = 2 * HEADER..34 * HEADER;

// Offsets of the header's fields (5.3.2).
const HEADER_LEN: usize = 12;
const HEADER_CRC: Range<usize> = 16..20;
const MY_LBA: usize = 24;
const ALTERNATE_LBA: usize = 32;
const LAST_USABLE_LBA: usize = 48;
const ENTRIES_LBA: usize = 72;

/// Offset of the number of sectors in the first entry of the protective MBR (5.2.3).
const PROTECTED_LEN: usize = 446 + 12;

/// Adapts the start of a medium to a drive, and makes the backup table for its end.
pub(super) fn drive_ends(mut head: Vec<u8>, medium_len: u64, drive_len: u64) -> DriveEnds {
    if !has_gpt(&head) || backup_region(drive_len, medium_len).len < TABLE_LEN {
        return DriveEnds { head, tail: (0, Vec::new()) };
    }
    let last = drive_len / SECTOR - 1;
    protect(&mut head, last);
    let header = &mut head[HEADER..2 * HEADER];
    put(header, ALTERNATE_LBA, last);
    put(header, LAST_USABLE_LBA, last - TABLE_LEN / SECTOR);
    seal(header);
    let mut second = header.to_vec();
    put(&mut second, MY_LBA, last);
    put(&mut second, ALTERNATE_LBA, 1);
    put(&mut second, ENTRIES_LBA, last - 32);
    seal(&mut second);
    let tail = [&head[ENTRIES], &second].concat();
    DriveEnds { head, tail: (drive_len - TABLE_LEN, tail) }
}

/// Region of a backup table at the end of a drive; empty if the medium extends into it.
pub(super) fn backup_region(drive_len: u64, medium_len: u64) -> Region {
    let end = drive_len / SECTOR * SECTOR;
    let has_room = end >= medium_len + TABLE_LEN;
    Region { offset: end.saturating_sub(TABLE_LEN), len: if has_room { TABLE_LEN } else { 0 } }
}

fn has_gpt(head: &[u8]) -> bool {
    head.len() >= ENTRIES.end && head[HEADER..].starts_with(SIGNATURE)
}

fn protect(head: &mut [u8], last: u64) {
    let n_sectors = u32::try_from(last).unwrap_or(u32::MAX);
    head[PROTECTED_LEN..PROTECTED_LEN + 4].copy_from_slice(&n_sectors.to_le_bytes());
}

fn put(header: &mut [u8], at: usize, value: u64) {
    header[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

fn get(header: &[u8], at: usize) -> u64 {
    header[at..at + 8].iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// Updates the checksum of a header.
fn seal(header: &mut [u8]) {
    let len = get(header, HEADER_LEN) as u32 as usize;
    header[HEADER_CRC].fill(0);
    let sum = crc32(&header[..len.min(HEADER)]);
    header[HEADER_CRC].copy_from_slice(&sum.to_le_bytes());
}

/// Reads a medium on a larger drive as it was built: without the changes to its partition table, and without what
/// follows it on the drive. Any other image is read unchanged.
#[derive(Debug)]
pub struct Original<I> {
    image: I,
    len: u64,
    at: u64,
    /// Replaced bytes at the start.
    start: Vec<u8>,
}

/// Opens a finished medium, in a file or on a stick.
pub fn open(path: &Utf8Path) -> Result<Original<File>> {
    write::refuse_cut_off(path)?;
    limits::check_image(path).map_err(|error| Error::io("opening", path, error))?;
    if is_lfs_pointer(path).unwrap_or(false) {
        return Err(git_lfs::error(path));
    }
    Original::find(write::open_finished(path)?).map_err(|error| Error::io("reading", path, error))
}

/// Length after the last partition in which the medium's own backup table is searched.
const SEARCH_LEN: u64 = 4 << 20;

impl Original<File> {
    /// Length and modification time of a file, which change when it is written. `None` for a device.
    pub fn version(&self) -> io::Result<Option<(u64, i64)>> {
        let metadata = self.image.metadata()?;
        let stat = Stat::from_metadata(&metadata);
        Ok(metadata.is_file().then_some((stat.len, stat.modified_ns)))
    }
}

impl<I: Read + Seek> Original<I> {
    /// Finds the medium on a drive.
    pub fn find(mut image: I) -> io::Result<Self> {
        let len = image.seek(SeekFrom::End(0))?;
        let mut head = Vec::new();
        image.seek(SeekFrom::Start(0))?;
        (&mut image).take(ENTRIES.end as u64).read_to_end(&mut head)?;
        let mut original = Self { image, len, at: 0, start: Vec::new() };
        if !has_gpt(&head) {
            original.len = original.end_of_mbr()?.unwrap_or(len);
            return Ok(original);
        }
        if let Some(last) = original.find_backup(&head)?.filter(|last| (last + 1) * SECTOR < len) {
            protect(&mut head, last);
            let header = &mut head[HEADER..2 * HEADER];
            put(header, ALTERNATE_LBA, last);
            put(header, LAST_USABLE_LBA, last - TABLE_LEN / SECTOR);
            seal(header);
            head.truncate(2 * HEADER);
            (original.start, original.len) = (head, (last + 1) * SECTOR);
        }
        Ok(original)
    }

    /// End of the last partition of an MBR whose first partition is a FAT volume, as on media for sticks. Discs may
    /// have an MBR too, but are read unchanged.
    fn end_of_mbr(&mut self) -> io::Result<Option<u64>> {
        let Ok(Some(PartitionTable { scheme: PartitionScheme::Mbr, partitions, .. })) =
            partitions::read(&mut self.image)
        else {
            return Ok(None);
        };
        let Some(first) = partitions.iter().min_by_key(|partition| partition.offset) else { return Ok(None) };
        self.image.seek(SeekFrom::Start(first.offset))?;
        let found = file_system::recognise(&mut (&mut self.image).take(first.len))?;
        let end = partitions.iter().map(|partition| partition.offset.saturating_add(partition.len)).max();
        Ok(end.filter(|end| matches!(found, FileSystem::Fat(_)) && *end < self.len))
    }

    /// Finds the header of the medium's own backup table: it contains its own sector number.
    fn find_backup(&mut self, head: &[u8]) -> io::Result<Option<u64>> {
        let ends = head[ENTRIES].chunks_exact(128).filter(|entry| entry[..16] != [0; 16]).map(|entry| get(entry, 40));
        let Some(end) = ends.max().and_then(|last| last.checked_add(1)) else { return Ok(None) };
        let mut sectors = Vec::new();
        self.image.seek(SeekFrom::Start(end.saturating_mul(SECTOR)))?;
        (&mut self.image).take(SEARCH_LEN).read_to_end(&mut sectors)?;
        let is_it = |(sector, bytes): &(u64, &[u8])| bytes.starts_with(SIGNATURE) && get(bytes, MY_LBA) == *sector;
        Ok((end..).zip(sectors.chunks_exact(HEADER)).find(is_it).map(|(sector, _)| sector))
    }
}

impl<I: Read + Seek> Read for Original<I> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = self.len.saturating_sub(self.at);
        let len = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let of_start = self.start.get(usize::try_from(self.at).unwrap_or(usize::MAX)..).unwrap_or_default();
        let n_read = if of_start.is_empty() {
            self.image.seek(SeekFrom::Start(self.at))?;
            self.image.read(&mut bytes[..len])?
        } else {
            let len = len.min(of_start.len());
            bytes[..len].copy_from_slice(&of_start[..len]);
            len
        };
        self.at += n_read as u64;
        Ok(n_read)
    }
}

impl<I: Read + Seek> Seek for Original<I> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
