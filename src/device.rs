//! Writes a finished medium to a USB stick.
//!
//! A [`DeviceTarget`] is a disk, or a regular file in place of one, with the kernel's information about it. It is
//! refused for its properties ([`DeviceTarget::refusals`]), and for its contents ([`DriveContents`]) unless the user
//! names it, since `/dev/sdb` may be another stick tomorrow. A [`Transfer`] then writes the medium, reads it back, and
//! makes it bootable last. Disks with sectors other than 512 bytes are not supported, since media are not made for
//! them.

mod contents;
mod drive;
mod image;
mod mounts;
mod signs;
mod sysfs;
mod table;
mod transfer;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

pub use contents::{DriveContents, DrivePartition, DriveStatus};
pub use drive::{Drive, OpenDrive};
pub use image::MediumFile;
pub use signs::{SearchExtent, UsageSign};
pub use sysfs::{DeviceKind, DeviceNumber, DeviceUse, KernelDisk, KernelPartition, System, UseKind};
pub use table::{Original, open};
pub use transfer::{Transfer, TransferMode, TransferResult};

use crate::content::Stat;
use crate::error::{Error, Result};
use crate::rule::Rule;
use crate::size::Size;

/// Disk or file that a medium is written to.
#[derive(Clone, Debug)]
pub struct DeviceTarget {
    /// Path as given by the user.
    pub path: Utf8PathBuf,
    /// `true` for a disk, `false` for a file in place of one.
    pub is_device: bool,
    /// Information about the disk; for a file, only its name and length.
    pub disk: KernelDisk,
    /// File or device that the path led to. Everything is opened through this descriptor, so that a changed link or a
    /// replaced file has no effect.
    place: Arc<OwnedFd>,
}

/// Reason for not writing a medium to a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskRefusal {
    /// Card reader without a card.
    Empty,
    /// Disk of the running system; holds the mount point.
    System(String),
    /// Disk in use.
    Used(DeviceUse),
    /// Built-in disk.
    NotRemovable,
    /// Write-protected disk.
    ReadOnly,
    /// Disk with another sector length, in bytes.
    OtherSectors(u64),
    /// Disk smaller than the medium.
    TooSmall {
        /// Length of the disk.
        len: Size,
        /// Length of the medium.
        needed: Size,
    },
    /// Disk with another name than the one that may be erased.
    OtherName {
        /// Name that may be erased.
        named: String,
    },
    /// Disk that holds data, and was not named to be erased.
    HoldsData,
}

/// Mount points of a running system.
const SYSTEM: [&str; 5] = ["/", "/usr", "/boot", "/boot/efi", "/efi"];

/// Sector length that media are made for, in bytes.
const SECTOR_LEN: u64 = 512;

impl DeviceTarget {
    /// Examines the disk or file at a path.
    ///
    /// # Errors
    ///
    /// If nothing is there, or something that can't hold a medium, such as a folder or a partition.
    pub fn find(path: &Utf8Path, system: &System) -> Result<Self> {
        // Opening with `O_PATH` needs no permission to read or write.
        let place = match rustix::fs::open(path.as_std_path(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
            Err(Errno::NOENT) => {
                return Err(Error::new(format!("`{path}` does not exist")).help("list the disks with `lsblk`"));
            }
            place => place.map_err(|error| Error::io("opening", path, error.into()))?,
        };
        let place = File::from(place);
        let metadata = place.metadata().map_err(|error| Error::io("looking at", path, error))?;
        let place = OwnedFd::from(place);
        let kind = metadata.file_type();
        if kind.is_file() {
            let disk = disk_from_file(path, metadata.len());
            return Ok(Self { path: path.to_owned(), is_device: false, disk, place: Arc::new(place) });
        }
        if !kind.is_block_device() {
            let kind = if kind.is_dir() { "a folder" } else { "neither a disk nor a file" };
            let error = Error::new(format!("`{path}` is {kind}"));
            return Err(error.help("give a whole disk, such as `/dev/sdb`; list the disks with `lsblk`"));
        }
        let number = (rustix::fs::major(metadata.rdev()), rustix::fs::minor(metadata.rdev()));
        Self::from_number(path, number, system, place)
    }

    /// Examines the device with this number, opened as `place`.
    fn from_number(path: &Utf8Path, number: DeviceNumber, system: &System, place: OwnedFd) -> Result<Self> {
        match system.device(number)? {
            DeviceKind::Disk(disk) => Ok(Self { path: path.to_owned(), is_device: true, disk, place: Arc::new(place) }),
            DeviceKind::Partition { disk } => Err(Error::new(format!("`{path}` is a partition of `{disk}`"))
                .help(format!("give the whole disk, `/dev/{disk}`; a medium has its own partition table"))),
        }
    }

    /// Returns `true` if a file is the one that the path led to.
    pub fn is_file(&self, stat: &Stat) -> bool {
        rustix::fs::fstat(&self.place).is_ok_and(|found| (found.st_dev, found.st_ino) == (stat.device, stat.inode))
    }

    /// Lists the reasons against writing a medium of `needed` bytes, apart from the contents of the disk.
    pub fn refusals(&self, needed: u64) -> Vec<DiskRefusal> {
        let disk = &self.disk;
        let of_system = disk.uses.iter().find_map(|user| match &user.by {
            UseKind::Mount(at) => SYSTEM.contains(&at.as_str()).then(|| at.clone()),
            _ => None,
        });
        if let Some(at) = of_system {
            return vec![DiskRefusal::System(at)];
        }
        let mut refusals = Vec::new();
        if !disk.is_removable {
            refusals.push(DiskRefusal::NotRemovable);
        }
        if disk.len == 0 && self.is_device {
            refusals.push(DiskRefusal::Empty);
            return refusals;
        }
        refusals.extend(disk.uses.iter().cloned().map(DiskRefusal::Used));
        if disk.is_read_only {
            refusals.push(DiskRefusal::ReadOnly);
        }
        if disk.sector_len != SECTOR_LEN {
            refusals.push(DiskRefusal::OtherSectors(disk.sector_len));
        }
        if disk.len < needed {
            refusals.push(DiskRefusal::TooSmall { len: Size(disk.len), needed: Size(needed) });
        }
        refusals
    }

    /// Opens the disk for writing, exclusively.
    ///
    /// # Errors
    ///
    /// If it is in use or not writable, or its number belongs to another disk by now.
    pub fn open(&self, system: &System) -> Result<OpenDrive> {
        let opened = OpenDrive::open(|options| self.reopen(options), self.is_device, self.disk.len);
        let opened = opened.map_err(|error| self.cannot_open(error))?;
        if self.is_device {
            let number = rustix::fs::fstat(&self.place).map_err(|error| self.cannot_open(error.into()))?.st_rdev;
            let now = system.device((rustix::fs::major(number), rustix::fs::minor(number)))?;
            let is_same = |now: &KernelDisk| now.title() == self.disk.title() && now.len == self.disk.len;
            if !matches!(now, DeviceKind::Disk(now) if is_same(&now)) {
                return Err(Error::new(format!("`{}` is a different disk now", self.path))
                    .help("check the disks with `lsblk`, then try again"));
            }
        }
        Ok(opened)
    }

    /// Opens the disk for reading.
    fn open_to_read(&self) -> Result<File> {
        self.reopen(File::options().read(true)).map_err(|error| self.cannot_open(error))
    }

    /// Opens the file or device that the path led to.
    fn reopen(&self, options: &OpenOptions) -> io::Result<File> {
        options.open(format!("/proc/self/fd/{}", self.place.as_raw_fd()))
    }

    /// Creates the error of a failed opening, with help.
    fn cannot_open(&self, error: io::Error) -> Error {
        let kind = error.kind();
        let failed = Error::io("opening", &self.path, error);
        match kind {
            io::ErrorKind::PermissionDenied if self.is_device => failed.help(
                "run the command with `sudo`, or join the group `disk`, which may write to disks \
                 (`sudo usermod -aG disk $USER`, then log in again)",
            ),
            io::ErrorKind::ResourceBusy => failed.help("unmount it and close the programs that use it, then try again"),
            io::ErrorKind::WouldBlock => failed.help("wait until the process that is writing it is done"),
            _ => failed,
        }
    }
}

/// Disk information for a regular file.
fn disk_from_file(path: &Utf8Path, len: u64) -> KernelDisk {
    KernelDisk {
        name: path.file_name().unwrap_or_default().to_owned(),
        model: String::new(),
        serial: None,
        len: len / SECTOR_LEN * SECTOR_LEN,
        sector_len: SECTOR_LEN,
        is_read_only: false,
        is_removable: true,
        parts: Vec::new(),
        uses: Vec::new(),
    }
}

impl DiskRefusal {
    /// Rule that it violates, if there is one.
    pub fn rule(&self) -> Option<Rule> {
        match self {
            Self::TooSmall { .. } => Some(Rule::StickTooSmall),
            Self::NotRemovable => Some(Rule::FixedDisk),
            _ => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod computer;
#[cfg(test)]
mod tests;
