//! The one description of a disc, which runs twice: to measure, and, when every place is known, to put each
//! structure where the first run found room for it. The parent module's documentation says where and why.

use super::SECTOR;
use super::catalog;
use super::ecma119::{self, View};
use super::name::Charset;
use super::places::{Places, Run};
use super::sectors;
use super::sheet::Sheet;
use super::udf;
use super::unicode::compressed_len;
use crate::content::Content;
use crate::error::{Details, Error, Result};
use crate::layout::{Layout, Piece, Slack};
use crate::slack::{Order, Rooms, Thing};
use crate::tree::{Item, Tree, What};
use crate::volume::Volume;

/// The fixed places of the head.
const DESCRIPTORS: u64 = 16;
const CATALOG: u64 = 68;
const PATH_TABLES: u64 = 72;
const ANCHOR: u64 = 256;

/// Paths whose file entries each have a sector of their own right behind the file set, whether the path exists or not,
/// so that none of them moves when another one comes or goes. `etfsboot.com`, the boot sector of Windows discs, keeps
/// the sectors of these entries in 16 bits.
const EARLY_ENTRIES: [&str; 5] = ["", "boot", "boot/bootfix.bin", "boot/bootmgr", "bootmgr"];

/// First sector behind the anchor, the file set and the early file entries: path tables or data follow.
pub(super) const HEAD_END: u64 = ANCHOR + 3 + EARLY_ENTRIES.len() as u64;

/// Files from here on are large: each has a slot.
const LARGE: u64 = 1 << 20;

/// Empty sectors before the last one, as on a burnt disc (150 is the usual number). Readers that fetch sectors ahead
/// stumble at the end: GRUB, which fetches 32 KiB through SeaBIOS, got wrong bytes of the last sectors, and no error.
const PADDING: u64 = 150;

/// What is to be put on the disc.
struct Disc<'a> {
    volume: &'a Volume,
    tree: Tree<'a>,
    views: [View; 2],
    order: Order,
    rooms: Rooms,
    /// Of each boot image: the item of the tree that is the same file.
    boot_files: Vec<Option<usize>>,
    /// The items whose file entries are in the head, by the slot that each has there.
    early: [Option<usize>; EARLY_ENTRIES.len()],
}

/// The disc image of a volume.
pub fn layout(volume: &Volume, slack: Slack) -> Result<Layout> {
    udf::check_label(&volume.label)?;
    catalog::check(&volume.boot)?;
    let tree = Tree::new(&volume.root);
    check_paths(&tree)?;
    check_sizes(volume, &tree)?;
    let views = [Charset::Iso, Charset::Joliet].map(|charset| View::new(&tree, charset));
    let boot_files = volume.boot.iter().map(|entry| same_file(&tree, &entry.image)).collect();
    let early = EARLY_ENTRIES.map(|path| tree.find(path));
    let rooms = Rooms::new(slack, SECTOR);
    let order = Order::new(&tree, &volume.parts, rooms);
    let disc = Disc { volume, tree, views, order, rooms, boot_files, early };
    let unknown = Places::unknown(&disc.tree, volume.boot.len());
    let (known, measured) = emit(&disc, &unknown, Sheet::default());
    if u32::try_from(known.n_sectors).is_err() {
        let len = known.n_sectors * SECTOR;
        return Err(Error::TooLarge(
            Details::new(format!("the disc would have {len} bytes, and its sectors are numbered with 32 bits"))
                .help("put some of the content on another medium"),
        ));
    }
    let extents = Some(Vec::with_capacity(measured.n_extents));
    let (found, Sheet { extents, .. }) = emit(&disc, &known, Sheet { extents, ..Sheet::default() });
    assert!(found == known, "the two runs place the same structures");
    Ok(Layout::new(known.n_sectors * SECTOR, extents.unwrap_or_default()))
}

/// ECMA-119 6.9.1: the path tables number folders with 16 bits. UDF counts links to a folder with 16 bits, too.
const MAX_FOLDERS: u64 = 65_535;

/// OSTA UDF 1.02, section 3.3: maximum path length in bytes.
const MAX_PATH_LEN: usize = 1_023;

/// Refuses a tree that is too deep, or has too many folders.
fn check_paths(tree: &Tree) -> Result<()> {
    let mut path_lens = vec![0; tree.items().len()];
    for (item, Item { name, parent, .. }) in tree.items().iter().enumerate().skip(1) {
        // ECMA-167 4/8.7.1: the lengths of the identifiers and one for each of them.
        let path_len = path_lens[*parent] + compressed_len(name) + 1;
        if path_len > MAX_PATH_LEN {
            let path = tree.path(item);
            return Err(Error::TooLarge(
                Details::new(format!(
                    "the path `{}` has {path_len} bytes on the disc, and UDF holds {MAX_PATH_LEN}",
                    abridged(&path)
                ))
                .path(path)
                .help("shorten the names of its folders"),
            ));
        }
        path_lens[item] = path_len;
    }
    let n_folders = tree.n_folders();
    if n_folders > MAX_FOLDERS {
        return Err(Error::TooLarge(
            Details::new(format!("the volume has {n_folders} folders, and a disc holds {MAX_FOLDERS}"))
                .help("pack the folders that belong together into an archive or a WIM file"),
        ));
    }
    Ok(())
}

/// A long path by its first folders and its end.
fn abridged(path: &str) -> String {
    const N_CHARS: usize = 40;
    let n_chars = path.chars().count();
    if n_chars <= 3 * N_CHARS {
        return path.to_owned();
    }
    let start: String = path.chars().take(N_CHARS).collect();
    let end: String = path.chars().skip(n_chars - N_CHARS).collect();
    format!("{start}…{end}")
}

/// Refuses what is too large on its own. So no sum of lengths exceeds 64 bits later.
fn check_sizes(volume: &Volume, tree: &Tree) -> Result<()> {
    let too_large = |what: String, path: String, len: u64, max: u64| {
        Err(Error::TooLarge(
            Details::new(format!("{what} has {len} bytes, and a disc holds {max} in a file"))
                .path(path)
                .help("split it, or put it on a medium of another format"),
        ))
    };
    for item in 0..tree.items().len() {
        let len = tree.file_len(item);
        if len > udf::MAX_FILE_LEN {
            return too_large(format!("`{}`", tree.path(item)), tree.path(item), len, udf::MAX_FILE_LEN);
        }
    }
    match volume.boot.iter().find(|entry| entry.image.len() > udf::MAX_FILE_LEN) {
        Some(entry) => too_large("a boot image".into(), String::new(), entry.image.len(), udf::MAX_FILE_LEN),
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
    out.align(disc.rooms.alignment());
    emit_files(disc, Made::Elsewhere, &mut found, &mut out);
    if disc.rooms.slack() == Slack::Ample {
        out.align(structure_granule(out.sector));
    }
    for view in &disc.views {
        emit_view(disc, view, known, &mut found, &mut out);
    }
    emit_udf(disc, known, &mut found, &mut out);
    emit_files(disc, Made::Here, &mut found, &mut out);
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

/// Everything up to the file entries that boot sectors read, and path tables that have no room before the anchor.
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
    for (item, sector) in disc.early.iter().zip(out.sector..) {
        if let Some(item) = *item {
            out.go_to(sector);
            emit_entry(disc, item, known, found, out);
        }
    }
    out.go_to(HEAD_END);
    if !fit_in_head {
        let end = match disc.rooms.slack() {
            Slack::Ample => out.sector + n_table_sectors.next_power_of_two(),
            Slack::None => out.sector,
        };
        emit_path_tables(&tables, found, out);
        out.go_to(end.max(out.sector));
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

/// Where the bytes of a file are made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    /// They come from a source.
    Elsewhere,
    /// They are ours.
    Here,
}

/// The files of the tree whose bytes are made here, or the others and the boot images that are none of them.
fn emit_files(disc: &Disc, made: Made, found: &mut Places, out: &mut Sheet) {
    let tree = &disc.tree;
    let n_items = tree.items().len();
    let mut things = Vec::new();
    for item in 0..n_items {
        let is_alone = match &tree.items()[item].what {
            What::Folder { .. } => continue,
            What::File(content) if content.is_empty() => continue,
            What::File(Content::Bytes(_)) if made == Made::Here => true,
            What::File(Content::Source(source)) if made == Made::Elsewhere => source.len() >= LARGE,
            What::File(_) => continue,
        };
        things.push(Thing { item, n_units: sectors(tree.file_len(item)), is_alone });
    }
    if made == Made::Elsewhere {
        let boot = disc.volume.boot.iter().zip(&disc.boot_files).enumerate();
        let apart = boot.filter(|(_, (_, file))| file.is_none());
        things.extend(apart.map(|(n, (entry, _))| Thing {
            item: n_items + n,
            n_units: sectors(catalog::room(entry)),
            is_alone: true,
        }));
    }
    out.put_arranged(disc.rooms, disc.order.arrange(things), |item, out| match tree.items().get(item) {
        Some(Item { what: What::File(content), .. }) => {
            found.data[item] = Run { sector: out.sector, len: content.len() };
            out.put_content(content);
        }
        _ => {
            let entry = &disc.volume.boot[item - n_items];
            found.boot[item - n_items] = out.sector;
            out.put_layout(&entry.image, catalog::room(entry));
        }
    });
}

/// The structures start at a multiple of so many sectors: between 64 KiB and 16 MiB, more with more data before them,
/// so that little is lost and few changes of the data reach them.
fn structure_granule(data_end: u64) -> u64 {
    (data_end / 256).next_power_of_two().clamp((64 << 10) / SECTOR, (16 << 20) / SECTOR)
}

/// The folders of ISO 9660 or Joliet.
fn emit_view(disc: &Disc, view: &View, known: &Places, found: &mut Places, out: &mut Sheet) {
    let records = |folder: usize| view.folder(&disc.tree, folder, disc.volume.date, known);
    let places = &mut found.views[view.index()].folders;
    emit_folders(disc, records, |folder, run| places[view.position(folder)] = run, out);
}

/// The folders of UDF and then the file entries that are not in the head, which come last.
fn emit_udf(disc: &Disc, known: &Places, found: &mut Places, out: &mut Sheet) {
    let data = &mut found.data;
    emit_folders(disc, |folder| udf::folder(&disc.tree, folder, known), |folder, run| data[folder] = run, out);
    let late = (0..disc.tree.items().len()).filter(|item| !disc.early.contains(&Some(*item)));
    let things = late.map(|item| Thing { item, n_units: 1, is_alone: false });
    out.put_arranged(disc.rooms, disc.order.arrange(things), |item, out| emit_entry(disc, item, known, found, out));
}

/// The file entry of one item.
fn emit_entry(disc: &Disc, item: usize, known: &Places, found: &mut Places, out: &mut Sheet) {
    found.entries[item] = out.sector;
    let is_early = disc.early.contains(&Some(item));
    out.put(udf::file_entry(&disc.tree, item, disc.volume.date, is_early, known));
}

/// The folders of one file system, given what it has of each, and who notes where that is.
fn emit_folders(disc: &Disc, bytes_of: impl Fn(usize) -> Vec<u8>, mut note: impl FnMut(usize, Run), out: &mut Sheet) {
    // Of files: nothing.
    let bytes_of = |item| if disc.tree.is_folder(item) { bytes_of(item) } else { Vec::new() };
    let mut bytes: Vec<_> = (0..disc.tree.items().len()).map(bytes_of).collect();
    let folders = bytes.iter().enumerate().filter(|(_, bytes)| !bytes.is_empty());
    let things = folders.map(|(item, bytes)| Thing { item, n_units: sectors(bytes.len() as u64), is_alone: false });
    out.put_arranged(disc.rooms, disc.order.arrange(things), |folder, out| {
        let bytes = std::mem::take(&mut bytes[folder]);
        note(folder, Run { sector: out.sector, len: bytes.len() as u64 });
        out.put(bytes);
    });
}
