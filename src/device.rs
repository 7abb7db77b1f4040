//! Putting a finished medium on a stick.
//!
//! A [`Target`] is a disk, or a regular file that stands for one, with what the kernel says of it. It is refused for
//! what it is ([`Target::refusals`]), and for what it holds ([`Contents`]) unless its owner names it: the number that
//! a stick has today is another stick's tomorrow. A [`Transfer`] then writes, reads back, and makes it bootable last.
//! Not supported: disks with sectors other than 512 bytes, for which the media are not made.

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

pub use contents::{Contents, Held, Standing};
pub use drive::{Drive, Opened};
pub use image::Image;
pub use signs::{Looked, Sign};
pub use sysfs::{Disk, Found, Number, Part, System, Use, User};
pub use table::{Original, open};
pub use transfer::{Done, How, Transfer};

use crate::content::Stat;
use crate::error::{Error, Result};
use crate::rule::Rule;
use crate::size::Size;

/// What a medium is to be put on.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it is, as its user said.
    pub path: Utf8PathBuf,
    /// Whether it is a disk, and not a file that stands for one.
    pub is_device: bool,
    /// What is known of it; a file says its length and its name only.
    pub disk: Disk,
    /// The file or device that the path led to. Everything is opened through this, so that a link that leads
    /// elsewhere by then, or another file under the name, changes nothing.
    place: Arc<OwnedFd>,
}

/// Why a medium is not put on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no card in the reader.
    Empty,
    /// The running system is on it: where it is mounted.
    System(String),
    /// It is used.
    Used(Use),
    /// It is built in.
    NotRemovable,
    /// It takes no writes.
    ReadOnly,
    /// Its sectors have another length: how many bytes.
    OtherSectors(u64),
    /// It holds less than the medium.
    TooSmall {
        /// What it holds.
        len: Size,
        /// What the medium takes.
        needed: Size,
    },
    /// It has another name than the one that may be erased.
    OtherName {
        /// The one that may.
        named: String,
    },
    /// It holds something, and nobody said that it may be erased.
    HoldsData,
}

/// Where the parts of a running system are mounted.
const SYSTEM: [&str; 5] = ["/", "/usr", "/boot", "/boot/efi", "/efi"];

/// What the sectors are long that media are made for.
const SECTOR_LEN: u64 = 512;

impl Target {
    /// Finds out what is at a path.
    ///
    /// # Errors
    ///
    /// When nothing is there, or something that a medium can't be put on: a folder, a partition.
    pub fn find(path: &Utf8Path, system: &System) -> Result<Self> {
        // Neither reads nor writes, and needs no right to.
        let place = match rustix::fs::open(path.as_std_path(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
            Err(Errno::NOENT) => {
                return Err(Error::new(format!("there is no `{path}`")).help("`lsblk` lists the disks that there are"));
            }
            place => place.map_err(|error| Error::io("opening", path, error.into()))?,
        };
        let place = File::from(place);
        let metadata = place.metadata().map_err(|error| Error::io("looking at", path, error))?;
        let place = OwnedFd::from(place);
        let kind = metadata.file_type();
        if kind.is_file() {
            let disk = stand_in(path, metadata.len());
            return Ok(Self { path: path.to_owned(), is_device: false, disk, place: Arc::new(place) });
        }
        if !kind.is_block_device() {
            let kind = if kind.is_dir() { "a folder" } else { "neither a disk nor a file" };
            let error = Error::new(format!("`{path}` is {kind}"));
            return Err(error.help("give the disk itself, such as `/dev/sdb`; `lsblk` lists those that there are"));
        }
        let number = (rustix::fs::major(metadata.rdev()), rustix::fs::minor(metadata.rdev()));
        Self::of_number(path, number, system, place)
    }

    /// What a device with a number is, which was found at `place`.
    fn of_number(path: &Utf8Path, number: Number, system: &System, place: OwnedFd) -> Result<Self> {
        match system.device(number)? {
            Found::Disk(disk) => Ok(Self { path: path.to_owned(), is_device: true, disk, place: Arc::new(place) }),
            Found::Partition { disk } => Err(Error::new(format!("`{path}` is a partition of `{disk}`"))
                .help(format!("a medium brings its own partitions: give the whole disk, `/dev/{disk}`"))),
        }
    }

    /// Returns whether a file is what the path led to.
    pub fn is_file(&self, stat: &Stat) -> bool {
        rustix::fs::fstat(&self.place).is_ok_and(|found| (found.st_dev, found.st_ino) == (stat.device, stat.inode))
    }

    /// What speaks against putting a medium of so many bytes on it, whatever it holds.
    pub fn refusals(&self, needed: u64) -> Vec<Refusal> {
        let disk = &self.disk;
        let of_system = disk.uses.iter().find_map(|user| match &user.by {
            User::Mount(at) => SYSTEM.contains(&at.as_str()).then(|| at.clone()),
            _ => None,
        });
        if let Some(at) = of_system {
            return vec![Refusal::System(at)];
        }
        let mut refusals = Vec::new();
        if !disk.is_removable {
            refusals.push(Refusal::NotRemovable);
        }
        if disk.len == 0 && self.is_device {
            refusals.push(Refusal::Empty);
            return refusals;
        }
        refusals.extend(disk.uses.iter().cloned().map(Refusal::Used));
        if disk.is_read_only {
            refusals.push(Refusal::ReadOnly);
        }
        if disk.sector_len != SECTOR_LEN {
            refusals.push(Refusal::OtherSectors(disk.sector_len));
        }
        if disk.len < needed {
            refusals.push(Refusal::TooSmall { len: Size(disk.len), needed: Size(needed) });
        }
        refusals
    }

    /// Opens it to write, for nobody else.
    ///
    /// # Errors
    ///
    /// When it is in use, may not be written to, or is a device whose number is another disk's by now.
    pub fn open(&self, system: &System) -> Result<Opened> {
        let opened = Opened::open(|options| self.reopen(options), self.is_device, self.disk.len);
        let opened = opened.map_err(|error| self.cannot_open(error))?;
        if self.is_device {
            let number = rustix::fs::fstat(&self.place).map_err(|error| self.cannot_open(error.into()))?.st_rdev;
            let now = system.device((rustix::fs::major(number), rustix::fs::minor(number)))?;
            let is_same = |now: &Disk| now.title() == self.disk.title() && now.len == self.disk.len;
            if !matches!(now, Found::Disk(now) if is_same(&now)) {
                return Err(Error::new(format!("`{}` is another disk by now", self.path))
                    .help("see which disks there are with `lsblk`, then run it again"));
            }
        }
        Ok(opened)
    }

    /// Opens it to read.
    fn open_to_read(&self) -> Result<File> {
        self.reopen(File::options().read(true)).map_err(|error| self.cannot_open(error))
    }

    /// Opens what the path led to.
    fn reopen(&self, options: &OpenOptions) -> io::Result<File> {
        options.open(format!("/proc/self/fd/{}", self.place.as_raw_fd()))
    }

    /// The error of a failed opening, with the way out.
    fn cannot_open(&self, error: io::Error) -> Error {
        let kind = error.kind();
        let failed = Error::io("opening", &self.path, error);
        match kind {
            io::ErrorKind::PermissionDenied if self.is_device => failed.help(
                "ask whoever looks after this computer for the right to write to disks: the group `disk` has it \
                 (`sudo usermod -aG disk $USER`, then log in again), or the line runs under `sudo`",
            ),
            io::ErrorKind::ResourceBusy => {
                failed.help("something uses it: unmount it, and close what looks at it, then run it again")
            }
            io::ErrorKind::WouldBlock => failed.help("another process is writing it: wait until it is done"),
            _ => failed,
        }
    }
}

/// A file that stands for a disk.
fn stand_in(path: &Utf8Path, len: u64) -> Disk {
    Disk {
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

impl Refusal {
    /// The rule of the field that it keeps, where there is one.
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
