//! FAT32 volumes whose layout changes little when their contents change little: the partition of a stick.
//!
//! Items are arranged as on a disc (see [`iso`](crate::iso) for slots, regions, groups and slack), counted in clusters:
//!
//! 1. Boot sector and its copies in 1 MiB of reserved sectors, then the two allocation tables. Both are as long as the
//!    largest volume of the [`SizeClass`] needs, so they never move the data. Unused parts are zero.
//! 2. The root folder, from the first cluster, in 128 KiB or else the next power of two.
//! 3. Files that come from sources.
//! 4. Other folders, aligned to a generous power of two.
//! 5. Files made by tsmedia, such as lists of digests.
//!
//! The cluster size follows from the [`SizeClass`] alone. The limits of the classes are sizes that media seldom have,
//! and a given capacity decides the class from the start. Without slack ([`Slack::None`]), the order is the same, but
//! tables and data have no gaps.

use super::geometry::{FatGeometry, SECTOR_LEN, Shape, Width};
use super::short_name::label;
use super::tree::FatTree;
use super::{FatPlacement, extents};
use crate::content::Content;
use crate::error::{Details, Error, Result};
use crate::layout::{Layout, Slack};
use crate::slack::{ArrangedItem, ArrangementOrder, Rooms};
use crate::volume::Volume;

/// Length from which a file is large and gets its own slot.
const LARGE: u64 = 1 << 20;

/// Room of a root folder in bytes: 4,096 entries.
const ROOT_ROOM: u64 = 128 << 10;

/// Class of volumes with the same cluster size and table length.
#[derive(Clone, Copy, Debug)]
struct SizeClass {
    sectors_per_cluster: u64,
    /// Maximum capacity of the class in bytes.
    max_len: u64,
    /// Maximum number of table entries, a power of two.
    max_entries: u64,
}

impl SizeClass {
    const fn new(cluster_len: u64, max_len: u64) -> Self {
        Self { sectors_per_cluster: cluster_len / SECTOR_LEN, max_len, max_entries: max_len / cluster_len }
    }

    fn shape(self) -> Shape {
        Shape::new(Width::Fat32, self.sectors_per_cluster, u64::MAX)
    }
}

/// FAT32 has at least 65,541 clusters: 32 MiB in the first class, 256 MiB in the second and 1 GiB in the third. Media
/// that only start a computer are well below 2 GiB, and those that deploy Windows well above; 64 GiB is twice what
/// Windows formats as FAT32. Windows uses 4 KiB up to 8 GB and 16 KiB from 16 GB.
const CLASSES: [SizeClass; 4] = [
    SizeClass::new(512, 64 << 20),
    SizeClass::new(4 << 10, 2 << 30),
    SizeClass::new(16 << 10, 64 << 30),
    SizeClass::new(32 << 10, 2 << 40),
];

/// Lays out a FAT32 volume behind `n_hidden` sectors of a medium. `capacity` is that of the medium in bytes.
pub fn partition(volume: &Volume, slack: Slack, n_hidden: u64, capacity: Option<u64>) -> Result<Layout> {
    let tree = FatTree::new(&volume.root, label(&volume.label))?;
    let fits = |class: &&SizeClass| capacity.is_none_or(|capacity| capacity <= class.max_len);
    let first = CLASSES.iter().position(|class| fits(&class)).unwrap_or(CLASSES.len() - 1);
    // Without a capacity, every class fits, and the contents decide.
    for class in &CLASSES[first..] {
        let shape = class.shape();
        let rooms = Rooms::new(slack, shape.cluster_len());
        let placement = placement(volume, &tree, rooms, shape.cluster_len());
        let Some(geometry) = geometry(*class, slack, rooms.room_for(placement.end), n_hidden) else { continue };
        let table_len = table_len(&placement);
        return Ok(Layout::new(geometry.len(), extents(volume, &tree, &geometry, &placement, table_len)));
    }
    Err(Error::TooLarge(
        Details::new(format!("a FAT volume can't hold {} bytes of files", tree.content_len()))
            .help("use less than 2 TiB, the limit of FAT32"),
    ))
}

/// Returns the geometry for this number of used clusters. `None` if they exceed the class.
fn geometry(class: SizeClass, slack: Slack, n_used: u64, n_hidden: u64) -> Option<FatGeometry> {
    // The end of the partition is aligned, so that another one could follow.
    let alignment = match slack {
        Slack::Ample => (1 << 20) / class.shape().cluster_len(),
        Slack::None => Rooms::new(slack, class.shape().cluster_len()).alignment(),
    };
    let n_clusters = n_used.max(FatGeometry::FEWEST_OF_FAT32).next_multiple_of(alignment);
    let n_entries = (n_clusters + 2).next_power_of_two().min(class.max_entries);
    let n_entries = match slack {
        // Tables of the largest class would be huge, so they only double as needed.
        Slack::Ample if class.max_len <= 64 << 30 => class.max_entries,
        Slack::Ample => n_entries,
        Slack::None => n_clusters + 2,
    };
    if n_clusters + 2 > class.max_entries {
        return None;
    }
    let n_reserved = match slack {
        Slack::Ample => (1 << 20) / SECTOR_LEN,
        Slack::None => 32,
    };
    FatGeometry::of_partition(class.shape(), n_clusters, n_entries, n_reserved, n_hidden)
}

/// Maximum number of bytes of a table that are not zero, in whole sectors.
fn table_len(placement: &FatPlacement) -> u64 {
    ((placement.end + 2) * 4).next_multiple_of(SECTOR_LEN)
}

fn placement(volume: &Volume, tree: &FatTree, rooms: Rooms, cluster_len: u64) -> FatPlacement {
    let clusters = |item: usize| tree.len(item).div_ceil(cluster_len);
    let order = ArrangementOrder::new(&tree.items, &volume.parts, rooms);
    let mut placement = FatPlacement::empty(tree);
    // FAT32 has at least one cluster for the root folder, even if it is empty.
    placement.put(0, 0, clusters(0).max(1));
    let mut at = match rooms.slack() {
        Slack::Ample => ROOT_ROOM.div_ceil(cluster_len).max(placement.end.next_power_of_two()),
        Slack::None => placement.end,
    };
    let mut arrange = |start: u64, things: &mut dyn Iterator<Item = (usize, bool)>| {
        let thing = |(item, is_alone)| ArrangedItem { item, n_units: clusters(item), is_alone };
        let arrangement = order.arrange(things.map(thing).filter(|thing| thing.n_units > 0));
        for (item, place) in arrangement.places {
            placement.put(item, start + place, clusters(item));
        }
        start + rooms.room_for(arrangement.n_units)
    };
    let is_ours = |content: &Content| matches!(content, Content::Bytes(_));
    let sources = tree.files().filter(|(_, content)| !is_ours(content));
    at = arrange(at, &mut sources.map(|(file, content)| (file, content.len() >= LARGE)));
    if rooms.slack() == Slack::Ample {
        at = at.next_multiple_of(structure_granule(at, cluster_len));
    }
    at = arrange(at, &mut tree.folders().skip(1).map(|folder| (folder, false)));
    arrange(at, &mut tree.files().filter(|(_, content)| is_ours(content)).map(|(file, _)| (file, true)));
    placement
}

/// Alignment of the folders in clusters, between 64 KiB and 16 MiB. It grows with the data before them, so that few
/// changes of the data move them at little cost.
fn structure_granule(data_end: u64, cluster_len: u64) -> u64 {
    let clusters = |len: u64| len.div_ceil(cluster_len);
    (data_end / 256).next_power_of_two().clamp(clusters(64 << 10), clusters(16 << 20))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::content::{Content, SourceFile, Stat};
    use crate::date::Date;
    use crate::digest::Digest;
    use crate::layout::Piece;
    use crate::volume::Folder;

    /// Creates a volume with files of these lengths that are never read.
    fn volume(files: &BTreeMap<String, u64>, parts: &[&str]) -> Volume {
        let mut root = Folder::default();
        for (path, len) in files {
            let stat = Stat { device: 1, inode: 1, len: *len, modified_ns: 0, changed_ns: 0 };
            let source = SourceFile { path: path.as_str().into(), stat };
            root.insert(path, Content::file(source)).unwrap();
        }
        root.insert("tsmedia/BLAKE3SUMS", Content::bytes(vec![b'x'; files.len() * 90])).unwrap();
        let parts = parts.iter().map(|part| (*part).to_owned()).collect();
        let (label, id) = ("STICK".into(), Digest::hash(b"stick"));
        Volume { label, id, date: Date::EARLIEST, root, parts, boot: Vec::new() }
    }

    /// Offsets of the files by path, and all other extents with their bytes.
    type Found = (BTreeMap<String, u64>, BTreeMap<u64, Arc<[u8]>>);

    fn found(files: &BTreeMap<String, u64>, slack: Slack, capacity: Option<u64>) -> (u64, Found) {
        let layout = partition(&volume(files, &["SMS/PKG/A", "SMS/PKG/B"]), slack, 2_048, capacity).unwrap();
        let mut found = Found::default();
        for extent in layout.extents() {
            match &extent.piece {
                Piece::Bytes(bytes) => drop(found.1.insert(extent.offset, Arc::clone(bytes))),
                Piece::Source { file, .. } => drop(found.0.insert(file.path().to_string(), extent.offset)),
            }
        }
        (layout.len(), found)
    }

    fn files() -> BTreeMap<String, u64> {
        let small = (0..3_000).map(|n| (format!("SMS/PKG/A/{}/driver {n}.inf", n % 40), 700 + n * 13 % 9_000));
        let large = [("sources/boot.wim", 480 << 20), ("SMS/PKG/B/install.wim", 3_900 << 20)];
        small.chain(large.map(|(path, len)| (path.to_owned(), len))).collect()
    }

    #[test]
    fn a_small_change_moves_little_and_nothing_large() {
        let old = found(&files(), Slack::Ample, None).1;
        let (mut n_moved, mut most_written) = (Vec::new(), 0);
        for n in (0..3_000).step_by(211) {
            let mut changed = files();
            let path = format!("SMS/PKG/A/{}/driver {n}.inf", n % 40);
            *changed.get_mut(&path).unwrap() += 40_000;
            changed.insert(format!("SMS/PKG/A/7/new {n}.sys"), 30_000);
            let new = found(&changed, Slack::Ample, None).1;
            for path in ["sources/boot.wim", "SMS/PKG/B/install.wim"] {
                assert_eq!(old.0[path], new.0[path], "{path}");
            }
            n_moved.push(old.0.iter().filter(|(path, at)| new.0.get(*path) != Some(at)).count());
            let n_written: usize = new.1.iter().map(|(at, bytes)| n_differing(old.1.get(at), bytes)).sum();
            most_written = most_written.max(n_written);
        }
        n_moved.sort_unstable();
        assert!(n_moved[n_moved.len() / 2] < 300, "{n_moved:?} files moved");
        assert!(most_written < 100, "{most_written} blocks of structures written");
    }

    /// Number of blocks of 4,096 bytes that differ.
    fn n_differing(old: Option<&Arc<[u8]>>, new: &[u8]) -> usize {
        let old = old.map_or(&[][..], |old| old);
        new.chunks(4_096).enumerate().filter(|(n, block)| old.chunks(4_096).nth(*n) != Some(block)).count()
    }

    #[test]
    fn growth_within_a_class_keeps_clusters_and_tables_and_a_capacity_decides_from_the_start() {
        let start = |len: u64, capacity| {
            let files = BTreeMap::from([("a.bin".to_owned(), len)]);
            found(&files, Slack::Ample, capacity).1.0["a.bin"]
        };
        let gib = |n: u64| n << 30;
        // Reserved sectors, two tables, and the room of the root folder.
        let expected = |table: u64| (1 << 20) + 2 * table + (128 << 10);
        for (len, capacity, table) in [
            (1, None, 512 << 10),
            (60 << 20, None, 512 << 10),
            (70 << 20, None, 2 << 20),
            (gib(2) - (100 << 20), None, 2 << 20),
            (gib(2), None, 16 << 20),
            (gib(4) - 1, None, 16 << 20),
            (1, Some(2_000_000_000), 2 << 20),
            (1, Some(8_000_000_000), 16 << 20),
            (gib(3), Some(64_000_000_000), 16 << 20),
        ] {
            assert_eq!(start(len, capacity), expected(table), "{len} bytes on {capacity:?}");
        }
        // With several files, the length passes 8, 16 and 32 GiB, and the first one stays in place.
        for n in [2, 5, 9, 15] {
            let files: BTreeMap<_, _> = (0..n).map(|n| (format!("{n}.bin"), gib(4) - 1)).collect();
            assert_eq!(found(&files, Slack::Ample, None).1.0["0.bin"], expected(16 << 20), "{n} files");
        }
    }

    #[test]
    fn without_slack_a_volume_is_no_longer_than_it_must_be() {
        let (ample, _) = found(&files(), Slack::Ample, None);
        let (tight, _) = found(&files(), Slack::None, None);
        let content: u64 = files().values().map(|len| len.next_multiple_of(16 << 10)).sum();
        assert!(ample < content + content / 20, "{ample} of {content}");
        assert!(tight < content + (4 << 20), "{tight} of {content}");
    }
}
