//! FAT volumes: the EFI boot image of a disc, later the partition of a stick.
//!
//! Follows Microsoft's "FAT: General Overview of On-Disk Format" 1.03 (2000) and the clarified edition of 2005: FAT12,
//! FAT16 or FAT32, told apart by the number of clusters alone. Two equal allocation tables, long names beside
//! generated short ones. Every file is one run of clusters; folders come first, then the files in the order of the
//! tree, so the data area begins with what changes and each file lies as it is read. Not supported: files of 4 GiB
//! and more, sectors other than 512 bytes, short names in a code page (letters beyond ASCII become `_`).

mod directory;
mod geometry;
mod short_name;
mod table;
mod tree;

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::layout::{Extent, Layout, Piece};
use crate::volume::Volume;

use geometry::{Cluster, Geometry, SHAPES, Sector, Shape, Width};
use tree::Tree;

/// The FAT volume that holds a volume's files, no larger than it must be. Boot entries play no part in it.
pub fn layout(volume: &Volume) -> Result<Layout> {
    let tree = Tree::of(&volume.root, short_name::label(&volume.label))?;
    let fit = SHAPES.iter().find_map(|shape| {
        let placement = Placement::of(&tree, *shape);
        Geometry::holding(*shape, placement.n_clusters, tree.n_root_entries()).map(|geometry| (geometry, placement))
    });
    let Some((geometry, placement)) = fit else {
        return Err(Error::new(format!("a FAT volume can't hold {} bytes of files", tree.content_len()))
            .help("FAT32 ends at 2 TiB, with some room for its tables"));
    };
    Ok(Layout::new(geometry.len(), extents(volume, &tree, &geometry, &placement)))
}

/// Consecutive clusters: what one folder or file takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    start: Cluster,
    n_clusters: u64,
}

/// Which clusters each folder and file of a tree has. This is both the measure (how many there are) and the place.
struct Placement {
    /// By the number of the folder. None for a root folder that lies outside of the clusters.
    folders: Vec<Option<Run>>,
    /// By the number of the file. None for an empty one.
    files: Vec<Option<Run>>,
    n_clusters: u64,
}

impl Placement {
    fn of(tree: &Tree, shape: Shape) -> Self {
        let mut n_clusters = 0;
        let mut take = |len: u64| {
            let run = Run { start: Cluster::FIRST.after(n_clusters), n_clusters: len.div_ceil(shape.cluster_len()) };
            n_clusters += run.n_clusters;
            (run.n_clusters > 0).then_some(run)
        };
        let root_is_apart = shape.width != Width::Fat32;
        let folders = tree
            .folders()
            .iter()
            .enumerate()
            .map(|(number, folder)| if number == 0 && root_is_apart { None } else { take(folder.len()) })
            .collect();
        let files = tree.files().iter().map(|content| take(content.len())).collect();
        Self { folders, files, n_clusters }
    }

    fn runs(&self) -> impl Iterator<Item = Run> + '_ {
        self.folders.iter().chain(&self.files).copied().flatten()
    }
}

fn extents(volume: &Volume, tree: &Tree, geometry: &Geometry, placement: &Placement) -> Vec<Extent> {
    let mut extents = Vec::new();
    let mut put = |offset: u64, bytes: Arc<[u8]>| {
        extents.push(Extent { offset, len: bytes.len() as u64, piece: Piece::Bytes(bytes) });
    };
    let boot_sector: Arc<[u8]> = geometry.boot_sector(volume.id, tree.label()).into();
    put(0, Arc::clone(&boot_sector));
    if geometry.shape.width == Width::Fat32 {
        // The spare copies are where BPB_BkBootSec says, in the same order.
        let facts: Arc<[u8]> = geometry.fs_info(placement.n_clusters).into();
        for (at, bytes) in [(1, &facts), (6, &boot_sector), (7, &facts)] {
            put(Sector(at).offset(), Arc::clone(bytes));
        }
    }
    let table: Arc<[u8]> = table::table(geometry, placement.runs()).into();
    for copy in 0..Geometry::N_TABLES {
        put(geometry.table(copy).offset(), Arc::clone(&table));
    }
    for (number, run) in placement.folders.iter().enumerate() {
        let offset = run.map_or(geometry.root().offset(), |run| geometry.offset_of(run.start));
        put(offset, directory::directory(tree, number, placement, volume.date).into());
    }
    for (content, run) in tree.files().iter().zip(&placement.files) {
        extents.extend(run.map(|run| Extent::of(content, geometry.offset_of(run.start))));
    }
    extents
}
