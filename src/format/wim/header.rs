//! The header of a WIM file and the resources that it names (Windows Imaging File Format, "WIM header").
//!
//! Everything is little-endian. Versions 1.13 (0x00010D00) and 3.584 (0x00000E00, solid resources) have the same
//! header. Not supported: the header of pipable files, which only wimlib writes and reads.

/// What a WIM file starts with.
pub const MAGIC: [u8; 8] = *b"MSWIM\0\0\0";
/// First bytes of pipable WIM files, whose header is otherwise the same.
pub const PIPABLE_MAGIC: [u8; 8] = *b"WLPWM\0\0\0";
/// The bytes of a header.
pub const HEADER_LEN: usize = 208;
/// The version of files without solid resources.
pub const VERSION: u32 = 0x0001_0D00;

/// The header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// 0x0C: [`VERSION`], or 0xE00 where resources may be solid.
    pub version: u32,
    /// 0x10: what `Header::COMPRESSED` and its neighbours say.
    pub flags: u32,
    /// 0x14: how many bytes are compressed together; 0 where nothing is.
    pub chunk_len: u32,
    /// 0x18: tells the file from others; all parts of a split file have the same.
    pub guid: [u8; 16],
    /// 0x28: which part of a split file this is, from 1.
    pub part: u16,
    /// 0x2A: how many parts there are.
    pub n_parts: u16,
    /// 0x2C: how many images there are.
    pub n_images: u32,
    /// 0x30: the blob table.
    pub table: Resource,
    /// 0x48: the XML.
    pub xml: Resource,
    /// 0x60: the metadata of the image that firmware starts.
    pub boot_metadata: Resource,
    /// 0x78: the image that firmware starts, from 1; 0 for none.
    pub boot_index: u32,
    /// 0x7C: the integrity table.
    pub integrity: Resource,
}

impl Header {
    /// Resources may be compressed.
    pub const COMPRESSED: u32 = 0x2;
    /// By XPRESS.
    pub const XPRESS: u32 = 0x2_0000;
    /// By LZX.
    pub const LZX: u32 = 0x4_0000;
    /// By LZMS.
    pub const LZMS: u32 = 0x8_0000;
    /// The file is a part of several.
    pub const SPANNED: u32 = 0x8;
    /// Somebody is writing the file, or was.
    pub const WRITE_IN_PROGRESS: u32 = 0x40;

    /// Reads a header; nothing if it is none.
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

    /// Its bytes.
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

/// Where the bytes of a resource are in the file (24 bytes, "RESHDR_DISK_SHORT").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// 0, 7 bytes: how many bytes it has in the file.
    pub len: u64,
    /// 7: what `Resource::METADATA` and its neighbours say.
    pub flags: u8,
    /// 8: where it starts.
    pub offset: u64,
    /// 16: how many bytes it has unpacked.
    pub unpacked_len: u64,
}

impl Resource {
    /// It describes the files of an image.
    pub const METADATA: u8 = 0x2;
    /// It is compressed.
    pub const COMPRESSED: u8 = 0x4;
    /// A part of it is in another part of a split file.
    pub const SPANNED: u8 = 0x8;
    /// It holds many contents, compressed together.
    pub const SOLID: u8 = 0x10;
    /// The bytes of one in a file.
    pub const LEN: usize = 24;

    /// One whose bytes are as they are.
    pub fn stored(offset: u64, len: u64, flags: u8) -> Self {
        Self { len, flags, offset, unpacked_len: len }
    }

    /// The first byte after it; nothing if there is no such byte.
    pub fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.len)
    }

    /// Whether its bytes are as they are.
    pub fn is_stored(&self) -> bool {
        self.flags & (Self::COMPRESSED | Self::SOLID | Self::SPANNED) == 0 && self.len == self.unpacked_len
    }

    /// Reads one.
    pub fn parse(bytes: &[u8; Self::LEN]) -> Self {
        let first = u64::from_le_bytes(array_at(bytes, 0));
        Self {
            len: first & (u64::MAX >> 8),
            flags: bytes[7],
            offset: u64::from_le_bytes(array_at(bytes, 8)),
            unpacked_len: u64::from_le_bytes(array_at(bytes, 16)),
        }
    }

    /// Its bytes. Its length must fit seven of them.
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

/// The bytes from `at` on, which must be there.
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

    fn header() -> Header {
        let resource = |n: u64| Resource { len: n << 32 | 5, flags: n as u8, offset: n << 40, unpacked_len: n + 7 };
        Header {
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
        assert_eq!(Header::parse(&bytes), Some(header()));
        assert_eq!(Header::parse(&bytes[..200]), None);
        assert_eq!(Header::parse(&[0; HEADER_LEN]), None);
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
