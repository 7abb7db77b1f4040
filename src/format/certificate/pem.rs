//! Certificates in files: in DER, in PEM armour (RFC 7468), or in PKCS #7 (`.p7b`) of either form; one or many.
//!
//! Armour is read as openssl reads it, and more freely: lines of any length, blank lines and blanks, text around the
//! parts, UTF-16. Bytes that follow a certificate in DER, such as zeros, are not looked at. Private keys and anything else
//! in armour are told apart from certificates.

use std::borrow::Cow;

use zeroize::Zeroizing;

use super::{Certificate, Malformed, ber};
use crate::format::asn1::{Der, INTEGER, SEQUENCE, SET, context};

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";

/// Why a file holds no certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// There is nothing in it.
    Empty,
    /// It is in PEM armour, and holds other things than certificates: their labels.
    Others(Vec<String>),
    /// The armour of a part, counted from 1, is damaged or not closed.
    Armour(usize),
    /// A certificate, counted from 1, is malformed.
    Malformed(usize, Malformed),
    /// It is a PKCS #12 file, which needs a password.
    Pfx,
    /// It is a PKCS #7 file without certificates.
    Pkcs7,
}

/// A part of a file in PEM armour: its label and its bytes.
pub type Part = (String, Zeroizing<Vec<u8>>);

/// The certificates in a file, at least one.
///
/// # Errors
///
/// When there is none, or one of them is malformed.
pub fn certificates(bytes: &[u8]) -> Result<Vec<Certificate>, Unreadable> {
    let mut found = Vec::new();
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Unreadable::Empty);
    }
    if !is_armoured(bytes) {
        add(bytes, &mut found)?;
        return Ok(found);
    }
    let mut others = Vec::new();
    for part in parts(bytes) {
        let (label, der) = part?;
        match label.as_str() {
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" | "PKCS7" | "PKCS #7 SIGNED DATA" | "CMS" => {
                add(&der, &mut found)?;
            }
            _ => others.push(label),
        }
    }
    if found.is_empty() { Err(Unreadable::Others(others)) } else { Ok(found) }
}

/// Adds the certificates that follow each other in an encoding, or that are in PKCS #7.
fn add(der: &[u8], found: &mut Vec<Certificate>) -> Result<(), Unreadable> {
    if let Some(all) = pkcs7(der) {
        let mut all = Der(&all);
        let n_before = found.len();
        while let Some(one) = all.next_if(SEQUENCE) {
            let number = found.len() + 1;
            let read = Certificate::from_der(one.whole);
            found.push(read.map_err(|malformed| Unreadable::Malformed(number, malformed))?);
        }
        return if found.len() > n_before { Ok(()) } else { Err(Unreadable::Pkcs7) };
    }
    let number = found.len() + 1;
    let first = Certificate::from_der(der).map_err(|malformed| match is_pfx(der) {
        true => Unreadable::Pfx,
        false => Unreadable::Malformed(number, malformed),
    })?;
    let mut rest = &der[first.der().len()..];
    found.push(first);
    // What follows may be another certificate, padding, or what openssl adds to trusted ones.
    while let Ok(next) = Certificate::from_der(rest) {
        rest = &rest[next.der().len()..];
        found.push(next);
    }
    Ok(())
}

/// The certificates of PKCS #7 signed data (RFC 2315, 9.1), one after the other; nothing if it is something else.
fn pkcs7(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    const SIGNED_DATA: [u8; 9] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02];
    let whole = ber::definite(bytes).ok()?;
    let mut info = Der(Der(&whole).next_of(SEQUENCE)?.value);
    if info.next()?.value != SIGNED_DATA {
        return None;
    }
    let mut signed = Der(Der(info.next_of(context(0))?.value).next_of(SEQUENCE)?.value);
    signed.next_of(INTEGER)?;
    signed.next_of(SET)?;
    signed.next_of(SEQUENCE)?;
    Some(Zeroizing::new(signed.next_if(context(0)).map_or(Vec::new(), |all| all.value.to_vec())))
}

/// Returns the PEM text of a certificate.
pub fn encode(certificate: &Certificate) -> String {
    // The only error is a text too long for memory.
    der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, certificate.der()).unwrap_or_default()
}

/// Returns whether bytes begin as a PKCS #12 file of version 3 does (RFC 7292, 4), in DER or BER.
pub fn is_pfx(bytes: &[u8]) -> bool {
    let has_version_3 = |whole: &[u8]| {
        let mut fields = Der(Der(whole).next_of(SEQUENCE)?.value);
        Some(fields.next_of(INTEGER)?.value == [3])
    };
    ber::definite(bytes).is_ok_and(|whole| has_version_3(&whole) == Some(true))
}

/// Whether a file is in PEM armour.
pub fn is_armoured(bytes: &[u8]) -> bool {
    find(&narrow(bytes), BEGIN).is_some()
}

/// The parts of a file in PEM armour, each with its label; the bytes are wiped when they are dropped. A key under a
/// password in the way of RFC 1421 has the label of one in PKCS #8: `ENCRYPTED PRIVATE KEY`.
pub fn parts(bytes: &[u8]) -> Vec<Result<Part, Unreadable>> {
    let text = narrow(bytes);
    let mut rest: &[u8] = &text;
    let mut parts = Vec::new();
    while let Some(start) = find(rest, BEGIN) {
        let number = parts.len() + 1;
        let Some((label, body, end)) = armoured(&rest[start..]) else {
            parts.push(Err(Unreadable::Armour(number)));
            break;
        };
        let (headers, body) = without_headers(body);
        let label = match find(headers, b"ENCRYPTED") {
            Some(_) => "ENCRYPTED PRIVATE KEY",
            None => label,
        };
        parts.push(base64(body).map(|der| (label.to_owned(), der)).ok_or(Unreadable::Armour(number)));
        rest = &rest[start + end..];
    }
    parts
}

/// Label and body of the armoured part that a text begins with, and where it ends.
fn armoured(text: &[u8]) -> Option<(&str, &[u8], usize)> {
    let label_len = find(&text[BEGIN.len()..], DASHES)?;
    let label = str::from_utf8(&text[BEGIN.len()..][..label_len]).ok().filter(|label| !label.contains('\n'))?;
    let start = BEGIN.len() + label_len + DASHES.len();
    let body = &text[start..][..find(&text[start..], END)?];
    let closing = [END, label.as_bytes(), DASHES].concat();
    let is_closed = text[start + body.len()..].starts_with(&closing) && find(body, BEGIN).is_none();
    is_closed.then(|| (label, body, start + body.len() + closing.len()))
}

/// The headers of a body (RFC 1421, 4.4), which end at an empty line, and the rest.
fn without_headers(body: &[u8]) -> (&[u8], &[u8]) {
    if !body.contains(&b':') {
        return (&[], body);
    }
    let mut at = 0;
    for (n, line) in body.split_inclusive(|byte| *byte == b'\n').enumerate() {
        // The first line is what follows the label.
        if n > 0 && line.iter().all(u8::is_ascii_whitespace) {
            break;
        }
        at += line.len();
    }
    body.split_at(at)
}

/// The bytes of Base64 (RFC 4648, 4) with blanks and line breaks anywhere.
fn base64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    // Room for all of it from the start: growing would leave copies behind.
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
        // Nothing follows padding but padding.
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

/// A text of one byte a character: UTF-16 is turned into that, with a question mark for what is not ASCII.
fn narrow(bytes: &[u8]) -> Cow<'_, [u8]> {
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
        parts(text.as_bytes()).into_iter().map(|part| part.ok().map(|(label, der)| (label, der.to_vec()))).collect()
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
