//! FAT volumes: the EFI boot image of a disc ([`layout`]), the partition of a stick ([`partition`]), and readers for
//! volumes made by others ([`read`], [`entries`]).
//!
//! The writer follows Microsoft's "FAT: General Overview of On-Disk Format" 1.03 (2000) and the clarified edition of
//! 2005: FAT12, FAT16 or FAT32, depending on the number of clusters, with two allocation tables, and long names next to
//! generated short ones. Every file is one run of clusters. In a boot image, folders come first and then the files in
//! the order of the tree, without gaps; in a partition, positions are chosen to last. Not supported: files of 4 GiB and
//! more, sectors other than 512 bytes, and short names in a code page (letters beyond ASCII become `_`).

mod boot;
mod code_page;
mod directory;
mod entry;
mod geometry;
mod partition;
mod read;
mod short_name;
mod table;
mod tree;

use std::sync::Arc;

use crate::error::{Details, Error, Result};
use crate::layout::{Extent, Layout, Piece};
use crate::volume::Volume;

pub use code_page::CodePage;
pub use partition::partition;
pub use read::{FatContents, FatEntry, FatPart, FatStructure, entries, is_boot_sector, read, volume_len};
pub use short_name::label as label_of;
pub use tree::MAX_FILE_LEN;

use geometry::{Cluster, FatGeometry, SHAPES, Sector, Shape, Width};
use tree::FatTree;

/// Lays out the smallest FAT volume for the files of a volume. Boot entries are ignored.
pub fn layout(volume: &Volume) -> Result<Layout> {
    let tree = FatTree::new(&volume.root, short_name::label(&volume.label))?;
    let fit = SHAPES.iter().find_map(|shape| {
        let placement = FatPlacement::packed(&tree, *shape);
        FatGeometry::holding(*shape, placement.end, tree.n_root_entries()).map(|geometry| (geometry, placement))
    });
    let Some((geometry, placement)) = fit else {
        return Err(Error::TooLarge(
            Details::new(format!("a FAT volume can't hold {} bytes of files", tree.content_len()))
                .help("use less than 2 TiB, the limit of FAT32"),
        ));
    };
    let table_len = geometry.table_len();
    Ok(Layout::new(geometry.len(), extents(volume, &tree, &geometry, &placement, table_len)))
}

/// Consecutive clusters of one folder or file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FatRun {
    start: Cluster,
    n_clusters: u64,
}

/// Clusters of each folder and file of a tree.
struct FatPlacement {
    /// Clusters by item number. `None` for an empty file, and for a root folder outside of the clusters.
    runs: Vec<Option<FatRun>>,
    /// Number of clusters up to the last one in use.
    end: u64,
}

impl FatPlacement {
    /// Creates a placement of nothing.
    fn empty(tree: &FatTree) -> Self {
        Self { runs: vec![None; tree.items.items().len()], end: 0 }
    }

    /// Places all items one after another.
    fn packed(tree: &FatTree, shape: Shape) -> Self {
        let mut placement = Self::empty(tree);
        let root_is_apart = shape.width != Width::Fat32;
        let folders = tree.folders().filter(|folder| *folder > 0 || !root_is_apart);
        for item in folders.chain(tree.files().map(|(file, _)| file)) {
            placement.put(item, placement.end, tree.len(item).div_ceil(shape.cluster_len()));
        }
        placement
    }

    /// Assigns `n_clusters` clusters to an item, starting at the cluster number `at`.
    fn put(&mut self, item: usize, at: u64, n_clusters: u64) {
        let run = FatRun { start: Cluster::FIRST.after(at), n_clusters };
        self.runs[item] = (n_clusters > 0).then_some(run);
        self.end = at + n_clusters;
    }

    fn runs(&self) -> impl Iterator<Item = FatRun> + '_ {
        self.runs.iter().copied().flatten()
    }

    fn n_used(&self) -> u64 {
        self.runs().map(|run| run.n_clusters).sum()
    }
}

/// Extents of the whole volume, with the first `table_len` bytes of each table.
fn extents(
    volume: &Volume,
    tree: &FatTree,
    geometry: &FatGeometry,
    placement: &FatPlacement,
    table_len: u64,
) -> Vec<Extent> {
    let mut extents = Vec::new();
    let mut put = |offset: u64, bytes: Arc<[u8]>| {
        extents.push(Extent { offset, len: bytes.len() as u64, piece: Piece::Bytes(bytes) });
    };
    let boot_sector: Arc<[u8]> = geometry.boot_sector(volume.id, tree.label()).into();
    put(0, Arc::clone(&boot_sector));
    if geometry.shape.width == Width::Fat32 {
        // The backup copies are at BPB_BkBootSec, in the same order.
        let facts: Arc<[u8]> = geometry.fs_info(placement.n_used(), placement.end).into();
        for (at, bytes) in [(1, &facts), (6, &boot_sector), (7, &facts)] {
            put(Sector(at).offset(), Arc::clone(bytes));
        }
    }
    let table: Arc<[u8]> = table::table(geometry, table_len, placement.runs()).into();
    for copy in 0..FatGeometry::N_TABLES {
        put(geometry.table(copy).offset(), Arc::clone(&table));
    }
    for folder in tree.folders() {
        let offset = placement.runs[folder].map_or(geometry.root().offset(), |run| geometry.offset_of(run.start));
        put(offset, directory::directory(tree, folder, placement, volume.date).into());
    }
    for (file, content) in tree.files() {
        let run = placement.runs[file];
        extents.extend(run.map(|run| Extent::new(content, geometry.offset_of(run.start))));
    }
    extents
}
