//! Every call that changes the disk, so that tests can make the n-th of them fail.
//!
//! [`DiskOps`] calls the standard library. With a [watcher](DiskOps::watched), it calls that first, and fails without
//! touching the disk if the watcher does.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use camino::Utf8Path;
use rustix::fs::{CWD, FallocateFlags, RenameFlags, renameat_with};

use super::open;
use crate::layout::Region;

/// Calls that change the disk.
#[derive(Clone, Default)]
pub struct DiskOps {
    watcher: Option<Arc<Watcher>>,
}

type Watcher = dyn Fn(Call) -> io::Result<()> + Send + Sync;

/// Kind of a call, as seen by a watcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// Create a file or a folder.
    Create,
    /// Set the length of a file.
    SetLen,
    /// Write or copy bytes into a file, or clear some.
    Write,
    /// Insert blocks into a file, or remove some.
    Move,
    /// Sync a file or a folder.
    Sync,
    /// Rename a file over another.
    Rename,
    /// Remove a file.
    Remove,
}

impl fmt::Debug for DiskOps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.watcher.is_some() { "DiskOps(watched)" } else { "DiskOps" })
    }
}

impl DiskOps {
    /// Creates operations that call `watcher` first, and fail if it does.
    pub fn watched(watcher: impl Fn(Call) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self { watcher: Some(Arc::new(watcher)) }
    }

    fn about_to(&self, call: Call) -> io::Result<()> {
        self.watcher.as_ref().map_or(Ok(()), |watcher| watcher(call))
    }

    /// Creates a file that must not exist, open for reading and writing.
    pub(super) fn create(&self, path: &Utf8Path) -> io::Result<File> {
        self.about_to(Call::Create)?;
        open::create_new(path)
    }

    /// Creates the parent folders of a file.
    pub(super) fn create_parent(&self, path: &Utf8Path) -> io::Result<()> {
        match path.parent().filter(|parent| !parent.as_str().is_empty()) {
            Some(parent) if !parent.is_dir() => {
                self.about_to(Call::Create)?;
                open::create_folders(parent)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn set_len(&self, file: &File, len: u64) -> io::Result<()> {
        self.about_to(Call::SetLen)?;
        file.set_len(len)
    }

    pub(super) fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.about_to(Call::Write)?;
        file.write_all_at(bytes, offset)
    }

    /// Copies bytes between files within the kernel, as reflinks if the file system supports them. Returns the number
    /// of bytes copied, which may be less than `len`, and is 0 at the end of the source.
    pub(super) fn copy(&self, from: &File, start: u64, to: &File, offset: u64, len: u64) -> io::Result<u64> {
        self.about_to(Call::Write)?;
        let (mut from_at, mut to_at) = (start, offset);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        Ok(rustix::fs::copy_file_range(from, Some(&mut from_at), to, Some(&mut to_at), len)? as u64)
    }

    /// Fills a range with zeros, as a hole if the file system supports it.
    pub(super) fn clear(&self, file: &File, range: Region) -> io::Result<()> {
        self.about_to(Call::Write)?;
        let punched = fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, range);
        match punched {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => write_zeros(file, range),
            done => done,
        }
    }

    /// Inserts zeros before the end of a file and moves everything after them. Offset and length must be multiples of
    /// the block size.
    pub(super) fn insert(&self, file: &File, range: Region) -> io::Result<()> {
        self.about_to(Call::Move)?;
        fallocate(file, FallocateFlags::INSERT_RANGE, range)
    }

    /// Removes a range before the end of a file and moves everything after it. Offset and length must be multiples of
    /// the block size.
    pub(super) fn drop_range(&self, file: &File, range: Region) -> io::Result<()> {
        self.about_to(Call::Move)?;
        fallocate(file, FallocateFlags::COLLAPSE_RANGE, range)
    }

    pub(super) fn sync(&self, file: &File) -> io::Result<()> {
        self.about_to(Call::Sync)?;
        file.sync_all()
    }

    pub(super) fn rename(&self, from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
        self.about_to(Call::Rename)?;
        fs::rename(from, to)
    }

    /// Renames a file to a name that must be free.
    pub(super) fn rename_new(&self, from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
        self.about_to(Call::Rename)?;
        let renamed = renameat_with(CWD, from.as_std_path(), CWD, to.as_std_path(), RenameFlags::NOREPLACE);
        match renamed.map_err(io::Error::from) {
            // Not every file system can refuse to replace a file.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput && fs::symlink_metadata(to).is_err() => {
                fs::rename(from, to)
            }
            done => done,
        }
    }

    /// Removes a file if it exists.
    pub fn remove(&self, path: &Utf8Path) -> io::Result<()> {
        self.about_to(Call::Remove)?;
        open::remove(path)
    }
}

pub(super) fn fallocate(file: &File, flags: FallocateFlags, range: Region) -> io::Result<()> {
    rustix::fs::fallocate(file, flags, range.offset, range.len).map_err(io::Error::from)
}

fn write_zeros(file: &File, range: Region) -> io::Result<()> {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    let mut at = range.offset;
    while at < range.end() {
        let len = (range.end() - at).min(ZEROS.len() as u64) as usize;
        file.write_all_at(&ZEROS[..len], at)?;
        at += len as u64;
    }
    Ok(())
}
