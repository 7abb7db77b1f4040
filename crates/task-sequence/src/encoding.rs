//! Encodings of exported files, detected from the byte order mark, the XML declaration, or else the
//! bytes themselves (XML 1.0, appendix F).

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::error::{Error, Result};

/// Length of the start of a file that is searched for an XML declaration, in bytes.
const DECLARATION_LEN: usize = 200;

/// Decoded text of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Text without a byte order mark.
    pub text: String,
    /// Reason if the encoding had to be assumed.
    pub assumption: Option<String>,
}

/// Decodes the bytes of a file.
///
/// # Errors
///
/// Fails if the bytes are not text in their encoding, or if the file declares an unknown encoding.
pub fn decode(bytes: &[u8]) -> Result<Decoded> {
    let (encoding, mark_len, assumption) = match Encoding::for_bom(bytes) {
        Some((encoding, len)) => (encoding, len, None),
        None => {
            let (encoding, assumption) = without_mark(bytes)?;
            (encoding, 0, assumption)
        }
    };
    let text = encoding.decode_without_bom_handling_and_without_replacement(&bytes[mark_len..]);
    match text {
        // Text files have no NUL characters, but nearly all binary files do.
        Some(text) if !text.contains('\0') => Ok(Decoded { text: text.into_owned(), assumption }),
        _ => Err(Error::unsupported("the file is not text")),
    }
}

/// Detects the encoding of a file without a byte order mark; returns a reason if it is assumed.
fn without_mark(bytes: &[u8]) -> Result<(&'static Encoding, Option<String>)> {
    match bytes {
        [b'<', 0, ..] => return Ok((UTF_16LE, None)),
        [0, b'<', ..] => return Ok((UTF_16BE, None)),
        _ => {}
    }
    let is_utf_8 = std::str::from_utf8(bytes).is_ok();
    let Some(label) = declared(bytes) else {
        let why = "the file is not UTF-8 and declares no encoding";
        return Ok(if is_utf_8 { (UTF_8, None) } else { (WINDOWS_1252, Some(why.to_owned())) });
    };
    match Encoding::for_label(label.as_bytes()) {
        // Editors that save UTF-16 as UTF-8 leave the declaration unchanged.
        Some(encoding) if [UTF_8, UTF_16LE, UTF_16BE].contains(&encoding) => {
            let why = format!("the file declares `{label}`, but is neither UTF-8 nor UTF-16");
            Ok(if is_utf_8 { (UTF_8, None) } else { (WINDOWS_1252, Some(why)) })
        }
        Some(encoding) => Ok((encoding, None)),
        None => Err(Error::unsupported(format!("the file declares the unknown encoding `{}`", shown(&label)))
            .help("save the file as UTF-8")),
    }
}

/// Returns the encoding that an XML declaration names.
fn declared(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(DECLARATION_LEN)]);
    let declaration = head.trim_start().strip_prefix("<?xml")?.split_once("?>")?.0;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    Some(value[1..].split_once(quote)?.0.trim().to_owned())
}

fn shown(label: &str) -> String {
    label.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> (String, Option<String>) {
        let decoded = decode(bytes).unwrap();
        (decoded.text, decoded.assumption)
    }

    fn utf_16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    #[test]
    fn marks_declarations_and_bytes_tell_the_encoding() {
        let declared = "<?xml version=\"1.0\" encoding=\"utf-16\"?><a>ü€</a>";
        for marked in [true, false] {
            let marked = if marked { format!("\u{feff}{declared}") } else { declared.to_owned() };
            assert_eq!(text(&utf_16(&marked, u16::to_le_bytes)), (declared.into(), None));
            assert_eq!(text(&utf_16(&marked, u16::to_be_bytes)), (declared.into(), None));
            // The mark wins over the declaration, and so do bytes that are UTF-8.
            assert_eq!(text(marked.as_bytes()), (declared.into(), None));
        }
        assert_eq!(
            text(b"<a>\xfc</a>"),
            ("<a>ü</a>".into(), Some("the file is not UTF-8 and declares no encoding".into()))
        );
        for label in ["windows-1252", "ISO-8859-1", "iso-8859-1"] {
            let declaration = format!("<?xml version='1.0' encoding='{label}'?>");
            let bytes = [declaration.as_bytes(), b"<a>\xfc\x80</a>"].concat();
            assert_eq!(text(&bytes), (format!("{declaration}<a>ü€</a>"), None));
        }
        let (cyrillic, assumption) = text(b"<?xml version=\"1.0\" encoding = \"windows-1251\"?><a>\xcf</a>");
        assert!(cyrillic.ends_with("<a>П</a>") && assumption.is_none(), "{cyrillic}");
        let (_, assumption) = text(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?><a>\xfc</a>");
        assert_eq!(assumption.unwrap(), "the file declares `UTF-8`, but is neither UTF-8 nor UTF-16");
    }

    #[test]
    fn other_files_are_refused() {
        let declared = b"<?xml version='1.0' encoding='klingon'?><a/>";
        assert!(decode(declared).unwrap_err().to_string().contains("`klingon`"));
        // Half a character, an unpaired surrogate, and bytes of a program.
        for bytes in [&b"\xff\xfe<\0a"[..], b"\xff\xfe\0\xd8<\0", b"\xff\0\x80", b"MZ\0\0"] {
            assert_eq!(decode(bytes).unwrap_err().to_string(), "the file is not text");
        }
    }
}
