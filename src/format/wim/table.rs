//! The blob table of a WIM file: every resource but those that the header names, with the SHA-1 of its contents
//! (Windows Imaging File Format, "lookup table").
//!
//! Entries have 50 bytes and no order that any reader asks for, except that the metadata resources are those of the
//! images from the first to the last. A table is itself never compressed.

use super::header::{Resource, array_at};

/// An entry of a blob table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob {
    /// 0: where it is. In a solid resource: where in that.
    pub resource: Resource,
    /// 24: which part of a split file it is in, from 1.
    pub part: u16,
    /// 26: how often files of all images have these contents; 1 for metadata.
    pub n_refs: u32,
    /// 30: the SHA-1 of its contents, unpacked.
    pub sha1: [u8; 20],
}

impl Blob {
    /// The bytes of an entry.
    pub const LEN: usize = 50;

    /// Whether it is the metadata of an image.
    pub fn is_metadata(&self) -> bool {
        self.resource.flags & Resource::METADATA != 0
    }

    /// Whether it is a solid resource, or within one.
    pub fn is_solid(&self) -> bool {
        self.resource.flags & Resource::SOLID != 0
    }

    /// Whether it is a solid resource itself, whose contents have entries of their own.
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

/// Reads a blob table. What is left after the last whole entry is no entry.
pub fn parse_table(bytes: &[u8]) -> Vec<Blob> {
    bytes.as_chunks().0.iter().map(Blob::parse).collect()
}

/// The bytes of a blob table.
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
