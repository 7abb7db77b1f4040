//! Disk image that is written to a stick, and must not change in the meantime.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::SeekFrom;
use rustix::io::Errno;

use super::{DeviceTarget, contents};
use crate::content::Stat;
use crate::error::{Error, ErrorKind, Result};
use crate::format::file_system::{self, FileSystem};
use crate::format::partitions;
use crate::layout::Region;
use crate::output::lists::MediumToml;
use crate::write;

/// Disk image of a medium.
#[derive(Debug)]
pub struct MediumFile {
    /// Length in bytes.
    pub len: u64,
    /// Number of its partitions.
    pub n_partitions: usize,
    /// Contents of `medium.toml`, if tsmedia made it.
    pub medium: Option<MediumToml>,
    path: Utf8PathBuf,
    file: File,
    stat: Stat,
}

impl MediumFile {
    /// Opens a disk image.
    ///
    /// # Errors
    ///
    /// If it has no partition table, since a stick with it would not start.
    pub fn open(path: &Utf8Path) -> Result<Self> {
        let failed = |error| Error::io("reading", path, error);
        let mut file = write::open_finished(path)?;
        // A medium that is being patched in place is locked by that process.
        if let Err(TryLockError::WouldBlock) = file.try_lock_shared() {
            return Err(Error::new(format!("another process is writing `{path}`"))
                .with_kind(ErrorKind::Locked)
                .help("wait until it is done"));
        }
        let stat = Stat::from_metadata(&file.metadata().map_err(failed)?);
        let table = partitions::read(&mut file);
        let table = table.map_err(|fault| Error::new(format!("`{path}` is damaged: {fault}")))?;
        let Some(table) = table else { return Err(not_a_stick(path, &mut file)) };
        let end = table.partitions.iter().map(|partition| partition.offset.saturating_add(partition.len)).max();
        if end.is_some_and(|end| end > stat.len) {
            return Err(Error::new(format!("`{path}` is truncated: its partitions extend past its end"))
                .help("build or copy it again"));
        }
        let medium = contents::medium(file.try_clone().map_err(failed)?).map(|(medium, _)| medium);
        Ok(Self { len: stat.len, n_partitions: table.partitions.len(), medium, path: path.to_owned(), file, stat })
    }

    /// Fails if the target is the medium itself.
    pub fn check_target(&self, target: &DeviceTarget) -> Result<()> {
        if target.is_file(&self.stat) {
            return Err(Error::new(format!("`{}` is the medium itself", target.path))
                .help("give a stick, such as `/dev/sdb`, or another file"));
        }
        Ok(())
    }

    /// Fails if the file changed since it was opened.
    pub(super) fn check(&self) -> Result<()> {
        let metadata = self.file.metadata().map_err(|error| self.failed(error))?;
        if Stat::from_metadata(&metadata) == self.stat {
            return Ok(());
        }
        Err(Error::new(format!("`{}` changed while it was read", self.path))
            .help("try again when no other process is writing to it"))
    }

    /// Fills `bytes` from offset `at`.
    pub(super) fn read(&self, bytes: &mut [u8], at: u64) -> Result<()> {
        self.file.read_exact_at(bytes, at).map_err(|error| self.failed(error))
    }

    /// First range at or after `at` that is not a hole. At the end of the file, the range is empty.
    pub(super) fn next_data(&self, at: u64) -> Result<Region> {
        let start = match rustix::fs::seek(&self.file, SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(Errno::NXIO) => return Ok(Region { offset: self.len, len: 0 }),
            // Without `SEEK_DATA`, everything counts as data.
            Err(_) => return Ok(Region { offset: at, len: self.len - at }),
        };
        let end = rustix::fs::seek(&self.file, SeekFrom::Hole(start)).map_err(|error| self.failed(error.into()))?;
        Ok(Region { offset: start, len: end - start })
    }

    fn failed(&self, error: io::Error) -> Error {
        Error::io("reading", &self.path, error)
    }
}

/// Error of a file that is not an image of a stick.
fn not_a_stick(path: &Utf8Path, file: &mut File) -> Error {
    use std::io::Seek;
    let found = file.rewind().and_then(|()| file_system::recognise(file));
    let what = match found {
        Ok(FileSystem::Other("ISO 9660")) => "is a disc image, which does not start from a stick",
        _ => "is not an image of a stick: it has no partition table",
    };
    Error::new(format!("`{path}` {what}"))
        .help("set `format = \"usb\"` in `[output]` and build the medium with `tsmedia apply`")
}
