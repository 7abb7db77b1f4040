//! Cuts media into chunks.
//!
//! Large contents, such as boot images, start and end at a border of chunks, so they give the same chunks wherever they are
//! on a medium. Everything between them (small files, structures) is cut more finely. Within both, borders depend on the
//! bytes before them (content-defined chunking with a gear hash, as in FastCDC), so that an insertion changes the
//! chunks around it only. The same medium always gives the same chunks.

use std::io::SeekFrom;

use super::chunks::{ChunkedMedium, MediumChunk};
use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::layout::Region;
use crate::limits::{MAX_REMOTE_CHUNK_LEN, MAX_REMOTE_CHUNKS};
use crate::output::{Listing, ReadSeek};
use crate::progress::Progress;

/// Smallest average length of chunks of large contents, in bytes.
pub const MIN_AVERAGE: u64 = 1 << 20;
/// Largest average length, so that no chunk exceeds [`MAX_REMOTE_CHUNK_LEN`].
pub const MAX_AVERAGE: u64 = MAX_REMOTE_CHUNK_LEN / MAX_RATIO;
/// Length of the longest chunk, in averages.
const MAX_RATIO: u64 = 4;
/// Length of the shortest chunk before an end of content, as a fraction of the average.
const MIN_FRACTION: u64 = 4;
/// Average length of chunks between large contents, as a fraction of that within them.
const FINE_FRACTION: u64 = 8;
/// Number of chunks that the first choice of the average aims at.
const WANTED_CHUNKS: u64 = 2_500;
/// Unit in which zeros are found, counted from the start of a segment.
const UNIT: usize = 4 << 10;
/// Shortest run of zeros that is left out of the data, as a fraction of the average. It bounds the number of extents.
const HOLE_FRACTION: u64 = 16;
/// Number of bytes read at a time.
const BLOCK_LEN: usize = 1 << 20;

/// Cuts a medium of `len` bytes into chunks. Without an `average`, the smallest that gives few enough chunks is chosen.
///
/// # Errors
///
/// If it can't be read, or needs more than [`MAX_REMOTE_CHUNKS`] chunks.
pub fn chunk(
    medium: &mut dyn ReadSeek,
    len: u64,
    listing: &Listing,
    average: Option<u64>,
    progress: &Progress,
) -> Result<ChunkedMedium> {
    let mut next = average.unwrap_or_else(|| len.div_ceil(WANTED_CHUNKS).next_power_of_two().max(MIN_AVERAGE));
    loop {
        if next > MAX_AVERAGE {
            return Err(Error::new(format!("the medium needs more than {MAX_REMOTE_CHUNKS} chunks, the most allowed")));
        }
        let max_chunks = if average.is_some() { usize::MAX } else { MAX_REMOTE_CHUNKS };
        if let Some(chunked) = chunk_with(medium, len, &segments(listing, len, next), next, max_chunks, progress)? {
            return Ok(chunked);
        }
        next *= 2;
    }
}

/// Part of a medium whose chunks start and end with it.
struct Segment {
    end: u64,
    /// `true` for a large content, `false` for everything between two.
    is_large: bool,
}

/// Segments of a medium: contents of at least `large` bytes, and everything between them.
fn segments(listing: &Listing, len: u64, large: u64) -> Vec<Segment> {
    let mut contents: Vec<Region> = Vec::new();
    for file in listing.files.iter().filter(|file| file.len >= large) {
        let first = contents.len();
        for place in file.places.iter().filter(|place| place.end() <= len) {
            // Files over 4 GiB have several regions, one after the other.
            match contents[first..].last_mut().filter(|last| last.end() == place.offset) {
                Some(last) => last.len += place.len,
                None => contents.push(*place),
            }
        }
    }
    contents.sort_by_key(|content| (content.offset, content.len));
    let (mut segments, mut at) = (Vec::new(), 0);
    // Files with the same content may share a region; a foreign medium may have any overlaps.
    for content in contents.iter().filter(|content| content.len > 0) {
        if content.offset < at {
            continue;
        }
        if content.offset > at {
            segments.push(Segment { end: content.offset, is_large: false });
        }
        at = content.end();
        segments.push(Segment { end: at, is_large: true });
    }
    if at < len {
        segments.push(Segment { end: len, is_large: false });
    }
    segments
}

/// Cuts with a given average. `None` if there are more than `max_chunks`.
fn chunk_with(
    medium: &mut dyn ReadSeek,
    len: u64,
    segments: &[Segment],
    average: u64,
    max_chunks: usize,
    progress: &Progress,
) -> Result<Option<ChunkedMedium>> {
    progress.start(len);
    let failed = |error| Error::new("reading the medium").because(error);
    let mut cutter = Cutter::new(len, average);
    let mut block = vec![0; BLOCK_LEN];
    let mut at = 0;
    medium.seek(SeekFrom::Start(0)).map_err(failed)?;
    for segment in segments {
        cutter.start_segment(segment);
        while at < segment.end {
            progress.check_cancelled()?;
            let bytes = &mut block[..(segment.end - at).min(BLOCK_LEN as u64) as usize];
            medium.read_exact(bytes).map_err(failed)?;
            cutter.add(bytes, at);
            at += bytes.len() as u64;
            progress.add(bytes.len() as u64);
            if cutter.chunked.chunks.len() > max_chunks {
                return Ok(None);
            }
        }
        cutter.end_segment(at);
    }
    Ok(Some(cutter.chunked).filter(|chunked| chunked.chunks.len() <= max_chunks))
}

/// Collects extents and chunks.
struct Cutter {
    chunked: ChunkedMedium,
    gear: Box<[u64; 256]>,
    chunk: Vec<u8>,
    hash: u64,
    /// Average length of chunks in this segment.
    average: u64,
    /// Length of the run of zeros before the current byte.
    zeros: u64,
    hole_len: u64,
}

impl Cutter {
    fn new(len: u64, average: u64) -> Self {
        let chunked = ChunkedMedium { len, average, ..ChunkedMedium::default() };
        let hole_len = (average / HOLE_FRACTION).max(UNIT as u64);
        Self { chunked, gear: gear(), chunk: Vec::new(), hash: 0, average, zeros: 0, hole_len }
    }

    fn start_segment(&mut self, segment: &Segment) {
        let average = self.chunked.average;
        self.average = if segment.is_large { average } else { average / FINE_FRACTION };
    }

    /// Adds bytes of the medium from offset `at`. All but the last of a segment are whole units.
    fn add(&mut self, bytes: &[u8], at: u64) {
        for (index, unit) in bytes.chunks(UNIT).enumerate() {
            let at = at + (index * UNIT) as u64;
            if unit.iter().all(|byte| *byte == 0) {
                self.zeros += unit.len() as u64;
                continue;
            }
            self.end_zeros(at);
            self.add_data(unit, at);
        }
    }

    fn end_segment(&mut self, at: u64) {
        self.end_zeros(at);
        self.cut();
    }

    /// Ends a run of zeros before offset `at`: long ones are holes, short ones data.
    fn end_zeros(&mut self, at: u64) {
        const ZEROS: [u8; UNIT] = [0; UNIT];
        let mut left = std::mem::take(&mut self.zeros);
        if left >= self.hole_len {
            return;
        }
        while left > 0 {
            let len = left.min(UNIT as u64);
            self.add_data(&ZEROS[..len as usize], at - left);
            left -= len;
        }
    }

    fn add_data(&mut self, mut bytes: &[u8], at: u64) {
        let len = bytes.len() as u64;
        match self.chunked.extents.last_mut().filter(|last| last.end() == at) {
            Some(last) => last.len += len,
            None => self.chunked.extents.push(Region { offset: at, len }),
        }
        while !bytes.is_empty() {
            let (n, is_border) = self.next_border(bytes);
            self.chunk.extend_from_slice(&bytes[..n]);
            bytes = &bytes[n..];
            if is_border {
                self.cut();
            }
        }
    }

    /// Number of bytes up to the next border, or all bytes and `false`.
    fn next_border(&mut self, bytes: &[u8]) -> (usize, bool) {
        let (min, max) = ((self.average / MIN_FRACTION) as usize, (self.average * MAX_RATIO) as usize);
        let have = self.chunk.len();
        if have < min {
            // No border is near the last one, so these bytes need not be hashed.
            return (bytes.len().min(min - have), false);
        }
        let shift = 64 - self.average.trailing_zeros();
        let mut hash = self.hash;
        for (index, byte) in bytes.iter().enumerate() {
            hash = (hash << 1).wrapping_add(self.gear[usize::from(*byte)]);
            if hash >> shift == 0 || have + index + 1 >= max {
                return (index + 1, true);
            }
        }
        self.hash = hash;
        (bytes.len(), false)
    }

    fn cut(&mut self) {
        if !self.chunk.is_empty() {
            let sha256 = Sha256::hash(&self.chunk);
            self.chunked.chunks.push(MediumChunk { sha256, len: self.chunk.len() as u64 });
            self.chunk.clear();
        }
        self.hash = 0;
    }
}

/// Pseudo-random numbers by byte. They are part of the format: other numbers give other chunks.
fn gear() -> Box<[u64; 256]> {
    let mut gear = Box::new([0; 256]);
    let mut bytes = [0; 8];
    let mut reader = blake3::Hasher::new().update(b"tsmedia chunks 1").finalize_xof();
    for number in gear.iter_mut() {
        reader.fill(&mut bytes);
        *number = u64::from_le_bytes(bytes);
    }
    gear
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Cursor;

    use super::*;
    use crate::output::ListedFile;

    /// Bytes that don't repeat.
    fn noise(seed: &str, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().update(seed.as_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    }

    fn listing(files: &[(usize, usize)]) -> Listing {
        let file = |(offset, len): &(usize, usize)| ListedFile {
            path: format!("at-{offset}"),
            len: *len as u64,
            places: vec![Region { offset: *offset as u64, len: *len as u64 }],
        };
        Listing { files: files.iter().map(file).collect(), ..Listing::default() }
    }

    fn cut(bytes: &[u8], listing: &Listing) -> ChunkedMedium {
        chunk(&mut Cursor::new(bytes), bytes.len() as u64, listing, None, &Progress::default()).unwrap()
    }

    /// Puts the chunks together again, with zeros in between.
    fn joined(bytes: &[u8], chunked: &ChunkedMedium) -> Vec<u8> {
        let mut joined = vec![0; bytes.len()];
        for placed in chunked.placed() {
            let mut chunk = Vec::new();
            for place in &placed.places {
                let range = place.offset as usize..place.end() as usize;
                joined[range.clone()].copy_from_slice(&bytes[range.clone()]);
                chunk.extend_from_slice(&bytes[range]);
            }
            assert_eq!(Sha256::hash(&chunk), placed.chunk.sha256);
            assert_eq!(chunk.len() as u64, placed.chunk.len);
        }
        joined
    }

    #[test]
    fn chunks_and_holes_cover_every_byte() {
        let mut bytes = noise("medium", 9 << 20);
        bytes[3 << 20..4 << 20].fill(0);
        bytes[(5 << 20) + 100..(5 << 20) + 9_000].fill(0);
        bytes.extend([0; 100_000]);
        let chunked = cut(&bytes, &listing(&[(6 << 20, 2 << 20)]));
        assert!(joined(&bytes, &chunked) == bytes);
        assert_eq!(chunked.data_len(), 8 << 20);
        assert_eq!(chunked.extents.len(), 2, "{:?}", chunked.extents);
        assert_eq!(chunked, cut(&bytes, &listing(&[(6 << 20, 2 << 20)])));
        assert!(cut(&[], &listing(&[])).chunks.is_empty());
        assert!(cut(&[0; 1 << 20], &listing(&[])).chunks.is_empty());
    }

    #[test]
    fn a_large_content_gives_the_same_chunks_anywhere() {
        let content = noise("boot image", 8 << 20);
        let [first, second] = [2_048_usize, (3 << 20) + 10_240].map(|offset| {
            let mut bytes = noise("files", offset);
            bytes.extend_from_slice(&content);
            bytes.extend(noise(&offset.to_string(), 50_000));
            cut(&bytes, &listing(&[(offset, content.len())])).chunks.into_iter().collect::<HashSet<_>>()
        });
        let shared: u64 = first.intersection(&second).map(|chunk| chunk.len).sum();
        assert_eq!(shared, content.len() as u64);
    }

    #[test]
    fn an_insertion_changes_the_chunks_around_it_only() {
        let old = noise("image", 64 << 20);
        let mut new = old.clone();
        new.splice(30 << 20..30 << 20, noise("update", 5_000));
        let old = cut(&old, &listing(&[(0, old.len())])).chunks.into_iter().collect::<HashSet<_>>();
        let new = cut(&new, &listing(&[(0, new.len())]));
        let fetched: u64 = new.chunks.iter().filter(|chunk| !old.contains(chunk)).map(|chunk| chunk.len).sum();
        assert!(fetched > 5_000 && fetched < 8 << 20, "{fetched}");
    }

    #[test]
    fn regions_that_overlap_or_pass_the_end_are_cut_anyway() {
        let bytes = noise("foreign", 5 << 20);
        let chunked = cut(&bytes, &listing(&[(0, 3 << 20), (1 << 20, 3 << 20), (4 << 20, 9 << 20), (0, 3 << 20)]));
        assert!(joined(&bytes, &chunked) == bytes);
    }
}
