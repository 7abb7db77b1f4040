//! Images of sticks: a partition table and, from the first mebibyte on, one FAT32 volume.
//!
//! Firmware starts `EFI\BOOT\BOOT<arch>.EFI` from any FAT volume of a removable disk (UEFI specification, 3.5.1.1), so
//! nothing but the tree of files makes a stick start. Under MBR the partition is active and of type 0C (FAT32, LBA).
//! Under GPT it is one of *basic data*: Windows PE gives an EFI system partition no drive letter, and programs on the
//! medium look for their files by letter. Not supported: starting from a BIOS, for which there would have to be boot
//! code; several partitions.
//!
//! The image is as long as its content needs, not as its capacity: sticks are often some per cent smaller than what is
//! printed on them. What changes when it becomes longer is a few sectors: the partition table, the boot sector, and the
//! second copy of a GPT, which is at its end.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use super::fat;
use super::found::File;
use super::partitions::{self, GPT_END_LEN, Guid, Kind, Partition, Scheme};
use crate::date::Date;
use crate::error::{Error, Result};
use crate::layout::{Layout, Slack};
use crate::volume::Volume;

const SECTOR_LEN: u64 = 512;

/// Where the partition starts: as every tool of today has it, and a multiple of what flash memory is erased by.
const START: u64 = 1 << 20;

/// FAT32 whose sectors are counted, not addressed by cylinder.
const FAT32_LBA: u8 = 0x0C;

/// Microsoft basic data: EBD0A0A2-B9E5-4433-87C0-68B6B72699C7.
const BASIC_DATA: Guid =
    Guid([0xA2, 0xA0, 0xD0, 0xEB, 0xE5, 0xB9, 0x33, 0x44, 0x87, 0xC0, 0x68, 0xB6, 0xB7, 0x26, 0x99, 0xC7]);

/// What lengths are a multiple of.
const ALIGNMENT: u64 = 4_096;

/// The image of a stick with this capacity in bytes, if it has one: that decides the size of clusters and tables.
pub fn layout(volume: &Volume, slack: Slack, scheme: Scheme, capacity: Option<u64>) -> Result<Layout> {
    let partition = fat::partition(volume, slack, START / SECTOR_LEN, capacity)?;
    let end = START + partition.len();
    let (kind, len) = match scheme {
        Scheme::Mbr => (Kind::Mbr(FAT32_LBA), end),
        Scheme::Gpt => (Kind::Gpt(BASIC_DATA), (end + GPT_END_LEN).next_multiple_of(ALIGNMENT)),
    };
    if u32::try_from(len / SECTOR_LEN).is_err() {
        return Err(Error::new(format!("the stick would have {len} bytes, and its sectors are numbered with 32 bits"))
            .help("put some of the content on another medium"));
    }
    let entry = Partition {
        number: 1,
        offset: START,
        len: partition.len(),
        kind,
        name: volume.label.clone(),
        is_active: scheme == Scheme::Mbr,
    };
    let mut extents = partitions::extents(scheme, volume.id, len, &[entry]);
    extents.extend(partition.shifted(START));
    Ok(Layout::new(len, extents))
}

/// What the structures of a stick say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stick {
    /// Its length in bytes.
    pub len: u64,
    /// How its partitions are written down.
    pub scheme: Scheme,
    /// What is wrong with one of the copies of a GPT.
    pub damage: Option<&'static str>,
    /// The partition whose volume was read.
    pub partition: Partition,
    /// The bits of an entry of its allocation table: 12, 16 or 32.
    pub n_bits: u8,
    /// The length of its clusters in bytes.
    pub cluster_len: u64,
    /// The volume label.
    pub label: String,
    /// The date of the label.
    pub date: Option<Date>,
    /// Its files and folders.
    pub files: Vec<File>,
    /// What of it is no file, and where, ascending.
    pub structures: Vec<Structure>,
}

/// A run of bytes that is no file's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    /// What it is for.
    pub part: Part,
    /// Where it is, in bytes from the start of the stick.
    pub range: Range<u64>,
}

/// What bytes that are no file's are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The partition table, or its second copy.
    PartitionTable,
    /// The boot sector of the volume, and what belongs to it.
    BootSector,
    /// An allocation table of the volume.
    AllocationTable,
    /// Folders.
    Folders,
}

/// Reads a stick, if the medium is one: a disk with a partition that holds FAT. The first such partition is read.
pub fn read(medium: &mut (impl Read + Seek)) -> Result<Option<Stick>> {
    let failed = |error| Error::new("finding the end of the medium").because(error);
    let len = medium.seek(SeekFrom::End(0)).map_err(failed)?;
    let Ok(Some(table)) = partitions::read(medium) else { return Ok(None) };
    let mut found = None;
    for partition in table.partitions {
        let mut sector = [0; SECTOR_LEN as usize];
        let read = medium.seek(SeekFrom::Start(partition.offset)).and_then(|_| medium.read_exact(&mut sector));
        if found.is_none() && read.is_ok() && fat::is_one(&sector) {
            found = Some(partition);
        }
    }
    let Some(partition) = found else { return Ok(None) };
    let end = partition.offset.saturating_add(partition.len);
    if end > len {
        return Err(Error::new(format!("partition {} ends at byte {end}, and the stick has {len}", partition.number))
            .help("the image may be cut off: compare its size with that of the original"));
    }
    let volume = fat::read(medium, partition.offset..end)?;
    let mut structures = vec![Structure { part: Part::PartitionTable, range: 0..SECTOR_LEN }];
    if table.scheme == Scheme::Gpt {
        let first = SECTOR_LEN + GPT_END_LEN;
        structures[0].range.end = first.min(partition.offset);
        let second = len.saturating_sub(GPT_END_LEN).max(end)..len;
        structures.push(Structure { part: Part::PartitionTable, range: second });
    }
    structures.extend(volume.structures.into_iter().map(|structure| {
        let part = match structure.part {
            fat::Part::BootSector => Part::BootSector,
            fat::Part::Table => Part::AllocationTable,
            fat::Part::Folders => Part::Folders,
        };
        Structure { part, range: structure.range }
    }));
    structures.sort_by_key(|structure| structure.range.start);
    let (label, date, files) = (volume.label, volume.date, volume.files);
    let (n_bits, cluster_len) = (volume.n_bits, volume.cluster_len);
    let (scheme, damage) = (table.scheme, table.damage);
    Ok(Some(Stick { len, scheme, damage, partition, n_bits, cluster_len, label, date, files, structures }))
}
