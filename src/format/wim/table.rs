//! Blob table of a WIM file: all resources except those in the header, with the SHA-1 of their
//! contents (Windows Imaging File Format, "lookup table").
//!
//! Entries have 50 bytes and any order, except that metadata resources are in the order of the
//! images. The table itself is uncompressed.

use super::header::{Resource, array_at};

/// Entry of a blob table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob {
    /// 0: location in the file; in a solid resource, location in its unpacked bytes.
    pub resource: Resource,
    /// 24: part of a split file, from 1.
    pub part: u16,
    /// 26: number of files with these contents in all images; 1 for metadata.
    pub n_refs: u32,
    /// 30: SHA-1 of the unpacked contents.
    pub sha1: [u8; 20],
}

impl Blob {
    /// Length of an encoded entry in bytes.
    pub const LEN: usize = 50;

    /// Returns `true` for metadata of an image.
    pub fn is_metadata(&self) -> bool {
        self.resource.flags & Resource::METADATA != 0
    }

    /// Returns `true` for a solid resource, or contents in one.
    pub fn is_solid(&self) -> bool {
        self.resource.flags & Resource::SOLID != 0
    }

    /// Returns `true` for a solid resource itself. Its contents have entries of their own.
    pub fn is_solid_resource(&self) -> bool {
        self.is_solid() && self.resource.unpacked_len == 1 << 32
    }

    fn parse(bytes: &[u8; Self::LEN]) -> Self {
        Self {
            resource: Resource::parse(&array_at(bytes, 0)),
            part: u16::from_le_bytes(array_at(bytes, 24)),
            n_refs: u32::from_le_bytes(array_at(bytes, 26)),
            sha1: array_at(bytes, 30),
        }
    }

    fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..24].copy_from_slice(&self.resource.to_bytes());
        bytes[24..26].copy_from_slice(&self.part.to_le_bytes());
        bytes[26..30].copy_from_slice(&self.n_refs.to_le_bytes());
        bytes[30..].copy_from_slice(&self.sha1);
        bytes
    }
}

/// Parses a blob table. An incomplete entry at the end is ignored.
pub fn parse_table(bytes: &[u8]) -> Vec<Blob> {
    bytes.as_chunks().0.iter().map(Blob::parse).collect()
}

/// Encodes a blob table.
pub fn table_to_bytes(blobs: &[Blob]) -> Vec<u8> {
    blobs.iter().flat_map(|blob| blob.to_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_reads_back_from_its_bytes() {
        let blob = |n: u8| Blob {
            resource: Resource::stored(u64::from(n) << 36, u64::from(n), n),
            part: 1,
            n_refs: u32::from(n) << 20,
            sha1: [n; 20],
        };
        let blobs: Vec<_> = (0..5).map(blob).collect();
        let mut bytes = table_to_bytes(&blobs);
        assert_eq!(bytes.len(), 250);
        bytes.extend([1; 49]);
        assert_eq!(parse_table(&bytes), blobs);
        assert!(blobs[2].is_metadata() && !blobs[1].is_metadata());
    }
}
