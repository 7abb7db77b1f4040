//! Decodes text files written by Windows.

use zeroize::Zeroizing;

/// Decodes UTF-16 with a byte order mark, or UTF-8 with or without one. `None` for other encodings,
/// or if the text contains NUL.
pub fn windows_text(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest)?,
        [0xEF, 0xBB, 0xBF, rest @ ..] | rest => Zeroizing::new(std::str::from_utf8(rest).ok()?.to_owned()),
    };
    (!text.contains('\0')).then_some(text)
}

fn utf16(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let (units, []) = bytes.as_chunks::<2>() else { return None };
    // Reserve the maximum length: a growing string would leave copies of secrets behind.
    let mut text = Zeroizing::new(String::with_capacity(3 * units.len()));
    for c in char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit))) {
        text.push(c.ok()?);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_of_windows_are_read() {
        let utf16: Vec<u8> = "\u{feff}<ä𝄞/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [&utf16[..], "<ä𝄞/>".as_bytes(), "\u{feff}<ä𝄞/>".as_bytes()] {
            assert_eq!(windows_text(bytes).unwrap().as_str(), "<ä𝄞/>");
        }
        for bytes in [&utf16[..5], &b"\xFF\xFE\x00\xD8"[..], b"\xFFa", b"a\0"] {
            assert_eq!(windows_text(bytes), None);
        }
    }
}
