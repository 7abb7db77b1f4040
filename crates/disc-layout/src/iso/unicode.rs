//! OSTA Compressed Unicode (OSTA UDF 1.02, 2.1.1): names and labels as UDF has them.

/// The bytes that a name takes.
pub fn compressed_len(name: &str) -> usize {
    match is_latin1(name) {
        true => 1 + name.chars().count(),
        false => 1 + 2 * name.encode_utf16().count(),
    }
}

/// A compression id, then a byte for each Latin-1 character, or else UTF-16, big-endian.
pub fn compressed(name: &str) -> Vec<u8> {
    match is_latin1(name) {
        true => std::iter::once(8).chain(name.chars().map(|c| c as u8)).collect(),
        false => std::iter::once(16).chain(name.encode_utf16().flat_map(u16::to_be_bytes)).collect(),
    }
}

fn is_latin1(name: &str) -> bool {
    name.chars().all(|c| u32::from(c) < 0x100)
}
