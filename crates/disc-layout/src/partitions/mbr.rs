//! Master boot records, and the chain of records in an extended partition.

use std::io::{Read, Seek, SeekFrom};

use crate::limits::MAX_LOGICAL_PARTITIONS;

use super::{Partition, PartitionFault, PartitionKind, PartitionScheme, PartitionTable, read_at};
use crate::file_system::{self, FileSystem};
use crate::little_endian::{u16_at, u32_at};

/// Length of a record in bytes, whatever the sector length.
pub(super) const LEN: usize = 512;

/// Offset of the first of four entries, and length of an entry.
const ENTRIES_AT: usize = 446;
const ENTRY_LEN: usize = 16;

/// Number of the first logical partition.
const FIRST_LOGICAL: u32 = 5;

const PROTECTIVE: u8 = 0xee;

/// Master boot record.
pub(super) struct MasterBootRecord([MbrEntry; 4]);

#[derive(Clone, Copy)]
struct MbrEntry {
    is_active: bool,
    kind: u8,
    start: u64,
    n_sectors: u64,
}

impl MasterBootRecord {
    /// Parses a sector. `None` if it has no signature, or an invalid status byte.
    pub(super) fn parse(sector: &[u8]) -> Option<Self> {
        if sector[510..512] != [0x55, 0xaa] {
            return None;
        }
        let mut entries = [MbrEntry { is_active: false, kind: 0, start: 0, n_sectors: 0 }; 4];
        for (entry, bytes) in entries.iter_mut().zip(sector[ENTRIES_AT..].chunks_exact(ENTRY_LEN)) {
            if bytes[0] & 0x7f != 0 {
                return None;
            }
            *entry = MbrEntry {
                is_active: bytes[0] == 0x80,
                kind: bytes[4],
                start: u32_at(bytes, 8).into(),
                n_sectors: u32_at(bytes, 12).into(),
            };
        }
        Some(Self(entries))
    }

    /// Returns `true` if it announces a GPT.
    pub(super) fn is_protective(&self) -> bool {
        self.0.iter().any(|entry| entry.kind == PROTECTIVE)
    }
}

impl MbrEntry {
    fn is_used(&self) -> bool {
        self.kind != 0 && self.n_sectors != 0
    }

    fn is_extended(&self) -> bool {
        matches!(self.kind, 0x05 | 0x0f | 0x85)
    }

    fn partition(&self, number: u32, base: u64, sector_len: u64) -> Partition {
        Partition {
            number,
            offset: (base + self.start) * sector_len,
            len: self.n_sectors * sector_len,
            kind: PartitionKind::Mbr(self.kind),
            name: String::new(),
            is_active: self.is_active,
        }
    }
}

pub(super) fn read(
    disk: &mut (impl Read + Seek),
    disk_len: u64,
    record: &MasterBootRecord,
) -> Result<PartitionTable, PartitionFault> {
    let sector_len = sector_len(disk, disk_len, record)?;
    let mut partitions = Vec::new();
    let mut logical = Vec::new();
    for (entry, number) in record.0.iter().zip(1..) {
        if entry.is_used() && entry.is_extended() {
            chain(disk, disk_len, sector_len, entry.start, &mut logical)?;
        } else if entry.is_used() {
            partitions.push(entry.partition(number, 0, sector_len));
        }
    }
    partitions.append(&mut logical);
    Ok(PartitionTable { scheme: PartitionScheme::Mbr, sector_len, partitions, damage: None })
}

/// Infers the sector length of a record from what is found at the start of its partitions.
fn sector_len(disk: &mut (impl Read + Seek), disk_len: u64, record: &MasterBootRecord) -> Result<u64, PartitionFault> {
    let mut counts = [0; 2];
    for (count, sector_len) in counts.iter_mut().zip([512, 4096]) {
        for entry in record.0.iter().filter(|entry| entry.is_used()) {
            *count += u32::from(begins_at(disk, disk_len, entry, sector_len)?);
        }
    }
    Ok(if counts[1] > counts[0] { 4096 } else { 512 })
}

/// Returns `true` if a partition starts at the position of an entry for this sector length: a volume with the same
/// sector length, or a boot record.
fn begins_at(
    disk: &mut (impl Read + Seek),
    disk_len: u64,
    entry: &MbrEntry,
    sector_len: u64,
) -> Result<bool, PartitionFault> {
    let at = entry.start * sector_len;
    let Some(sector) = read_at(disk, at, LEN, disk_len)? else { return Ok(false) };
    if entry.is_extended() {
        return Ok(MasterBootRecord::parse(&sector).is_some());
    }
    disk.seek(SeekFrom::Start(at))?;
    Ok(match file_system::recognise(&mut disk.by_ref().take(disk_len - at))? {
        FileSystem::Empty | FileSystem::Unknown => false,
        FileSystem::Ntfs | FileSystem::Fat(_) => u64::from(u16_at(&sector, 11)) == sector_len,
        FileSystem::Other("exFAT") => 1u64.checked_shl(sector[108].into()) == Some(sector_len),
        _ => true,
    })
}

/// Follows the logical partitions of an extended one. Each record describes one partition, relative to itself, and the
/// position of the next record, relative to the extended partition.
fn chain(
    disk: &mut (impl Read + Seek),
    disk_len: u64,
    sector_len: u64,
    extended: u64,
    found: &mut Vec<Partition>,
) -> Result<(), PartitionFault> {
    let mut at = extended;
    loop {
        let sector = read_at(disk, at * sector_len, LEN, disk_len)?
            .ok_or(PartitionFault::Damaged("the chain of logical partitions leaves the disk"))?;
        let record = MasterBootRecord::parse(&sector)
            .ok_or(PartitionFault::Damaged("the chain of logical partitions is broken"))?;
        let [own, next, ..] = record.0;
        if own.is_used() && !own.is_extended() {
            let number = FIRST_LOGICAL + found.len() as u32;
            found.push(own.partition(number, at, sector_len));
        }
        if !next.is_used() || !next.is_extended() {
            return Ok(());
        }
        if found.len() as u32 >= MAX_LOGICAL_PARTITIONS || next.start == 0 {
            return Err(PartitionFault::Damaged("the chain of logical partitions forms a loop"));
        }
        at = extended + next.start;
    }
}

/// Usual name of a partition type that is likely on a Windows disk.
pub(super) fn name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0x01 | 0x11 => "FAT12",
        0x04 | 0x06 | 0x0e | 0x14 | 0x16 | 0x1e => "FAT16",
        0x07 | 0x17 => "NTFS or exFAT",
        0x0b | 0x0c | 0x1b | 0x1c => "FAT32",
        0x27 => "Windows recovery",
        0x42 => "Windows dynamic disk",
        0x82 => "Linux swap",
        0x83 => "Linux",
        0x8e => "Linux LVM",
        0xa5 => "FreeBSD",
        0xaf => "Apple HFS+",
        0xee => "GPT protective",
        0xef => "EFI system",
        0xfd => "Linux RAID",
        _ => return None,
    })
}
