//! Contents in a WIM file: uncompressed, compressed in chunks, or part of a solid resource.
//!
//! A compressed resource begins with a table of the chunks' offsets, relative to the end of the
//! table and without the first one. Entries have 4 bytes, or 8 in resources of 4 GiB and more. A
//! solid resource begins with its length (`u64`), chunk length (`u32`) and compression (`u32`),
//! then the length of each chunk (`u32`). A chunk of full length is uncompressed. Every number is
//! checked against the file before anything is allocated.

use std::error::Error as _;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use sha1::{Digest as _, Sha1};

use super::WimCompression;
use super::library::codec::{self, Compressor, Decompressor};
use crate::limits::{MAX_WIM_CHUNK_LEN, MAX_WIM_CHUNK_TABLE_LEN, MAX_WIM_RESOURCE_LEN, MIN_WIM_CHUNK_LEN};
use crate::source::OpenSource;

const SOLID_HEADER_LEN: u64 = 16;

/// Location of contents in a WIM file.
#[derive(Clone, Copy, Default)]
pub(super) struct BlobLocation {
    pub len: u64,
    pub sha1: [u8; 20],
    pub is_missing: bool,
    pub is_compressed: bool,
    /// `true` for a part of a solid resource, which starts at `offset` of its unpacked bytes.
    pub is_solid: bool,
    pub offset: u64,
    pub resource_offset: u64,
    pub resource_len: u64,
    pub resource_unpacked_len: u64,
}

/// Random access to the bytes of a WIM.
pub(in crate::format) trait ReadAt {
    /// Length in bytes.
    fn len(&self) -> Result<u64, String>;
    /// Fills `bytes` from offset `at`.
    fn fill(&self, bytes: &mut [u8], at: u64) -> Result<(), String>;
}

impl ReadAt for File {
    fn len(&self) -> Result<u64, String> {
        Ok(self.metadata().map_err(|error| error.to_string())?.len())
    }

    fn fill(&self, bytes: &mut [u8], at: u64) -> Result<(), String> {
        self.read_exact_at(bytes, at).map_err(|error| error.to_string())
    }
}

impl ReadAt for OpenSource<'_> {
    fn len(&self) -> Result<u64, String> {
        Ok(self.what().len())
    }

    fn fill(&self, bytes: &mut [u8], at: u64) -> Result<(), String> {
        self.read(bytes, at).map_err(|error| match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        })
    }
}

/// Compression of the resources of a WIM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) struct ResourceCompression {
    pub compression: WimCompression,
    /// Length of a chunk in bytes before compression.
    pub chunk_len: u32,
}

/// Reads contents and verifies their SHA-1.
pub(super) fn read(file: &impl ReadAt, packing: ResourceCompression, blob: &BlobLocation) -> Result<Vec<u8>, String> {
    let bytes = unpack(file, packing, blob)?;
    if blob.len > 0 && Sha1::digest(&bytes)[..] != blob.sha1 {
        return Err("the SHA-1 of its contents does not match".into());
    }
    Ok(bytes)
}

/// Reads contents without verifying them.
pub(super) fn unpack(file: &impl ReadAt, packing: ResourceCompression, blob: &BlobLocation) -> Result<Vec<u8>, String> {
    if blob.is_missing {
        return Err("its contents are missing from the file".into());
    }
    if blob.len == 0 {
        return Ok(Vec::new());
    }
    if blob.len > MAX_WIM_RESOURCE_LEN {
        return Err(format!("it would have {} bytes; at most {MAX_WIM_RESOURCE_LEN} are read", blob.len));
    }
    let file_len = file.len()?;
    let end = blob.resource_offset.checked_add(blob.resource_len);
    if end.is_none_or(|end| end > file_len) {
        return Err(format!("its contents extend past the end of the file at byte {file_len}"));
    }
    if blob.is_solid {
        read_solid(file, blob)
    } else if blob.is_compressed {
        read_compressed(file, packing, blob)
    } else if blob.resource_len == blob.len {
        read_at(file, blob.resource_offset, blob.len)
    } else {
        Err("the lengths of its contents contradict each other".into())
    }
}

/// Compresses a resource. Returns `false` with the original bytes if it does not get shorter.
pub(in crate::format) fn pack(bytes: Vec<u8>, packing: ResourceCompression) -> (Vec<u8>, bool) {
    let chunk_len = packing.chunk_len as usize;
    let Some(mut compressor) = Compressor::new(packing.compression, chunk_len) else { return (bytes, false) };
    let chunks: Vec<_> = bytes.chunks(chunk_len).map(|chunk| compressor.compress(chunk)).collect();
    let entry_len = table_entry_len(bytes.len() as u64) as usize;
    let mut table = Vec::with_capacity(chunks.len() * entry_len);
    let mut packed: Vec<u8> = Vec::new();
    for (chunk, plain) in chunks.iter().zip(bytes.chunks(chunk_len)) {
        if !packed.is_empty() {
            table.extend(&(packed.len() as u64).to_le_bytes()[..entry_len]);
        }
        // Readers recognise an uncompressed chunk by its length.
        packed.extend(chunk.as_deref().unwrap_or(plain));
    }
    if table.len() + packed.len() >= bytes.len() {
        return (bytes, false);
    }
    table.extend(packed);
    (table, true)
}

/// Length of an entry in the table of chunks in bytes.
fn table_entry_len(unpacked_len: u64) -> u64 {
    if unpacked_len <= u64::from(u32::MAX) { 4 } else { 8 }
}

/// Reads a compressed resource.
fn read_compressed(file: &impl ReadAt, packing: ResourceCompression, blob: &BlobLocation) -> Result<Vec<u8>, String> {
    let chunks = Chunks::new(packing.compression, u64::from(packing.chunk_len), blob.len)?;
    let entry_len = table_entry_len(blob.len);
    let table_len = (chunks.n_chunks - 1).checked_mul(entry_len).filter(|len| *len <= blob.resource_len);
    let table_len = table_len.ok_or("its table of chunks is longer than its contents")?;
    let table = read_at(file, blob.resource_offset, table_len)?;
    // The first chunk is not listed, and the last one ends with the resource.
    let mut starts: Vec<u64> = vec![0];
    starts.extend(table.chunks_exact(entry_len as usize).map(le_number));
    starts.push(blob.resource_len - table_len);
    let bounds: Vec<_> = starts.windows(2).map(|pair| pair[0]..pair[1]).collect();
    let data = blob.resource_offset + table_len..blob.resource_offset + blob.resource_len;
    chunks.read(file, &data, &bounds, 0..blob.len)
}

/// Reads a part of a solid resource.
fn read_solid(file: &impl ReadAt, blob: &BlobLocation) -> Result<Vec<u8>, String> {
    let wanted = blob.offset..blob.offset.checked_add(blob.len).ok_or("it is outside of its resource")?;
    if wanted.end > blob.resource_unpacked_len || blob.resource_len < SOLID_HEADER_LEN {
        return Err("it is outside of its resource".into());
    }
    let header = read_at(file, blob.resource_offset, SOLID_HEADER_LEN)?;
    let (len, chunk_len, compression) = (le_number(&header[..8]), le_number(&header[8..12]), le_number(&header[12..]));
    let compression = codec::compression(compression as u32).ok_or("its compression is unknown")?;
    if len != blob.resource_unpacked_len {
        return Err("the lengths of its resource contradict each other".into());
    }
    let chunks = Chunks::new(compression, chunk_len, len)?;
    let max_table_len = MAX_WIM_CHUNK_TABLE_LEN.min(blob.resource_len - SOLID_HEADER_LEN);
    let table_len = chunks.n_chunks.checked_mul(4).filter(|len| *len <= max_table_len);
    let table_len = table_len.ok_or("its table of chunks is longer than its contents")?;
    let table = read_at(file, blob.resource_offset + SOLID_HEADER_LEN, table_len)?;
    // Solid resources list lengths in place of offsets.
    let mut start = 0;
    let next = |entry: &[u8]| {
        let bounds = start..start + le_number(entry);
        start = bounds.end;
        bounds
    };
    let bounds: Vec<_> = table.chunks_exact(4).map(next).collect();
    let data = blob.resource_offset + SOLID_HEADER_LEN + table_len..blob.resource_offset + blob.resource_len;
    chunks.read(file, &data, &bounds, wanted)
}

/// Chunk length of the solid resource at an offset, in bytes.
pub(super) fn solid_chunk_len(file: &impl ReadAt, offset: u64) -> Result<u64, String> {
    Ok(le_number(&read_at(file, offset, SOLID_HEADER_LEN)?[8..12]))
}

/// Division of a resource into chunks.
struct Chunks {
    compression: WimCompression,
    chunk_len: u64,
    n_chunks: u64,
    unpacked_len: u64,
}

impl Chunks {
    fn new(compression: WimCompression, chunk_len: u64, unpacked_len: u64) -> Result<Self, String> {
        if !chunk_len.is_power_of_two() || !(MIN_WIM_CHUNK_LEN..=MAX_WIM_CHUNK_LEN).contains(&chunk_len) {
            return Err(format!("its chunks can't be {chunk_len} bytes long"));
        }
        Ok(Self { compression, chunk_len, n_chunks: unpacked_len.div_ceil(chunk_len), unpacked_len })
    }

    /// Reads a range of the unpacked resource. `data` is the range of the chunks in the file, and
    /// `bounds` the range of each chunk relative to that.
    fn read(
        &self,
        file: &impl ReadAt,
        data: &Range<u64>,
        bounds: &[Range<u64>],
        wanted: Range<u64>,
    ) -> Result<Vec<u8>, String> {
        let mut decompressor = Decompressor::new(self.compression, self.chunk_len as usize);
        let mut bytes = Vec::new();
        for chunk in wanted.start / self.chunk_len..wanted.end.div_ceil(self.chunk_len) {
            let bounds = bounds.get(chunk as usize).ok_or("a chunk is missing")?;
            let unpacked = self.read_chunk(file, data, bounds, chunk, decompressor.as_mut())?;
            let start = chunk * self.chunk_len;
            let from = wanted.start.max(start) - start;
            let to = wanted.end.min(start + unpacked.len() as u64) - start;
            bytes.extend_from_slice(&unpacked[from as usize..to as usize]);
        }
        Ok(bytes)
    }

    /// Reads a chunk at `bounds` within `data`.
    fn read_chunk(
        &self,
        file: &impl ReadAt,
        data: &Range<u64>,
        bounds: &Range<u64>,
        chunk: u64,
        decompressor: Option<&mut Decompressor>,
    ) -> Result<Vec<u8>, String> {
        let unpacked_len = self.chunk_len.min(self.unpacked_len - chunk * self.chunk_len);
        let packed_len = bounds.end.checked_sub(bounds.start).filter(|len| (1..=unpacked_len).contains(len));
        let packed_len = packed_len.ok_or("a chunk has an impossible length")?;
        if bounds.end > data.end - data.start {
            return Err("a chunk is outside of its resource".into());
        }
        let packed = read_at(file, data.start + bounds.start, packed_len)?;
        if packed_len == unpacked_len {
            return Ok(packed);
        }
        let decompressor = decompressor.ok_or("its compression is not supported")?;
        let mut unpacked = vec![0; unpacked_len as usize];
        if !decompressor.decompress(&packed, &mut unpacked) {
            return Err("a compressed chunk is damaged".into());
        }
        Ok(unpacked)
    }
}

/// Random-access reader of a compressed resource that fills a whole stream, as with the Windows
/// Overlay Filter. Keeps one chunk in memory.
pub(in crate::format) struct ChunkReader {
    chunks: Chunks,
    entry_len: u64,
    data: Range<u64>,
    decompressor: Option<Decompressor>,
    /// Last chunk, decompressed, with its index.
    last: Option<(u64, Vec<u8>)>,
}

impl ChunkReader {
    /// Creates a reader for a resource of `packed_len` bytes that unpacks to `unpacked_len`.
    ///
    /// # Errors
    ///
    /// If the resource is too short for its table and one byte per chunk.
    pub fn new(packing: ResourceCompression, packed_len: u64, unpacked_len: u64) -> Result<Self, String> {
        let chunks = Chunks::new(packing.compression, u64::from(packing.chunk_len), unpacked_len)?;
        let entry_len = table_entry_len(unpacked_len);
        let table_len = chunks.n_chunks.saturating_sub(1).checked_mul(entry_len);
        let has_room = |table_len: &u64| packed_len.checked_sub(*table_len).is_some_and(|rest| rest >= chunks.n_chunks);
        let table_len = table_len.filter(has_room).ok_or("its table of chunks is longer than its contents")?;
        let decompressor = Decompressor::new(packing.compression, packing.chunk_len as usize);
        Ok(Self { chunks, entry_len, data: table_len..packed_len, decompressor, last: None })
    }

    /// Fills `bytes` from offset `at` of the unpacked resource.
    ///
    /// # Errors
    ///
    /// If the range is outside of the resource, a chunk is damaged, or the file can't be read.
    pub fn read(&mut self, file: &impl ReadAt, mut bytes: &mut [u8], mut at: u64) -> Result<(), String> {
        if at.checked_add(bytes.len() as u64).is_none_or(|end| end > self.chunks.unpacked_len) {
            return Err(format!("its contents end at byte {}", self.chunks.unpacked_len));
        }
        while !bytes.is_empty() {
            let chunk = at / self.chunks.chunk_len;
            let unpacked = match self.last.take().filter(|(last, _)| *last == chunk) {
                Some((_, unpacked)) => unpacked,
                None => {
                    let bounds = self.bounds(file, chunk)?;
                    self.chunks.read_chunk(file, &self.data, &bounds, chunk, self.decompressor.as_mut())?
                }
            };
            let part = &unpacked[(at % self.chunks.chunk_len) as usize..];
            let n = part.len().min(bytes.len());
            let (to, rest) = bytes.split_at_mut(n);
            to.copy_from_slice(&part[..n]);
            (bytes, at) = (rest, at + n as u64);
            self.last = Some((chunk, unpacked));
        }
        Ok(())
    }

    /// Reads the range of a chunk, relative to the end of the table, which omits the first chunk.
    fn bounds(&self, file: &impl ReadAt, chunk: u64) -> Result<Range<u64>, String> {
        let entry = |chunk: u64| match chunk {
            0 => Ok(0),
            _ if chunk == self.chunks.n_chunks => Ok(self.data.end - self.data.start),
            _ => read_at(file, (chunk - 1) * self.entry_len, self.entry_len).map(|bytes| le_number(&bytes)),
        };
        Ok(entry(chunk)?..entry(chunk + 1)?)
    }
}

/// Reads a range that is known to be inside of the file.
fn read_at(file: &impl ReadAt, offset: u64, len: u64) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; len as usize];
    file.fill(&mut bytes, offset)?;
    Ok(bytes)
}

/// Little-endian number of up to eight bytes.
fn le_number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Resource of 5 GiB with uncompressed chunks, each filled with its number.
    struct Huge;

    const CHUNK_LEN: u64 = 16 << 10;
    const UNPACKED_LEN: u64 = 5 << 30;
    const N_CHUNKS: u64 = UNPACKED_LEN / CHUNK_LEN;
    const TABLE_LEN: u64 = (N_CHUNKS - 1) * 8;

    impl ReadAt for Huge {
        fn len(&self) -> Result<u64, String> {
            Ok(TABLE_LEN + UNPACKED_LEN)
        }

        fn fill(&self, bytes: &mut [u8], at: u64) -> Result<(), String> {
            if at < TABLE_LEN {
                bytes.copy_from_slice(&((at / 8 + 1) * CHUNK_LEN).to_le_bytes());
            } else {
                bytes.fill(((at - TABLE_LEN) / CHUNK_LEN) as u8);
            }
            Ok(())
        }
    }

    #[test]
    fn tables_of_resources_beyond_4_gib_have_entries_of_8_bytes() {
        let packing = ResourceCompression { compression: WimCompression::Xpress, chunk_len: CHUNK_LEN as u32 };
        let mut reader = ChunkReader::new(packing, TABLE_LEN + UNPACKED_LEN, UNPACKED_LEN).unwrap();
        let mut bytes = [0; 4];
        for chunk in [1, N_CHUNKS / 2, N_CHUNKS - 1] {
            reader.read(&Huge, &mut bytes, chunk * CHUNK_LEN - 2).unwrap();
            assert_eq!(bytes, [(chunk - 1) as u8, (chunk - 1) as u8, chunk as u8, chunk as u8]);
        }
        assert!(reader.read(&Huge, &mut bytes, UNPACKED_LEN - 2).is_err());
        assert!(ChunkReader::new(packing, TABLE_LEN + N_CHUNKS - 1, UNPACKED_LEN).is_err());
    }
}
