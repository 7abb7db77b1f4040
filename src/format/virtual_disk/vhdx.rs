//! VHDX, the disk format of Hyper-V. Follows version 1 of \[MS-VHDX\].
//!
//! Not supported: differencing disks, and disks with pending changes in their log.

use std::io::{Read, Seek};

use super::map::{DiskMapper, DiskRun, for_each_entry, le_u16, le_u32, le_u64, read_at};
use crate::error::{Error, Result};

pub(super) const SIGNATURE: &[u8] = b"vhdxfile";

/// Offsets of both headers (2.2.2). The one with the higher sequence number is current.
const HEADERS: [u64; 2] = [64 << 10, 128 << 10];
const HEADER_LEN: usize = 4 << 10;
/// Offsets of both copies of the region table (2.2.3).
const REGION_TABLES: [u64; 2] = [192 << 10, 256 << 10];
const REGION_TABLE_LEN: usize = 64 << 10;
/// Length of the metadata table, which is followed by the values (2.6.1).
const METADATA_TABLE_LEN: usize = 64 << 10;
/// Longest value that is read, in bytes.
const MAX_VALUE_LEN: usize = 64 << 10;

// GUIDs in their binary form.
const TABLE: [u8; 16] = guid(0x2dc2_7766, 0xf623, 0x4200, 0x9d64_115e_9bfd_4a08);
const METADATA: [u8; 16] = guid(0x8b7c_a206, 0x4790, 0x4b9a, 0xb8fe_575f_050f_886e);
const PARAMETERS: [u8; 16] = guid(0xcaa1_6737, 0xfa36, 0x4d43, 0xb3b6_33f0_aa44_e76b);
const DISK_LEN: [u8; 16] = guid(0x2fa5_4224, 0xcd1b, 0x4876, 0xb211_5dbe_d83b_f4b8);
const DISK_SECTOR_LEN: [u8; 16] = guid(0x8141_bf1d, 0xa96f, 0x4709, 0xba47_f233_a8fa_ab5f);
const PARENT: [u8; 16] = guid(0xa8d3_5f2d, 0xb30b, 0x454d, 0xabf7_d3d8_4834_ab0c);

const HAS_PARENT: u32 = 1 << 1;

// States of a block (2.5.1.1).
const ZERO: u64 = 2;
const UNMAPPED: u64 = 3;
const PRESENT: u64 = 6;
const PARTLY_PRESENT: u64 = 7;

/// Headers and metadata of a VHDX file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Vhdx {
    /// Length of the disk in bytes.
    pub len: u64,
    table_at: u64,
    block_len: u64,
    /// Number of blocks between entries for bitmaps in the table.
    chunk_ratio: u64,
}

impl Vhdx {
    /// Reads headers, regions and metadata.
    ///
    /// # Errors
    ///
    /// If the file is damaged, a differencing disk, or was not closed.
    pub fn read(file: &mut (impl Read + Seek)) -> Result<Self> {
        let mut current: Option<Vec<u8>> = None;
        for at in HEADERS {
            let header = read_at(file, at, HEADER_LEN)?;
            let is_newer = |old: &Vec<u8>| le_u64(&header, 8) > le_u64(old, 8);
            if has_valid_checksum(&header, b"head") && current.as_ref().is_none_or(is_newer) {
                current = Some(header);
            }
        }
        let header = current.ok_or_else(|| Error::new("both of its headers are damaged"))?;
        if le_u16(&header, 66) != 1 {
            return Err(Error::new(format!("VHDX version {} is not supported", le_u16(&header, 66))));
        }
        // A log GUID other than zero means that the log has to be replayed (2.2.2).
        if header[48..64] != [0; 16] {
            return Err(Error::new("it was not closed cleanly; some changes are only in its log")
                .help("start the virtual machine and shut it down, or replay the log with `qemu-img check -r all`"));
        }
        let regions = read_regions(file)?;
        let region = |wanted: &[u8; 16]| regions.iter().find(|(guid, _)| guid == wanted).map(|(_, at)| *at);
        let (Some(table_at), Some(metadata_at)) = (region(&TABLE), region(&METADATA)) else {
            return Err(Error::new("its region table lacks the block table or the metadata"));
        };
        let metadata = MetadataTable::read(file, metadata_at)?;
        let parameters = metadata.get(file, &PARAMETERS, 8)?;
        let (block_len, flags) = (u64::from(le_u32(&parameters, 0)), le_u32(&parameters, 4));
        if flags & HAS_PARENT != 0 {
            return Err(super::differencing_disk_error(
                &parse_parent_name(&metadata.get_all(file, &PARENT)?),
                "Merge-VHD",
            ));
        }
        let len = le_u64(&metadata.get(file, &DISK_LEN, 8)?, 0);
        let sector_len = u64::from(le_u32(&metadata.get(file, &DISK_SECTOR_LEN, 4)?, 0));
        if !(1 << 20..=256 << 20).contains(&block_len) || !block_len.is_power_of_two() {
            return Err(Error::new(format!("blocks of {block_len} bytes are invalid")));
        }
        if !matches!(sector_len, 512 | 4096) {
            return Err(Error::new(format!("sectors of {sector_len} bytes are invalid")));
        }
        // A bitmap has 1 MiB and one bit for each sector (2.5).
        Ok(Self { len, table_at, block_len, chunk_ratio: (sector_len << 23) / block_len })
    }

    /// Maps the disk.
    pub fn map(
        &self,
        file: &mut (impl Read + Seek),
        file_len: u64,
        each: &mut dyn FnMut(DiskRun) -> Result<()>,
    ) -> Result<()> {
        let mut map = DiskMapper::new(self.len, file_len, each);
        let n_blocks = self.len.div_ceil(self.block_len);
        let n_entries = n_blocks + n_blocks.saturating_sub(1) / self.chunk_ratio;
        for_each_entry(file, self.table_at, n_entries, |number, entry| {
            let place = number % (self.chunk_ratio + 1);
            if place == self.chunk_ratio {
                // The last entry of each chunk is a bitmap, for differencing disks only.
                return Ok(());
            }
            let at = (number / (self.chunk_ratio + 1) * self.chunk_ratio + place) * self.block_len;
            let entry = u64::from_le_bytes(entry);
            match entry & 7 {
                PRESENT => map.add_block(at, entry >> 20 << 20, self.block_len),
                ZERO | UNMAPPED => map.add_zeros(at, self.block_len),
                PARTLY_PRESENT => Err(Error::new("a block is partly in a parent, but the disk has none")),
                _ => Ok(()),
            }
        })?;
        map.finish()
    }
}

/// GUIDs and offsets of the regions, from the first valid copy of the table.
fn read_regions(file: &mut (impl Read + Seek)) -> Result<Vec<([u8; 16], u64)>> {
    for at in REGION_TABLES {
        let table = read_at(file, at, REGION_TABLE_LEN)?;
        if !has_valid_checksum(&table, b"regi") {
            continue;
        }
        let entries = table[16..].as_chunks::<32>().0.iter().take(le_u32(&table, 8) as usize);
        let mut guid = [0; 16];
        return Ok(entries
            .map(|entry| {
                guid.copy_from_slice(&entry[..16]);
                (guid, le_u64(entry, 16))
            })
            .collect());
    }
    Err(Error::new("both of its region tables are damaged"))
}

/// Offset and length of metadata values by GUID.
struct MetadataTable(Vec<([u8; 16], u64, usize)>);

impl MetadataTable {
    fn read(file: &mut (impl Read + Seek), at: u64) -> Result<Self> {
        let table = read_at(file, at, METADATA_TABLE_LEN)?;
        if !table.starts_with(b"metadata") {
            return Err(Error::new("its metadata table is damaged"));
        }
        let entries = table[32..].as_chunks::<32>().0.iter().take(le_u16(&table, 10).into());
        let mut guid = [0; 16];
        Ok(Self(
            entries
                .map(|entry| {
                    guid.copy_from_slice(&entry[..16]);
                    (guid, at.saturating_add(le_u32(entry, 16).into()), le_u32(entry, 20) as usize)
                })
                .collect(),
        ))
    }

    /// Reads the first `n` bytes of a value.
    fn get(&self, file: &mut (impl Read + Seek), guid: &[u8; 16], n: usize) -> Result<Vec<u8>> {
        let found = self.0.iter().find(|(it, ..)| it == guid);
        let (_, at, _) = found.ok_or_else(|| Error::new("a required metadata value is missing"))?;
        read_at(file, *at, n)
    }

    fn get_all(&self, file: &mut (impl Read + Seek), guid: &[u8; 16]) -> Result<Vec<u8>> {
        let len = self.0.iter().find(|(it, ..)| it == guid).map_or(0, |(.., len)| *len);
        self.get(file, guid, len.min(MAX_VALUE_LEN))
    }
}

/// Path of the parent (2.6.2.6), chosen in the order in which readers try them; empty if there is
/// none.
fn parse_parent_name(locator: &[u8]) -> String {
    let n_entries = if locator.len() < 20 { 0 } else { le_u16(locator, 18).into() };
    let units = |at: u32, len: u16| -> Option<String> {
        let bytes = locator.get(at as usize..)?.get(..len.into())?;
        Some(super::utf16_until_nul(
            &bytes.as_chunks::<2>().0.iter().map(|it| u16::from_le_bytes(*it)).collect::<Vec<_>>(),
        ))
    };
    let entries: Vec<(String, String)> = locator
        .get(20..)
        .unwrap_or_default()
        .as_chunks::<12>()
        .0
        .iter()
        .take(n_entries)
        .filter_map(|entry| {
            let key = units(le_u32(entry, 0), le_u16(entry, 8))?;
            Some((key, units(le_u32(entry, 4), le_u16(entry, 10))?))
        })
        .collect();
    let wanted = ["relative_path", "volume_path", "absolute_win32_path"];
    let found = wanted.iter().find_map(|wanted| entries.iter().find(|(key, _)| key == wanted));
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

/// Checks the signature and the checksum of a header or table. The checksum field counts as zeros.
fn has_valid_checksum(bytes: &[u8], signature: &[u8]) -> bool {
    let mut counted = bytes.to_vec();
    counted[4..8].fill(0);
    bytes.starts_with(signature) && crc32c(&counted) == le_u32(bytes, 4)
}

/// CRC-32C (Castagnoli). Bitwise is fast enough for less than 200 KiB per disk.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc: u32, _| (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 })
    })
}

/// Encodes a GUID, whose first three fields are little-endian.
const fn guid(first: u32, second: u16, third: u16, rest: u64) -> [u8; 16] {
    let (a, b, c, d) = (first.to_le_bytes(), second.to_le_bytes(), third.to_le_bytes(), rest.to_be_bytes());
    [a[0], a[1], a[2], a[3], b[0], b[1], c[0], c[1], d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]]
}
