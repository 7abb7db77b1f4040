//! BER as DER (X.690), as far as PKCS #7 and PKCS #12 files need it: some programs write these with lengths that are told
//! by an end mark (8.1.3.6) and strings in pieces (8.7.3). Both are put in one form, and what follows is dropped.
//!
//! Not supported: tags of more than one byte. Strings with implicit tags stay in pieces; [`pieces`] joins them.

use zeroize::Zeroizing;

use super::Malformed;
use crate::limits::MAX_BER_DEPTH;

const OCTET_STRING: u8 = 0x04;
const CONSTRUCTED: u8 = 0x20;

/// The first field of an encoding, with lengths that stand before their contents and octet strings in one piece.
///
/// # Errors
///
/// If it ends early, or is malformed.
pub(super) fn definite(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Malformed> {
    let mut out = Zeroizing::new(Vec::with_capacity(2 * bytes.len()));
    Reader { rest: bytes }.field(&mut out, MAX_BER_DEPTH)?;
    Ok(out)
}

/// The contents of an octet string in pieces, which are octet strings themselves.
pub(super) fn pieces(value: &[u8]) -> Result<Zeroizing<Vec<u8>>, Malformed> {
    let mut out = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut reader = Reader { rest: value };
    while !reader.rest.is_empty() {
        reader.piece(&mut out, MAX_BER_DEPTH)?;
    }
    Ok(out)
}

struct Reader<'a> {
    rest: &'a [u8],
}

/// The header of a field: its tag, and its length if that is told.
type Header = (u8, Option<usize>);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn header(&mut self) -> Result<Header, Malformed> {
        let &[tag, first] = self.take(2)? else { return Err(Malformed::Truncated) };
        if tag & 0x1F == 0x1F {
            return Err(malformed("a tag of several bytes"));
        }
        let len = match first {
            0..=0x7F => Some(usize::from(first)),
            0x80 if tag & CONSTRUCTED != 0 => None,
            0x81..=0x84 => {
                let bytes = self.take(usize::from(first & 0x7F))?;
                Some(bytes.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)))
            }
            _ => return Err(malformed("a length that is too long")),
        };
        Ok((tag, len))
    }

    /// Copies a field.
    fn field(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), Malformed> {
        let mut at = Reader { rest: self.rest };
        let (tag, len) = at.header()?;
        if tag == OCTET_STRING | CONSTRUCTED {
            let mut value = Zeroizing::new(Vec::with_capacity(len.unwrap_or(0).min(self.rest.len())));
            self.piece(&mut value, depth)?;
            put(OCTET_STRING, &value, out);
            return Ok(());
        }
        if tag & CONSTRUCTED == 0 {
            put(tag, at.take(len.unwrap_or(0))?, out);
            self.rest = at.rest;
            return Ok(());
        }
        let mut value = Zeroizing::new(Vec::with_capacity(len.unwrap_or(0).min(self.rest.len())));
        self.rest = at.rest;
        self.fields(len, depth, &mut |reader, depth| reader.field(&mut value, depth))?;
        put(tag, &value, out);
        Ok(())
    }

    /// Adds the contents of an octet string, whole or in pieces.
    fn piece(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), Malformed> {
        match self.header()? {
            (OCTET_STRING, len) => {
                out.extend_from_slice(self.take(len.unwrap_or(0))?);
                Ok(())
            }
            (tag, len) if tag == OCTET_STRING | CONSTRUCTED => {
                self.fields(len, depth, &mut |reader, depth| reader.piece(out, depth))
            }
            _ => Err(malformed("a piece of a string that is none")),
        }
    }

    /// Goes through the fields of a constructed one, whose length is told or ends with a mark.
    fn fields(
        &mut self,
        len: Option<usize>,
        depth: usize,
        take: &mut dyn FnMut(&mut Self, usize) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let depth = depth.checked_sub(1).ok_or_else(|| malformed("fields too deep in each other"))?;
        match len {
            Some(len) => {
                let mut inner = Reader { rest: self.take(len)? };
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

/// Writes a field with the shortest length.
fn put(tag: u8, value: &[u8], out: &mut Vec<u8>) {
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

fn malformed(what: &str) -> Malformed {
    Malformed::NotOne(format!("its encoding is not right: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Option<Vec<u8>> {
        definite(bytes).ok().map(|definite| definite.to_vec())
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
            assert_eq!(of(ber).as_deref(), Some(der), "{ber:x?}");
            // What is in that form already stays so.
            assert_eq!(of(der).as_deref(), Some(der), "{der:x?}");
        }
        let long = [&[0x30, 0x82, 1, 4, 0x04, 0x82, 1, 0][..], &[3; 256]].concat();
        assert_eq!(of(&long), Some(long));
        assert_eq!(*pieces(&[4, 1, 1, 0x24, 0x80, 4, 1, 2, 0, 0]).unwrap(), [1, 2]);
    }

    #[test]
    fn what_is_not_whole_is_an_error() {
        for bytes in
            [&[][..], &[0x30], &[0x30, 3, 2, 1], &[0x30, 0x80, 2, 1, 5, 0], &[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]]
        {
            assert_eq!(definite(bytes).err(), Some(Malformed::Truncated), "{bytes:x?}");
        }
        for bytes in [&[0x3F, 1, 1][..], &[4, 0x80, 0, 0], &[0x24, 3, 2, 1, 9], &[0x30, 0x88, 0]] {
            assert!(matches!(definite(bytes), Err(Malformed::NotOne(_))), "{bytes:x?}");
        }
        let deep = [0x30, 0x80].repeat(100_000);
        assert!(matches!(definite(&deep), Err(Malformed::NotOne(_))));
    }
}
