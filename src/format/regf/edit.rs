//! Setting a number in an existing hive without moving other data.

use super::read::u32_at;
use super::{BLOCK_LEN, Hive, NO_OFFSET, VALUE_NAME_IS_BYTES, ValueType, checksum, damaged};
use crate::error::{Error, Result};

/// Length of the header of a bin (section "Hive bin"), in bytes.
const BIN_HEADER_LEN: usize = 32;
/// Length of a value record without its name (section "Key value"), in bytes.
const VALUE_HEADER_LEN: usize = 20;
/// Flag in the length of inline data, which are stored in the value record.
const IS_INLINE: u32 = 0x8000_0000;

/// Returns a copy of a hive with the value `name` of the key at `path` set to a `REG_DWORD`; `None`
/// if there is no such key.
///
/// A number stored inline is overwritten. Otherwise a new record in a bin at the end replaces or
/// adds the value, which makes the hive 4 KiB longer. Key times are not changed.
///
/// # Errors
///
/// If the hive is damaged, or was not closed cleanly: Windows would restore it from its log and
/// lose the change.
pub fn with_number(bytes: &[u8], path: &str, name: &str, number: u32) -> Result<Option<Vec<u8>>> {
    assert!(name.is_ascii(), "the name of the value is not ASCII");
    let hive = Hive::read(bytes)?;
    if hive.is_dirty() {
        return Err(Error::new("the registry hive was not closed cleanly: its last changes are in its log"));
    }
    let Some(key) = hive.key(path)? else { return Ok(None) };
    let values = key.values()?;
    let found = values.iter().position(|value| value.has_name(name));
    // Data after the bins are not part of the hive.
    let mut edited = bytes[..BLOCK_LEN + hive.len()].to_vec();
    if let Some(value) = found.map(|at| &values[at])
        && value.kind() == ValueType::U32
        && u32_at(value.record(), 4) == IS_INLINE | 4
    {
        let at = offset_in(bytes, value.record()) + 8;
        edited[at..at + 4].copy_from_slice(&number.to_le_bytes());
        return Ok(Some(edited));
    }

    let mut record = Vec::with_capacity(VALUE_HEADER_LEN + name.len());
    record.extend(b"vk");
    record.extend((name.len() as u16).to_le_bytes());
    record.extend((IS_INLINE | 4).to_le_bytes());
    record.extend(number.to_le_bytes());
    record.extend(ValueType::U32.0.to_le_bytes());
    record.extend(VALUE_NAME_IS_BYTES.to_le_bytes());
    record.extend([0; 2]);
    record.extend(name.as_bytes());

    let bin_start = hive.len();
    let mut list: Vec<u32> = key.value_offsets()?;
    let mut bin = Bin::new(bin_start);
    let new = bin.add(&record);
    match found {
        Some(at) => list[at] = new,
        None => list.push(new),
    }
    let list_offset = bin.add(&list.iter().flat_map(|offset| offset.to_le_bytes()).collect::<Vec<_>>());
    edited.extend(bin.finish());

    // The cells of the old list and record stay allocated, although nothing refers to them. Windows
    // accepts that, and freeing them would change more bytes.
    let node = offset_in(bytes, key.node());
    put_u32(&mut edited, node + 36, u32::try_from(list.len()).map_err(|_| damaged("it has too many values"))?);
    put_u32(&mut edited, node + 40, list_offset);
    // The length of the longest name counts UTF-16 units of two bytes, and that of the longest data
    // bytes.
    let longest = [(60, 2 * name.len() as u32), (64, 4)];
    for (at, len) in longest {
        let known = u32_at(key.node(), at);
        put_u32(&mut edited, node + at, if known == NO_OFFSET { len } else { known.max(len) });
    }
    let len = u32::try_from(edited.len() - BLOCK_LEN).map_err(|_| damaged("it has more than 4 GiB"))?;
    put_u32(&mut edited, 40, len);
    let sum = checksum(edited.first_chunk().expect("a base block"));
    put_u32(&mut edited, 508, sum);
    Ok(Some(edited))
}

/// A new bin at the end of a hive.
struct Bin {
    /// Offset of the bin in the hive.
    start: usize,
    bytes: Vec<u8>,
}

impl Bin {
    fn new(start: usize) -> Self {
        Self { start, bytes: vec![0; BIN_HEADER_LEN] }
    }

    /// Adds a cell and returns its offset in the hive.
    fn add(&mut self, data: &[u8]) -> u32 {
        let at = self.bytes.len();
        let len = (4 + data.len()).next_multiple_of(8);
        // A negative length marks a cell in use.
        self.bytes.extend((-(len as i32)).to_le_bytes());
        self.bytes.extend(data);
        self.bytes.resize(at + len, 0);
        (self.start + at) as u32
    }

    /// Turns the rest into a free cell and writes the header.
    fn finish(mut self) -> Vec<u8> {
        let at = self.bytes.len();
        let len = at.next_multiple_of(BLOCK_LEN);
        self.bytes.resize(len, 0);
        if len > at {
            put_u32(&mut self.bytes, at, (len - at) as u32);
        }
        self.bytes[..4].copy_from_slice(b"hbin");
        put_u32(&mut self.bytes, 4, self.start as u32);
        put_u32(&mut self.bytes, 8, len as u32);
        self.bytes
    }
}

/// Offset of a subslice in `bytes`.
fn offset_in(bytes: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr() - bytes.as_ptr().addr()
}

fn put_u32(bytes: &mut [u8], at: usize, number: u32) {
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
}
