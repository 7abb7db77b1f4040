//! Partition tables of disks.
//!
//! Follows UEFI 2.10, chapter 5 (GPT with 92-byte headers, both copies and their CRCs, sectors of 512 and 4,096 bytes),
//! and for MBR what that chapter and fdisk agree on: four primary entries, and extended partitions (types 05, 0F, 85)
//! with a chain of logical ones, numbered from 5. An MBR does not record its sector length; it is inferred from what is
//! found at the start of the partitions. A hybrid MBR is ignored in favour of its GPT. Not supported: BSD disklabels
//! within partitions, and LDM (dynamic disks).

mod gpt;
mod mbr;
mod window;
mod write;

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

pub use gpt::{Guid, crc32};
pub use window::Window;
pub use write::{GPT_END_LEN, extents};

/// Partition table of a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionTable {
    /// Kind of the table.
    pub scheme: PartitionScheme,
    /// Sector length in bytes.
    pub sector_len: u64,
    /// Partitions by number, without extended ones.
    pub partitions: Vec<Partition>,
    /// Damage to one of the two copies of a GPT, if the other one could be read.
    pub damage: Option<&'static str>,
}

/// Kind of a partition table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionScheme {
    /// Master boot record.
    Mbr,
    /// GUID partition table.
    Gpt,
}

/// Partition of a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Number as on Linux, from 1.
    pub number: u32,
    /// Offset in bytes.
    pub offset: u64,
    /// Length in bytes.
    pub len: u64,
    /// Recorded type.
    pub kind: PartitionKind,
    /// Name in a GPT; otherwise empty.
    pub name: String,
    /// `true` if an MBR marks it as active.
    pub is_active: bool,
}

/// Recorded type of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionKind {
    /// Type byte in an MBR.
    Mbr(u8),
    /// Type GUID in a GPT.
    Gpt(Guid),
}

/// Selection of partitions by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// All partitions.
    #[default]
    All,
    /// Only these partitions.
    Only(BTreeSet<u32>),
    /// All partitions but these.
    Except(BTreeSet<u32>),
}

/// Reason why a partition table can't be read.
#[derive(Debug)]
pub enum PartitionFault {
    /// Reading failed.
    Io(io::Error),
    /// The table contradicts itself.
    Damaged(&'static str),
}

impl Selection {
    /// Creates a selection from two lists, one of which must be empty.
    pub fn new(only: &[u32], except: &[u32]) -> Self {
        match (only, except) {
            ([], []) => Self::All,
            ([], except) => Self::Except(except.iter().copied().collect()),
            (only, _) => Self::Only(only.iter().copied().collect()),
        }
    }

    /// Returns `true` if a partition is selected.
    pub fn takes(&self, number: u32) -> bool {
        match self {
            Self::All => true,
            Self::Only(numbers) => numbers.contains(&number),
            Self::Except(numbers) => !numbers.contains(&number),
        }
    }

    /// Returns `true` if a partition is selected by its number.
    pub fn names(&self, number: u32) -> bool {
        matches!(self, Self::Only(numbers) if numbers.contains(&number))
    }

    /// Numbers in the selection.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        let numbers = match self {
            Self::All => None,
            Self::Only(numbers) | Self::Except(numbers) => Some(numbers),
        };
        numbers.into_iter().flatten().copied()
    }
}

/// Formats the selection as `all`, `1, 3`, or `all but 2`.
impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = self.numbers().map(|number| number.to_string()).collect::<Vec<_>>().join(", ");
        match self {
            Self::All => f.write_str("all"),
            Self::Only(_) => f.write_str(&numbers),
            Self::Except(_) => write!(f, "all but {numbers}"),
        }
    }
}

/// Reads the partition table of a disk. `None` if it has none.
pub fn read(disk: &mut (impl Read + Seek)) -> Result<Option<PartitionTable>, PartitionFault> {
    let len = disk.seek(SeekFrom::End(0))?;
    let Some(first) = read_at(disk, 0, mbr::LEN, len)? else { return Ok(None) };
    let record = mbr::MasterBootRecord::parse(&first);
    let is_protective = record.as_ref().is_some_and(mbr::MasterBootRecord::is_protective);
    if let Some(table) = gpt::read(disk, len, is_protective)? {
        return Ok(Some(table));
    }
    record.map(|record| mbr::read(disk, len, &record)).transpose()
}

/// Reads `n` bytes at an offset. `None` if the disk is shorter.
fn read_at(disk: &mut (impl Read + Seek), offset: u64, n: usize, disk_len: u64) -> io::Result<Option<Vec<u8>>> {
    if offset.checked_add(n as u64).is_none_or(|end| end > disk_len) {
        return Ok(None);
    }
    disk.seek(SeekFrom::Start(offset))?;
    let mut bytes = vec![0; n];
    disk.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

impl From<io::Error> for PartitionFault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for PartitionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Damaged(why) => f.write_str(why),
        }
    }
}

/// Formats the usual name of a partition type, or its number.
impl fmt::Display for PartitionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mbr(number) => match mbr::name(*number) {
                Some(name) => f.write_str(name),
                None => write!(f, "type {number:02x}"),
            },
            Self::Gpt(guid) => match gpt::name(*guid) {
                Some(name) => f.write_str(name),
                None => write!(f, "type {guid}"),
            },
        }
    }
}

#[cfg(test)]
mod tests;
