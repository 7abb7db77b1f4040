//! Boot sectors written by any formatter, and the positions of a volume's parts.
//!
//! A volume is FAT32 if the 16-bit length of its table is zero, as in Windows, Linux and UEFI; otherwise, the number of
//! clusters tells FAT12 and FAT16 apart. The specification goes by the number of clusters alone, but small FAT32
//! volumes with too few clusters are common: `mkfs.fat -F 32` makes such EFI system partitions. Sectors of 512 to 4,096
//! bytes are supported.

use std::ops::Range;

use crate::error::{Details, Error, Result};
use crate::little_endian;

use super::geometry::Width;
use super::tree::ENTRY_LEN;

/// Number of bytes of a boot sector that are examined, whatever the sector length.
pub(super) const BOOT_LEN: u64 = 512;

/// Positions of a volume's parts, in bytes from the start of the medium.
pub(super) struct FatBootSector {
    /// Width of the entries of the allocation table.
    pub width: Width,
    /// Offset of the volume.
    pub start: u64,
    /// Length of the volume.
    pub len: u64,
    /// Length of a sector.
    pub sector_len: u64,
    /// Offset of the first allocation table.
    pub first_table: u64,
    /// Offset of the active allocation table. FAT32 can switch mirroring off (BPB_ExtFlags).
    pub table: u64,
    /// Length of an allocation table.
    pub table_len: u64,
    /// Number of allocation tables.
    pub n_tables: u64,
    /// Range of the root folder of FAT12 and FAT16.
    pub root: Range<u64>,
    /// First cluster of the root folder of FAT32.
    pub root_cluster: u64,
    /// Offset of the first cluster.
    pub data: u64,
    /// Length of a cluster.
    pub cluster_len: u64,
    /// Number of clusters.
    pub n_clusters: u64,
    /// BS_VolLab.
    pub label: [u8; 11],
}

impl FatBootSector {
    /// Returns `true` if a sector has the signature of a boot sector.
    pub fn has_signature(sector: &[u8]) -> bool {
        sector.get(510..512) == Some(&[0x55, 0xAA])
    }

    /// Parses the boot sector of a volume in a range of a medium.
    ///
    /// # Errors
    ///
    /// If a value is impossible, or the volume is longer than the range.
    pub fn parse(sector: &[u8], place: Range<u64>) -> Result<Self> {
        let wrong = |why: &str| Details::new(format!("this is not a FAT volume: {why}"));
        if sector.len() < BOOT_LEN as usize || !matches!(sector[0], 0xEB | 0xE9) {
            return Err(Error::NotRecognized(wrong("it has no boot sector")));
        }
        let u16_at = |at: usize| u64::from(little_endian::u16_at(sector, at));
        let u32_at = |at: usize| u16_at(at) | u16_at(at + 2) << 16;
        let or_else = |short: u64, long: u64| if short == 0 { long } else { short };
        let (sector_len, cluster_sectors) = (u16_at(11), u64::from(sector[13]));
        let (n_reserved, n_tables, n_root_entries) = (u16_at(14), u64::from(sector[16]), u16_at(17));
        let (n_sectors, table_sectors) = (or_else(u16_at(19), u32_at(32)), or_else(u16_at(22), u32_at(36)));
        if !matches!(sector_len, 512 | 1_024 | 2_048 | 4_096) {
            return Err(Error::NotRecognized(wrong("its sectors have an impossible length")));
        }
        if !cluster_sectors.is_power_of_two() || n_tables == 0 || n_reserved == 0 || table_sectors == 0 {
            return Err(Error::NotRecognized(wrong("its boot sector contradicts itself")));
        }
        let root = n_reserved + n_tables * table_sectors;
        let data = root + (n_root_entries * ENTRY_LEN).div_ceil(sector_len);
        let n_clusters =
            n_sectors.checked_sub(data).ok_or_else(|| Error::NotRecognized(wrong("it ends before its data begins")))?;
        let n_clusters = n_clusters / cluster_sectors;
        let width = match n_clusters {
            _ if u16_at(22) == 0 => Width::Fat32,
            0..4_085 => Width::Fat12,
            _ => Width::Fat16,
        };
        if (place.end - place.start) / sector_len < n_sectors {
            return Err(Error::Damaged(
                Details::new("the FAT volume is longer than its partition")
                    .help("the image may be truncated: compare its size with that of the original"),
            ));
        }
        let table_len = table_sectors * sector_len;
        // Clusters that the table has no entries for are never used.
        let n_entries = table_len * 8 / width.bits();
        let n_clusters = n_clusters.min(n_entries.saturating_sub(2));
        let at = |sector: u64| place.start + sector * sector_len;
        let active = match (width, u16_at(40)) {
            (Width::Fat32, flags) if flags & 0x80 != 0 => flags & 0xF,
            _ => 0,
        };
        if active >= n_tables {
            return Err(Error::Damaged(wrong("its active allocation table is missing")));
        }
        let label_at = if width == Width::Fat32 { 71 } else { 43 };
        let mut label = [0; 11];
        label.copy_from_slice(&sector[label_at..label_at + 11]);
        Ok(Self {
            width,
            start: place.start,
            len: n_sectors * sector_len,
            sector_len,
            first_table: at(n_reserved),
            table: at(n_reserved) + active * table_len,
            table_len,
            n_tables,
            root: at(root)..at(data),
            root_cluster: u32_at(44),
            data: at(data),
            cluster_len: cluster_sectors * sector_len,
            n_clusters,
            label,
        })
    }

    /// Offset of a cluster's entry in the active allocation table.
    pub fn entry_offset(&self, cluster: u64) -> u64 {
        self.table + cluster * self.width.bits() / 8
    }

    /// Returns `true` if the cluster exists.
    pub fn holds(&self, cluster: u64) -> bool {
        (2..self.n_clusters + 2).contains(&cluster)
    }
}
