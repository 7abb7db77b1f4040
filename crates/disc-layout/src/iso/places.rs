//! Where everything on a disc is that something else points to: what is found in the first run of the description,
//! and known in the second.

use super::SECTOR;
use crate::tree::Tree;

/// The first sector of the UDF partition, which runs to the sector before the last.
pub const PARTITION: u64 = 257;

/// Where bytes lie: from a sector on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    pub sector: u64,
    pub len: u64,
}

/// Where everything is that something else points to. All zero while it is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Of each item of the tree: the bytes of a file, or the file identifiers of a folder.
    pub data: Vec<Run>,
    /// Of each item of the tree: the sector of its file entry.
    pub entries: Vec<u64>,
    /// ISO 9660 and Joliet.
    pub views: [ViewPlaces; 2],
    /// The sectors of the boot images.
    pub boot: Vec<u64>,
    /// The sectors of the disc.
    pub n_sectors: u64,
}

/// Where the structures of a view are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewPlaces {
    /// The length of a path table, which is there in two byte orders.
    pub path_table_len: u64,
    pub path_tables: [u64; 2],
    /// The records of the folders, in the order of the path table.
    pub folders: Vec<Run>,
}

impl Places {
    pub const MAIN_SEQUENCE: Run = Run { sector: 32, len: 16 * SECTOR };
    pub const RESERVE_SEQUENCE: Run = Run { sector: 48, len: 16 * SECTOR };
    pub const INTEGRITY: Run = Run { sector: 64, len: 4 * SECTOR };

    /// Those of a tree and so many boot images before anything has a place.
    pub fn unknown(tree: &Tree, n_boot: usize) -> Self {
        let n_items = tree.items().len();
        let folders = vec![Run::default(); tree.n_folders() as usize];
        let view = ViewPlaces { path_table_len: 0, path_tables: [0; 2], folders };
        Self {
            data: vec![Run::default(); n_items],
            entries: vec![0; n_items],
            views: [view.clone(), view],
            boot: vec![0; n_boot],
            n_sectors: 0,
        }
    }

    /// The sectors of the partition: all from its first to the one before the last anchor.
    pub fn partition_len(&self) -> u64 {
        self.n_sectors.saturating_sub(PARTITION + 1)
    }
}
