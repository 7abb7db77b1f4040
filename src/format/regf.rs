//! Registry hives (regf): Windows registry files and boot stores.
//!
//! Follows the Windows registry file format specification by M. Suhanov ("Format of primary files";
//! its sections are cited below) and that of libregf by J. Metz. A hive is a base block of 4,096
//! bytes, and bins with cells that refer to each other. Reads versions 1.2 to 1.6 with lists of
//! every kind and segmented values; writes 1.3, the version of boot stores. Not supported:
//! transaction logs (a hive that was not closed cleanly is read without its log and reported as
//! dirty), hives before Windows NT 3.5, key classes, and hiding by layered keys.

mod edit;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::borrow::Cow;
use std::fmt;

pub use edit::with_number;
pub use read::{Hive, HiveKey, HiveValue};

use crate::error::Error;
use crate::foreign_text::from_utf16;

/// First bytes of a hive.
pub const MAGIC: &[u8] = b"regf";

/// Length of the base block. Cell offsets count from its end, and bins are multiples of it.
const BLOCK_LEN: usize = 4_096;
/// Offset of a missing cell.
const NO_OFFSET: u32 = 0xFFFF_FFFF;
/// `KEY_HIVE_ENTRY` (section "Flags" of a key node).
const IS_ROOT: u16 = 0x04;
/// `KEY_NO_DELETE`.
const IS_FIXED: u16 = 0x08;
/// `KEY_COMP_NAME`: the name has one byte per character, as in Latin-1.
const NAME_IS_BYTES: u16 = 0x20;
/// `KEY_PREDEF_HANDLE`: the number of values has another meaning.
const IS_HANDLE: u16 = 0x40;
/// `VALUE_COMP_NAME`: the name has one byte per character, as in Latin-1.
const VALUE_NAME_IS_BYTES: u16 = 0x01;

/// A registry key with all its contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyTree {
    /// Name: 1 to 255 UTF-16 units without backslashes.
    pub name: String,
    /// Values by name; the name of the default value is empty.
    pub values: Vec<(String, ValueData<'static>)>,
    /// Subkeys. They are written sorted by name.
    pub keys: Vec<KeyTree>,
}

impl KeyTree {
    /// Creates an empty key.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds a value.
    pub fn with_value(mut self, name: impl Into<String>, data: ValueData<'static>) -> Self {
        self.values.push((name.into(), data));
        self
    }

    /// Adds a subkey.
    pub fn with_key(mut self, key: Self) -> Self {
        self.keys.push(key);
        self
    }
}

/// Data of a registry value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueData<'a> {
    /// Data type.
    pub kind: ValueType,
    /// Encoded data.
    pub bytes: Cow<'a, [u8]>,
}

/// Type of a registry value (section "Data types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueType(pub u32);

impl ValueType {
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

impl fmt::Display for ValueType {
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

impl ValueData<'_> {
    /// Creates a text.
    pub fn from_text(text: &str) -> ValueData<'static> {
        ValueData { kind: ValueType::TEXT, bytes: text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect() }
    }

    /// Creates a list of texts, which must not be empty.
    pub fn from_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> ValueData<'static> {
        let units = texts.into_iter().flat_map(|text| text.encode_utf16().chain([0]));
        ValueData { kind: ValueType::TEXTS, bytes: units.chain([0]).flat_map(u16::to_le_bytes).collect() }
    }

    /// Creates a 32-bit number.
    pub fn from_u32(number: u32) -> ValueData<'static> {
        ValueData { kind: ValueType::U32, bytes: number.to_le_bytes().to_vec().into() }
    }

    /// Creates binary data.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> ValueData<'static> {
        ValueData { kind: ValueType::BYTES, bytes: Cow::Owned(bytes.into()) }
    }

    /// Text up to the first NUL, which may be missing; `None` for another type.
    pub fn text(&self) -> Option<String> {
        let is_text = [ValueType::TEXT, ValueType::EXPANDED_TEXT, ValueType::LINK].contains(&self.kind);
        is_text.then(|| {
            let units = self.units();
            from_utf16(units.into_iter().take_while(|unit| *unit != 0))
        })
    }

    /// Texts up to the first empty one; `None` for another type.
    pub fn texts(&self) -> Option<Vec<String>> {
        (self.kind == ValueType::TEXTS).then(|| {
            let units = self.units();
            let texts = units.split(|unit| *unit == 0).take_while(|text| !text.is_empty());
            texts.map(|text| from_utf16(text.iter().copied())).collect()
        })
    }

    /// Number of any of the three integer types; `None` for another type or a wrong length.
    pub fn number(&self) -> Option<u64> {
        match self.kind {
            ValueType::U32 => Some(u32::from_le_bytes(self.bytes.as_ref().try_into().ok()?).into()),
            ValueType::U32_BIG_ENDIAN => Some(u32::from_be_bytes(self.bytes.as_ref().try_into().ok()?).into()),
            ValueType::U64 => Some(u64::from_le_bytes(self.bytes.as_ref().try_into().ok()?)),
            _ => None,
        }
    }

    fn units(&self) -> Vec<u16> {
        self.bytes.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect()
    }
}

/// Upper case of a UTF-16 unit, as in comparing and sorting names, if it is a single unit.
fn uppercase(unit: u16) -> u16 {
    let Some(letter) = char::from_u32(unit.into()) else { return unit };
    let mut capitals = letter.to_uppercase();
    match (capitals.next().map(|capital| u16::try_from(u32::from(capital))), capitals.next()) {
        (Some(Ok(capital)), None) => capital,
        _ => unit,
    }
}

/// Checksum of a base block (section "Base block", note 2).
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
