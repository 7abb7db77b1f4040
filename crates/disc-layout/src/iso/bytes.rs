//! Numbers and texts at offsets, as on-disk structures have them.

use crate::little_endian::u32_at;

/// Structure under construction: zeros into which fields are written.
pub struct FieldBuffer(Vec<u8>);

impl FieldBuffer {
    /// Creates a structure of zeros.
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

    /// Writes a text into a field of `len` bytes and pads it with `fill`.
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

    /// Writes a number in both byte orders (ECMA-119 7.2.3).
    pub fn both16(&mut self, at: usize, value: u16) {
        self.le16(at, value);
        self.put(at + 2, &value.to_be_bytes());
    }

    /// Writes a number in both byte orders (ECMA-119 7.3.3).
    pub fn both32(&mut self, at: usize, value: u32) {
        self.le32(at, value);
        self.be32(at + 4, value);
    }
}

/// Reads a big-endian number of 32 bits.
pub fn be32(bytes: &[u8], at: usize) -> u32 {
    u32_at(bytes, at).swap_bytes()
}
