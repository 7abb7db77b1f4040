//! Numbers and texts at offsets, as on-disk structures have them.

/// A structure being made: zeros that fields are put into.
pub struct Bytes(Vec<u8>);

impl Bytes {
    /// So many zeros.
    pub fn zeroed(len: usize) -> Self {
        Self(vec![0; len])
    }

    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }

    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    pub fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// A text in a field of `len` bytes, the rest of which is `fill`.
    pub fn put_filled(&mut self, at: usize, len: usize, text: &[u8], fill: u8) {
        self.0[at..at + len].fill(fill);
        self.put(at, &text[..text.len().min(len)]);
    }

    pub fn u8(&mut self, at: usize, value: u8) {
        self.0[at] = value;
    }

    pub fn le16(&mut self, at: usize, value: u16) {
        self.put(at, &value.to_le_bytes());
    }

    pub fn le32(&mut self, at: usize, value: u32) {
        self.put(at, &value.to_le_bytes());
    }

    pub fn le64(&mut self, at: usize, value: u64) {
        self.put(at, &value.to_le_bytes());
    }

    pub fn be32(&mut self, at: usize, value: u32) {
        self.put(at, &value.to_be_bytes());
    }

    /// A number in both byte orders (ECMA-119 7.2.3).
    pub fn both16(&mut self, at: usize, value: u16) {
        self.le16(at, value);
        self.put(at + 2, &value.to_be_bytes());
    }

    /// A number in both byte orders (ECMA-119 7.3.3).
    pub fn both32(&mut self, at: usize, value: u32) {
        self.le32(at, value);
        self.be32(at + 4, value);
    }
}

/// Fields of a structure that somebody else made. Whoever asks knows that the structure is long enough.
pub fn le16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub fn be32(bytes: &[u8], at: usize) -> u32 {
    le32(bytes, at).swap_bytes()
}

pub fn le64(bytes: &[u8], at: usize) -> u64 {
    u64::from(le32(bytes, at)) | u64::from(le32(bytes, at + 4)) << 32
}
