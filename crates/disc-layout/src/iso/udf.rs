//! Writer of UDF 1.02: structures of ECMA-167 (2nd edition), as restricted by OSTA UDF 1.02, for a read-only disc.
//!
//! There is one partition with a type 1 map. File entries have short allocation descriptors; there are no space tables
//! and no extended attributes. The unique ID of a file is derived from its logical block, so it changes only when the
//! file entry moves.

use super::bytes::FieldBuffer;
use super::places::{DiscPlaces, PARTITION, SectorRun};
use super::unicode::{compressed, compressed_len};
use super::{SECTOR, sectors};
use crate::date::Date;
use crate::error::{Details, Error, Result};
use crate::tree::{ItemKind, Tree};
use crate::volume::Volume;

/// Revision in the suffixes of identifiers (OSTA UDF 1.02, 2.1.5.3).
const REVISION: u16 = 0x0102;

/// Maximum length of an extent in whole blocks; the field has 30 bits (ECMA-167 4/14.14.1.1).
const MAX_EXTENT: u64 = 0x3FFF_F800;

/// Number of allocation descriptors, of 8 bytes each, that fit into the block of a file entry.
const FILE_ENTRY: usize = 176;
const MAX_EXTENTS: u64 = (SECTOR - FILE_ENTRY as u64) / 8;

/// Maximum length of a file whose file entry is one block.
pub const MAX_FILE_LEN: u64 = MAX_EXTENTS * MAX_EXTENT;

/// First unique ID: that of the root is 0, and those below this are reserved (OSTA UDF 1.02, 3.2.1). Others are logical
/// blocks counted from here.
const FIRST_UNIQUE_ID: u64 = 16;

/// Tag identifiers (ECMA-167 3/7.2.1, 4/7.2.1).
pub mod tag {
    pub const PRIMARY_VOLUME: u16 = 1;
    pub const ANCHOR: u16 = 2;
    pub const IMPLEMENTATION_USE: u16 = 4;
    pub const PARTITION: u16 = 5;
    pub const LOGICAL_VOLUME: u16 = 6;
    pub const UNALLOCATED_SPACE: u16 = 7;
    pub const TERMINATING: u16 = 8;
    pub const LOGICAL_VOLUME_INTEGRITY: u16 = 9;
    pub const FILE_SET: u16 = 256;
    pub const FILE_IDENTIFIER: u16 = 257;
    pub const FILE_ENTRY: u16 = 261;
}

/// Fails if the logical volume descriptor can't hold the label.
pub fn check_label(label: &str) -> Result<()> {
    const MAX_LEN: usize = 127;
    match compressed_len(label) {
        len if len > MAX_LEN => Err(Error::BadName(
            Details::new(format!("the label `{label}` takes {len} bytes on the disc; UDF allows {MAX_LEN}"))
                .help("use a label of at most 32 characters, which is what Windows shows"),
        )),
        _ => Ok(()),
    }
}

/// Formats the volume recognition sequence, one sector each (ECMA-167 2/9.1).
pub fn recognition() -> Vec<u8> {
    let structure = |identifier: &[u8]| {
        let mut sector = FieldBuffer::zeroed(SECTOR as usize);
        sector.put(1, identifier);
        sector.u8(6, 1); // structure version
        sector.into_vec()
    };
    [b"BEA01", b"NSR02", b"TEA01"].into_iter().flat_map(|identifier| structure(identifier)).collect()
}

/// Formats the volume descriptor sequence, one sector each (ECMA-167 3/8.4.2).
pub fn volume_descriptors(volume: &Volume, known: &DiscPlaces, at: u64) -> Vec<u8> {
    let descriptors = [
        primary_volume(volume),
        implementation_use(volume),
        partition(known),
        logical_volume(volume),
        unallocated_space(),
        terminating(),
    ];
    let mut sequence = Vec::new();
    for (n, (id, mut descriptor)) in descriptors.into_iter().enumerate() {
        if id != tag::TERMINATING {
            descriptor.le32(16, n as u32); // volume descriptor sequence number
        }
        sequence.extend(tagged(id, at + n as u64, descriptor));
        sequence.resize((n + 1) * SECTOR as usize, 0);
    }
    sequence
}

/// Primary volume descriptor (ECMA-167 3/10.1).
fn primary_volume(volume: &Volume) -> (u16, FieldBuffer) {
    let mut d = FieldBuffer::zeroed(512);
    put_dstring(&mut d, 24, 32, &volume.label); // 3/10.1.4 volume identifier
    d.le16(56, 1); // 3/10.1.5 volume sequence number
    d.le16(58, 1); // 3/10.1.6 maximum volume sequence number
    d.le16(60, 2); // 3/10.1.7 interchange level: a single volume
    d.le16(62, 2); // 3/10.1.8 maximum interchange level
    d.le32(64, 1); // 3/10.1.9 character set list: CS0
    d.le32(68, 1); // 3/10.1.10 maximum character set list
    // 3/10.1.11 volume set identifier; its first 16 characters must be unique (OSTA UDF 1.02, 2.2.2.5).
    let set = format!("{}{}", &volume.id.to_string()[..16], volume.label);
    put_dstring(&mut d, 72, 128, &set);
    put_charset(&mut d, 200); // 3/10.1.12 descriptor character set
    put_charset(&mut d, 264); // 3/10.1.13 explanatory character set
    put_implementation(&mut d, 344); // 3/10.1.16 application identifier
    put_timestamp(&mut d, 376, volume.date); // 3/10.1.17 recording date and time
    put_implementation(&mut d, 388); // 3/10.1.18 implementation identifier
    (tag::PRIMARY_VOLUME, d)
}

/// Implementation use volume descriptor (ECMA-167 3/10.4, OSTA UDF 1.02, 2.2.7).
fn implementation_use(volume: &Volume) -> (u16, FieldBuffer) {
    let mut d = FieldBuffer::zeroed(512);
    put_identifier(&mut d, 20, b"*UDF LV Info", &REVISION.to_le_bytes());
    put_charset(&mut d, 52); // 2.2.7.2.1 LVI charset
    put_dstring(&mut d, 116, 128, &volume.label); // 2.2.7.2.2 logical volume identifier
    put_implementation(&mut d, 352); // 2.2.7.2.4 implementation identifier
    (tag::IMPLEMENTATION_USE, d)
}

/// Partition descriptor (ECMA-167 3/10.5).
fn partition(known: &DiscPlaces) -> (u16, FieldBuffer) {
    let mut d = FieldBuffer::zeroed(512);
    d.le16(20, 1); // 3/10.5.3 flags: space is allocated
    put_identifier(&mut d, 24, b"+NSR02", &[]); // 3/10.5.5 contents
    d.le32(184, 1); // 3/10.5.7 access type: read only
    d.le32(188, PARTITION as u32); // 3/10.5.8 starting location
    d.le32(192, known.partition_len() as u32); // 3/10.5.9 length
    put_implementation(&mut d, 196); // 3/10.5.10 implementation identifier
    (tag::PARTITION, d)
}

/// Logical volume descriptor (ECMA-167 3/10.6).
fn logical_volume(volume: &Volume) -> (u16, FieldBuffer) {
    let mut d = FieldBuffer::zeroed(446);
    put_charset(&mut d, 20); // 3/10.6.3 descriptor character set
    put_dstring(&mut d, 84, 128, &volume.label); // 3/10.6.4 logical volume identifier
    d.le32(212, SECTOR as u32); // 3/10.6.5 logical block size
    put_domain(&mut d, 216); // 3/10.6.6 domain identifier
    put_long_ad(&mut d, 248, SectorRun { sector: PARTITION, len: 2 * SECTOR }); // 4/3.1 file set descriptor sequence
    d.le32(264, 6); // 3/10.6.8 map table length
    d.le32(268, 1); // 3/10.6.9 number of partition maps
    put_implementation(&mut d, 272); // 3/10.6.10 implementation identifier
    put_extent(&mut d, 432, DiscPlaces::INTEGRITY); // 3/10.6.12 integrity sequence extent
    d.put(440, &[1, 6, 1, 0, 0, 0]); // 3/10.7.2 type 1 map: length 6, volume 1, partition 0
    (tag::LOGICAL_VOLUME, d)
}

/// Unallocated space descriptor without extents (ECMA-167 3/10.8).
fn unallocated_space() -> (u16, FieldBuffer) {
    (tag::UNALLOCATED_SPACE, FieldBuffer::zeroed(24))
}

/// Terminating descriptor (ECMA-167 3/10.9, 4/14.2).
fn terminating() -> (u16, FieldBuffer) {
    (tag::TERMINATING, FieldBuffer::zeroed(512))
}

/// Formats the logical volume integrity sequence (ECMA-167 3/10.10, OSTA UDF 1.02, 2.2.6).
pub fn integrity(volume: &Volume, tree: &Tree, known: &DiscPlaces) -> Vec<u8> {
    let mut d = FieldBuffer::zeroed(134);
    put_timestamp(&mut d, 16, volume.date); // 3/10.10.2 recording date and time
    d.le32(28, 1); // 3/10.10.3 integrity type: closed
    d.le64(40, known.partition_len() + FIRST_UNIQUE_ID); // 4/14.15 the next unique id
    d.le32(72, 1); // 3/10.10.6 number of partitions
    d.le32(76, 46); // 3/10.10.7 length of implementation use
    d.le32(84, known.partition_len() as u32); // 3/10.10.9 size table; 3/10.10.8 free space: none
    put_implementation(&mut d, 88); // 2.2.6.4 implementation id
    d.le32(120, tree.n_files() as u32); // number of files
    d.le32(124, tree.n_folders() as u32); // number of directories
    d.le16(128, REVISION); // minimum UDF read revision
    d.le16(130, REVISION); // minimum UDF write revision
    d.le16(132, REVISION); // maximum UDF write revision
    let at = DiscPlaces::INTEGRITY.sector;
    let mut sequence = tagged(tag::LOGICAL_VOLUME_INTEGRITY, at, d);
    sequence.resize(SECTOR as usize, 0);
    sequence.extend(tagged(tag::TERMINATING, at + 1, terminating().1));
    sequence
}

/// Formats an anchor volume descriptor pointer (ECMA-167 3/10.2).
pub fn anchor(at: u64) -> Vec<u8> {
    let mut d = FieldBuffer::zeroed(512);
    put_extent(&mut d, 16, DiscPlaces::MAIN_SEQUENCE); // 3/10.2.2
    put_extent(&mut d, 24, DiscPlaces::RESERVE_SEQUENCE); // 3/10.2.3
    tagged(tag::ANCHOR, at, d)
}

/// Formats the file set descriptor and the descriptor that ends its sequence, at the start of the partition (ECMA-167
/// 4/14.1).
pub fn file_set(volume: &Volume, known: &DiscPlaces) -> Vec<u8> {
    let mut d = FieldBuffer::zeroed(512);
    put_timestamp(&mut d, 16, volume.date); // 4/14.1.2 recording date and time
    d.le16(28, 3); // 4/14.1.3 interchange level
    d.le16(30, 3); // 4/14.1.4 maximum interchange level
    d.le32(32, 1); // 4/14.1.5 character set list: CS0
    d.le32(36, 1); // 4/14.1.6 maximum character set list
    put_charset(&mut d, 48); // 4/14.1.9 logical volume identifier character set
    put_dstring(&mut d, 112, 128, &volume.label); // 4/14.1.10 logical volume identifier
    put_charset(&mut d, 240); // 4/14.1.11 file set character set
    put_dstring(&mut d, 304, 32, &volume.label); // 4/14.1.12 file set identifier
    put_long_ad(&mut d, 400, SectorRun { sector: known.entries[0], len: SECTOR }); // 4/14.1.15 root directory
    put_domain(&mut d, 416); // 4/14.1.16 domain identifier
    let mut sequence = tagged(tag::FILE_SET, 0, d);
    sequence.resize(SECTOR as usize, 0);
    sequence.extend(tagged(tag::TERMINATING, 1, terminating().1));
    sequence
}

/// Formats the file identifier descriptors of a folder (ECMA-167 4/8.6, 4/14.4).
pub fn folder(tree: &Tree, folder: usize, known: &DiscPlaces) -> Vec<u8> {
    const IS_FOLDER: u8 = 0x02;
    const IS_PARENT: u8 = 0x08;
    let start = known.data[folder].sector;
    let mut descriptors = Vec::new();
    let mut add = |item: usize, characteristics: u8, name: &[u8]| {
        let mut d = FieldBuffer::zeroed((38 + name.len()).next_multiple_of(4));
        d.le16(16, 1); // 4/14.4.2 file version number
        d.u8(18, characteristics); // 4/14.4.3
        d.u8(19, name.len() as u8); // 4/14.4.4
        put_long_ad(&mut d, 20, SectorRun { sector: known.entries[item], len: SECTOR }); // 4/14.4.5
        d.put(38, name); // 4/14.4.8
        let at = start + descriptors.len() as u64 / SECTOR;
        descriptors.extend(tagged(tag::FILE_IDENTIFIER, block(at).into(), d));
    };
    add(tree.items()[folder].parent, IS_FOLDER | IS_PARENT, &[]);
    for item in tree.items_in(folder) {
        let characteristics = if tree.is_folder(item) { IS_FOLDER } else { 0 };
        add(item, characteristics, &compressed(tree.items()[item].name));
    }
    descriptors
}

/// Formats the file entry of a file or folder, without trailing zeros (ECMA-167 4/14.9). An empty file has an
/// allocation descriptor only if boot sectors read its entry (`is_early`), since they expect exactly one.
pub fn file_entry(tree: &Tree, item: usize, date: Date, is_early: bool, known: &DiscPlaces) -> Vec<u8> {
    const FOLDER: u8 = 4;
    const FILE: u8 = 5;
    const READ_AND_EXECUTE: u32 = 0b101;
    let SectorRun { sector, len } = known.data[item];
    let n_extents = len.div_ceil(MAX_EXTENT).max(u64::from(is_early));
    let mut d = FieldBuffer::zeroed(FILE_ENTRY + 8 * n_extents as usize);
    let (file_type, n_links) = match &tree.items()[item].what {
        // Each folder is linked from its parent (the root from itself) and from each of its subfolders.
        ItemKind::Folder { items } => (FOLDER, 1 + items.clone().filter(|item| tree.is_folder(*item)).count() as u16),
        ItemKind::File(_) => (FILE, 1),
    };
    d.le16(20, 4); // 4/14.6.2 ICB strategy 4
    d.le16(24, 1); // 4/14.6.4 maximum number of entries
    d.u8(27, file_type); // 4/14.6.6; 4/14.6.8 flags: short allocation descriptors
    d.le32(36, u32::MAX); // 4/14.9.3 uid: none
    d.le32(40, u32::MAX); // 4/14.9.4 gid: none
    d.le32(44, READ_AND_EXECUTE << 10 | READ_AND_EXECUTE << 5 | READ_AND_EXECUTE); // 4/14.9.5 permissions
    d.le16(48, n_links); // 4/14.9.6
    d.le64(56, len); // 4/14.9.10 information length
    d.le64(64, sectors(len)); // 4/14.9.11 logical blocks recorded
    for at in [72, 84, 96] {
        put_timestamp(&mut d, at, date); // 4/14.9.12–14 access, modification, attributes
    }
    d.le32(108, 1); // 4/14.9.15 checkpoint
    put_implementation(&mut d, 128); // 4/14.9.17 implementation identifier
    let own_block = block(known.entries[item]);
    d.le64(160, if item == 0 { 0 } else { u64::from(own_block) + FIRST_UNIQUE_ID }); // 4/14.9.18 unique id
    d.le32(172, 8 * n_extents as u32); // 4/14.9.20 length of allocation descriptors
    for n in 0..n_extents {
        let at = FILE_ENTRY + 8 * n as usize;
        d.le32(at, (len - n * MAX_EXTENT).min(MAX_EXTENT) as u32); // 4/14.14.1.1; the two high bits: recorded
        d.le32(at + 4, block(sector + n * (MAX_EXTENT / SECTOR))); // 4/14.14.1.2
    }
    tagged(tag::FILE_ENTRY, own_block.into(), d)
}

/// Converts a sector to a logical block of the partition. In the first pass, sectors are not known yet.
fn block(sector: u64) -> u32 {
    sector.saturating_sub(PARTITION) as u32
}

/// Adds the tag for its location to a descriptor (ECMA-167 3/7.2).
fn tagged(id: u16, location: u64, mut d: FieldBuffer) -> Vec<u8> {
    d.le16(0, id); // 3/7.2.1
    d.le16(2, 2); // 3/7.2.2 descriptor version
    d.le16(6, 1); // 3/7.2.4 tag serial number
    let body = &d.as_slice()[16..];
    let (crc, crc_len) = (crc(body), body.len() as u16);
    d.le16(8, crc); // 3/7.2.5
    d.le16(10, crc_len); // 3/7.2.6
    d.le32(12, location as u32); // 3/7.2.7
    let checksum = checksum(d.as_slice());
    d.u8(4, checksum); // 3/7.2.3
    d.into_vec()
}

/// Checksum of a tag: the sum of its bytes except the checksum itself (ECMA-167 3/7.2.3).
pub fn checksum(tag: &[u8]) -> u8 {
    tag[..16].iter().enumerate().filter(|(at, _)| *at != 4).fold(0, |sum, (_, byte)| sum.wrapping_add(*byte))
}

/// CRC with the polynomial x¹⁶ + x¹² + x⁵ + 1 (ECMA-167 3/7.2.5).
pub fn crc(bytes: &[u8]) -> u16 {
    const TABLE: [u16; 256] = {
        let mut table = [0; 256];
        let mut n = 0;
        while n < 256 {
            let mut crc = (n as u16) << 8;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
                bit += 1;
            }
            table[n] = crc;
            n += 1;
        }
        table
    };
    bytes.iter().fold(0, |crc, byte| crc << 8 ^ TABLE[usize::from((crc >> 8) as u8 ^ byte)])
}

/// Writes the only character set (ECMA-167 1/7.2.1, OSTA UDF 1.02, 2.1.2).
fn put_charset(d: &mut FieldBuffer, at: usize) {
    d.put(at + 1, b"OSTA Compressed Unicode");
}

/// Writes a text whose length is in the last byte of its field, cut to fit (ECMA-167 1/7.2.12).
fn put_dstring(d: &mut FieldBuffer, at: usize, len: usize, text: &str) {
    if text.is_empty() {
        return;
    }
    let mut end = text.len();
    while compressed_len(&text[..end]) > len - 1 {
        end = text.floor_char_boundary(end - 1);
    }
    let bytes = compressed(&text[..end]);
    d.put(at, &bytes);
    d.u8(at + len - 1, bytes.len() as u8);
}

/// Writes a timestamp of local time with an offset of 0 from UTC (ECMA-167 1/7.3).
fn put_timestamp(d: &mut FieldBuffer, at: usize, date: Date) {
    let (year, month, day, hour, minute, second) = date.civil();
    d.le16(at, 0x1000);
    d.le16(at + 2, year);
    d.put(at + 4, &[month, day, hour, minute, second]);
}

/// Writes an entity identifier (ECMA-167 1/7.4).
fn put_identifier(d: &mut FieldBuffer, at: usize, identifier: &[u8], suffix: &[u8]) {
    d.put(at + 1, identifier);
    d.put(at + 24, suffix);
}

/// Writes the identifier of the implementation (OSTA UDF 1.02, 2.1.5.2). The operating system is left unset, so that
/// the bytes don't depend on it.
fn put_implementation(d: &mut FieldBuffer, at: usize) {
    put_identifier(d, at, b"*tsmedia", &[]);
}

/// Writes the domain, with hard and soft write protection (OSTA UDF 1.02, 2.1.5.3).
fn put_domain(d: &mut FieldBuffer, at: usize) {
    let [low, high] = REVISION.to_le_bytes();
    put_identifier(d, at, b"*OSTA UDF Compliant", &[low, high, 3]);
}

/// Writes an extent of the volume (ECMA-167 3/7.1).
fn put_extent(d: &mut FieldBuffer, at: usize, run: SectorRun) {
    d.le32(at, run.len as u32);
    d.le32(at + 4, run.sector as u32);
}

/// Writes an extent of partition 0 (ECMA-167 4/14.14.2).
fn put_long_ad(d: &mut FieldBuffer, at: usize, run: SectorRun) {
    d.le32(at, run.len as u32);
    d.le32(at + 4, block(run.sector));
}
