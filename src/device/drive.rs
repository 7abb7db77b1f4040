//! A disk, or a file that stands for one, open for nobody else.
//!
//! Reads and writes go past the page cache where the system lets them (`O_DIRECT`): what is read back comes from the
//! disk then, what was written is on it, and the memory of the computer is not filled with what waits to be written.
//! Elsewhere what is written is forced to the disk every few megabytes, and dropped from the cache.

use std::fs::{File, OpenOptions};
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use rustix::fs::{Advice, OFlags};
use rustix::io::Errno;

/// What a medium is copied to.
pub trait Drive {
    /// Its length in bytes.
    fn len(&self) -> u64;

    /// Whether it holds no byte.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `bytes` from a byte of it on.
    fn read(&mut self, bytes: &mut [u8], at: u64) -> io::Result<()>;

    /// Writes whole sectors.
    fn write(&mut self, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Has the disk take everything that was written.
    fn sync(&mut self) -> io::Result<()>;
}

/// A drive that is open.
#[derive(Debug)]
pub struct Opened {
    /// Kept as long as it is used: a second program that wants it for itself is refused.
    file: File,
    direct: Option<File>,
    len: u64,
    buffer: Aligned,
    n_unsynced: usize,
}

/// What direct reads and writes begin and end at, in bytes: a multiple of the sectors of any disk that there is.
const ALIGNMENT: usize = 4_096;

/// How much is read or written at once.
pub(super) const CHUNK_LEN: usize = 4 << 20;

/// How much waits to be written where it can't be written directly.
const MAX_UNSYNCED: usize = 16 << 20;

impl Opened {
    /// Opens a disk, or a file that stands for one, of `len` bytes. `open` opens it in a way that is given.
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
        // Some file systems can't; then it goes through the page cache.
        let direct = open(&options(OFlags::DIRECT)).ok();
        Ok(Self { file, direct, len, buffer: Aligned::new(CHUNK_LEN), n_unsynced: 0 })
    }

    /// Does a step directly, and for ever after in the other way when the system will not have it.
    fn directly(&mut self, step: impl FnOnce(&File, &mut [u8]) -> io::Result<()>) -> Option<io::Result<()>> {
        let done = step(self.direct.as_ref()?, self.buffer.bytes());
        if done.as_ref().is_err_and(|error| error.raw_os_error() == Some(Errno::INVAL.raw_os_error())) {
            self.direct = None;
            return None;
        }
        Some(done)
    }

    /// Whether it goes past the page cache.
    #[cfg(test)]
    pub(super) fn is_direct(&self) -> bool {
        self.direct.is_some()
    }

    fn drop_cache(&self) {
        // It is advice: where it is not taken, bytes are read that the disk was told to hold.
        let _ = rustix::fs::fadvise(&self.file, 0, None::<NonZeroU64>, Advice::DontNeed);
    }
}

impl Drive for Opened {
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

/// Memory that direct reads and writes take.
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
