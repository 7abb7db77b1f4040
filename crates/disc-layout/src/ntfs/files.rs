//! Lists the files of an NTFS volume written by any driver, from its master file table.
//!
//! Every record is read once. Folders need not be read, since each file names its parent. The volume is untrusted.
//! Files that are compressed, have holes, are resident or need several records are listed without ranges;
//! [`NtfsContents::unplaced`] tells which of them can be read. The table itself must be described by its first record
//! alone.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use super::record::{self, RECORD_LEN};
use super::{ROOT, SECTOR_LEN};
use crate::decode::from_utf16;
use crate::error::{Details, Error, Result};
use crate::limits::{MAX_NTFS_DEPTH, MAX_NTFS_RECORDS, MAX_PATHS_LEN};
use crate::little_endian::{u16_at, u32_at, u64_at};
use crate::volume_entry::VolumeEntry;

/// Contents of an NTFS volume. Offsets count from the start of the medium.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NtfsContents {
    /// Volume label.
    pub label: String,
    /// Length of a cluster in bytes.
    pub cluster_len: u64,
    /// Files and folders in the order of their records, without system files.
    pub files: Vec<VolumeEntry>,
    /// Files without ranges that are not empty, by path.
    pub unplaced: HashMap<String, Unplaced>,
    /// Ranges of structures, ascending: boot sectors, system files, and blocks of folders.
    pub structures: Vec<Range<u64>>,
}

/// Storage of a file outside of plain clusters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unplaced {
    /// Resident in the record; holds the bytes.
    InRecord(Arc<[u8]>),
    /// Compressed, encrypted, with holes, or in several records: not supported.
    Special,
}

/// Returns `true` for an NTFS boot sector.
pub fn is_boot_sector(sector: &[u8]) -> bool {
    sector.get(3..11) == Some(b"NTFS    ")
}

/// Number of records reserved for the system.
const N_SYSTEM_FILES: u64 = 24;

/// Relevant fields of a record.
#[derive(Default)]
struct FoundRecord {
    name: Option<(u64, String)>,
    is_folder: bool,
    len: u64,
    places: Vec<Range<u64>>,
    /// Bytes of a resident file.
    in_record: Option<Arc<[u8]>>,
    /// `true` if other records may continue it.
    has_list: bool,
    structures: Vec<Range<u64>>,
}

struct NtfsGeometry {
    place: Range<u64>,
    cluster_len: u64,
    n_clusters: u64,
}

/// Lists the contents of the volume in a range of a medium.
pub fn files(medium: &mut (impl Read + Seek), place: Range<u64>) -> Result<NtfsContents> {
    let sector = read_at(medium, place.start, SECTOR_LEN as usize)?;
    if !is_boot_sector(&sector) {
        return Err(Error::NotRecognized(wrong("it has no boot sector")));
    }
    let n_sectors = u64_at(&sector, 0x28);
    let cluster_len = u64::from(sector[0x0d]) * SECTOR_LEN;
    if u64::from(u16_at(&sector, 0x0b)) != SECTOR_LEN || !cluster_len.is_power_of_two() || sector[0x40] != 0xf6 {
        return Err(Error::Unsupported(wrong("its sectors, clusters or records have a length that is not supported")));
    }
    if n_sectors.saturating_mul(SECTOR_LEN) > place.end - place.start {
        return Err(Error::Damaged(
            Details::new("the NTFS volume is longer than its partition")
                .help("the image may be truncated: compare its size with that of the original"),
        ));
    }
    let geometry = NtfsGeometry { place: place.clone(), cluster_len, n_clusters: n_sectors * SECTOR_LEN / cluster_len };
    // The first record of the master file table is its own and says where the others are, as the
    // table may be fragmented.
    let mft_at = geometry.place.start + u64_at(&sector, 0x30).saturating_mul(cluster_len);
    let first = parse(&read_at(medium, mft_at, RECORD_LEN)?, 0, &geometry)?
        .ok_or_else(|| Error::Damaged(wrong("it has no files")))?;
    let n_records = first.len / RECORD_LEN as u64;
    if first.places.is_empty() || n_records > MAX_NTFS_RECORDS {
        return Err(Error::Damaged(wrong("its master file table can't be read")));
    }
    let mut found = HashMap::new();
    let mut number = 0;
    for range in &first.places {
        for at in range.clone().step_by(RECORD_LEN) {
            if let Some(record) = parse(&read_at(medium, at, RECORD_LEN)?, number, &geometry)? {
                found.insert(number, record);
            }
            number += 1;
        }
    }
    let label = found.get(&3).map(|volume| volume.name.clone().unwrap_or_default().1).unwrap_or_default();
    contents(found, label, &geometry, n_sectors * SECTOR_LEN)
}

fn contents(
    found: HashMap<u64, FoundRecord>,
    label: String,
    geometry: &NtfsGeometry,
    len: u64,
) -> Result<NtfsContents> {
    let start = geometry.place.start;
    let mut contents = NtfsContents { label, cluster_len: geometry.cluster_len, ..NtfsContents::default() };
    let spare = start + len..(start + len + SECTOR_LEN).min(geometry.place.end);
    contents.structures.extend([spare].into_iter().filter(|spare| !spare.is_empty()));
    let mut numbers: Vec<_> = found.keys().copied().collect();
    numbers.sort_unstable();
    let mut paths_len = 0;
    for number in numbers {
        let record = &found[&number];
        contents.structures.extend(record.structures.iter().cloned());
        if number < N_SYSTEM_FILES {
            contents.structures.extend(record.places.iter().cloned());
        }
        // Windows puts further system files below `$Extend`.
        let Some(path) = path(&found, number)? else { continue };
        paths_len += path.len() as u64;
        if paths_len > MAX_PATHS_LEN {
            return Err(Error::OverLimit(wrong(&format!("its paths take more than {MAX_PATHS_LEN} bytes"))));
        }
        let (is_folder, extents) = (record.is_folder, record.places.clone());
        let len = if is_folder { 0 } else { record.len };
        let is_special = record.has_list || (len > 0 && extents.is_empty());
        if let Some(bytes) = record.in_record.clone().filter(|bytes| !bytes.is_empty() && !record.has_list) {
            contents.unplaced.insert(path.clone(), Unplaced::InRecord(bytes));
        } else if is_special && !is_folder {
            contents.unplaced.insert(path.clone(), Unplaced::Special);
        }
        contents.files.push(VolumeEntry { path, is_folder, len, extents });
    }
    contents.structures.sort_by_key(|range| range.start);
    Ok(contents)
}

/// Path of a file. `None` for system files, and for files whose folder does not exist.
fn path(found: &HashMap<u64, FoundRecord>, number: u64) -> Result<Option<String>> {
    let mut names = Vec::new();
    let mut at = number;
    while at != ROOT {
        let Some((parent, name)) = found.get(&at).and_then(|record| record.name.as_ref()) else { return Ok(None) };
        if at < N_SYSTEM_FILES {
            return Ok(None);
        }
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            return Err(Error::bad_name(format!("`{name}` on the NTFS volume is not a valid name")));
        }
        names.push(name.as_str());
        if names.len() > MAX_NTFS_DEPTH {
            return Err(Error::Damaged(wrong("its folders form a loop")));
        }
        at = *parent;
    }
    names.reverse();
    Ok((number != ROOT).then(|| names.join("/")))
}

/// Parses a record. `None` if it is unused, or continues another one.
fn parse(sectors: &[u8], number: u64, geometry: &NtfsGeometry) -> Result<Option<FoundRecord>> {
    let damaged = || Error::Damaged(wrong(&format!("record {number} of its master file table is damaged")));
    if &sectors[..4] != b"FILE" || u16_at(sectors, 22) & 1 == 0 || u64_at(sectors, 32) != 0 {
        return Ok(None);
    }
    let mut bytes = sectors.to_vec();
    let (fixups, n_fixups) = (u16_at(&bytes, 4) as usize, u16_at(&bytes, 6) as usize);
    if n_fixups != 1 + RECORD_LEN / SECTOR_LEN as usize || fixups + 2 * n_fixups > SECTOR_LEN as usize - 2 {
        return Err(damaged());
    }
    for sector in 1..n_fixups {
        let end = sector * SECTOR_LEN as usize - 2;
        if bytes[end..end + 2] != sectors[fixups..fixups + 2] {
            return Err(damaged());
        }
        bytes.copy_within(fixups + 2 * sector..fixups + 2 * sector + 2, end);
    }
    let mut found = FoundRecord { is_folder: u16_at(&bytes, 22) & 2 != 0, ..FoundRecord::default() };
    let mut at = u16_at(&bytes, 20) as usize;
    let mut has_list = false;
    while at + 24 <= RECORD_LEN && u32_at(&bytes, at) != u32::MAX {
        let len = u32_at(&bytes, at + 4) as usize;
        let attribute = bytes.get(at..at + len).filter(|_| len >= 24).ok_or_else(damaged)?;
        has_list |= u32_at(attribute, 0) == record::ATTRIBUTE_LIST;
        take(attribute, &mut found, geometry).ok_or_else(damaged)?;
        at += len;
    }
    if has_list {
        found.places.clear();
    }
    found.has_list = has_list;
    Ok(Some(found))
}

/// Attribute flags: compressed, encrypted or sparse.
const IS_SPECIAL: u16 = 0xc0ff;

/// Namespace of short names that accompany a long one.
const DOS: u8 = 2;

fn take(attribute: &[u8], found: &mut FoundRecord, geometry: &NtfsGeometry) -> Option<()> {
    let (kind, is_outside, is_named) = (u32_at(attribute, 0), attribute[8] != 0, attribute[9] != 0);
    if is_outside {
        if attribute.len() < 64 {
            return None;
        }
        let places = runs(attribute.get(u16_at(attribute, 32) as usize..)?, geometry)?;
        if kind == record::DATA && !is_named {
            found.len = u64_at(attribute, 48);
            let is_plain = u16_at(attribute, 12) & IS_SPECIAL == 0 && u64_at(attribute, 56) == found.len;
            found.places = places.filter(|_| is_plain).map(|places| cut(places, found.len)).unwrap_or_default();
        } else {
            found.structures.extend(places.unwrap_or_default());
        }
        return Some(());
    }
    let (len, value_at) = (u32_at(attribute, 16) as usize, u16_at(attribute, 20) as usize);
    let value = attribute.get(value_at..value_at.checked_add(len)?)?;
    match kind {
        record::DATA if !is_named => {
            found.len = len as u64;
            found.in_record = Some(value.into());
        }
        record::FILE_NAME if value.len() >= 66 && (found.name.is_none() || value[65] != DOS) => {
            let name = value.get(66..66 + 2 * usize::from(value[64]))?;
            found.name = Some((u64_at(value, 0) & 0xffff_ffff_ffff, text(name)));
        }
        // Store the label in place of the well-known name of `$Volume`.
        record::VOLUME_NAME => found.name = Some((ROOT, text(value))),
        _ => {}
    }
    Some(())
}

/// Converts mapping pairs to ranges of the medium, with adjacent ones joined. The inner `None` means that there are
/// holes.
fn runs(mut pairs: &[u8], geometry: &NtfsGeometry) -> Option<Option<Vec<Range<u64>>>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    let mut start = 0i64;
    let mut has_holes = false;
    loop {
        let (head, rest) = pairs.split_first()?;
        if *head == 0 {
            return Some((!has_holes).then_some(ranges));
        }
        let (len_len, start_len) = (usize::from(head & 15), usize::from(head >> 4));
        let n_clusters = u64::try_from(signed(rest.get(..len_len)?)?).ok()?;
        let by = rest.get(len_len..len_len + start_len)?;
        pairs = &rest[len_len + start_len..];
        if by.is_empty() {
            has_holes = true;
            continue;
        }
        start = start.checked_add(signed(by)?)?;
        let end = u64::try_from(start).ok()?.checked_add(n_clusters).filter(|end| *end <= geometry.n_clusters)?;
        let at = |cluster: u64| geometry.place.start + cluster * geometry.cluster_len;
        let range = at(start as u64)..at(end);
        match ranges.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => ranges.push(range),
        }
    }
}

/// Cuts ranges off after `len` bytes.
fn cut(mut ranges: Vec<Range<u64>>, len: u64) -> Vec<Range<u64>> {
    let mut left = len;
    for range in &mut ranges {
        range.end = range.end.min(range.start + left);
        left -= range.end - range.start;
    }
    ranges.retain(|range| !range.is_empty());
    if left > 0 { Vec::new() } else { ranges }
}

fn signed(bytes: &[u8]) -> Option<i64> {
    let last = bytes.last().filter(|_| bytes.len() <= 8)?;
    let mut wide = [if *last >= 0x80 { 0xff } else { 0 }; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    Some(i64::from_le_bytes(wide))
}

fn text(bytes: &[u8]) -> String {
    let units: Vec<_> = bytes.chunks_exact(2).map(|unit| u16_at(unit, 0)).collect();
    from_utf16(units)
}

fn wrong(why: &str) -> Details {
    Details::new(format!("this NTFS volume can't be read: {why}"))
}

fn read_at(medium: &mut (impl Read + Seek), offset: u64, len: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let read = medium.seek(SeekFrom::Start(offset)).and_then(|_| medium.read_exact(&mut bytes));
    read.map_err(|error| Error::io(format!("reading the NTFS volume at byte {offset}"), error))?;
    Ok(bytes)
}
