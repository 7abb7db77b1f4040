//! Signs of use on a drive without a partition table: file systems that lost theirs, second copies, members of arrays.
//!
//! Follows what `wipefs` and `blkid` know of the places where such things have their marks: UEFI 2.10, 5.3 for the
//! backup GPT, the superblocks of Linux md (0.90 and 1.0), the labels of ZFS, Intel's RAID metadata.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;

use rustix::fs::Advice;
use rustix::io::Errno;

use crate::error::Result;
use crate::format::file_system::{self, FileSystem};
use crate::progress::Progress;

/// Sign of use outside of partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sign {
    /// Name of what has such a mark.
    pub what: &'static str,
    /// Place on the drive in bytes.
    pub at: u64,
}

/// Extent of the search that found a drive empty or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Looked {
    /// No more than was needed: it is not empty.
    #[default]
    Enough,
    /// All of it.
    All,
    /// Both of its ends and places at the same distance between.
    Sample {
        /// Length of each end in bytes.
        end_len: u64,
        /// Number of places.
        n_places: u64,
    },
}

/// Name of the sign of a backup GPT.
pub(super) const BACKUP_GPT: &str = "a backup GPT";

/// Where partitions begin usually: those of today, of MBRs with cylinders, and of 4,096-byte sectors.
const STARTS: [u64; 4] = [1 << 20, 63 * 512, 4 << 20, 63 * 4096];

/// Length of each end of a drive that is looked at as a whole, in bytes.
const END_LEN: u64 = 16 << 20;
/// Number of places between that are looked at: a few seconds on a slow stick.
const N_PLACES: u64 = 4096;
const PLACE_LEN: usize = 4096;

const READ_LEN: usize = 1 << 20;

/// Finds the signs of use outside of partitions.
pub(super) fn find(file: &File, len: u64, has_table: bool) -> io::Result<Vec<Sign>> {
    let mut signs = Vec::new();
    let mut look = |what, at: Option<u64>, mark: &[u8]| -> io::Result<()> {
        let Some(at) = at.filter(|at| at.checked_add(mark.len() as u64).is_some_and(|end| end <= len)) else {
            return Ok(());
        };
        let mut found = vec![0; mark.len()];
        file.read_exact_at(&mut found, at)?;
        if found == mark {
            signs.push(Sign { what, at });
        }
        Ok(())
    };
    for sector_len in [512, 4096] {
        look(BACKUP_GPT, len.checked_sub(sector_len), b"EFI PART")?;
    }
    look("Intel RAID", len.checked_sub(1024), b"Intel Raid ISM Cfg Sig")?;
    // In units of 512 bytes: sixteen before the end, on a multiple of eight; and the last whole 64 KiB but one.
    let md_1_0 = (len / 512).checked_sub(16).map(|sector| sector / 8 * 8 * 512);
    let md_0_90 = (len / (64 << 10)).checked_sub(1).map(|block| block * (64 << 10));
    for mark in [0xa92b_4efc_u32.to_le_bytes(), 0xa92b_4efc_u32.to_be_bytes()] {
        look("Linux RAID", md_1_0, &mark)?;
        look("Linux RAID", md_0_90, &mark)?;
    }
    if !has_table {
        look("Btrfs", Some((64 << 20) + 0x40), b"_BHRfS_M")?;
    }
    signs.extend(zfs(file, len)?);
    for at in STARTS.into_iter().filter(|at| !has_table && *at < len) {
        let mut reader = file;
        reader.seek(SeekFrom::Start(at))?;
        let what = match file_system::recognise(&mut reader.take(len - at))? {
            FileSystem::Empty | FileSystem::Unknown => continue,
            FileSystem::Ntfs => "NTFS",
            FileSystem::Fat(_) => "FAT",
            FileSystem::BitLocker => "BitLocker",
            FileSystem::Other(name) => name,
        };
        signs.push(Sign { what, at });
    }
    signs.sort_by_key(|sign| sign.at);
    Ok(signs)
}

/// Finds the labels of ZFS at the end, by the marks in their 128 uberblocks. Those at the beginning are data there.
fn zfs(file: &File, len: u64) -> io::Result<Option<Sign>> {
    const LABEL_LEN: u64 = 256 << 10;
    const UBERBLOCKS: u64 = 128 << 10;
    const MARK: u64 = 0x00ba_b10c;
    for n in [2, 1] {
        let Some(label) = (len / LABEL_LEN).checked_sub(n).map(|block| block * LABEL_LEN) else { continue };
        let mut blocks = vec![0; (LABEL_LEN - UBERBLOCKS) as usize];
        file.read_exact_at(&mut blocks, label + UBERBLOCKS)?;
        let is_mark = |block: &[u8]| block.starts_with(&MARK.to_le_bytes()) || block.starts_with(&MARK.to_be_bytes());
        if blocks.chunks(1024).any(is_mark) {
            return Ok(Some(Sign { what: "ZFS", at: label }));
        }
    }
    Ok(None)
}

/// Finds the first byte that is not zero. All of a file is looked at that is not a hole; of a device both ends, and
/// places between.
pub(super) fn first_data(file: &File, len: u64, is_device: bool, progress: &Progress) -> Result<(Option<u64>, Looked)> {
    let search = Search { file, progress, buffer: vec![0; READ_LEN] };
    if is_device { search.device(len) } else { search.file(len) }
}

struct Search<'a> {
    file: &'a File,
    progress: &'a Progress,
    buffer: Vec<u8>,
}

impl Search<'_> {
    fn file(mut self, len: u64) -> Result<(Option<u64>, Looked)> {
        self.progress.start(len);
        let mut at = 0;
        while at < len {
            let start = match rustix::fs::seek(self.file, rustix::fs::SeekFrom::Data(at)) {
                Ok(start) => start.min(len),
                Err(Errno::NXIO) => break,
                Err(_) => at,
            };
            let end = rustix::fs::seek(self.file, rustix::fs::SeekFrom::Hole(start)).unwrap_or(len);
            let end = end.clamp((start + 1).min(len), len);
            if let Some(found) = self.range(start, end)? {
                return Ok((Some(found), Looked::Enough));
            }
            at = end;
        }
        Ok((None, Looked::All))
    }

    fn device(mut self, len: u64) -> Result<(Option<u64>, Looked)> {
        let end_len = END_LEN.min(len);
        let tail = (len - end_len).max(end_len);
        // The kernel would read more around each place than is looked at.
        let _ = rustix::fs::fadvise(self.file, 0, None::<NonZeroU64>, Advice::Random);
        let step = ((tail - end_len) / N_PLACES).max(PLACE_LEN as u64).next_multiple_of(PLACE_LEN as u64);
        self.progress.start(2 * end_len + (tail - end_len) / step * PLACE_LEN as u64);
        for (start, end) in [(0, end_len), (tail, len)] {
            if let Some(found) = self.range(start, end)? {
                return Ok((Some(found), Looked::Enough));
            }
        }
        let mut n_places = 0;
        let mut at = end_len;
        while at < tail {
            if let Some(found) = self.range(at, (at + PLACE_LEN as u64).min(tail))? {
                return Ok((Some(found), Looked::Enough));
            }
            n_places += 1;
            at += step;
        }
        let is_all = step == PLACE_LEN as u64;
        Ok((None, if is_all { Looked::All } else { Looked::Sample { end_len, n_places } }))
    }

    fn range(&mut self, start: u64, end: u64) -> Result<Option<u64>> {
        let mut at = start;
        while at < end {
            self.progress.go_on()?;
            let bytes = &mut self.buffer[..(end - at).min(READ_LEN as u64) as usize];
            let read = self.file.read_exact_at(bytes, at);
            read.map_err(|error| crate::error::Error::new(format!("reading at byte {at}")).because(error))?;
            if let Some(n) = bytes.iter().position(|byte| *byte != 0) {
                return Ok(Some(at + n as u64));
            }
            at += bytes.len() as u64;
            self.progress.add(bytes.len() as u64);
        }
        Ok(None)
    }
}
