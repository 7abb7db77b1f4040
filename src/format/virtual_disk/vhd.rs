//! VHD as Virtual PC and Hyper-V write it ("Virtual Hard Disk Image Format Specification", 2006): fixed and dynamic.
//!
//! Not supported: differencing disks. Their parent is found by the names that another machine had for it.

use std::io::{Read, Seek};

use super::map::{Map, Run, SECTOR_LEN, be_u32, be_u64, each_entry, read_at};
use crate::error::{Error, Result};

/// Cookie of the footer, of which all but fixed disks have a copy at the beginning.
pub(super) const COOKIE: &[u8] = b"conectix";
/// Length of the footer in bytes.
pub(super) const FOOTER_LEN: u64 = 512;

const DIFFERENCING: u32 = 4;
const DYNAMIC_COOKIE: &[u8] = b"cxsparse";
const DYNAMIC_HEADER_LEN: usize = 1024;
/// Entry of the allocation table that leads nowhere.
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
    /// Reads the copy of the footer at the beginning and the header of the dynamic disk.
    pub fn read(file: &mut (impl Read + Seek)) -> Result<Self> {
        let footer = read_at(file, 0, FOOTER_LEN as usize)?;
        let header = read_at(file, be_u64(&footer, 16), DYNAMIC_HEADER_LEN)?;
        if !header.starts_with(DYNAMIC_COOKIE) {
            return Err(Error::new("its header of a dynamic disk is damaged"));
        }
        if be_u32(&footer, 60) == DIFFERENCING {
            let units: Vec<u16> = header[64..576].as_chunks::<2>().0.iter().map(|it| u16::from_be_bytes(*it)).collect();
            return Err(super::differencing(&super::text_of(&units), "Merge-VHD"));
        }
        let (len, block_len) = (be_u64(&footer, 48), u64::from(be_u32(&header, 32)));
        if block_len < SECTOR_LEN || !block_len.is_power_of_two() {
            return Err(Error::new(format!("blocks of {block_len} bytes are not possible")));
        }
        let (n_entries, n_blocks) = (u64::from(be_u32(&header, 28)), len.div_ceil(block_len));
        if n_entries < n_blocks {
            return Err(Error::new(format!("its table has {n_entries} entries, and {n_blocks} are needed")));
        }
        Ok(Self { len, table_at: be_u64(&header, 16), n_blocks, block_len })
    }

    /// Maps the disk. Each block follows a bitmap of its sectors.
    pub fn map(
        &self,
        file: &mut (impl Read + Seek),
        file_len: u64,
        each: &mut dyn FnMut(Run) -> Result<()>,
    ) -> Result<()> {
        let mut map = Map::new(self.len, file_len, each);
        let bitmap_len = (self.block_len / SECTOR_LEN).div_ceil(8).next_multiple_of(SECTOR_LEN);
        each_entry(file, self.table_at, self.n_blocks, |number, entry| match u32::from_be_bytes(entry) {
            UNUSED => Ok(()),
            sector => map.block(number * self.block_len, u64::from(sector) * SECTOR_LEN + bitmap_len, self.block_len),
        })?;
        map.finish()
    }
}
