//! Images of sticks: a partition table, a FAT32 volume at 1 MiB, and behind it an NTFS volume for
//! files that are too large for FAT32.
//!
//! Firmware starts `EFI\BOOT\BOOT<arch>.EFI` from any FAT volume of a removable disk (UEFI,
//! 3.5.1.1), so the files alone make a stick bootable. With an MBR, the partition is active and has
//! type 0C (FAT32, LBA). With a GPT it is a *basic data* partition: Windows PE gives EFI system
//! partitions no drive letter, and programs on the medium find their files by letter. Not
//! supported: starting from a BIOS, which needs boot code.
//!
//! The NTFS volume contains all of `SMS`, with whole packages, and any other file that FAT32 can't
//! hold; Windows PE gives both volumes a letter. Files that firmware or the boot manager read must
//! be on FAT32.
//!
//! The image is as long as its content, not as the stick: real capacities are often some per cent
//! below the printed one. Extending the content changes few sectors: the partition table, the boot
//! sector, and the second copy of a GPT at the end.

use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use super::fat::{self, MAX_FILE_LEN};
use super::ntfs;
use super::partitions::{self, GPT_END_LEN, Guid, Partition, PartitionKind, PartitionScheme};
use super::volume_entry::VolumeEntry;
use crate::date::Date;
use crate::error::{Error, Result};
use crate::layout::{Layout, Slack};
use crate::volume::{Folder, Node, Volume};

const SECTOR_LEN: u64 = 512;

/// Offset of the first partition: the usual one, and a multiple of flash erase blocks.
const START: u64 = 1 << 20;

/// MBR type of FAT32 with LBA addressing.
const FAT32_LBA: u8 = 0x0C;

/// MBR type of NTFS.
const NTFS: u8 = 0x07;

/// Alignment of the second partition, so that it stays in place if the first one grows a little.
const SECOND_GRANULE: u64 = 64 << 20;

/// Folder that is on the second partition as a whole, if there is one.
const CONTENT: &str = "SMS";

/// Boot image, which is never on the second partition.
const BOOT_IMAGE: &str = "sources/boot.wim";

/// Microsoft basic data: EBD0A0A2-B9E5-4433-87C0-68B6B72699C7.
const BASIC_DATA: Guid =
    Guid([0xA2, 0xA0, 0xD0, 0xEB, 0xE5, 0xB9, 0x33, 0x44, 0x87, 0xC0, 0x68, 0xB6, 0xB7, 0x26, 0x99, 0xC7]);

/// Alignment of the image length.
const ALIGNMENT: u64 = 4_096;

/// Lays out a stick. `capacity` in bytes determines the sizes of clusters and tables, if it is
/// known.
pub fn layout(volume: &Volume, slack: Slack, scheme: PartitionScheme, capacity: Option<u64>) -> Result<Layout> {
    let partition = fat::partition(volume, slack, START / SECTOR_LEN, capacity)?;
    disk_layout(volume, scheme, &[(START, FAT32_LBA, partition)])
}

/// Lays out a stick with a second partition, if a file is too large for FAT32.
pub fn layout_with_ntfs(
    volume: &Volume,
    slack: Slack,
    scheme: PartitionScheme,
    capacity: Option<u64>,
) -> Result<Layout> {
    if !volume.root.files().iter().any(|(path, content)| needs_ntfs(path, content.len())) {
        return layout(volume, slack, scheme, capacity);
    }
    let [first, second] = split_volume(volume)?;
    // The stick is shared with NTFS, so its capacity is not that of the FAT volume.
    let first = fat::partition(&first, slack, START / SECTOR_LEN, None)?;
    let start = (START + first.len()).next_multiple_of(if slack == Slack::Ample { SECOND_GRANULE } else { START });
    let second = ntfs::partition(&second, slack, start / SECTOR_LEN)?;
    disk_layout(volume, scheme, &[(START, FAT32_LBA, first), (start, NTFS, second)])
}

/// Returns `true` if a file is too large for FAT32 and may be on NTFS.
pub fn needs_ntfs(path: &str, len: u64) -> bool {
    len > MAX_FILE_LEN && !path.eq_ignore_ascii_case(BOOT_IMAGE)
}

/// Returns `true` if a path is in the folder that is on NTFS as a whole.
pub fn is_content(path: &str) -> bool {
    path.split('/').next().is_some_and(|top| top.eq_ignore_ascii_case(CONTENT))
}

/// Divides the files of a volume between FAT32 and NTFS.
fn split_volume(volume: &Volume) -> Result<[Volume; 2]> {
    let [mut first, mut second] = [Folder::default(), Folder::default()];
    let mut failed = None;
    volume.root.visit(&mut |path, node| {
        let is_content = is_content(path);
        let put = match node {
            Node::Folder(_) if is_content => second.insert_folder(path),
            Node::Folder(_) => first.insert_folder(path),
            Node::File(content) if is_content || needs_ntfs(path, content.len()) => {
                second.insert(path, content.clone())
            }
            Node::File(content) => first.insert(path, content.clone()),
        };
        failed = failed.take().or(put.err().map(|_| path.to_owned()));
    });
    match failed {
        Some(path) => Err(Error::new(format!("`{path}` can't be put on either partition")).about(path)),
        None => Ok([first, second].map(|root| Volume { root, ..volume.clone() })),
    }
}

/// Lays out a disk with partitions: the offset, MBR type and contents of each.
fn disk_layout(volume: &Volume, scheme: PartitionScheme, volumes: &[(u64, u8, Layout)]) -> Result<Layout> {
    let end = volumes.iter().map(|(start, _, layout)| start + layout.len()).max().unwrap_or(START);
    let len = match scheme {
        PartitionScheme::Mbr => end,
        PartitionScheme::Gpt => (end + GPT_END_LEN).next_multiple_of(ALIGNMENT),
    };
    if u32::try_from(len / SECTOR_LEN).is_err() {
        return Err(Error::new(format!(
            "the stick would have {len} bytes; at most 2^32 sectors of 512 bytes are possible"
        ))
        .help("move some of the content to another medium"));
    }
    let entries = volumes.iter().zip(1..).map(|((start, kind, layout), number)| Partition {
        number,
        offset: *start,
        len: layout.len(),
        kind: match scheme {
            PartitionScheme::Mbr => PartitionKind::Mbr(*kind),
            PartitionScheme::Gpt => PartitionKind::Gpt(BASIC_DATA),
        },
        name: volume.label.clone(),
        is_active: scheme == PartitionScheme::Mbr && *start == START,
    });
    let mut extents = partitions::extents(scheme, volume.id, len, &entries.collect::<Vec<_>>());
    volumes.iter().for_each(|(start, _, layout)| extents.extend(layout.shifted(*start)));
    Ok(Layout::new(len, extents))
}

/// Structures of a stick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stick {
    /// Length of the image in bytes.
    pub len: u64,
    /// Partitioning scheme.
    pub scheme: PartitionScheme,
    /// Damage to one of the copies of a GPT.
    pub damage: Option<&'static str>,
    /// Partition with the FAT volume.
    pub partition: Partition,
    /// Bits per entry of the allocation table: 12, 16 or 32.
    pub n_bits: u8,
    /// Length of a FAT cluster in bytes.
    pub cluster_len: u64,
    /// NTFS partition and its cluster length in bytes, if there is one.
    pub second: Option<(Partition, u64)>,
    /// Label of the FAT volume.
    pub label: String,
    /// Date of the label.
    pub date: Option<Date>,
    /// Files and folders of both volumes.
    pub files: Vec<VolumeEntry>,
    /// Ranges outside of files, ascending.
    pub structures: Vec<StickStructure>,
}

/// A range of a stick outside of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StickStructure {
    /// Purpose of the range.
    pub part: StickPart,
    /// Range in bytes, from the start of the stick.
    pub range: Range<u64>,
}

/// Purpose of a range outside of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StickPart {
    /// Partition table, or its second copy.
    PartitionTable,
    /// Boot sector of a volume and the reserved sectors.
    BootSector,
    /// Allocation table of the FAT volume.
    AllocationTable,
    /// Folders of the FAT volume.
    Folders,
    /// Metadata of the NTFS volume.
    NtfsTables,
}

/// Reads a stick: a disk with a FAT partition, of which the first is used, and optionally one with
/// NTFS. `None` if the medium is not a stick.
pub fn read(medium: &mut (impl Read + Seek)) -> Result<Option<Stick>> {
    let failed = |error| Error::new("finding the end of the medium").because(error);
    let len = medium.seek(SeekFrom::End(0)).map_err(failed)?;
    let Ok(Some(table)) = partitions::read(medium) else { return Ok(None) };
    let [mut found, mut second] = [None, None];
    for partition in table.partitions {
        let mut sector = [0; SECTOR_LEN as usize];
        let read = medium.seek(SeekFrom::Start(partition.offset)).and_then(|_| medium.read_exact(&mut sector));
        if found.is_none() && read.is_ok() && fat::is_boot_sector(&sector) {
            found = Some(partition);
        } else if second.is_none() && read.is_ok() && ntfs::is_boot_sector(&sector) {
            second = Some(partition);
        }
    }
    let Some(partition) = found else { return Ok(None) };
    for partition in [&partition].into_iter().chain(&second) {
        let end = partition.offset.saturating_add(partition.len);
        if end > len {
            return Err(Error::new(format!(
                "partition {} ends at byte {end}, but the stick has {len} bytes",
                partition.number
            ))
            .help("compare the size of the image with that of the original; it may be truncated"));
        }
    }
    let place = |partition: &Partition| partition.offset..partition.offset + partition.len;
    let mut volume = fat::read(medium, place(&partition))?;
    let on_ntfs = second.as_ref().map(|partition| ntfs::files(medium, place(partition))).transpose()?;
    let second = second.zip(on_ntfs.as_ref().map(|volume| volume.cluster_len));
    let end = second.iter().map(|(partition, _)| partition).chain([&partition]).map(|it| place(it).end).max();
    let end = end.unwrap_or(len);
    let mut structures = vec![StickStructure { part: StickPart::PartitionTable, range: 0..SECTOR_LEN }];
    if table.scheme == PartitionScheme::Gpt {
        let first = SECTOR_LEN + GPT_END_LEN;
        structures[0].range.end = first.min(partition.offset);
        // On a real stick, the second copy is far behind the last partition.
        let second = len.saturating_sub(GPT_END_LEN).max(end)..len;
        structures.push(StickStructure { part: StickPart::PartitionTable, range: second });
    }
    structures.extend(volume.structures.into_iter().map(|structure| {
        let part = match structure.part {
            fat::FatPart::BootSector => StickPart::BootSector,
            fat::FatPart::Table => StickPart::AllocationTable,
            fat::FatPart::Folders => StickPart::Folders,
        };
        StickStructure { part, range: structure.range }
    }));
    if let Some(on_ntfs) = on_ntfs {
        let tables = on_ntfs.structures.into_iter();
        structures.extend(tables.map(|range| StickStructure { part: StickPart::NtfsTables, range }));
        // Folders may be on both volumes: list them once.
        let folders: HashSet<_> =
            volume.files.iter().filter(|file| file.is_folder).map(|file| file.path.clone()).collect();
        let files = on_ntfs.files.into_iter().filter(|file| !file.is_folder || !folders.contains(&file.path));
        volume.files.extend(files);
    }
    structures.sort_by_key(|structure| structure.range.start);
    let (label, date, files) = (volume.label, volume.date, volume.files);
    let (n_bits, cluster_len) = (volume.n_bits, volume.cluster_len);
    let (scheme, damage) = (table.scheme, table.damage);
    Ok(Some(Stick { len, scheme, damage, partition, n_bits, cluster_len, second, label, date, files, structures }))
}
