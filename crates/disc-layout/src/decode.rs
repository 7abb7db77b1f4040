//! Lossless decoding of names in UTF-8 and UTF-16: invalid sequences become escapes, so different names stay different.

use std::fmt::Write as _;

/// Decodes a name in UTF-16. Unpaired surrogates become escapes, such as `\u{d800}`.
pub fn from_utf16(units: impl IntoIterator<Item = u16>) -> String {
    let mut text = String::new();
    for decoded in char::decode_utf16(units) {
        match decoded {
            Ok(c) => text.push(c),
            Err(error) => {
                let _ = write!(text, "\\u{{{:x}}}", error.unpaired_surrogate());
            }
        }
    }
    text
}

/// Decodes a name in UTF-8. Invalid bytes become escapes, such as `\xff`.
pub fn from_utf8(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_not_text_stay_different() {
        let name = |unit| from_utf16([0x61, unit, 0x62]);
        assert_eq!([name(0xd800), name(0xdfff)], ["a\\u{d800}b", "a\\u{dfff}b"]);
        assert_eq!(from_utf16([0xd83d, 0xde80]), "🚀");
        assert_eq!(from_utf8(b"a\xff\xc3\xa9\xf0\x9f"), "a\\xffé\\xf0\\x9f");
    }
}
