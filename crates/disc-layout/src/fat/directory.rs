//! Writer of directory entries ("FAT Directory Structure", "FAT Long Directory Entries").

use crate::date::Date;
use crate::tree::ItemKind;

use super::short_name::ShortName;
use super::tree::{ENTRY_LEN, FatTree, LONG_NAME_UNITS};
use super::{FatPlacement, FatRun};

const ATTR_VOLUME_ID: u8 = 0x08;
const ATTR_DIRECTORY: u8 = 0x10;
const ATTR_ARCHIVE: u8 = 0x20;
const ATTR_LONG_NAME: u8 = 0x0F;

/// Flag of the last piece of a long name, which is stored first.
const LAST_LONG_ENTRY: u8 = 0x40;

/// Formats the entries of a folder.
pub(super) fn directory(tree: &FatTree, folder: usize, placement: &FatPlacement, date: Date) -> Vec<u8> {
    let items = tree.items.items();
    let mut bytes = Vec::with_capacity(tree.len(folder) as usize);
    if folder == 0 {
        if let Some(label) = tree.label_entry() {
            bytes.extend(short_entry(label, ATTR_VOLUME_ID, None, 0, date));
        }
    } else {
        // A parent that is the root folder is written as cluster 0, even on FAT32.
        let parent = items[folder].parent;
        let parent = if parent == 0 { None } else { placement.runs[parent] };
        bytes.extend(short_entry(*b".          ", ATTR_DIRECTORY, placement.runs[folder], 0, date));
        bytes.extend(short_entry(*b"..         ", ATTR_DIRECTORY, parent, 0, date));
    }
    for item in tree.items.items_in(folder) {
        long_entries(tree, item, &mut bytes);
        let (ShortName(short), run) = (tree.short(item), placement.runs[item]);
        bytes.extend(match items[item].what {
            ItemKind::Folder { .. } => short_entry(short, ATTR_DIRECTORY, run, 0, date),
            // The tree contains no file of 4 GiB or more.
            ItemKind::File(content) => short_entry(short, ATTR_ARCHIVE, run, content.len() as u32, date),
        });
    }
    assert_eq!(bytes.len() as u64, tree.len(folder), "a folder has the length that it was given a place for");
    bytes
}

fn short_entry(name: [u8; 11], attributes: u8, run: Option<FatRun>, len: u32, date: Date) -> [u8; ENTRY_LEN as usize] {
    let mut entry = [0; ENTRY_LEN as usize];
    let cluster = run.map_or(0, |run| run.start.number() as u32);
    let (day, time, hundredths) = moment(date);
    entry[0..11].copy_from_slice(&name); // DIR_Name
    entry[11] = attributes; // DIR_Attr
    entry[13] = hundredths; // DIR_CrtTimeTenth
    entry[14..16].copy_from_slice(&time.to_le_bytes()); // DIR_CrtTime
    entry[16..18].copy_from_slice(&day.to_le_bytes()); // DIR_CrtDate
    entry[18..20].copy_from_slice(&day.to_le_bytes()); // DIR_LstAccDate
    entry[20..22].copy_from_slice(&((cluster >> 16) as u16).to_le_bytes()); // DIR_FstClusHI
    entry[22..24].copy_from_slice(&time.to_le_bytes()); // DIR_WrtTime
    entry[24..26].copy_from_slice(&day.to_le_bytes()); // DIR_WrtDate
    entry[26..28].copy_from_slice(&(cluster as u16).to_le_bytes()); // DIR_FstClusLO
    entry[28..32].copy_from_slice(&len.to_le_bytes()); // DIR_FileSize
    entry
}

/// Formats a time ("Date and Time Formats") as day, seconds in steps of two, and hundredths for odd seconds.
fn moment(date: Date) -> (u16, u16, u8) {
    let (year, month, day, hour, minute, second) = date.civil();
    let date = (year - 1980) << 9 | u16::from(month) << 5 | u16::from(day);
    let time = u16::from(hour) << 11 | u16::from(minute) << 5 | (u16::from(second) / 2);
    (date, time, second % 2 * 100)
}

/// Appends the pieces of a long name, the last one first. Adds nothing if the name is a short one.
fn long_entries(tree: &FatTree, item: usize, bytes: &mut Vec<u8>) {
    if tree.is_short(item) {
        return;
    }
    let units: Vec<u16> = tree.items.items()[item].name.encode_utf16().collect();
    for (n, piece) in units.chunks(LONG_NAME_UNITS).enumerate().rev() {
        let is_last = (n + 1) * LONG_NAME_UNITS >= units.len();
        // The name is terminated by a zero and padded with 0xFFFF, unless it fills the piece.
        let mut padded = [0xFFFF_u16; LONG_NAME_UNITS];
        padded[..piece.len()].copy_from_slice(piece);
        if let Some(end) = padded.get_mut(piece.len()) {
            *end = 0;
        }
        let mut long = [0; ENTRY_LEN as usize];
        long[0] = (n as u8 + 1) | if is_last { LAST_LONG_ENTRY } else { 0 }; // LDIR_Ord
        long[11] = ATTR_LONG_NAME; // LDIR_Attr
        long[13] = tree.short(item).checksum(); // LDIR_Chksum
        // LDIR_Name1, LDIR_Name2, LDIR_Name3
        let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain((28..32).step_by(2));
        for (at, unit) in places.zip(padded) {
            long[at..at + 2].copy_from_slice(&unit.to_le_bytes());
        }
        bytes.extend(long);
    }
}
