//! Certificates in files: DER as it is, or in PEM armour (RFC 7468), one or many.
//!
//! Text around and between the armoured parts is skipped, as openssl writes it. Private keys and anything else in armour
//! are told apart from certificates.

use der::pem;
use zeroize::Zeroizing;

use super::{Certificate, Malformed};

const BEGIN: &str = "-----BEGIN ";

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
    /// It is a PKCS #7 file.
    Pkcs7,
}

/// The certificates in a file, at least one.
///
/// # Errors
///
/// When there is none, or one of them is malformed.
pub fn certificates(bytes: &[u8]) -> Result<Vec<Certificate>, Unreadable> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Unreadable::Empty);
    }
    if !is_armoured(bytes) {
        let read = Certificate::from_der(bytes).map_err(|malformed| match bytes {
            bytes if super::pfx::is_one(bytes) => Unreadable::Pfx,
            bytes if is_pkcs7(bytes) => Unreadable::Pkcs7,
            _ => Unreadable::Malformed(1, malformed),
        });
        return read.map(|certificate| vec![certificate]);
    }
    let mut found = Vec::new();
    let mut others = Vec::new();
    for part in parts(bytes) {
        let (label, der) = part?;
        match label.as_str() {
            "CERTIFICATE" | "X509 CERTIFICATE" => {
                let number = found.len() + 1;
                let read = Certificate::from_der(&der);
                found.push(read.map_err(|malformed| Unreadable::Malformed(number, malformed))?);
            }
            _ => others.push(label),
        }
    }
    if found.is_empty() { Err(Unreadable::Others(others)) } else { Ok(found) }
}

/// Whether a file is in PEM armour.
pub fn is_armoured(bytes: &[u8]) -> bool {
    bytes.windows(BEGIN.len()).any(|window| window == BEGIN.as_bytes())
}

/// The parts of a file in PEM armour, each with its label; the bytes are wiped when they are dropped.
pub fn parts(bytes: &[u8]) -> impl Iterator<Item = Result<(String, Zeroizing<Vec<u8>>), Unreadable>> {
    let mut rest = bytes;
    let mut number = 0;
    std::iter::from_fn(move || {
        let start = rest.windows(BEGIN.len()).position(|window| window == BEGIN.as_bytes())?;
        rest = &rest[start..];
        number += 1;
        let part = armoured(rest);
        rest = part.as_ref().map_or(&[], |(_, len)| &rest[*len..]);
        Some(match part {
            Some((part, _)) => match pem::decode_vec(part) {
                Ok((label, der)) => Ok((label.to_owned(), Zeroizing::new(der))),
                Err(_) => Err(Unreadable::Armour(number)),
            },
            None => Err(Unreadable::Armour(number)),
        })
    })
}

/// An armoured part that a text begins with, and where it ends.
fn armoured(text: &[u8]) -> Option<(&[u8], usize)> {
    let end_of_line = |from: usize| text[from..].iter().position(|byte| *byte == b'\n').map(|at| from + at + 1);
    let mut at = end_of_line(0)?;
    while !text[at..].starts_with(b"-----END ") {
        at = end_of_line(at)?;
        if text[at..].starts_with(BEGIN.as_bytes()) {
            return None;
        }
    }
    let end = end_of_line(at).unwrap_or(text.len());
    Some((&text[..end], end))
}

/// Whether bytes begin as PKCS #7 signed data, in which Windows exports chains (`.p7b`).
fn is_pkcs7(bytes: &[u8]) -> bool {
    const SIGNED_DATA: [u8; 11] = [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02];
    bytes.len() > 15 && bytes[0] == 0x30 && bytes[..15].windows(11).any(|window| window == SIGNED_DATA)
}
