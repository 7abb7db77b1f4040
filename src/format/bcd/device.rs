//! Devices in boot stores: the bytes of elements of format 1, as `bcdedit` shows them.
//!
//! A GUID of an object with options (zero for none), then a descriptor: type, flags and length (all `u32`), four zeros,
//! and what its type makes of the rest. Offsets below count from the descriptor. Microsoft documents none of the bytes;
//! they were found by reading stores that Windows wrote, and public programs that read such stores. Read are `boot`,
//! partitions of GPT and MBR disks, files, files as RAM disks and as virtual hard disks, and devices that are searched
//! for (`locate`, which Microsoft's BCD reference calls `BcdDeviceLocateData`); the rest is shown by its bytes.

use std::fmt;

use super::Guid;
use crate::limits::MAX_BOOT_DEVICE_DEPTH;

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
    /// A file of another device, taken for a device.
    File {
        /// The device that the file is on.
        on: Box<Device>,
        /// Path of the file on it, with backslashes.
        path: String,
    },
    /// A virtual hard disk.
    VirtualDisk {
        /// The file that holds it.
        stored: Box<Device>,
    },
    /// A device that is searched for: the first one that has a path.
    Locate {
        /// The path.
        by: Locator,
        /// The device whose partitions are searched; `None` if all disks are.
        within: Option<Box<Device>>,
    },
    /// What is not understood: its bytes.
    Other(Vec<u8>),
}

/// The path that a device is searched for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Locator {
    /// The text of this element of the same object, such as the path of the program (`0x12000002`).
    Element(u32),
    /// The path itself, with backslashes.
    Path(String),
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
const LOCATE: u32 = 8;
/// Kinds of local devices: a file in memory, a file, a virtual hard disk.
const RAM_DISK: u32 = 3;
const FILE: u32 = 5;
const VIRTUAL_DISK: u32 = 6;
/// A path whose device follows it.
const PATH_WITH_DEVICE: u32 = 5;
/// Offset of that device's descriptor in a RAM disk and in a file; before it stand version, length and kind of path.
const ON_OF_RAM_DISK: usize = 52;
const ON_OF_FILE: usize = 32;
/// Offset in a virtual hard disk of the descriptor of the file that holds it.
const STORED: usize = 40;
/// Kinds of locate devices. With a parent, the BCD reference calls the first one `ElementChild` and gives it a number.
const BY_ELEMENT: u32 = 0;
const BY_PATH: u32 = 1;
const BY_ELEMENT_OF_CHILD: u32 = 2;
/// Offset of the path of a locate device.
const LOCATE_PATH: usize = 28;

impl Device {
    /// What the bytes of an element are.
    pub fn parse(bytes: &[u8]) -> Self {
        parse(bytes, MAX_BOOT_DEVICE_DEPTH).unwrap_or_else(|| Self::Other(bytes.to_owned()))
    }

    /// The bytes of an element.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Other(bytes) => bytes.clone(),
            Self::RamDisk { on, path, options } => {
                let rest = [descriptor(on), terminated(path)].concat();
                let len = ON_OF_RAM_DISK + rest.len();
                // 20: the image starts at 0, has a length of 0 (all of the file) and an offset of 0 in it.
                let numbers =
                    [LOCAL, 1, len as u32, 0, RAM_DISK, 0, 0, 0, 0, 0, 1, (len - 40) as u32, PATH_WITH_DEVICE];
                element(*options, &numbers, &rest)
            }
            Self::File { on, path } => {
                let rest = [descriptor(on), terminated(path)].concat();
                let len = ON_OF_FILE + rest.len();
                element(None, &[LOCAL, 0, len as u32, 0, FILE, 1, (len - 20) as u32, PATH_WITH_DEVICE], &rest)
            }
            Self::VirtualDisk { stored } => {
                let rest = descriptor(stored);
                let len = STORED + rest.len();
                element(None, &[LOCAL, 0, len as u32, 0, VIRTUAL_DISK, 0, 0, 0, 0, 0], &rest)
            }
            Self::Locate { by, within } => {
                let (kind, number, path) = match by {
                    Locator::Element(number) => (BY_ELEMENT, *number, terminated("")),
                    Locator::Path(path) => (BY_PATH, 0, terminated(path)),
                };
                let within = within.as_deref().map(descriptor).unwrap_or_default();
                let at = LOCATE_PATH + path.len();
                let (len, at) = (at + within.len(), if within.is_empty() { 0 } else { at });
                element(None, &[LOCATE, 0, len as u32, 0, kind, number, at as u32], &[path, within].concat())
            }
            Self::Boot => plain(BOOT, &[]),
            Self::Partition(partition) => plain(PARTITION, &partition.to_bytes()),
        }
    }
}

/// The bytes of an element: options, numbers of the descriptor, and the rest of it.
fn element(options: Option<Guid>, numbers: &[u32], rest: &[u8]) -> Vec<u8> {
    let mut bytes = options.map(Guid::to_bytes).unwrap_or_default().to_vec();
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    bytes.extend(rest);
    bytes
}

/// The descriptor of a device that another one is on: as if it were alone, but without the object of its options.
fn descriptor(device: &Device) -> Vec<u8> {
    device.to_bytes().split_off(OPTIONS_LEN)
}

/// UTF-16 with a zero at its end.
fn terminated(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
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
fn parse(bytes: &[u8], depth: u32) -> Option<Device> {
    let (options, descriptor) = bytes.split_first_chunk::<OPTIONS_LEN>()?;
    let number = |at: usize| number_at(descriptor, at);
    let len = usize::try_from(number(8)?).ok()?;
    if len != descriptor.len() || len < HEADER_LEN {
        return None;
    }
    let options = Some(Guid::from_bytes(*options)).filter(|options| *options != Guid::default());
    // Only a RAM disk is known to have options.
    match (number(0)?, &options) {
        (BOOT, None) if len == DESCRIPTOR_LEN => Some(Device::Boot),
        (PARTITION, None) if len == DESCRIPTOR_LEN => {
            Some(Device::Partition(Partition::parse(&descriptor[HEADER_LEN..])?))
        }
        (LOCATE, None) => parse_locate(descriptor, depth),
        (LOCAL, _) => match (number(16)?, options) {
            (RAM_DISK, options) => {
                let (on, path) = parse_path(descriptor, ON_OF_RAM_DISK, depth)?;
                Some(Device::RamDisk { on, path, options })
            }
            (FILE, None) => {
                let (on, path) = parse_path(descriptor, ON_OF_FILE, depth)?;
                Some(Device::File { on, path })
            }
            (VIRTUAL_DISK, None) => {
                Some(Device::VirtualDisk { stored: parse_inner(descriptor.get(STORED..)?, depth)? })
            }
            _ => None,
        },
        _ => None,
    }
}

/// A device by its descriptor alone.
fn parse_inner(descriptor: &[u8], depth: u32) -> Option<Box<Device>> {
    let bytes = [&[0; OPTIONS_LEN], descriptor].concat();
    parse(&bytes, depth.checked_sub(1)?).map(Box::new)
}

/// The device whose descriptor is at a place, and the path behind it.
fn parse_path(descriptor: &[u8], at: usize, depth: u32) -> Option<(Box<Device>, String)> {
    if number_at(descriptor, at - 4)? != PATH_WITH_DEVICE {
        return None;
    }
    let path_at = at.checked_add(usize::try_from(number_at(descriptor, at + 8)?).ok()?)?;
    let on = parse_inner(descriptor.get(at..path_at)?, depth)?;
    let path = text(descriptor.get(path_at..)?)?;
    (!matches!(*on, Device::RamDisk { .. })).then_some((on, path))
}

fn parse_locate(descriptor: &[u8], depth: u32) -> Option<Device> {
    let within_at = usize::try_from(number_at(descriptor, 24)?).ok()?;
    let end = if within_at == 0 { descriptor.len() } else { within_at };
    let path = descriptor.get(LOCATE_PATH..end)?;
    // Where the path is not used, zeros may fill its room.
    let by = match number_at(descriptor, 16)? {
        BY_PATH => Locator::Path(text(path)?),
        BY_ELEMENT | BY_ELEMENT_OF_CHILD if path.iter().all(|byte| *byte == 0) => {
            Locator::Element(number_at(descriptor, 20)?)
        }
        _ => return None,
    };
    let within = match within_at {
        0 => None,
        at => Some(parse_inner(descriptor.get(at..)?, depth)?),
    };
    Some(Device::Locate { by, within })
}

fn number_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// UTF-16 up to a zero, behind which nothing but zeros may follow.
fn text(bytes: &[u8]) -> Option<String> {
    let units: Vec<_> = bytes.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    let end = units.iter().position(|unit| *unit == 0)?;
    let (text, rest) = units.split_at(end);
    rest.iter().all(|unit| *unit == 0).then(|| String::from_utf16(text).ok())?
}

impl Partition {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let guid = |at: usize| bytes.get(at..)?.first_chunk().map(|bytes| Guid::from_bytes(*bytes));
        let number = |at: usize| number_at(bytes, at);
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
                write!(f, "ramdisk=[{}]{path}", Within(on))?;
                options.map_or(Ok(()), |options| write!(f, ",{options}"))
            }
            Self::File { on, path } => write!(f, "file=[{}]{path}", Within(on)),
            Self::VirtualDisk { stored } => write!(f, "vhd={}", Stored(stored)),
            Self::Locate { by, within } => {
                if let Some(Self::VirtualDisk { stored }) = within.as_deref() {
                    return write!(f, "vhd={},locate={by}", Stored(stored));
                }
                write!(f, "locate={by}")?;
                within.as_ref().map_or(Ok(()), |within| write!(f, ",{within}"))
            }
            Self::Other(bytes) => super::write_bytes(f, bytes),
        }
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Element(number) => write!(f, "custom:{number:08x}"),
            Self::Path(path) => f.write_str(path),
        }
    }
}

/// A device before a path: of one that is searched for by that path, only that it is.
struct Within<'a>(&'a Device);

impl fmt::Display for Within<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Device::Locate { by: Locator::Path(_), within: None } => f.write_str("locate"),
            device => device.fmt(f),
        }
    }
}

/// The file that holds a virtual hard disk, without the word `file`.
struct Stored<'a>(&'a Device);

impl fmt::Display for Stored<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Device::File { on, path } => write!(f, "[{}]{path}", Within(on)),
            device => device.fmt(f),
        }
    }
}
