//! A file that gets its final name only when it is whole.
//!
//! It is written beside the target as `.<name>.tsmedia-part`, forced to the disk, and renamed. The name is always
//! the same, so what a killed process left behind is removed by the next one; a lock keeps two processes apart. A
//! leftover is never written to, since anybody may have put it there.

use std::fs::{File, TryLockError};
use std::io;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use super::disk::Disk;
use super::open;
use crate::content::Stat;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;

/// A file being written, removed when dropped before it was [finished](Temporary::finish).
#[derive(Debug)]
pub struct Temporary<'a> {
    disk: &'a Disk,
    target: Utf8PathBuf,
    path: Utf8PathBuf,
    file: File,
    /// The file that it takes the place of, by device and inode.
    over: Option<(u64, u64)>,
    /// Whether it stays when it is dropped.
    stays: bool,
}

/// What to do when another process is writing the same file.
#[derive(Clone, Copy, Debug)]
pub enum IfBusy<'p> {
    /// Wait for it: it writes a small file.
    Wait,
    /// Wait until it is done, or somebody asks to stop: it makes what is wanted here too.
    WaitUnless(&'p Progress),
    /// Fail: it writes a large one.
    Fail,
}

/// How often to see whether another process is done.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// Where a target is written until it is whole.
pub fn temporary_path(target: &Utf8Path) -> Utf8PathBuf {
    target.with_file_name(format!(".{}.tsmedia-part", target.file_name().unwrap_or_default()))
}

/// Replaces a small file in one step: afterwards it holds either what it held or these bytes.
pub fn replace(disk: &Disk, target: &Utf8Path, bytes: &[u8]) -> Result<()> {
    let temporary = Temporary::create(disk, target, IfBusy::Wait)?;
    temporary.write(bytes, 0)?;
    temporary.finish().map(drop)
}

impl<'a> Temporary<'a> {
    /// Starts an empty file that will become `target`; makes the folders on the way.
    pub fn create(disk: &'a Disk, target: &Utf8Path, if_busy: IfBusy) -> Result<Self> {
        let path = temporary_path(target);
        let failed = |error| Error::io("creating", &path, error);
        disk.create_parent(target).map_err(failed)?;
        let file = loop {
            match disk.create(&path) {
                Ok(file) => {
                    lock(&file, target, if_busy)?;
                    // Another process may have taken it for a leftover before it was locked.
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

    /// Takes the target itself, open to read and write, in place of the empty file: it is there under the name of the
    /// temporary one until it is [finished](Temporary::finish), and not removed when it is not.
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

    /// Takes up what a patch left under the temporary name, to remove it unless it is to [stay](Temporary::stay);
    /// nothing if there is nothing.
    pub(super) fn resume(disk: &'a Disk, target: &Utf8Path) -> Result<Option<Self>> {
        let path = temporary_path(target);
        let file = match open::open_own(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(|error| open::failed("opening", &path, error))?,
        };
        lock(&file, target, IfBusy::Fail)?;
        Ok(Some(Self { disk, target: target.to_owned(), path, file, over: None, stays: false }))
    }

    /// Leaves it where it is when it is dropped.
    pub(super) fn stay(&mut self) {
        self.stays = true;
    }

    /// The open file, for reading what was written.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The calls that it is written with.
    pub fn disk(&self) -> &Disk {
        self.disk
    }

    /// What it will be called.
    pub fn target(&self) -> &Utf8Path {
        &self.target
    }

    /// Gives it a length; what is not written reads as zero.
    pub fn set_len(&self, len: u64) -> Result<()> {
        self.disk.set_len(&self.file, len).map_err(|error| self.failed(error))
    }

    /// Writes bytes at an offset.
    pub fn write(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.disk.write_at(&self.file, bytes, offset).map_err(|error| self.failed(error))
    }

    /// The error of a failed write, with advice where there is any.
    pub fn failed(&self, error: io::Error) -> Error {
        failed_write(&self.path, error)
    }

    /// Forces it to the disk and gives it its final name. Returns what the file system then says of it.
    ///
    /// # Errors
    ///
    /// Those of the disk, and when another process put a file in the place of the target meanwhile: it is kept.
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
        // The rename itself is on the disk only when the folder is.
        sync_folder(self.disk, &self.target)?;
        Ok(Stat::of(&self.file.metadata().map_err(failed)?))
    }
}

/// Removes what another run left under a temporary name, unless that run is still at work.
fn remove_leftover(disk: &Disk, path: &Utf8Path, target: &Utf8Path, if_busy: IfBusy) -> Result<()> {
    match open::open_own(path) {
        Ok(file) => {
            lock(&file, target, if_busy)?;
            // While the lock was waited for, the other run gave it its name, and may have started the next one.
            if !open::is_named(&file, path) {
                return Ok(());
            }
            return remove(disk, path);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) => {}
    }
    // Of another user: it may be at work, too. Any other failure to lock is no sign of that.
    let is_busy = |file: File| matches!(file.try_lock(), Err(TryLockError::WouldBlock));
    if open::open_to_look(path).is_ok_and(is_busy) {
        return Err(busy(target));
    }
    remove(disk, path)
}

fn remove(disk: &Disk, path: &Utf8Path) -> Result<()> {
    disk.remove(path).map_err(|error| Error::io("removing", path, error))
}

/// The error of a file that another process put something else in the place of.
pub(super) fn replaced(path: &Utf8Path) -> Error {
    Error::new(format!("another process replaced `{path}` meanwhile"))
        .of_kind(ErrorKind::Stale)
        .help("run it again when it is done")
}

fn busy(target: &Utf8Path) -> Error {
    Error::new(format!("another process is writing `{target}`"))
        .of_kind(ErrorKind::Locked)
        .help("wait until it is done, or stop it")
}

/// The error of a failed write to a file on the way to an output, with advice where there is any.
pub(super) fn failed_write(path: &Utf8Path, error: io::Error) -> Error {
    let is_full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let is_too_large = error.kind() == io::ErrorKind::FileTooLarge;
    let failed = Error::io("writing", path, error);
    if is_full {
        failed.help("make room there, then run it again: nothing under the final name has changed")
    } else if is_too_large {
        failed.help("raise the limit of file sizes (`ulimit -f`), or choose a file system for larger files")
    } else {
        failed
    }
}

/// How long a lock is asked for before it counts as another writer's: a reader that looks whether anybody writes holds
/// it for a moment.
const PATIENCE: Duration = Duration::from_millis(300);

/// Takes the lock of a file that will be `target`; it goes with the open file.
pub(super) fn lock(file: &File, target: &Utf8Path, if_busy: IfBusy) -> Result<()> {
    let failed = |error| Error::io("locking", target, error);
    let start = Instant::now();
    loop {
        match (file.try_lock(), if_busy) {
            (Ok(()), _) => return Ok(()),
            (Err(TryLockError::WouldBlock), IfBusy::Wait) => return file.lock().map_err(failed),
            (Err(TryLockError::WouldBlock), IfBusy::WaitUnless(progress)) => progress.go_on()?,
            (Err(TryLockError::WouldBlock), IfBusy::Fail) if start.elapsed() > PATIENCE => return Err(busy(target)),
            (Err(TryLockError::WouldBlock), IfBusy::Fail) => {}
            // A file system without locks: then nobody else's lock is there to be seen either.
            (Err(TryLockError::Error(error)), _) if error.kind() == io::ErrorKind::Unsupported => return Ok(()),
            (Err(TryLockError::Error(error)), _) => return Err(failed(error)),
        }
        std::thread::sleep(ASK_AGAIN);
    }
}

/// Has the disk take what was created, renamed or removed in the folder of a file.
pub(super) fn sync_folder(disk: &Disk, path: &Utf8Path) -> Result<()> {
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
        // A child that is just being started holds a copy of the file, which would keep the lock a moment longer.
        let _ = self.file.unlock();
    }
}
