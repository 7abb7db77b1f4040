//! Writer of hives: a pure function of the tree and a date.
//!
//! Cells follow the order of a tree traversal, root first, in bins of 4,096 bytes, or more if a
//! cell is larger. All keys share a security descriptor that gives full access to administrators
//! and the system.

use std::collections::BTreeMap;

use crate::date::Date;
use crate::error::{Error, Result};
use crate::limits::MAX_HIVE_DEPTH;

use super::{
    BLOCK_LEN, IS_FIXED, IS_ROOT, KeyTree, MAGIC, NAME_IS_BYTES, NO_OFFSET, VALUE_NAME_IS_BYTES, ValueData, checksum,
    uppercase,
};

impl KeyTree {
    /// Encodes a hive with this key as its root, and `date` as the time of the last change.
    ///
    /// # Errors
    ///
    /// If a name is invalid or occurs twice in a key, or keys are nested more than 512 levels deep.
    pub fn to_hive(&self, date: Date) -> Result<Vec<u8>> {
        let mut writer = HiveWriter { time: file_time(date), ..HiveWriter::default() };
        let root = writer.add_key_cell(self)?;
        writer.security = writer.add_cell(SECURITY_HEAD_LEN + SECURITY.len());
        writer.write_tree(root, self, NO_OFFSET, 0)?;
        writer.write_security();
        writer.end_bin();
        let len = u32::try_from(writer.bins.len()).ok().filter(|len| *len <= MAX_LEN);
        let len = len.ok_or_else(|| Error::new("the registry hive would exceed 2 GiB"))?;

        let mut base = [0; BLOCK_LEN];
        put(&mut base, 0, MAGIC);
        // Equal sequence numbers mark the hive as clean.
        put(&mut base, 4, &1_u32.to_le_bytes());
        put(&mut base, 8, &1_u32.to_le_bytes());
        put(&mut base, 12, &writer.time.to_le_bytes());
        put(&mut base, 20, &1_u32.to_le_bytes());
        put(&mut base, 24, &3_u32.to_le_bytes());
        put(&mut base, 32, &1_u32.to_le_bytes());
        put(&mut base, 36, &root.to_le_bytes());
        put(&mut base, 40, &len.to_le_bytes());
        put(&mut base, 44, &1_u32.to_le_bytes());
        let sum = checksum(&base);
        put(&mut base, 508, &sum.to_le_bytes());
        Ok([&base[..], &writer.bins].concat())
    }
}

const MAX_LEN: u32 = 0x7FFF_F000;
const BIN_HEAD_LEN: usize = 32;
const SECURITY_HEAD_LEN: usize = 20;
const KEY_HEAD_LEN: usize = 76;
/// Most keys in a list; Windows fits a list into a bin, too.
const MAX_LISTED: usize = 500;
const MAX_KEY_NAME: usize = 255;
const MAX_VALUE_NAME: usize = 16_383;

/// Self-relative security descriptor: owner `BUILTIN\Administrators`, group `SYSTEM`, and an access
/// list that gives both `KEY_ALL_ACCESS`, inherited by subkeys.
#[rustfmt::skip]
const SECURITY: [u8; 100] = [
    // revision, -, SE_SELF_RELATIVE | SE_DACL_PRESENT; offsets of owner, group, system list (none),
    // access list
    1, 0, 0x04, 0x80,  72, 0, 0, 0,  88, 0, 0, 0,  0, 0, 0, 0,  20, 0, 0, 0,
    // the access list: revision, -, length 52, two entries
    2, 0, 52, 0,  2, 0, 0, 0,
    // allowed, for the keys within as well, length 24: administrators, S-1-5-32-544
    0, 2, 24, 0,  0x3F, 0, 0x0F, 0,  1, 2, 0, 0, 0, 0, 0, 5,  32, 0, 0, 0,  0x20, 2, 0, 0,
    // the same with a length of 20: the system, S-1-5-18
    0, 2, 20, 0,  0x3F, 0, 0x0F, 0,  1, 1, 0, 0, 0, 0, 0, 5,  18, 0, 0, 0,
    // owner
    1, 2, 0, 0, 0, 0, 0, 5,  32, 0, 0, 0,  0x20, 2, 0, 0,
    // group
    1, 1, 0, 0, 0, 0, 0, 5,  18, 0, 0, 0,
];

/// Cells of a hive while they are written, in bins.
#[derive(Default)]
pub(super) struct HiveWriter {
    pub bins: Vec<u8>,
    /// Offset of the end of the last bin.
    bin_end: usize,
    /// Time of the last change, in units of 100 ns since 1601.
    time: u64,
    /// Offset of the security descriptor.
    security: u32,
    n_keys: u32,
}

impl HiveWriter {
    /// Continues the bins of an existing hive.
    pub fn append_to(bins: &[u8]) -> Self {
        Self { bins: bins.to_vec(), bin_end: bins.len(), ..Self::default() }
    }

    /// Appends a cell of zeros with room for `len` bytes, and returns its offset.
    pub fn add_cell(&mut self, len: usize) -> u32 {
        let size = (4 + len).next_multiple_of(8);
        // Cells never cross bins: one that does not fit gets a bin that is large enough.
        if self.bins.len() + size > self.bin_end {
            self.end_bin();
            let start = self.bins.len();
            let bin_len = (BIN_HEAD_LEN + size).next_multiple_of(BLOCK_LEN);
            self.bin_end = start + bin_len;
            self.bins.resize(start + BIN_HEAD_LEN, 0);
            // Only the first bin has a time.
            let time = if start == 0 { self.time } else { 0 };
            let header = &mut self.bins[start..];
            put(header, 0, b"hbin");
            put(header, 4, &(start as u32).to_le_bytes());
            put(header, 8, &(bin_len as u32).to_le_bytes());
            put(header, 20, &time.to_le_bytes());
        }
        let offset = self.bins.len();
        self.bins.resize(offset + size, 0);
        put(&mut self.bins, offset, &(-(size as i64) as i32).to_le_bytes());
        offset as u32
    }

    /// Turns the rest of the last bin into a free cell.
    pub fn end_bin(&mut self) {
        let (at, end) = (self.bins.len(), self.bin_end);
        self.bins.resize(end, 0);
        if at < end {
            put(&mut self.bins, at, &((end - at) as u32).to_le_bytes());
        }
    }

    /// Writes bytes into a cell.
    pub fn put(&mut self, cell: u32, at: usize, bytes: &[u8]) {
        put(&mut self.bins, cell as usize + 4 + at, bytes);
    }

    /// Writes a number into a cell.
    pub fn put_u32(&mut self, cell: u32, at: usize, number: usize) {
        self.put(cell, at, &(number as u32).to_le_bytes());
    }

    /// Adds a cell for a key, without contents.
    fn add_key_cell(&mut self, tree: &KeyTree) -> Result<u32> {
        let n_units = tree.name.encode_utf16().count();
        if !(1..=MAX_KEY_NAME).contains(&n_units) || tree.name.contains(['\\', '\0']) {
            return Err(Error::new(format!("`{}` is not a valid name of a registry key", tree.name)));
        }
        self.n_keys += 1;
        Ok(self.add_cell(KEY_HEAD_LEN + encode_name(&tree.name).0.len()))
    }

    /// Writes a key with all its contents.
    ///
    /// Recursive, so its stack frame is kept small: the other steps are functions of their own.
    fn write_tree(&mut self, cell: u32, tree: &KeyTree, parent: u32, depth: usize) -> Result<()> {
        self.write_key(cell, tree, parent, depth)?;
        for (place, key) in self.write_lists(cell, tree)? {
            let within = self.add_listed_key(place, key)?;
            self.write_tree(within, key, cell, depth + 1)?;
        }
        Ok(())
    }

    /// Writes a key and its values, without its subkeys.
    fn write_key(&mut self, cell: u32, tree: &KeyTree, parent: u32, depth: usize) -> Result<()> {
        if depth >= MAX_HIVE_DEPTH {
            return Err(Error::new(format!("the registry hive would have more than {MAX_HIVE_DEPTH} levels of keys")));
        }
        let (name, is_bytes) = encode_name(&tree.name);
        let flags = if depth == 0 { IS_ROOT | IS_FIXED } else { 0 } | if is_bytes { NAME_IS_BYTES } else { 0 };
        self.put(cell, 0, b"nk");
        self.put(cell, 2, &flags.to_le_bytes());
        self.put(cell, 4, &self.time.to_le_bytes());
        self.put(cell, 16, &parent.to_le_bytes());
        // Offsets of subkeys, volatile subkeys, values and class; set later if there are any.
        for at in [28, 32, 40, 48] {
            self.put(cell, at, &NO_OFFSET.to_le_bytes());
        }
        self.put(cell, 44, &self.security.to_le_bytes());
        self.put(cell, 72, &(name.len() as u16).to_le_bytes());
        self.put(cell, KEY_HEAD_LEN, &name);
        self.write_values(cell, tree)
    }

    /// Writes the lists of subkeys. Returns the subkeys sorted by name, each with its leaf and
    /// position.
    fn write_lists<'a>(&mut self, cell: u32, tree: &'a KeyTree) -> Result<Vec<((u32, usize), &'a KeyTree)>> {
        let keys = sort_by_name(&tree.name, tree.keys.iter().map(|key| (key.name.as_str(), key)))?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        // Lengths of names count UTF-16 even if the name is stored as Latin-1.
        let longest = keys.iter().map(|key| key.name.encode_utf16().count() * 2).max().unwrap_or(0);
        self.put_u32(cell, 20, keys.len());
        self.put_u32(cell, 52, longest);
        let leaves: Vec<_> = keys.chunks(MAX_LISTED).map(|leaf| (self.add_cell(4 + leaf.len() * 8), leaf)).collect();
        let list = match leaves[..] {
            [(leaf, _)] => leaf,
            _ => {
                let root = self.add_cell(4 + leaves.len() * 4);
                self.put(root, 0, b"ri");
                let n_leaves = u16::try_from(leaves.len()).map_err(|_| too_many_keys(&tree.name))?;
                self.put(root, 2, &n_leaves.to_le_bytes());
                for (n, (leaf, _)) in leaves.iter().enumerate() {
                    self.put(root, 4 + n * 4, &leaf.to_le_bytes());
                }
                root
            }
        };
        self.put(cell, 28, &list.to_le_bytes());
        // The entries are written when the cells of their keys exist.
        let mut listed = Vec::with_capacity(keys.len());
        for (leaf, keys) in leaves {
            self.put(leaf, 0, b"lf");
            self.put(leaf, 2, &(keys.len() as u16).to_le_bytes());
            listed.extend(keys.iter().enumerate().map(|(n, key)| ((leaf, n), *key)));
        }
        Ok(listed)
    }

    /// Adds the cell of a key and lists it.
    fn add_listed_key(&mut self, (leaf, n): (u32, usize), key: &KeyTree) -> Result<u32> {
        let cell = self.add_key_cell(key)?;
        self.put(leaf, 4 + n * 8, &cell.to_le_bytes());
        self.put(leaf, 8 + n * 8, &name_hint(&key.name));
        Ok(cell)
    }

    /// Writes the values of a key.
    fn write_values(&mut self, cell: u32, tree: &KeyTree) -> Result<()> {
        // Values keep their order; sorting only finds duplicate names.
        sort_by_name(&tree.name, tree.values.iter().map(|(name, data)| (name.as_str(), data)))?;
        if tree.values.is_empty() {
            return Ok(());
        }
        let lens = |len: fn(&(String, ValueData)) -> usize| tree.values.iter().map(len).max().unwrap_or(0);
        self.put_u32(cell, 36, tree.values.len());
        self.put_u32(cell, 60, lens(|(name, _)| name.encode_utf16().count() * 2));
        self.put_u32(cell, 64, lens(|(_, data)| data.bytes.len()));
        let list = self.add_cell(tree.values.len() * 4);
        self.put(cell, 40, &list.to_le_bytes());
        for (n, (name, data)) in tree.values.iter().enumerate() {
            if name.encode_utf16().count() > MAX_VALUE_NAME {
                let message = format!("a value name in the registry key `{}` is longer than", tree.name);
                return Err(Error::new(format!("{message} {MAX_VALUE_NAME} characters")));
            }
            let value = self.write_value(name, data);
            self.put(list, n * 4, &value.to_le_bytes());
        }
        Ok(())
    }

    /// Writes a value and returns its offset.
    pub fn write_value(&mut self, name: &str, data: &ValueData) -> u32 {
        let (name, is_bytes) = encode_name(name);
        let value = self.add_cell(20 + name.len());
        let len = data.bytes.len();
        self.put(value, 0, b"vk");
        self.put(value, 2, &(name.len() as u16).to_le_bytes());
        self.put(value, 12, &data.kind.0.to_le_bytes());
        self.put(value, 16, &if is_bytes { VALUE_NAME_IS_BYTES } else { 0 }.to_le_bytes());
        self.put(value, 20, &name);
        if len <= 4 {
            // Data of up to four bytes take the place of their offset.
            self.put_u32(value, 4, len | 0x8000_0000);
            self.put(value, 8, &data.bytes);
        } else {
            self.put_u32(value, 4, len);
            let bytes = self.add_cell(len);
            self.put(bytes, 0, &data.bytes);
            self.put(value, 8, &bytes.to_le_bytes());
        }
        value
    }

    /// Writes the only security descriptor, which is linked to itself (section "Key security").
    fn write_security(&mut self) {
        let cell = self.security;
        self.put(cell, 0, b"sk");
        self.put(cell, 4, &cell.to_le_bytes());
        self.put(cell, 8, &cell.to_le_bytes());
        self.put(cell, 12, &self.n_keys.to_le_bytes());
        self.put_u32(cell, 16, SECURITY.len());
        self.put(cell, SECURITY_HEAD_LEN, &SECURITY);
    }
}

/// Sorts items as the registry sorts their names.
///
/// # Errors
///
/// If a name occurs twice.
fn sort_by_name<'a, T>(key: &str, items: impl Iterator<Item = (&'a str, T)>) -> Result<Vec<T>> {
    let mut by_name = BTreeMap::new();
    for (name, item) in items {
        let units: Vec<_> = name.encode_utf16().map(uppercase).collect();
        if by_name.insert(units, item).is_some() {
            return Err(Error::new(format!("the registry key `{key}` contains the name `{name}` twice")));
        }
    }
    Ok(by_name.into_values().collect())
}

fn too_many_keys(key: &str) -> Error {
    Error::new(format!("the registry key `{key}` has too many subkeys"))
}

/// Encodes a name: one byte per character if possible (`true`), or UTF-16.
fn encode_name(name: &str) -> (Vec<u8>, bool) {
    match name.chars().map(|letter| u8::try_from(letter).ok()).collect() {
        Some(bytes) => (bytes, true),
        None => (name.encode_utf16().flat_map(u16::to_le_bytes).collect(), false),
    }
}

/// Name hint in a list: the first four characters, or zeros if they are not Latin-1 (section "Fast
/// leaf").
fn name_hint(name: &str) -> [u8; 4] {
    let mut hint = [0; 4];
    for (place, letter) in hint.iter_mut().zip(name.chars()) {
        match u8::try_from(letter) {
            Ok(byte) => *place = byte,
            Err(_) => return [0; 4],
        }
    }
    hint
}

pub(super) fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}

/// Converts a date to units of 100 ns since 1601.
fn file_time(date: Date) -> u64 {
    (date.unix() + 11_644_473_600) * 10_000_000
}
