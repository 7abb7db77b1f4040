//! Locks of a cache. The system releases them when the process ends in any way.
//!
//! A run that uses the cache shares its lock, so that nothing is removed meanwhile. While it builds the outputs of a
//! manifest, it also holds a lock of that manifest.

use std::fs::{File, TryLockError};
use std::io::{self, Write};

use camino::{Utf8Path, Utf8PathBuf};

use super::{CacheFolder, prepare};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::write::open;

/// Lock of a manifest or of a whole cache.
#[derive(Debug)]
pub struct Lock {
    file: File,
    /// Lock of the cache, which is released after that of the manifest.
    _shared: Option<SharedLock>,
}

impl Lock {
    /// Takes the lock of a manifest. `doing` describes the run to other processes, such as "building `out.iso`".
    pub fn take(folder: &CacheFolder, doing: &str) -> Result<Self> {
        let (root, path) = (folder.path(), folder.build_lock());
        prepare(root)?;
        let shared = SharedLock::take(root)?;
        let locks = root.join("locks");
        open::create_own_folder(&locks).map_err(|error| open::failed("using", &locks, error))?;
        match exclusive(&path, doing)? {
            Some(file) => Ok(Self { file, _shared: Some(shared) }),
            None => Err(busy(&path, folder.manifest())),
        }
    }

    /// Takes the lock of a whole cache, to remove files from it.
    pub fn take_cache(root: &Utf8Path, doing: &str) -> Result<Self> {
        prepare(root)?;
        let path = lock_path(root);
        match exclusive(&path, doing)? {
            Some(file) => Ok(Self { file, _shared: None }),
            None => Err(busy(&find_build(root).unwrap_or(path), root)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // When others share the lock, its text would name the wrong process.
        let _ = self.file.set_len(0);
        // A child process that is just starting holds a copy of the descriptor, which would keep the lock a moment
        // longer.
        let _ = self.file.unlock();
    }
}

/// Lock that runs share while they use a cache.
#[derive(Debug)]
pub(super) struct SharedLock(File);

impl SharedLock {
    /// Takes the lock, unless another process is emptying the cache.
    pub fn take(root: &Utf8Path) -> Result<Self> {
        let path = lock_path(root);
        let file = open::open_or_create(&path).map_err(|error| open::failed("locking", &path, error))?;
        match file.try_lock_shared() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(busy(&path, root)),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(Self(file)),
            Err(TryLockError::Error(error)) => Err(open::failed("locking", &path, error)),
        }
    }

    /// Runs `work` if no other run uses the cache.
    pub fn if_alone(&self, work: impl FnOnce()) {
        if self.0.try_lock().is_ok() {
            work();
        }
        // A failed attempt may have lost the lock too.
        let _ = self.0.lock_shared();
    }
}

impl Drop for SharedLock {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// Waits for the lock that is held while the memo is read and written. `None` on a file system without locks.
pub(super) fn lock_memo(root: &Utf8Path) -> Result<Option<File>> {
    let path = root.join("digests.lock");
    let failed = |error| open::failed("locking", &path, error);
    let file = open::open_or_create(&path).map_err(failed)?;
    match file.lock() {
        Ok(()) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn lock_path(root: &Utf8Path) -> Utf8PathBuf {
    root.join("lock")
}

/// Locks a file for this process alone and writes what the process does into it. `None` if another process holds it.
fn exclusive(path: &Utf8Path, doing: &str) -> Result<Option<File>> {
    let failed = |error| open::failed("locking", path, error);
    let mut file = open::open_or_create(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        // On a file system without locks, two runs would each write complete files.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    file.set_len(0).map_err(failed)?;
    file.write_all(format!("PID {}, {doing}", std::process::id()).as_bytes()).map_err(failed)?;
    Ok(Some(file))
}

/// Finds the lock of a build that is running.
fn find_build(root: &Utf8Path) -> Option<Utf8PathBuf> {
    let locks = root.join("locks");
    open::check_folder(&locks).ok()?;
    let paths = locks.read_dir_utf8().ok()?.flatten().map(|entry| entry.path().to_owned());
    let is_held = |path: &Utf8PathBuf| {
        open::open_own_to_read(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    };
    paths.into_iter().find(is_held)
}

/// Error of a lock that another process holds. `what` is what that process is using.
fn busy(path: &Utf8Path, what: &Utf8Path) -> Error {
    let holder = open::read_own(path, limits::MAX_LOCK_LEN).unwrap_or_default();
    let holder = String::from_utf8_lossy(&holder).replace(char::is_control, " ");
    let holder = holder.trim();
    let holder = if holder.is_empty() { String::new() } else { format!(" ({holder})") };
    Error::new(format!("another tsmedia process{holder} is using `{what}`"))
        .with_kind(ErrorKind::Locked)
        .help("wait until it is done, or stop that process")
}
