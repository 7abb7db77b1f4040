//! Information about disks from `/sys/dev/block`, `/proc/self/mountinfo` and `/proc/swaps`.
//!
//! Follows the kernel's `Documentation/ABI/testing/sysfs-block` and `Documentation/filesystems/proc.rst`. Everything is
//! read below a given root folder, so that tests can simulate computers. Mounts in other mount namespaces are not
//! visible here; opening the disk exclusively catches those.

use std::collections::BTreeSet;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use super::mounts::{self, Mount};
use crate::error::{Error, Result};
use crate::layout::Region;

/// Root folder that contains `sys` and `proc`.
#[derive(Clone, Debug)]
pub struct System {
    root: Utf8PathBuf,
}

/// Major and minor number of a device.
pub type DeviceNumber = (u32, u32);

/// Disk, as described by the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelDisk {
    /// Kernel name, such as `sdb`.
    pub name: String,
    /// Vendor and model, such as `SanDisk Ultra`; empty if unknown.
    pub model: String,
    /// Serial number, if the disk reports one.
    pub serial: Option<String>,
    /// Length in bytes; 0 for a card reader without a card.
    pub len: u64,
    /// Sector length in bytes.
    pub sector_len: u64,
    /// `true` if it is write-protected.
    pub is_read_only: bool,
    /// `true` if it can be removed: sticks, cards, and everything on USB.
    pub is_removable: bool,
    /// Partitions, by offset.
    pub parts: Vec<KernelPartition>,
    /// Uses of the disk and its partitions.
    pub uses: Vec<DeviceUse>,
}

/// Partition, as described by the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelPartition {
    /// Kernel name, such as `sdb1`.
    pub name: String,
    /// Range on the disk.
    pub place: Region,
}

/// Use of a disk or a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceUse {
    /// Kernel name of the disk, the partition, or a device on top of it.
    pub name: String,
    /// Kind of use.
    pub by: UseKind,
}

/// Kind of a use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UseKind {
    /// Mounted; holds the mount point.
    Mount(String),
    /// Swap space.
    Swap,
    /// Part of another device; holds its kernel name (`dm-0`) and its device mapper name.
    Device(String, Option<String>),
}

/// Kind of a block device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// Whole disk.
    Disk(KernelDisk),
    /// Partition of a disk.
    Partition {
        /// Kernel name of the disk.
        disk: String,
    },
}

/// Unit of lengths in sysfs, whatever the sector length of the disk.
const SECTOR: u64 = 512;

/// SCSI device type of disks, as opposed to tapes or optical drives.
const SCSI_DISK: &str = "0";

impl System {
    /// Uses the `sys` and `proc` below a root folder: `/`, except in tests.
    pub fn at(root: impl Into<Utf8PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Looks up a device by its number.
    ///
    /// # Errors
    ///
    /// If `/sys` has no device of this number.
    pub fn device(&self, (major, minor): DeviceNumber) -> Result<DeviceKind> {
        let link = self.root.join(format!("sys/dev/block/{major}:{minor}"));
        let folder = link.canonicalize_utf8().map_err(|error| Error::io("reading", &link, error))?;
        let name = |folder: &Utf8Path| folder.file_name().unwrap_or_default().to_owned();
        if folder.join("partition").exists() {
            return Ok(DeviceKind::Partition { disk: folder.parent().map(name).unwrap_or_default() });
        }
        let usb = folder.ancestors().find(|folder| folder.join("idVendor").exists());
        let device = folder.join("device");
        // The kernel does not call cards in built-in readers removable. Soldered ones have the type `MMC`.
        let kind = text(&device.join("type"));
        let is_disk = kind.as_deref().is_none_or(|kind| [SCSI_DISK, "SD", "MMC"].contains(&kind));
        let is_card = kind.as_deref() == Some("SD");
        let model = [text(&device.join("vendor")), text(&device.join("model")).or_else(|| text(&device.join("name")))];
        let serial = usb.and_then(|usb| text(&usb.join("serial")));
        let parts = self.parts(&folder);
        Ok(DeviceKind::Disk(KernelDisk {
            name: name(&folder),
            // virtio reports a number as its vendor.
            model: model.into_iter().flatten().filter(|word| !word.starts_with("0x")).collect::<Vec<_>>().join(" "),
            serial: serial.or_else(|| text(&device.join("serial"))).or_else(|| text(&folder.join("serial"))),
            len: number(&folder.join("size")).saturating_mul(SECTOR),
            sector_len: Some(number(&folder.join("queue/logical_block_size"))).filter(|len| *len > 0).unwrap_or(SECTOR),
            is_read_only: number(&folder.join("ro")) != 0,
            is_removable: is_disk && (usb.is_some() || is_card || number(&folder.join("removable")) != 0),
            uses: self.uses(&folder, &parts)?,
            parts,
        }))
    }

    fn parts(&self, disk: &Utf8Path) -> Vec<KernelPartition> {
        let mut parts: Vec<_> = folders(disk)
            .filter(|folder| folder.join("partition").exists())
            .map(|folder| {
                let sectors = |name: &str| number(&folder.join(name)).saturating_mul(SECTOR);
                let place = Region { offset: sectors("start"), len: sectors("size") };
                KernelPartition { name: folder.file_name().unwrap_or_default().to_owned(), place }
            })
            .collect();
        parts.sort_by(|a, b| (a.place.offset, &a.name).cmp(&(b.place.offset, &b.name)));
        parts
    }

    /// Lists the uses of a disk, its partitions, and the devices on top of them.
    fn uses(&self, disk: &Utf8Path, parts: &[KernelPartition]) -> Result<Vec<DeviceUse>> {
        let mounts = mounts::mounts(&self.root.join("proc/self/mountinfo"))?;
        let swaps = mounts::swaps(&self.root.join("proc/swaps"));
        let mut left: Vec<Utf8PathBuf> = parts.iter().rev().map(|part| disk.join(&part.name)).collect();
        left.push(disk.to_owned());
        let mut seen = BTreeSet::new();
        let mut uses = Vec::new();
        while let Some(folder) = left.pop() {
            let name = folder.file_name().unwrap_or_default().to_owned();
            if !seen.insert(name.clone()) {
                continue;
            }
            let mapped = text(&folder.join("dm/name"));
            let number = text(&folder.join("dev"));
            let own = |path: &str| {
                let last = path.rsplit('/').next();
                last == Some(&name) || (mapped.is_some() && last == mapped.as_deref())
            };
            let is_it = |mount: &&Mount| Some(&mount.number) == number.as_ref() || own(&mount.source);
            let mut used = |by| uses.push(DeviceUse { name: name.clone(), by });
            mounts.iter().filter(is_it).for_each(|mount| used(UseKind::Mount(mount.at.clone())));
            swaps.iter().filter(|path| own(path)).for_each(|_| used(UseKind::Swap));
            for holder in folders(&folder.join("holders")) {
                // Entries of `holders` are links to the folders of the holders.
                let holder = holder.canonicalize_utf8().unwrap_or(holder);
                let by = holder.file_name().unwrap_or_default().to_owned();
                used(UseKind::Device(by, text(&holder.join("dm/name"))));
                left.push(holder);
            }
        }
        Ok(uses)
    }
}

impl KernelDisk {
    /// Name that identifies the disk to people: model and serial number, without spaces.
    pub fn title(&self) -> String {
        let words = [Some(self.model.as_str()), self.serial.as_deref()];
        let title = words.into_iter().flatten().flat_map(str::split_whitespace).collect::<Vec<_>>().join("_");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.+".contains(c);
        let title: String = title.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
        if title.is_empty() { self.name.clone() } else { title }
    }
}

fn folders(folder: &Utf8Path) -> impl Iterator<Item = Utf8PathBuf> {
    let mut found: Vec<_> = folder.read_dir_utf8().into_iter().flatten().flatten().collect();
    found.sort_by(|a, b| a.file_name().cmp(b.file_name()));
    found.into_iter().map(|entry| entry.path().to_owned()).filter(|path| path.is_dir())
}

/// Text of a sysfs file. `None` if it is missing or empty.
fn text(path: &Utf8Path) -> Option<String> {
    let text = fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&text);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

fn number(path: &Utf8Path) -> u64 {
    text(path).and_then(|text| text.parse().ok()).unwrap_or(0)
}
