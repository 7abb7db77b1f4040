//! A medium as a list of chunks.
//!
//! The bytes of a medium that are not zero are its *data*: extents in ascending order, read one after the other. Chunks
//! cut the data into pieces. A chunk is a blob of the artifact; its digest is the one by which registries name blobs.

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Sha256};
use crate::layout::Region;

/// Extents and chunks of a medium.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunkedMedium {
    /// Length of the medium in bytes.
    pub len: u64,
    /// Average length of chunks of large contents, in bytes; a power of two.
    pub average: u64,
    /// Regions that are not zero, ascending.
    pub extents: Vec<Region>,
    /// Chunks of the data, in order.
    pub chunks: Vec<MediumChunk>,
}

/// Chunk of a medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MediumChunk {
    /// SHA-256 digest of its bytes.
    pub sha256: Sha256,
    /// Length in bytes.
    pub len: u64,
}

/// Chunk with the regions of the medium that its bytes go to, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedChunk {
    /// The chunk.
    pub chunk: MediumChunk,
    /// Regions, ascending; together as long as the chunk.
    pub places: Vec<Region>,
}

impl ChunkedMedium {
    /// Number of bytes that are not in holes.
    pub fn data_len(&self) -> u64 {
        self.extents.iter().map(|extent| extent.len).sum()
    }

    /// Returns the chunks with their regions. Data and chunks must have the same length.
    pub fn placed(&self) -> Vec<PlacedChunk> {
        let mut extents = self.extents.iter().copied();
        let mut current = Region { offset: 0, len: 0 };
        let mut placed = Vec::with_capacity(self.chunks.len());
        for chunk in &self.chunks {
            let (mut places, mut left) = (Vec::new(), chunk.len);
            while left > 0 {
                if current.len == 0 {
                    let Some(next) = extents.next() else { break };
                    current = next;
                }
                let len = current.len.min(left);
                places.push(Region { offset: current.offset, len });
                current = Region { offset: current.offset + len, len: current.len - len };
                left -= len;
            }
            placed.push(PlacedChunk { chunk: *chunk, places });
        }
        placed
    }
}

impl PlacedChunk {
    /// Returns the regions, each with a digest that is equal for equal bytes.
    pub fn parts(&self) -> impl Iterator<Item = (Region, Digest)> + '_ {
        let mut start = 0_u64;
        self.places.iter().map(move |place| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&self.chunk.sha256.0).update(&start.to_le_bytes()).update(&place.len.to_le_bytes());
            start += place.len;
            (*place, Digest(*hasher.finalize().as_bytes()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_may_cover_several_extents_and_an_extent_several_chunks() {
        let region = |offset, len| Region { offset, len };
        let chunk = |byte, len| MediumChunk { sha256: Sha256([byte; 32]), len };
        let medium = ChunkedMedium {
            len: 100,
            average: 1 << 20,
            extents: vec![region(0, 10), region(20, 30), region(90, 5)],
            chunks: vec![chunk(1, 15), chunk(2, 20), chunk(3, 10)],
        };
        let placed = medium.placed();
        assert_eq!(placed[0].places, [region(0, 10), region(20, 5)]);
        assert_eq!(placed[1].places, [region(25, 20)]);
        assert_eq!(placed[2].places, [region(45, 5), region(90, 5)]);
        assert_eq!(medium.data_len(), 45);
        let parts: Vec<_> = placed[0].parts().collect();
        assert_ne!(parts[0].1, parts[1].1);
    }
}
