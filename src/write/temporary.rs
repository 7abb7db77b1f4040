//! File that gets its final name only when it is complete.
//!
//! It is written beside the target as `.<name>.tsmedia-part`, synced, and renamed. The temporary name is always the
//! same, so the next run removes what a killed process left; a lock keeps two processes apart. A leftover is never
//! written to, since it may have been planted.

use std::fs::{File, TryLockError};
use std::io;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use super::disk::DiskOps;
use super::open;
use crate::content::Stat;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;

/// File being written; removed when dropped before it is [finished](Temporary::finish).
#[derive(Debug)]
pub struct Temporary<'a> {
    disk: &'a DiskOps,
    target: Utf8PathBuf,
    path: Utf8PathBuf,
    file: File,
    /// Device and inode of the file that it will replace.
    over: Option<(u64, u64)>,
    /// `true` to keep the file when dropped.
    stays: bool,
}

/// Reaction to another process that is writing the same file.
#[derive(Clone, Copy, Debug)]
pub enum IfBusy<'p> {
    /// Wait for it, as it writes a small file.
    Wait,
    /// Wait for it unless cancelled, as it makes the file that is wanted here too.
    WaitUnless(&'p Progress),
    /// Fail, as it writes a large file.
    Fail,
}

/// Interval between attempts to take the lock.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// Path of a target until it is complete.
pub fn temporary_path(target: &Utf8Path) -> Utf8PathBuf {
    target.with_file_name(format!(".{}.tsmedia-part", target.file_name().unwrap_or_default()))
}

/// Replaces a small file atomically: it then holds either its old contents or the new ones.
pub fn replace(disk: &DiskOps, target: &Utf8Path, bytes: &[u8]) -> Result<()> {
    let temporary = Temporary::create(disk, target, IfBusy::Wait)?;
    temporary.write(bytes, 0)?;
    temporary.finish().map(drop)
}

/// Renames a finished file to a path that is free, and creates the folders above it.
///
/// # Errors
///
/// If there is a file at the new path, or it is on another file system.
pub fn rename_new(disk: &DiskOps, old: &Utf8Path, new: &Utf8Path) -> Result<()> {
    let failed = |error| Error::io(&format!("renaming `{old}` to"), new, error);
    disk.create_parent(new).map_err(failed)?;
    disk.rename_new(old, new).map_err(failed)?;
    [new, old].into_iter().try_for_each(|path| sync_folder(disk, path))
}

impl<'a> Temporary<'a> {
    /// Creates an empty file that will become `target`, and the parent folders.
    pub fn create(disk: &'a DiskOps, target: &Utf8Path, if_busy: IfBusy) -> Result<Self> {
        let path = temporary_path(target);
        let failed = |error| Error::io("creating", &path, error);
        disk.create_parent(target).map_err(failed)?;
        let file = loop {
            match disk.create(&path) {
                Ok(file) => {
                    lock(&file, target, if_busy)?;
                    // Another process may have removed it as a leftover before it was locked.
                    if open::is_named(&file, &path) {
                        break file;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    remove_leftover(disk, &path, target, if_busy)?;
                }
                Err(error) => return Err(failed(error)),
            }
        };
        let over = open::identity(target);
        Ok(Self { disk, target: target.to_owned(), path, file, over, stays: false })
    }

    /// Replaces the empty file by the target itself, open for reading and writing. The target keeps the temporary name
    /// until it is [finished](Temporary::finish), and is not removed if that fails.
    pub(super) fn take_target(&mut self, file: File) -> Result<()> {
        let failed = |error| Error::io("renaming", &self.target, error);
        if !open::is_named(&file, &self.target) {
            return Err(replaced(&self.target));
        }
        self.disk.rename(&self.target, &self.path).map_err(failed)?;
        self.file = file;
        self.over = None;
        self.stays = true;
        Ok(())
    }

    /// Opens the file that an interrupted patch left under the temporary name; `None` if there is none. It is removed
    /// when dropped unless told to [stay](Temporary::stay).
    pub(super) fn resume(disk: &'a DiskOps, target: &Utf8Path) -> Result<Option<Self>> {
        let path = temporary_path(target);
        let file = match open::open_own(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(|error| open::failed("opening", &path, error))?,
        };
        lock(&file, target, IfBusy::Fail)?;
        Ok(Some(Self { disk, target: target.to_owned(), path, file, over: None, stays: false }))
    }

    /// Keeps the file under its temporary name when dropped.
    pub(super) fn stay(&mut self) {
        self.stays = true;
    }

    /// Open file, for reading back.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Calls used to write the file.
    pub fn disk(&self) -> &DiskOps {
        self.disk
    }

    /// Final path.
    pub fn target(&self) -> &Utf8Path {
        &self.target
    }

    /// Sets the length. Bytes that are not written are zero.
    pub fn set_len(&self, len: u64) -> Result<()> {
        self.disk.set_len(&self.file, len).map_err(|error| self.failed(error))
    }

    /// Writes bytes at an offset.
    pub fn write(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.disk.write_at(&self.file, bytes, offset).map_err(|error| self.failed(error))
    }

    /// Creates the error of a failed write, with help for known causes.
    pub fn failed(&self, error: io::Error) -> Error {
        failed_write(&self.path, error)
    }

    /// Syncs the file and gives it its final name. Returns its metadata.
    ///
    /// # Errors
    ///
    /// If syncing or renaming fails, or another process created or replaced the target in the meantime; its file is
    /// kept.
    pub fn finish(mut self) -> Result<Stat> {
        let failed = |error| Error::io("finishing", &self.target, error);
        self.disk.sync(&self.file).map_err(failed)?;
        if !open::is_named(&self.file, &self.path) {
            return Err(replaced(&self.path));
        }
        if open::identity(&self.target) != self.over {
            return Err(replaced(&self.target));
        }
        self.disk.rename(&self.path, &self.target).map_err(failed)?;
        self.stays = true;
        // The rename survives a power cut only once the folder is synced.
        sync_folder(self.disk, &self.target)?;
        Ok(Stat::from_metadata(&self.file.metadata().map_err(failed)?))
    }
}

/// Removes a leftover under a temporary name, unless another run is still writing it.
fn remove_leftover(disk: &DiskOps, path: &Utf8Path, target: &Utf8Path, if_busy: IfBusy) -> Result<()> {
    match open::open_own(path) {
        Ok(file) => {
            lock(&file, target, if_busy)?;
            // While this run waited for the lock, the other one may have finished the file, and started the next.
            if !open::is_named(&file, path) {
                return Ok(());
            }
            return remove(disk, path);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) => {}
    }
    // It belongs to another user, whose run may still hold the lock. No other failure to lock means that.
    let is_busy = |file: File| matches!(file.try_lock(), Err(TryLockError::WouldBlock));
    if open::open_to_inspect(path).is_ok_and(is_busy) {
        return Err(busy(target));
    }
    remove(disk, path)
}

fn remove(disk: &DiskOps, path: &Utf8Path) -> Result<()> {
    disk.remove(path).map_err(|error| Error::io("removing", path, error))
}

/// Error of a file that another process replaced.
pub(super) fn replaced(path: &Utf8Path) -> Error {
    Error::new(format!("another process replaced `{path}`"))
        .with_kind(ErrorKind::Stale)
        .help("wait until that process is done, then try again")
}

/// Error of a file that another process changed.
pub fn modified(path: &Utf8Path) -> Error {
    Error::new(format!("another process modified `{path}`"))
        .with_kind(ErrorKind::Stale)
        .help("wait until that process is done, then try again")
}

fn busy(target: &Utf8Path) -> Error {
    Error::new(format!("another process is writing `{target}`"))
        .with_kind(ErrorKind::Locked)
        .help("wait until it is done, or stop it")
}

/// Error of a failed write to a temporary file, with help for known causes.
pub(super) fn failed_write(path: &Utf8Path, error: io::Error) -> Error {
    let is_full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let is_too_large = error.kind() == io::ErrorKind::FileTooLarge;
    let failed = Error::io("writing", path, error);
    if is_full {
        failed.help("free some space there and try again; nothing under the final name has changed")
    } else if is_too_large {
        failed.help("raise the file size limit (`ulimit -f`), or use a file system that allows larger files")
    } else {
        failed
    }
}

/// Time to wait for a lock before assuming another writer. A reader that checks for writers holds the lock for a
/// moment.
const PATIENCE: Duration = Duration::from_millis(300);

/// Locks a file that will become `target`. The lock lasts until the file is closed.
pub(super) fn lock(file: &File, target: &Utf8Path, if_busy: IfBusy) -> Result<()> {
    let failed = |error| Error::io("locking", target, error);
    let start = Instant::now();
    loop {
        match (file.try_lock(), if_busy) {
            (Ok(()), _) => return Ok(()),
            (Err(TryLockError::WouldBlock), IfBusy::Wait) => return file.lock().map_err(failed),
            (Err(TryLockError::WouldBlock), IfBusy::WaitUnless(progress)) => progress.check_cancelled()?,
            (Err(TryLockError::WouldBlock), IfBusy::Fail) if start.elapsed() > PATIENCE => return Err(busy(target)),
            (Err(TryLockError::WouldBlock), IfBusy::Fail) => {}
            // On a file system without locks, no other process can hold one either.
            (Err(TryLockError::Error(error)), _) if error.kind() == io::ErrorKind::Unsupported => return Ok(()),
            (Err(TryLockError::Error(error)), _) => return Err(failed(error)),
        }
        std::thread::sleep(ASK_AGAIN);
    }
}

/// Syncs the folder of a file, so that its creation, renaming or removal lasts.
pub(super) fn sync_folder(disk: &DiskOps, path: &Utf8Path) -> Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    let synced = File::open(parent).and_then(|folder| disk.sync(&folder));
    synced.map_err(|error| Error::io("finishing", path, error))
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.stays && open::is_named(&self.file, &self.path) {
            // The error was already reported; the next run removes leftovers.
            let _ = self.disk.remove(&self.path);
        }
        // A child process that is just starting holds a copy of the descriptor, which would keep the lock a moment
        // longer.
        let _ = self.file.unlock();
    }
}
