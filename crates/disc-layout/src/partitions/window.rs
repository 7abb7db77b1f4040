//! Range of a file that can be read like a file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Range of an open file with a position of its own, such as a volume within a disk. Other readers of the file are not
/// affected.
#[derive(Clone, Debug)]
pub struct Window {
    file: Arc<File>,
    offset: u64,
    len: u64,
    position: u64,
}

impl Window {
    /// Creates a window of `len` bytes from `offset`. The file may be shorter.
    pub fn new(file: Arc<File>, offset: u64, len: u64) -> Self {
        Self { file, offset, len, position: 0 }
    }

    /// Underlying file.
    pub fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Offset in the file.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Returns `true` if it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fills `to` from byte `at`, regardless of the position.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] if the range passes the end of the window or of the file.
    pub fn read_exact_at(&self, to: &mut [u8], at: u64) -> io::Result<()> {
        let end = at.checked_add(to.len() as u64);
        if end.is_none_or(|end| end > self.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.file.read_exact_at(to, self.offset + at)
    }
}

impl Read for Window {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let left = self.len.saturating_sub(self.position);
        let n = usize::try_from(left).map_or(to.len(), |left| left.min(to.len()));
        let mut n_read = 0;
        // As many as there are: what reads a device expects whole sectors.
        while n_read < n {
            match self.file.read_at(&mut to[n_read..n], self.offset + self.position) {
                Ok(0) => break,
                Ok(more) => {
                    n_read += more;
                    self.position += more as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(n_read)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
        };
        self.position = place.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}
