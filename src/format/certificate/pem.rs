//! Certificate files: DER, PEM (RFC 7468) or PKCS #7 (`.p7b`), with one or more certificates.
//!
//! PEM is read more leniently than openssl does: lines of any length, blank lines, spaces, text
//! around the parts, UTF-16. Bytes after a DER certificate, such as zeros, are ignored.

use std::borrow::Cow;

use zeroize::Zeroizing;

use super::{Certificate, MalformedCertificate, ber};
use crate::format::asn1::{Der, INTEGER, SEQUENCE, SET, context_tag};

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";

/// Reason why no certificates were read from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PemError {
    /// The file is empty.
    Empty,
    /// The PEM file contains no certificates, but parts with these labels.
    Others(Vec<String>),
    /// The PEM part with this number, from 1, is damaged or not closed.
    Armour(usize),
    /// The certificate with this number, from 1, is malformed.
    Malformed(usize, MalformedCertificate),
    /// A PKCS #12 file, which needs a password.
    Pfx,
    /// A PKCS #7 file without certificates.
    Pkcs7,
}

/// A part of a PEM file: label and decoded bytes.
pub type PemPart = (String, Zeroizing<Vec<u8>>);

/// Reads the certificates in a file. There is at least one.
///
/// # Errors
///
/// If the file contains no certificate, or a malformed one.
pub fn read_certificates(bytes: &[u8]) -> Result<Vec<Certificate>, PemError> {
    let mut found = Vec::new();
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(PemError::Empty);
    }
    if !is_armoured(bytes) {
        add_certificates(bytes, &mut found)?;
        return Ok(found);
    }
    let mut others = Vec::new();
    for part in read_parts(bytes) {
        let (label, der) = part?;
        match label.as_str() {
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" | "PKCS7" | "PKCS #7 SIGNED DATA" | "CMS" => {
                add_certificates(&der, &mut found)?;
            }
            _ => others.push(label),
        }
    }
    if found.is_empty() { Err(PemError::Others(others)) } else { Ok(found) }
}

/// Adds certificates from consecutive DER encodings or PKCS #7.
fn add_certificates(der: &[u8], found: &mut Vec<Certificate>) -> Result<(), PemError> {
    if let Some(all) = pkcs7_certificates(der) {
        let mut all = Der(&all);
        let n_before = found.len();
        while let Some(one) = all.next_if(SEQUENCE) {
            let number = found.len() + 1;
            let read = Certificate::from_der(one.whole);
            found.push(read.map_err(|malformed| PemError::Malformed(number, malformed))?);
        }
        return if found.len() > n_before { Ok(()) } else { Err(PemError::Pkcs7) };
    }
    // Not PKCS #7, so a plain certificate comes first.
    let number = found.len() + 1;
    let first = Certificate::from_der(der).map_err(|malformed| match is_pfx(der) {
        true => PemError::Pfx,
        false => PemError::Malformed(number, malformed),
    })?;
    let mut rest = &der[first.der().len()..];
    found.push(first);
    // The rest may be another certificate, padding, or openssl's data of trusted certificates.
    while let Ok(next) = Certificate::from_der(rest) {
        rest = &rest[next.der().len()..];
        found.push(next);
    }
    Ok(())
}

/// Certificates in PKCS #7 signed data (RFC 2315, 9.1), concatenated; `None` for other encodings.
fn pkcs7_certificates(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    const SIGNED_DATA: [u8; 9] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02];
    let whole = ber::to_der(bytes).ok()?;
    let mut info = Der(Der(&whole).next_tagged(SEQUENCE)?.value);
    if info.next()?.value != SIGNED_DATA {
        return None;
    }
    let mut signed = Der(Der(info.next_tagged(context_tag(0))?.value).next_tagged(SEQUENCE)?.value);
    signed.next_tagged(INTEGER)?;
    signed.next_tagged(SET)?;
    signed.next_tagged(SEQUENCE)?;
    Some(Zeroizing::new(signed.next_if(context_tag(0)).map_or(Vec::new(), |all| all.value.to_vec())))
}

/// Encodes a certificate as PEM.
pub fn encode(certificate: &Certificate) -> String {
    // Fails only for lengths that overflow.
    der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, certificate.der()).unwrap_or_default()
}

/// Returns `true` if `bytes` begin like a PKCS #12 file of version 3 (RFC 7292, 4), in DER or BER.
pub fn is_pfx(bytes: &[u8]) -> bool {
    let has_version_3 = |whole: &[u8]| {
        let mut fields = Der(Der(whole).next_tagged(SEQUENCE)?.value);
        Some(fields.next_tagged(INTEGER)?.value == [3])
    };
    ber::to_der(bytes).is_ok_and(|whole| has_version_3(&whole) == Some(true))
}

/// Returns `true` for a PEM file.
pub fn is_armoured(bytes: &[u8]) -> bool {
    find(&to_single_bytes(bytes), BEGIN).is_some()
}

/// Decodes the parts of a PEM file. The bytes are wiped from memory when they are dropped. Keys
/// encrypted as in RFC 1421 get the label of encrypted PKCS #8 keys, `ENCRYPTED PRIVATE KEY`.
pub fn read_parts(bytes: &[u8]) -> Vec<Result<PemPart, PemError>> {
    let text = to_single_bytes(bytes);
    let mut rest: &[u8] = &text;
    let mut parts = Vec::new();
    while let Some(start) = find(rest, BEGIN) {
        let number = parts.len() + 1;
        let Some((label, body, end)) = split_part(&rest[start..]) else {
            parts.push(Err(PemError::Armour(number)));
            break;
        };
        let (headers, body) = split_headers(body);
        let label = match find(headers, b"ENCRYPTED") {
            Some(_) => "ENCRYPTED PRIVATE KEY",
            None => label,
        };
        parts.push(decode_base64(body).map(|der| (label.to_owned(), der)).ok_or(PemError::Armour(number)));
        rest = &rest[start + end..];
    }
    parts
}

/// Splits off the part at the start of `text`: label, body and length.
fn split_part(text: &[u8]) -> Option<(&str, &[u8], usize)> {
    let label_len = find(&text[BEGIN.len()..], DASHES)?;
    let label = str::from_utf8(&text[BEGIN.len()..][..label_len]).ok().filter(|label| !label.contains('\n'))?;
    let start = BEGIN.len() + label_len + DASHES.len();
    let body = &text[start..][..find(&text[start..], END)?];
    let closing = [END, label.as_bytes(), DASHES].concat();
    let is_closed = text[start + body.len()..].starts_with(&closing) && find(body, BEGIN).is_none();
    is_closed.then(|| (label, body, start + body.len() + closing.len()))
}

/// Splits a body into headers (RFC 1421, 4.4), which end at an empty line, and data.
fn split_headers(body: &[u8]) -> (&[u8], &[u8]) {
    if !body.contains(&b':') {
        return (&[], body);
    }
    let mut at = 0;
    for (n, line) in body.split_inclusive(|byte| *byte == b'\n').enumerate() {
        // The first line is the rest of the one with the label.
        if n > 0 && line.iter().all(u8::is_ascii_whitespace) {
            break;
        }
        at += line.len();
    }
    body.split_at(at)
}

/// Decodes Base64 (RFC 4648, 4) with white space anywhere.
fn decode_base64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    // Allocated in full: growing would leave copies of a key in freed memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 4 * 3 + 3));
    let (mut group, mut n_digits, mut n_padding) = (0_u32, 0, 0);
    for byte in text.iter().filter(|byte| !byte.is_ascii_whitespace()) {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' if n_digits >= 2 => {
                n_padding += 1;
                0
            }
            _ => return None,
        };
        // Only padding may follow padding.
        if n_padding > 0 && *byte != b'=' {
            return None;
        }
        group = group << 6 | u32::from(digit);
        n_digits += 1;
        if n_digits == 4 {
            bytes.extend_from_slice(&group.to_be_bytes()[1..4 - n_padding.min(2)]);
            (group, n_digits) = (0, 0);
        }
    }
    (n_digits == 0 && n_padding <= 2).then_some(bytes)
}

/// Converts UTF-16 to one byte per character, with `?` for non-ASCII. Other text stays as it is.
fn to_single_bytes(bytes: &[u8]) -> Cow<'_, [u8]> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xFF, 0xFE, ..] | [b'-', 0, ..] => u16::from_le_bytes,
        [0xFE, 0xFF, ..] | [0, b'-', ..] => u16::from_be_bytes,
        _ => return bytes.into(),
    };
    let ascii = |two: &[u8; 2]| u8::try_from(unit(*two)).ok().filter(u8::is_ascii).unwrap_or(b'?');
    bytes.as_chunks().0.iter().map(ascii).collect::<Vec<_>>().into()
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(text: &str) -> Vec<Option<(String, Vec<u8>)>> {
        read_parts(text.as_bytes())
            .into_iter()
            .map(|part| part.ok().map(|(label, der)| (label, der.to_vec())))
            .collect()
    }

    fn part(label: &str, bytes: &[u8]) -> Option<(String, Vec<u8>)> {
        Some((label.into(), bytes.to_vec()))
    }

    #[test]
    fn armour_is_read_whatever_its_lines_are() {
        for body in [
            "\nAAECAwQF\n",
            "\n\nAA\n \nEC Aw\t\nQF  \n\n",
            "\r\nAAECAwQF\r\n",
            " AAECAwQF ",
            "\rAAEC\rAwQF\r",
            "AAECAwQF",
        ] {
            let text = format!("before\n-----BEGIN X-----{body}-----END X-----after");
            assert_eq!(labelled(&text), [part("X", &[0, 1, 2, 3, 4, 5])], "{body:?}");
        }
        let padded = "-----BEGIN A-----\nAA==\n-----END A-----\n-----BEGIN B C-----\nAAE=\n-----END B C-----";
        assert_eq!(labelled(padded), [part("A", &[0]), part("B C", &[0, 1])]);
        assert_eq!(labelled("-----BEGIN A----------END A-----"), [part("A", &[])]);
        assert_eq!(labelled("no armour"), []);
    }

    #[test]
    fn damaged_armour_is_refused() {
        for text in [
            "-----BEGIN A-----\nAAAA",
            "-----BEGIN A-----\nAAAA\n-----END B-----",
            "-----BEGIN A-----\nAAAA\n-----END A",
            "-----BEGIN A\nAAAA\n-----END A-----",
            "-----BEGIN A-----\nAAA\n-----END A-----",
            "-----BEGIN A-----\nAAA=A\n-----END A-----",
            "-----BEGIN A-----\nAA=A\n-----END A-----",
            "-----BEGIN A-----\nA===\n-----END A-----",
            "-----BEGIN A-----\nAAAA====\n-----END A-----",
            "-----BEGIN A-----\nAA*A\n-----END A-----",
            "-----BEGIN A-----\nAAAA\n-----BEGIN A-----\nAAAA\n-----END A-----",
        ] {
            assert_eq!(labelled(text), [None], "{text}");
        }
    }

    #[test]
    fn headers_of_encrypted_keys_are_told_from_their_bytes() {
        let text = "-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\nDEK-Info: AES-128-CBC,00\r\n\r\nAAEC\r\n\
                    -----END RSA PRIVATE KEY-----\n-----BEGIN X-----\nComment: none\n\nAAEC\n-----END X-----\n";
        assert_eq!(labelled(text), [part("ENCRYPTED PRIVATE KEY", &[0, 1, 2]), part("X", &[0, 1, 2])]);
    }
}
