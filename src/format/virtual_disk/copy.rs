//! Making a virtual disk raw: the runs of its layers written over each other, from the lowest up.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use flate2::read::{DeflateDecoder, ZlibDecoder};
use rustix::fs::{FallocateFlags, SeekFrom};
use rustix::io::Errno;

use super::map::{From, Packing, Run};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// How much is copied at once, in bytes.
const COPY_LEN: u64 = 1 << 20;

/// Unit in which zeros are left out, in bytes.
const BLOCK_LEN: usize = 4096;

/// A raw disk that is being written.
pub(super) struct Target<'a> {
    pub file: &'a File,
    /// Length of the disk in bytes; runs are cut off there.
    pub len: u64,
    /// Whether nothing was written yet, so that zeros need not be.
    pub is_blank: bool,
    pub progress: &'a Progress,
    buffer: Vec<u8>,
}

impl<'a> Target<'a> {
    /// Starts a disk in an empty file.
    pub fn new(file: &'a File, len: u64, progress: &'a Progress) -> Result<Self> {
        file.set_len(len).map_err(failed_write)?;
        progress.start(len);
        Ok(Self { file, len, is_blank: true, progress, buffer: vec![0; COPY_LEN as usize] })
    }

    /// Writes a run of a layer whose data are in `source`. The run is moved by `base` bytes.
    pub fn write(&mut self, source: &File, run: Run, base: u64) -> Result<()> {
        let at = base.saturating_add(run.at);
        let len = run.len.min(self.len.saturating_sub(at));
        self.progress.show(at.saturating_add(len).min(self.len), self.len);
        match run.from {
            From::File(offset) => self.copy(source, offset, at, len),
            From::Packed { offset, len: packed_len, packing } => {
                self.progress.check_cancelled()?;
                let bytes = unpack(source, offset, packed_len, packing, run.len)?;
                self.put(&bytes[..len as usize], at)
            }
            From::Zeros => self.clear(at, len),
        }
    }

    /// Writes what a raw disk holds, without its holes.
    pub fn write_raw(&mut self, source: &File, offset: u64, at: u64, len: u64) -> Result<()> {
        let end = offset.saturating_add(len.min(self.len.saturating_sub(at)));
        let mut from = offset;
        while from < end {
            let data = match rustix::fs::seek(source, SeekFrom::Data(from)) {
                Ok(data) => data.min(end),
                Err(Errno::NXIO) => end,
                // A device, or a file system that does not tell holes.
                Err(_) => from,
            };
            self.clear(at + (from - offset), data - from)?;
            if data == end {
                break;
            }
            let hole = rustix::fs::seek(source, SeekFrom::Hole(data)).unwrap_or(end).clamp(data + 1, end);
            self.progress.show(at + (hole - offset), self.len);
            self.copy(source, data, at + (data - offset), hole - data)?;
            from = hole;
        }
        Ok(())
    }

    /// Copies a range of a file. The last block of a file may be cut off: what is missing is zero.
    fn copy(&mut self, source: &File, offset: u64, at: u64, len: u64) -> Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut done = 0;
        while done < len {
            self.progress.check_cancelled()?;
            let bytes = &mut buffer[..(len - done).min(COPY_LEN) as usize];
            let n_read = read_most(source, bytes, offset + done)
                .map_err(|error| Error::new(format!("reading at byte {}", offset + done)).because(error))?;
            bytes[n_read..].fill(0);
            self.put(bytes, at + done)?;
            done += bytes.len() as u64;
        }
        self.buffer = buffer;
        Ok(())
    }

    /// Writes bytes; of a blank disk, those that are not zero.
    fn put(&self, bytes: &[u8], at: u64) -> Result<()> {
        let write = |bytes: &[u8], at: u64| self.file.write_all_at(bytes, at).map_err(failed_write);
        if !self.is_blank {
            return write(bytes, at);
        }
        // Neighbouring blocks are one write.
        let is_zero = |block: &[u8]| block.iter().all(|byte| *byte == 0);
        let mut start = 0;
        for run in bytes.chunks(BLOCK_LEN).collect::<Vec<_>>().chunk_by(|a, b| is_zero(a) == is_zero(b)) {
            let len: usize = run.iter().map(|block| block.len()).sum();
            if !is_zero(run[0]) {
                write(&bytes[start..start + len], at + start as u64)?;
            }
            start += len;
        }
        Ok(())
    }

    fn clear(&self, at: u64, len: u64) -> Result<()> {
        if self.is_blank || len == 0 {
            return Ok(());
        }
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        if rustix::fs::fallocate(self.file, flags, at, len).is_ok() {
            return Ok(());
        }
        let zeros = vec![0; COPY_LEN as usize];
        let mut done = 0;
        while done < len {
            self.progress.check_cancelled()?;
            let step = (len - done).min(COPY_LEN);
            self.file.write_all_at(&zeros[..step as usize], at + done).map_err(failed_write)?;
            done += step;
        }
        Ok(())
    }
}

/// Reads until the buffer is full or the file ends.
fn read_most(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut n_read = 0;
    while n_read < bytes.len() {
        match file.read_at(&mut bytes[n_read..], offset + n_read as u64) {
            Ok(0) => break,
            Ok(n) => n_read += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(n_read)
}

/// Unpacks a range to `len` bytes.
fn unpack(source: &File, offset: u64, packed_len: u64, packing: Packing, len: u64) -> Result<Vec<u8>> {
    let damaged =
        |error: io::Error| Error::new(format!("the compressed data at byte {offset} are damaged")).because(error);
    let mut packed = vec![0; packed_len as usize];
    let n_read = read_most(source, &mut packed, offset).map_err(damaged)?;
    let packed = &packed[..n_read];
    let mut bytes = vec![0; len as usize];
    match packing {
        Packing::Deflate => DeflateDecoder::new(packed).read_exact(&mut bytes),
        Packing::Zlib => ZlibDecoder::new(packed).read_exact(&mut bytes),
    }
    .map_err(damaged)?;
    Ok(bytes)
}

fn failed_write(error: io::Error) -> Error {
    let is_full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let failed = Error::new("writing the raw copy of the disk").because(error);
    if is_full {
        failed.help("make room beside the output: the copy takes as much as the disk has data")
    } else {
        failed
    }
}
