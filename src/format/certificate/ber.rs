//! BER to DER conversion (X.690), as far as PKCS #7 and PKCS #12 files need it.
//!
//! Some programs write indefinite lengths (8.1.3.6) and strings in pieces (8.7.3). Trailing bytes
//! are dropped. Not supported: tags of more than one byte. Strings with implicit tags stay in
//! pieces, since their type is unknown here; [`join_pieces`] joins them.

use zeroize::Zeroizing;

use super::MalformedCertificate;
use crate::limits::MAX_BER_DEPTH;

const OCTET_STRING: u8 = 0x04;
const CONSTRUCTED: u8 = 0x20;

/// Converts the first field of an encoding: definite lengths, octet strings in one piece.
///
/// # Errors
///
/// If the encoding ends early or is malformed.
pub(super) fn to_der(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, MalformedCertificate> {
    let mut out = Zeroizing::new(Vec::with_capacity(2 * bytes.len()));
    BerReader { rest: bytes }.copy_field(&mut out, MAX_BER_DEPTH)?;
    Ok(out)
}

/// Joins the contents of an octet string in pieces, which are octet strings themselves.
pub(super) fn join_pieces(value: &[u8]) -> Result<Zeroizing<Vec<u8>>, MalformedCertificate> {
    let mut out = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut reader = BerReader { rest: value };
    while !reader.rest.is_empty() {
        reader.add_piece(&mut out, MAX_BER_DEPTH)?;
    }
    Ok(out)
}

/// Rest of a BER encoding.
struct BerReader<'a> {
    rest: &'a [u8],
}

/// Header of a field: tag, and length unless that is indefinite.
type BerHeader = (u8, Option<usize>);

impl<'a> BerReader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], MalformedCertificate> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(MalformedCertificate::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn header(&mut self) -> Result<BerHeader, MalformedCertificate> {
        let &[tag, first] = self.take(2)? else { return Err(MalformedCertificate::Truncated) };
        if tag & 0x1F == 0x1F {
            return Err(malformed("tags of several bytes are not supported"));
        }
        let len = match first {
            0..=0x7F => Some(usize::from(first)),
            0x80 if tag & CONSTRUCTED != 0 => None,
            0x81..=0x84 => {
                let bytes = self.take(usize::from(first & 0x7F))?;
                Some(bytes.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)))
            }
            _ => return Err(malformed("the encoding of a length is not supported")),
        };
        Ok((tag, len))
    }

    /// Copies the next field to `out`.
    fn copy_field(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), MalformedCertificate> {
        let mut at = BerReader { rest: self.rest };
        let (tag, len) = at.header()?;
        // Read through `self`, not `at`: `add_piece` expects the header of the string itself.
        if tag == OCTET_STRING | CONSTRUCTED {
            let mut value = Zeroizing::new(Vec::with_capacity(len.unwrap_or(0).min(self.rest.len())));
            self.add_piece(&mut value, depth)?;
            put_field(OCTET_STRING, &value, out);
            return Ok(());
        }
        if tag & CONSTRUCTED == 0 {
            put_field(tag, at.take(len.unwrap_or(0))?, out);
            self.rest = at.rest;
            return Ok(());
        }
        let mut value = Zeroizing::new(Vec::with_capacity(len.unwrap_or(0).min(self.rest.len())));
        self.rest = at.rest;
        self.for_each_field(len, depth, &mut |reader, depth| reader.copy_field(&mut value, depth))?;
        put_field(tag, &value, out);
        Ok(())
    }

    /// Appends the contents of an octet string, in one piece or several.
    fn add_piece(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), MalformedCertificate> {
        match self.header()? {
            (OCTET_STRING, len) => {
                out.extend_from_slice(self.take(len.unwrap_or(0))?);
                Ok(())
            }
            (tag, len) if tag == OCTET_STRING | CONSTRUCTED => {
                self.for_each_field(len, depth, &mut |reader, depth| reader.add_piece(out, depth))
            }
            _ => Err(malformed("a piece of a string is not an octet string")),
        }
    }

    /// Calls `take` for each field of a constructed one, up to `len` or to the end-of-contents
    /// mark.
    fn for_each_field(
        &mut self,
        len: Option<usize>,
        depth: usize,
        take: &mut dyn FnMut(&mut Self, usize) -> Result<(), MalformedCertificate>,
    ) -> Result<(), MalformedCertificate> {
        let depth = depth.checked_sub(1).ok_or_else(|| malformed("fields are nested too deeply"))?;
        match len {
            Some(len) => {
                let mut inner = BerReader { rest: self.take(len)? };
                while !inner.rest.is_empty() {
                    take(&mut inner, depth)?;
                }
            }
            None => {
                while !self.rest.starts_with(&[0, 0]) {
                    take(self, depth)?;
                }
                self.take(2)?;
            }
        }
        Ok(())
    }
}

/// Writes a field with the shortest form of its length.
fn put_field(tag: u8, value: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    match value.len() {
        len @ 0..=0x7F => out.push(len as u8),
        len => {
            let bytes = len.to_be_bytes();
            let n_zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            out.push(0x80 | (bytes.len() - n_zeros) as u8);
            out.extend_from_slice(&bytes[n_zeros..]);
        }
    }
    out.extend_from_slice(value);
}

fn malformed(what: &str) -> MalformedCertificate {
    MalformedCertificate::Invalid(format!("its encoding is invalid: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_der_bytes(bytes: &[u8]) -> Option<Vec<u8>> {
        to_der(bytes).ok().map(|definite| definite.to_vec())
    }

    #[test]
    fn end_marks_pieces_and_long_lengths_are_undone() {
        for (ber, der) in [
            (&[0x30, 0x80, 2, 1, 5, 0, 0][..], &[0x30, 3, 2, 1, 5][..]),
            (&[0x30, 0x81, 3, 2, 1, 5, 0xFF, 0xFF], &[0x30, 3, 2, 1, 5]),
            (&[0x24, 0x80, 4, 1, 7, 0x24, 0x80, 4, 1, 8, 0, 0, 4, 0, 0, 0], &[4, 2, 7, 8]),
            (&[0x24, 3, 4, 1, 9], &[4, 1, 9]),
            (&[0x30, 0x80, 0xA0, 0x80, 4, 1, 1, 0, 0, 0, 0], &[0x30, 5, 0xA0, 3, 4, 1, 1]),
        ] {
            assert_eq!(to_der_bytes(ber).as_deref(), Some(der), "{ber:x?}");
            // DER stays as it is.
            assert_eq!(to_der_bytes(der).as_deref(), Some(der), "{der:x?}");
        }
        let long = [&[0x30, 0x82, 1, 4, 0x04, 0x82, 1, 0][..], &[3; 256]].concat();
        assert_eq!(to_der_bytes(&long), Some(long));
        assert_eq!(*join_pieces(&[4, 1, 1, 0x24, 0x80, 4, 1, 2, 0, 0]).unwrap(), [1, 2]);
    }

    #[test]
    fn what_is_not_whole_is_an_error() {
        for bytes in
            [&[][..], &[0x30], &[0x30, 3, 2, 1], &[0x30, 0x80, 2, 1, 5, 0], &[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]]
        {
            assert_eq!(to_der(bytes).err(), Some(MalformedCertificate::Truncated), "{bytes:x?}");
        }
        for bytes in [&[0x3F, 1, 1][..], &[4, 0x80, 0, 0], &[0x24, 3, 2, 1, 9], &[0x30, 0x88, 0]] {
            assert!(matches!(to_der(bytes), Err(MalformedCertificate::Invalid(_))), "{bytes:x?}");
        }
        let deep = [0x30, 0x80].repeat(100_000);
        assert!(matches!(to_der(&deep), Err(MalformedCertificate::Invalid(_))));
    }
}
