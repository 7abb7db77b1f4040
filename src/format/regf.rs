//! Registry hives (regf): the files that hold Windows' registry, and its boot stores.
//!
//! After the Windows registry file format specification by M. Suhanov ("Format of primary files", whose sections are
//! named below) and that of libregf by J. Metz. A hive is a base block of 4,096 bytes, and bins of cells that point to
//! each other. Read are versions 1.2 to 1.6 with lists of every kind and values in segments; written is 1.3, the one of
//! boot stores. Not supported: logs of transactions (a hive that was not closed cleanly is read as it is, and says so),
//! hives before Windows NT 3.5, classes of keys, and what layered keys hide.

mod edit;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::borrow::Cow;
use std::fmt;

pub use edit::with_number;
pub use read::{Hive, Key, Value};

use crate::error::Error;
use crate::foreign_text::from_utf16;

/// What a hive begins with.
pub const MAGIC: &[u8] = b"regf";

/// Offsets count from the end of the base block, which has so many bytes. Bins are a multiple of it.
const BLOCK_LEN: usize = 4_096;
/// An offset that leads nowhere.
const NOWHERE: u32 = 0xFFFF_FFFF;
/// `KEY_HIVE_ENTRY` (section "Flags" of a key node).
const IS_ROOT: u16 = 0x04;
/// `KEY_NO_DELETE`.
const IS_FIXED: u16 = 0x08;
/// `KEY_COMP_NAME`: each character of the name is one byte, as in Latin-1.
const NAME_IS_BYTES: u16 = 0x20;
/// `KEY_PREDEF_HANDLE`: what should be the number of values is none.
const IS_HANDLE: u16 = 0x40;
/// `VALUE_COMP_NAME`: the same of a value.
const VALUE_NAME_IS_BYTES: u16 = 0x01;

/// A key with everything in it, in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// Its name: 1 to 255 UTF-16 units without a backslash.
    pub name: String,
    /// Its values by name, in their order; the name of the default value is empty.
    pub values: Vec<(String, Data<'static>)>,
    /// The keys in it. They are written in the order of their names.
    pub keys: Vec<Tree>,
}

impl Tree {
    /// An empty key.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The same key with one more value.
    pub fn with_value(mut self, name: impl Into<String>, data: Data<'static>) -> Self {
        self.values.push((name.into(), data));
        self
    }

    /// The same key with one more key in it.
    pub fn with_key(mut self, key: Self) -> Self {
        self.keys.push(key);
        self
    }
}

/// What a value holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data<'a> {
    /// What its bytes are.
    pub kind: Type,
    /// Its bytes.
    pub bytes: Cow<'a, [u8]>,
}

/// What the bytes of a value are (section "Data types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Type(pub u32);

impl Type {
    /// `REG_SZ`.
    pub const TEXT: Self = Self(1);
    /// `REG_EXPAND_SZ`.
    pub const EXPANDED_TEXT: Self = Self(2);
    /// `REG_BINARY`.
    pub const BYTES: Self = Self(3);
    /// `REG_DWORD`.
    pub const U32: Self = Self(4);
    /// `REG_DWORD_BIG_ENDIAN`.
    pub const U32_BIG_ENDIAN: Self = Self(5);
    /// `REG_LINK`.
    pub const LINK: Self = Self(6);
    /// `REG_MULTI_SZ`.
    pub const TEXTS: Self = Self(7);
    /// `REG_QWORD`.
    pub const U64: Self = Self(11);
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 12] = [
            "REG_NONE",
            "REG_SZ",
            "REG_EXPAND_SZ",
            "REG_BINARY",
            "REG_DWORD",
            "REG_DWORD_BIG_ENDIAN",
            "REG_LINK",
            "REG_MULTI_SZ",
            "REG_RESOURCE_LIST",
            "REG_FULL_RESOURCE_DESCRIPTOR",
            "REG_RESOURCE_REQUIREMENTS_LIST",
            "REG_QWORD",
        ];
        match NAMES.get(self.0 as usize) {
            Some(name) => f.write_str(name),
            None => write!(f, "type {:#x}", self.0),
        }
    }
}

impl Data<'_> {
    /// A text.
    pub fn of_text(text: &str) -> Data<'static> {
        Data { kind: Type::TEXT, bytes: text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect() }
    }

    /// A list of texts, none of which is empty.
    pub fn of_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Data<'static> {
        let units = texts.into_iter().flat_map(|text| text.encode_utf16().chain([0]));
        Data { kind: Type::TEXTS, bytes: units.chain([0]).flat_map(u16::to_le_bytes).collect() }
    }

    /// A number of 32 bits.
    pub fn of_u32(number: u32) -> Data<'static> {
        Data { kind: Type::U32, bytes: number.to_le_bytes().to_vec().into() }
    }

    /// Bytes that mean something to their program only.
    pub fn of_bytes(bytes: impl Into<Vec<u8>>) -> Data<'static> {
        Data { kind: Type::BYTES, bytes: Cow::Owned(bytes.into()) }
    }

    /// The text, if it is one: up to its first zero, which need not be there.
    pub fn text(&self) -> Option<String> {
        let is_text = [Type::TEXT, Type::EXPANDED_TEXT, Type::LINK].contains(&self.kind);
        is_text.then(|| {
            let units = self.units();
            from_utf16(units.into_iter().take_while(|unit| *unit != 0))
        })
    }

    /// The texts, if it is a list of them: up to the first that is empty.
    pub fn texts(&self) -> Option<Vec<String>> {
        (self.kind == Type::TEXTS).then(|| {
            let units = self.units();
            let texts = units.split(|unit| *unit == 0).take_while(|text| !text.is_empty());
            texts.map(|text| from_utf16(text.iter().copied())).collect()
        })
    }

    /// The number, if it is one of the three kinds and as long as it has to be.
    pub fn number(&self) -> Option<u64> {
        match self.kind {
            Type::U32 => Some(u32::from_le_bytes(self.bytes.as_ref().try_into().ok()?).into()),
            Type::U32_BIG_ENDIAN => Some(u32::from_be_bytes(self.bytes.as_ref().try_into().ok()?).into()),
            Type::U64 => Some(u64::from_le_bytes(self.bytes.as_ref().try_into().ok()?)),
            _ => None,
        }
    }

    fn units(&self) -> Vec<u16> {
        self.bytes.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect()
    }
}

/// A UTF-16 unit as names are compared and sorted: its capital, if that is one unit.
fn capital(unit: u16) -> u16 {
    let Some(letter) = char::from_u32(unit.into()) else { return unit };
    let mut capitals = letter.to_uppercase();
    match (capitals.next().map(|capital| u16::try_from(u32::from(capital))), capitals.next()) {
        (Some(Ok(capital)), None) => capital,
        _ => unit,
    }
}

/// The checksum of a base block (section "Base block", note 2).
pub(super) fn checksum(base_block: &[u8; BLOCK_LEN]) -> u32 {
    let numbers = base_block[..508].as_chunks().0.iter().map(|number| u32::from_le_bytes(*number));
    match numbers.fold(0, |sum, number| sum ^ number) {
        0 => 1,
        0xFFFF_FFFF => 0xFFFF_FFFE,
        sum => sum,
    }
}

fn damaged(what: impl fmt::Display) -> Error {
    Error::new(format!("the registry hive is damaged: {what}"))
}
