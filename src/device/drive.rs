//! Disk, or file in place of one, opened exclusively.
//!
//! Reads and writes bypass the page cache if the system allows it (`O_DIRECT`). Bytes that are read back then come from
//! the disk, written bytes are on it, and memory does not fill with unwritten data. Otherwise, writes are synced every
//! few megabytes and dropped from the cache.

use std::fs::{File, OpenOptions};
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use rustix::fs::{Advice, OFlags};
use rustix::io::Errno;

/// Destination of a medium.
pub trait Drive {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Returns `true` if it has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `bytes` from offset `at`.
    fn read(&mut self, bytes: &mut [u8], at: u64) -> io::Result<()>;

    /// Writes whole sectors.
    fn write(&mut self, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Syncs everything that was written.
    fn sync(&mut self) -> io::Result<()>;
}

/// Open drive.
#[derive(Debug)]
pub struct OpenDrive {
    /// Kept open while the drive is in use, so that other programs can't open it exclusively.
    file: File,
    direct: Option<File>,
    len: u64,
    buffer: Aligned,
    n_unsynced: usize,
}

/// Alignment of direct reads and writes in bytes: a multiple of any disk's sector length.
const ALIGNMENT: usize = 4_096;

/// Number of bytes read or written at once.
pub(super) const CHUNK_LEN: usize = 4 << 20;

/// Maximum number of unsynced bytes when not writing directly.
const MAX_UNSYNCED: usize = 16 << 20;

impl OpenDrive {
    /// Opens a disk, or a file in place of one, of `len` bytes. `open` opens it with the given options.
    pub(super) fn open(open: impl Fn(&OpenOptions) -> io::Result<File>, is_device: bool, len: u64) -> io::Result<Self> {
        let options = |flags: OFlags| {
            let mut options = File::options();
            options.read(true).write(true).custom_flags(flags.bits() as i32);
            options
        };
        let file = open(&options(if is_device { OFlags::EXCL } else { OFlags::empty() }))?;
        if !is_device {
            file.try_lock().map_err(io::Error::from)?;
        }
        // Some file systems don't support it; then everything goes through the page cache.
        let direct = open(&options(OFlags::DIRECT)).ok();
        Ok(Self { file, direct, len, buffer: Aligned::new(CHUNK_LEN), n_unsynced: 0 })
    }

    /// Does a step with direct I/O. `None` if the system refuses it, now and for all later steps.
    fn directly(&mut self, step: impl FnOnce(&File, &mut [u8]) -> io::Result<()>) -> Option<io::Result<()>> {
        let done = step(self.direct.as_ref()?, self.buffer.bytes());
        if done.as_ref().is_err_and(|error| error.raw_os_error() == Some(Errno::INVAL.raw_os_error())) {
            self.direct = None;
            return None;
        }
        Some(done)
    }

    /// Returns `true` if it bypasses the page cache.
    #[cfg(test)]
    pub(super) fn is_direct(&self) -> bool {
        self.direct.is_some()
    }

    fn drop_cache(&self) {
        // This is advice. If it is ignored, reading back yields the bytes that were sent to the disk.
        let _ = rustix::fs::fadvise(&self.file, 0, None::<NonZeroU64>, Advice::DontNeed);
    }
}

impl Drive for OpenDrive {
    fn len(&self) -> u64 {
        self.len
    }

    fn read(&mut self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            let from = at + done as u64;
            let skip = (from % ALIGNMENT as u64) as usize;
            let step = (bytes.len() - done).min(CHUNK_LEN - skip);
            let whole = (skip + step).next_multiple_of(ALIGNMENT);
            let (start, target) = (from - skip as u64, &mut bytes[done..done + step]);
            let len = whole.min(self.len.saturating_sub(start) as usize);
            let read = self.directly(|file, buffer| {
                if len < skip + step {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                file.read_exact_at(&mut buffer[..len], start)?;
                target.copy_from_slice(&buffer[skip..skip + step]);
                Ok(())
            });
            match read {
                Some(read) => read?,
                None => self.file.read_exact_at(&mut bytes[done..done + step], from)?,
            }
            done += step;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        for (index, bytes) in bytes.chunks(CHUNK_LEN).enumerate() {
            let at = at + (index * CHUNK_LEN) as u64;
            let written = self.directly(|file, buffer| {
                buffer[..bytes.len()].copy_from_slice(bytes);
                file.write_all_at(&buffer[..bytes.len()], at)
            });
            match written {
                Some(written) => written?,
                None => {
                    self.file.write_all_at(bytes, at)?;
                    self.n_unsynced += bytes.len();
                    if self.n_unsynced >= MAX_UNSYNCED {
                        self.sync()?;
                    }
                }
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.n_unsynced = 0;
        self.file.sync_all()?;
        self.drop_cache();
        Ok(())
    }
}

/// Buffer aligned for direct reads and writes.
#[derive(Debug)]
struct Aligned {
    memory: Vec<u8>,
    skip: usize,
    len: usize,
}

impl Aligned {
    fn new(len: usize) -> Self {
        let memory = vec![0; len + ALIGNMENT];
        let skip = (ALIGNMENT - memory.as_ptr() as usize % ALIGNMENT) % ALIGNMENT;
        Self { memory, skip, len }
    }

    fn bytes(&mut self) -> &mut [u8] {
        &mut self.memory[self.skip..self.skip + self.len]
    }
}
