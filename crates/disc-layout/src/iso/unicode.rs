//! OSTA Compressed Unicode (OSTA UDF 1.02, 2.1.1), the encoding of names and labels in UDF.

/// Length of an encoded name in bytes.
pub fn compressed_len(name: &str) -> usize {
    match is_latin1(name) {
        true => 1 + name.chars().count(),
        false => 1 + 2 * name.encode_utf16().count(),
    }
}

/// Encodes a name: a compression ID, then one byte per Latin-1 character, or else big-endian UTF-16.
pub fn compressed(name: &str) -> Vec<u8> {
    match is_latin1(name) {
        true => std::iter::once(8).chain(name.chars().map(|c| c as u8)).collect(),
        false => std::iter::once(16).chain(name.encode_utf16().flat_map(u16::to_be_bytes)).collect(),
    }
}

fn is_latin1(name: &str) -> bool {
    name.chars().all(|c| u32::from(c) < 0x100)
}
