//! Label and state of an NTFS volume.
//!
//! Follows the layout documented by the Linux-NTFS project and read by ntfs-3g: boot sector, the records of `$LogFile`
//! (2) and `$Volume` (3) in the first run of the MFT, and the restart pages of the log. Files and folders are read by
//! libntfs-3g. NTFS before Windows 2000 (1.x) is not supported.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use super::fixups;
use super::fixups::STRIDE;
use crate::decode::from_utf16;
use crate::limits::MAX_NTFS_RECORD_LEN;
use crate::little_endian::{u16_at, u32_at, u64_at};

/// Label, length and state of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NtfsFacts {
    /// Volume label; empty if it has none.
    pub label: String,
    /// Length in bytes, without the backup of the boot sector.
    pub len: u64,
    /// State in which it was left.
    pub state: VolumeState,
}

/// State in which a volume was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeState {
    /// Cleanly unmounted.
    Clean,
    /// Marked as dirty, to be checked.
    Dirty,
    /// The log contains changes that have not been applied.
    Unfinished,
}

/// Reason why a volume can't be read.
#[derive(Debug)]
pub enum NtfsFault {
    /// Reading failed.
    Io(io::Error),
    /// A structure contradicts itself.
    Damaged(&'static str),
}

const LOG_FILE: u64 = 2;
const VOLUME: u64 = 3;

const ATTRIBUTE_VOLUME_NAME: u32 = 0x60;
const ATTRIBUTE_VOLUME_INFORMATION: u32 = 0x70;
const ATTRIBUTE_DATA: u32 = 0x80;
const ATTRIBUTE_END: u32 = 0xffff_ffff;

/// Volume flag `VOLUME_IS_DIRTY`.
const IS_DIRTY: u16 = 1;
/// Restart area flag `RESTART_VOLUME_IS_CLEAN`.
const IS_CLEAN: u16 = 2;
/// Value of a client index if there is no client.
const NO_CLIENT: u16 = 0xffff;

/// Length of a log page in bytes; Windows uses no other.
const LOG_PAGE: usize = 4096;

/// Reads the label and the state of a volume.
pub fn read(volume: &mut (impl Read + Seek)) -> Result<NtfsFacts, NtfsFault> {
    let boot = NtfsBootSector::read(volume)?;
    let record = boot.record(volume, VOLUME)?;
    let label = attribute(&record, ATTRIBUTE_VOLUME_NAME)
        .and_then(resident)
        .map_or_else(String::new, |name| from_utf16(name.chunks_exact(2).map(|unit| u16_at(unit, 0))));
    let information = attribute(&record, ATTRIBUTE_VOLUME_INFORMATION)
        .and_then(resident)
        .filter(|information| information.len() >= 12)
        .ok_or(NtfsFault::Damaged("`$Volume` has no volume information"))?;
    let state = if u16_at(information, 10) & IS_DIRTY != 0 {
        VolumeState::Dirty
    } else if boot.log_is_clean(volume)? {
        VolumeState::Clean
    } else {
        VolumeState::Unfinished
    };
    Ok(NtfsFacts { label, len: boot.len, state })
}

/// Geometry of a volume from its boot sector.
pub struct NtfsBootSector {
    /// Length of a cluster in bytes.
    pub cluster_len: u64,
    /// Length of a record of the master file table in bytes.
    pub record_len: usize,
    /// Offset of the master file table in bytes.
    pub mft_at: u64,
    /// Length of the volume in bytes, without the backup of the boot sector.
    pub len: u64,
}

impl NtfsBootSector {
    /// Reads the boot sector of a volume.
    ///
    /// # Errors
    ///
    /// If a value is impossible, or the sector can't be read.
    pub fn read(volume: &mut (impl Read + Seek)) -> Result<Self, NtfsFault> {
        let boot = read_at(volume, 0, 512)?;
        let sector_len = u64::from(u16_at(&boot, 11));
        // Larger values are negated logarithms: clusters of more than 64 KiB, records of less than a cluster.
        let n_sectors = match boot[13] {
            n @ 0..=0x80 => u64::from(n),
            n => 1 << (256 - u32::from(n)).min(32),
        };
        let cluster_len = sector_len * n_sectors;
        let record_len = match boot[64] as i8 {
            n @ 0.. => cluster_len.saturating_mul(n as u64),
            n => 1 << n.unsigned_abs().min(32),
        };
        let is_possible = &boot[3..11] == b"NTFS    "
            && matches!(sector_len, 256 | 512 | 1024 | 2048 | 4096)
            && cluster_len.is_power_of_two()
            && record_len >= STRIDE as u64
            && record_len <= MAX_NTFS_RECORD_LEN as u64;
        if !is_possible {
            return Err(NtfsFault::Damaged("the boot sector has impossible values"));
        }
        Ok(Self {
            cluster_len,
            record_len: record_len as usize,
            mft_at: u64_at(&boot, 48).saturating_mul(cluster_len),
            len: u64_at(&boot, 40).saturating_mul(sector_len),
        })
    }

    /// Reads a record in the first run of the MFT.
    pub fn record(&self, volume: &mut (impl Read + Seek), number: u64) -> Result<Vec<u8>, NtfsFault> {
        let at = self.mft_at.saturating_add(number * self.record_len as u64);
        let mut record = read_at(volume, at, self.record_len)?;
        if &record[..4] != b"FILE" || !fixups::apply(&mut record) {
            return Err(NtfsFault::Damaged("a record of the MFT is damaged"));
        }
        Ok(record)
    }

    /// Returns `true` if the newer restart page is clean. So is a log that was never used, as `mkntfs` leaves it.
    fn log_is_clean(&self, volume: &mut (impl Read + Seek)) -> Result<bool, NtfsFault> {
        let record = self.record(volume, LOG_FILE)?;
        let place =
            attribute(&record, ATTRIBUTE_DATA).and_then(first_run).ok_or(NtfsFault::Damaged("`$LogFile` is empty"))?;
        let pages = read_at(volume, place.saturating_mul(self.cluster_len), 2 * LOG_PAGE)?;
        if pages.iter().all(|byte| *byte == 0xff) {
            return Ok(true);
        }
        let newest = pages.chunks_exact(LOG_PAGE).filter_map(Restart::parse).max_by_key(|restart| restart.lsn);
        Ok(newest.is_some_and(|restart| restart.is_clean))
    }
}

/// Part of a restart page that shows whether changes are pending.
struct Restart {
    lsn: u64,
    is_clean: bool,
}

impl Restart {
    fn parse(page: &[u8]) -> Option<Self> {
        let mut page = page.to_vec();
        if &page[..4] != b"RSTR" || !fixups::apply(&mut page) {
            return None;
        }
        let area = page.get(usize::from(u16_at(&page, 0x18))..).filter(|area| area.len() >= 16)?;
        let is_clean = u16_at(area, 12) == NO_CLIENT || u16_at(area, 14) & IS_CLEAN != 0;
        Some(Self { lsn: u64_at(area, 0), is_clean })
    }
}

/// Finds the first unnamed attribute of a type.
fn attribute(record: &[u8], kind: u32) -> Option<&[u8]> {
    let mut at = usize::from(u16_at(record, 20));
    loop {
        let rest = record.get(at..).filter(|rest| rest.len() >= 24)?;
        let (found, len) = (u32_at(rest, 0), u32_at(rest, 4) as usize);
        if found == ATTRIBUTE_END || len < 24 || len > rest.len() {
            return None;
        }
        if found == kind && rest[9] == 0 {
            return Some(&rest[..len]);
        }
        at += len;
    }
}

/// Value of a resident attribute.
fn resident(attribute: &[u8]) -> Option<&[u8]> {
    let (len, at) = (u32_at(attribute, 16) as usize, usize::from(u16_at(attribute, 20)));
    (attribute[8] == 0).then(|| attribute.get(at..at.checked_add(len)?))?
}

/// First cluster of an attribute in clusters.
fn first_run(attribute: &[u8]) -> Option<u64> {
    if attribute[8] == 0 || attribute.len() < 64 {
        return None;
    }
    let runs = attribute.get(usize::from(u16_at(attribute, 32))..)?;
    let (len_len, place_len) = (usize::from(runs.first()? & 0x0f), usize::from(runs.first()? >> 4));
    let place = runs.get(1 + len_len..1 + len_len + place_len).filter(|place| (1..=8).contains(&place.len()))?;
    Some(place.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn read_at(volume: &mut (impl Read + Seek), at: u64, n: usize) -> Result<Vec<u8>, NtfsFault> {
    let mut bytes = vec![0; n];
    volume.seek(SeekFrom::Start(at)).and_then(|_| volume.read_exact(&mut bytes)).map_err(|error| {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => NtfsFault::Damaged("it is truncated"),
            _ => NtfsFault::Io(error),
        }
    })?;
    Ok(bytes)
}

impl fmt::Display for NtfsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Damaged(why) => f.write_str(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::process::Command;

    use super::*;

    /// Makes a small volume with `mkntfs`. `None` if the tool is missing.
    fn volume() -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("volume");
        std::fs::File::create(&path).unwrap().set_len(2 << 20).unwrap();
        match Command::new("mkntfs").args(["-F", "-Q", "-T", "-q", "-L", "Größe"]).arg(&path).output() {
            Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
            Err(_) => {
                assert!(std::env::var_os("TSMEDIA_REQUIRE_TOOLS").is_none(), "`mkntfs` is not installed");
                return None;
            }
        }
        Some(std::fs::read(&path).unwrap())
    }

    fn facts(volume: &[u8]) -> NtfsFacts {
        read(&mut Cursor::new(volume)).unwrap()
    }

    fn boot(volume: &[u8]) -> NtfsBootSector {
        NtfsBootSector::read(&mut Cursor::new(volume)).unwrap()
    }

    #[test]
    fn a_new_volume_is_clean_and_has_its_label() {
        let Some(volume) = volume() else { return };
        let facts = facts(&volume);
        assert_eq!((facts.label.as_str(), facts.state), ("Größe", VolumeState::Clean));
        assert!(facts.len <= 2 << 20 && facts.len > (2 << 20) - 8192);
    }

    #[test]
    fn a_volume_that_is_marked_is_dirty() {
        let Some(mut volume) = volume() else { return };
        let boot = boot(&volume);
        let at = boot.mft_at as usize + 3 * boot.record_len;
        let record = &volume[at..at + boot.record_len];
        let start =
            attribute(record, ATTRIBUTE_VOLUME_INFORMATION).unwrap().as_ptr() as usize - record.as_ptr() as usize;
        let value = usize::from(u16_at(record, start + 20));
        volume[at + start + value + 10] |= IS_DIRTY as u8;
        assert_eq!(facts(&volume).state, VolumeState::Dirty);
    }

    #[test]
    fn a_log_with_a_client_is_unfinished_unless_it_says_that_it_is_clean() {
        let Some(mut volume) = volume() else { return };
        let boot = boot(&volume);
        let record = boot.record(&mut Cursor::new(&volume), LOG_FILE).unwrap();
        let at = (attribute(&record, ATTRIBUTE_DATA).and_then(first_run).unwrap() * boot.cluster_len) as usize;
        for (client, flags, state) in
            [(0, 0, VolumeState::Unfinished), (0, IS_CLEAN, VolumeState::Clean), (NO_CLIENT, 0, VolumeState::Clean)]
        {
            let page = &mut volume[at..at + LOG_PAGE];
            page.fill(0);
            page[..4].copy_from_slice(b"RSTR");
            page[4..6].copy_from_slice(&0x1e_u16.to_le_bytes());
            page[6..8].copy_from_slice(&9_u16.to_le_bytes());
            page[0x18..0x1a].copy_from_slice(&0x30_u16.to_le_bytes());
            page[0x30 + 12..0x30 + 14].copy_from_slice(&u16::to_le_bytes(client));
            page[0x30 + 14..0x30 + 16].copy_from_slice(&u16::to_le_bytes(flags));
            assert_eq!(facts(&volume).state, state, "client {client}, flags {flags}");
        }
    }

    #[test]
    fn a_volume_that_is_cut_short_or_broken_is_an_error() {
        let Some(volume) = volume() else { return };
        for len in [0, 100, 512, 8192] {
            assert!(read(&mut Cursor::new(&volume[..len])).is_err());
        }
        for n in 0..256 {
            let mut broken = volume.clone();
            let at = boot(&volume).mft_at as usize + 2048 + 8 * n;
            broken[at] ^= n as u8 | 1;
            broken[n % 512] ^= 0x5a;
            let _ = read(&mut Cursor::new(&broken));
        }
    }
}
