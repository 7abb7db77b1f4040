//! NTFS volumes: the second partition of a stick, for files that are too large for FAT32 ([`partition`], [`files`]),
//! and the label and state of a volume ([`read`]). [`mft`] and [`attributes`] read the records of any volume.
//!
//! The writer produces NTFS 3.1 as `mkntfs` and libntfs-3g (2022.10) do, since there is no public specification.
//! Clusters and index blocks have 4,096 bytes, and records 1,024. Every file is one run of clusters and never resident,
//! so that each is read from its source. Files have one name, without short ones, and everyone has full access. Not
//! supported: starting from the volume, streams, links, compression, more than 2^32 clusters.
//!
//! Structures that never change come first, then the files that come from sources, arranged as on all media (see
//! [`slack`](crate::slack)), then structures that do change: blocks of folders, the master file table, and the bitmap.

pub mod attribute_list;
pub mod attributes;
mod facts;
mod files;
pub mod fixups;
mod index;
pub mod mft;
pub mod record;
mod system;
mod upcase;

use std::sync::Arc;

pub use facts::{NtfsBootSector, NtfsFacts, NtfsFault, VolumeState, read};
pub use files::{NtfsContents, Unplaced, files, is_boot_sector};

use crate::content::Content;
use crate::date::Date;
use crate::error::{Details, Error, Result};
use crate::layout::{Extent, Layout, Piece, Slack};
use crate::slack::{ArrangedItem, ArrangementOrder, Rooms};
use crate::tree::{ItemKind, Tree};
use crate::volume::Volume;
use index::BLOCK_LEN;
use record::{MftRecord, NtfsRun, RECORD_LEN, RecordUse};
use system::FileNameFields;
use upcase::UpCase;

const SECTOR_LEN: u64 = 512;
/// Length of a cluster in bytes.
pub const CLUSTER_LEN: u64 = 4_096;

/// Length from which a file is large and gets its own slot.
const LARGE: u64 = 1 << 20;

// Positions of the structures that are the same on every volume, in clusters.
const BOOT: NtfsRun = NtfsRun { start: 0, n_clusters: 2 };
const DEFINITIONS: NtfsRun = NtfsRun { start: 2, n_clusters: 1 };
const MIRROR: NtfsRun = NtfsRun { start: 3, n_clusters: 1 };
const DESCRIPTORS: NtfsRun = NtfsRun { start: 4, n_clusters: 65 };
const CAPITALS: NtfsRun = NtfsRun { start: 69, n_clusters: 32 };
const JOURNAL: NtfsRun = NtfsRun { start: 128, n_clusters: 1_024 };
const FIXED_END: u64 = 1_152;

// Record numbers.
const MFT: u64 = 0;
const ROOT: u64 = 5;
const EXTEND: u64 = 11;
/// First record of user files, as on Windows.
const FIRST: u64 = 64;

/// Names of the system files in the root folder, by record number.
const SYSTEM_FILES: [&str; 12] = [
    "$MFT", "$MFTMirr", "$LogFile", "$Volume", "$AttrDef", ".", "$Bitmap", "$Boot", "$BadClus", "$Secure", "$UpCase",
    "$Extend",
];

/// Names of the files in `$Extend`, from record 24.
const EXTENSIONS: [&str; 3] = ["$Quota", "$ObjId", "$Reparse"];

/// Maximum length of a volume label in UTF-16 units.
const MAX_LABEL_LEN: usize = 32;

/// Lays out a volume behind `n_hidden` sectors of a medium.
pub fn partition(volume: &Volume, slack: Slack, n_hidden: u64) -> Result<Layout> {
    let tree = Tree::new(&volume.root);
    let mut draft =
        NtfsDraft { tree: &tree, date: volume.date, upcase: UpCase::new(), lens: [(0, 0); SYSTEM_FILES.len()] };
    let indexes: Vec<index::IndexTree> = tree.items().iter().enumerate().map(|(item, _)| draft.index(item)).collect();
    let places = NtfsPlaces::new(volume, &tree, &indexes, slack);
    if places.n_clusters > u64::from(u32::MAX) {
        return Err(Error::TooLarge(Details::new("an NTFS volume of these files would have more than 2^32 clusters")));
    }
    draft.lens = places.system_lens();
    Ok(Layout::new((places.n_clusters + 1) * CLUSTER_LEN, extents(volume, &draft, &places, indexes, n_hidden)))
}

/// Positions of all structures.
struct NtfsPlaces {
    /// Clusters of each item: those of a file, or the blocks of a folder followed by their bitmap.
    runs: Vec<Option<NtfsRun>>,
    mft: NtfsRun,
    mft_bitmap: NtfsRun,
    bitmap: NtfsRun,
    n_clusters: u64,
}

fn clusters(len: u64) -> u64 {
    len.div_ceil(CLUSTER_LEN)
}

impl NtfsPlaces {
    fn new(volume: &Volume, tree: &Tree, indexes: &[index::IndexTree], slack: Slack) -> Self {
        let rooms = Rooms::new(slack, CLUSTER_LEN);
        let order = ArrangementOrder::new(tree, &volume.parts, rooms);
        let mut runs = vec![None; tree.items().len()];
        let mut arrange = |start: u64, things: Vec<ArrangedItem>| {
            let lens: std::collections::HashMap<_, _> =
                things.iter().map(|thing| (thing.item, thing.n_units)).collect();
            let arrangement = order.arrange(things.into_iter().filter(|thing| thing.n_units > 0));
            for (item, place) in arrangement.places {
                runs[item] = Some(NtfsRun { start: start + place, n_clusters: lens[&item] });
            }
            start + rooms.room_for(arrangement.n_units)
        };
        let files = |is_ours: bool| -> Vec<ArrangedItem> {
            let file = |(item, it): (usize, &crate::tree::TreeItem)| match it.what {
                ItemKind::File(content) if matches!(content, Content::Bytes(_)) == is_ours => Some(ArrangedItem {
                    item,
                    n_units: clusters(content.len()),
                    is_alone: is_ours || content.len() >= LARGE,
                }),
                _ => None,
            };
            tree.items().iter().enumerate().filter_map(file).collect()
        };
        let mut at = arrange(FIXED_END, files(false));
        if slack == Slack::Ample {
            at = at.next_multiple_of(structure_granule(at));
        }
        let folders = (0..indexes.len()).map(|item| {
            let n_blocks = (indexes[item].blocks.len() / BLOCK_LEN) as u64;
            ArrangedItem { item, n_units: n_blocks + u64::from(has_bitmap_outside(n_blocks)), is_alone: false }
        });
        at = arrange(at, folders.collect());
        at = arrange(at, files(true));
        let mut take = |n_clusters: u64| {
            let run = NtfsRun { start: at, n_clusters };
            at += n_clusters;
            run
        };
        let n_records = FIRST + tree.items().len() as u64;
        let mft = take(rooms.room_for(clusters(n_records * RECORD_LEN as u64)));
        let mft_bitmap = take(clusters(bitmap_len(mft.n_clusters * CLUSTER_LEN / RECORD_LEN as u64)));
        // The bitmap covers itself, and the padding that rounds the volume up to a multiple of 64 KiB, so its length is
        // found by iteration.
        let mut n_clusters = at;
        let bitmap = loop {
            let own = clusters(bitmap_len(n_clusters));
            let end = (at + own + 1).next_multiple_of(16) - 1;
            if end == n_clusters {
                break NtfsRun { start: at, n_clusters: own };
            }
            n_clusters = end;
        };
        Self { runs, mft, mft_bitmap, bitmap, n_clusters }
    }

    fn n_records(&self) -> u64 {
        self.mft.n_clusters * CLUSTER_LEN / RECORD_LEN as u64
    }

    /// Allocated and actual lengths of the system files, as recorded with their names.
    fn system_lens(&self) -> [(u64, u64); SYSTEM_FILES.len()] {
        let mut lens = [(0, 0); SYSTEM_FILES.len()];
        let mft = self.mft.n_clusters * CLUSTER_LEN;
        lens[0] = (mft, mft);
        lens[1] = (CLUSTER_LEN, 4 * RECORD_LEN as u64);
        lens[2] = (JOURNAL.n_clusters * CLUSTER_LEN, JOURNAL.n_clusters * CLUSTER_LEN);
        lens[4] = (CLUSTER_LEN, system::DEFINITIONS_LEN);
        lens[6] = (self.bitmap.n_clusters * CLUSTER_LEN, bitmap_len(self.n_clusters));
        lens[7] = (BOOT.n_clusters * CLUSTER_LEN, BOOT.n_clusters * CLUSTER_LEN);
        lens[10] = (CAPITALS.n_clusters * CLUSTER_LEN, CAPITALS.n_clusters * CLUSTER_LEN);
        lens
    }

    /// All clusters in use.
    fn used(&self) -> impl Iterator<Item = NtfsRun> + '_ {
        let fixed = [BOOT, DEFINITIONS, MIRROR, DESCRIPTORS, CAPITALS, JOURNAL];
        let of_volume = [self.mft, self.mft_bitmap, self.bitmap];
        fixed.into_iter().chain(of_volume).chain(self.runs.iter().copied().flatten())
    }
}

/// Alignment of the structures that change, in clusters, between 64 KiB and 16 MiB. It grows with the data before them.
fn structure_granule(data_end: u64) -> u64 {
    (data_end / 256).next_power_of_two().clamp(16, 4_096)
}

/// Returns `true` if the bitmap of a folder's blocks does not fit into its record.
fn has_bitmap_outside(n_blocks: u64) -> bool {
    bitmap_len(n_blocks) > 32
}

/// Length of a bitmap in bytes, a multiple of eight.
fn bitmap_len(n_bits: u64) -> u64 {
    n_bits.div_ceil(64) * 8
}

/// Makes a bitmap of `n_bits` bits in which the used runs, and all bits after the end, are set.
fn bitmap(n_bits: u64, used: impl Iterator<Item = NtfsRun>) -> Vec<u8> {
    let mut bytes = vec![0u8; bitmap_len(n_bits) as usize];
    let behind = NtfsRun { start: n_bits, n_clusters: bitmap_len(n_bits) * 8 - n_bits };
    for run in used.chain([behind]) {
        let mut bit = run.start;
        let end = run.start + run.n_clusters;
        while bit < end {
            if bit.is_multiple_of(8) && end - bit >= 8 {
                let whole = (end - bit) / 8;
                bytes[(bit / 8) as usize..(bit / 8 + whole) as usize].fill(0xff);
                bit += whole * 8;
            } else {
                bytes[(bit / 8) as usize] |= 1 << (bit % 8);
                bit += 1;
            }
        }
    }
    bytes
}

/// State that depends only on the tree and on the lengths of the system files.
struct NtfsDraft<'a> {
    tree: &'a Tree<'a>,
    date: Date,
    upcase: UpCase,
    lens: [(u64, u64); SYSTEM_FILES.len()],
}

/// Record number of an item.
fn number(item: usize) -> u64 {
    if item == 0 { ROOT } else { FIRST + item as u64 - 1 }
}

/// Reference to a record: its number and its sequence number.
fn reference(number: u64) -> u64 {
    let sequence = match number {
        MFT => 1,
        1..24 => number,
        _ => 1,
    };
    number | sequence << 48
}

fn units(name: &str) -> Vec<u16> {
    name.encode_utf16().collect()
}

impl NtfsDraft<'_> {
    /// Fields of an item's name attribute.
    fn named(&self, item: usize) -> FileNameFields {
        let len = self.tree.file_len(item);
        let flags = if self.tree.is_folder(item) { system::IS_FOLDER } else { system::ARCHIVE };
        let parent = reference(number(self.tree.items()[item].parent));
        FileNameFields { parent, flags, allocated: clusters(len) * CLUSTER_LEN, len }
    }

    /// Name attribute of an item, used in its record and in its folder.
    fn name(&self, item: usize) -> Vec<u8> {
        system::file_name(&units(self.tree.items()[item].name), self.date, self.named(item))
    }

    /// Name attribute of a system file.
    fn system_name(&self, number: u64) -> Vec<u8> {
        let (parent, name, flags, lens) = match number {
            24.. => {
                let flags = system::HIDDEN_SYSTEM | system::ARCHIVE | system::HAS_INDEXES;
                (EXTEND, EXTENSIONS[number as usize - 24], flags, (0, 0))
            }
            _ => {
                let kind = match number {
                    ROOT | EXTEND => system::IS_FOLDER,
                    9 => system::HAS_INDEXES,
                    _ => 0,
                };
                (ROOT, SYSTEM_FILES[number as usize], system::HIDDEN_SYSTEM | kind, self.lens[number as usize])
            }
        };
        let named = FileNameFields { parent: reference(parent), flags, allocated: lens.0, len: lens.1 };
        system::file_name(&units(name), self.date, named)
    }

    /// Index of a folder; empty for a file.
    fn index(&self, item: usize) -> index::IndexTree {
        if !self.tree.is_folder(item) {
            return index::IndexTree { root: Vec::new(), blocks: Vec::new() };
        }
        let items = self.tree.items_in(item);
        let mut entries: Vec<_> =
            items.map(|item| (units(self.tree.items()[item].name), number(item), self.name(item))).collect();
        if item == 0 {
            let of_system =
                (0..).zip(SYSTEM_FILES).map(|(number, name)| (units(name), number, self.system_name(number)));
            entries.extend(of_system);
        }
        self.sorted(entries, self.head(item).room())
    }

    fn sorted(&self, mut entries: Vec<(Vec<u16>, u64, Vec<u8>)>, room: usize) -> index::IndexTree {
        entries.sort_by(|(a, ..), (b, ..)| self.upcase.compare(a, b));
        let entries = entries.iter().map(|(_, number, name)| index::entry(reference(*number), name)).collect();
        // Reserves room for the headers of the attribute and of the index, and with blocks for two more attributes.
        index::tree(entries, |has_blocks| room - 64 - if has_blocks { 2 * 88 } else { 0 })
    }

    /// Record of an item with its information and name only.
    fn head(&self, item: usize) -> MftRecord {
        let mut record = MftRecord::new();
        let is_folder = self.tree.is_folder(item);
        let (flags, security) = match is_folder {
            true if item == 0 => (system::HIDDEN_SYSTEM, system::OF_FOLDERS),
            true => (0, system::OF_FOLDERS),
            false => (system::ARCHIVE, system::OF_FILES),
        };
        record.resident(record::STANDARD_INFORMATION, "", &system::information(self.date, flags, security));
        let name = if item == 0 { self.system_name(ROOT) } else { self.name(item) };
        record.resident(record::FILE_NAME, "", &name);
        record
    }

    /// Record of an item.
    fn record(&self, item: usize, index: &index::IndexTree, run: Option<NtfsRun>) -> Vec<u8> {
        let mut record = self.head(item);
        let number = number(item);
        let sequence = (reference(number) >> 48) as u16;
        if !self.tree.is_folder(item) {
            match run {
                Some(run) => record.outside(record::DATA, "", self.tree.file_len(item), Ok(run), CLUSTER_LEN),
                None => record.resident(record::DATA, "", &[]),
            }
            return record.finish(number, sequence, RecordUse::File);
        }
        record.resident(record::INDEX_ROOT, "$I30", &index.root);
        if let Some(run) = run {
            let n_blocks = (index.blocks.len() / BLOCK_LEN) as u64;
            let of_blocks = NtfsRun { n_clusters: n_blocks, ..run };
            record.outside(record::INDEX_ALLOCATION, "$I30", index.blocks.len() as u64, Ok(of_blocks), CLUSTER_LEN);
            if has_bitmap_outside(n_blocks) {
                let of_bitmap = NtfsRun { start: run.start + n_blocks, n_clusters: 1 };
                record.outside(record::BITMAP, "$I30", bitmap_len(n_blocks), Ok(of_bitmap), CLUSTER_LEN);
            } else {
                record.resident(record::BITMAP, "$I30", &blocks_bitmap(n_blocks));
            }
        }
        record.finish(number, sequence, RecordUse::Folder)
    }

    /// Record of a system file other than the root folder. Unassigned numbers yield an unused record.
    fn system_record(&self, number: u64, places: &NtfsPlaces, label: &str) -> Vec<u8> {
        use system::{ARCHIVE, HAS_INDEXES, HIDDEN_SYSTEM, OF_INDEXES, OF_METADATA};
        let sequence = (reference(number) >> 48) as u16;
        let mut record = MftRecord::new();
        // Records 0 to 15 are fixed by the format; Windows leaves 16 to 23 unused and puts the
        // files of `$Extend` after them. The others of the first chunk only fill it.
        let is_unused = matches!(number, 16..24 | 27..);
        // These have the old form of standard information, without a number in `$Secure`, as
        // Windows formats them.
        let has_own_descriptor = matches!(number, 3 | 4 | 7 | 12..16);
        if is_unused {
            return record.finish(number, sequence, RecordUse::Unused);
        }
        let information = if has_own_descriptor {
            system::old_information(self.date, HIDDEN_SYSTEM)
        } else {
            match number {
                9 => system::information(self.date, HIDDEN_SYSTEM | HAS_INDEXES, OF_INDEXES),
                EXTEND => system::information(self.date, HIDDEN_SYSTEM, OF_INDEXES),
                24.. => system::information(self.date, HIDDEN_SYSTEM | ARCHIVE | HAS_INDEXES, OF_INDEXES),
                _ => system::information(self.date, HIDDEN_SYSTEM, OF_METADATA),
            }
        };
        record.resident(record::STANDARD_INFORMATION, "", &information);
        if !(12..16).contains(&number) {
            record.resident(record::FILE_NAME, "", &self.system_name(number));
        }
        if has_own_descriptor {
            let descriptor = system::own_descriptor(matches!(number, 3 | 12..));
            record.resident(record::SECURITY_DESCRIPTOR, "", &descriptor);
        }
        let len = self.lens.get(number as usize).map_or(0, |(_, len)| *len);
        let mut data = |run: NtfsRun| record.outside(record::DATA, "", len, Ok(run), CLUSTER_LEN);
        let mut kind = RecordUse::File;
        match number {
            MFT => {
                data(places.mft);
                let n_bytes = bitmap_len(places.n_records());
                record.outside(record::BITMAP, "", n_bytes, Ok(places.mft_bitmap), CLUSTER_LEN);
            }
            1 => data(MIRROR),
            2 => data(JOURNAL),
            3 => {
                let label: Vec<u16> = label.encode_utf16().take(MAX_LABEL_LEN).collect();
                let label: Vec<u8> = label.iter().flat_map(|unit| unit.to_le_bytes()).collect();
                record.resident(record::VOLUME_NAME, "", &label);
                record.resident(record::VOLUME_INFORMATION, "", &[0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 0, 0]);
                record.resident(record::DATA, "", &[]);
            }
            4 => data(DEFINITIONS),
            6 => data(places.bitmap),
            7 => data(BOOT),
            8 => {
                record.resident(record::DATA, "", &[]);
                let len = places.n_clusters * CLUSTER_LEN;
                record.outside(record::DATA, "$Bad", len, Err(places.n_clusters), CLUSTER_LEN);
            }
            9 => {
                record.outside(record::DATA, "$SDS", system::sds_len(), Ok(DESCRIPTORS), CLUSTER_LEN);
                record.resident(record::INDEX_ROOT, "$SDH", &system::sdh());
                record.resident(record::INDEX_ROOT, "$SII", &system::sii());
                kind = RecordUse::Indexes;
            }
            10 => data(CAPITALS),
            EXTEND => {
                let entries =
                    (24..).zip(EXTENSIONS).map(|(number, name)| (units(name), number, self.system_name(number)));
                let index = self.sorted(entries.collect(), record.room());
                record.resident(record::INDEX_ROOT, "$I30", &index.root);
                kind = RecordUse::Folder;
            }
            24 => {
                let [by_owner, by_number] = system::quotas(self.date);
                record.resident(record::INDEX_ROOT, "$O", &by_owner);
                record.resident(record::INDEX_ROOT, "$Q", &by_number);
                kind = RecordUse::Extension;
            }
            25 | 26 => {
                record.resident(record::INDEX_ROOT, if number == 25 { "$O" } else { "$R" }, &system::empty_view());
                kind = RecordUse::Extension;
            }
            _ => record.resident(record::DATA, "", &[]),
        }
        record.finish(number, sequence, kind)
    }
}

/// Bitmap of a folder's blocks. Bits after the last block are clear, as in every index.
fn blocks_bitmap(n_blocks: u64) -> Vec<u8> {
    let mut bytes = vec![0; bitmap_len(n_blocks) as usize];
    (0..n_blocks).for_each(|bit| bytes[(bit / 8) as usize] |= 1 << (bit % 8));
    bytes
}

/// Extents of the whole volume.
fn extents(
    volume: &Volume,
    draft: &NtfsDraft,
    places: &NtfsPlaces,
    indexes: Vec<index::IndexTree>,
    n_hidden: u64,
) -> Vec<Extent> {
    let mut extents = Vec::new();
    let mut put = |offset: u64, bytes: Vec<u8>| {
        extents.push(Extent { offset, len: bytes.len() as u64, piece: Piece::Bytes(Arc::from(bytes)) });
    };
    let start = |run: NtfsRun| run.start * CLUSTER_LEN;
    let boot = boot_sector(volume, places, n_hidden);
    // The backup of the boot sector is the last sector of the partition, after the last cluster.
    put((places.n_clusters + 1) * CLUSTER_LEN - SECTOR_LEN, boot.clone());
    put(start(BOOT), boot);
    put(start(DEFINITIONS), system::definitions());
    put(start(DESCRIPTORS), system::sds());
    put(start(CAPITALS), draft.upcase.bytes());
    // A log filled with ones has never been used.
    put(start(JOURNAL), vec![0xff; (JOURNAL.n_clusters * CLUSTER_LEN) as usize]);
    put(start(places.bitmap), bitmap(places.n_clusters, places.used()));

    let n_items = draft.tree.items().len() as u64;
    let n_records = places.n_records();
    let in_use = [(0, 16), (24, 3), (FIRST, n_items - 1)].map(|(start, n_clusters)| NtfsRun { start, n_clusters });
    put(start(places.mft_bitmap), bitmap(n_records, in_use.into_iter()));

    let mut records = Vec::with_capacity(n_records as usize * RECORD_LEN);
    // The root folder lists the system files, whose lengths are known only now.
    let root = draft.index(0);
    for number in 0..n_records {
        let item = match number {
            ROOT => Some(0),
            FIRST.. => Some((number - FIRST + 1) as usize).filter(|item| (*item as u64) < n_items),
            _ => None,
        };
        records.extend(match item {
            Some(0) => draft.record(0, &root, places.runs[0]),
            Some(item) => draft.record(item, &indexes[item], places.runs[item]),
            None => draft.system_record(number, places, &volume.label),
        });
    }
    put(start(MIRROR), records[..4 * RECORD_LEN].to_vec());
    put(start(places.mft), records);

    for (item, index) in indexes.into_iter().enumerate() {
        let Some(run) = places.runs[item] else { continue };
        match &draft.tree.items()[item].what {
            ItemKind::File(content) => extents.push(Extent::new(content, start(run))),
            ItemKind::Folder { .. } => {
                let mut bytes = if item == 0 { root.blocks.clone() } else { index.blocks };
                let n_blocks = (bytes.len() / BLOCK_LEN) as u64;
                if has_bitmap_outside(n_blocks) {
                    bytes.extend(blocks_bitmap(n_blocks));
                }
                let len = bytes.len() as u64;
                extents.push(Extent { offset: start(run), len, piece: Piece::Bytes(Arc::from(bytes)) });
            }
        }
    }
    extents
}

fn boot_sector(volume: &Volume, places: &NtfsPlaces, n_hidden: u64) -> Vec<u8> {
    let mut sector = vec![0; SECTOR_LEN as usize];
    let mut put = |at: usize, bytes: &[u8]| sector[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &[0xeb, 0x52, 0x90]);
    put(3, b"NTFS    ");
    put(0x0b, &(SECTOR_LEN as u16).to_le_bytes());
    put(0x0d, &[(CLUSTER_LEN / SECTOR_LEN) as u8]);
    put(0x15, &[0xf8]);
    put(0x18, &63u16.to_le_bytes()); // sectors of a track, and heads, as everybody supposes
    put(0x1a, &255u16.to_le_bytes());
    put(0x1c, &(n_hidden as u32).to_le_bytes());
    put(0x24, &[0x80, 0, 0x80, 0]);
    // The number of sectors excludes the backup of the boot sector.
    put(0x28, &((places.n_clusters + 1) * (CLUSTER_LEN / SECTOR_LEN) - 1).to_le_bytes());
    put(0x30, &places.mft.start.to_le_bytes());
    put(0x38, &MIRROR.start.to_le_bytes());
    put(0x40, &[0xf6, 0, 0, 0]); // a record has 2^10 bytes
    put(0x44, &[1, 0, 0, 0]); // a block has one cluster
    put(0x48, &volume.id.0[8..16]);
    // If a BIOS starts this sector, it tries the next device (INT 18h).
    put(0x54, &[0xcd, 0x18, 0xeb, 0xfe]);
    put(0x1fe, &[0x55, 0xaa]);
    sector
}

#[cfg(test)]
mod tests;
