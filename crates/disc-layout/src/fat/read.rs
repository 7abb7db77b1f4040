//! Reads the tree of a FAT volume that any driver may have written: FAT12, FAT16 and FAT32 with sectors of 512 to 4,096 bytes.
//!
//! Nothing is believed: a chain that leads in a circle or out of the volume, a folder that is found twice, a file that is
//! longer than its chain is an error. Long names count where they belong to their short one. Short names beyond ASCII
//! are in a [code page](CodePage) that the volume does not name.

use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use crate::date::Date;
use crate::error::{Error, Result};
use crate::found::File;
use crate::limits::{MAX_ITEMS, MAX_PATH_LEN, MAX_PATHS_LEN};
use crate::volume::fold;

use super::boot::{BOOT_LEN, Boot};
use super::code_page::CodePage;
use super::entry::{self, ATTR_DIRECTORY, ATTR_VOLUME_ID};
use super::geometry::Width;
use super::tree::ENTRY_LEN;

/// What a FAT volume holds. All places count from the start of the medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The volume label: as the root folder has it, or else as the boot sector has it.
    pub label: String,
    /// The date of the label in the root folder, which is that of the volume.
    pub date: Option<Date>,
    /// The bits of an entry of the table: 12, 16 or 32.
    pub n_bits: u8,
    /// The length of a cluster in bytes.
    pub cluster_len: u64,
    /// Its files and folders.
    pub files: Vec<File>,
    /// What is no file, ascending.
    pub structures: Vec<Structure>,
}

/// A run of bytes that is no file's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    /// What it is for.
    pub part: Part,
    /// Where it is, in bytes from the start of the medium.
    pub range: Range<u64>,
}

/// What bytes that are no file's are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The boot sector, and what else is in the reserved sectors.
    BootSector,
    /// An allocation table, as far as it is used.
    Table,
    /// Folders.
    Folders,
}

/// File or folder with what FAT says of it beside its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path and place.
    pub file: File,
    /// DIR_Attr: read-only, hidden, system, folder, archive.
    pub attributes: u8,
    /// Its short name, if that is another than its name but for case.
    pub short_name: Option<String>,
    /// Time of creation: the second, and hundredths within it.
    pub created: Option<(Date, u8)>,
    /// Time of the last write.
    pub written: Option<Date>,
}

/// Whether a boot sector is one of FAT: it looks like one, and names no other file system.
pub fn is_one(sector: &[u8]) -> bool {
    volume_len(sector).is_some()
}

/// Returns the length in bytes of the volume that begins with a boot sector of FAT; `None` for any other sector.
pub fn volume_len(sector: &[u8]) -> Option<u64> {
    let boot = Boot::has_signature(sector).then(|| Boot::parse(sector, 0..u64::MAX).ok())?;
    boot.map(|boot| boot.len)
}

/// Reads the volume in a range of a medium.
pub fn read(medium: &mut (impl Read + Seek), place: Range<u64>) -> Result<Contents> {
    let (boot, tree, last_cluster) = walk(medium, place, CodePage::default())?;
    let used_len = boot.entry_offset(last_cluster + 1) - boot.table;
    let tables = (0..boot.n_tables).map(|n| boot.first_table + n * boot.table_len);
    let reserved = boot.start..boot.start + (8 * boot.sector_len).min(boot.first_table - boot.start);
    let mut structures = vec![Structure { part: Part::BootSector, range: reserved }];
    structures.extend(tables.map(|table| Structure { part: Part::Table, range: table..table + used_len }));
    let folders = tree.folders.into_iter().filter(|range| !range.is_empty());
    structures.extend(folders.map(|range| Structure { part: Part::Folders, range }));
    structures.sort_by_key(|structure| structure.range.start);
    let in_boot = entry::text(&boot.label, CodePage::default());
    let in_boot = Some(in_boot).filter(|label| label != "NO NAME");
    let label = tree.label.or(in_boot).unwrap_or_default();
    let (n_bits, cluster_len) = (boot.width.bits() as u8, boot.cluster_len);
    let files = tree.entries.into_iter().map(|entry| entry.file).collect();
    Ok(Contents { label, date: tree.date, n_bits, cluster_len, files, structures })
}

/// Lists the files and folders of the volume in a range of a medium, each folder before what is in it. Short names are in
/// `code_page`.
///
/// # Errors
///
/// A volume that contradicts itself, is cut off or can't be read.
pub fn entries(medium: &mut (impl Read + Seek), place: Range<u64>, code_page: CodePage) -> Result<Vec<Entry>> {
    walk(medium, place, code_page).map(|(_, tree, _)| tree.entries)
}

/// Reads all folders. Returns the last cluster in use, too.
fn walk(medium: &mut (impl Read + Seek), place: Range<u64>, code_page: CodePage) -> Result<(Boot, Tree, u64)> {
    let sector = read_at(medium, "the boot sector", place.start, BOOT_LEN)?;
    let boot = Boot::parse(&sector, place)?;
    let mut reader =
        Reader { medium, boot: &boot, code_page, page: (u64::MAX, Vec::new()), last_cluster: 2, n_taken: 0 };
    let mut tree = Tree::default();
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

/// What was found so far.
#[derive(Default)]
struct Tree {
    label: Option<String>,
    date: Option<Date>,
    entries: Vec<Entry>,
    folders: Vec<Range<u64>>,
    /// First clusters of the folders.
    first_clusters: HashSet<u64>,
    paths_len: usize,
}

/// A folder has 65,536 entries at most.
const MAX_FOLDER_LEN: u64 = 65_536 * ENTRY_LEN;

/// Pages of the table are read when they are needed.
const PAGE_LEN: u64 = 64 << 10;

struct Reader<'a, R> {
    medium: &'a mut R,
    boot: &'a Boot,
    code_page: CodePage,
    /// The page of the table that was read last: its number, and its bytes.
    page: (u64, Vec<u8>),
    last_cluster: u64,
    /// How many clusters all chains have: more than there are means that some are in two of them, or in a circle.
    n_taken: u64,
}

impl<R: Read + Seek> Reader<'_, R> {
    /// The places of a chain that has no more than so many clusters; those that touch are one.
    fn chain(&mut self, what: &str, first: u64, most: u64) -> Result<Vec<Range<u64>>> {
        let Boot { data, cluster_len, n_clusters, .. } = *self.boot;
        let mut places: Vec<Range<u64>> = Vec::new();
        let (mut cluster, mut n) = (first, 0);
        loop {
            if !self.boot.holds(cluster) {
                return Err(Error::damaged(format!("{what} goes on in cluster {cluster}, and there is none")));
            }
            (n, self.n_taken) = (n + 1, self.n_taken + 1);
            if n > most || self.n_taken > n_clusters {
                return Err(Error::damaged(format!("{what} has more clusters than it can have")));
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

    /// The cluster after one; none at the end of a chain.
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
        let Boot { table, table_len, .. } = *self.boot;
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
        tree: &mut Tree,
        waiting: &mut Vec<(String, Vec<Range<u64>>)>,
    ) -> Result<()> {
        let what = format!("the folder `/{folder}`");
        let len: u64 = places.iter().map(|place| place.end - place.start).sum();
        // The last cluster need not be full.
        if len > MAX_FOLDER_LEN.next_multiple_of(self.boot.cluster_len) {
            return Err(Error::damaged(format!("{what} has {len} bytes, and FAT holds {MAX_FOLDER_LEN}")));
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
                return Err(Error::damaged(format!("{what} has the name `{}` twice", entry.name)));
            }
            let path = tree.path(folder, &entry.name)?;
            let first = entry.first_cluster();
            let is_folder = attributes & ATTR_DIRECTORY != 0;
            let mut file = File { path, is_folder, len: 0, extents: Vec::new() };
            if is_folder {
                let what = format!("the folder `/{}`", file.path);
                if !tree.first_clusters.insert(first) {
                    return Err(Error::damaged(format!("{what} has its clusters in common with another folder")));
                }
                let most = MAX_FOLDER_LEN.div_ceil(self.boot.cluster_len);
                waiting.push((file.path.clone(), self.chain(&what, first, most)?));
            } else {
                file.len = entry.len();
                file.extents = self.file(&file.path, first, file.len)?;
            }
            tree.entries.push(Entry {
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
            return Err(Error::damaged(format!("the file `{path}` has {len} bytes, and clusters for {chain_len}")));
        }
        // Clusters may have been set aside for more.
        let mut left = len;
        for extent in &mut extents {
            extent.end = extent.end.min(extent.start + left);
            left -= extent.end - extent.start;
        }
        extents.retain(|extent| !extent.is_empty());
        Ok(extents)
    }
}

impl Tree {
    fn path(&mut self, folder: &str, name: &str) -> Result<String> {
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            return Err(Error::bad_name(format!("`{name}` in the folder `/{folder}` is not a name")));
        }
        let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        self.paths_len += path.len();
        if path.len() > MAX_PATH_LEN || self.entries.len() >= MAX_ITEMS || self.paths_len as u64 > MAX_PATHS_LEN {
            return Err(Error::over_limit(format!("the volume holds more than can be read: `{folder}`")));
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
