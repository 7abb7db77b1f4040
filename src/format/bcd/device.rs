//! Devices in boot stores: binary form of elements of format 1, and their text in `bcdedit`.
//!
//! The binary form is the GUID of an object with options (zero for none), then a descriptor: type,
//! flags and length (all `u32`), four zero bytes, and data that depend on the type. Offsets below
//! count from the start of the descriptor. Microsoft does not document the format; it was derived
//! from stores that Windows wrote and from public readers. Decoded are `boot`, partitions of GPT
//! and MBR disks, files, files as RAM disks and virtual hard disks, and devices found by a search
//! (`locate`, `BcdDeviceLocateData` in Microsoft's reference). Others are shown as bytes.

use std::fmt;

use super::BcdGuid;
use crate::limits::MAX_BOOT_DEVICE_DEPTH;

/// A device that a boot entry refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BcdDevice {
    /// Device that the boot manager was started from.
    Boot,
    /// A partition.
    Partition(BcdPartition),
    /// RAM disk loaded from a file.
    RamDisk {
        /// Device that contains the file; not another RAM disk.
        on: Box<BcdDevice>,
        /// Path of the file on that device, with backslashes.
        path: String,
        /// Object with further options.
        options: Option<BcdGuid>,
    },
    /// File used as a device.
    File {
        /// Device that contains the file.
        on: Box<BcdDevice>,
        /// Path of the file on that device, with backslashes.
        path: String,
    },
    /// Virtual hard disk.
    VirtualDisk {
        /// File that contains the disk.
        stored: Box<BcdDevice>,
    },
    /// The first device that contains a given path.
    Locate {
        /// Path to search for.
        by: DeviceLocator,
        /// Device whose partitions are searched; `None` searches all disks.
        within: Option<Box<BcdDevice>>,
    },
    /// Unknown device, as bytes.
    Other(Vec<u8>),
}

/// Path that a device is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceLocator {
    /// Text of another element of the same object, such as the path of the program (`0x12000002`).
    Element(u32),
    /// Path, with backslashes.
    Path(String),
}

/// Partition of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BcdPartition {
    /// Partition of a disk with a GUID partition table.
    Gpt {
        /// Unique GUID of the partition.
        partition: BcdGuid,
        /// GUID of the disk.
        disk: BcdGuid,
    },
    /// Partition of a disk with a master boot record.
    Mbr {
        /// Offset of the partition in bytes.
        offset: u64,
        /// Disk signature.
        signature: u32,
    },
}

const OPTIONS_LEN: usize = 16;
/// Length of a descriptor without a path, including its header.
const DESCRIPTOR_LEN: usize = 72;
const HEADER_LEN: usize = 16;
// Types of descriptors.
const LOCAL: u32 = 0;
const BOOT: u32 = 5;
const PARTITION: u32 = 6;
const LOCATE: u32 = 8;
// Types of local devices.
const RAM_DISK: u32 = 3;
const FILE: u32 = 5;
const VIRTUAL_DISK: u32 = 6;
/// Path type: a path on the device that is described right after it.
const PATH_WITH_DEVICE: u32 = 5;
/// Offsets of that device's descriptor in a RAM disk and in a file, after version, length and path
/// type.
const ON_OF_RAM_DISK: usize = 52;
const ON_OF_FILE: usize = 32;
/// Offset of the descriptor of a virtual disk's file.
const STORED: usize = 40;
// Types of locate devices. With a parent, Microsoft's reference calls the first one `ElementChild`
// and gives it its own number.
const BY_ELEMENT: u32 = 0;
const BY_PATH: u32 = 1;
const BY_ELEMENT_OF_CHILD: u32 = 2;
/// Offset of the path in a locate device.
const LOCATE_PATH: usize = 28;

impl BcdDevice {
    /// Decodes the data of an element. Unknown forms are kept as bytes.
    pub fn parse(bytes: &[u8]) -> Self {
        parse(bytes, MAX_BOOT_DEVICE_DEPTH).unwrap_or_else(|| Self::Other(bytes.to_owned()))
    }

    /// Encodes the data of an element.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Other(bytes) => bytes.clone(),
            Self::RamDisk { on, path, options } => {
                let rest = [descriptor_bytes(on), utf16_with_nul(path)].concat();
                let len = ON_OF_RAM_DISK + rest.len();
                // 20: the image starts at 0, its length of 0 means the whole file, at offset 0 in
                // that.
                let numbers =
                    [LOCAL, 1, len as u32, 0, RAM_DISK, 0, 0, 0, 0, 0, 1, (len - 40) as u32, PATH_WITH_DEVICE];
                element_bytes(*options, &numbers, &rest)
            }
            Self::File { on, path } => {
                let rest = [descriptor_bytes(on), utf16_with_nul(path)].concat();
                let len = ON_OF_FILE + rest.len();
                element_bytes(None, &[LOCAL, 0, len as u32, 0, FILE, 1, (len - 20) as u32, PATH_WITH_DEVICE], &rest)
            }
            Self::VirtualDisk { stored } => {
                let rest = descriptor_bytes(stored);
                let len = STORED + rest.len();
                element_bytes(None, &[LOCAL, 0, len as u32, 0, VIRTUAL_DISK, 0, 0, 0, 0, 0], &rest)
            }
            Self::Locate { by, within } => {
                let (kind, number, path) = match by {
                    DeviceLocator::Element(number) => (BY_ELEMENT, *number, utf16_with_nul("")),
                    DeviceLocator::Path(path) => (BY_PATH, 0, utf16_with_nul(path)),
                };
                let within = within.as_deref().map(descriptor_bytes).unwrap_or_default();
                // The parent's descriptor follows the path; an offset of 0 stands for no parent.
                let at = LOCATE_PATH + path.len();
                let (len, at) = (at + within.len(), if within.is_empty() { 0 } else { at });
                element_bytes(None, &[LOCATE, 0, len as u32, 0, kind, number, at as u32], &[path, within].concat())
            }
            Self::Boot => simple_device_bytes(BOOT, &[]),
            Self::Partition(partition) => simple_device_bytes(PARTITION, &partition.to_bytes()),
        }
    }
}

/// Joins the options GUID, the `u32` fields of a descriptor and the rest of it.
fn element_bytes(options: Option<BcdGuid>, numbers: &[u32], rest: &[u8]) -> Vec<u8> {
    let mut bytes = options.map(BcdGuid::to_bytes).unwrap_or_default().to_vec();
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    bytes.extend(rest);
    bytes
}

/// Descriptor of an inner device, which has no options GUID.
fn descriptor_bytes(device: &BcdDevice) -> Vec<u8> {
    device.to_bytes().split_off(OPTIONS_LEN)
}

/// UTF-16 with a terminating NUL.
fn utf16_with_nul(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// Data of a device without options and path.
fn simple_device_bytes(kind: u32, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; OPTIONS_LEN];
    bytes.extend([kind, 0, DESCRIPTOR_LEN as u32, 0].into_iter().flat_map(u32::to_le_bytes));
    bytes.extend(rest);
    bytes.resize(OPTIONS_LEN + DESCRIPTOR_LEN, 0);
    bytes
}

/// Decodes a device; `None` if any part of it is not in a known form. `depth` bounds nested
/// devices.
fn parse(bytes: &[u8], depth: u32) -> Option<BcdDevice> {
    let (options, descriptor) = bytes.split_first_chunk::<OPTIONS_LEN>()?;
    let number = |at: usize| number_at(descriptor, at);
    let len = usize::try_from(number(8)?).ok()?;
    // A descriptor must fill its data exactly, or encoding it again would lose the rest.
    if len != descriptor.len() || len < HEADER_LEN {
        return None;
    }
    let options = Some(BcdGuid::from_bytes(*options)).filter(|options| *options != BcdGuid::default());
    // Only a RAM disk is known to have options.
    match (number(0)?, &options) {
        (BOOT, None) if len == DESCRIPTOR_LEN => Some(BcdDevice::Boot),
        (PARTITION, None) if len == DESCRIPTOR_LEN => {
            Some(BcdDevice::Partition(BcdPartition::parse(&descriptor[HEADER_LEN..])?))
        }
        (LOCATE, None) => parse_locate(descriptor, depth),
        (LOCAL, _) => match (number(16)?, options) {
            (RAM_DISK, options) => {
                let (on, path) = parse_file(descriptor, ON_OF_RAM_DISK, depth)?;
                Some(BcdDevice::RamDisk { on, path, options })
            }
            (FILE, None) => {
                let (on, path) = parse_file(descriptor, ON_OF_FILE, depth)?;
                Some(BcdDevice::File { on, path })
            }
            (VIRTUAL_DISK, None) => {
                Some(BcdDevice::VirtualDisk { stored: parse_descriptor(descriptor.get(STORED..)?, depth)? })
            }
            _ => None,
        },
        _ => None,
    }
}

/// Decodes a device from its descriptor alone.
fn parse_descriptor(descriptor: &[u8], depth: u32) -> Option<Box<BcdDevice>> {
    let bytes = [&[0; OPTIONS_LEN], descriptor].concat();
    parse(&bytes, depth.checked_sub(1)?).map(Box::new)
}

/// Decodes a path and the device that contains it, whose descriptor is at offset `at`.
fn parse_file(descriptor: &[u8], at: usize, depth: u32) -> Option<(Box<BcdDevice>, String)> {
    if number_at(descriptor, at - 4)? != PATH_WITH_DEVICE {
        return None;
    }
    let path_at = at.checked_add(usize::try_from(number_at(descriptor, at + 8)?).ok()?)?;
    let on = parse_descriptor(descriptor.get(at..path_at)?, depth)?;
    let path = utf16_until_nul(descriptor.get(path_at..)?)?;
    // An inner descriptor has no room for the options of a RAM disk.
    (!matches!(*on, BcdDevice::RamDisk { .. })).then_some((on, path))
}

fn parse_locate(descriptor: &[u8], depth: u32) -> Option<BcdDevice> {
    let within_at = usize::try_from(number_at(descriptor, 24)?).ok()?;
    let end = if within_at == 0 { descriptor.len() } else { within_at };
    let path = descriptor.get(LOCATE_PATH..end)?;
    // An unused path may be filled with zeros.
    let by = match number_at(descriptor, 16)? {
        BY_PATH => DeviceLocator::Path(utf16_until_nul(path)?),
        BY_ELEMENT | BY_ELEMENT_OF_CHILD if path.iter().all(|byte| *byte == 0) => {
            DeviceLocator::Element(number_at(descriptor, 20)?)
        }
        _ => return None,
    };
    let within = match within_at {
        0 => None,
        at => Some(parse_descriptor(descriptor.get(at..)?, depth)?),
    };
    Some(BcdDevice::Locate { by, within })
}

fn number_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// Text up to the first NUL; `None` if anything but zeros follows it.
fn utf16_until_nul(bytes: &[u8]) -> Option<String> {
    let units: Vec<_> = bytes.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    let end = units.iter().position(|unit| *unit == 0)?;
    let (text, rest) = units.split_at(end);
    rest.iter().all(|unit| *unit == 0).then(|| String::from_utf16(text).ok())?
}

impl BcdPartition {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let guid = |at: usize| bytes.get(at..)?.first_chunk().map(|bytes| BcdGuid::from_bytes(*bytes));
        let number = |at: usize| number_at(bytes, at);
        // The partitioning scheme comes after the partition's own identification.
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

impl fmt::Display for BcdDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boot => f.write_str("boot"),
            Self::Partition(BcdPartition::Gpt { partition, disk }) => write!(f, "partition={partition} of disk {disk}"),
            Self::Partition(BcdPartition::Mbr { offset, signature }) => {
                write!(f, "partition=at byte {offset} of disk {signature:08x}")
            }
            Self::RamDisk { on, path, options } => {
                write!(f, "ramdisk=[{}]{path}", ShowHost(on))?;
                options.map_or(Ok(()), |options| write!(f, ",{options}"))
            }
            Self::File { on, path } => write!(f, "file=[{}]{path}", ShowHost(on)),
            Self::VirtualDisk { stored } => write!(f, "vhd={}", ShowDiskFile(stored)),
            Self::Locate { by, within } => {
                if let Some(Self::VirtualDisk { stored }) = within.as_deref() {
                    return write!(f, "vhd={},locate={by}", ShowDiskFile(stored));
                }
                write!(f, "locate={by}")?;
                within.as_ref().map_or(Ok(()), |within| write!(f, ",{within}"))
            }
            Self::Other(bytes) => super::write_bytes(f, bytes),
        }
    }
}

impl fmt::Display for DeviceLocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Element(number) => write!(f, "custom:{number:08x}"),
            Self::Path(path) => f.write_str(path),
        }
    }
}

/// Shows the device before a path. A device that is searched for by that path is shown as `locate`.
struct ShowHost<'a>(&'a BcdDevice);

impl fmt::Display for ShowHost<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            BcdDevice::Locate { by: DeviceLocator::Path(_), within: None } => f.write_str("locate"),
            device => device.fmt(f),
        }
    }
}

/// Shows the file of a virtual disk without the prefix `file=`.
struct ShowDiskFile<'a>(&'a BcdDevice);

impl fmt::Display for ShowDiskFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            BcdDevice::File { on, path } => write!(f, "[{}]{path}", ShowHost(on)),
            device => device.fmt(f),
        }
    }
}
