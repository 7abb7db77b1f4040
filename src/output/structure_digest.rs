//! Digest of every byte of an output outside its files.
//!
//! Each range outside files is hashed in ascending order: its offset and length, then every block of 4,096 bytes that
//! is not all zero, with its offset. Blocks count from the start of the range. Slack costs nothing to hash this way,
//! and a stray byte in it still changes the digest.

use super::identity::FieldHasher;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::layout::{Layout, Region};
use crate::source::visit;

const BLOCK_LEN: usize = 4_096;
static ZEROS: [u8; BLOCK_LEN] = [0; BLOCK_LEN];

/// Computes the digest of a structure. [Start](StructureHasher::start) each range in ascending order, then
/// [take](StructureHasher::take) its bytes.
#[derive(Default)]
pub struct StructureHasher {
    fields: FieldHasher,
    /// Offset of the current block.
    at: u64,
    gathered: Vec<u8>,
}

impl StructureHasher {
    /// Starts the next range.
    pub fn start(&mut self, range: &Region) {
        self.end_block();
        self.at = range.offset;
        self.fields.region(range);
    }

    /// Takes the next bytes of the current range.
    pub fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.gathered.is_empty()
                && let Some((block, rest)) = bytes.split_at_checked(BLOCK_LEN)
            {
                self.block(block);
                bytes = rest;
                continue;
            }
            let (part, rest) = bytes.split_at(bytes.len().min(BLOCK_LEN - self.gathered.len()));
            self.gathered.extend_from_slice(part);
            bytes = rest;
            if self.gathered.len() == BLOCK_LEN {
                self.end_block();
            }
        }
    }

    /// Returns the digest after the last range.
    pub fn finish(mut self) -> Digest {
        self.end_block();
        self.fields.finish()
    }

    fn end_block(&mut self) {
        let gathered = std::mem::take(&mut self.gathered);
        self.block(&gathered);
        self.gathered = gathered;
        self.gathered.clear();
    }

    fn block(&mut self, bytes: &[u8]) {
        if bytes != &ZEROS[..bytes.len()] {
            self.fields.region(&Region { offset: self.at, len: bytes.len() as u64 });
            self.fields.bytes(bytes);
        }
        self.at += bytes.len() as u64;
    }
}

/// Computes the digest of a layout's structure, given the regions of its files.
pub(super) fn structure_digest<'a>(layout: &Layout, files: impl Iterator<Item = &'a Region>) -> Result<Digest> {
    let mut structure = StructureHasher::default();
    for range in outside(layout.len(), files) {
        structure.start(&range);
        visit(layout, &[range], &mut |bytes| {
            structure.take(bytes);
            Ok::<_, Error>(())
        })?;
    }
    Ok(structure.finish())
}

/// The ranges of an output of `len` bytes that are in no file, ascending.
pub fn outside<'a>(len: u64, files: impl Iterator<Item = &'a Region>) -> Vec<Region> {
    let mut inside: Vec<_> = files.copied().filter(|place| place.len > 0).collect();
    inside.sort_by_key(|place| place.offset);
    let mut ranges = Vec::new();
    let mut at = 0;
    for place in inside.iter().chain([&Region { offset: len, len: 0 }]) {
        let start = place.offset.min(len);
        if start > at {
            ranges.push(Region { offset: at, len: start - at });
        }
        at = at.max(place.offset.saturating_add(place.len));
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_outside_files_is_whatever_no_file_covers() {
        let place = |offset, len| Region { offset, len };
        assert_eq!(outside(10, [].iter()), [place(0, 10)]);
        assert_eq!(outside(10, [place(4, 2), place(0, 1)].iter()), [place(1, 3), place(6, 4)]);
        assert_eq!(outside(10, [place(2, 5), place(3, 1), place(9, 9)].iter()), [place(0, 2), place(7, 2)]);
        assert_eq!(outside(10, [place(0, 10), place(5, 0)].iter()), []);
    }

    fn digest(ranges: &[(u64, &[u8])], step: usize) -> Digest {
        let mut structure = StructureHasher::default();
        for (offset, bytes) in ranges {
            structure.start(&Region { offset: *offset, len: bytes.len() as u64 });
            bytes.chunks(step).for_each(|bytes| structure.take(bytes));
        }
        structure.finish()
    }

    #[test]
    fn every_byte_and_every_place_counts_and_the_way_it_is_read_does_not() {
        let mut bytes = vec![0; 20_000];
        bytes[9_000..12_000].fill(7);
        let whole = digest(&[(100, &bytes), (50_000, &[1; 10])], 20_000);
        for step in [1, 7, 4_095, 4_096, 4_097, 10_000] {
            assert_eq!(digest(&[(100, &bytes), (50_000, &[1; 10])], step), whole, "{step}");
        }
        for at in (0..20_000).step_by(37).chain([19_999]) {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert_ne!(digest(&[(100, &other), (50_000, &[1; 10])], 4_096), whole, "{at}");
        }
        assert_ne!(digest(&[(101, &bytes), (50_000, &[1; 10])], 4_096), whole);
        assert_ne!(digest(&[(100, &bytes[..19_000]), (50_000, &[1; 10])], 4_096), whole);
        assert_ne!(digest(&[(100, &bytes), (50_001, &[1; 10])], 4_096), whole);
    }
}
