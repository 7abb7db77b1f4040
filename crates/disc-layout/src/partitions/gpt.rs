//! Reader of GUID partition tables.

use std::fmt;
use std::io::{Read, Seek};

use crate::decode::from_utf16;
use crate::limits::MAX_PARTITION_ENTRIES_LEN;

use super::{Partition, PartitionFault, PartitionKind, PartitionScheme, PartitionTable, read_at};
use crate::little_endian::{u16_at, u32_at, u64_at};

/// GUID as stored on disk: its first three fields are little-endian.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Guid(pub [u8; 16]);

const MARK: &[u8] = b"EFI PART";
const SECTOR_LENS: [u64; 2] = [512, 4096];

/// Length of the fields that every header has. Longer headers are reserved for later versions and covered by the CRC.
const HEADER_LEN: usize = 92;
const MIN_ENTRY_LEN: u64 = 128;

/// One of the two headers, validated.
struct GptHeader {
    /// Sector of the other header.
    other: u64,
    entries_at: u64,
    n_entries: u64,
    entry_len: u64,
    entries_crc: u32,
}

/// Reads a GPT. `None` if there is none. If the MBR announces one, it must exist.
pub(super) fn read(
    disk: &mut (impl Read + Seek),
    len: u64,
    is_expected: bool,
) -> Result<Option<PartitionTable>, PartitionFault> {
    let mut fault = None;
    for sector_len in SECTOR_LENS {
        let last = (len / sector_len).saturating_sub(1);
        let primary = copy(disk, len, sector_len, 1)?;
        let place = match &primary {
            Ok((header, _)) => header.other,
            Err(_) => last,
        };
        // A backup without a primary header, or an MBR that announces it, is left over from an earlier use of the disk.
        let backup =
            if is_expected || !matches!(primary, Err(None)) { copy(disk, len, sector_len, place)? } else { Err(None) };
        let (partitions, damage) = match (primary, backup) {
            (Ok((_, partitions)), Ok(_)) => (partitions, None),
            (Ok((_, partitions)), Err(why)) => (partitions, Some(why.unwrap_or("the backup GPT is missing"))),
            (Err(why), Ok((_, partitions))) => (partitions, Some(why.unwrap_or("the first GPT header is missing"))),
            (Err(first), Err(second)) => {
                fault = fault.or(first).or(second);
                continue;
            }
        };
        return Ok(Some(PartitionTable { scheme: PartitionScheme::Gpt, sector_len, partitions, damage }));
    }
    match fault {
        Some(why) => Err(PartitionFault::Damaged(why)),
        None if is_expected => Err(PartitionFault::Damaged("the MBR announces a GPT, but there is none")),
        None => Ok(None),
    }
}

/// Copy of a GPT, or the reason why it is invalid; `None` if there is no signature.
type GptCopy = Result<(GptHeader, Vec<Partition>), Option<&'static str>>;

fn copy(disk: &mut (impl Read + Seek), len: u64, sector_len: u64, place: u64) -> Result<GptCopy, PartitionFault> {
    let at = place.saturating_mul(sector_len);
    let Some(sector) = read_at(disk, at, sector_len as usize, len)? else { return Ok(Err(None)) };
    let header = match GptHeader::parse(&sector, place) {
        Ok(header) => header,
        Err(why) => return Ok(Err(why)),
    };
    let entries_at = header.entries_at.saturating_mul(sector_len);
    let entries_len = header.n_entries * header.entry_len;
    let Some(entries) = read_at(disk, entries_at, entries_len as usize, len)? else {
        return Ok(Err(Some("the GPT's entries are outside of the disk")));
    };
    if crc32(&entries) != header.entries_crc {
        return Ok(Err(Some("the CRC of the GPT's entries is wrong")));
    }
    let partitions = entries.chunks_exact(header.entry_len as usize).zip(1..);
    let partitions = partitions.filter_map(|(entry, number)| partition(entry, number, sector_len)).collect();
    Ok(Ok((header, partitions)))
}

impl GptHeader {
    fn parse(sector: &[u8], place: u64) -> Result<Self, Option<&'static str>> {
        if &sector[..8] != MARK {
            return Err(None);
        }
        let len = u32_at(sector, 12) as usize;
        if !(HEADER_LEN..=sector.len()).contains(&len) {
            return Err(Some("a GPT header has an impossible length"));
        }
        // The CRC is calculated with its own field set to zero.
        let mut counted = sector[..len].to_vec();
        counted[16..20].fill(0);
        if crc32(&counted) != u32_at(sector, 16) {
            return Err(Some("the CRC of a GPT header is wrong"));
        }
        if u64_at(sector, 24) != place {
            return Err(Some("a GPT header records another sector than its own"));
        }
        let header = Self {
            other: u64_at(sector, 32),
            entries_at: u64_at(sector, 72),
            n_entries: u32_at(sector, 80).into(),
            entry_len: u32_at(sector, 84).into(),
            entries_crc: u32_at(sector, 88),
        };
        let is_possible = header.entry_len >= MIN_ENTRY_LEN
            && header.entry_len.is_power_of_two()
            && header.n_entries * header.entry_len <= MAX_PARTITION_ENTRIES_LEN;
        if is_possible { Ok(header) } else { Err(Some("a GPT header has impossible entries")) }
    }
}

/// Parses an entry. `None` if it is unused.
fn partition(entry: &[u8], number: u32, sector_len: u64) -> Option<Partition> {
    let kind = Guid(entry[..16].try_into().ok()?);
    let (first, last) = (u64_at(entry, 32), u64_at(entry, 40));
    if kind.0 == [0; 16] || last < first {
        return None;
    }
    let name = entry[56..128].chunks_exact(2).map(|unit| u16_at(unit, 0)).take_while(|unit| *unit != 0);
    Some(Partition {
        number,
        offset: first.checked_mul(sector_len)?,
        len: (last - first + 1).checked_mul(sector_len)?,
        kind: PartitionKind::Gpt(kind),
        name: from_utf16(name),
        is_active: false,
    })
}

/// Usual name of a partition type that is likely on a Windows disk.
pub(super) fn name(kind: Guid) -> Option<&'static str> {
    Some(match kind.to_string().as_str() {
        "c12a7328-f81f-11d2-ba4b-00a0c93ec93b" => "EFI system",
        "e3c9e316-0b5c-4db8-817d-f92df00215ae" => "Microsoft reserved",
        "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7" => "basic data",
        "de94bba4-06d1-4d40-a16a-bfd50179d6ac" => "Windows recovery",
        "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3" => "Windows dynamic disk (LDM metadata)",
        "af9b60a0-1431-4f62-bc68-3311714a69ad" => "Windows dynamic disk (LDM data)",
        "e75caf8f-f680-4cee-afa3-b001e56efc2d" => "Windows storage space",
        "0fc63daf-8483-4772-8e79-3d69d8477de4" => "Linux",
        "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f" => "Linux swap",
        "e6d6d379-f507-44c2-a23c-238f2a3df928" => "Linux LVM",
        "a19d880f-05fc-4d3b-a006-743f0f84911e" => "Linux RAID",
        "21686148-6449-6e6f-744e-656564454649" => "BIOS boot",
        _ => return None,
    })
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, at) in [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].into_iter().enumerate() {
            if matches!(n, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{:02x}", self.0[at])?;
        }
        Ok(())
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// CRC-32 of IEEE 802.3, calculated bit by bit, since it covers only 16 KiB per disk.
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}
