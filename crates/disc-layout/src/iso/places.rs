//! Positions of all structures on a disc that others point to. The first pass finds them, and the second one uses them.

use super::SECTOR;
use crate::tree::Tree;

/// First sector of the UDF partition, which ends with the last but one sector.
pub const PARTITION: u64 = 257;

/// Bytes from a sector on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SectorRun {
    pub sector: u64,
    pub len: u64,
}

/// Positions of everything that is pointed to. All zero before the first pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscPlaces {
    /// Bytes of a file, or file identifiers of a folder, for each item of the tree.
    pub data: Vec<SectorRun>,
    /// Sector of the file entry of each item of the tree.
    pub entries: Vec<u64>,
    /// Positions of ISO 9660 and Joliet.
    pub views: [ViewPlaces; 2],
    /// Sectors of the boot images.
    pub boot: Vec<u64>,
    /// Number of sectors of the disc.
    pub n_sectors: u64,
}

/// Positions of the structures of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewPlaces {
    /// Length of a path table. There is one for each byte order.
    pub path_table_len: u64,
    pub path_tables: [u64; 2],
    /// Records of the folders, in the order of the path table.
    pub folders: Vec<SectorRun>,
}

impl DiscPlaces {
    pub const MAIN_SEQUENCE: SectorRun = SectorRun { sector: 32, len: 16 * SECTOR };
    pub const RESERVE_SEQUENCE: SectorRun = SectorRun { sector: 48, len: 16 * SECTOR };
    pub const INTEGRITY: SectorRun = SectorRun { sector: 64, len: 4 * SECTOR };

    /// Creates positions of zero for a tree and `n_boot` boot images.
    pub fn unknown(tree: &Tree, n_boot: usize) -> Self {
        let n_items = tree.items().len();
        let folders = vec![SectorRun::default(); tree.n_folders() as usize];
        let view = ViewPlaces { path_table_len: 0, path_tables: [0; 2], folders };
        Self {
            data: vec![SectorRun::default(); n_items],
            entries: vec![0; n_items],
            views: [view.clone(), view],
            boot: vec![0; n_boot],
            n_sectors: 0,
        }
    }

    /// Number of sectors of the UDF partition.
    pub fn partition_len(&self) -> u64 {
        self.n_sectors.saturating_sub(PARTITION + 1)
    }
}
