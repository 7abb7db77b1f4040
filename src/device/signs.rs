//! Signs of use on a drive outside of partitions: file systems without a table, backup tables, members of arrays.
//!
//! Looks in the places that `wipefs` and `blkid` know: the backup GPT (UEFI 2.10, 5.3), the superblocks of Linux md
//! (0.90 and 1.0), the labels of ZFS, and Intel's RAID metadata.

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
pub struct UsageSign {
    /// Name of the format that has this signature.
    pub what: &'static str,
    /// Offset of the signature in bytes.
    pub at: u64,
}

/// Extent of a search for data on a drive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SearchExtent {
    /// Stopped at the first sign of data.
    #[default]
    Enough,
    /// The whole drive.
    All,
    /// Both ends, and places at equal distances in between.
    Sample {
        /// Length of each end in bytes.
        end_len: u64,
        /// Number of places in between.
        n_places: u64,
    },
}

/// Name of the sign of a backup GPT.
pub(super) const BACKUP_GPT: &str = "a backup GPT";

/// Usual offsets of a first partition: aligned to 1 MiB, to cylinders (63 sectors), to 4 MiB, and 63 sectors of 4,096
/// bytes.
const STARTS: [u64; 4] = [1 << 20, 63 * 512, 4 << 20, 63 * 4096];

/// Length of each end of a drive that is read in full, in bytes.
const END_LEN: u64 = 16 << 20;
/// Number of places in between, which take a few seconds on a slow stick.
const N_PLACES: u64 = 4096;
const PLACE_LEN: usize = 4096;

const READ_LEN: usize = 1 << 20;

/// Finds signs of use outside of partitions. The places of file systems are skipped if there is a partition table.
pub(super) fn find(file: &File, len: u64, has_table: bool) -> io::Result<Vec<UsageSign>> {
    let mut signs = Vec::new();
    let mut look = |what, at: Option<u64>, mark: &[u8]| -> io::Result<()> {
        let Some(at) = at.filter(|at| at.checked_add(mark.len() as u64).is_some_and(|end| end <= len)) else {
            return Ok(());
        };
        let mut found = vec![0; mark.len()];
        file.read_exact_at(&mut found, at)?;
        if found == mark {
            signs.push(UsageSign { what, at });
        }
        Ok(())
    };
    for sector_len in [512, 4096] {
        look(BACKUP_GPT, len.checked_sub(sector_len), b"EFI PART")?;
    }
    look("Intel RAID", len.checked_sub(1024), b"Intel Raid ISM Cfg Sig")?;
    // md 1.0: 16 sectors before the end, rounded down to a multiple of 8. md 0.90: the last but one whole 64 KiB.
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
        signs.push(UsageSign { what, at });
    }
    signs.sort_by_key(|sign| sign.at);
    Ok(signs)
}

/// Finds the ZFS labels at the end, by the magic number of their 128 uberblocks. The labels at the beginning are found
/// as data.
fn zfs(file: &File, len: u64) -> io::Result<Option<UsageSign>> {
    const LABEL_LEN: u64 = 256 << 10;
    const UBERBLOCKS: u64 = 128 << 10;
    const MARK: u64 = 0x00ba_b10c;
    for n in [2, 1] {
        let Some(label) = (len / LABEL_LEN).checked_sub(n).map(|block| block * LABEL_LEN) else { continue };
        let mut blocks = vec![0; (LABEL_LEN - UBERBLOCKS) as usize];
        file.read_exact_at(&mut blocks, label + UBERBLOCKS)?;
        let is_mark = |block: &[u8]| block.starts_with(&MARK.to_le_bytes()) || block.starts_with(&MARK.to_be_bytes());
        if blocks.chunks(1024).any(is_mark) {
            return Ok(Some(UsageSign { what: "ZFS", at: label }));
        }
    }
    Ok(None)
}

/// Finds the first byte that is not zero. Reads everything but the holes of a file, and samples of a device.
pub(super) fn first_data(
    file: &File,
    len: u64,
    is_device: bool,
    progress: &Progress,
) -> Result<(Option<u64>, SearchExtent)> {
    let search = Search { file, progress, buffer: vec![0; READ_LEN] };
    if is_device { search.device(len) } else { search.file(len) }
}

struct Search<'a> {
    file: &'a File,
    progress: &'a Progress,
    buffer: Vec<u8>,
}

impl Search<'_> {
    fn file(mut self, len: u64) -> Result<(Option<u64>, SearchExtent)> {
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
                return Ok((Some(found), SearchExtent::Enough));
            }
            at = end;
        }
        Ok((None, SearchExtent::All))
    }

    fn device(mut self, len: u64) -> Result<(Option<u64>, SearchExtent)> {
        let end_len = END_LEN.min(len);
        let tail = (len - end_len).max(end_len);
        // Otherwise the kernel reads ahead at each place.
        let _ = rustix::fs::fadvise(self.file, 0, None::<NonZeroU64>, Advice::Random);
        let step = ((tail - end_len) / N_PLACES).max(PLACE_LEN as u64).next_multiple_of(PLACE_LEN as u64);
        self.progress.start(2 * end_len + (tail - end_len) / step * PLACE_LEN as u64);
        for (start, end) in [(0, end_len), (tail, len)] {
            if let Some(found) = self.range(start, end)? {
                return Ok((Some(found), SearchExtent::Enough));
            }
        }
        let mut n_places = 0;
        let mut at = end_len;
        while at < tail {
            if let Some(found) = self.range(at, (at + PLACE_LEN as u64).min(tail))? {
                return Ok((Some(found), SearchExtent::Enough));
            }
            n_places += 1;
            at += step;
        }
        let is_all = step == PLACE_LEN as u64;
        Ok((None, if is_all { SearchExtent::All } else { SearchExtent::Sample { end_len, n_places } }))
    }

    fn range(&mut self, start: u64, end: u64) -> Result<Option<u64>> {
        let mut at = start;
        while at < end {
            self.progress.check_cancelled()?;
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
