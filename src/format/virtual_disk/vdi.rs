//! VDI, the disk format of VirtualBox. Follows version 1.1 in its `VDICore.h`.
//!
//! Not supported: differencing disks, which refer to their parent by UUID only.

use std::io::{Read, Seek};

use super::map::{DiskMapper, DiskRun, for_each_entry, le_u32, le_u64, read_at};
use crate::error::{Error, Result};

/// Offset and value of the signature.
pub(super) const SIGNATURE: (u64, &[u8]) = (64, b"\x7f\x10\xda\xbe");

const VERSION: u32 = 0x0001_0001;
/// Lowest map entry without data: unallocated, or zero.
const FIRST_EMPTY: u32 = 0xffff_fffe;

/// Header of a VDI file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Vdi {
    /// Length of the disk in bytes.
    pub len: u64,
    map_at: u64,
    data_at: u64,
    block_len: u64,
    /// Length of extra data before each block in bytes.
    extra_len: u64,
    n_blocks: u64,
}

impl Vdi {
    /// Reads the header.
    pub fn read(file: &mut (impl Read + Seek)) -> Result<Self> {
        let header = read_at(file, 0, 512)?;
        let version = le_u32(&header, 0x44);
        if version != VERSION {
            return Err(Error::new(format!("VDI version {}.{} is not supported", version >> 16, version & 0xffff)));
        }
        // A parent UUID, or an image type of 3 (undo) or 4 (differencing).
        if header[0x1a8..0x1b8] != [0; 16] || matches!(le_u32(&header, 0x4c), 3 | 4) {
            return Err(Error::new("it is a differencing disk; most of its data is in a parent that it does not name")
                .help("clone it: `VBoxManage clonemedium DISK full.vdi`"));
        }
        let (len, block_len) = (le_u64(&header, 0x170), u64::from(le_u32(&header, 0x178)));
        if block_len < 512 || !block_len.is_power_of_two() {
            return Err(Error::new(format!("blocks of {block_len} bytes are invalid")));
        }
        let (n_entries, n_blocks) = (u64::from(le_u32(&header, 0x180)), len.div_ceil(block_len));
        if n_entries < n_blocks {
            return Err(Error::new(format!("its map has {n_entries} blocks; {n_blocks} are needed")));
        }
        Ok(Self {
            len,
            map_at: le_u32(&header, 0x154).into(),
            data_at: le_u32(&header, 0x158).into(),
            block_len,
            extra_len: le_u32(&header, 0x17c).into(),
            n_blocks,
        })
    }

    /// Maps the disk.
    pub fn map(
        &self,
        file: &mut (impl Read + Seek),
        file_len: u64,
        each: &mut dyn FnMut(DiskRun) -> Result<()>,
    ) -> Result<()> {
        let mut map = DiskMapper::new(self.len, file_len, each);
        for_each_entry(file, self.map_at, self.n_blocks, |number, entry| match u32::from_le_bytes(entry) {
            FIRST_EMPTY.. => Ok(()),
            block => {
                let offset = self.data_at + u64::from(block) * (self.block_len + self.extra_len) + self.extra_len;
                map.add_block(number * self.block_len, offset, self.block_len)
            }
        })?;
        map.finish()
    }
}
