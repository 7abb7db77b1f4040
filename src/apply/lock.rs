//! Lock that allows one run at a time in a folder.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};

use camino::Utf8Path;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::store::prepare;
use crate::write::open;

/// Lock of a run. The system releases it when the process ends in any way.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock in a folder (`.tsmedia`). `doing` describes the run to other processes, such as "building
    /// `out.iso`".
    pub fn take(root: &Utf8Path, doing: &str) -> Result<Self> {
        let path = root.join("lock");
        let failed = |error| open::failed("locking", &path, error);
        prepare(root)?;
        let mut file = open::open_or_create(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = Vec::new();
                let _ = (&file).take(limits::MAX_LOCK_LEN).read_to_end(&mut holder);
                let holder = String::from_utf8_lossy(&holder).replace(char::is_control, " ");
                let holder = holder.trim();
                let holder = if holder.is_empty() { String::new() } else { format!(" ({holder})") };
                return Err(Error::new(format!(
                    "another tsmedia process{holder} is using `{}`",
                    root.parent().unwrap_or(root)
                ))
                .with_kind(ErrorKind::Locked)
                .help("wait until it is done, or stop that process"));
            }
            // On a file system without locks, two runs would each write complete files.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).map_err(failed)?;
        file.write_all(format!("PID {}, {doing}", std::process::id()).as_bytes()).map_err(failed)?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A child process that is just starting holds a copy of the descriptor, which would keep the lock a moment
        // longer.
        let _ = self.file.unlock();
    }
}
