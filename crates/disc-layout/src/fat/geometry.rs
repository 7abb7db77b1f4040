//! Geometry of a FAT volume: width of table entries, size of clusters, and positions of its parts.

use crate::digest::Digest;

pub(super) const SECTOR_LEN: u64 = 512;

/// Media type of a medium without tracks (BPB_Media), repeated in the first table entry.
pub(super) const MEDIA: u8 = 0xF8;

/// Alignment of the data area in sectors: two sectors of a disc, and one block of most file systems, so that files can
/// share blocks with their sources.
const ALIGNMENT: u64 = 4_096 / SECTOR_LEN;

/// Unit of a volume's length in sectors: one sector of a disc, since boot images are placed on discs.
const DISC_SECTOR: u64 = 2_048 / SECTOR_LEN;

/// Sector number within the volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sector(pub u64);

impl Sector {
    pub(super) fn offset(self) -> u64 {
        self.0 * SECTOR_LEN
    }
}

/// Cluster number, as used in the table; the first cluster is 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cluster(u64);

impl Cluster {
    pub(super) const FIRST: Self = Self(2);

    pub(super) fn after(self, n_clusters: u64) -> Self {
        Self(self.0 + n_clusters)
    }

    pub(super) fn number(self) -> u64 {
        self.0
    }
}

/// Width of table entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Fat12,
    Fat16,
    Fat32,
}

impl Width {
    /// Minimum and maximum number of clusters. The limits of the specification are 4,085 and 65,525; it recommends
    /// staying 16 away from them, because many programs get them wrong by a few.
    fn n_clusters(self) -> (u64, u64) {
        match self {
            Self::Fat12 => (1, 4_085 - 17),
            Self::Fat16 => (4_085 + 16, 65_525 - 17),
            Self::Fat32 => (FatGeometry::FEWEST_OF_FAT32, 0x0FFF_FFF5),
        }
    }

    pub(super) fn bits(self) -> u64 {
        match self {
            Self::Fat12 => 12,
            Self::Fat16 => 16,
            Self::Fat32 => 32,
        }
    }
}

/// Width and cluster size of a volume.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub width: Width,
    pub sectors_per_cluster: u64,
    /// Number of clusters above which the next shape is preferred.
    max_clusters: u64,
}

impl Shape {
    pub(super) const fn new(width: Width, sectors_per_cluster: u64, max_clusters: u64) -> Self {
        Self { width, sectors_per_cluster, max_clusters }
    }

    pub(super) fn cluster_len(self) -> u64 {
        self.sectors_per_cluster * SECTOR_LEN
    }
}

/// Shapes from small to large; the first that can hold a tree is used. The cluster sizes of FAT32 follow the table in
/// the specification: 4 KiB up to 8 GiB, and so on up to 32 KiB.
pub(super) const SHAPES: [Shape; 10] = [
    Shape::new(Width::Fat12, 1, u64::MAX),
    Shape::new(Width::Fat12, 2, u64::MAX),
    Shape::new(Width::Fat12, 4, u64::MAX),
    Shape::new(Width::Fat16, 4, u64::MAX),
    Shape::new(Width::Fat16, 8, u64::MAX),
    Shape::new(Width::Fat16, 16, u64::MAX),
    Shape::new(Width::Fat32, 8, 1 << 21),
    Shape::new(Width::Fat32, 16, 1 << 21),
    Shape::new(Width::Fat32, 32, 1 << 21),
    Shape::new(Width::Fat32, 64, u64::MAX),
];

/// Positions of a volume's parts: reserved sectors, tables, root folder (except on FAT32), clusters.
#[derive(Clone, Copy, Debug)]
pub(super) struct FatGeometry {
    pub shape: Shape,
    pub n_clusters: u64,
    n_reserved: u64,
    n_table_sectors: u64,
    n_root_entries: u64,
    /// Number of sectors of the medium before the volume.
    n_hidden: u64,
}

impl FatGeometry {
    pub(super) const N_TABLES: u64 = 2;

    /// Returns the smallest volume of a shape for this number of used clusters and root folder entries. `None` if there
    /// is none.
    pub(super) fn holding(shape: Shape, n_used: u64, n_root_entries: u64) -> Option<Self> {
        let (fewest, most) = shape.width.n_clusters();
        let clusters_per_disc_sector = DISC_SECTOR.div_ceil(shape.sectors_per_cluster);
        let n_clusters = n_used.max(fewest).next_multiple_of(clusters_per_disc_sector);
        if n_used > most.min(shape.max_clusters) || n_clusters > most {
            return None;
        }
        let n_table_sectors = ((n_clusters + 2) * shape.width.bits()).div_ceil(8 * SECTOR_LEN);
        // Old readers expect 512 entries in a separate root folder; it may be larger.
        let n_root_entries = match shape.width {
            Width::Fat32 => 0,
            Width::Fat12 | Width::Fat16 => n_root_entries.max(512).next_multiple_of(16),
        };
        if n_root_entries > u64::from(u16::MAX) {
            return None;
        }
        let fewest_reserved = if shape.width == Width::Fat32 { 32 } else { 1 };
        let mut geometry =
            Self { shape, n_clusters, n_reserved: fewest_reserved, n_table_sectors, n_root_entries, n_hidden: 0 };
        let alignment = ALIGNMENT.max(shape.sectors_per_cluster);
        let data = geometry.data().0;
        geometry.n_reserved += data.next_multiple_of(alignment) - data;
        u32::try_from(geometry.n_sectors()).is_ok().then_some(geometry)
    }

    /// Minimum number of clusters of a FAT32 volume.
    pub(super) const FEWEST_OF_FAT32: u64 = 65_525 + 16;

    /// Returns a FAT32 volume with this number of clusters, and with at least `n_entries` table entries, behind
    /// `n_hidden` sectors of a medium. `None` if it would be too large. Its data area is aligned to 4,096 bytes and to
    /// clusters.
    pub(super) fn of_partition(
        shape: Shape,
        n_clusters: u64,
        n_entries: u64,
        n_reserved: u64,
        n_hidden: u64,
    ) -> Option<Self> {
        let n_table_sectors = (n_entries * shape.width.bits()).div_ceil(8 * SECTOR_LEN);
        let mut geometry = Self { shape, n_clusters, n_reserved, n_table_sectors, n_root_entries: 0, n_hidden };
        let data = geometry.data().0;
        geometry.n_reserved += data.next_multiple_of(ALIGNMENT.max(shape.sectors_per_cluster)) - data;
        u32::try_from(geometry.n_sectors()).is_ok().then_some(geometry)
    }

    pub(super) fn table(&self, copy: u64) -> Sector {
        Sector(self.n_reserved + copy * self.n_table_sectors)
    }

    pub(super) fn table_len(&self) -> u64 {
        self.n_table_sectors * SECTOR_LEN
    }

    /// First sector of the root folder of FAT12 and FAT16.
    pub(super) fn root(&self) -> Sector {
        self.table(Self::N_TABLES)
    }

    fn data(&self) -> Sector {
        Sector(self.root().0 + self.n_root_entries / 16)
    }

    pub(super) fn offset_of(&self, cluster: Cluster) -> u64 {
        self.data().offset() + (cluster.number() - Cluster::FIRST.number()) * self.shape.cluster_len()
    }

    fn n_sectors(&self) -> u64 {
        self.data().0 + self.n_clusters * self.shape.sectors_per_cluster
    }

    pub(super) fn len(&self) -> u64 {
        self.n_sectors() * SECTOR_LEN
    }

    /// Formats sector 0: the BIOS parameter block ("Boot Sector and BPB").
    pub(super) fn boot_sector(&self, id: Digest, label: [u8; 11]) -> Vec<u8> {
        let mut sector = vec![0; SECTOR_LEN as usize];
        let mut put = |offset: usize, bytes: &[u8]| sector[offset..offset + bytes.len()].copy_from_slice(bytes);
        let is_fat32 = self.shape.width == Width::Fat32;
        let code_at: u8 = if is_fat32 { 90 } else { 62 };
        put(0, &[0xEB, code_at - 2, 0x90]); // BS_jmpBoot: a jump over the block
        put(3, b"MSWIN4.1"); // BS_OEMName: the one that the specification calls safest
        put(11, &(SECTOR_LEN as u16).to_le_bytes()); // BPB_BytsPerSec
        put(13, &[self.shape.sectors_per_cluster as u8]); // BPB_SecPerClus
        put(14, &(self.n_reserved as u16).to_le_bytes()); // BPB_RsvdSecCnt
        put(16, &[Self::N_TABLES as u8]); // BPB_NumFATs
        put(17, &(self.n_root_entries as u16).to_le_bytes()); // BPB_RootEntCnt
        let n_sectors = self.n_sectors();
        // FAT12 and FAT16 count in 16 bits while they can, FAT32 always in 32.
        match u16::try_from(n_sectors) {
            Ok(short) if !is_fat32 => put(19, &short.to_le_bytes()), // BPB_TotSec16
            _ => put(32, &(n_sectors as u32).to_le_bytes()),         // BPB_TotSec32
        }
        put(21, &[MEDIA]); // BPB_Media
        put(24, &63u16.to_le_bytes()); // BPB_SecPerTrk
        put(26, &255u16.to_le_bytes()); // BPB_NumHeads
        put(28, &(self.n_hidden as u32).to_le_bytes()); // BPB_HiddSec
        let kind: &[u8; 8] = match self.shape.width {
            Width::Fat12 => b"FAT12   ",
            Width::Fat16 => b"FAT16   ",
            Width::Fat32 => b"FAT32   ",
        };
        let drive_at = if is_fat32 {
            put(36, &(self.n_table_sectors as u32).to_le_bytes()); // BPB_FATSz32
            put(44, &(Cluster::FIRST.number() as u32).to_le_bytes()); // BPB_RootClus
            put(48, &1u16.to_le_bytes()); // BPB_FSInfo
            put(50, &6u16.to_le_bytes()); // BPB_BkBootSec
            64
        } else {
            put(22, &(self.n_table_sectors as u16).to_le_bytes()); // BPB_FATSz16
            36
        };
        put(drive_at, &[0x80, 0, 0x29]); // BS_DrvNum, BS_Reserved1, BS_BootSig: the next three fields are there
        put(drive_at + 3, &id.0[..4]); // BS_VolID
        put(drive_at + 7, &label); // BS_VolLab
        put(drive_at + 18, kind); // BS_FilSysType: for people; readers count clusters
        // There is no boot program. If a BIOS starts this sector anyway, it tries the next device (INT 18h) or stops.
        put(usize::from(code_at), &[0xCD, 0x18, 0xEB, 0xFE]);
        put(510, &[0x55, 0xAA]);
        sector
    }

    /// Formats sector 1 of FAT32 ("FAT32 FSInfo Sector Structure"): the number of free clusters, and the first one
    /// after which all are free.
    pub(super) fn fs_info(&self, n_used: u64, end: u64) -> Vec<u8> {
        let mut sector = vec![0; SECTOR_LEN as usize];
        let mut put = |offset: usize, bytes: &[u8]| sector[offset..offset + bytes.len()].copy_from_slice(bytes);
        put(0, b"RRaA"); // FSI_LeadSig
        put(484, b"rrAa"); // FSI_StrucSig
        let n_free = self.n_clusters - n_used;
        put(488, &(n_free as u32).to_le_bytes()); // FSI_Free_Count
        let next = if end < self.n_clusters { Cluster::FIRST.after(end).number() as u32 } else { u32::MAX };
        put(492, &next.to_le_bytes()); // FSI_Nxt_Free
        put(508, &[0, 0, 0x55, 0xAA]); // FSI_TrailSig
        sector
    }
}
