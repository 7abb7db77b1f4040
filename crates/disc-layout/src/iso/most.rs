//! What things take on a disc without slack, at most: known of each by itself, so that what goes on a disc can be
//! chosen without laying it out again and again.
//!
//! The sum is never below what the layout takes, and a few percent above it (a tenth for a disc of nothing but tiny
//! files): a property test holds both.

use super::ecma119::MAX_RECORD_DATA;
use super::place::HEAD_END;
use super::unicode::compressed_len;
use super::{SECTOR, catalog, sectors};
use crate::volume::BootEntry;

/// Files from here on start at a multiple of two sectors, so that one may be lost before them.
const ALIGNED: u64 = 64 << 10;

/// The longest record of ISO 9660 (ECMA-119 9.1): 31 characters, a full stop and the version.
const ISO_RECORD: u64 = 68;
/// The longest of Joliet: 103 characters and the version.
const JOLIET_RECORD: u64 = 244;
/// A name that has to be told apart from another one may get so many characters more.
const MARK: u64 = 9;

/// A file: its bytes, its file entry, and its records in the folders of three file systems.
pub fn file(name: &str, len: u64) -> u64 {
    let n_records = len.div_ceil(MAX_RECORD_DATA).max(1);
    let lost = if len >= ALIGNED { SECTOR } else { 0 };
    sectors(len) * SECTOR + lost + SECTOR + n_records * records(name) + identifier(name)
}

/// A folder by itself: its file entry, what it takes when it is empty in three file systems, its places in the four
/// path tables, and its records in the folder that it is in.
pub fn folder(name: &str) -> u64 {
    // The last sector of each of its three lists, and the records of the folder itself and the one above it.
    const EMPTY: u64 = 3 * SECTOR + 2 * 2 * 34 + 40;
    let path_tables = 2 * (8 + 32) + 2 * (8 + 2 * (n_chars(name) + MARK));
    SECTOR + EMPTY + path_tables + records(name) + identifier(name)
}

/// The disc itself, when it holds nothing: the head, the empty sectors before its end, the root folder and its boot
/// programs.
pub fn disc(boot: &[BootEntry]) -> u64 {
    // The head with the file set and the early file entries, what rounds path tables and the start of the data up, and
    // the end.
    const N_SECTORS: u64 = HEAD_END + 4 + 2 + 151;
    let programs: u64 = boot.iter().map(|entry| (sectors(catalog::room(entry)) + 1) * SECTOR).sum();
    N_SECTORS * SECTOR + folder("") + programs
}

/// A record in ISO 9660 and one in Joliet, with what is lost at the ends of sectors, which records don't cross.
fn records(name: &str) -> u64 {
    let joliet = (33 + 2 * (n_chars(name) + MARK + 2) + 1).min(JOLIET_RECORD);
    let with_loss = |record: u64, longest: u64| (record * SECTOR).div_ceil(SECTOR - longest);
    with_loss(ISO_RECORD, ISO_RECORD) + with_loss(joliet, JOLIET_RECORD)
}

/// A file identifier of UDF (ECMA-167 4/14.4).
fn identifier(name: &str) -> u64 {
    (38 + compressed_len(name) as u64).next_multiple_of(4)
}

fn n_chars(name: &str) -> u64 {
    name.chars().count() as u64
}
