//! Sparse VMDK extents. Follows VMware's "Virtual Disk Format 5.0", with and without compressed
//! grains (stream-optimized disks), and the extents of ESX snapshots (`COWD`).
//!
//! Not supported: `seSparse` extents of later ESX versions, which are not documented.

use std::io::{Read, Seek, SeekFrom};

use super::map::{DiskMapper, DiskRun, RunCompression, RunSource, SECTOR_LEN, for_each_entry, le_u32, le_u64, read_at};
use crate::error::{Error, Result};
use crate::limits::MAX_DISK_DESCRIPTOR_LEN;

pub(super) const MAGIC: &[u8] = b"KDMV";
pub(super) const ESX_MAGIC: &[u8] = b"COWD";

/// Longest grain in sectors; 128 is usual.
const MAX_GRAIN_SECTORS: u64 = 1 << 12;

const ZERO_GRAINS: u32 = 1 << 2;
const COMPRESSED: u32 = 1 << 16;
const MARKERS: u32 = 1 << 17;

/// Directory offset that refers to a second header, which is 1,024 bytes before the end of the
/// file.
const IN_FOOTER: u64 = u64::MAX;
const FOOTER_BEFORE_END: i64 = -1024;

/// Length of the marker before a compressed grain: sector and length.
const MARKER_LEN: u64 = 12;

/// Header of a sparse extent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SparseExtent {
    /// Length of its part of the disk in bytes.
    pub len: u64,
    grain_len: u64,
    directory_at: u64,
    n_tables: u64,
    /// Number of entries in a grain table.
    n_grains: u64,
    is_compressed: bool,
    has_zero_grains: bool,
}

impl SparseExtent {
    /// Reads the header of an extent and the embedded descriptor, if there is one.
    pub fn read(file: &mut (impl Read + Seek)) -> Result<(Self, Option<Vec<u8>>)> {
        let header = read_at(file, 0, SECTOR_LEN as usize)?;
        if header.starts_with(ESX_MAGIC) {
            return Ok((Self::parse_esx(&header)?, None));
        }
        if !header.starts_with(MAGIC) {
            return Err(Error::new("it does not begin like a sparse VMDK extent"));
        }
        let (at, len) = (le_u64(&header, 28), le_u64(&header, 36).saturating_mul(SECTOR_LEN));
        let descriptor = match at {
            0 => None,
            _ if len > MAX_DISK_DESCRIPTOR_LEN => return Err(Error::new(format!("its descriptor has {len} bytes"))),
            _ => Some(read_at(file, at.saturating_mul(SECTOR_LEN), len as usize)?),
        };
        let header = match le_u64(&header, 56) {
            IN_FOOTER => {
                let mut footer = vec![0; SECTOR_LEN as usize];
                let read = file.seek(SeekFrom::End(FOOTER_BEFORE_END)).and_then(|_| file.read_exact(&mut footer));
                read.map_err(|error| Error::new("reading its footer").because(error))?;
                if !footer.starts_with(MAGIC) {
                    return Err(Error::new("its footer is missing; the file may be truncated"));
                }
                footer
            }
            _ => header,
        };
        let flags = le_u32(&header, 8);
        let is_compressed = flags & COMPRESSED != 0;
        // Deflate (1) is the only defined algorithm, and its grains follow markers.
        if is_compressed && (flags & MARKERS == 0 || header[77..79] != [1, 0]) {
            return Err(Error::new("the compression of its grains is not supported"));
        }
        let directory_at = le_u64(&header, 56);
        let sparse = Self::new(le_u64(&header, 12), le_u64(&header, 20), le_u32(&header, 44).into(), directory_at)?;
        let has_zero_grains = flags & ZERO_GRAINS != 0;
        Ok((Self { is_compressed, has_zero_grains, ..sparse }, descriptor))
    }

    /// Parses the header of an ESX snapshot.
    fn parse_esx(header: &[u8]) -> Result<Self> {
        let number = |at: usize| u64::from(le_u32(header, at));
        Self::new(number(12), number(16), 4096, number(20))
    }

    fn new(n_sectors: u64, grain_sectors: u64, n_grains: u64, directory_at: u64) -> Result<Self> {
        if !(1..=MAX_GRAIN_SECTORS).contains(&grain_sectors) || !(1..=1 << 16).contains(&n_grains) {
            return Err(Error::new(format!("tables of {n_grains} grains of {grain_sectors} sectors are invalid")));
        }
        let bytes = |sectors: u64| {
            sectors.checked_mul(SECTOR_LEN).ok_or_else(|| Error::new("its header has an impossible number of sectors"))
        };
        let (len, grain_len) = (bytes(n_sectors)?, bytes(grain_sectors)?);
        Ok(Self {
            len,
            grain_len,
            directory_at: bytes(directory_at)?,
            n_tables: len.div_ceil(grain_len * n_grains),
            n_grains,
            is_compressed: false,
            has_zero_grains: false,
        })
    }

    /// Maps the extent. Offsets of runs count from its start.
    pub fn map(
        &self,
        file: &mut (impl Read + Seek),
        file_len: u64,
        each: &mut dyn FnMut(DiskRun) -> Result<()>,
    ) -> Result<()> {
        let mut map = DiskMapper::new(self.len, file_len, each);
        let mut tables = Vec::new();
        for_each_entry(file, self.directory_at, self.n_tables, |number, entry| {
            tables.extend(Some((number, u32::from_le_bytes(entry))).filter(|(_, sector)| *sector != 0));
            Ok(())
        })?;
        let mut seen = std::collections::HashSet::new();
        for (number, sector) in tables {
            if !seen.insert(sector) {
                return Err(Error::new("its directory refers to a table twice"));
            }
            let first = number * self.n_grains;
            let n_grains = self.n_grains.min(self.len.div_ceil(self.grain_len) - first);
            let mut grains = Vec::new();
            for_each_entry(file, u64::from(sector) * SECTOR_LEN, n_grains, |grain, entry| {
                grains.push(((first + grain) * self.grain_len, u32::from_le_bytes(entry)));
                Ok(())
            })?;
            for (at, sector) in grains {
                let offset = u64::from(sector) * SECTOR_LEN;
                match sector {
                    0 => {}
                    // Sector 1 stands for a grain of zeros.
                    1 if self.has_zero_grains => map.add_zeros(at, self.grain_len)?,
                    _ if self.is_compressed => map.add_packed(at, self.grain_len, self.packed_run(file, offset)?)?,
                    _ => map.add_block(at, offset, self.grain_len)?,
                }
            }
        }
        map.finish()
    }

    /// Range of a compressed grain, from the marker at `offset`.
    fn packed_run(&self, file: &mut (impl Read + Seek), offset: u64) -> Result<RunSource> {
        let marker = read_at(file, offset, MARKER_LEN as usize)?;
        let len = u64::from(le_u32(&marker, 8));
        if len > 2 * self.grain_len + SECTOR_LEN {
            return Err(Error::new(format!(
                "a compressed grain has {len} bytes, but only {} when decompressed",
                self.grain_len
            )));
        }
        Ok(RunSource::Packed { offset: offset + MARKER_LEN, len, packing: RunCompression::Zlib })
    }
}
