//! Description of a disc that runs in two passes: the first measures, and the second puts each structure where the
//! first found room for it. The documentation of the parent module explains the positions.

use super::SECTOR;
use super::catalog;
use super::ecma119::{self, View};
use super::emitter::Emitter;
use super::name::Charset;
use super::places::{DiscPlaces, SectorRun};
use super::sectors;
use super::udf;
use super::unicode::compressed_len;
use crate::content::Content;
use crate::error::{Details, Error, Result};
use crate::layout::{Layout, Piece, Slack};
use crate::slack::{ArrangedItem, ArrangementOrder, Rooms};
use crate::tree::{ItemKind, Tree, TreeItem};
use crate::volume::Volume;

/// Fixed sectors of the head.
const DESCRIPTORS: u64 = 16;
const CATALOG: u64 = 68;
const PATH_TABLES: u64 = 72;
const ANCHOR: u64 = 256;

/// Paths whose file entries each have a fixed sector right behind the file set, whether the path exists or not, so that
/// none moves when another one comes or goes. `etfsboot.com`, the boot sector of Windows discs, stores the sectors of
/// these entries in 16 bits.
const EARLY_ENTRIES: [&str; 5] = ["", "boot", "boot/bootfix.bin", "boot/bootmgr", "bootmgr"];

/// First sector after the anchor, the file set and the early file entries. Path tables or data follow.
pub(super) const HEAD_END: u64 = ANCHOR + 3 + EARLY_ENTRIES.len() as u64;

/// Length from which a file is large and gets its own slot.
const LARGE: u64 = 1 << 20;

/// Number of empty sectors before the last one, as on a burnt disc (150 is the usual number). Readers that read ahead
/// fail at the end: GRUB, which reads 32 KiB at a time through SeaBIOS, returned wrong bytes of the last sectors
/// without an error.
const PADDING: u64 = 150;

/// Input of both passes.
struct DiscInput<'a> {
    volume: &'a Volume,
    tree: Tree<'a>,
    views: [View; 2],
    order: ArrangementOrder,
    rooms: Rooms,
    /// Item of the tree that has the same contents, for each boot image.
    boot_files: Vec<Option<usize>>,
    /// Item whose file entry is in each of the fixed sectors of the head.
    early: [Option<usize>; EARLY_ENTRIES.len()],
}

/// Lays out the disc image of a volume.
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
    let order = ArrangementOrder::new(&tree, &volume.parts, rooms);
    let disc = DiscInput { volume, tree, views, order, rooms, boot_files, early };
    let unknown = DiscPlaces::unknown(&disc.tree, volume.boot.len());
    let (known, measured) = emit(&disc, &unknown, Emitter::default());
    if u32::try_from(known.n_sectors).is_err() {
        let len = known.n_sectors * SECTOR;
        return Err(Error::TooLarge(
            Details::new(format!("the disc would have {len} bytes, more than 32-bit sector numbers can address"))
                .help("put some of the content on another medium"),
        ));
    }
    let extents = Some(Vec::with_capacity(measured.n_extents));
    let (found, Emitter { extents, .. }) = emit(&disc, &known, Emitter { extents, ..Emitter::default() });
    assert!(found == known, "both passes must place the same structures");
    Ok(Layout::new(known.n_sectors * SECTOR, extents.unwrap_or_default()))
}

/// Maximum number of folders: path tables number them with 16 bits (ECMA-119 6.9.1), and UDF counts links to a folder
/// with 16 bits.
const MAX_FOLDERS: u64 = 65_535;

/// Maximum path length in bytes (OSTA UDF 1.02, 3.3).
const MAX_PATH_LEN: usize = 1_023;

/// Fails if a path is too long or there are too many folders.
fn check_paths(tree: &Tree) -> Result<()> {
    let mut path_lens = vec![0; tree.items().len()];
    for (item, TreeItem { name, parent, .. }) in tree.items().iter().enumerate().skip(1) {
        // ECMA-167 4/8.7.1: the lengths of the identifiers, plus one for each.
        let path_len = path_lens[*parent] + compressed_len(name) + 1;
        if path_len > MAX_PATH_LEN {
            let path = tree.path(item);
            return Err(Error::TooLarge(
                Details::new(format!(
                    "the path `{}` has {path_len} bytes on the disc; UDF allows {MAX_PATH_LEN}",
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
            Details::new(format!("the volume has {n_folders} folders; a disc holds {MAX_FOLDERS}"))
                .help("pack some of the folders into an archive or a WIM file"),
        ));
    }
    Ok(())
}

/// Shortens a long path to its beginning and end.
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

/// Fails if a file or boot image is too large. This also keeps sums of lengths within 64 bits.
fn check_sizes(volume: &Volume, tree: &Tree) -> Result<()> {
    let too_large = |what: String, path: String, len: u64, max: u64| {
        Err(Error::TooLarge(
            Details::new(format!("{what} has {len} bytes; a disc holds files of at most {max} bytes"))
                .path(path)
                .help("split it, or use another medium format"),
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

/// Finds the first file of the tree with the contents of a boot image, so that they are stored only once.
fn same_file(tree: &Tree, image: &Layout) -> Option<usize> {
    let [extent] = image.extents() else { return None };
    let is_same = |content: &Content| match (content, &extent.piece) {
        (Content::Bytes(bytes), Piece::Bytes(piece)) => bytes == piece,
        (Content::Source(source), Piece::Source { file, start: 0 }) => source == file,
        _ => false,
    };
    (0..tree.items().len()).find(|item| match &tree.items()[*item].what {
        ItemKind::File(content) => content.len() == image.len() && extent.len == image.len() && is_same(content),
        ItemKind::Folder { .. } => false,
    })
}

/// Describes the disc, given the positions found by the previous pass.
fn emit(disc: &DiscInput, known: &DiscPlaces, mut out: Emitter) -> (DiscPlaces, Emitter) {
    let mut found = DiscPlaces::unknown(&disc.tree, disc.volume.boot.len());
    emit_head(disc, known, &mut found, &mut out);
    out.align(disc.rooms.alignment());
    emit_files(disc, ContentOrigin::Elsewhere, &mut found, &mut out);
    if disc.rooms.slack() == Slack::Ample {
        out.align(structure_granule(out.sector));
    }
    for view in &disc.views {
        emit_view(disc, view, known, &mut found, &mut out);
    }
    emit_udf(disc, known, &mut found, &mut out);
    emit_files(disc, ContentOrigin::Here, &mut found, &mut out);
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

/// Emits everything up to the early file entries, and path tables that don't fit before the anchor.
fn emit_head(disc: &DiscInput, known: &DiscPlaces, found: &mut DiscPlaces, out: &mut Emitter) {
    let [iso, joliet] = &disc.views;
    out.go_to(DESCRIPTORS);
    out.put(iso.descriptor(disc.volume, known));
    if !disc.volume.boot.is_empty() {
        out.put(catalog::boot_record(CATALOG));
    }
    out.put(joliet.descriptor(disc.volume, known));
    out.put(ecma119::terminator());
    out.put(udf::recognition());
    for run in [DiscPlaces::MAIN_SEQUENCE, DiscPlaces::RESERVE_SEQUENCE] {
        out.go_to(run.sector);
        out.put(udf::volume_descriptors(disc.volume, known, run.sector));
    }
    out.go_to(DiscPlaces::INTEGRITY.sector);
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
    // Path tables usually fit between the descriptors and the anchor at sector 256. Those of tens of thousands of
    // folders follow the head, with room to grow, so that adding a folder doesn't move what comes after them.
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

fn emit_path_tables(tables: &[Vec<u8>], found: &mut DiscPlaces, out: &mut Emitter) {
    for (view, pair) in found.views.iter_mut().zip(tables.chunks_exact(2)) {
        for (place, table) in view.path_tables.iter_mut().zip(pair) {
            view.path_table_len = table.len() as u64;
            *place = out.sector;
            out.put(table.clone());
        }
    }
}

/// Origin of a file's bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ContentOrigin {
    /// Read from a source.
    Elsewhere,
    /// Made by tsmedia.
    Here,
}

/// Emits the files whose bytes have this origin. Boot images that aren't files of the tree count as sources.
fn emit_files(disc: &DiscInput, made: ContentOrigin, found: &mut DiscPlaces, out: &mut Emitter) {
    let tree = &disc.tree;
    let n_items = tree.items().len();
    let mut things = Vec::new();
    // Empty files have no extent. Large files are arranged alone, so that a patch can replace one without moving its
    // neighbours.
    for item in 0..n_items {
        let is_alone = match &tree.items()[item].what {
            ItemKind::Folder { .. } => continue,
            ItemKind::File(content) if content.is_empty() => continue,
            ItemKind::File(Content::Bytes(_)) if made == ContentOrigin::Here => true,
            ItemKind::File(Content::Source(source)) if made == ContentOrigin::Elsewhere => source.len() >= LARGE,
            ItemKind::File(_) => continue,
        };
        things.push(ArrangedItem { item, n_units: sectors(tree.file_len(item)), is_alone });
    }
    if made == ContentOrigin::Elsewhere {
        let boot = disc.volume.boot.iter().zip(&disc.boot_files).enumerate();
        let apart = boot.filter(|(_, (_, file))| file.is_none());
        things.extend(apart.map(|(n, (entry, _))| ArrangedItem {
            item: n_items + n,
            n_units: sectors(catalog::room(entry)),
            is_alone: true,
        }));
    }
    out.put_arranged(disc.rooms, disc.order.arrange(things), |item, out| match tree.items().get(item) {
        Some(TreeItem { what: ItemKind::File(content), .. }) => {
            found.data[item] = SectorRun { sector: out.sector, len: content.len() };
            out.put_content(content);
        }
        _ => {
            let entry = &disc.volume.boot[item - n_items];
            found.boot[item - n_items] = out.sector;
            out.put_layout(&entry.image, catalog::room(entry));
        }
    });
}

/// Alignment of the structures in sectors, between 64 KiB and 16 MiB. It grows with the data before them, so that few
/// changes of the data move them at little cost.
fn structure_granule(data_end: u64) -> u64 {
    (data_end / 256).next_power_of_two().clamp((64 << 10) / SECTOR, (16 << 20) / SECTOR)
}

/// Emits the folders of ISO 9660 or Joliet.
fn emit_view(disc: &DiscInput, view: &View, known: &DiscPlaces, found: &mut DiscPlaces, out: &mut Emitter) {
    let records = |folder: usize| view.folder(&disc.tree, folder, disc.volume.date, known);
    let places = &mut found.views[view.index()].folders;
    emit_folders(disc, records, |folder, run| places[view.position(folder)] = run, out);
}

/// Emits the folders of UDF, and then the file entries that are not in the head.
fn emit_udf(disc: &DiscInput, known: &DiscPlaces, found: &mut DiscPlaces, out: &mut Emitter) {
    let data = &mut found.data;
    emit_folders(disc, |folder| udf::folder(&disc.tree, folder, known), |folder, run| data[folder] = run, out);
    let late = (0..disc.tree.items().len()).filter(|item| !disc.early.contains(&Some(*item)));
    let things = late.map(|item| ArrangedItem { item, n_units: 1, is_alone: false });
    out.put_arranged(disc.rooms, disc.order.arrange(things), |item, out| emit_entry(disc, item, known, found, out));
}

/// Emits the file entry of an item.
fn emit_entry(disc: &DiscInput, item: usize, known: &DiscPlaces, found: &mut DiscPlaces, out: &mut Emitter) {
    found.entries[item] = out.sector;
    let is_early = disc.early.contains(&Some(item));
    out.put(udf::file_entry(&disc.tree, item, disc.volume.date, is_early, known));
}

fn emit_folders(
    disc: &DiscInput,
    bytes_of: impl Fn(usize) -> Vec<u8>,
    mut note: impl FnMut(usize, SectorRun),
    out: &mut Emitter,
) {
    let bytes_of = |item| if disc.tree.is_folder(item) { bytes_of(item) } else { Vec::new() };
    let mut bytes: Vec<_> = (0..disc.tree.items().len()).map(bytes_of).collect();
    let folders = bytes.iter().enumerate().filter(|(_, bytes)| !bytes.is_empty());
    let things =
        folders.map(|(item, bytes)| ArrangedItem { item, n_units: sectors(bytes.len() as u64), is_alone: false });
    out.put_arranged(disc.rooms, disc.order.arrange(things), |folder, out| {
        let bytes = std::mem::take(&mut bytes[folder]);
        note(folder, SectorRun { sector: out.sector, len: bytes.len() as u64 });
        out.put(bytes);
    });
}
