//! Reads the tree of a FAT volume written by any driver: FAT12, FAT16 and FAT32, with sectors of 512 to 4,096 bytes.
//!
//! The volume is untrusted: a chain that loops or leaves the volume, a folder with two parents, or a file longer than
//! its chain is an error. A long name counts only if it belongs to its short name. Short names beyond ASCII are in a
//! [code page](CodePage) that the volume does not record.

use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use crate::date::Date;
use crate::error::{Error, Result};
use crate::limits::{MAX_ITEMS, MAX_PATH_LEN, MAX_PATHS_LEN};
use crate::volume::fold;
use crate::volume_entry::VolumeEntry;

use super::boot::{BOOT_LEN, FatBootSector};
use super::code_page::CodePage;
use super::entry::{self, ATTR_DIRECTORY, ATTR_VOLUME_ID};
use super::geometry::Width;
use super::tree::ENTRY_LEN;

/// Contents of a FAT volume. Offsets count from the start of the medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FatContents {
    /// Volume label of the root folder, or else of the boot sector.
    pub label: String,
    /// Date of the label in the root folder, which is that of the volume.
    pub date: Option<Date>,
    /// Width of table entries in bits: 12, 16 or 32.
    pub n_bits: u8,
    /// Length of a cluster in bytes.
    pub cluster_len: u64,
    /// Files and folders.
    pub files: Vec<VolumeEntry>,
    /// Ranges outside of files, ascending.
    pub structures: Vec<FatStructure>,
}

/// Range of bytes outside of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FatStructure {
    /// Purpose of the bytes.
    pub part: FatPart,
    /// Range in bytes from the start of the medium.
    pub range: Range<u64>,
}

/// Purpose of bytes outside of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FatPart {
    /// Boot sector and the rest of the reserved sectors.
    BootSector,
    /// Used part of an allocation table.
    Table,
    /// Folder.
    Folders,
}

/// File or folder with its FAT metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FatEntry {
    /// Path and ranges.
    pub file: VolumeEntry,
    /// Attributes (DIR_Attr): read-only, hidden, system, folder, archive.
    pub attributes: u8,
    /// Short name, if it differs from the name by more than case.
    pub short_name: Option<String>,
    /// Time of creation, with hundredths of a second.
    pub created: Option<(Date, u8)>,
    /// Time of the last write.
    pub written: Option<Date>,
}

/// Returns `true` for a FAT boot sector that names no other file system.
pub fn is_boot_sector(sector: &[u8]) -> bool {
    volume_len(sector).is_some()
}

/// Length in bytes of the volume that begins with this boot sector. `None` if it is not FAT.
pub fn volume_len(sector: &[u8]) -> Option<u64> {
    let boot = FatBootSector::has_signature(sector).then(|| FatBootSector::parse(sector, 0..u64::MAX).ok())?;
    boot.map(|boot| boot.len)
}

/// Reads the volume in a range of a medium.
pub fn read(medium: &mut (impl Read + Seek), place: Range<u64>) -> Result<FatContents> {
    let (boot, tree, last_cluster) = walk(medium, place, CodePage::default())?;
    let used_len = boot.entry_offset(last_cluster + 1) - boot.table;
    let tables = (0..boot.n_tables).map(|n| boot.first_table + n * boot.table_len);
    let reserved = boot.start..boot.start + (8 * boot.sector_len).min(boot.first_table - boot.start);
    let mut structures = vec![FatStructure { part: FatPart::BootSector, range: reserved }];
    structures.extend(tables.map(|table| FatStructure { part: FatPart::Table, range: table..table + used_len }));
    let folders = tree.folders.into_iter().filter(|range| !range.is_empty());
    structures.extend(folders.map(|range| FatStructure { part: FatPart::Folders, range }));
    structures.sort_by_key(|structure| structure.range.start);
    let in_boot = entry::text(&boot.label, CodePage::default());
    let in_boot = Some(in_boot).filter(|label| label != "NO NAME");
    let label = tree.label.or(in_boot).unwrap_or_default();
    let (n_bits, cluster_len) = (boot.width.bits() as u8, boot.cluster_len);
    let files = tree.entries.into_iter().map(|entry| entry.file).collect();
    Ok(FatContents { label, date: tree.date, n_bits, cluster_len, files, structures })
}

/// Lists the files and folders of the volume in a range of a medium, folders before their contents. Short names are in
/// `code_page`.
///
/// # Errors
///
/// If the volume contradicts itself, is truncated or can't be read.
pub fn entries(medium: &mut (impl Read + Seek), place: Range<u64>, code_page: CodePage) -> Result<Vec<FatEntry>> {
    walk(medium, place, code_page).map(|(_, tree, _)| tree.entries)
}

/// Reads all folders. Also returns the last cluster in use.
fn walk(
    medium: &mut (impl Read + Seek),
    place: Range<u64>,
    code_page: CodePage,
) -> Result<(FatBootSector, FatTreeReader, u64)> {
    let sector = read_at(medium, "the boot sector", place.start, BOOT_LEN)?;
    let boot = FatBootSector::parse(&sector, place)?;
    let mut reader =
        Reader { medium, boot: &boot, code_page, page: (u64::MAX, Vec::new()), last_cluster: 2, n_taken: 0 };
    let mut tree = FatTreeReader::default();
    let root = match boot.width {
        Width::Fat32 => reader.chain("the root folder", boot.root_cluster, boot.n_clusters)?,
        Width::Fat12 | Width::Fat16 => vec![boot.root.clone()],
    };
    if boot.width == Width::Fat32 {
        tree.first_clusters.insert(boot.root_cluster);
    }
    let mut waiting = vec![(String::new(), root)];
    while let Some((folder, places)) = waiting.pop() {
        reader.folder(&folder, &places, &mut tree, &mut waiting)?;
    }
    let last_cluster = reader.last_cluster;
    Ok((boot, tree, last_cluster))
}

/// State of the walk through the tree.
#[derive(Default)]
struct FatTreeReader {
    label: Option<String>,
    date: Option<Date>,
    entries: Vec<FatEntry>,
    folders: Vec<Range<u64>>,
    /// First clusters of the folders found, to detect loops.
    first_clusters: HashSet<u64>,
    paths_len: usize,
}

/// Maximum length of a folder: 65,536 entries.
const MAX_FOLDER_LEN: u64 = 65_536 * ENTRY_LEN;

/// Length of the pages in which the table is read, when needed.
const PAGE_LEN: u64 = 64 << 10;

struct Reader<'a, R> {
    medium: &'a mut R,
    boot: &'a FatBootSector,
    code_page: CodePage,
    /// Last page of the table read, with its number.
    page: (u64, Vec<u8>),
    last_cluster: u64,
    /// Number of clusters in all chains. If it exceeds those of the volume, a cluster is in two chains or a chain
    /// loops.
    n_taken: u64,
}

impl<R: Read + Seek> Reader<'_, R> {
    /// Follows a chain of at most `most` clusters. Adjacent clusters are joined.
    fn chain(&mut self, what: &str, first: u64, most: u64) -> Result<Vec<Range<u64>>> {
        let FatBootSector { data, cluster_len, n_clusters, .. } = *self.boot;
        let mut places: Vec<Range<u64>> = Vec::new();
        let (mut cluster, mut n) = (first, 0);
        loop {
            if !self.boot.holds(cluster) {
                return Err(Error::damaged(format!("{what} continues in cluster {cluster}, which does not exist")));
            }
            (n, self.n_taken) = (n + 1, self.n_taken + 1);
            if n > most || self.n_taken > n_clusters {
                return Err(Error::damaged(format!("{what} has more clusters than possible")));
            }
            self.last_cluster = self.last_cluster.max(cluster);
            let start = data + (cluster - 2) * cluster_len;
            match places.last_mut() {
                Some(last) if last.end == start => last.end += cluster_len,
                _ => places.push(start..start + cluster_len),
            }
            match self.next(cluster)? {
                Some(next) => cluster = next,
                None => return Ok(places),
            }
        }
    }

    /// Next cluster of a chain. `None` at its end.
    fn next(&mut self, cluster: u64) -> Result<Option<u64>> {
        let at = self.boot.entry_offset(cluster);
        let (value, end) = match self.boot.width {
            Width::Fat12 => {
                let pair = u64::from(self.table_byte(at)?) | u64::from(self.table_byte(at + 1)?) << 8;
                (if cluster.is_multiple_of(2) { pair & 0xFFF } else { pair >> 4 }, 0xFF8)
            }
            Width::Fat16 => (u64::from(self.table_byte(at)?) | u64::from(self.table_byte(at + 1)?) << 8, 0xFFF8),
            Width::Fat32 => {
                let mut value = 0;
                for n in 0..4 {
                    value |= u64::from(self.table_byte(at + n)?) << (8 * n);
                }
                (value & 0x0FFF_FFFF, 0x0FFF_FFF8)
            }
        };
        Ok((value < end).then_some(value))
    }

    fn table_byte(&mut self, at: u64) -> Result<u8> {
        let FatBootSector { table, table_len, .. } = *self.boot;
        let (page, within) = ((at - table) / PAGE_LEN, (at - table) % PAGE_LEN);
        if self.page.0 != page {
            let start = page * PAGE_LEN;
            let len = PAGE_LEN.min(table_len - start);
            self.page = (page, read_at(self.medium, "the allocation table", table + start, len)?);
        }
        Ok(self.page.1[within as usize])
    }

    fn folder(
        &mut self,
        folder: &str,
        places: &[Range<u64>],
        tree: &mut FatTreeReader,
        waiting: &mut Vec<(String, Vec<Range<u64>>)>,
    ) -> Result<()> {
        let what = format!("the folder `/{folder}`");
        let len: u64 = places.iter().map(|place| place.end - place.start).sum();
        // The last cluster may be partly used.
        if len > MAX_FOLDER_LEN.next_multiple_of(self.boot.cluster_len) {
            return Err(Error::damaged(format!("{what} has {len} bytes; FAT allows {MAX_FOLDER_LEN}")));
        }
        let mut bytes = Vec::new();
        for place in places {
            bytes.extend(read_at(self.medium, &what, place.start, place.end - place.start)?);
            tree.folders.push(place.clone());
        }
        let mut names = HashSet::new();
        for entry in entry::entries(&bytes, self.code_page) {
            let attributes = entry.attributes();
            if attributes & ATTR_VOLUME_ID != 0 {
                if folder.is_empty() && tree.label.is_none() {
                    tree.label =
                        Some(entry::text(&entry.bytes[..11], self.code_page)).filter(|label| !label.is_empty());
                    tree.date = entry.created().map(|(date, _)| date).or_else(|| entry.written());
                }
                continue;
            }
            if entry.bytes[0] == b'.' {
                continue;
            }
            if !names.insert(fold(&entry.name).collect::<String>()) {
                return Err(Error::damaged(format!("{what} contains the name `{}` twice", entry.name)));
            }
            let path = tree.path(folder, &entry.name)?;
            let first = entry.first_cluster();
            let is_folder = attributes & ATTR_DIRECTORY != 0;
            let mut file = VolumeEntry { path, is_folder, len: 0, extents: Vec::new() };
            if is_folder {
                let what = format!("the folder `/{}`", file.path);
                if !tree.first_clusters.insert(first) {
                    return Err(Error::damaged(format!("{what} shares its clusters with another folder")));
                }
                let most = MAX_FOLDER_LEN.div_ceil(self.boot.cluster_len);
                waiting.push((file.path.clone(), self.chain(&what, first, most)?));
            } else {
                file.len = entry.len();
                file.extents = self.file(&file.path, first, file.len)?;
            }
            tree.entries.push(FatEntry {
                file,
                attributes,
                short_name: entry.other_name(),
                created: entry.created(),
                written: entry.written(),
            });
        }
        Ok(())
    }

    fn file(&mut self, path: &str, first: u64, len: u64) -> Result<Vec<Range<u64>>> {
        if len == 0 {
            return Ok(Vec::new());
        }
        let mut extents = self.chain(&format!("the file `{path}`"), first, self.boot.n_clusters)?;
        let chain_len: u64 = extents.iter().map(|extent| extent.end - extent.start).sum();
        if chain_len < len {
            return Err(Error::damaged(format!(
                "the file `{path}` has {len} bytes, but clusters for only {chain_len}"
            )));
        }
        // A chain may be longer than the file.
        let mut left = len;
        for extent in &mut extents {
            extent.end = extent.end.min(extent.start + left);
            left -= extent.end - extent.start;
        }
        extents.retain(|extent| !extent.is_empty());
        Ok(extents)
    }
}

impl FatTreeReader {
    fn path(&mut self, folder: &str, name: &str) -> Result<String> {
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            return Err(Error::bad_name(format!("`{name}` in the folder `/{folder}` is not a valid name")));
        }
        let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        self.paths_len += path.len();
        if path.len() > MAX_PATH_LEN || self.entries.len() >= MAX_ITEMS || self.paths_len as u64 > MAX_PATHS_LEN {
            return Err(Error::over_limit(format!(
                "the volume has more files than can be read, at the folder `/{folder}`"
            )));
        }
        Ok(path)
    }
}

fn read_at(medium: &mut (impl Read + Seek), what: &str, offset: u64, len: u64) -> Result<Vec<u8>> {
    let mut bytes = vec![0; len as usize];
    let read = medium.seek(SeekFrom::Start(offset)).and_then(|_| medium.read_exact(&mut bytes));
    read.map_err(|error| Error::io(format!("reading {what} at byte {offset}"), error))?;
    Ok(bytes)
}
