//! QCOW2, versions 2 and 3. Follows QEMU's `docs/interop/qcow2.txt`.
//!
//! Not supported: encryption, Zstandard compression, internal snapshots (the current state is
//! used).

use std::io::{Read, Seek};

use super::map::{DiskMapper, RunCompression, RunSource, SECTOR_LEN, be_u32, be_u64, for_each_entry, read_at};
use crate::error::{Error, Result};

pub(super) const MAGIC: &[u8] = b"QFI\xfb";

/// Length of the header area in bytes, with extensions.
const HEAD_LEN: usize = 64 << 10;

/// Limit of the level 1 table in QEMU, in bytes.
const MAX_L1_LEN: u64 = 32 << 20;

/// Help for unsupported features.
const CONVERT: &str = "convert it: `qemu-img convert -f qcow2 -O qcow2 DISK plain.qcow2`";

/// Longest name of a backing file in bytes.
const MAX_NAME_LEN: u32 = 1023;

// Incompatible features.
const DIRTY: u64 = 1 << 0;
const CORRUPT: u64 = 1 << 1;
const DATA_FILE: u64 = 1 << 2;
const COMPRESSION: u64 = 1 << 3;
const EXTENDED_L2: u64 = 1 << 4;

// Header extensions.
const END: u32 = 0;
const BACKING_FORMAT: u32 = 0xE279_2ACA;
const DATA_FILE_NAME: u32 = 0x4441_5441;

// Fields of table entries.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
const COPIED: u64 = 1 << 63;
const COMPRESSED: u64 = 1 << 62;
const READS_AS_ZERO: u64 = 1;

/// Header of a QCOW2 file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Qcow2 {
    /// Length of the disk in bytes.
    pub len: u64,
    /// Name of the backing file.
    pub backing: Option<String>,
    /// Format of the backing file, if given.
    pub backing_format: Option<String>,
    /// Name of the external data file.
    pub data_file: Option<String>,
    cluster_bits: u32,
    l1_at: u64,
    n_l1: u64,
    is_extended: bool,
    is_zstd: bool,
}

impl Qcow2 {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// If the header is damaged or a feature is not supported.
    pub fn read(file: &mut (impl Read + Seek)) -> Result<Self> {
        let mut head = Vec::new();
        let read = file.rewind().and_then(|()| file.take(HEAD_LEN as u64).read_to_end(&mut head));
        read.map_err(|error| Error::new("reading the header").because(error))?;
        if head.len() < 112 {
            return Err(Error::new("its header is truncated"));
        }
        let version = be_u32(&head, 4);
        if !matches!(version, 2 | 3) {
            return Err(Error::new(format!("QCOW version {version} is not supported")).help(CONVERT));
        }
        let cluster_bits = be_u32(&head, 20);
        if !(9..=21).contains(&cluster_bits) {
            return Err(Error::new(format!("clusters of 2^{cluster_bits} bytes are invalid")));
        }
        if be_u32(&head, 32) != 0 {
            return Err(Error::new("it is encrypted").help("decrypt it first, with `qemu-img convert`"));
        }
        let (features, header_len) = match version {
            2 => (0, 72),
            _ => (be_u64(&head, 72), be_u32(&head, 100) as usize),
        };
        let unknown = features & !(DIRTY | CORRUPT | DATA_FILE | COMPRESSION | EXTENDED_L2);
        if unknown != 0 {
            let message = format!("it has features that are not supported (mask {unknown:#x})");
            return Err(Error::new(message).help(CONVERT));
        }
        let is_zstd = features & COMPRESSION != 0 && header_len > 104 && head[104] != 0;
        let extensions = parse_extensions(&head, header_len)?;
        let named = |kind: u32| -> Result<Option<String>> {
            extensions.iter().find(|(it, _)| *it == kind).map(|(_, bytes)| parse_name(bytes)).transpose()
        };
        let (backing_at, backing_len) = (be_u64(&head, 8), be_u32(&head, 16));
        let backing = match backing_at {
            0 => None,
            _ if backing_len > MAX_NAME_LEN => return Err(Error::new("the name of its backing file is too long")),
            _ => Some(parse_name(&read_at(file, backing_at, backing_len as usize)?)?),
        };
        let data_file = match features & DATA_FILE {
            0 => None,
            _ => Some(named(DATA_FILE_NAME)?.ok_or_else(|| Error::new("it does not name its data file"))?),
        };
        let header = Self {
            len: be_u64(&head, 24),
            backing,
            backing_format: named(BACKING_FORMAT)?,
            data_file,
            cluster_bits,
            l1_at: be_u64(&head, 40),
            n_l1: be_u32(&head, 36).into(),
            is_extended: features & EXTENDED_L2 != 0,
            is_zstd,
        };
        // Tables may be longer than needed; the excess is ignored.
        let needed = header.len.div_ceil(header.cluster_len() * header.n_l2());
        if header.n_l1 < needed || needed * 8 > MAX_L1_LEN {
            return Err(Error::new(format!("its level 1 table has {} entries; {needed} are needed", header.n_l1)));
        }
        Ok(Self { n_l1: needed, ..header })
    }

    /// Maps the disk. `data_len` is the length of the file with the data.
    pub fn map(
        &self,
        file: &mut (impl Read + Seek),
        data_len: u64,
        each: &mut dyn FnMut(super::map::DiskRun) -> Result<()>,
    ) -> Result<()> {
        let mut map = DiskMapper::new(self.len, data_len, each);
        let mut l1 = Vec::new();
        for_each_entry(file, self.l1_at, self.n_l1, |_, entry| {
            l1.push(u64::from_be_bytes(entry) & OFFSET);
            Ok(())
        })?;
        // Shared tables are invalid, and would turn a small file into a huge disk.
        let mut seen = std::collections::HashSet::new();
        let span = self.cluster_len() * self.n_l2();
        for (number, table) in (0..).zip(l1).filter(|(_, table)| *table != 0) {
            if !seen.insert(table) {
                return Err(Error::new("its level 1 table refers to a table twice"));
            }
            let base = number * span;
            if self.is_extended {
                for_each_entry(file, table, self.n_l2(), |n, entry: [u8; 16]| {
                    self.map_subclusters(&mut map, base + n * self.cluster_len(), be_u64(&entry, 0), be_u64(&entry, 8))
                })?;
            } else {
                for_each_entry(file, table, self.n_l2(), |n, entry| {
                    self.map_cluster(&mut map, base + n * self.cluster_len(), u64::from_be_bytes(entry))
                })?;
            }
        }
        map.finish()
    }

    /// Maps a cluster.
    fn map_cluster(&self, map: &mut DiskMapper, at: u64, entry: u64) -> Result<()> {
        if entry & COMPRESSED != 0 {
            self.map_compressed(map, at, entry)
        } else if entry & READS_AS_ZERO != 0 {
            map.add_zeros(at, self.cluster_len())
        } else if self.is_allocated(entry) {
            map.add_block(at, entry & OFFSET, self.cluster_len())
        } else {
            Ok(())
        }
    }

    /// Maps a cluster whose 32 subclusters are each allocated, zero or neither.
    fn map_subclusters(&self, map: &mut DiskMapper, at: u64, entry: u64, bitmap: u64) -> Result<()> {
        if entry & COMPRESSED != 0 {
            return self.map_compressed(map, at, entry);
        }
        let len = self.cluster_len() / 32;
        for n in 0..32 {
            let (is_allocated, is_zero) = (bitmap >> n & 1 != 0, bitmap >> (32 + n) & 1 != 0);
            match (is_allocated, is_zero) {
                (true, true) => return Err(Error::new("a subcluster is both data and zero")),
                (_, true) => map.add_zeros(at + n * len, len)?,
                (true, _) if self.is_allocated(entry) => {
                    map.add_block(at + n * len, (entry & OFFSET) + n * len, len)?
                }
                (true, _) => return Err(Error::new("a subcluster is not allocated")),
                _ => {}
            }
        }
        Ok(())
    }

    /// Maps a compressed cluster.
    fn map_compressed(&self, map: &mut DiskMapper, at: u64, entry: u64) -> Result<()> {
        if self.is_zstd {
            return Err(Error::new("its clusters are compressed with Zstandard, which is not supported").help(CONVERT));
        }
        // The split between offset and length of a compressed entry depends on the cluster size.
        let n_offset_bits = 62 - (self.cluster_bits - 8);
        let offset = entry & ((1 << n_offset_bits) - 1);
        let n_sectors = ((entry & (COMPRESSED - 1)) >> n_offset_bits) + 1;
        let len = n_sectors * SECTOR_LEN - offset % SECTOR_LEN;
        map.add_packed(at, self.cluster_len(), RunSource::Packed { offset, len, packing: RunCompression::Deflate })
    }

    /// Returns `true` if the cluster is allocated. In an external data file its offset may be 0.
    fn is_allocated(&self, entry: u64) -> bool {
        entry & OFFSET != 0 || self.data_file.is_some() && entry & COPIED != 0
    }

    fn cluster_len(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// Number of entries in a level 2 table, which has the length of a cluster.
    fn n_l2(&self) -> u64 {
        self.cluster_len() / if self.is_extended { 16 } else { 8 }
    }
}

/// Types and data of the header extensions.
fn parse_extensions(head: &[u8], header_len: usize) -> Result<Vec<(u32, &[u8])>> {
    let mut found = Vec::new();
    let mut at = header_len;
    while let Some(start) = head.get(at..at + 8) {
        let (kind, len) = (be_u32(start, 0), be_u32(start, 4) as usize);
        if kind == END {
            break;
        }
        let data = head.get(at + 8..).and_then(|rest| rest.get(..len));
        found.push((kind, data.ok_or_else(|| Error::new("a header extension is truncated"))?));
        at += 8 + len.next_multiple_of(8);
    }
    Ok(found)
}

fn parse_name(bytes: &[u8]) -> Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Error::new("it refers to a file whose name is not UTF-8"))
}
