//! Every call that changes a disk, in one place, so that a test can make the n-th of them fail.
//!
//! A [`Disk`] does what the standard library does. One that [watches](Disk::watched) asks a function before each
//! call; when the function fails, the call fails and is not made.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use camino::Utf8Path;
use rustix::fs::FallocateFlags;

use super::open;
use crate::layout::Region;

/// The calls that change a disk.
#[derive(Clone, Default)]
pub struct Disk {
    watcher: Option<Arc<Watcher>>,
}

type Watcher = dyn Fn(Call) -> io::Result<()> + Send + Sync;

/// What is about to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// Making a file or a folder.
    Create,
    /// Giving a file a length.
    SetLen,
    /// Writing or copying bytes into a file, or clearing some.
    Write,
    /// Inserting blocks into a file, or dropping some.
    Move,
    /// Forcing a file or a folder to the disk.
    Sync,
    /// Renaming a file over another.
    Rename,
    /// Removing a file.
    Remove,
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.watcher.is_some() { "Disk(watched)" } else { "Disk" })
    }
}

impl Disk {
    /// A disk that asks `watcher` before each call, and fails where it fails.
    pub fn watched(watcher: impl Fn(Call) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self { watcher: Some(Arc::new(watcher)) }
    }

    fn about_to(&self, call: Call) -> io::Result<()> {
        self.watcher.as_ref().map_or(Ok(()), |watcher| watcher(call))
    }

    /// Makes a file that is not there yet, open to read and write.
    pub(super) fn create(&self, path: &Utf8Path) -> io::Result<File> {
        self.about_to(Call::Create)?;
        open::create_new(path)
    }

    /// Makes the folders on the way to a file.
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

    /// Copies bytes from file to file within the kernel, as reflinks where the file system has them, and says how
    /// many: fewer than wanted at the end of the source.
    pub(super) fn copy(&self, from: &File, start: u64, to: &File, offset: u64, len: u64) -> io::Result<u64> {
        self.about_to(Call::Write)?;
        let (mut from_at, mut to_at) = (start, offset);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        Ok(rustix::fs::copy_file_range(from, Some(&mut from_at), to, Some(&mut to_at), len)? as u64)
    }

    /// Makes a range read as zero.
    pub(super) fn clear(&self, file: &File, range: Region) -> io::Result<()> {
        self.about_to(Call::Write)?;
        let punched = fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, range);
        match punched {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => write_zeros(file, range),
            done => done,
        }
    }

    /// Inserts zeros, which moves everything behind them: whole blocks, within the file.
    pub(super) fn insert(&self, file: &File, range: Region) -> io::Result<()> {
        self.about_to(Call::Move)?;
        fallocate(file, FallocateFlags::INSERT_RANGE, range)
    }

    /// Takes a range out, so that everything behind it moves: whole blocks, not up to the end of the file.
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

    /// Removes a file, which need not exist.
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
