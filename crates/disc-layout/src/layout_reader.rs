//! Reads a layout as if it were written to a file.

use std::io::{self, Read, Seek, SeekFrom};

use crate::error::Error;
use crate::layout::{Layout, Region};
use crate::source;

/// A layout as a file that can be read at any position. Sources are read where their bytes are asked for.
#[derive(Debug)]
pub struct LayoutReader<'a> {
    layout: &'a Layout,
    at: u64,
}

impl<'a> LayoutReader<'a> {
    /// Starts at the first byte of a layout.
    pub fn new(layout: &'a Layout) -> Self {
        Self { layout, at: 0 }
    }
}

impl Read for LayoutReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.layout.len().saturating_sub(self.at).min(buffer.len() as u64);
        let mut rest = &mut buffer[..len as usize];
        source::visit(self.layout, &[Region { offset: self.at, len }], &mut |bytes| {
            let (first, others) = std::mem::take(&mut rest).split_at_mut(bytes.len());
            first.copy_from_slice(bytes);
            rest = others;
            Ok::<_, Error>(())
        })
        .map_err(io::Error::other)?;
        self.at += len;
        Ok(len as usize)
    }
}

impl Seek for LayoutReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.layout.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{Extent, Piece};

    #[test]
    fn bytes_and_the_zeros_between_them_are_read_from_any_position() {
        let piece =
            |offset, text: &str| Extent { offset, len: text.len() as u64, piece: Piece::Bytes(text.as_bytes().into()) };
        let layout = Layout::new(10, vec![piece(1, "abc"), piece(6, "de")]);
        let mut reader = LayoutReader::new(&layout);
        let mut whole = Vec::new();
        reader.read_to_end(&mut whole).unwrap();
        assert_eq!(whole, b"\0abc\0\0de\0\0");
        let mut part = [1; 4];
        reader.seek(SeekFrom::End(-7)).unwrap();
        reader.read_exact(&mut part).unwrap();
        assert_eq!(&part, b"c\0\0d");
        reader.seek(SeekFrom::Start(12)).unwrap();
        assert_eq!(reader.read(&mut part).unwrap(), 0);
        assert!(reader.seek(SeekFrom::Current(-13)).is_err());
    }
}
