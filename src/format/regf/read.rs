//! Reader of hives. Lazy: finding a value reads only the keys on its path.
//!
//! Hives are untrusted: every offset, length and count is checked, and no allocation is larger than
//! the hive.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::error::{Error, Result};
use crate::foreign_text::from_utf16;
use crate::limits::MAX_HIVE_DEPTH;

use super::{
    BLOCK_LEN, IS_HANDLE, KeyTree, MAGIC, NAME_IS_BYTES, NO_OFFSET, VALUE_NAME_IS_BYTES, ValueData, ValueType,
    checksum, damaged, uppercase,
};

/// A registry hive. Borrows the bytes of its file and is cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Hive<'a> {
    /// Bins; all offsets refer to them.
    bins: &'a [u8],
    root: u32,
    minor: u32,
    is_dirty: bool,
}

impl<'a> Hive<'a> {
    /// Reads the base block of a hive. The rest is read on demand.
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        if !bytes.starts_with(MAGIC) {
            return Err(Error::new("this is not a registry hive: it does not begin with `regf`"));
        }
        let base = bytes.first_chunk::<BLOCK_LEN>().ok_or_else(|| damaged("it ends within its base block"))?;
        let (written, right) = (u32_at(base, 508), checksum(base));
        if written != right {
            let message = format!("the checksum of its base block is {written:#010x}; {right:#010x} was expected");
            return Err(damaged(message));
        }
        let (major, minor) = (u32_at(base, 20), u32_at(base, 24));
        if major != 1 || !(2..=6).contains(&minor) || u32_at(base, 28) != 0 {
            return Err(Error::new(format!("registry hives of version {major}.{minor} are not supported"))
                .help("use a hive of version 1.2 to 1.6, not a transaction log"));
        }
        let len = u32_at(base, 40) as usize;
        let bins = bytes[BLOCK_LEN..].get(..len).ok_or_else(|| {
            damaged(format!("it has {} bytes; {} were expected", bytes.len(), len as u64 + BLOCK_LEN as u64))
        })?;
        let is_dirty = u32_at(base, 4) != u32_at(base, 8);
        Ok(Self { bins, root: u32_at(base, 36), minor, is_dirty })
    }

    /// Returns `true` if the last change was not completed, so that data may only be in the log.
    pub fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// Returns the bins, which offsets count in.
    pub(super) fn bins(&self) -> &'a [u8] {
        self.bins
    }

    /// Length of the bins in bytes.
    pub fn len(&self) -> usize {
        self.bins.len()
    }

    /// Returns `true` if there are no bins.
    pub fn is_empty(&self) -> bool {
        self.bins.is_empty()
    }

    /// Root key.
    pub fn root(&self) -> Result<HiveKey<'a>> {
        HiveKey::at(*self, self.root)
    }

    /// Finds a key by its path from the root, such as `Objects\{9dea862c-…}\Elements`, ignoring
    /// case.
    pub fn key(&self, path: &str) -> Result<Option<HiveKey<'a>>> {
        self.root()?.key(path)
    }

    /// Data of a cell in use (section "Cell").
    fn cell(&self, offset: u32, what: &str) -> Result<&'a [u8]> {
        let wrong = || damaged(format!("there is no {what} at {offset:#x}"));
        let cell = self.bins.get(offset as usize..).ok_or_else(wrong)?;
        let size = i32::from_le_bytes(*cell.first_chunk().ok_or_else(wrong)?);
        // A negative length marks a cell in use.
        let len = size.checked_neg().and_then(|len| usize::try_from(len).ok()).ok_or_else(wrong)?;
        cell.get(4..len).ok_or_else(wrong)
    }
}

/// A key in a hive (section "Key node").
#[derive(Clone, Copy, Debug)]
pub struct HiveKey<'a> {
    hive: Hive<'a>,
    offset: u32,
    node: &'a [u8],
    name: &'a [u8],
}

impl<'a> HiveKey<'a> {
    fn at(hive: Hive<'a>, offset: u32) -> Result<Self> {
        let node = hive.cell(offset, "key")?;
        if node.len() < 76 || !node.starts_with(b"nk") {
            return Err(damaged(format!("there is no key at {offset:#x}")));
        }
        let name = node[76..].get(..u16_at(node, 72).into());
        let name = name.ok_or_else(|| damaged(format!("the name of the key at {offset:#x} exceeds its cell")))?;
        Ok(Self { hive, offset, node, name })
    }

    /// Name of the key.
    pub fn name(&self) -> String {
        to_text(self.units())
    }

    /// Time of the last change, in units of 100 ns since 1601.
    pub fn changed(&self) -> u64 {
        u64::from(u32_at(self.node, 4)) | u64::from(u32_at(self.node, 8)) << 32
    }

    /// Subkeys, sorted by name.
    pub fn keys(&self) -> Result<Vec<Self>> {
        let n_keys = u32_at(self.node, 20) as usize;
        let mut offsets = Vec::new();
        if n_keys > 0 {
            self.add_key_offsets(u32_at(self.node, 28), n_keys, true, &mut offsets)?;
        }
        if offsets.len() != n_keys {
            let message = format!("the key `{}` has {n_keys} subkeys, but {} are listed", self.name(), offsets.len());
            return Err(damaged(message));
        }
        offsets.into_iter().map(|offset| Self::at(self.hive, offset)).collect()
    }

    /// Finds a subkey by name or path, ignoring case.
    pub fn key(&self, path: &str) -> Result<Option<Self>> {
        let mut key = *self;
        for name in path.split('\\').filter(|name| !name.is_empty()) {
            match key.keys()?.into_iter().find(|key| is_same_name(key.units(), name)) {
                Some(found) => key = found,
                None => return Ok(None),
            }
        }
        Ok(Some(key))
    }

    /// Number of values as stored. It may exceed the size of the hive, and keys may share values.
    pub fn n_values(&self) -> usize {
        u32_at(self.node, 36) as usize
    }

    /// Values in their stored order.
    pub fn values(&self) -> Result<Vec<HiveValue<'a>>> {
        self.value_offsets()?.into_iter().map(|offset| HiveValue::at(self.hive, offset)).collect()
    }

    /// Offsets of the value records.
    pub(super) fn value_offsets(&self) -> Result<Vec<u32>> {
        let n_values = self.n_values();
        if n_values == 0 || u16_at(self.node, 2) & IS_HANDLE != 0 {
            return Ok(Vec::new());
        }
        let list = self.hive.cell(u32_at(self.node, 40), "list of values")?;
        let list = n_values.checked_mul(4).and_then(|len| list.get(..len)).ok_or_else(|| {
            damaged(format!("the key `{}` has {n_values} values, but their list is shorter", self.name()))
        })?;
        Ok(list.as_chunks().0.iter().map(|offset| u32::from_le_bytes(*offset)).collect())
    }

    /// Offset of the cell.
    pub(super) fn offset(&self) -> u32 {
        self.offset
    }

    /// Data of the key's cell.
    pub(super) fn node(&self) -> &'a [u8] {
        self.node
    }

    /// Finds a value by name, ignoring case; the name of the default value is empty.
    pub fn value(&self, name: &str) -> Result<Option<ValueData<'a>>> {
        let found = self.values()?.into_iter().find(|value| value.has_name(name));
        found.map(|value| value.data()).transpose()
    }

    /// Reads the key with all its contents.
    ///
    /// # Errors
    ///
    /// If a key is reachable twice, or the contents are larger than the hive.
    pub fn tree(&self) -> Result<KeyTree> {
        let mut walk = TreeWalk { known: HashSet::new(), left: self.hive.bins.len().saturating_mul(4) };
        walk.read_key(self, 0)
    }

    fn units(&self) -> NameUnits<'a> {
        NameUnits { bytes: self.name, is_wide: u16_at(self.node, 2) & NAME_IS_BYTES == 0 }
    }

    /// Collects the offsets of subkeys from a list: an index leaf, fast leaf, hash leaf, or an
    /// index root over those.
    fn add_key_offsets(&self, offset: u32, most: usize, may_be_root: bool, offsets: &mut Vec<u32>) -> Result<()> {
        let wrong = || damaged(format!("the list of subkeys of `{}` at {offset:#x} is invalid", self.name()));
        let list = self.hive.cell(offset, "list of keys")?;
        let head = list.first_chunk::<4>().ok_or_else(wrong)?;
        let step = match &head[..2] {
            b"lf" | b"lh" => 8,
            b"li" => 4,
            b"ri" if may_be_root => 4,
            _ => return Err(wrong()),
        };
        let n = usize::from(u16_at(head, 2));
        let items = list[4..].get(..n * step).ok_or_else(wrong)?.chunks_exact(step).map(|item| u32_at(item, 0));
        if head.starts_with(b"ri") {
            return items.into_iter().try_for_each(|leaf| self.add_key_offsets(leaf, most, false, offsets));
        }
        // Many lists may refer to the same leaf: a hive has no room for more keys than this.
        if offsets.len() + n > most.min(self.hive.bins.len() / 76) {
            return Err(wrong());
        }
        offsets.extend(items);
        Ok(())
    }
}

/// A value in a hive (section "Key value").
#[derive(Clone, Copy, Debug)]
pub struct HiveValue<'a> {
    hive: Hive<'a>,
    record: &'a [u8],
    name: &'a [u8],
}

impl<'a> HiveValue<'a> {
    fn at(hive: Hive<'a>, offset: u32) -> Result<Self> {
        let record = hive.cell(offset, "value")?;
        if record.len() < 20 || !record.starts_with(b"vk") {
            return Err(damaged(format!("there is no value at {offset:#x}")));
        }
        let name = record[20..].get(..u16_at(record, 2).into());
        let name = name.ok_or_else(|| damaged(format!("the name of the value at {offset:#x} exceeds its cell")))?;
        Ok(Self { hive, record, name })
    }

    /// Name; empty for the default value.
    pub fn name(&self) -> String {
        to_text(self.units())
    }

    /// Data type.
    pub fn kind(&self) -> ValueType {
        ValueType(u32_at(self.record, 12))
    }

    /// Returns `true` if the value has this name, ignoring case.
    pub(super) fn has_name(&self, name: &str) -> bool {
        is_same_name(self.units(), name)
    }

    /// Data of the value's cell.
    pub(super) fn record(&self) -> &'a [u8] {
        self.record
    }

    /// Reads the data.
    pub fn data(&self) -> Result<ValueData<'a>> {
        const IS_INLINE: u32 = 0x8000_0000;
        let size = u32_at(self.record, 4);
        let (len, offset) = ((size & !IS_INLINE) as usize, u32_at(self.record, 8));
        let wrong = || damaged(format!("the {len} bytes of the value `{}` are missing", self.name()));
        let bytes = if size & IS_INLINE != 0 {
            // Up to four bytes take the place of the offset.
            self.record[8..12].get(..len).ok_or_else(wrong)?.into()
        } else if len == 0 || offset == NO_OFFSET {
            Cow::Borrowed(&[][..])
        } else {
            let cell = self.hive.cell(offset, "data of a value")?;
            match cell.get(..len) {
                Some(bytes) => bytes.into(),
                None if self.hive.minor > 3 && cell.starts_with(b"db") => {
                    self.read_segments(cell, len).and_then(|segments| segments.ok_or_else(wrong))?.into()
                }
                None => return Err(wrong()),
            }
        };
        Ok(ValueData { kind: self.kind(), bytes })
    }

    /// Joins segmented data (section "Big data"); `None` if they are shorter than `len`.
    fn read_segments(&self, head: &[u8], len: usize) -> Result<Option<Vec<u8>>> {
        const MAX_SEGMENT_LEN: usize = 16_344;
        if head.len() < 8 || len > self.hive.bins.len() {
            return Ok(None);
        }
        let n = usize::from(u16_at(head, 2));
        let list = self.hive.cell(u32_at(head, 4), "list of segments")?;
        let Some(list) = list.get(..n * 4) else { return Ok(None) };
        let mut bytes = Vec::new();
        for offset in list.as_chunks().0 {
            let segment = self.hive.cell(u32::from_le_bytes(*offset), "segment of a value")?;
            let Some(part) = segment.get(..(len - bytes.len()).min(MAX_SEGMENT_LEN)) else { return Ok(None) };
            bytes.extend_from_slice(part);
        }
        Ok(Some(bytes).filter(|bytes| bytes.len() == len))
    }

    fn units(&self) -> NameUnits<'a> {
        NameUnits { bytes: self.name, is_wide: u16_at(self.record, 16) & VALUE_NAME_IS_BYTES == 0 }
    }
}

/// UTF-16 units of a name.
#[derive(Clone)]
struct NameUnits<'a> {
    bytes: &'a [u8],
    is_wide: bool,
}

impl Iterator for NameUnits<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        if self.is_wide {
            let (unit, rest) = self.bytes.split_first_chunk()?;
            self.bytes = rest;
            return Some(u16::from_le_bytes(*unit));
        }
        let (byte, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some((*byte).into())
    }
}

fn to_text(units: NameUnits) -> String {
    from_utf16(units)
}

fn is_same_name(units: NameUnits, name: &str) -> bool {
    units.map(uppercase).eq(name.encode_utf16().map(uppercase))
}

/// Bounds the reading of a key with all its contents.
struct TreeWalk {
    /// Offsets of the keys read so far.
    known: HashSet<u32>,
    /// Bytes that may still be read.
    left: usize,
}

impl TreeWalk {
    fn read_key(&mut self, key: &HiveKey, depth: usize) -> Result<KeyTree> {
        if !self.known.insert(key.offset) || depth > MAX_HIVE_DEPTH {
            return Err(damaged(format!("the key `{}` is in two places, or nested too deeply", key.name())));
        }
        let mut tree = KeyTree::new(key.name());
        for value in key.values()? {
            let (name, data) = (value.name(), value.data()?);
            let left = self.left.checked_sub(20 + name.len() + data.bytes.len());
            self.left =
                left.ok_or_else(|| damaged(format!("the values of `{}` are larger than the hive", key.name())))?;
            tree.values.push((name, ValueData { kind: data.kind, bytes: data.bytes.into_owned().into() }));
        }
        for key in key.keys()? {
            tree.keys.push(self.read_key(&key, depth + 1)?);
        }
        Ok(tree)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}
