//! Reads the tree of a FAT volume, whoever wrote it: FAT12, FAT16 and FAT32 with sectors of 512 bytes.
//!
//! Nothing is believed: a chain that leads in a circle or out of the volume, two files that share a cluster by their
//! number, a file that is longer than its chain is an error. Long names count where they belong to their short one.
//! Short names beyond ASCII are in a code page that nothing names: such letters are read as U+FFFD.

use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use crate::date::Date;
use crate::error::{Error, Result};
use crate::format::found::File;

use super::geometry::{SECTOR_LEN, Width};
use super::short_name::ShortName;
use super::tree::{ENTRY_LEN, LONG_NAME_UNITS};

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

/// Whether a boot sector is one of FAT: it looks like one, and names no other file system.
pub fn is_one(sector: &[u8]) -> bool {
    Geometry::parse(sector, 0..u64::MAX).is_ok()
}

/// Reads the volume in a range of a medium.
pub fn read(medium: &mut (impl Read + Seek), place: Range<u64>) -> Result<Contents> {
    let sector = read_at(medium, "the boot sector", place.start, SECTOR_LEN)?;
    let geometry = Geometry::parse(&sector, place)?;
    let mut reader = Reader { medium, page: (u64::MAX, Vec::new()), last_cluster: 2, n_taken: 0, geometry: &geometry };
    let mut tree = Tree::default();
    let root = match geometry.width {
        Width::Fat32 => reader.chain("the root folder", geometry.root_cluster, geometry.n_clusters)?,
        Width::Fat12 | Width::Fat16 => vec![geometry.root.clone()],
    };
    let mut waiting = vec![(String::new(), root)];
    while let Some((folder, places)) = waiting.pop() {
        reader.folder(&folder, &places, &mut tree, &mut waiting)?;
    }
    let used_len = geometry.entry_offset(reader.last_cluster + 1) - geometry.table;
    let tables = (0..geometry.n_tables).map(|n| geometry.table + n * geometry.table_len);
    let reserved = Structure { part: Part::BootSector, range: geometry.start..geometry.start + 8 * SECTOR_LEN };
    let mut structures = vec![reserved];
    structures.extend(tables.map(|table| Structure { part: Part::Table, range: table..table + used_len }));
    let folders = tree.folders.into_iter().filter(|range| !range.is_empty());
    structures.extend(folders.map(|range| Structure { part: Part::Folders, range }));
    structures.sort_by_key(|structure| structure.range.start);
    let label = tree.label.or_else(|| geometry.label.clone()).unwrap_or_default();
    let (n_bits, cluster_len) = (geometry.width.bits() as u8, geometry.cluster_len);
    Ok(Contents { label, date: tree.date, n_bits, cluster_len, files: tree.files, structures })
}

/// Where the parts of a volume are, in bytes from the start of the medium.
struct Geometry {
    width: Width,
    start: u64,
    table: u64,
    table_len: u64,
    n_tables: u64,
    /// Of FAT12 and FAT16.
    root: Range<u64>,
    /// Of FAT32.
    root_cluster: u64,
    data: u64,
    cluster_len: u64,
    n_clusters: u64,
    label: Option<String>,
}

impl Geometry {
    fn parse(sector: &[u8], place: Range<u64>) -> Result<Self> {
        let wrong = |why: &str| Error::new(format!("this is no FAT volume: {why}"));
        let u16_at = |at: usize| u64::from(u16::from_le_bytes([sector[at], sector[at + 1]]));
        let u32_at = |at: usize| u16_at(at) | u16_at(at + 2) << 16;
        let or_else = |short: u64, long: u64| if short == 0 { long } else { short };
        if sector.len() < 512 || sector[510..512] != [0x55, 0xAA] || !matches!(sector[0], 0xEB | 0xE9) {
            return Err(wrong("it has no boot sector"));
        }
        let (sectors_per_cluster, n_tables) = (u64::from(sector[13]), u64::from(sector[16]));
        let (n_reserved, n_root_entries) = (u16_at(14), u16_at(17));
        let (n_sectors, table_sectors) = (or_else(u16_at(19), u32_at(32)), or_else(u16_at(22), u32_at(36)));
        if u16_at(11) != SECTOR_LEN {
            return Err(wrong("its sectors do not have 512 bytes"));
        }
        if !sectors_per_cluster.is_power_of_two() || n_tables == 0 || n_reserved == 0 || table_sectors == 0 {
            return Err(wrong("its boot sector says what can't be"));
        }
        let root = n_reserved + n_tables * table_sectors;
        let data = root + (n_root_entries * ENTRY_LEN).div_ceil(SECTOR_LEN);
        let n_clusters = n_sectors.checked_sub(data).ok_or_else(|| wrong("it ends before its data begin"))?;
        let n_clusters = n_clusters / sectors_per_cluster;
        // The limits of the specification, as every reader has to take them.
        let width = match n_clusters {
            0..4_085 => Width::Fat12,
            4_085..65_525 => Width::Fat16,
            _ => Width::Fat32,
        };
        let table_len = table_sectors * SECTOR_LEN;
        if table_len * 8 < (n_clusters + 2) * width.bits() {
            return Err(wrong("its allocation table is too short for it"));
        }
        if (place.end - place.start) / SECTOR_LEN < n_sectors {
            return Err(Error::new("the FAT volume is longer than its partition")
                .help("the image may be cut off: compare its size with that of the original"));
        }
        let label_at = if width == Width::Fat32 { 71 } else { 43 };
        let at = |sector: u64| place.start + sector * SECTOR_LEN;
        Ok(Self {
            width,
            start: place.start,
            table: at(n_reserved),
            table_len,
            n_tables,
            root: at(root)..at(data),
            root_cluster: u32_at(44),
            data: at(data),
            cluster_len: sectors_per_cluster * SECTOR_LEN,
            n_clusters,
            label: label_of(&sector[label_at..label_at + 11]).filter(|label| label != "NO NAME"),
        })
    }

    fn entry_offset(&self, cluster: u64) -> u64 {
        self.table + cluster * self.width.bits() / 8
    }

    fn holds(&self, cluster: u64) -> bool {
        (2..self.n_clusters + 2).contains(&cluster)
    }
}

fn label_of(bytes: &[u8]) -> Option<String> {
    let text: String = bytes.iter().map(|byte| letter(*byte)).collect();
    let text = text.trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}

fn letter(byte: u8) -> char {
    if byte.is_ascii() { byte.into() } else { char::REPLACEMENT_CHARACTER }
}

/// What was found so far.
#[derive(Default)]
struct Tree {
    label: Option<String>,
    date: Option<Date>,
    files: Vec<File>,
    folders: Vec<Range<u64>>,
    paths_len: usize,
}

/// What no volume that we mean to read exceeds.
const MAX_ITEMS: usize = 2_000_000;
const MAX_PATHS_LEN: usize = 512 << 20;
const MAX_PATH_LEN: usize = 32_767;
/// A folder has 65,536 entries at most.
const MAX_FOLDER_LEN: u64 = 65_536 * ENTRY_LEN;

/// Pages of the table are read when they are needed.
const PAGE_LEN: u64 = 64 << 10;

struct Reader<'a, R> {
    medium: &'a mut R,
    geometry: &'a Geometry,
    /// The page of the table that was read last: its number, and its bytes.
    page: (u64, Vec<u8>),
    last_cluster: u64,
    /// How many clusters all chains have: more than there are means that some are in two of them, or in a circle.
    n_taken: u64,
}

impl<R: Read + Seek> Reader<'_, R> {
    /// The places of a chain that has no more than so many clusters; those that touch are one.
    fn chain(&mut self, what: &str, first: u64, most: u64) -> Result<Vec<Range<u64>>> {
        let Geometry { data, cluster_len, n_clusters, .. } = *self.geometry;
        let mut places: Vec<Range<u64>> = Vec::new();
        let (mut cluster, mut n) = (first, 0);
        loop {
            if !self.geometry.holds(cluster) {
                return Err(Error::new(format!("{what} goes on in cluster {cluster}, and there is none")));
            }
            (n, self.n_taken) = (n + 1, self.n_taken + 1);
            if n > most || self.n_taken > n_clusters {
                return Err(Error::new(format!("{what} has more clusters than it can have")));
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
        let at = self.geometry.entry_offset(cluster);
        let (value, end) = match self.geometry.width {
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
        let Geometry { table, table_len, .. } = *self.geometry;
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
        if len > MAX_FOLDER_LEN.next_multiple_of(self.geometry.cluster_len) {
            return Err(Error::new(format!("{what} has {len} bytes, and FAT holds {MAX_FOLDER_LEN}")));
        }
        let mut bytes = Vec::new();
        for place in places {
            bytes.extend(read_at(self.medium, &what, place.start, place.end - place.start)?);
            tree.folders.push(place.clone());
        }
        let mut long = LongName::default();
        let mut names = HashSet::new();
        for entry in bytes.chunks_exact(ENTRY_LEN as usize).take_while(|entry| entry[0] != 0) {
            let attributes = entry[11];
            if entry[0] == 0xE5 {
                long = LongName::default();
                continue;
            }
            if attributes & 0x3F == 0x0F {
                long.take(entry);
                continue;
            }
            let name = std::mem::take(&mut long).finish(entry).unwrap_or_else(|| short_name(entry));
            if attributes & 0x08 != 0 {
                if folder.is_empty() && tree.label.is_none() {
                    tree.label = label_of(&entry[..11]);
                    tree.date = date(entry);
                }
                continue;
            }
            if entry[0] == b'.' {
                continue;
            }
            if !names.insert(name.to_uppercase()) {
                return Err(Error::new(format!("{what} has the name `{name}` twice")));
            }
            let path = tree.path(folder, &name)?;
            let first = u64::from(u16_at(entry, 20)) << 16 | u64::from(u16_at(entry, 26));
            if attributes & 0x10 != 0 {
                let most = MAX_FOLDER_LEN.div_ceil(self.geometry.cluster_len);
                let places = self.chain(&format!("the folder `/{path}`"), first, most)?;
                tree.files.push(File { path: path.clone(), is_folder: true, len: 0, extents: Vec::new() });
                waiting.push((path, places));
                continue;
            }
            let len = u64::from(u16_at(entry, 28)) | u64::from(u16_at(entry, 30)) << 16;
            let extents = self.file(&path, first, len)?;
            tree.files.push(File { path, is_folder: false, len, extents });
        }
        Ok(())
    }

    fn file(&mut self, path: &str, first: u64, len: u64) -> Result<Vec<Range<u64>>> {
        if len == 0 {
            return Ok(Vec::new());
        }
        let mut extents = self.chain(&format!("the file `{path}`"), first, self.geometry.n_clusters)?;
        let chain_len: u64 = extents.iter().map(|extent| extent.end - extent.start).sum();
        if chain_len < len || chain_len - len >= self.geometry.cluster_len {
            return Err(Error::new(format!("the file `{path}` has {len} bytes, and clusters for {chain_len}")));
        }
        if let Some(last) = extents.last_mut() {
            last.end -= chain_len - len;
        }
        Ok(extents)
    }
}

impl Tree {
    fn path(&mut self, folder: &str, name: &str) -> Result<String> {
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            return Err(Error::new(format!("`{}` in the folder `/{folder}` is no name", name.escape_debug())));
        }
        let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        self.paths_len += path.len();
        if path.len() > MAX_PATH_LEN || self.files.len() >= MAX_ITEMS || self.paths_len > MAX_PATHS_LEN {
            return Err(Error::new(format!("the volume holds more than can be read: `{folder}`")));
        }
        Ok(path)
    }
}

/// The pieces of a long name, which stand before their short one, the last piece first.
#[derive(Default)]
struct LongName {
    units: Vec<u16>,
    /// The number of the piece that is expected next; 0 when the name is whole.
    next: u8,
    checksum: u8,
}

impl LongName {
    fn take(&mut self, entry: &[u8]) {
        let number = entry[0] & 0x3F;
        if entry[0] & 0x40 != 0 {
            *self =
                Self { units: vec![0xFFFF; usize::from(number) * LONG_NAME_UNITS], next: number, checksum: entry[13] };
        }
        if number == 0 || number != self.next || entry[13] != self.checksum {
            *self = Self::default();
            return;
        }
        self.next -= 1;
        let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain((28..32).step_by(2));
        let units = &mut self.units[usize::from(self.next) * LONG_NAME_UNITS..];
        for (unit, at) in units.iter_mut().zip(places) {
            *unit = u16_at(entry, at);
        }
    }

    /// The name, if it is whole and belongs to this short one.
    fn finish(self, entry: &[u8]) -> Option<String> {
        let short = ShortName(entry[..11].try_into().ok()?);
        if self.units.is_empty() || self.next != 0 || short.checksum() != self.checksum {
            return None;
        }
        let end = self.units.iter().position(|unit| matches!(unit, 0 | 0xFFFF)).unwrap_or(self.units.len());
        Some(String::from_utf16_lossy(&self.units[..end]))
    }
}

/// A short name as it is shown: Windows marks parts that are meant in lower case.
fn short_name(entry: &[u8]) -> String {
    let part = |bytes: &[u8], is_lower: bool| {
        // A name that starts with the mark of deleted entries has 05 in its place.
        let text: String = bytes.iter().map(|byte| letter(if *byte == 0x05 { 0xE5 } else { *byte })).collect();
        let text = text.trim_end().to_owned();
        if is_lower { text.to_lowercase() } else { text }
    };
    let stem = part(&entry[..8], entry[12] & 0x08 != 0);
    let extension = part(&entry[8..11], entry[12] & 0x10 != 0);
    if extension.is_empty() { stem } else { format!("{stem}.{extension}") }
}

/// When an entry was written.
fn date(entry: &[u8]) -> Option<Date> {
    let (time, day, hundredths) = (u16_at(entry, 22), u16_at(entry, 24), entry[13]);
    let second = (time & 0x1F) as u8 * 2 + hundredths / 100;
    let civil = (1980 + (day >> 9), (day >> 5 & 0xF) as u8, (day & 0x1F) as u8);
    Date::from_civil((civil.0, civil.1, civil.2, (time >> 11) as u8, (time >> 5 & 0x3F) as u8, second), 0)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn read_at(medium: &mut (impl Read + Seek), what: &str, offset: u64, len: u64) -> Result<Vec<u8>> {
    let mut bytes = vec![0; len as usize];
    let read = medium.seek(SeekFrom::Start(offset)).and_then(|_| medium.read_exact(&mut bytes));
    read.map_err(|error| Error::new(format!("reading {what} at byte {offset}")).because(error))?;
    Ok(bytes)
}
