//! Minimal DER reader (X.690) for walking through certificates and signatures.
//!
//! Lengths are checked against the input. Not supported: tags of more than one byte, indefinite
//! lengths.

/// Consecutive DER fields that have not been read yet.
#[derive(Clone, Copy, Debug)]
pub struct Der<'a>(pub &'a [u8]);

/// A DER field: tag, length and value.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    pub tag: u8,
    /// Complete encoding, including tag and length.
    pub whole: &'a [u8],
    pub value: &'a [u8],
}

pub const BOOLEAN: u8 = 0x01;
pub const INTEGER: u8 = 0x02;
pub const BIT_STRING: u8 = 0x03;
pub const OCTET_STRING: u8 = 0x04;
pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;

/// Tag of a constructed, context-specific field (X.690, 8.1.2).
pub const fn context_tag(number: u8) -> u8 {
    0xA0 | number
}

impl<'a> Der<'a> {
    /// Reads the next field; `None` if the rest does not begin with a complete field.
    pub fn next(&mut self) -> Option<Field<'a>> {
        let (&[tag, first], _) = self.0.split_first_chunk::<2>()?;
        if tag & 0x1F == 0x1F {
            return None;
        }
        let n_more = if first < 0x80 { 0 } else { usize::from(first & 0x7F) };
        let len = match n_more {
            0 if first < 0x80 => usize::from(first),
            1..=4 => self.0.get(2..2 + n_more)?.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)),
            _ => return None,
        };
        let start = 2 + n_more;
        let whole = self.0.get(..start.checked_add(len)?)?;
        self.0 = &self.0[whole.len()..];
        Some(Field { tag, whole, value: &whole[start..] })
    }

    /// Reads the next field; `None` if it has another tag. The field is consumed either way.
    pub fn next_tagged(&mut self, tag: u8) -> Option<Field<'a>> {
        self.next().filter(|field| field.tag == tag)
    }

    /// Reads the next field if it has this tag, and otherwise leaves the reader where it is.
    pub fn next_if(&mut self, tag: u8) -> Option<Field<'a>> {
        let mut rest = *self;
        let field = rest.next_tagged(tag)?;
        *self = rest;
        Some(field)
    }

    /// Skips `n` fields and reads the one after them.
    pub fn nth(&mut self, n: usize) -> Option<Field<'a>> {
        for _ in 0..n {
            self.next()?;
        }
        self.next()
    }
}
