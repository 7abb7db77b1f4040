//! Devices in boot stores: the bytes of elements of format 1, as `bcdedit` shows them.
//!
//! A GUID of an object with options (zero for none), then a descriptor: type, flags and length (all `u32`), four zeros,
//! and what its type makes of the rest. Offsets below count from the descriptor. Microsoft documents none of it; it was
//! found by reading stores that Windows wrote. Read are `boot`, partitions of GPT and MBR disks, and files as RAM disks;
//! the rest is shown by its bytes.

use std::fmt;

use super::Guid;

/// A device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// What the boot manager was started from.
    Boot,
    /// A partition.
    Partition(Partition),
    /// A file of another device that is loaded into memory and becomes a disk.
    RamDisk {
        /// The device that the file is on: anything but another RAM disk.
        on: Box<Device>,
        /// Where the file is on it, with backslashes.
        path: String,
        /// The object with further options.
        options: Option<Guid>,
    },
    /// What is not understood: its bytes.
    Other(Vec<u8>),
}

/// Which partition of which disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partition {
    /// Of a disk with a GUID partition table.
    Gpt {
        /// The unique GUID of the partition.
        partition: Guid,
        /// That of the disk.
        disk: Guid,
    },
    /// Of a disk with a master boot record.
    Mbr {
        /// Where it starts, in bytes.
        offset: u64,
        /// The signature of the disk.
        signature: u32,
    },
}

const OPTIONS_LEN: usize = 16;
/// How long descriptors without a path are, all of their header included.
const DESCRIPTOR_LEN: usize = 72;
const HEADER_LEN: usize = 16;
/// Types of descriptors.
const LOCAL: u32 = 0;
const BOOT: u32 = 5;
const PARTITION: u32 = 6;
/// The kind of a local device that is a file in memory.
const RAM_DISK: u32 = 3;
/// A path whose device follows it.
const PATH_WITH_DEVICE: u32 = 5;
/// Where the descriptor of that device is.
const ON: usize = 52;

impl Device {
    /// What the bytes of an element are.
    pub fn parse(bytes: &[u8]) -> Self {
        parse(bytes, true).unwrap_or_else(|| Self::Other(bytes.to_owned()))
    }

    /// The bytes of an element.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Other(bytes) => bytes.clone(),
            Self::RamDisk { on, path, options } => {
                let path: Vec<u8> = path.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
                // What a file is on is written as if it were alone, but without the object of its options.
                let on = on.to_bytes().split_off(OPTIONS_LEN);
                let len = ON + on.len() + path.len();
                let mut bytes = options.map(Guid::to_bytes).unwrap_or_default().to_vec();
                // 20: the image starts at 0, has a length of 0 (all of the file) and an offset of 0 in it.
                let numbers =
                    [LOCAL, 1, len as u32, 0, RAM_DISK, 0, 0, 0, 0, 0, 1, (len - 40) as u32, PATH_WITH_DEVICE];
                bytes.extend(numbers.into_iter().flat_map(u32::to_le_bytes));
                bytes.extend(on);
                bytes.extend(path);
                bytes
            }
            Self::Boot => plain(BOOT, &[]),
            Self::Partition(partition) => plain(PARTITION, &partition.to_bytes()),
        }
    }
}

/// A device without options and path.
fn plain(kind: u32, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; OPTIONS_LEN];
    bytes.extend([kind, 0, DESCRIPTOR_LEN as u32, 0].into_iter().flat_map(u32::to_le_bytes));
    bytes.extend(rest);
    bytes.resize(OPTIONS_LEN + DESCRIPTOR_LEN, 0);
    bytes
}

/// None where anything is not as it is known to be.
fn parse(bytes: &[u8], may_be_file: bool) -> Option<Device> {
    let (options, descriptor) = bytes.split_first_chunk::<OPTIONS_LEN>()?;
    let number = |at: usize| descriptor.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let len = usize::try_from(number(8)?).ok()?;
    if len != descriptor.len() || len < DESCRIPTOR_LEN {
        return None;
    }
    let options = Some(Guid::from_bytes(*options)).filter(|options| *options != Guid::default());
    match number(0)? {
        BOOT if options.is_none() && len == DESCRIPTOR_LEN => Some(Device::Boot),
        PARTITION if options.is_none() && len == DESCRIPTOR_LEN => {
            Some(Device::Partition(Partition::parse(&descriptor[HEADER_LEN..])?))
        }
        LOCAL if may_be_file && number(16)? == RAM_DISK && number(48)? == PATH_WITH_DEVICE => {
            let on_len = usize::try_from(number(ON + 8)?).ok()?;
            let path_at = ON.checked_add(on_len)?;
            let on = parse(&[&[0; OPTIONS_LEN], descriptor.get(ON..path_at)?].concat(), false)?;
            let units: Vec<_> =
                descriptor.get(path_at..)?.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
            let path = units.strip_suffix(&[0])?;
            Some(Device::RamDisk { on: Box::new(on), path: String::from_utf16(path).ok()?, options })
        }
        _ => None,
    }
}

impl Partition {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let guid = |at: usize| bytes.get(at..)?.first_chunk().map(|bytes| Guid::from_bytes(*bytes));
        let number = |at: usize| bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        match number(20)? {
            0 => Some(Self::Gpt { partition: guid(0)?, disk: guid(24)? }),
            1 => {
                let offset = u64::from(number(0)?) | u64::from(number(4)?) << 32;
                Some(Self::Mbr { offset, signature: number(24)? })
            }
            _ => None,
        }
    }

    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = [0; 40];
        match self {
            Self::Gpt { partition, disk } => {
                bytes[..16].copy_from_slice(&partition.to_bytes());
                bytes[24..40].copy_from_slice(&disk.to_bytes());
            }
            Self::Mbr { offset, signature } => {
                bytes[..8].copy_from_slice(&offset.to_le_bytes());
                bytes[20] = 1;
                bytes[24..28].copy_from_slice(&signature.to_le_bytes());
            }
        }
        bytes.to_vec()
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boot => f.write_str("boot"),
            Self::Partition(Partition::Gpt { partition, disk }) => write!(f, "partition={partition} of disk {disk}"),
            Self::Partition(Partition::Mbr { offset, signature }) => {
                write!(f, "partition=at byte {offset} of disk {signature:08x}")
            }
            Self::RamDisk { on, path, options } => {
                write!(f, "ramdisk=[{on}]{path}")?;
                options.map_or(Ok(()), |options| write!(f, ",{options}"))
            }
            Self::Other(bytes) => super::write_bytes(f, bytes),
        }
    }
}
