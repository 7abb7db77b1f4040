//! ISO 9660 (ECMA-119, level 3) and Joliet: volume descriptors, path tables and folders.
//!
//! Both use the same structures with different characters; a [`View`] is either of them. Files of more than 4 GiB have
//! several records (6.5.1, 9.1.6). Empty files have extent 0.

use super::SECTOR;
use super::bytes::FieldBuffer;
use super::name::{self, Charset};
use super::places::{DiscPlaces, SectorRun};
use crate::date::Date;
use crate::tree::{ItemKind, Tree};
use crate::volume::Volume;

/// Maximum number of bytes in a record of a file, in whole sectors.
pub const MAX_RECORD_DATA: u64 = 0xFFFF_F800;

/// File flags (9.1.6).
const FLAG_FOLDER: u8 = 0x02;
const FLAG_MORE_EXTENTS: u8 = 0x80;

/// Tree with the names of ISO 9660 or of Joliet.
pub struct View {
    pub charset: Charset,
    /// Identifier of each item of the tree.
    identifiers: Vec<Box<[u8]>>,
    /// Item numbers. Within the range of a folder's items, they are in the order of their records (9.3).
    order: Vec<u32>,
    /// Item numbers of the folders, in the order of the path table (6.9.1).
    pub folders: Vec<u32>,
    /// Position of each folder in `folders`, by item number.
    position: Vec<u32>,
}

impl View {
    pub fn new(tree: &Tree, charset: Charset) -> Self {
        let n_items = tree.items().len();
        let mut identifiers: Vec<Box<[u8]>> = vec![Box::default(); n_items];
        let mut order: Vec<u32> = (0..n_items as u32).collect();
        let mut folders = vec![0];
        let mut position = vec![0; n_items];
        // Breadth first, with the items of each folder sorted: this is the order of the path table.
        let mut next = 0;
        while let Some(&folder) = folders.get(next) {
            position[folder as usize] = next as u32;
            next += 1;
            let items = tree.items_in(folder as usize);
            let names: Vec<_> = items.clone().map(|item| (tree.items()[item].name, tree.is_folder(item))).collect();
            for (item, identifier) in items.clone().zip(name::identifiers(charset, &names)) {
                identifiers[item] = identifier;
            }
            let sorted = &mut order[items];
            sorted.sort_by(|a, b| identifiers[*a as usize].cmp(&identifiers[*b as usize]));
            folders.extend(sorted.iter().copied().filter(|item| tree.is_folder(*item as usize)));
        }
        Self { charset, identifiers, order, folders, position }
    }

    /// Formats the volume descriptor (8.4; for Joliet 8.5, with the escape sequence of level 3).
    pub fn descriptor(&self, volume: &Volume, known: &DiscPlaces) -> Vec<u8> {
        let mut sector = FieldBuffer::zeroed(SECTOR as usize);
        let run = &known.views[self.index()];
        let is_joliet = self.charset == Charset::Joliet;
        sector.u8(0, if is_joliet { 2 } else { 1 }); // 8.4.1 type: primary or supplementary
        sector.put(1, b"CD001"); // 8.4.2
        sector.u8(6, 1); // 8.4.3 version
        self.put_text(&mut sector, 8, 32, ""); // 8.4.5 system identifier
        self.put_text(&mut sector, 40, 32, &self.label(&volume.label)); // 8.4.6 volume identifier
        sector.both32(80, known.n_sectors as u32); // 8.4.8 volume space size
        if is_joliet {
            sector.put(88, b"%/E"); // 8.5.6 escape sequences: UCS-2 level 3
        }
        sector.both16(120, 1); // 8.4.10 volume set size
        sector.both16(124, 1); // 8.4.11 volume sequence number
        sector.both16(128, SECTOR as u16); // 8.4.12 logical block size
        sector.both32(132, run.path_table_len as u32); // 8.4.13
        sector.le32(140, run.path_tables[0] as u32); // 8.4.14 type L path table
        sector.be32(148, run.path_tables[1] as u32); // 8.4.16 type M path table
        sector.put(156, &record(b"\0", run.folders[0], FLAG_FOLDER, volume.date)); // 8.4.18 root folder
        self.put_text(&mut sector, 190, 128, &volume.id.to_string().to_uppercase()); // 8.4.19 volume set
        self.put_text(&mut sector, 318, 128, ""); // 8.4.20 publisher
        self.put_text(&mut sector, 446, 128, ""); // 8.4.21 data preparer
        self.put_text(&mut sector, 574, 128, "TSMEDIA"); // 8.4.22 application
        for at in [702, 739, 776] {
            self.put_text(&mut sector, at, 37, ""); // 8.4.23–25 copyright, abstract and bibliographic file
        }
        let date = long_date(volume.date);
        sector.put(813, &date); // 8.4.26 creation
        sector.put(830, &date); // 8.4.27 modification
        sector.put(847, b"0000000000000000\0"); // 8.4.28 expiration: not specified
        sector.put(864, b"0000000000000000\0"); // 8.4.29 effective: not specified
        sector.u8(881, 1); // 8.4.31 file structure version
        sector.into_vec()
    }

    /// Formats the path table (9.4), with numbers in little-endian (type L) or big-endian order (type M).
    pub fn path_table(&self, tree: &Tree, known: &DiscPlaces, is_big_endian: bool) -> Vec<u8> {
        let mut table = Vec::new();
        for (position, &folder) in self.folders.iter().enumerate() {
            let identifier: &[u8] = if folder == 0 { b"\0" } else { &self.identifiers[folder as usize] };
            let parent = self.position[tree.items()[folder as usize].parent] as u16 + 1;
            let sector = known.views[self.index()].folders[position].sector as u32;
            table.push(identifier.len() as u8); // 9.4.1; 9.4.2 extended attributes: none
            table.push(0);
            match is_big_endian {
                false => table.extend(sector.to_le_bytes().into_iter().chain(parent.to_le_bytes())), // 9.4.3–4
                true => table.extend(sector.to_be_bytes().into_iter().chain(parent.to_be_bytes())),
            }
            table.extend(identifier); // 9.4.5
            table.extend(vec![0; identifier.len() % 2]); // 9.4.6
        }
        table
    }

    /// Formats the records of a folder (6.8.1). No record crosses a sector boundary.
    pub fn folder(&self, tree: &Tree, folder: usize, date: Date, known: &DiscPlaces) -> Vec<u8> {
        let folders = &known.views[self.index()].folders;
        let run_of = |item: usize| folders[self.position[item] as usize];
        let mut records = record(b"\0", run_of(folder), FLAG_FOLDER, date);
        records.extend(record(b"\x01", run_of(tree.items()[folder].parent), FLAG_FOLDER, date));
        let mut add = |record: Vec<u8>| {
            let room = SECTOR as usize - records.len() % SECTOR as usize;
            if record.len() > room {
                records.resize(records.len() + room, 0);
            }
            records.extend(record);
        };
        for &item in &self.order[tree.items_in(folder)] {
            let item = item as usize;
            let identifier = &self.identifiers[item];
            match &tree.items()[item].what {
                ItemKind::Folder { .. } => add(record(identifier, run_of(item), FLAG_FOLDER, date)),
                ItemKind::File(_) => {
                    // The number of records must not depend on whether the position of the file is known yet.
                    let (mut sector, mut len) = (known.data[item].sector, tree.file_len(item));
                    while len > MAX_RECORD_DATA {
                        let part = SectorRun { sector, len: MAX_RECORD_DATA };
                        add(record(identifier, part, FLAG_MORE_EXTENTS, date));
                        sector += MAX_RECORD_DATA / SECTOR;
                        len -= MAX_RECORD_DATA;
                    }
                    add(record(identifier, SectorRun { sector, len }, 0, date));
                }
            }
        }
        // The length of a folder counts whole sectors (6.8.1.3).
        records.resize(records.len().next_multiple_of(SECTOR as usize), 0);
        records
    }

    /// Position of a folder in the path table, from 0.
    pub fn position(&self, folder: usize) -> usize {
        self.position[folder] as usize
    }

    /// Index of this view among the two of a disc.
    pub fn index(&self) -> usize {
        usize::from(self.charset == Charset::Joliet)
    }

    /// Volume label in the view's characters, cut to its maximum length.
    fn label(&self, label: &str) -> String {
        let max_len = if self.charset == Charset::Iso { 32 } else { 16 };
        label.chars().take(max_len).map(|c| self.charset.letter(c)).collect()
    }

    /// Writes a text into a field and pads it with spaces.
    fn put_text(&self, sector: &mut FieldBuffer, at: usize, len: usize, text: &str) {
        match self.charset {
            Charset::Iso => sector.put_filled(at, len, text.as_bytes(), b' '),
            Charset::Joliet => {
                // A field of odd length ends with a zero byte.
                let spaces = std::iter::repeat(u16::from(b' '));
                let units = text.encode_utf16().chain(spaces).take(len / 2);
                sector.put(at, &units.flat_map(u16::to_be_bytes).collect::<Vec<_>>());
            }
        }
    }
}

/// Formats the descriptor that terminates the volume descriptors (8.3).
pub fn terminator() -> Vec<u8> {
    let mut sector = FieldBuffer::zeroed(SECTOR as usize);
    sector.u8(0, 255); // 8.3.1 type
    sector.put(1, b"CD001"); // 8.3.2
    sector.u8(6, 1); // 8.3.3 version
    sector.into_vec()
}

/// Formats a directory record (9.1).
fn record(identifier: &[u8], run: SectorRun, flags: u8, date: Date) -> Vec<u8> {
    let len = (33 + identifier.len()).next_multiple_of(2);
    let mut record = FieldBuffer::zeroed(len);
    record.u8(0, len as u8); // 9.1.1
    record.both32(2, run.sector as u32); // 9.1.3 location of extent
    record.both32(10, run.len as u32); // 9.1.4 data length
    let (year, month, day, hour, minute, second) = date.civil();
    record.put(18, &[(year - 1900) as u8, month, day, hour, minute, second, 0]); // 9.1.5, in UTC
    record.u8(25, flags); // 9.1.6
    record.both16(28, 1); // 9.1.9 volume sequence number
    record.u8(32, identifier.len() as u8); // 9.1.10
    record.put(33, identifier); // 9.1.11
    record.into_vec()
}

/// Formats a date as digits down to hundredths of a second, and the offset from UTC (8.4.26.1).
fn long_date(date: Date) -> Vec<u8> {
    let (year, month, day, hour, minute, second) = date.civil();
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}00\0").into_bytes()
}
