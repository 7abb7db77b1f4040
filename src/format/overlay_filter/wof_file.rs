//! Files compressed by the Windows Overlay Filter (`compact /exe`, CompactOS), in the master file
//! table.
//!
//! Such a file has a reparse point with the tag `IO_REPARSE_TAG_WOF`, an unnamed stream of full
//! length without data, and its contents in the stream `WofCompressedData`, compressed in chunks as
//! in a WIM file. Follows [MS-FSCC] 2.1.2.1 for the tag, and `WOF_EXTERNAL_INFO` and
//! `FILE_PROVIDER_EXTERNAL_INFO_V1` in the Windows headers for the rest. [`WofFile::rewrite`] turns
//! its records into those of a plain file with given clusters. Not supported: files whose contents
//! are in a WIM file (WIMBoot).

use disc_layout::little_endian::{u16_at, u32_at};
use disc_layout::ntfs::attribute_list::{self, AttributeListEntry};
use disc_layout::ntfs::attributes::{Attribute, Stream, attributes};
use disc_layout::ntfs::fixups;
use disc_layout::ntfs::mft::{self, MasterFileTable};
use disc_layout::ntfs::record::{self, NtfsRun};

use crate::format::partitions::Window;
use crate::format::wim::{ResourceCompression, WimCompression};

/// `IO_REPARSE_TAG_WOF`.
const TAG: u32 = 0x8000_0017;

/// `WOF_CURRENT_VERSION` and `FILE_PROVIDER_CURRENT_VERSION`.
const VERSION: u32 = 1;
/// `WOF_PROVIDER_FILE`: the contents are in the file itself.
const FILE_PROVIDER: u32 = 2;

const STREAM_NAME: &str = "WofCompressedData";

/// `FILE_ATTRIBUTE_SPARSE_FILE` and `FILE_ATTRIBUTE_REPARSE_POINT`.
const SPARSE_AND_REPARSE: u32 = 0x600;

/// Length of a record header in NTFS 3.0, before the update sequence numbers.
const HEAD_LEN: usize = 42;
/// Offset of the used length in a record.
const USED_AT: usize = 24;
const END_LEN: usize = 8;

/// Length of the header of a resident attribute.
const RESIDENT_HEAD_LEN: usize = 24;

/// A file compressed by the Windows Overlay Filter.
pub(super) struct WofFile {
    /// Length of its decompressed contents in bytes.
    pub len: u64,
    /// Compression of its contents.
    pub packing: ResourceCompression,
    /// Compressed contents.
    pub stream: Stream,
    /// Record numbers and records, base record first, with the update sequence numbers undone.
    records: Vec<(u64, Vec<u8>)>,
}

/// Parses the reparse point; `None` for another one, or an unknown algorithm.
fn parse_compression(reparse: &[u8]) -> Option<ResourceCompression> {
    let words: Vec<u32> = reparse.get(8..24)?.chunks_exact(4).map(|word| u32_at(word, 0)).collect();
    if !is_wof(reparse) || words[..3] != [VERSION, FILE_PROVIDER, VERSION] {
        return None;
    }
    let (compression, chunk_len) = match words[3] {
        0 => (WimCompression::Xpress, 4 << 10),
        1 => (WimCompression::Lzx, 32 << 10),
        2 => (WimCompression::Xpress, 8 << 10),
        3 => (WimCompression::Xpress, 16 << 10),
        _ => return None,
    };
    Some(ResourceCompression { compression, chunk_len })
}

/// Returns `true` for a reparse point of the filter.
fn is_wof(reparse: &[u8]) -> bool {
    reparse.len() >= 8 && u32_at(reparse, 0) == TAG
}

/// Number of the base record of a file, if `record` contains a reparse point of the filter.
pub(super) fn owner_of_wof_record(record: &[u8], number: u64) -> Option<u64> {
    let is_marked =
        |attribute: Attribute| attribute.kind() == record::REPARSE_POINT && attribute.value().is_some_and(is_wof);
    let has_mark = attributes(record).any(|attribute| attribute.is_ok_and(is_marked));
    has_mark.then(|| mft::base_of(record).unwrap_or(number))
}

fn is_wof_stream(kind: u32, name: &[u8]) -> bool {
    kind == record::DATA && name.chunks_exact(2).map(|unit| u16_at(unit, 0)).eq(STREAM_NAME.encode_utf16())
}

impl WofFile {
    /// Reads a compressed file from the records of a volume.
    ///
    /// # Errors
    ///
    /// If the file is compressed in an unknown way, or its records are inconsistent.
    pub fn read(volume: &Window, table: &MasterFileTable, number: u64) -> Result<Self, String> {
        let base = table.record(volume, number)?.ok_or("its record is not in use")?;
        let mut records = vec![(number, base)];
        for other in attribute_list::others(&records[0].1, volume, table.boot())? {
            let record = table.record(volume, other)?.ok_or("one of its records is not in use")?;
            if mft::base_of(&record) != Some(number) {
                return Err("one of its records belongs to another file".into());
            }
            records.push((other, record));
        }
        let (mut packing_found, mut len, mut parts) = (None, None, Vec::new());
        for (_, record) in &records {
            for attribute in attributes(record) {
                let attribute = attribute?;
                let (kind, name) = (attribute.kind(), attribute.name());
                match kind {
                    record::REPARSE_POINT => packing_found = attribute.value().and_then(parse_compression),
                    // The continuation of a stream in another record does not repeat its length.
                    record::DATA if name.is_empty() && attribute.first_cluster() == 0 => len = Some(attribute.len()),
                    _ if is_wof_stream(kind, name) => parts.push(attribute),
                    _ => {}
                }
            }
        }
        let packing = packing_found.ok_or("it is compressed in an unknown way")?;
        let len = len.filter(|len| *len > 0).ok_or("it has no length")?;
        let stream = Stream::new(parts, table.cluster_len(), table.volume_len())?;
        Ok(Self { len, packing, stream, records })
    }

    /// Records of a plain file with the contents in `run`, as bytes and their offsets on the
    /// volume.
    ///
    /// # Errors
    ///
    /// If a record is damaged or has no room.
    pub fn rewrite(
        &self,
        volume: &Window,
        table: &MasterFileTable,
        run: NtfsRun,
    ) -> Result<Vec<(u64, Vec<u8>)>, String> {
        let mut patches = Vec::new();
        for (number, record) in &self.records {
            let bytes = self.rewrite_record(record, volume, table, run, &mut patches)?;
            table.place(*number, &bytes, &mut patches)?;
        }
        Ok(patches)
    }

    /// Rewrites one record: without the reparse point and the compressed stream, and with `run` as
    /// contents.
    fn rewrite_record(
        &self,
        record: &[u8],
        volume: &Window,
        table: &MasterFileTable,
        run: NtfsRun,
        patches: &mut Vec<(u64, Vec<u8>)>,
    ) -> Result<Vec<u8>, String> {
        let attributes_at = usize::from(u16_at(record, 20));
        let head = record.get(..attributes_at).filter(|head| head.len() >= HEAD_LEN);
        let mut bytes = head.ok_or("its record is damaged")?.to_vec();
        for attribute in attributes(record) {
            let attribute = attribute?;
            let (kind, name) = (attribute.kind(), attribute.name());
            match kind {
                record::REPARSE_POINT => {}
                record::DATA if is_wof_stream(kind, name) => {}
                record::DATA if name.is_empty() => {
                    // The hole may continue in other records; the contents are one run in the
                    // record where it starts.
                    if attribute.first_cluster() == 0 {
                        let instance = attribute.instance();
                        bytes.extend(record::outside(record::DATA, self.len, run, table.cluster_len(), instance));
                    }
                }
                record::STANDARD_INFORMATION => {
                    // Flags are at offset 32 of the value, whose own offset is in the header.
                    let at = bytes.len() + usize::from(u16_at(attribute.bytes(), 20)) + 32;
                    bytes.extend(attribute.bytes());
                    let flags = bytes.get_mut(at..at + 4).ok_or("its attributes are missing")?;
                    let plain = u32_at(flags, 0) & !SPARSE_AND_REPARSE;
                    flags.copy_from_slice(&plain.to_le_bytes());
                }
                record::ATTRIBUTE_LIST => bytes.extend(shorten_list(attribute, volume, table, patches)?),
                _ => bytes.extend(attribute.bytes()),
            }
        }
        // The end marker counts as used.
        bytes.extend(u32::MAX.to_le_bytes());
        bytes.extend([0; END_LEN - 4]);
        if bytes.len() > record.len() {
            return Err("its record is full".into());
        }
        let used = bytes.len() as u32;
        bytes[USED_AT..USED_AT + 4].copy_from_slice(&used.to_le_bytes());
        bytes.resize(record.len(), 0);
        // Readers expect the stored form, with a sequence number at the end of each sector.
        fixups::restore(&mut bytes);
        Ok(bytes)
    }
}

/// Removes attributes from a list that a plain file does not have. A list outside of the record
/// becomes patches.
fn shorten_list(
    attribute: Attribute<'_>,
    volume: &Window,
    table: &MasterFileTable,
    patches: &mut Vec<(u64, Vec<u8>)>,
) -> Result<Vec<u8>, String> {
    let (stream, old) = attribute_list::read(attribute, volume, table.boot())?;
    let is_kept = |entry: &&AttributeListEntry| {
        let is_rest = entry.kind == record::DATA && entry.name.is_empty() && entry.first_cluster > 0;
        entry.kind != record::REPARSE_POINT && !is_rest && !is_wof_stream(entry.kind, entry.name)
    };
    let kept: Vec<u8> =
        attribute_list::entries(&old)?.iter().filter(is_kept).flat_map(|entry| entry.bytes).copied().collect();
    let mut bytes = attribute.bytes().to_vec();
    if let Stream::Resident(_) = stream {
        let at = usize::from(u16_at(&bytes, 20));
        if at < RESIDENT_HEAD_LEN {
            return Err("its attribute list is damaged".into());
        }
        bytes.truncate(at);
        bytes.extend(&kept);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let len = bytes.len() as u32;
        bytes[4..8].copy_from_slice(&len.to_le_bytes());
        bytes[16..20].copy_from_slice(&(kept.len() as u32).to_le_bytes());
        return Ok(bytes);
    }
    // Data length and initialized length; the allocated clusters stay.
    for at in [48, 56] {
        bytes[at..at + 8].copy_from_slice(&(kept.len() as u64).to_le_bytes());
    }
    for (part, place) in stream.places(0..kept.len() as u64) {
        let place = place.ok_or("its attribute list has a hole")?;
        patches.push((place, kept[part.start as usize..part.end as usize].to_vec()));
    }
    Ok(bytes)
}
