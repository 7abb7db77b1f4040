//! Reads the bytes of a layout: unchanged sources, bytes in memory, and zeros in between.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use crate::content::{Source, SourceFile, Stat, Stretch};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::layout::{Extent, Layout, Piece, Region};

/// Source that is being read. Of an assembled one, only the last file read is open.
#[derive(Debug)]
pub struct OpenSource<'a> {
    what: &'a Source,
    last: RefCell<Option<(usize, Rc<File>)>>,
}

impl<'a> OpenSource<'a> {
    /// Opens a source and checks that it is unchanged.
    pub fn open(what: &'a Source) -> Result<Self> {
        let source = Self { what, last: RefCell::new(None) };
        if let Source::File(_) = what {
            source.file(0)?;
        }
        Ok(source)
    }

    /// Source that was opened.
    pub fn what(&self) -> &'a Source {
        self.what
    }

    /// Parts of files and memory that `len` bytes from `start` are read from.
    pub fn stretches(&self, start: u64, len: u64) -> Box<dyn Iterator<Item = Stretch<'a>> + 'a> {
        match self.what {
            Source::File(_) => Box::new(std::iter::once(Stretch::File { file: 0, start, len })),
            Source::Pieced(pieced) => Box::new(pieced.stretches(start..start + len)),
        }
    }

    /// Opens the `number`-th file of the source and checks that it is unchanged. The previously open file is checked
    /// once more.
    pub fn file(&self, number: usize) -> Result<Rc<File>> {
        if let Some((last, file)) = &*self.last.borrow()
            && *last == number
        {
            return Ok(Rc::clone(file));
        }
        self.check()?;
        let SourceFile { path, .. } = self.at(number);
        let file = Rc::new(File::open(path).map_err(|error| Error::io_at("opening", path, error))?);
        *self.last.borrow_mut() = Some((number, Rc::clone(&file)));
        self.check()?;
        Ok(file)
    }

    /// Fails if the open file has changed. Call it before the first byte is read and after the last.
    pub fn check(&self) -> Result<()> {
        let last = self.last.borrow();
        let Some((number, file)) = &*last else { return Ok(()) };
        let metadata = file.metadata().map_err(|error| self.failed(*number, error))?;
        if Stat::from_metadata(&metadata) == self.at(*number).stat { Ok(()) } else { Err(self.changed(*number)) }
    }

    /// Fills `bytes` from offset `start`.
    pub fn read(&self, mut bytes: &mut [u8], start: u64) -> Result<()> {
        for stretch in self.stretches(start, bytes.len() as u64) {
            match stretch {
                Stretch::Bytes(from) => {
                    let (to, rest) = bytes.split_at_mut(from.len());
                    to.copy_from_slice(from);
                    bytes = rest;
                }
                Stretch::File { file: number, start, len } => {
                    let (to, rest) = bytes.split_at_mut(len as usize);
                    self.file(number)?.read_exact_at(to, start).map_err(|error| match error.kind() {
                        io::ErrorKind::UnexpectedEof => self.changed(number),
                        _ => self.failed(number, error),
                    })?;
                    bytes = rest;
                }
            }
        }
        Ok(())
    }

    /// Error of a failed read of the `number`-th file.
    pub fn failed(&self, number: usize, error: io::Error) -> Error {
        Error::io_at("reading", &self.at(number).path, error)
    }

    /// Error of a changed file.
    pub fn changed(&self, number: usize) -> Error {
        Error::Changed { path: self.at(number).path.clone() }
    }

    fn at(&self, number: usize) -> &'a SourceFile {
        &self.what.files()[number]
    }
}

/// Reads the first `len` bytes of a source into memory. The source must be that long.
///
/// # Errors
///
/// [`Error::Io`] if reading fails, [`Error::Changed`] if a file of the source has changed.
pub fn read_start(source: &Source, len: usize) -> Result<Vec<u8>> {
    let open = OpenSource::open(source)?;
    let mut bytes = vec![0; len];
    open.read(&mut bytes, 0)?;
    open.check()?;
    Ok(bytes)
}

/// Writes all bytes of a layout in order.
///
/// # Errors
///
/// [`Error::Io`] if reading or writing fails, [`Error::Changed`] if a source has changed.
pub fn write(layout: &Layout, output: &mut impl Write) -> Result<()> {
    visit(layout, &[Region { offset: 0, len: layout.len() }], &mut |bytes| {
        output.write_all(bytes).map_err(|error| Error::io("writing the layout", error))
    })
}

/// Hashes all bytes of a layout, such as a boot image.
pub fn hash_layout(layout: &Layout) -> Result<Digest> {
    let mut hasher = blake3::Hasher::new();
    visit(layout, &[Region { offset: 0, len: layout.len() }], &mut |bytes| {
        hasher.update(bytes);
        Ok(())
    })?;
    Ok(Digest(*hasher.finalize().as_bytes()))
}

/// Number of bytes read at a time, and number of zeros passed on at a time.
const BLOCK_LEN: usize = 64 << 10;

/// Reads ranges of a layout in ascending order and passes their bytes to `take`, zeros in between included.
pub fn visit<E: From<Error>>(
    layout: &Layout,
    ranges: &[Region],
    take: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let zeros = |mut len: u64, take: &mut dyn FnMut(&[u8]) -> Result<(), E>| {
        while len > 0 {
            let step = len.min(BLOCK_LEN as u64);
            take(&[0; BLOCK_LEN][..step as usize])?;
            len -= step;
        }
        Ok::<_, E>(())
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

/// Passes `len` bytes of an extent to `take`, from its byte `skip`.
pub fn visit_piece<E: From<Error>>(
    extent: &Extent,
    skip: u64,
    len: u64,
    take: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    match &extent.piece {
        Piece::Bytes(bytes) => take(&bytes[skip as usize..(skip + len) as usize]),
        Piece::Source { file, start } => {
            let source = OpenSource::open(file)?;
            let mut block = [0; BLOCK_LEN];
            let mut at = 0;
            while at < len {
                let step = (len - at).min(BLOCK_LEN as u64) as usize;
                source.read(&mut block[..step], start + skip + at)?;
                take(&block[..step])?;
                at += step as u64;
            }
            Ok(source.check()?)
        }
    }
}
