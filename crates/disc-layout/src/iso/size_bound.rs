//! Upper bounds of the room that items take on a disc without slack. Each item has a bound of its own, so that a set
//! can be divided into discs without laying out each attempt.
//!
//! The sum is never below the actual length, and at most a few percent above (a tenth for a disc of nothing but tiny
//! files). A property test checks both.

use super::ecma119::MAX_RECORD_DATA;
use super::place::HEAD_END;
use super::unicode::compressed_len;
use super::{SECTOR, catalog, sectors};
use crate::volume::BootEntry;

/// Length from which a file is aligned to two sectors, so that one may be lost before it.
const ALIGNED: u64 = 64 << 10;

/// Maximum length of an ISO 9660 record (ECMA-119 9.1): 31 characters, a full stop and the version.
const ISO_RECORD: u64 = 68;
/// Maximum length of a Joliet record: 103 characters and the version.
const JOLIET_RECORD: u64 = 244;
/// Number of characters that are appended to make a name unique.
const MARK: u64 = 9;

/// Returns a bound for a file: its bytes, its file entry, and its records in three file systems.
pub fn file(name: &str, len: u64) -> u64 {
    let n_records = len.div_ceil(MAX_RECORD_DATA).max(1);
    let lost = if len >= ALIGNED { SECTOR } else { 0 };
    sectors(len) * SECTOR + lost + SECTOR + n_records * records(name) + identifier(name)
}

/// Returns a bound for an empty folder: its file entry, its own records in three file systems, its entries in four path
/// tables, and its records in the parent folder.
pub fn folder(name: &str) -> u64 {
    // Last sector of each of the three folders, and the records of the folder itself and of its parent.
    const EMPTY: u64 = 3 * SECTOR + 2 * 2 * 34 + 40;
    let path_tables = 2 * (8 + 32) + 2 * (8 + 2 * (n_chars(name) + MARK));
    SECTOR + EMPTY + path_tables + records(name) + identifier(name)
}

/// Returns a bound for an empty disc: the head, the padding before its end, the root folder and the boot programs.
pub fn disc(boot: &[BootEntry]) -> u64 {
    // Head with the file set and the early file entries, alignment of the path tables and of the data, and the end.
    const N_SECTORS: u64 = HEAD_END + 4 + 2 + 151;
    let programs: u64 = boot.iter().map(|entry| (sectors(catalog::room(entry)) + 1) * SECTOR).sum();
    N_SECTORS * SECTOR + folder("") + programs
}

/// Returns a bound for one record each in ISO 9660 and Joliet, with the loss at sector boundaries, which records don't
/// cross.
fn records(name: &str) -> u64 {
    let joliet = (33 + 2 * (n_chars(name) + MARK + 2) + 1).min(JOLIET_RECORD);
    let with_loss = |record: u64, longest: u64| (record * SECTOR).div_ceil(SECTOR - longest);
    with_loss(ISO_RECORD, ISO_RECORD) + with_loss(joliet, JOLIET_RECORD)
}

/// Length of a UDF file identifier descriptor (ECMA-167 4/14.4).
fn identifier(name: &str) -> u64 {
    (38 + compressed_len(name) as u64).next_multiple_of(4)
}

fn n_chars(name: &str) -> u64 {
    name.chars().count() as u64
}
