//! Writer of partition tables: MBR, or GPT (UEFI 2.10, chapter 5) with its protective MBR and both copies.
//!
//! Sectors have 512 bytes. Values that are normally random are derived from the identity of the contents: the signature
//! of an MBR, and the GUIDs of a disk and its partitions. The boot code of an MBR makes a BIOS try the next device (INT
//! 18h).

use std::sync::Arc;

use super::gpt::crc32;
use super::{Guid, Partition, PartitionKind, PartitionScheme};
use crate::digest::Digest;
use crate::layout::{Extent, Piece};

const SECTOR_LEN: u64 = 512;

/// Number and length of the entries: 128 of 128 bytes, the minimum (5.3) and the usual size.
const N_ENTRIES: u64 = 128;
const ENTRY_LEN: u64 = 128;
const ENTRIES_SECTORS: u64 = N_ENTRIES * ENTRY_LEN / SECTOR_LEN;
const HEADER_LEN: u32 = 92;

/// Length of the backup at the end of a disk, in bytes.
pub const GPT_END_LEN: u64 = (ENTRIES_SECTORS + 1) * SECTOR_LEN;

/// Lays out the table of a disk of `disk_len` bytes. `id` is the identity of the disk.
pub fn extents(scheme: PartitionScheme, id: Digest, disk_len: u64, partitions: &[Partition]) -> Vec<Extent> {
    let extent = |sector: u64, bytes: Vec<u8>| {
        let piece = Piece::Bytes(Arc::from(bytes));
        Extent { offset: sector * SECTOR_LEN, len: SECTOR_LEN, piece }
    };
    let n_sectors = disk_len / SECTOR_LEN;
    match scheme {
        PartitionScheme::Mbr => {
            let entries = partitions.iter().map(|partition| {
                let kind = match partition.kind {
                    PartitionKind::Mbr(kind) => kind,
                    PartitionKind::Gpt(_) => 0,
                };
                let (start, len) = (partition.offset / SECTOR_LEN, partition.len / SECTOR_LEN);
                mbr_entry(partition.is_active, kind, start, len, cylinder_head_sector)
            });
            vec![extent(0, mbr(&id.0[4..8], entries))]
        }
        PartitionScheme::Gpt => {
            // 5.2.3: the protective partition starts at the header, and is as long as its field allows.
            let protective = mbr_entry(false, 0xEE, 1, (n_sectors - 1).min(u32::MAX.into()), |sector| match sector {
                1 => [0, 2, 0],
                _ => [0xFF; 3],
            });
            let entries = gpt_entries(id, partitions);
            let last = n_sectors - 1;
            let header =
                |own: u64, other: u64, entries_at: u64| gpt_header(id, n_sectors, own, other, entries_at, &entries);
            let [first, backup] = [header(1, last, 2), header(last, 1, last - ENTRIES_SECTORS)];
            let table = |sector: u64| {
                let piece = Piece::Bytes(Arc::from(entries.as_slice()));
                Extent { offset: sector * SECTOR_LEN, len: entries.len() as u64, piece }
            };
            vec![
                extent(0, mbr(&[0; 4], [protective].into_iter())),
                extent(1, first),
                table(2),
                table(last - ENTRIES_SECTORS),
                extent(last, backup),
            ]
        }
    }
}

fn mbr(signature: &[u8], entries: impl Iterator<Item = [u8; 16]>) -> Vec<u8> {
    let mut sector = vec![0; SECTOR_LEN as usize];
    sector[..4].copy_from_slice(&[0xCD, 0x18, 0xEB, 0xFE]);
    sector[440..444].copy_from_slice(signature);
    for (entry, at) in entries.zip((446..510).step_by(16)) {
        sector[at..at + 16].copy_from_slice(&entry);
    }
    sector[510..].copy_from_slice(&[0x55, 0xAA]);
    sector
}

fn mbr_entry(is_active: bool, kind: u8, start: u64, n_sectors: u64, address: impl Fn(u64) -> [u8; 3]) -> [u8; 16] {
    let mut entry = [0; 16];
    entry[0] = if is_active { 0x80 } else { 0 };
    entry[1..4].copy_from_slice(&address(start));
    entry[4] = kind;
    entry[5..8].copy_from_slice(&address(start + n_sectors - 1));
    entry[8..12].copy_from_slice(&(start as u32).to_le_bytes());
    entry[12..].copy_from_slice(&(n_sectors as u32).to_le_bytes());
    entry
}

/// Address of a sector with the customary geometry of 255 heads and 63 sectors. Sectors beyond it get the highest
/// address.
fn cylinder_head_sector(sector: u64) -> [u8; 3] {
    let (cylinder, head, sector) = (sector / (255 * 63), sector / 63 % 255, sector % 63 + 1);
    match cylinder {
        0..=1_023 => [head as u8, sector as u8 | (cylinder >> 2) as u8 & 0xC0, cylinder as u8],
        _ => [0xFE, 0xFF, 0xFF],
    }
}

fn gpt_header(id: Digest, n_sectors: u64, own: u64, other: u64, entries_at: u64, entries: &[u8]) -> Vec<u8> {
    let mut sector = vec![0; SECTOR_LEN as usize];
    let mut put = |at: usize, bytes: &[u8]| sector[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"EFI PART");
    put(8, &0x0001_0000u32.to_le_bytes()); // revision
    put(12, &HEADER_LEN.to_le_bytes());
    put(24, &own.to_le_bytes());
    put(32, &other.to_le_bytes());
    put(40, &(2 + ENTRIES_SECTORS).to_le_bytes()); // the first sector for partitions
    put(48, &(n_sectors - ENTRIES_SECTORS - 2).to_le_bytes()); // and the last
    put(56, &guid(id, 0).0);
    put(72, &entries_at.to_le_bytes());
    put(80, &(N_ENTRIES as u32).to_le_bytes());
    put(84, &(ENTRY_LEN as u32).to_le_bytes());
    put(88, &crc32(entries).to_le_bytes());
    let crc = crc32(&sector[..HEADER_LEN as usize]);
    sector[16..20].copy_from_slice(&crc.to_le_bytes());
    sector
}

fn gpt_entries(id: Digest, partitions: &[Partition]) -> Vec<u8> {
    let mut bytes = vec![0; (N_ENTRIES * ENTRY_LEN) as usize];
    for (entry, partition) in bytes.chunks_exact_mut(ENTRY_LEN as usize).zip(partitions) {
        let PartitionKind::Gpt(kind) = partition.kind else { continue };
        let (first, end) = (partition.offset / SECTOR_LEN, (partition.offset + partition.len) / SECTOR_LEN);
        entry[..16].copy_from_slice(&kind.0);
        entry[16..32].copy_from_slice(&guid(id, partition.number).0);
        entry[32..40].copy_from_slice(&first.to_le_bytes());
        entry[40..48].copy_from_slice(&(end - 1).to_le_bytes());
        // The name has 36 UTF-16 units. Don't cut a surrogate pair in two.
        let mut name = entry[56..].chunks_exact_mut(2);
        let mut n_left = name.len();
        for letter in partition.name.chars() {
            n_left = match n_left.checked_sub(letter.len_utf16()) {
                Some(n_left) => n_left,
                None => break,
            };
            for (unit, place) in letter.encode_utf16(&mut [0; 2]).iter().zip(name.by_ref()) {
                place.copy_from_slice(&unit.to_le_bytes());
            }
        }
    }
    bytes
}

/// Derives the GUID of the disk (0) or of a partition, marked as random (RFC 9562, 5.4).
fn guid(id: Digest, number: u32) -> Guid {
    let digest = Digest::hash(&[id.0.as_slice(), &number.to_le_bytes()].concat());
    let mut bytes: [u8; 16] = std::array::from_fn(|n| digest.0[n]);
    // The third field is little-endian on disk.
    bytes[7] = bytes[7] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    Guid(bytes)
}
