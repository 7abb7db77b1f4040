//! Positions of all bytes of an output.
//!
//! Every format turns a [`Volume`](crate::volume::Volume) into a [`Layout`]: extents in ascending order that do not
//! overlap, with zeros in between. Making a layout opens no file and writes nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::content::{Content, Source};

/// Amount of room between items of a layout, so that they can grow without moving others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slack {
    /// Format-specific amount for media that are patched.
    Ample,
    /// None: the shortest layout that the format supports.
    None,
}

/// Output as a list of extents.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    len: u64,
    extents: Vec<Extent>,
}

/// Run of bytes in an output.
#[derive(Clone, Debug)]
pub struct Extent {
    /// Offset in the output, in bytes.
    pub offset: u64,
    /// Length in bytes; never zero.
    pub len: u64,
    /// Bytes of the extent.
    pub piece: Piece,
}

impl Extent {
    /// Offset of the first byte after it.
    pub fn end(&self) -> u64 {
        self.offset + self.len
    }
}

/// Range of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Offset in bytes.
    pub offset: u64,
    /// Length in bytes.
    pub len: u64,
}

impl Region {
    /// Offset of the first byte after it.
    pub fn end(&self) -> u64 {
        self.offset + self.len
    }
}

/// Bytes of an extent.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Bytes in memory.
    Bytes(Arc<[u8]>),
    /// Range of a source.
    Source {
        /// Source.
        file: Arc<Source>,
        /// Offset in the source, in bytes.
        start: u64,
    },
}

impl Layout {
    /// Creates a layout of `len` bytes from extents in any order. Empty extents are dropped.
    ///
    /// # Panics
    ///
    /// If two extents overlap or one extends past the end. That would be a bug in the format for every input.
    pub fn new(len: u64, mut extents: Vec<Extent>) -> Self {
        extents.retain(|extent| extent.len > 0);
        extents.sort_unstable_by_key(|extent| extent.offset);
        for pair in extents.windows(2) {
            assert!(pair[0].end() <= pair[1].offset, "extents overlap: {:?} and {:?}", pair[0], pair[1]);
        }
        if let Some(last) = extents.last() {
            assert!(last.end() <= len, "an extent passes the end at {len}: {last:?}");
        }
        Self { len, extents }
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Returns `true` if it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Extents in ascending order.
    pub fn extents(&self) -> &[Extent] {
        &self.extents
    }

    /// Takes the extents in ascending order.
    pub fn into_extents(self) -> Vec<Extent> {
        self.extents
    }

    /// Extents moved by `offset`, to embed a volume in a partition or a boot image in a disc.
    pub fn shifted(&self, offset: u64) -> impl Iterator<Item = Extent> + '_ {
        self.extents.iter().map(move |extent| Extent { offset: extent.offset + offset, ..extent.clone() })
    }
}

/// Lays contents out from the first byte.
impl From<&Content> for Layout {
    fn from(content: &Content) -> Self {
        Self::new(content.len(), vec![Extent::new(content, 0)])
    }
}

impl Extent {
    /// Cuts out `len` bytes from `offset` in the output.
    #[must_use]
    pub fn part(&self, offset: u64, len: u64) -> Self {
        let skip = offset - self.offset;
        let piece = match &self.piece {
            Piece::Bytes(bytes) if len == self.len => Piece::Bytes(Arc::clone(bytes)),
            Piece::Bytes(bytes) => Piece::Bytes(bytes[skip as usize..(skip + len) as usize].into()),
            Piece::Source { file, start } => Piece::Source { file: Arc::clone(file), start: start + skip },
        };
        Self { offset, len, piece }
    }

    /// Places whole contents at `offset`.
    pub fn new(content: &Content, offset: u64) -> Self {
        let piece = match content {
            Content::Bytes(bytes) => Piece::Bytes(Arc::clone(bytes)),
            Content::Source(file) => Piece::Source { file: Arc::clone(file), start: 0 },
        };
        Self { offset, len: content.len(), piece }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(offset: u64, len: usize) -> Extent {
        Extent::new(&Content::bytes(vec![1; len]), offset)
    }

    #[test]
    fn extents_are_sorted_and_empty_ones_dropped() {
        let layout = Layout::new(100, vec![extent(50, 10), extent(0, 4), extent(20, 0)]);
        let places: Vec<_> = layout.extents().iter().map(|extent| (extent.offset, extent.end())).collect();
        assert_eq!(places, [(0, 4), (50, 60)]);
        assert_eq!(layout.shifted(2048).map(|extent| extent.offset).collect::<Vec<_>>(), [2048, 2098]);
    }

    #[test]
    #[should_panic(expected = "extents overlap")]
    fn overlapping_extents_are_refused() {
        Layout::new(100, vec![extent(0, 10), extent(9, 1)]);
    }

    #[test]
    #[should_panic(expected = "passes the end")]
    fn an_extent_past_the_end_is_refused() {
        Layout::new(10, vec![extent(5, 6)]);
    }
}
