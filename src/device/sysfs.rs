//! What the kernel says of a disk: below `/sys/dev/block`, `/proc/self/mountinfo` and `/proc/swaps`.
//!
//! Follows the kernel's `Documentation/ABI/testing/sysfs-block` and `Documentation/filesystems/proc.rst`. Everything
//! is read below a root folder that the caller names, so that tests can show other computers. Mounts of other mount
//! namespaces are not seen: opening the disk for oneself is what keeps those apart.

use std::collections::BTreeSet;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use super::mounts::{self, Mount};
use crate::error::{Error, Result};
use crate::layout::Region;

/// The computer: where `sys` and `proc` are found.
#[derive(Clone, Debug)]
pub struct System {
    root: Utf8PathBuf,
}

/// The number of a device: major and minor.
pub type Number = (u32, u32);

/// A disk as the kernel has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// What the kernel calls it, such as `sdb`.
    pub name: String,
    /// Maker and model, such as `SanDisk Ultra`; empty if it does not say.
    pub model: String,
    /// Its serial number, if it says one.
    pub serial: Option<String>,
    /// Its length in bytes; zero for a reader without a card.
    pub len: u64,
    /// The length of its sectors in bytes.
    pub sector_len: u64,
    /// Whether it takes no writes.
    pub is_read_only: bool,
    /// Whether it can be taken out: a stick, a card, or whatever is on USB.
    pub is_removable: bool,
    /// Its partitions, in the order of their places.
    pub parts: Vec<Part>,
    /// Who uses it or a partition of it.
    pub uses: Vec<Use>,
}

/// A partition as the kernel has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What the kernel calls it, such as `sdb1`.
    pub name: String,
    /// Where it is.
    pub place: Region,
}

/// Somebody who uses a disk or a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// What is used: the name of the disk, of a partition, or of what is made of it.
    pub name: String,
    /// How.
    pub by: User,
}

/// How a disk or a partition is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum User {
    /// It is mounted there.
    Mount(String),
    /// Memory is swapped to it.
    Swap,
    /// Another device is made of it: its name (`dm-0`), and what the device mapper calls it.
    Device(String, Option<String>),
}

/// What a number stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A disk.
    Disk(Disk),
    /// A partition of the disk with this name.
    Partition {
        /// The disk.
        disk: String,
    },
}

/// The kernel counts in these, whatever the length of the disk's own sectors.
const SECTOR: u64 = 512;

/// What a SCSI device says that is a disk, and not a tape or an optical drive.
const SCSI_DISK: &str = "0";

impl System {
    /// The computer whose `sys` and `proc` are below a folder: `/`, but for tests.
    pub fn at(root: impl Into<Utf8PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// What has a number.
    ///
    /// # Errors
    ///
    /// When `/sys` has nothing of that number.
    pub fn device(&self, (major, minor): Number) -> Result<Found> {
        let link = self.root.join(format!("sys/dev/block/{major}:{minor}"));
        let folder = link.canonicalize_utf8().map_err(|error| Error::io("reading", &link, error))?;
        let name = |folder: &Utf8Path| folder.file_name().unwrap_or_default().to_owned();
        if folder.join("partition").exists() {
            return Ok(Found::Partition { disk: folder.parent().map(name).unwrap_or_default() });
        }
        let usb = folder.ancestors().find(|folder| folder.join("idVendor").exists());
        let device = folder.join("device");
        // Cards in a reader of their own are not removable to the kernel, and soldered ones are `MMC`.
        let kind = text(&device.join("type"));
        let is_disk = kind.as_deref().is_none_or(|kind| [SCSI_DISK, "SD", "MMC"].contains(&kind));
        let is_card = kind.as_deref() == Some("SD");
        let model = [text(&device.join("vendor")), text(&device.join("model")).or_else(|| text(&device.join("name")))];
        let serial = usb.and_then(|usb| text(&usb.join("serial")));
        let parts = self.parts(&folder);
        Ok(Found::Disk(Disk {
            name: name(&folder),
            // What virtio calls its vendor is a number.
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

    fn parts(&self, disk: &Utf8Path) -> Vec<Part> {
        let mut parts: Vec<_> = folders(disk)
            .filter(|folder| folder.join("partition").exists())
            .map(|folder| {
                let sectors = |name: &str| number(&folder.join(name)).saturating_mul(SECTOR);
                let place = Region { offset: sectors("start"), len: sectors("size") };
                Part { name: folder.file_name().unwrap_or_default().to_owned(), place }
            })
            .collect();
        parts.sort_by(|a, b| (a.place.offset, &a.name).cmp(&(b.place.offset, &b.name)));
        parts
    }

    /// Who uses a disk, its partitions, and what is made of those.
    fn uses(&self, disk: &Utf8Path, parts: &[Part]) -> Result<Vec<Use>> {
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
            let mut used = |by| uses.push(Use { name: name.clone(), by });
            mounts.iter().filter(is_it).for_each(|mount| used(User::Mount(mount.at.clone())));
            swaps.iter().filter(|path| own(path)).for_each(|_| used(User::Swap));
            for holder in folders(&folder.join("holders")) {
                // What `holders` has are links to where the holders are.
                let holder = holder.canonicalize_utf8().unwrap_or(holder);
                let by = holder.file_name().unwrap_or_default().to_owned();
                used(User::Device(by, text(&holder.join("dm/name"))));
                left.push(holder);
            }
        }
        Ok(uses)
    }
}

impl Disk {
    /// What it is called where one has to be told from another: model and serial number, without spaces.
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

/// A value of sysfs, if it is there and says anything.
fn text(path: &Utf8Path) -> Option<String> {
    let text = fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&text);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

fn number(path: &Utf8Path) -> u64 {
    text(path).and_then(|text| text.parse().ok()).unwrap_or(0)
}
