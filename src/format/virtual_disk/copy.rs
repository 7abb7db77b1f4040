//! Conversion of a virtual disk to a raw one: the runs of its layers are written over each other,
//! lowest first.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use flate2::read::{DeflateDecoder, ZlibDecoder};
use rustix::fs::{FallocateFlags, SeekFrom};
use rustix::io::Errno;

use super::map::{DiskRun, RunCompression, RunSource};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// Length of copy operations in bytes.
const COPY_LEN: u64 = 1 << 20;

/// Granularity of holes in bytes.
const BLOCK_LEN: usize = 4096;

/// A raw disk being written.
pub(super) struct RawCopy<'a> {
    pub file: &'a File,
    /// Length of the disk in bytes; runs end there.
    pub len: u64,
    /// `true` until something is written; zeros need not be written until then.
    pub is_blank: bool,
    pub progress: &'a Progress,
    buffer: Vec<u8>,
}

impl<'a> RawCopy<'a> {
    /// Starts a disk in an empty file.
    pub fn new(file: &'a File, len: u64, progress: &'a Progress) -> Result<Self> {
        file.set_len(len).map_err(failed_write)?;
        progress.start(len);
        Ok(Self { file, len, is_blank: true, progress, buffer: vec![0; COPY_LEN as usize] })
    }

    /// Writes a run of a layer from `source`, at `base` plus its own offset.
    pub fn write(&mut self, source: &File, run: DiskRun, base: u64) -> Result<()> {
        let at = base.saturating_add(run.at);
        let len = run.len.min(self.len.saturating_sub(at));
        self.progress.set(at.saturating_add(len).min(self.len), self.len);
        match run.from {
            RunSource::File(offset) => self.copy(source, offset, at, len),
            RunSource::Packed { offset, len: packed_len, packing } => {
                self.progress.check_cancelled()?;
                let bytes = decompress(source, offset, packed_len, packing, run.len)?;
                self.write_block(&bytes[..len as usize], at)
            }
            RunSource::Zeros => self.zero(at, len),
        }
    }

    /// Copies a range of a raw disk, skipping its holes.
    pub fn write_raw(&mut self, source: &File, offset: u64, at: u64, len: u64) -> Result<()> {
        let end = offset.saturating_add(len.min(self.len.saturating_sub(at)));
        let mut from = offset;
        while from < end {
            let data = match rustix::fs::seek(source, SeekFrom::Data(from)) {
                Ok(data) => data.min(end),
                Err(Errno::NXIO) => end,
                // A device, or a file system that does not report holes.
                Err(_) => from,
            };
            self.zero(at + (from - offset), data - from)?;
            if data == end {
                break;
            }
            let hole = rustix::fs::seek(source, SeekFrom::Hole(data)).unwrap_or(end).clamp(data + 1, end);
            self.progress.set(at + (hole - offset), self.len);
            self.copy(source, data, at + (data - offset), hole - data)?;
            from = hole;
        }
        Ok(())
    }

    /// Copies a range of a file. The last block of a file may be truncated; the rest is zero.
    fn copy(&mut self, source: &File, offset: u64, at: u64, len: u64) -> Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut done = 0;
        while done < len {
            self.progress.check_cancelled()?;
            let bytes = &mut buffer[..(len - done).min(COPY_LEN) as usize];
            let n_read = read_up_to(source, bytes, offset + done)
                .map_err(|error| Error::new(format!("reading at byte {}", offset + done)).because(error))?;
            bytes[n_read..].fill(0);
            self.write_block(bytes, at + done)?;
            done += bytes.len() as u64;
        }
        self.buffer = buffer;
        Ok(())
    }

    /// Writes bytes; on a blank disk, skips blocks of zeros.
    fn write_block(&self, bytes: &[u8], at: u64) -> Result<()> {
        let write = |bytes: &[u8], at: u64| self.file.write_all_at(bytes, at).map_err(failed_write);
        if !self.is_blank {
            return write(bytes, at);
        }
        // Adjacent blocks are written at once.
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

    /// Zeroes a range, with a hole if possible.
    fn zero(&self, at: u64, len: u64) -> Result<()> {
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
fn read_up_to(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
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

/// Decompresses a range to `len` bytes.
fn decompress(source: &File, offset: u64, packed_len: u64, packing: RunCompression, len: u64) -> Result<Vec<u8>> {
    let damaged =
        |error: io::Error| Error::new(format!("the compressed data at byte {offset} are damaged")).because(error);
    let mut packed = vec![0; packed_len as usize];
    let n_read = read_up_to(source, &mut packed, offset).map_err(damaged)?;
    let packed = &packed[..n_read];
    let mut bytes = vec![0; len as usize];
    match packing {
        RunCompression::Deflate => DeflateDecoder::new(packed).read_exact(&mut bytes),
        RunCompression::Zlib => ZlibDecoder::new(packed).read_exact(&mut bytes),
    }
    .map_err(damaged)?;
    Ok(bytes)
}

fn failed_write(error: io::Error) -> Error {
    let is_full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let failed = Error::new("writing the raw copy of the disk").because(error);
    if is_full {
        failed.help("free space next to the output: the copy needs as much as the disk has data")
    } else {
        failed
    }
}
