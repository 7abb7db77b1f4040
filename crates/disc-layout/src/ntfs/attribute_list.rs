//! Attribute lists of files whose attributes need more than one record.

use super::attributes::{Attribute, Stream, attributes, number_of};
use super::{NtfsBootSector, record};
use crate::little_endian::{u16_at, u32_at, u64_at};
use crate::partitions::Window;

/// Maximum length of an attribute list on Windows, in bytes.
const MAX_LIST_LEN: u64 = 256 << 10;

/// Entry of an attribute list, which locates one attribute.
pub struct AttributeListEntry<'a> {
    /// Bytes of the entry.
    pub bytes: &'a [u8],
    /// Type of the attribute.
    pub kind: u32,
    /// Name of the attribute in UTF-16.
    pub name: &'a [u8],
    /// First cluster of the attribute within its stream.
    pub first_cluster: u64,
    /// Number of the record that contains the attribute.
    pub record: u64,
}

/// Parses an attribute list.
///
/// # Errors
///
/// If an entry has an impossible length.
pub fn entries(list: &[u8]) -> Result<Vec<AttributeListEntry<'_>>, String> {
    let broken = || "its list of attributes is broken".to_owned();
    let mut entries = Vec::new();
    let mut rest = list;
    while rest.len() >= 4 && u32_at(rest, 0) != 0 {
        let len = if rest.len() < 26 { 0 } else { usize::from(u16_at(rest, 4)) };
        let (bytes, behind) = rest.split_at_checked(len).filter(|_| len >= 26).ok_or_else(broken)?;
        let (name_len, name_at) = (2 * usize::from(bytes[6]), usize::from(bytes[7]));
        entries.push(AttributeListEntry {
            bytes,
            kind: u32_at(bytes, 0),
            name: bytes.get(name_at..name_at + name_len).ok_or_else(broken)?,
            first_cluster: u64_at(bytes, 8),
            record: number_of(u64_at(bytes, 16)),
        });
        rest = behind;
    }
    Ok(entries)
}

/// Reads an attribute list. Returns its stream and its bytes.
///
/// # Errors
///
/// If the list is too long or can't be read.
pub fn read(attribute: Attribute<'_>, volume: &Window, boot: &NtfsBootSector) -> Result<(Stream, Vec<u8>), String> {
    let stream = Stream::new(vec![attribute], boot.cluster_len, boot.len)?;
    if stream.len() > MAX_LIST_LEN {
        return Err("its list of attributes is too long".into());
    }
    let mut bytes = vec![0; stream.len() as usize];
    stream.fill(volume, &mut bytes, 0)?;
    Ok((stream, bytes))
}

/// Lists the further records with attributes of a file, ascending.
///
/// # Errors
///
/// If the list is broken or can't be read.
pub fn others(base: &[u8], volume: &Window, boot: &NtfsBootSector) -> Result<Vec<u64>, String> {
    let mut others = Vec::new();
    for attribute in attributes(base) {
        let attribute = attribute?;
        if attribute.kind() == record::ATTRIBUTE_LIST {
            let (_, bytes) = read(attribute, volume, boot)?;
            others.extend(entries(&bytes)?.iter().map(|entry| entry.record));
        }
    }
    others.sort_unstable();
    others.dedup();
    let own = u64::from(u32_at(base, 44));
    others.retain(|other| *other != own);
    Ok(others)
}
