//! Images of sticks: a partition table and, from the first mebibyte on, a FAT32 volume; behind it, for what is too large
//! for that, an NTFS volume.
//!
//! Firmware starts `EFI\BOOT\BOOT<arch>.EFI` from any FAT volume of a removable disk (UEFI specification, 3.5.1.1), so
//! nothing but the tree of files makes a stick start. Under MBR the partition is active and of type 0C (FAT32, LBA).
//! Under GPT it is one of *basic data*: Windows PE gives an EFI system partition no drive letter, and programs on the
//! medium look for their files by letter. Not supported: starting from a BIOS, for which there would have to be boot
//! code.
//!
//! On the NTFS volume is all of `SMS`, whole packages with all that is beside them, and any other file that FAT32 can't
//! hold: Windows PE gives both volumes a letter. What starts has to be on FAT32.
//!
//! The image is as long as its content needs, not as its capacity: sticks are often some per cent smaller than what is
//! printed on them. What changes when it becomes longer is a few sectors: the partition table, the boot sector, and the
//! second copy of a GPT, which is at its end.

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

/// Where the partition starts: as every tool of today has it, and a multiple of what flash memory is erased by.
const START: u64 = 1 << 20;

/// FAT32 whose sectors are counted, not addressed by cylinder.
const FAT32_LBA: u8 = 0x0C;

/// NTFS under MBR.
const NTFS: u8 = 0x07;

/// What the second partition starts at a multiple of, so that it stays where it is when the first one grows a little.
const SECOND_GRANULE: u64 = 64 << 20;

/// What is on the second partition as a whole, if there is one.
const CONTENT: &str = "SMS";

/// What is started, and so never on the second partition, however large it is.
const STARTED: &str = "sources/boot.wim";

/// Microsoft basic data: EBD0A0A2-B9E5-4433-87C0-68B6B72699C7.
const BASIC_DATA: Guid =
    Guid([0xA2, 0xA0, 0xD0, 0xEB, 0xE5, 0xB9, 0x33, 0x44, 0x87, 0xC0, 0x68, 0xB6, 0xB7, 0x26, 0x99, 0xC7]);

/// What lengths are a multiple of.
const ALIGNMENT: u64 = 4_096;

/// The image of a stick with this capacity in bytes, if it has one: that decides the size of clusters and tables.
pub fn layout(volume: &Volume, slack: Slack, scheme: PartitionScheme, capacity: Option<u64>) -> Result<Layout> {
    let partition = fat::partition(volume, slack, START / SECTOR_LEN, capacity)?;
    image(volume, scheme, &[(START, FAT32_LBA, partition)])
}

/// The same, with a second partition if the volume holds a file that FAT32 can't hold.
pub fn layout_with_ntfs(
    volume: &Volume,
    slack: Slack,
    scheme: PartitionScheme,
    capacity: Option<u64>,
) -> Result<Layout> {
    if !volume.root.files().iter().any(|(path, content)| is_too_large(path, content.len())) {
        return layout(volume, slack, scheme, capacity);
    }
    let [first, second] = apart(volume)?;
    // What would be a stick's capacity is no FAT volume's here.
    let first = fat::partition(&first, slack, START / SECTOR_LEN, None)?;
    let start = (START + first.len()).next_multiple_of(if slack == Slack::Ample { SECOND_GRANULE } else { START });
    let second = ntfs::partition(&second, slack, start / SECTOR_LEN)?;
    image(volume, scheme, &[(START, FAT32_LBA, first), (start, NTFS, second)])
}

/// Whether a file has to be on NTFS, and may be.
pub fn is_too_large(path: &str, len: u64) -> bool {
    len > MAX_FILE_LEN && !path.eq_ignore_ascii_case(STARTED)
}

/// Whether a path is on NTFS wherever there is NTFS.
pub fn is_content(path: &str) -> bool {
    path.split('/').next().is_some_and(|top| top.eq_ignore_ascii_case(CONTENT))
}

/// What is on FAT32, and what on NTFS.
fn apart(volume: &Volume) -> Result<[Volume; 2]> {
    let [mut first, mut second] = [Folder::default(), Folder::default()];
    let mut failed = None;
    volume.root.visit(&mut |path, node| {
        let is_content = is_content(path);
        let put = match node {
            Node::Folder(_) if is_content => second.insert_folder(path),
            Node::Folder(_) => first.insert_folder(path),
            Node::File(content) if is_content || is_too_large(path, content.len()) => {
                second.insert(path, content.clone())
            }
            Node::File(content) => first.insert(path, content.clone()),
        };
        failed = failed.take().or(put.err().map(|_| path.to_owned()));
    });
    match failed {
        Some(path) => Err(Error::new(format!("`{path}` has no place on either partition")).about(path)),
        None => Ok([first, second].map(|root| Volume { root, ..volume.clone() })),
    }
}

/// A disk with these partitions: where each starts, its type under MBR, and what it holds.
fn image(volume: &Volume, scheme: PartitionScheme, volumes: &[(u64, u8, Layout)]) -> Result<Layout> {
    let end = volumes.iter().map(|(start, _, layout)| start + layout.len()).max().unwrap_or(START);
    let len = match scheme {
        PartitionScheme::Mbr => end,
        PartitionScheme::Gpt => (end + GPT_END_LEN).next_multiple_of(ALIGNMENT),
    };
    if u32::try_from(len / SECTOR_LEN).is_err() {
        return Err(Error::new(format!("the stick would have {len} bytes, and its sectors are numbered with 32 bits"))
            .help("put some of the content on another medium"));
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

/// What the structures of a stick say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stick {
    /// Its length in bytes.
    pub len: u64,
    /// How its partitions are written down.
    pub scheme: PartitionScheme,
    /// What is wrong with one of the copies of a GPT.
    pub damage: Option<&'static str>,
    /// The partition whose volume was read.
    pub partition: Partition,
    /// The bits of an entry of its allocation table: 12, 16 or 32.
    pub n_bits: u8,
    /// The length of its clusters in bytes.
    pub cluster_len: u64,
    /// The second partition, if it holds NTFS, and the length of its clusters in bytes.
    pub second: Option<(Partition, u64)>,
    /// The volume label.
    pub label: String,
    /// The date of the label.
    pub date: Option<Date>,
    /// Its files and folders.
    pub files: Vec<VolumeEntry>,
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
    /// Whatever of an NTFS volume is no file's.
    NtfsTables,
}

/// Reads a stick, if the medium is one: a disk with a partition that holds FAT. The first such partition is read.
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
                "partition {} ends at byte {end}, and the stick has {len}",
                partition.number
            ))
            .help("the image may be cut off: compare its size with that of the original"));
        }
    }
    let place = |partition: &Partition| partition.offset..partition.offset + partition.len;
    let mut volume = fat::read(medium, place(&partition))?;
    let on_ntfs = second.as_ref().map(|partition| ntfs::files(medium, place(partition))).transpose()?;
    let second = second.zip(on_ntfs.as_ref().map(|volume| volume.cluster_len));
    let end = second.iter().map(|(partition, _)| partition).chain([&partition]).map(|it| place(it).end).max();
    let end = end.unwrap_or(len);
    let mut structures = vec![Structure { part: Part::PartitionTable, range: 0..SECTOR_LEN }];
    if table.scheme == PartitionScheme::Gpt {
        let first = SECTOR_LEN + GPT_END_LEN;
        structures[0].range.end = first.min(partition.offset);
        let second = len.saturating_sub(GPT_END_LEN).max(end)..len;
        structures.push(Structure { part: Part::PartitionTable, range: second });
    }
    structures.extend(volume.structures.into_iter().map(|structure| {
        let part = match structure.part {
            fat::FatPart::BootSector => Part::BootSector,
            fat::FatPart::Table => Part::AllocationTable,
            fat::FatPart::Folders => Part::Folders,
        };
        Structure { part, range: structure.range }
    }));
    if let Some(on_ntfs) = on_ntfs {
        let tables = on_ntfs.structures.into_iter();
        structures.extend(tables.map(|range| Structure { part: Part::NtfsTables, range }));
        // Folders may be on both.
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
