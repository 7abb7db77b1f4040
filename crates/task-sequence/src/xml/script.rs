//! Scripts in a sequence: UTF-16LE with a byte order mark, in Base64 (RFC 4648, clause 4).
//!
//! In XML their lines end with CRLF, like those of the console; in a sequence file with LF.

/// Property with a script.
pub const PROPERTY: &str = "SourceScript";

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Encodes a script for the XML.
pub fn encode(script: &str) -> String {
    let script = if script.contains('\r') { script.to_owned() } else { script.replace('\n', "\r\n") };
    let units = std::iter::once(0xfeff).chain(script.encode_utf16());
    let bytes: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
    let mut text = String::with_capacity(bytes.len() * 4 / 3 + 4);
    for chunk in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let number = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for place in 0..4 {
            let digit = (number >> (18 - 6 * place)) & 63;
            text.push(if place <= chunk.len() { char::from(ALPHABET[digit as usize]) } else { '=' });
        }
    }
    text
}

/// Decodes a script of the XML; `None` if it would be encoded differently.
pub fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    if !text.len().is_multiple_of(4) {
        return None;
    }
    for chunk in text.as_bytes().chunks(4) {
        let n_digits = chunk.iter().position(|digit| *digit == b'=').unwrap_or(4);
        if n_digits < 2 {
            return None;
        }
        let mut number = 0;
        for digit in &chunk[..n_digits] {
            let digit = ALPHABET.iter().position(|one| one == digit)?;
            number = number << 6 | u32::try_from(digit).ok()?;
        }
        number <<= 6 * (4 - n_digits);
        bytes.extend_from_slice(&number.to_be_bytes()[1..n_digits]);
    }
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let script = String::from_utf16(units.strip_prefix(&[0xfeff])?).ok()?;
    // Scripts with other or mixed line ends keep them.
    let has_only_crlf = script.matches(['\r', '\n']).count() == 2 * script.matches("\r\n").count();
    let script = if has_only_crlf { script.replace("\r\n", "\n") } else { script };
    (encode(&script) == text).then_some(script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_come_out_as_they_went_in() {
        for script in ["", "a", "ab", "Write-Host 'Grüße 😀'\nexit 0\n", "mixed\r\nlines\n", "\r"] {
            let text = encode(script);
            assert!(text.starts_with("//"), "the byte order mark: {text}");
            assert_eq!(decode(&text).as_deref(), Some(script));
        }
        // Expected values are from Python's base64 module.
        assert_eq!(encode("ab"), "//5hAGIA");
        assert_eq!(encode("a"), "//5hAA==");
        assert_eq!(encode("a\n"), encode("a\r\n"));
        // A script with LF line ends would be encoded with CRLF.
        assert_eq!(decode("//5hAAoA"), None);
    }

    #[test]
    fn what_is_no_script_is_told_apart() {
        for text in ["", "//5", "//5hAA=", "abcd", "//5h====", "//5hAB==", "%Script%", "//5h AA="] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
