//! Partition tables: where the volumes of a disk begin and end.
//!
//! Follows UEFI 2.10, chapter 5 (GPT with 92-byte headers, both copies, their CRCs; 512- and 4096-byte sectors) and,
//! for MBR, what that chapter and fdisk agree on: four primary entries, extended partitions (types 05, 0F, 85) with
//! their chain of logical ones, numbered from 5. An MBR does not say how long its sectors are: what begins where its
//! partitions would be does. A hybrid MBR counts as the GPT that it stands for. Not supported: BSD disklabels within
//! partitions, LDM (dynamic disks).

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

/// The partitions of a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionTable {
    /// How they are written down.
    pub scheme: PartitionScheme,
    /// The length of a sector in bytes: what offsets are multiples of.
    pub sector_len: u64,
    /// In the order of their numbers. None of them is extended.
    pub partitions: Vec<Partition>,
    /// What is wrong with one of the two copies of a GPT, where the other one was read.
    pub damage: Option<&'static str>,
}

/// How partitions are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionScheme {
    /// In a master boot record.
    Mbr,
    /// In a GUID partition table.
    Gpt,
}

/// A range of a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// As Linux counts them, from 1.
    pub number: u32,
    /// Its first byte.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
    /// What it says that it holds.
    pub kind: PartitionKind,
    /// Its name, where GPT has one.
    pub name: String,
    /// Whether an MBR marks it as the one to boot.
    pub is_active: bool,
}

/// What a partition says that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionKind {
    /// The type byte of an MBR.
    Mbr(u8),
    /// The type of a GPT.
    Gpt(Guid),
}

/// Choice among the partitions of a disk, by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    #[default]
    All,
    /// Only these.
    Only(BTreeSet<u32>),
    /// All but these.
    Except(BTreeSet<u32>),
}

/// Why a partition table can't be read.
#[derive(Debug)]
pub enum PartitionFault {
    /// It can't be read at all.
    Io(io::Error),
    /// It contradicts itself.
    Damaged(&'static str),
}

impl Selection {
    /// Makes a choice of two lists, of which one is empty.
    pub fn new(only: &[u32], except: &[u32]) -> Self {
        match (only, except) {
            ([], []) => Self::All,
            ([], except) => Self::Except(except.iter().copied().collect()),
            (only, _) => Self::Only(only.iter().copied().collect()),
        }
    }

    /// Returns whether a partition is chosen.
    pub fn takes(&self, number: u32) -> bool {
        match self {
            Self::All => true,
            Self::Only(numbers) => numbers.contains(&number),
            Self::Except(numbers) => !numbers.contains(&number),
        }
    }

    /// Returns whether a partition is chosen by its own number.
    pub fn names(&self, number: u32) -> bool {
        matches!(self, Self::Only(numbers) if numbers.contains(&number))
    }

    /// The numbers that it gives.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        let numbers = match self {
            Self::All => None,
            Self::Only(numbers) | Self::Except(numbers) => Some(numbers),
        };
        numbers.into_iter().flatten().copied()
    }
}

/// `1, 3`, or `all but 2`.
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

/// Reads the partition table of a disk. None if it has none.
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

/// So many bytes from an offset, if the disk is that long.
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

/// The field's name for what a partition is for, or its number where it has none.
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
