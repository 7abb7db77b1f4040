//! Map of a finished medium: its regions in the order of their positions, from the medium alone.
//!
//! A region is a file of 1 MiB or more, a run of smaller files of one content folder, a boot program outside of any
//! file, or a run of structures of one kind. A region extends to the next one; its unused part is its slack. [`marks`]
//! compares the regions of two media.

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

/// Regions of a medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// Length of the medium in bytes.
    pub len: u64,
    /// Regions in ascending order, which together cover the whole medium.
    pub regions: Vec<MapRegion>,
}

/// Region of a medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapRegion {
    /// Kind of the region.
    pub kind: RegionKind,
    /// Path of a large file, folder of small files, or names of structures.
    pub name: String,
    /// Offset in bytes.
    pub offset: u64,
    /// Length up to the next region, in bytes.
    pub len: u64,
    /// Length up to the end of its last item, in bytes.
    pub span: u64,
    /// Number of bytes in use.
    pub used: u64,
    /// Files with bytes in the region: path and range.
    pub files: Vec<(String, Range<u64>)>,
    /// Number of files that start in the region.
    pub n_files: usize,
}

/// Kind of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegionKind {
    /// Descriptors, boot catalog, path tables, anchors, partition tables and boot sectors.
    Head,
    /// File of 1 MiB or more, or a piece of one.
    LargeFile,
    /// Smaller files of one content folder.
    SmallFiles,
    /// Boot program that is not a file of the medium.
    BootProgram,
    /// Folders of ISO 9660, Joliet, UDF or FAT, or the metadata of a WIM file.
    Folders,
    /// UDF file entries, FAT allocation tables, and NTFS structures.
    FileEntries,
    /// The medium's own lists.
    Lists,
}

impl RegionKind {
    /// All kinds, in the order of a legend.
    pub const ALL: [Self; 7] = [
        Self::Head,
        Self::LargeFile,
        Self::SmallFiles,
        Self::BootProgram,
        Self::Folders,
        Self::FileEntries,
        Self::Lists,
    ];

    /// Name of the kind.
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

    /// Returns `true` if it contains files.
    pub fn is_content(self) -> bool {
        matches!(self, Self::LargeFile | Self::SmallFiles | Self::Lists)
    }
}

/// Totals of a medium.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Number of files with bytes.
    pub n_files: usize,
    /// Number of bytes in files.
    pub content: u64,
    /// Number of bytes in structures, and in boot programs that are not files.
    pub structures: u64,
    /// Number of unused bytes.
    pub slack: u64,
}

impl MapRegion {
    /// Number of unused bytes.
    pub fn slack(&self) -> u64 {
        self.len - self.used
    }

    /// Range up to the end of its last item.
    pub fn span(&self) -> Range<u64> {
        self.offset..self.offset + self.span
    }

    /// Offset of the next region.
    pub fn end(&self) -> u64 {
        self.offset + self.len
    }
}

/// Length from which a file is a region of its own.
const LARGE: u64 = 1 << 20;

/// Maximum number of alternating regions of structures. Beyond that they are one region: some tools put the file
/// entries of a folder right behind it.
const MAX_TURNS: usize = 6;

/// Item on a medium, with the region that it belongs to.
struct MapItem {
    place: Range<u64>,
    kind: RegionKind,
    name: String,
    file: Option<(String, bool)>,
}

impl Map {
    /// Maps a medium.
    pub fn new(parsed: &ParsedMedium) -> Self {
        let mut items = match parsed {
            ParsedMedium::Disc(disc) => items_of_disc(disc),
            ParsedMedium::Wim(wim) => items_of_wim(wim),
            ParsedMedium::Stick(stick) => items_of_stick(stick),
        };
        // Ignore anything beyond the end of the medium.
        let len = parsed.len();
        items.iter_mut().for_each(|item| item.place = item.place.start.min(len)..item.place.end.min(len));
        items.sort_by_key(|item| (item.place.start, item.place.end));
        let mut regions: Vec<MapRegion> = Vec::new();
        let mut at = 0;
        for MapItem { place, kind, name, file } in items {
            // Files may share bytes, and small ones may be in their UDF file entry. Count each byte once.
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

    /// Sums up the regions.
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

/// Returns `true` if an item belongs to the region before it.
fn belongs(last: &MapRegion, kind: RegionKind, name: &str) -> bool {
    match kind {
        _ if last.kind != kind => false,
        RegionKind::Head => true,
        // Adjacent pieces of a large file have been joined already.
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

/// Pieces of a file.
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
        // If the catalog leaves the length to the firmware, only the start is certain.
        let end = program.offset.saturating_add(program.loaded_len().unwrap_or(512)).min(disc.len);
        let name = program.firmware();
        items.push(MapItem { place: program.offset..end, kind: RegionKind::BootProgram, name, file: None });
    }
    items
}

/// Joins regions of alternating structures.
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

/// Extends each region to the next: the first one from the start of the medium, the last one to its end.
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
