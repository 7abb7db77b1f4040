//! Contents of the system files of every NTFS volume: attribute values, security descriptors, attribute definitions,
//! and the indexes of `$Secure` and `$Extend`, as written by `mkntfs`.

use crate::date::Date;

/// Seconds from 1601, the epoch of NTFS, to 1970.
const SINCE_1601: u64 = 11_644_473_600;

/// Converts a date to NTFS time in units of 100 ns.
pub(super) fn time(date: Date) -> [u8; 8] {
    ((date.unix() + SINCE_1601) * 10_000_000).to_le_bytes()
}

pub(super) const HIDDEN_SYSTEM: u32 = 0x06;
pub(super) const ARCHIVE: u32 = 0x20;
/// Flag of folders, in name attributes only.
pub(super) const IS_FOLDER: u32 = 0x1000_0000;
/// Flag of files with indexes other than a folder's, in name attributes only.
pub(super) const HAS_INDEXES: u32 = 0x2000_0000;

/// Numbers of security descriptors in `$Secure`.
pub(super) const OF_METADATA: u32 = 0x100;
pub(super) const OF_INDEXES: u32 = 0x101;
pub(super) const OF_FOLDERS: u32 = 0x102;
pub(super) const OF_FILES: u32 = 0x103;

/// Formats `$STANDARD_INFORMATION` of NTFS 3.
pub(super) fn information(date: Date, flags: u32, security: u32) -> Vec<u8> {
    let mut value = old_information(date, flags);
    value.extend([0; 4]); // the owner, for quotas
    value.extend(security.to_le_bytes());
    value.extend([0; 16]);
    value
}

/// Formats `$STANDARD_INFORMATION` of NTFS 1.2, for files that store their own security descriptor.
pub(super) fn old_information(date: Date, flags: u32) -> Vec<u8> {
    let mut value = time(date).repeat(4);
    value.extend(flags.to_le_bytes());
    value.extend([0; 12]);
    value
}

/// Fields of a name attribute besides name and date.
#[derive(Clone, Copy)]
pub(super) struct FileNameFields {
    /// Reference to the record of the folder.
    pub parent: u64,
    pub flags: u32,
    /// Allocated and actual length in bytes.
    pub allocated: u64,
    pub len: u64,
}

/// Formats `$FILE_NAME`. A name that is valid in DOS is marked as both a long and a short one.
pub(super) fn file_name(name: &[u16], date: Date, named: FileNameFields) -> Vec<u8> {
    let mut value = named.parent.to_le_bytes().to_vec();
    value.extend(time(date).repeat(4));
    value.extend(named.allocated.to_le_bytes());
    value.extend(named.len.to_le_bytes());
    value.extend(named.flags.to_le_bytes());
    value.extend([0; 4]);
    value.push(name.len() as u8);
    value.push(if is_dos_name(name) { 3 } else { 1 });
    value.extend(name.iter().flat_map(|unit| unit.to_le_bytes()));
    value
}

/// Returns `true` for a name of up to eight characters and an extension of up to three, in any case.
fn is_dos_name(name: &[u16]) -> bool {
    let plain = |unit: &u16| u8::try_from(*unit).is_ok_and(|c| c.is_ascii_alphanumeric() || b"$-_".contains(&c));
    let mut parts = name.split(|unit| *unit == u16::from(b'.'));
    let (stem, extension, rest) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    let is_part = |part: &[u16], most: usize| (1..=most).contains(&part.len()) && part.iter().all(plain);
    // The root folder contains itself as `.`.
    name == [u16::from(b'.')]
        || rest.is_none() && is_part(stem, 8) && extension.is_none_or(|extension| is_part(extension, 3))
}

const LOCAL_SYSTEM: &[u8] = &[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
const ADMINISTRATORS: &[u8] = &[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];
const EVERYONE: &[u8] = &[1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];

const READ: u32 = 0x12_0089;
const READ_AND_WRITE: u32 = 0x12_019f;
const ALL: u32 = 0x1f_01ff;

/// Formats a self-relative security descriptor (MS-DTYP 2.4.6) that grants these rights.
fn descriptor(owner: &[u8], rights: &[(&[u8], u32)], is_inherited: bool) -> Vec<u8> {
    let mut entries = Vec::new();
    for (who, mask) in rights {
        entries.extend([0, if is_inherited { 3 } else { 0 }]);
        entries.extend((8 + who.len() as u16).to_le_bytes());
        entries.extend(mask.to_le_bytes());
        entries.extend_from_slice(who);
    }
    let list_len = 8 + entries.len() as u32;
    let owner_at = 20 + list_len;
    let mut bytes = vec![1, 0, 4, 0x80];
    for at in [owner_at, owner_at + owner.len() as u32, 0, 20] {
        bytes.extend(at.to_le_bytes());
    }
    bytes.extend([2, 0]);
    bytes.extend((list_len as u16).to_le_bytes());
    bytes.extend((rights.len() as u32).to_le_bytes());
    bytes.extend(entries);
    bytes.extend_from_slice(owner);
    bytes.extend_from_slice(ADMINISTRATORS);
    bytes
}

/// Security descriptor stored in `$AttrDef`, `$Boot` and `$Volume` themselves.
pub(super) fn own_descriptor(is_writable: bool) -> Vec<u8> {
    let mask = if is_writable { READ_AND_WRITE } else { READ };
    descriptor(LOCAL_SYSTEM, &[(LOCAL_SYSTEM, mask), (ADMINISTRATORS, mask)], false)
}

/// Security descriptors in `$Secure`, from number 0x100.
fn descriptors() -> [Vec<u8>; 4] {
    let system = |mask| descriptor(ADMINISTRATORS, &[(LOCAL_SYSTEM, mask), (ADMINISTRATORS, mask)], false);
    let everyone = |is_inherited| descriptor(ADMINISTRATORS, &[(EVERYONE, ALL)], is_inherited);
    [system(READ), system(READ_AND_WRITE), everyone(true), everyone(false)]
}

/// Offset of the second copy of the descriptors in `$SDS`.
const COPY_AT: usize = 256 << 10;

/// Length of `$SDS` in bytes.
pub(super) fn sds_len() -> u64 {
    (COPY_AT + sds_block().len()) as u64
}

/// Contents of `$SDS`: each descriptor with its header, and a second copy of all of them.
pub(super) fn sds() -> Vec<u8> {
    let block = sds_block();
    let mut bytes = block.clone();
    bytes.resize(COPY_AT, 0);
    bytes.extend(block);
    bytes
}

fn sds_block() -> Vec<u8> {
    let mut block = Vec::new();
    for (head, descriptor) in heads().into_iter().zip(descriptors()) {
        block.resize(block.len().next_multiple_of(16), 0);
        block.extend(head);
        block.extend(descriptor);
    }
    block
}

/// Headers of the descriptors in `$SDS`: hash, number, offset, and length with the header.
fn heads() -> Vec<[u8; 20]> {
    let mut at = 0;
    let mut heads = Vec::new();
    for (number, descriptor) in (OF_METADATA..).zip(descriptors()) {
        let words = descriptor.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        let hash = words.fold(0u32, |hash, word| word.wrapping_add(hash.rotate_left(3)));
        let len = 20 + descriptor.len();
        let mut head = [0; 20];
        head[..4].copy_from_slice(&hash.to_le_bytes());
        head[4..8].copy_from_slice(&number.to_le_bytes());
        head[8..16].copy_from_slice(&(at as u64).to_le_bytes());
        head[16..].copy_from_slice(&(len as u32).to_le_bytes());
        heads.push(head);
        at = (at + len).next_multiple_of(16);
    }
    heads
}

/// Index of the descriptors by hash: the value of `$INDEX_ROOT` named `$SDH`.
pub(super) fn sdh() -> Vec<u8> {
    let mut heads = heads();
    heads.sort_by_key(|head| (u32::from_le_bytes([head[0], head[1], head[2], head[3]]), head[4]));
    // Windows pads these entries with `II`.
    let entry = |head: [u8; 20]| view_entry(&head[..8], &[&head[..], b"I\0I\0"].concat(), 20);
    view(0x12, heads.into_iter().map(entry).collect())
}

/// Index of the descriptors by number: `$SII`.
pub(super) fn sii() -> Vec<u8> {
    view(0x10, heads().into_iter().map(|head| view_entry(&head[4..8], &head, 20)).collect())
}

/// Quota indexes by owner and by number, with the entries that every volume has.
pub(super) fn quotas(date: Date) -> [Vec<u8>; 2] {
    let number = |number: u32| number.to_le_bytes();
    let quota = |flags: u32, who: &[u8]| {
        let mut quota = [2u32, flags].map(u32::to_le_bytes).concat();
        quota.extend([0; 8]);
        quota.extend(time(date));
        quota.extend([0xff; 16]);
        quota.extend([0; 8]);
        quota.extend_from_slice(who);
        quota
    };
    // Every volume has 32 here, for unknown reasons.
    let by_owner = view_entry(ADMINISTRATORS, &[number(0x100), number(32)].concat(), 4);
    let of_all = view_entry(&number(1), &quota(1, &[]), 48);
    let of_administrators = view_entry(&number(0x100), &quota(1, ADMINISTRATORS), 64);
    [view(0x11, vec![by_owner]), view(0x10, vec![of_all, of_administrators])]
}

/// Formats an empty index that is ordered by numbers.
pub(super) fn empty_view() -> Vec<u8> {
    view(0x13, Vec::new())
}

/// Formats an entry of an index other than a folder's: a key and data, of which `data_len` bytes count.
fn view_entry(key: &[u8], data: &[u8], data_len: u16) -> Vec<u8> {
    let data_at = 16 + key.len();
    let len = (data_at + data.len()).next_multiple_of(8);
    let mut entry = vec![0; len];
    entry[..2].copy_from_slice(&(data_at as u16).to_le_bytes());
    entry[2..4].copy_from_slice(&data_len.to_le_bytes());
    entry[8..10].copy_from_slice(&(len as u16).to_le_bytes());
    entry[10..12].copy_from_slice(&(key.len() as u16).to_le_bytes());
    entry[16..data_at].copy_from_slice(key);
    entry[data_at..data_at + data.len()].copy_from_slice(data);
    entry
}

fn view(collation: u32, entries: Vec<Vec<u8>>) -> Vec<u8> {
    let mut end = [0; 16];
    (end[8], end[12]) = (16, 2);
    let entries = [entries.concat(), end.to_vec()].concat();
    let mut root = [0, collation, 4_096].map(u32::to_le_bytes).concat();
    root.extend([1, 0, 0, 0]);
    root.extend([16, 16 + entries.len() as u32, 16 + entries.len() as u32, 0].map(u32::to_le_bytes).concat());
    root.extend(entries);
    root
}

/// Attribute definitions: name, type, flags, and minimum and maximum length of a value.
#[rustfmt::skip]
const ATTRIBUTES: [(&str, u32, u32, u64, u64); 15] = [
    ("$STANDARD_INFORMATION", 0x10, 0x40, 0x30, 0x48),
    ("$ATTRIBUTE_LIST", 0x20, 0x80, 0, u64::MAX),
    ("$FILE_NAME", 0x30, 0x42, 0x44, 0x242),
    ("$OBJECT_ID", 0x40, 0x40, 0, 0x100),
    ("$SECURITY_DESCRIPTOR", 0x50, 0x80, 0, u64::MAX),
    ("$VOLUME_NAME", 0x60, 0x40, 2, 0x100),
    ("$VOLUME_INFORMATION", 0x70, 0x40, 12, 12),
    ("$DATA", 0x80, 0, 0, u64::MAX),
    ("$INDEX_ROOT", 0x90, 0x40, 0, u64::MAX),
    ("$INDEX_ALLOCATION", 0xa0, 0x80, 0, u64::MAX),
    ("$BITMAP", 0xb0, 0x80, 0, u64::MAX),
    ("$REPARSE_POINT", 0xc0, 0x80, 0, 0x4000),
    ("$EA_INFORMATION", 0xd0, 0x40, 8, 8),
    ("$EA", 0xe0, 0, 0, 0x1_0000),
    ("$LOGGED_UTILITY_STREAM", 0x100, 0x80, 0, 0x1_0000),
];

const DEFINITION_LEN: usize = 160;

/// Length of `$AttrDef` in bytes, with the empty definition at its end.
pub(super) const DEFINITIONS_LEN: u64 = (DEFINITION_LEN * (ATTRIBUTES.len() + 1)) as u64;

/// Contents of `$AttrDef`.
pub(super) fn definitions() -> Vec<u8> {
    let mut bytes = vec![0; DEFINITIONS_LEN as usize];
    for (definition, (name, kind, flags, least, most)) in bytes.chunks_exact_mut(DEFINITION_LEN).zip(ATTRIBUTES) {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        definition[..name.len()].copy_from_slice(&name);
        definition[128..132].copy_from_slice(&kind.to_le_bytes());
        definition[140..144].copy_from_slice(&flags.to_le_bytes());
        definition[144..152].copy_from_slice(&least.to_le_bytes());
        definition[152..].copy_from_slice(&most.to_le_bytes());
    }
    bytes
}
