//! File that an interrupted download is continued in: `.<name>.tsmedia-pull` beside the target.
//!
//! Bytes are written at their final offsets. What an earlier run left is read back, and counts only if its digest is right.
//! Once it has all bytes of the target, the file takes its name; or its bytes are patched into the target.

use std::fs::File;
use std::os::unix::fs::FileExt;

use camino::{Utf8Path, Utf8PathBuf};

use super::disk::DiskOps;
use super::open;
use super::room::check_room;
use super::temporary::{IfBusy, failed_write, lock, replaced, sync_folder};
use crate::content::{SourceFile, Stat};
use crate::error::{Error, Result};
use crate::layout::Region;

/// File of a download, locked by this run. It is kept when dropped, for the next run.
#[derive(Debug)]
pub struct Staging<'a> {
    disk: &'a DiskOps,
    target: Utf8PathBuf,
    path: Utf8PathBuf,
    file: File,
    /// `true` if an earlier run left it.
    is_resumed: bool,
}

impl<'a> Staging<'a> {
    /// Opens the file of a target, or creates it and the parent folders.
    ///
    /// # Errors
    ///
    /// If another run uses it, or it is a link or belongs to another user.
    pub fn open(disk: &'a DiskOps, target: &Utf8Path) -> Result<Self> {
        let name = target.file_name().unwrap_or_default();
        let path = target.with_file_name(format!(".{name}.tsmedia-pull"));
        disk.create_parent(target).map_err(|error| Error::io("creating", &path, error))?;
        let (file, is_resumed) = match disk.create(&path) {
            Ok(file) => (file, false),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                (open::open_own(&path).map_err(|error| open::failed("opening", &path, error))?, true)
            }
            Err(error) => return Err(Error::io("creating", &path, error)),
        };
        lock(&file, target, IfBusy::Fail)?;
        if !open::is_named(&file, &path) {
            return Err(replaced(&path));
        }
        Ok(Self { disk, target: target.to_owned(), path, file, is_resumed })
    }

    /// Returns `true` if an earlier run left bytes here.
    pub fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// Fails if the file system has less free space than `needed` bytes.
    pub fn check_room(&self, needed: u64) -> Result<()> {
        check_room(&self.file, &self.target, needed, "free some space there; nothing under the final name has changed")
    }

    /// Fills `bytes` from an offset. Bytes that were never written are zero.
    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> Result<()> {
        let mut n_read = 0;
        while n_read < bytes.len() {
            let read = self.file.read_at(&mut bytes[n_read..], offset + n_read as u64);
            match read.map_err(|error| Error::io("reading", &self.path, error))? {
                0 => break,
                n => n_read += n,
            }
        }
        bytes[n_read..].fill(0);
        Ok(())
    }

    /// Writes bytes at an offset.
    pub fn write(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.disk.write_at(&self.file, bytes, offset).map_err(|error| failed_write(&self.path, error))
    }

    /// Copies a region from another file, by sharing its blocks where possible.
    pub fn copy_from(&self, from: &File, region: Region) -> Result<()> {
        let mut at = region.offset;
        while at < region.end() {
            let copied = self.disk.copy(from, at, &self.file, at, region.end() - at);
            match copied.map_err(|error| failed_write(&self.path, error))? {
                0 => return Err(Error::new(format!("`{}` was truncated by another process", self.target))),
                n => at += n,
            }
        }
        Ok(())
    }

    /// Sets the length and syncs the bytes. Returns the file as a source.
    pub fn source(&self, len: u64) -> Result<SourceFile> {
        let failed = |error| failed_write(&self.path, error);
        self.disk.set_len(&self.file, len).map_err(failed)?;
        self.disk.sync(&self.file).map_err(failed)?;
        let metadata = self.file.metadata().map_err(|error| Error::io("looking at", &self.path, error))?;
        Ok(SourceFile { path: self.path.clone(), stat: Stat::from_metadata(&metadata) })
    }

    /// Gives the file the target's name. All bytes outside `used`, which is ascending, become zero. `over` is the device
    /// and inode of the file that it replaces.
    ///
    /// # Errors
    ///
    /// If a call fails, or another process replaced the target; its file is kept.
    pub fn finish(self, used: &[Region], len: u64, over: Option<(u64, u64)>) -> Result<Stat> {
        let failed = |error| failed_write(&self.path, error);
        self.disk.set_len(&self.file, len).map_err(failed)?;
        let ends = used.iter().map(|region| (region.offset, region.end())).chain([(len, len)]);
        let mut at = 0;
        for (start, end) in ends {
            // An earlier run for another medium may have written here.
            if self.is_resumed && at < start {
                self.disk.clear(&self.file, Region { offset: at, len: start - at }).map_err(failed)?;
            }
            at = end;
        }
        self.disk.sync(&self.file).map_err(failed)?;
        if !open::is_named(&self.file, &self.path) {
            return Err(replaced(&self.path));
        }
        if open::identity(&self.target) != over {
            return Err(replaced(&self.target));
        }
        self.disk.rename(&self.path, &self.target).map_err(failed)?;
        sync_folder(self.disk, &self.target)?;
        let metadata = self.file.metadata().map_err(|error| Error::io("looking at", &self.target, error))?;
        Ok(Stat::from_metadata(&metadata))
    }

    /// Removes the file.
    pub fn remove(self) -> Result<()> {
        if !open::is_named(&self.file, &self.path) {
            return Ok(());
        }
        self.disk.remove(&self.path).map_err(|error| Error::io("removing", &self.path, error))
    }
}
