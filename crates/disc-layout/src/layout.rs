//! Where each byte of an output goes.
//!
//! A [`Layout`] is what every format makes of a [`Volume`](crate::volume::Volume) and the only thing that `write`
//! reads: extents in ascending order that do not overlap; whatever lies between them is zero. Making one opens no
//! file and writes nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::content::{Content, Source};

/// How much room a layout leaves between things, so that they may grow without moving others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slack {
    /// As much as the format thinks good.
    Ample,
    /// None: the shortest layout that the format makes.
    None,
}

/// An output as a list of extents.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    len: u64,
    extents: Vec<Extent>,
}

/// A run of bytes in an output.
#[derive(Clone, Debug)]
pub struct Extent {
    /// Where it starts, in bytes from the start of the output.
    pub offset: u64,
    /// How long it is, in bytes; never zero.
    pub len: u64,
    /// What it holds.
    pub piece: Piece,
}

impl Extent {
    /// The first byte after it.
    pub fn end(&self) -> u64 {
        self.offset + self.len
    }
}

/// A range of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Where it starts.
    pub offset: u64,
    /// How long it is.
    pub len: u64,
}

impl Region {
    /// The first byte after it.
    pub fn end(&self) -> u64 {
        self.offset + self.len
    }
}

/// What an extent holds.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Bytes in memory.
    Bytes(Arc<[u8]>),
    /// A range of a source, from its byte `start`.
    Source {
        /// The source.
        file: Arc<Source>,
        /// Where in it the range starts, in bytes.
        start: u64,
    },
}

impl Layout {
    /// An output of `len` bytes made of these extents, in any order.
    ///
    /// # Panics
    ///
    /// If two extents overlap or one passes the end: a format that does so is wrong for every input.
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

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it holds no byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its extents, ascending.
    pub fn extents(&self) -> &[Extent] {
        &self.extents
    }

    /// Its extents, ascending, without the rest.
    pub fn into_extents(self) -> Vec<Extent> {
        self.extents
    }

    /// Its extents moved by `offset`: a volume inside a partition, a boot image inside a disc.
    pub fn shifted(&self, offset: u64) -> impl Iterator<Item = Extent> + '_ {
        self.extents.iter().map(move |extent| Extent { offset: extent.offset + offset, ..extent.clone() })
    }
}

/// A content on its own, from the first byte.
impl From<&Content> for Layout {
    fn from(content: &Content) -> Self {
        Self::new(content.len(), vec![Extent::of(content, 0)])
    }
}

impl Extent {
    /// A part of it, from `offset` in the output.
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

    /// The whole of a content, placed at `offset`.
    pub fn of(content: &Content, offset: u64) -> Self {
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
        Extent::of(&Content::bytes(vec![1; len]), offset)
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
