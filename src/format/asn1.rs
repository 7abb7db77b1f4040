//! The little of DER (X.690) that certificates and signatures take to be walked through: fields one after the other, none of them believed.
//!
//! Not supported: tags of more than one byte, lengths that are not given beforehand.

/// Fields that follow each other.
#[derive(Clone, Copy, Debug)]
pub struct Der<'a>(pub &'a [u8]);

/// A field.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    pub tag: u8,
    /// With tag and length.
    pub whole: &'a [u8],
    pub value: &'a [u8],
}

pub const BOOLEAN: u8 = 0x01;
pub const INTEGER: u8 = 0x02;
pub const BIT_STRING: u8 = 0x03;
pub const OCTET_STRING: u8 = 0x04;
pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;

/// The tag of a field whose meaning is that of its number where it is; those used here hold fields themselves.
pub const fn context(number: u8) -> u8 {
    0xA0 | number
}

impl<'a> Der<'a> {
    /// The next field, if there is a whole one.
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

    /// The next field, if it has this tag.
    pub fn next_of(&mut self, tag: u8) -> Option<Field<'a>> {
        self.next().filter(|field| field.tag == tag)
    }

    /// The same, passing over nothing where it has another.
    pub fn next_if(&mut self, tag: u8) -> Option<Field<'a>> {
        let mut rest = *self;
        let field = rest.next_of(tag)?;
        *self = rest;
        Some(field)
    }

    /// The field after so many others.
    pub fn nth(&mut self, n: usize) -> Option<Field<'a>> {
        for _ in 0..n {
            self.next()?;
        }
        self.next()
    }
}
