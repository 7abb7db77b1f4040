//! Header of a WIM file, and resources (Windows Imaging File Format, "WIM header").
//!
//! Little-endian. Versions 1.13 (0x00010D00) and 3.584 (0x00000E00, solid resources) share this
//! header. Not supported: the header of pipable files, which only wimlib writes and reads.

/// First bytes of a WIM file.
pub const MAGIC: [u8; 8] = *b"MSWIM\0\0\0";
/// First bytes of a pipable WIM file. Its header is otherwise the same.
pub const PIPABLE_MAGIC: [u8; 8] = *b"WLPWM\0\0\0";
/// Length of a header in bytes.
pub const HEADER_LEN: usize = 208;
/// Version of files without solid resources.
pub const VERSION: u32 = 0x0001_0D00;

/// Header of a WIM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WimHeader {
    /// 0x0C: [`VERSION`], or 0xE00 if resources may be solid.
    pub version: u32,
    /// 0x10: flags such as [`WimHeader::COMPRESSED`].
    pub flags: u32,
    /// 0x14: length of a chunk in bytes before compression; 0 in uncompressed files.
    pub chunk_len: u32,
    /// 0x18: identifier of the file, shared by all parts of a split file.
    pub guid: [u8; 16],
    /// 0x28: number of this part of a split file, from 1.
    pub part: u16,
    /// 0x2A: number of parts.
    pub n_parts: u16,
    /// 0x2C: number of images.
    pub n_images: u32,
    /// 0x30: blob table.
    pub table: Resource,
    /// 0x48: XML.
    pub xml: Resource,
    /// 0x60: metadata of the boot image.
    pub boot_metadata: Resource,
    /// 0x78: index of the boot image, from 1; 0 for none.
    pub boot_index: u32,
    /// 0x7C: integrity table.
    pub integrity: Resource,
}

impl WimHeader {
    /// Resources may be compressed.
    pub const COMPRESSED: u32 = 0x2;
    /// Compressed with XPRESS.
    pub const XPRESS: u32 = 0x2_0000;
    /// Compressed with LZX.
    pub const LZX: u32 = 0x4_0000;
    /// Compressed with LZMS.
    pub const LZMS: u32 = 0x8_0000;
    /// The file is part of a split file.
    pub const SPANNED: u32 = 0x8;
    /// The file is being written, or writing was interrupted.
    pub const WRITE_IN_PROGRESS: u32 = 0x40;

    /// Parses a header; `None` if `bytes` don't start with one.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER_LEN] = bytes.first_chunk()?;
        let is_header = bytes.starts_with(&MAGIC) && u32_at(bytes, 0x08) as usize == HEADER_LEN;
        is_header.then(|| Self {
            version: u32_at(bytes, 0x0C),
            flags: u32_at(bytes, 0x10),
            chunk_len: u32_at(bytes, 0x14),
            guid: array_at(bytes, 0x18),
            part: u16::from_le_bytes(array_at(bytes, 0x28)),
            n_parts: u16::from_le_bytes(array_at(bytes, 0x2A)),
            n_images: u32_at(bytes, 0x2C),
            table: Resource::parse(&array_at(bytes, 0x30)),
            xml: Resource::parse(&array_at(bytes, 0x48)),
            boot_metadata: Resource::parse(&array_at(bytes, 0x60)),
            boot_index: u32_at(bytes, 0x78),
            integrity: Resource::parse(&array_at(bytes, 0x7C)),
        })
    }

    /// Encodes the header.
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0x00, &MAGIC);
        put(0x08, &(HEADER_LEN as u32).to_le_bytes());
        put(0x0C, &self.version.to_le_bytes());
        put(0x10, &self.flags.to_le_bytes());
        put(0x14, &self.chunk_len.to_le_bytes());
        put(0x18, &self.guid);
        put(0x28, &self.part.to_le_bytes());
        put(0x2A, &self.n_parts.to_le_bytes());
        put(0x2C, &self.n_images.to_le_bytes());
        put(0x30, &self.table.to_bytes());
        put(0x48, &self.xml.to_bytes());
        put(0x60, &self.boot_metadata.to_bytes());
        put(0x78, &self.boot_index.to_le_bytes());
        put(0x7C, &self.integrity.to_bytes());
        bytes
    }
}

/// Location of a resource in the file (24 bytes, "RESHDR_DISK_SHORT").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// 0, 7 bytes: length in the file.
    pub len: u64,
    /// 7: flags such as [`Resource::METADATA`].
    pub flags: u8,
    /// 8: offset in the file.
    pub offset: u64,
    /// 16: length before compression.
    pub unpacked_len: u64,
}

impl Resource {
    /// Metadata of an image.
    pub const METADATA: u8 = 0x2;
    /// Compressed.
    pub const COMPRESSED: u8 = 0x4;
    /// Continued in another part of a split file.
    pub const SPANNED: u8 = 0x8;
    /// Solid: many contents compressed together.
    pub const SOLID: u8 = 0x10;
    /// Length of an encoded location in bytes.
    pub const LEN: usize = 24;

    /// Creates an uncompressed resource.
    pub fn stored(offset: u64, len: u64, flags: u8) -> Self {
        Self { len, flags, offset, unpacked_len: len }
    }

    /// Offset of the first byte after the resource; `None` on overflow.
    pub fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.len)
    }

    /// Returns `true` for an uncompressed resource.
    pub fn is_stored(&self) -> bool {
        self.flags & (Self::COMPRESSED | Self::SOLID | Self::SPANNED) == 0 && self.len == self.unpacked_len
    }

    /// Parses a location.
    pub fn parse(bytes: &[u8; Self::LEN]) -> Self {
        let first = u64::from_le_bytes(array_at(bytes, 0));
        Self {
            len: first & (u64::MAX >> 8),
            flags: bytes[7],
            offset: u64::from_le_bytes(array_at(bytes, 8)),
            unpacked_len: u64::from_le_bytes(array_at(bytes, 16)),
        }
    }

    /// Encodes the location. The length must fit into seven bytes.
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        debug_assert!(self.len <= u64::MAX >> 8);
        let mut bytes = [0; Self::LEN];
        bytes[..8].copy_from_slice(&self.len.to_le_bytes());
        bytes[7] = self.flags;
        bytes[8..16].copy_from_slice(&self.offset.to_le_bytes());
        bytes[16..].copy_from_slice(&self.unpacked_len.to_le_bytes());
        bytes
    }
}

/// `N` bytes at an offset. Panics if there are fewer.
pub(super) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> WimHeader {
        let resource = |n: u64| Resource { len: n << 32 | 5, flags: n as u8, offset: n << 40, unpacked_len: n + 7 };
        WimHeader {
            version: VERSION,
            flags: 0x0004_0082,
            chunk_len: 32_768,
            guid: *b"0123456789abcdef",
            part: 2,
            n_parts: 3,
            n_images: 4,
            table: resource(1),
            xml: resource(2),
            boot_metadata: resource(3),
            boot_index: 5,
            integrity: resource(4),
        }
    }

    #[test]
    fn a_header_reads_back_from_its_bytes() {
        let bytes = header().to_bytes();
        assert_eq!(WimHeader::parse(&bytes), Some(header()));
        assert_eq!(WimHeader::parse(&bytes[..200]), None);
        assert_eq!(WimHeader::parse(&[0; HEADER_LEN]), None);
    }

    #[test]
    fn fields_are_where_the_specification_has_them() {
        let bytes = header().to_bytes();
        assert_eq!(bytes[0x2A..0x30], [3, 0, 4, 0, 0, 0]);
        assert_eq!(bytes[0x48..0x60], [5, 0, 0, 0, 2, 0, 0, 2, 0, 0, 0, 0, 0, 2, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!((bytes[0x78], bytes[0x7C], bytes[0x80]), (5, 5, 4));
        assert_eq!(bytes[0x94..], [0; 60]);
    }
}
