//! VHD, fixed and dynamic, as written by Virtual PC and Hyper-V ("Virtual Hard Disk Image Format
//! Specification", 2006).
//!
//! Not supported: differencing disks, which refer to their parent by its path on another machine.

use std::io::{Read, Seek};

use super::map::{DiskMapper, DiskRun, SECTOR_LEN, be_u32, be_u64, for_each_entry, read_at};
use crate::error::{Error, Result};

/// Signature of the footer. All but fixed disks have a copy of the footer at the beginning.
pub(super) const COOKIE: &[u8] = b"conectix";
/// Length of the footer in bytes.
pub(super) const FOOTER_LEN: u64 = 512;

const DIFFERENCING: u32 = 4;
const DYNAMIC_COOKIE: &[u8] = b"cxsparse";
const DYNAMIC_HEADER_LEN: usize = 1024;
/// Allocation table entry of an unallocated block.
const UNUSED: u32 = u32::MAX;

/// Headers of a dynamic VHD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Vhd {
    /// Length of the disk in bytes.
    pub len: u64,
    table_at: u64,
    n_blocks: u64,
    block_len: u64,
}

impl Vhd {
    /// Reads the footer copy at the beginning and the dynamic disk header.
    pub fn read(file: &mut (impl Read + Seek)) -> Result<Self> {
        let footer = read_at(file, 0, FOOTER_LEN as usize)?;
        let header = read_at(file, be_u64(&footer, 16), DYNAMIC_HEADER_LEN)?;
        if !header.starts_with(DYNAMIC_COOKIE) {
            return Err(Error::new("its dynamic disk header is damaged"));
        }
        if be_u32(&footer, 60) == DIFFERENCING {
            let units: Vec<u16> = header[64..576].as_chunks::<2>().0.iter().map(|it| u16::from_be_bytes(*it)).collect();
            return Err(super::differencing_disk_error(&super::utf16_until_nul(&units), "Merge-VHD"));
        }
        let (len, block_len) = (be_u64(&footer, 48), u64::from(be_u32(&header, 32)));
        if block_len < SECTOR_LEN || !block_len.is_power_of_two() {
            return Err(Error::new(format!("blocks of {block_len} bytes are invalid")));
        }
        let (n_entries, n_blocks) = (u64::from(be_u32(&header, 28)), len.div_ceil(block_len));
        if n_entries < n_blocks {
            return Err(Error::new(format!("its table has {n_entries} entries; {n_blocks} are needed")));
        }
        Ok(Self { len, table_at: be_u64(&header, 16), n_blocks, block_len })
    }

    /// Maps the disk. The sector bitmap before each block is skipped.
    pub fn map(
        &self,
        file: &mut (impl Read + Seek),
        file_len: u64,
        each: &mut dyn FnMut(DiskRun) -> Result<()>,
    ) -> Result<()> {
        let mut map = DiskMapper::new(self.len, file_len, each);
        let bitmap_len = (self.block_len / SECTOR_LEN).div_ceil(8).next_multiple_of(SECTOR_LEN);
        for_each_entry(file, self.table_at, self.n_blocks, |number, entry| match u32::from_be_bytes(entry) {
            UNUSED => Ok(()),
            sector => {
                map.add_block(number * self.block_len, u64::from(sector) * SECTOR_LEN + bitmap_len, self.block_len)
            }
        })?;
        map.finish()
    }
}
