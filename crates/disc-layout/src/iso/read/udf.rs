//! Reads UDF (ECMA-167, OSTA UDF 1.02 to 1.50): the volume descriptors, the file set and all folders.

use std::collections::{HashSet, VecDeque};
use std::io::{Read, Seek};
use std::ops::Range;

use super::super::SECTOR;
use super::super::udf::{checksum, crc, tag};
use super::source::DiscReader;
use super::{IsoPart, IsoTreeReader, VolumeEntry};
use crate::decode::from_utf16;
use crate::error::{Details, Error, Result};
use crate::little_endian::{u16_at, u32_at, u64_at};

/// File types (ECMA-167 4/14.6.6).
const FOLDER: u8 = 4;

/// File characteristics (ECMA-167 4/14.4.3).
const IS_FOLDER: u8 = 0x02;
const IS_DELETED: u8 = 0x04;
const IS_PARENT: u8 = 0x08;

/// The only partition.
struct UdfPartition {
    number: u16,
    range: Range<u64>,
}

/// Reads the label and all files and folders, or returns `None` if the disc is not UDF.
pub fn read(source: &mut DiscReader<impl Read + Seek>) -> Result<Option<(String, Vec<VolumeEntry>)>> {
    if !is_recognised(source)? {
        return Ok(None);
    }
    let volume = anchors(source)?;
    let partition = volume.partition;
    let file_set = partition.range(source, "the file set descriptor", volume.file_set, SECTOR)?;
    source.note(IsoPart::Descriptors, file_set.start, volume.file_sets_len.into());
    let file_set = tagged(source, "the file set descriptor", file_set.start, volume.file_set, tag::FILE_SET)?;
    let root = u32_at(&file_set, 404);
    let mut tree = IsoTreeReader::new(source.len());
    let mut folders = VecDeque::from([(String::new(), root)]);
    let mut seen = HashSet::from([root]);
    while let Some((path, block)) = folders.pop_front() {
        let what = format!("the folder `/{path}`");
        let entry = partition.file_entry(source, &what, block)?;
        if !entry.is_folder {
            return Err(Error::damaged(format!("the file entry of {what} is not that of a folder")));
        }
        for extent in &entry.extents {
            source.note(IsoPart::UdfFolders, extent.start, extent.end - extent.start);
        }
        tree.enter(&what, entry.extents.iter().map(|extent| extent.end - extent.start).sum())?;
        for identifier in identifiers(source, &partition, &what, &entry.extents)? {
            let name = identifier.name;
            let entry_what = format!("`{name}` in {what}");
            if !identifier.is_folder {
                let entry = partition.file_entry(source, &entry_what, identifier.block)?;
                if entry.is_folder {
                    return Err(Error::damaged(format!(
                        "one of the descriptors of {entry_what} says it is a file, the other a folder"
                    )));
                }
                tree.add(&path, &name, false, entry.extents)?;
                continue;
            }
            tree.add(&path, &name, true, Vec::new())?;
            // A file may have several names, but a folder with two would let a small disc describe an endless tree.
            if !seen.insert(identifier.block) {
                return Err(Error::damaged(format!("the folder {entry_what} contains itself")));
            }
            let path = if path.is_empty() { name } else { format!("{path}/{name}") };
            folders.push_back((path, identifier.block));
        }
    }
    Ok(Some((volume.label, tree.files)))
}

/// Returns `true` if the volume recognition sequence contains UDF (ECMA-167 2/8.3).
fn is_recognised(source: &mut DiscReader<impl Read + Seek>) -> Result<bool> {
    const MAX_STRUCTURES: u64 = 64;
    for n in 16..16 + MAX_STRUCTURES {
        if (n + 1) * SECTOR > source.len() {
            break;
        }
        let sector = source.sector("the volume recognition sequence", n)?;
        match &sector[1..6] {
            // The terminator of the sequence is in the next sector.
            b"NSR02" | b"NSR03" => {
                source.note(IsoPart::Descriptors, n * SECTOR, 2 * SECTOR);
                return Ok(true);
            }
            b"CD001" | b"BEA01" | b"BOOT2" | b"CDW02" => source.note(IsoPart::Descriptors, n * SECTOR, SECTOR),
            _ => break,
        }
    }
    Ok(false)
}

/// Contents of the volume descriptor sequence.
struct UdfVolume {
    label: String,
    partition: UdfPartition,
    /// Logical block of the file set descriptor.
    file_set: u32,
    /// Length of the file set descriptor sequence.
    file_sets_len: u32,
}

/// Reads the volume (ECMA-167 3/8.4.2.1). It is found through the first anchor and the first sequence that can be read.
fn anchors(source: &mut DiscReader<impl Read + Seek>) -> Result<UdfVolume> {
    let last = (source.len() / SECTOR).saturating_sub(1);
    let places = [256, last, last.saturating_sub(256)];
    for at in places {
        if tagged(source, "the anchor", at * SECTOR, at as u32, tag::ANCHOR).is_ok() {
            source.note(IsoPart::Anchor, at * SECTOR, SECTOR);
        }
    }
    // Truncated discs lack the anchors at their end, and damaged ones may lack the first; the first failure explains
    // most.
    let mut failure = None;
    for at in places {
        let anchor = match tagged(source, "the anchor", at * SECTOR, at as u32, tag::ANCHOR) {
            Ok(anchor) => anchor,
            Err(error) => {
                failure.get_or_insert(error);
                continue;
            }
        };
        let sequences =
            [16, 24].map(|extent| (u64::from(u32_at(&anchor, extent + 4)), u64::from(u32_at(&anchor, extent))));
        for (sector, len) in sequences {
            match sequence(source, sector, len / SECTOR) {
                Ok(volume) => {
                    for (sector, len) in sequences {
                        source.note(IsoPart::Descriptors, sector.saturating_mul(SECTOR), len);
                    }
                    return Ok(volume);
                }
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
    }
    Err(match failure {
        Some(cause) => Error::Damaged(Details::new("the UDF volume can't be read").because(cause)),
        None => Error::damaged("the UDF volume has no anchor"),
    })
}

/// Reads a volume descriptor sequence (ECMA-167 3/8.4.2).
fn sequence(source: &mut DiscReader<impl Read + Seek>, start: u64, n_sectors: u64) -> Result<UdfVolume> {
    const MAX_DESCRIPTORS: u64 = 256;
    // Of several descriptors of one kind, the one with the highest number counts (ECMA-167 3/8.4.3).
    let (mut partition, mut logical): (Option<Vec<u8>>, Option<Vec<u8>>) = (None, None);
    for n in start..start + n_sectors.min(MAX_DESCRIPTORS) {
        let sector = source.sector("the volume descriptor sequence", n)?;
        if sector[..16] == [0; 16] {
            break;
        }
        let d = check_tag("the volume descriptor sequence", sector, n as u32, None)?;
        let newer = |old: &Option<Vec<u8>>| old.as_ref().is_none_or(|old| u32_at(old, 16) <= u32_at(&d, 16));
        match u16_at(&d, 0) {
            tag::PARTITION if newer(&partition) => partition = Some(d),
            tag::LOGICAL_VOLUME if newer(&logical) => logical = Some(d),
            tag::TERMINATING => break,
            _ => (),
        }
    }
    let partition = partition.ok_or_else(|| Error::damaged("there is no partition descriptor"))?;
    let logical = logical.ok_or_else(|| Error::damaged("there is no logical volume descriptor"))?;
    let block_len = u32_at(&logical, 212);
    if u64::from(block_len) != SECTOR {
        return Err(Error::unsupported(format!(
            "the logical blocks have {block_len} bytes, but only {SECTOR} are supported"
        )));
    }
    // A type 1 map of 6 bytes (ECMA-167 3/10.7.2).
    let (n_maps, map) = (u32_at(&logical, 268), &logical[440..446]);
    if n_maps != 1 || map[0] != 1 || map[1] != 6 {
        return Err(Error::unsupported(
            "the volume has more than one partition or one of another kind, which is not supported",
        ));
    }
    // The integrity sequence (ECMA-167 3/10.6.12).
    let (integrity_len, integrity) = (u32_at(&logical, 432), u64::from(u32_at(&logical, 436)));
    source.note(IsoPart::Descriptors, integrity * SECTOR, integrity_len.into());
    let number = u16_at(&partition, 22);
    if u16_at(map, 4) != number {
        return Err(Error::damaged(format!("the partition {} of the volume is missing", u16_at(map, 4))));
    }
    let (first, n_blocks) = (u64::from(u32_at(&partition, 188)), u64::from(u32_at(&partition, 192)));
    let range = source.range("the partition", first * SECTOR, n_blocks * SECTOR)?;
    if u16_at(&logical, 256) != 0 {
        return Err(Error::damaged("the file set is in a missing partition"));
    }
    // The file set descriptor sequence (ECMA-167 4/3.1).
    let (file_sets_len, file_set) = (u32_at(&logical, 248) & 0x3FFF_FFFF, u32_at(&logical, 252));
    Ok(UdfVolume {
        label: dstring(&logical[84..212])?,
        partition: UdfPartition { number: 0, range },
        file_set,
        file_sets_len,
    })
}

/// Checks a structure of one sector, whose tag must name its own location.
fn tagged(source: &mut DiscReader<impl Read + Seek>, what: &str, at: u64, location: u32, id: u16) -> Result<Vec<u8>> {
    let start = source.range(what, at, SECTOR)?;
    let sector = source.read(what, start)?;
    check_tag(what, sector, location, Some(id))
}

/// Checks a tag and the checksum of the bytes after it (ECMA-167 3/7.2).
fn check_tag(what: &str, d: Vec<u8>, location: u32, id: Option<u16>) -> Result<Vec<u8>> {
    let bad = |why: String| Err(Error::damaged(format!("{what} is damaged: {why}")));
    if d.len() < 16 || d[4] != checksum(&d) {
        return bad("the checksum of its tag is wrong".into());
    }
    if let Some(id) = id.filter(|id| *id != u16_at(&d, 0)) {
        return bad(format!("its tag is {} instead of {id}", u16_at(&d, 0)));
    }
    if u32_at(&d, 12) != location {
        return bad(format!("it was written for block {} but is in block {location}", u32_at(&d, 12)));
    }
    let body = d[16..].get(..usize::from(u16_at(&d, 10)));
    match body {
        Some(body) if crc(body) == u16_at(&d, 8) => Ok(d),
        _ => bad("its checksum is wrong".into()),
    }
}

/// Contents of a file entry.
struct UdfFileEntry {
    is_folder: bool,
    extents: Vec<Range<u64>>,
}

impl UdfPartition {
    /// Returns the range of some bytes that start at a logical block.
    fn range(&self, source: &DiscReader<impl Read + Seek>, what: &str, block: u32, len: u64) -> Result<Range<u64>> {
        let range = source.range(what, self.range.start + u64::from(block) * SECTOR, len)?;
        if range.end > self.range.end {
            return Err(Error::damaged(format!("{what} is outside of the partition: {len} bytes at block {block}")));
        }
        Ok(range)
    }

    /// Reads a file entry and resolves its allocation descriptors (ECMA-167 4/14.9).
    fn file_entry(&self, source: &mut DiscReader<impl Read + Seek>, what: &str, block: u32) -> Result<UdfFileEntry> {
        let start = self.range(source, what, block, SECTOR)?.start;
        source.note(IsoPart::FileEntries, start, SECTOR);
        let entry = tagged(source, what, start, block, tag::FILE_ENTRY)?;
        let about = |why: &str| Details::new(format!("{what} {why}"));
        if u16_at(&entry, 20) != 4 {
            return Err(Error::Unsupported(about("has an ICB strategy other than 4, which is not supported")));
        }
        let (attributes_len, descriptors_len) = (u32_at(&entry, 168) as usize, u32_at(&entry, 172) as usize);
        let area = 176usize.checked_add(attributes_len).and_then(|at| Some(at..at.checked_add(descriptors_len)?));
        let area = area.filter(|area| area.end <= entry.len());
        let area = area.ok_or_else(|| Error::Damaged(about("has a file entry that is longer than its block")))?;
        let len = u64_at(&entry, 56);
        let kind = u16_at(&entry, 34) & 7;
        let extents = match kind {
            // Short and long allocation descriptors (ECMA-167 4/14.6.8).
            0 | 1 => {
                let mut extents = Vec::new();
                for d in entry[area].chunks_exact(if kind == 0 { 8 } else { 16 }) {
                    let (extent_len, extent_kind) = (u32_at(d, 0) & 0x3FFF_FFFF, u32_at(d, 0) >> 30);
                    if extent_len == 0 {
                        break;
                    }
                    if extent_kind != 0 || kind == 1 && u16_at(d, 8) != self.number {
                        let why = "has extents that are not recorded in the partition, which is not supported";
                        return Err(Error::Unsupported(about(why)));
                    }
                    extents.push(self.range(source, what, u32_at(d, 4), extent_len.into())?);
                }
                extents
            }
            // The data itself, in place of descriptors (ECMA-167 4/14.6.8).
            3 => std::iter::once(start + area.start as u64..start + area.end as u64).collect(),
            _ => return Err(Error::Unsupported(about("has allocation descriptors of an unknown kind"))),
        };
        let found: u64 = extents.iter().map(|extent| extent.end - extent.start).sum();
        if found != len {
            return Err(Error::Damaged(about(&format!("has {len} bytes, but its extents have {found}"))));
        }
        Ok(UdfFileEntry { is_folder: entry[27] == FOLDER, extents })
    }
}

/// Contents of a file identifier descriptor.
struct FileIdentifier {
    name: String,
    is_folder: bool,
    block: u32,
}

/// Reads the entries of a folder except the one of its parent (ECMA-167 4/14.4).
fn identifiers(
    source: &mut DiscReader<impl Read + Seek>,
    partition: &UdfPartition,
    what: &str,
    extents: &[Range<u64>],
) -> Result<Vec<FileIdentifier>> {
    let mut bytes = Vec::new();
    // Logical block of each sector of the folder. An embedded folder is in the block of its file entry.
    let mut blocks = Vec::new();
    source.check_len(what, extents.iter().map(|extent| extent.end - extent.start).sum())?;
    for extent in extents {
        blocks.push((bytes.len() as u64, extent.start));
        bytes.extend(source.read(what, extent.clone())?);
    }
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let len = match rest.get(..38) {
            Some(d) => (38 + usize::from(d[19]) + usize::from(u16_at(d, 36))).next_multiple_of(4),
            None => rest.len() + 1,
        };
        let Some(d) = rest.get(..len) else {
            return Err(Error::damaged(format!("{what} ends in the middle of a file descriptor")));
        };
        let extent = blocks.iter().rev().find(|(start, _)| *start <= at as u64).copied().unwrap_or_default();
        let place = extent.1 + (at as u64 - extent.0);
        let location = ((place - partition.range.start) / SECTOR) as u32;
        let d = check_tag(what, d.to_vec(), location, Some(tag::FILE_IDENTIFIER))?;
        at += len;
        if d[18] & (IS_DELETED | IS_PARENT) != 0 {
            continue;
        }
        let name_at = 38 + usize::from(u16_at(&d, 36));
        let name = text(&d[name_at..name_at + usize::from(d[19])])?;
        if u16_at(&d, 28) != partition.number {
            return Err(Error::damaged(format!("`{name}` in {what} is in a missing partition")));
        }
        found.push(FileIdentifier { name, is_folder: d[18] & IS_FOLDER != 0, block: u32_at(&d, 24) });
    }
    Ok(found)
}

/// Reads a text whose length is in the last byte of its field (ECMA-167 1/7.2.12).
fn dstring(field: &[u8]) -> Result<String> {
    let len = usize::from(*field.last().unwrap_or(&0));
    let bytes = field.get(..len).filter(|_| len < field.len());
    text(bytes.ok_or_else(|| Error::damaged("a label is longer than its field"))?)
}

/// Decodes OSTA Compressed Unicode (OSTA UDF 1.02, 2.1.1).
fn text(bytes: &[u8]) -> Result<String> {
    match bytes {
        [] => Ok(String::new()),
        [8, latin1 @ ..] => Ok(latin1.iter().map(|byte| char::from(*byte)).collect()),
        [16, utf16 @ ..] if utf16.len() % 2 == 0 => {
            let units = utf16.chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
            Ok(from_utf16(units))
        }
        [id, ..] => Err(Error::unsupported(format!("a name has the unknown compression {id}"))),
    }
}
