//! Distinguished names, compared as RFC 5280 (7.1) requires: ignoring case, the number of spaces,
//! and the string type of the encoding, which certificate authorities have changed over the years.
//!
//! Values are prepared as in RFC 4518: transcoded, mapped, folded and normalized to NFKC.
//! Bidirectional and unassigned characters are not rejected. Values that are not text are compared
//! by their bytes. Equal names don't prove who signed a certificate; signatures are checked
//! separately.

use std::collections::BTreeSet;
use std::fmt;

use der::Decode;
use der::asn1::ObjectIdentifier;
use unicode_normalization::UnicodeNormalization;

use crate::format::asn1::{Der, SEQUENCE, SET};

/// A distinguished name (RFC 5280, 4.1.2.4).
#[derive(Clone, Debug)]
pub struct DistinguishedName {
    der: Vec<u8>,
    /// Relative distinguished names in their order, each a set of attributes.
    parts: Vec<Vec<NameAttribute>>,
    /// Attributes prepared for comparison.
    prepared: Vec<BTreeSet<(ObjectIdentifier, AttributeValue)>>,
}

/// An attribute of a name.
#[derive(Clone, Debug)]
struct NameAttribute {
    kind: ObjectIdentifier,
    value: AttributeValue,
}

/// Value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum AttributeValue {
    Text(String),
    /// Encoding of a value that is not text.
    Other(Vec<u8>),
}

impl PartialEq for DistinguishedName {
    fn eq(&self, other: &Self) -> bool {
        self.prepared == other.prepared
    }
}

impl Eq for DistinguishedName {}

impl DistinguishedName {
    /// Decodes a name; `None` if it is malformed.
    pub fn read(der: &[u8]) -> Option<Self> {
        let mut sets = Der(Der(der).next_tagged(SEQUENCE)?.value);
        let mut parts = Vec::new();
        while !sets.0.is_empty() {
            let mut pairs = Der(sets.next_tagged(SET)?.value);
            let mut part = Vec::new();
            while !pairs.0.is_empty() {
                let mut pair = Der(pairs.next_tagged(SEQUENCE)?.value);
                let kind: ObjectIdentifier = ObjectIdentifier::from_der(pair.next()?.whole).ok()?;
                let value = pair.next()?;
                let value = decode_string(value.tag, value.value)
                    .map_or_else(|| AttributeValue::Other(value.whole.to_vec()), AttributeValue::Text);
                part.push(NameAttribute { kind, value });
            }
            parts.push(part);
        }
        let prepared = |NameAttribute { kind, value }: &NameAttribute| match value {
            AttributeValue::Text(text) => (*kind, AttributeValue::Text(prepare_text(text))),
            other => (*kind, other.clone()),
        };
        let prepared = parts.iter().map(|part| part.iter().map(prepared).collect()).collect();
        Some(Self { der: der.to_vec(), parts, prepared })
    }

    /// DER encoding of the name.
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

/// Shows the name in the notation of RFC 4514, which begins with the last part.
impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.parts.iter().rev().enumerate() {
            for (within, attribute) in part.iter().enumerate() {
                f.write_str(match (at, within) {
                    (0, 0) => "",
                    (_, 0) => ",",
                    _ => "+",
                })?;
                attribute.fmt(f)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for NameAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.to_string();
        let known = KINDS.iter().find(|(number, _)| *number == kind);
        write!(f, "{}=", known.map_or(kind.as_str(), |(_, name)| name))?;
        let text = match &self.value {
            AttributeValue::Text(text) => text,
            AttributeValue::Other(bytes) => {
                f.write_str("#")?;
                return bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"));
            }
        };
        let last = text.chars().count().saturating_sub(1);
        for (at, c) in text.chars().enumerate() {
            let is_blank_at_an_end = c == ' ' && (at == 0 || at == last);
            if is_blank_at_an_end || (at == 0 && c == '#') || matches!(c, '"' | '+' | ',' | ';' | '<' | '>' | '\\') {
                f.write_str("\\")?;
            }
            match c {
                '\0'..='\x1f' | '\x7f' => write!(f, "\\{:02x}", u32::from(c))?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

/// Attribute types with their short names in RFC 4514 (3) and openssl.
const KINDS: [(&str, &str); 12] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

/// Decodes a string of a type that names use (X.690, 8.23); `None` for another type or malformed
/// text.
fn decode_string(tag: u8, value: &[u8]) -> Option<String> {
    match tag {
        // UTF8String.
        0x0C => String::from_utf8(value.to_vec()).ok(),
        // NumericString, PrintableString, IA5String, VisibleString; and TeletexString, in practice
        // Latin-1.
        0x12 | 0x13 | 0x14 | 0x16 | 0x1A => Some(value.iter().map(|byte| char::from(*byte)).collect()),
        // UniversalString.
        0x1C => {
            let (units, rest) = value.as_chunks();
            let text = units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit))).collect::<Option<String>>();
            text.filter(|_| rest.is_empty())
        }
        // BMPString.
        0x1E => {
            let (units, rest) = value.as_chunks();
            let units: Vec<_> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
            String::from_utf16(&units).ok().filter(|_| rest.is_empty())
        }
        _ => None,
    }
}

/// Prepares a text for comparison (RFC 4518, 2).
fn prepare_text(text: &str) -> String {
    let mapped: String = text.chars().filter_map(map_char).collect();
    // By way of upper case, which also folds characters such as `ß` (to `ss`).
    let folded: String = mapped.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect();
    folded.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Maps a character as in RFC 4518, 2.2: to a space, to nothing or to itself.
fn map_char(c: char) -> Option<char> {
    match c {
        '\t' | '\n' | '\x0b' | '\x0c' | '\r' | '\u{85}' => Some(' '),
        '\u{200b}' | '\u{ad}' | '\u{34f}' | '\u{1806}' | '\u{180b}'..='\u{180d}' | '\u{feff}' | '\u{fffc}' => None,
        '\u{fe00}'..='\u{fe0f}' | '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => None,
        c if c.is_control() => None,
        c if c.is_whitespace() => Some(' '),
        c => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(tag: u8, value: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(value.len()).unwrap()], value].concat()
    }

    /// Encodes a name. An attribute is the last number of its OID below 2.5.4, a tag and a value.
    fn name(parts: &[&[(u8, u8, &[u8])]]) -> DistinguishedName {
        let set = |attributes: &&[(u8, u8, &[u8])]| {
            let pair = |(kind, tag, value): &(u8, u8, &[u8])| {
                field(SEQUENCE, &[field(6, &[0x55, 4, *kind]), field(*tag, value)].concat())
            };
            field(SET, &attributes.iter().map(pair).collect::<Vec<_>>().concat())
        };
        DistinguishedName::read(&field(SEQUENCE, &parts.iter().map(set).collect::<Vec<_>>().concat())).unwrap()
    }

    fn common(tag: u8, value: &[u8]) -> DistinguishedName {
        name(&[&[(3, tag, value)]])
    }

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_be_bytes).collect()
    }

    fn wider(text: &str) -> Vec<u8> {
        text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect()
    }

    #[test]
    fn names_are_equal_whatever_their_case_blanks_and_type_of_string() {
        let usual = common(0x0C, "Größe CA".as_bytes());
        for (tag, value) in [
            (0x0C, "GRÖSSE ca".as_bytes().to_vec()),
            (0x0C, "  größe\u{a0}\u{2003} ca ".as_bytes().to_vec()),
            (0x0C, "Gro\u{308}ße C\u{ad}A".as_bytes().to_vec()),
            (0x0C, "Ｇröße ＣＡ".as_bytes().to_vec()),
            (0x14, b"Gr\xf6\xdfe CA".to_vec()),
            (0x1E, wide("größe\tCA")),
            (0x1C, wider("Größe CA")),
        ] {
            assert_eq!(common(tag, &value), usual, "{tag:#x} {value:?}");
        }
        let plain = common(0x13, b"Contoso Root CA");
        for tag in [0x0C, 0x14, 0x16, 0x1A] {
            assert_eq!(common(tag, b"CONTOSO  root ca"), plain, "{tag:#x}");
        }
        assert_eq!(common(0x12, b"12 3"), common(0x13, b"12  3"));
    }

    #[test]
    fn other_names_are_not_equal() {
        let usual = common(0x0C, b"Contoso CA");
        for other in [
            common(0x0C, b"ContosoCA"),
            common(0x0C, b"Contoso CA 2"),
            common(0x04, b"Contoso CA"),
            common(0x1E, b"\0C\0o\0"),
            name(&[&[(10, 0x0C, b"Contoso CA")]]),
            name(&[&[(3, 0x0C, b"Contoso CA")], &[(3, 0x0C, b"Contoso CA")]]),
            name(&[]),
        ] {
            assert_ne!(other, usual, "{other}");
        }
        // The order of the parts matters, the order of attributes within a part does not.
        let cn: (u8, u8, &[u8]) = (3, 0x0C, b"a");
        let o: (u8, u8, &[u8]) = (10, 0x13, b"B");
        assert_ne!(name(&[&[cn], &[o]]), name(&[&[o], &[cn]]));
        assert_ne!(name(&[&[cn, o]]), name(&[&[cn], &[o]]));
        assert_eq!(name(&[&[cn, o]]), name(&[&[(10, 0x16, b"b"), (3, 0x13, b"A")]]));
        assert_eq!(common(0x04, b"x"), common(0x04, b"x"));
        assert_eq!(DistinguishedName::read(b"\x30\x02\x31\x01"), None);
    }

    #[test]
    fn names_are_shown_as_rfc_4514_has_them() {
        let shown = name(&[&[(6, 0x13, b"DE")], &[(10, 0x0C, b" a, \"b\" "), (3, 0x1E, &wide("Größe\n"))]]);
        assert_eq!(shown.to_string(), "O=\\ a\\, \\\"b\\\"\\ +CN=Größe\\0a,C=DE");
        assert_eq!(name(&[&[(45, 0x04, b"\x01\xff")]]).to_string(), "2.5.4.45=#040201ff");
        assert_eq!(common(0x0C, b"#1").to_string(), "CN=\\#1");
        assert_eq!(name(&[]).to_string(), "");
    }
}
