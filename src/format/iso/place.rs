//! The one description of a disc, which runs twice: to measure, and, when every place is known, to put each
//! structure where the first run found room for it. The parent module's documentation says where and why.

use super::SECTOR;
use super::catalog;
use super::ecma119::{self, View};
use super::name::Charset;
use super::places::{Places, Run};
use super::sectors;
use super::sheet::Sheet;
use super::tree::{Tree, What};
use super::udf;
use crate::content::Content;
use crate::error::Error;
use crate::error::Result;
use crate::layout::{Layout, Piece};
use crate::volume::Volume;

/// The fixed places of the head.
const DESCRIPTORS: u64 = 16;
const CATALOG: u64 = 68;
const PATH_TABLES: u64 = 72;
const ANCHOR: u64 = 256;

/// Files from here on are large: they come first.
const LARGE: u64 = 1 << 20;
/// Files from here on start at a multiple of [`ALIGNMENT`] sectors, which is 4,096 bytes.
const ALIGNED: u64 = 64 << 10;
const ALIGNMENT: u64 = 2;

/// Empty sectors before the last one, as on a burnt disc (150 is the usual number). Readers that fetch sectors ahead
/// stumble at the end: GRUB, which fetches 32 KiB through SeaBIOS, got wrong bytes of the last sectors, and no error.
const PADDING: u64 = 150;

/// What is to be put on the disc.
struct Disc<'a> {
    volume: &'a Volume,
    tree: Tree<'a>,
    views: [View; 2],
    /// Of each boot image: the item of the tree that is the same file.
    boot_files: Vec<Option<usize>>,
}

/// The disc image of a volume.
pub fn layout(volume: &Volume) -> Result<Layout> {
    udf::check_label(&volume.label)?;
    catalog::check(&volume.boot)?;
    let tree = Tree::new(&volume.root)?;
    check_sizes(volume, &tree)?;
    let views = [Charset::Iso, Charset::Joliet].map(|charset| View::new(&tree, charset));
    let boot_files = volume.boot.iter().map(|entry| same_file(&tree, &entry.image)).collect();
    let disc = Disc { volume, tree, views, boot_files };
    let unknown = Places::unknown(&disc.tree, volume.boot.len());
    let (known, measured) = emit(&disc, &unknown, Sheet::default());
    if u32::try_from(known.n_sectors).is_err() {
        let len = known.n_sectors * SECTOR;
        return Err(Error::new(format!("the disc would have {len} bytes, and its sectors are numbered with 32 bits"))
            .help("put some of the content on another medium"));
    }
    let extents = Some(Vec::with_capacity(measured.n_extents));
    let (found, Sheet { extents, .. }) = emit(&disc, &known, Sheet { extents, ..Sheet::default() });
    assert!(found == known, "the two runs place the same structures");
    Ok(Layout::new(known.n_sectors * SECTOR, extents.unwrap_or_default()))
}

/// Refuses what is too large on its own. So no sum of lengths exceeds 64 bits later.
fn check_sizes(volume: &Volume, tree: &Tree) -> Result<()> {
    let too_large = |what: String, len: u64, max: u64| {
        Err(Error::new(format!("{what} has {len} bytes, and a disc holds {max} in a file"))
            .help("split it, or put it on a medium of another format"))
    };
    for item in 0..tree.items().len() {
        let len = tree.file_len(item);
        if len > udf::MAX_FILE_LEN {
            return too_large(format!("`{}`", tree.path(item)), len, udf::MAX_FILE_LEN);
        }
    }
    match volume.boot.iter().find(|entry| entry.image.len() > udf::MAX_FILE_LEN) {
        Some(entry) => too_large("a boot image".into(), entry.image.len(), udf::MAX_FILE_LEN),
        None => Ok(()),
    }
}

/// The first file of the tree that is the whole of a boot image: firmware may as well load that one.
fn same_file(tree: &Tree, image: &Layout) -> Option<usize> {
    let [extent] = image.extents() else { return None };
    let is_same = |content: &Content| match (content, &extent.piece) {
        (Content::Bytes(bytes), Piece::Bytes(piece)) => bytes == piece,
        (Content::Source(source), Piece::Source { file, start: 0 }) => source == file,
        _ => false,
    };
    (0..tree.items().len()).find(|item| match &tree.items()[*item].what {
        What::File(content) => content.len() == image.len() && extent.len == image.len() && is_same(content),
        What::Folder { .. } => false,
    })
}

/// Describes the disc, given the places that a run before this one found.
fn emit(disc: &Disc, known: &Places, mut out: Sheet) -> (Places, Sheet) {
    let mut found = Places::unknown(&disc.tree, disc.volume.boot.len());
    emit_head(disc, known, &mut found, &mut out);
    let order = data_order(disc);
    for &item in &order.large {
        emit_file(disc, item, &mut found, &mut out);
    }
    for ((entry, place), file) in disc.volume.boot.iter().zip(&mut found.boot).zip(&disc.boot_files) {
        if file.is_none() {
            out.align(ALIGNMENT);
            *place = out.sector;
            out.put_layout(&entry.image, catalog::room(entry));
        }
    }
    for &item in &order.small {
        emit_file(disc, item, &mut found, &mut out);
    }
    out.align(structure_granule(out.sector));
    emit_structures(disc, known, &mut found, &mut out);
    for &item in &order.made {
        emit_file(disc, item, &mut found, &mut out);
    }
    for (file, place) in disc.boot_files.iter().zip(&mut found.boot) {
        if let Some(item) = file {
            *place = found.data[*item].sector;
        }
    }
    out.go_to(out.sector + PADDING);
    out.put(udf::anchor(out.sector));
    found.n_sectors = out.sector;
    (found, out)
}

/// Everything up to the file set descriptor, and path tables that have no room before it.
fn emit_head(disc: &Disc, known: &Places, found: &mut Places, out: &mut Sheet) {
    let [iso, joliet] = &disc.views;
    out.go_to(DESCRIPTORS);
    out.put(iso.descriptor(disc.volume, known));
    if !disc.volume.boot.is_empty() {
        out.put(catalog::boot_record(CATALOG));
    }
    out.put(joliet.descriptor(disc.volume, known));
    out.put(ecma119::terminator());
    out.put(udf::recognition());
    for run in [Places::MAIN_SEQUENCE, Places::RESERVE_SEQUENCE] {
        out.go_to(run.sector);
        out.put(udf::volume_descriptors(disc.volume, known, run.sector));
    }
    out.go_to(Places::INTEGRITY.sector);
    out.put(udf::integrity(disc.volume, &disc.tree, known));
    if !disc.volume.boot.is_empty() {
        out.go_to(CATALOG);
        out.put(catalog::catalog(&disc.volume.boot, &known.boot));
    }
    let tables: Vec<Vec<u8>> = disc
        .views
        .iter()
        .flat_map(|view| [false, true].map(|is_big_endian| view.path_table(&disc.tree, known, is_big_endian)))
        .collect();
    let n_table_sectors: u64 = tables.iter().map(|table| sectors(table.len() as u64)).sum();
    let fit_in_head = n_table_sectors <= ANCHOR - PATH_TABLES;
    if fit_in_head {
        out.go_to(PATH_TABLES);
        emit_path_tables(&tables, found, out);
    }
    out.go_to(ANCHOR);
    out.put(udf::anchor(ANCHOR));
    out.put(udf::file_set(disc.volume, known));
    if !fit_in_head {
        let end = out.sector + n_table_sectors.next_power_of_two();
        emit_path_tables(&tables, found, out);
        out.go_to(end);
    }
}

fn emit_path_tables(tables: &[Vec<u8>], found: &mut Places, out: &mut Sheet) {
    for (view, pair) in found.views.iter_mut().zip(tables.chunks_exact(2)) {
        for (place, table) in view.path_tables.iter_mut().zip(pair) {
            view.path_table_len = table.len() as u64;
            *place = out.sector;
            out.put(table.clone());
        }
    }
}

/// The files of the tree that hold anything, in the order of their places.
struct DataOrder {
    large: Vec<usize>,
    small: Vec<usize>,
    made: Vec<usize>,
}

/// Which file comes before which: the policy of the parent module, and the place to make it finer.
fn data_order(disc: &Disc) -> DataOrder {
    let mut order = DataOrder { large: Vec::new(), small: Vec::new(), made: Vec::new() };
    for item in disc.tree.depth_first() {
        match &disc.tree.items()[item].what {
            What::File(content) if content.is_empty() => (),
            What::File(Content::Bytes(_)) => order.made.push(item),
            What::File(content) if content.len() >= LARGE => order.large.push(item),
            What::File(_) => order.small.push(item),
            What::Folder { .. } => (),
        }
    }
    // A stable sort: within a power of two, files stay in the order of the tree.
    order.large.sort_by_key(|item| disc.tree.file_len(*item).leading_zeros());
    order
}

/// The structures start at a multiple of so many sectors: between 64 KiB and 16 MiB, more with more data before them,
/// so that little is lost and few changes of the data reach them.
fn structure_granule(data_end: u64) -> u64 {
    (data_end / 256).next_power_of_two().clamp((64 << 10) / SECTOR, (16 << 20) / SECTOR)
}

fn emit_file(disc: &Disc, item: usize, found: &mut Places, out: &mut Sheet) {
    if let What::File(content) = &disc.tree.items()[item].what {
        if content.len() >= ALIGNED {
            out.align(ALIGNMENT);
        }
        found.data[item] = Run { sector: out.sector, len: content.len() };
        out.put_content(content);
    }
}

/// The folders of all three file systems and the UDF file entries, UDF last.
fn emit_structures(disc: &Disc, known: &Places, found: &mut Places, out: &mut Sheet) {
    let date = disc.volume.date;
    for (view, places) in disc.views.iter().zip(&mut found.views) {
        for (folder, place) in view.folders.iter().zip(&mut places.folders) {
            let records = view.folder(&disc.tree, *folder as usize, date, known);
            *place = Run { sector: out.sector, len: records.len() as u64 };
            out.put(records);
        }
    }
    let depth_first = disc.tree.depth_first();
    for folder in depth_first.iter().copied().filter(|item| disc.tree.is_folder(*item)) {
        let identifiers = udf::folder(&disc.tree, folder, known);
        found.data[folder] = Run { sector: out.sector, len: identifiers.len() as u64 };
        out.put(identifiers);
    }
    for item in depth_first {
        found.entries[item] = out.sector;
        out.put(udf::file_entry(&disc.tree, item, date, known));
    }
}
