//! A finished medium that is to be put on a stick: a disk image, open, of which nothing may change meanwhile.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::SeekFrom;
use rustix::io::Errno;

use super::{Target, contents};
use crate::content::Stat;
use crate::error::{Error, ErrorKind, Result};
use crate::format::file_system::{self, FileSystem};
use crate::format::partitions;
use crate::layout::Region;
use crate::output::lists::Medium;
use crate::write;

/// A disk image.
#[derive(Debug)]
pub struct Image {
    /// Its length in bytes.
    pub len: u64,
    /// How many partitions it has.
    pub n_partitions: usize,
    /// What it says of itself, if tsmedia made it.
    pub medium: Option<Medium>,
    path: Utf8PathBuf,
    file: File,
    stat: Stat,
}

impl Image {
    /// Opens a disk image.
    ///
    /// # Errors
    ///
    /// When it has no partition table: then nothing starts from a stick that holds it.
    pub fn open(path: &Utf8Path) -> Result<Self> {
        let failed = |error| Error::io("reading", path, error);
        let mut file = write::open_finished(path)?;
        // A medium that is being patched in place is locked by whoever does it.
        if let Err(TryLockError::WouldBlock) = file.try_lock_shared() {
            return Err(Error::new(format!("another process is writing `{path}`"))
                .of_kind(ErrorKind::Locked)
                .help("wait until it is done"));
        }
        let stat = Stat::of(&file.metadata().map_err(failed)?);
        let table = partitions::read(&mut file);
        let table = table.map_err(|fault| Error::new(format!("`{path}` is damaged: {fault}")))?;
        let Some(table) = table else { return Err(no_stick(path, &mut file)) };
        let end = table.partitions.iter().map(|partition| partition.offset.saturating_add(partition.len)).max();
        if end.is_some_and(|end| end > stat.len) {
            return Err(Error::new(format!("`{path}` is cut off: its partitions end behind its end"))
                .help("build it again, or copy it again"));
        }
        let medium = contents::medium(file.try_clone().map_err(failed)?).map(|(medium, _)| medium);
        Ok(Self { len: stat.len, n_partitions: table.partitions.len(), medium, path: path.to_owned(), file, stat })
    }

    /// Fails for a target that is the medium itself.
    pub fn check_target(&self, target: &Target) -> Result<()> {
        if target.is_file(&self.stat) {
            return Err(Error::new(format!("`{}` is the medium itself", target.path))
                .help("give the stick, such as `/dev/sdb`, or another file in its place"));
        }
        Ok(())
    }

    /// Fails when the file is not what it was when it was opened.
    pub(super) fn check(&self) -> Result<()> {
        let metadata = self.file.metadata().map_err(|error| self.failed(error))?;
        if Stat::of(&metadata) == self.stat {
            return Ok(());
        }
        Err(Error::new(format!("`{}` changed while it was read", self.path))
            .help("run it again when nobody is writing to it any more"))
    }

    /// Fills `bytes` from a byte of it on.
    pub(super) fn read(&self, bytes: &mut [u8], at: u64) -> Result<()> {
        self.file.read_exact_at(bytes, at).map_err(|error| self.failed(error))
    }

    /// The first range at or after a place that is no hole in the file; an empty one at its end if there is none.
    pub(super) fn next_data(&self, at: u64) -> Result<Region> {
        let start = match rustix::fs::seek(&self.file, SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(Errno::NXIO) => return Ok(Region { offset: self.len, len: 0 }),
            // A file system that does not tell holes has none.
            Err(_) => return Ok(Region { offset: at, len: self.len - at }),
        };
        let end = rustix::fs::seek(&self.file, SeekFrom::Hole(start)).map_err(|error| self.failed(error.into()))?;
        Ok(Region { offset: start, len: end - start })
    }

    fn failed(&self, error: io::Error) -> Error {
        Error::io("reading", &self.path, error)
    }
}

/// Why what has no partitions starts from no stick.
fn no_stick(path: &Utf8Path, file: &mut File) -> Error {
    use std::io::Seek;
    let found = file.rewind().and_then(|()| file_system::recognise(file));
    let what = match found {
        Ok(FileSystem::Other("ISO 9660")) => "is a disc image, which starts from discs only",
        _ => "is no image of a stick: it has no partition table",
    };
    Error::new(format!("`{path}` {what}"))
        .help("a medium with `format = \"usb\"` in `[output]` is made for sticks; `tsmedia apply` builds it")
}
