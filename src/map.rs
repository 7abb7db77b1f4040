//! Where things are on a finished medium: regions in the order of their places, found in the medium alone.
//!
//! A file of 1 MiB or more is a region, and so are smaller files of one content folder that follow each other, a
//! boot program that is no file, and structures of one sort. A region reaches to the next one: what it does not use
//! is its slack. [`marks`] says of two media which regions stayed, changed, moved, came and went.

mod marks;

use std::collections::BTreeSet;
use std::ops::Range;

use crate::diff::content_folder;
use crate::format::iso::{IsoDisc, IsoPart};
use crate::format::stick::{self, Stick};
use crate::format::wim::uncompressed;
use crate::format::wim::uncompressed::UncompressedWim;
use crate::output::{ParsedMedium, lists};

pub use marks::{Marks, Reads, RegionState, marks};

/// A medium as regions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// How long the medium is.
    pub len: u64,
    /// Its regions, ascending; together they are the whole medium.
    pub regions: Vec<MapRegion>,
}

/// A part of a medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapRegion {
    /// What it is.
    pub kind: RegionKind,
    /// Which: the path of a large file, the folder of small files, the names of structures.
    pub name: String,
    /// Where it starts.
    pub offset: u64,
    /// Up to the next region.
    pub len: u64,
    /// Up to the end of the last thing in it.
    pub span: u64,
    /// How many of its bytes are something.
    pub used: u64,
    /// The files that are in it, or of which a part is: path and place.
    pub files: Vec<(String, Range<u64>)>,
    /// How many files start in it.
    pub n_files: usize,
}

/// What a region is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegionKind {
    /// Descriptors, boot catalog, path tables, anchors; partition tables and boot sectors.
    Head,
    /// A file of 1 MiB or more, or a piece of it.
    LargeFile,
    /// Smaller files of one content folder.
    SmallFiles,
    /// A boot program that is no file of the medium.
    BootProgram,
    /// Folders of ISO 9660, Joliet, UDF or FAT, or the metadata of a WIM file.
    Folders,
    /// Where UDF says where files and folders are, the allocation tables of FAT, and what of an NTFS volume is no file's.
    FileEntries,
    /// What the medium says of itself.
    Lists,
}

impl RegionKind {
    /// All of them, in the order of a legend.
    pub const ALL: [Self; 7] = [
        Self::Head,
        Self::LargeFile,
        Self::SmallFiles,
        Self::BootProgram,
        Self::Folders,
        Self::FileEntries,
        Self::Lists,
    ];

    /// The words for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::LargeFile => "large file",
            Self::SmallFiles => "small files",
            Self::BootProgram => "boot program",
            Self::Folders => "folders",
            Self::FileEntries => "file entries",
            Self::Lists => "lists",
        }
    }

    /// Whether it holds files.
    pub fn is_content(self) -> bool {
        matches!(self, Self::LargeFile | Self::SmallFiles | Self::Lists)
    }
}

/// How much of a medium is what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many files have bytes.
    pub n_files: usize,
    /// How many bytes are in files.
    pub content: u64,
    /// How many bytes are in structures and in boot programs that are no files.
    pub structures: u64,
    /// How many bytes are neither.
    pub slack: u64,
}

impl MapRegion {
    /// What it does not use.
    pub fn slack(&self) -> u64 {
        self.len - self.used
    }

    /// Where the last thing in it ends.
    pub fn span(&self) -> Range<u64> {
        self.offset..self.offset + self.span
    }

    /// Where the next region starts.
    pub fn end(&self) -> u64 {
        self.offset + self.len
    }
}

/// Files from here on are regions of their own.
const LARGE: u64 = 1 << 20;

/// Structures that take turns more often than this are one region: other tools put the entries of a folder's files
/// behind each folder.
const MAX_TURNS: usize = 6;

/// Something on the medium, and what it is part of.
struct MapItem {
    place: Range<u64>,
    kind: RegionKind,
    name: String,
    file: Option<(String, bool)>,
}

impl Map {
    /// The regions of a medium.
    pub fn new(parsed: &ParsedMedium) -> Self {
        let mut items = match parsed {
            ParsedMedium::Disc(disc) => items_of_disc(disc),
            ParsedMedium::Wim(wim) => items_of_wim(wim),
            ParsedMedium::Stick(stick) => items_of_stick(stick),
        };
        // What claims to be beyond the end of the medium is not on it.
        let len = parsed.len();
        items.iter_mut().for_each(|item| item.place = item.place.start.min(len)..item.place.end.min(len));
        items.sort_by_key(|item| (item.place.start, item.place.end));
        let mut regions: Vec<MapRegion> = Vec::new();
        let mut at = 0;
        for MapItem { place, kind, name, file } in items {
            // Files may share bytes, and a small one may be in its UDF entry: bytes are counted once.
            let used = place.start.max(at)..place.end.max(at);
            at = used.end;
            let is_next = regions.last().is_none_or(|last| !belongs(last, kind, &name));
            if is_next && used.is_empty() && file.is_none() {
                continue;
            }
            if is_next && !used.is_empty() || regions.is_empty() {
                let (offset, files) = (used.start, Vec::new());
                regions.push(MapRegion {
                    kind,
                    name: name.clone(),
                    offset,
                    len: 0,
                    span: 0,
                    used: 0,
                    files,
                    n_files: 0,
                });
            }
            let Some(last) = regions.last_mut() else { continue };
            if kind == RegionKind::Head && last.kind == kind && !last.name.contains(&name) {
                last.name += &format!(", {name}");
            }
            last.used += used.end - used.start;
            last.span = last.span.max(used.end - last.offset);
            if let Some((path, is_first)) = file {
                last.n_files += usize::from(is_first);
                last.files.push((path, place));
            }
        }
        Self { len, regions: close(join_turns(regions), len) }
    }

    /// How much of it is what.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for region in &self.regions {
            totals.n_files += region.n_files;
            *(if region.kind.is_content() { &mut totals.content } else { &mut totals.structures }) += region.used;
            totals.slack += region.slack();
        }
        totals
    }
}

/// Whether something belongs to the region before it.
fn belongs(last: &MapRegion, kind: RegionKind, name: &str) -> bool {
    match kind {
        _ if last.kind != kind => false,
        RegionKind::Head => true,
        // Pieces of a large file that touch are one already.
        RegionKind::LargeFile | RegionKind::BootProgram => false,
        RegionKind::SmallFiles | RegionKind::Folders | RegionKind::FileEntries | RegionKind::Lists => last.name == name,
    }
}

fn items_of_stick(stick: &Stick) -> Vec<MapItem> {
    let files = stick.files.iter().filter(|file| !file.is_folder);
    let mut items: Vec<_> = files.flat_map(|file| items_of_file(&file.path, file.len, &file.extents)).collect();
    for structure in &stick.structures {
        let (kind, name) = match structure.part {
            stick::StickPart::PartitionTable => (RegionKind::Head, "partition table"),
            stick::StickPart::BootSector => (RegionKind::Head, "boot sector"),
            stick::StickPart::AllocationTable => (RegionKind::FileEntries, "FAT"),
            stick::StickPart::Folders => (RegionKind::Folders, "FAT"),
            stick::StickPart::NtfsTables => (RegionKind::FileEntries, "NTFS"),
        };
        items.push(MapItem { place: structure.range.clone(), kind, name: name.into(), file: None });
    }
    items
}

/// The pieces of a file.
fn items_of_file<'a>(path: &'a str, len: u64, places: &'a [Range<u64>]) -> impl Iterator<Item = MapItem> + 'a {
    let folder = content_folder(path);
    let (kind, name) = match len {
        _ if folder == lists::FOLDER => (RegionKind::Lists, folder),
        len if len >= LARGE => (RegionKind::LargeFile, path),
        _ => (RegionKind::SmallFiles, folder),
    };
    let item = move |(n, place): (usize, &Range<u64>)| {
        let (name, file) = (name.to_owned(), Some((path.to_owned(), n == 0)));
        MapItem { place: place.clone(), kind, name, file }
    };
    places.iter().enumerate().map(item)
}

fn items_of_wim(wim: &UncompressedWim) -> Vec<MapItem> {
    let files = wim.files.iter();
    let mut items: Vec<_> = files.flat_map(|file| items_of_file(&file.path, file.len, file.place.as_slice())).collect();
    for (part, place) in &wim.structures {
        let (kind, name) = match part {
            uncompressed::UncompressedPart::Header => (RegionKind::Head, "header"),
            uncompressed::UncompressedPart::Metadata => (RegionKind::Folders, "the image"),
            uncompressed::UncompressedPart::BlobTable => (RegionKind::Head, "blob table"),
            uncompressed::UncompressedPart::Xml => (RegionKind::Head, "XML"),
            uncompressed::UncompressedPart::Integrity => (RegionKind::Head, "integrity table"),
        };
        items.push(MapItem { place: place.clone(), kind, name: name.into(), file: None });
    }
    items
}

fn items_of_disc(disc: &IsoDisc) -> Vec<MapItem> {
    let files = disc.files().iter().filter(|file| !file.is_folder);
    let mut items: Vec<_> = files.flat_map(|file| items_of_file(&file.path, file.len, &file.extents)).collect();
    let starts: BTreeSet<_> = items.iter().map(|item| item.place.start).collect();
    for structure in &disc.structures {
        let (kind, name) = match structure.part {
            IsoPart::Descriptors => (RegionKind::Head, "descriptors"),
            IsoPart::BootCatalog => (RegionKind::Head, "boot catalog"),
            IsoPart::PathTables => (RegionKind::Head, "path tables"),
            IsoPart::Anchor => (RegionKind::Head, "anchor"),
            IsoPart::IsoFolders => (RegionKind::Folders, "ISO 9660"),
            IsoPart::JolietFolders => (RegionKind::Folders, "Joliet"),
            IsoPart::UdfFolders => (RegionKind::Folders, "UDF"),
            IsoPart::FileEntries => (RegionKind::FileEntries, "UDF"),
        };
        items.push(MapItem { place: structure.range.clone(), kind, name: name.into(), file: None });
    }
    for program in disc.boot.iter().filter(|program| !starts.contains(&program.offset)) {
        // Where the catalog leaves the length to the firmware, no more than the start is sure.
        let end = program.offset.saturating_add(program.loaded_len().unwrap_or(512)).min(disc.len);
        let name = program.firmware();
        items.push(MapItem { place: program.offset..end, kind: RegionKind::BootProgram, name, file: None });
    }
    items
}

/// Joins structures that take turns.
fn join_turns(regions: Vec<MapRegion>) -> Vec<MapRegion> {
    let is_structure = |region: &MapRegion| matches!(region.kind, RegionKind::Folders | RegionKind::FileEntries);
    let mut joined: Vec<MapRegion> = Vec::new();
    for turns in regions.chunk_by(|a, b| is_structure(a) && is_structure(b)) {
        if turns.len() <= MAX_TURNS {
            joined.extend_from_slice(turns);
            continue;
        }
        let mut whole = turns[0].clone();
        let names: BTreeSet<_> = turns.iter().map(|region| region.name.as_str()).collect();
        whole.kind = RegionKind::Folders;
        whole.name = names.into_iter().collect::<Vec<_>>().join(", ");
        if turns.iter().any(|region| region.kind == RegionKind::FileEntries) {
            whole.name += ", with file entries";
        }
        for region in &turns[1..] {
            whole.used += region.used;
            whole.span = region.span().end - whole.offset;
        }
        joined.push(whole);
    }
    joined
}

/// Makes each region reach to the next: the first from the start of the medium, the last to its end.
fn close(mut regions: Vec<MapRegion>, len: u64) -> Vec<MapRegion> {
    if let Some(first) = regions.first_mut() {
        first.span += first.offset;
        first.offset = 0;
    }
    let starts: Vec<_> = regions.iter().skip(1).map(|region| region.offset).chain([len]).collect();
    for (region, end) in regions.iter_mut().zip(starts) {
        region.len = end - region.offset;
    }
    regions
}

#[cfg(test)]
mod tests;
