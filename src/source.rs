//! Reading what a layout holds: sources, of which it is made sure that they are what they were when they were found,
//! bytes in memory, and the zeros between.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::content::{SourceFile, Stat};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::layout::{Extent, Layout, Piece, Region};

/// An open source.
#[derive(Debug)]
pub struct Source<'a> {
    what: &'a SourceFile,
    /// The open file.
    pub file: File,
}

impl<'a> Source<'a> {
    /// Opens a source and makes sure that it is what it was.
    pub fn open(what: &'a SourceFile) -> Result<Self> {
        let file = File::open(&what.path).map_err(|error| Error::io("opening", &what.path, error))?;
        let source = Self { what, file };
        source.check()?;
        Ok(source)
    }

    /// Fails when the file is not what it was: to be called before the first byte is read and after the last.
    pub fn check(&self) -> Result<()> {
        let metadata = self.file.metadata().map_err(|error| self.failed(error))?;
        if Stat::of(&metadata) == self.what.stat { Ok(()) } else { Err(self.changed()) }
    }

    /// Fills `bytes` from the byte `start` on.
    pub fn read(&self, bytes: &mut [u8], start: u64) -> Result<()> {
        self.file.read_exact_at(bytes, start).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.changed(),
            _ => self.failed(error),
        })
    }

    /// The error of a failed read.
    pub fn failed(&self, error: io::Error) -> Error {
        Error::io("reading", &self.what.path, error)
    }

    /// The error of a source that is not what it was.
    pub fn changed(&self) -> Error {
        Error::new(format!("`{}` changed while the medium was being built", self.what.path))
            .help("run it again when nobody is writing to it any more")
    }
}

/// The digest of a layout on its own, such as a boot image.
pub fn hash_layout(layout: &Layout) -> Result<Digest> {
    let mut hasher = blake3::Hasher::new();
    visit(layout, &[Region { offset: 0, len: layout.len() }], &mut |bytes| {
        hasher.update(bytes);
        Ok(())
    })?;
    Ok(Digest(*hasher.finalize().as_bytes()))
}

/// Zeros for the gaps, and the size in which sources are read.
const BLOCK_LEN: usize = 64 << 10;

/// Reads ranges of a layout, ascending, and hands their bytes on: those in memory, of sources, and the zeros between.
pub fn visit(layout: &Layout, ranges: &[Region], take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let zeros = |mut len: u64, take: &mut dyn FnMut(&[u8]) -> Result<()>| {
        while len > 0 {
            let step = len.min(BLOCK_LEN as u64);
            take(&[0; BLOCK_LEN][..step as usize])?;
            len -= step;
        }
        Ok::<_, Error>(())
    };
    for range in ranges {
        let (mut at, end) = (range.offset, range.offset + range.len);
        let first = layout.extents().partition_point(|extent| extent.end() <= at);
        for extent in layout.extents()[first..].iter().take_while(|extent| extent.offset < end) {
            if extent.offset > at {
                zeros(extent.offset - at, take)?;
                at = extent.offset;
            }
            let to = extent.end().min(end);
            visit_piece(extent, at - extent.offset, to - at, take)?;
            at = to;
        }
        zeros(end - at, take)?;
    }
    Ok(())
}

/// Hands on `len` bytes of an extent, from its byte `skip`.
pub fn visit_piece(extent: &Extent, skip: u64, len: u64, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    match &extent.piece {
        Piece::Bytes(bytes) => take(&bytes[skip as usize..(skip + len) as usize]),
        Piece::Source { file, start } => {
            let source = Source::open(file)?;
            let mut block = [0; BLOCK_LEN];
            let mut at = 0;
            while at < len {
                let step = (len - at).min(BLOCK_LEN as u64) as usize;
                source.read(&mut block[..step], start + skip + at)?;
                take(&block[..step])?;
                at += step as u64;
            }
            source.check()
        }
    }
}
