//! Setting a number in an existing hive without moving other data.

use super::read::u32_at;
use super::write::{HiveWriter, put};
use super::{BLOCK_LEN, Hive, NO_OFFSET, ValueData, ValueType, checksum, damaged};
use crate::error::{Error, Result};

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
    let hive = Hive::read(bytes)?;
    if hive.is_dirty() {
        return Err(Error::new("the registry hive was not closed cleanly: its last changes are in its log"));
    }
    let Some(key) = hive.key(path)? else { return Ok(None) };
    let (values, mut offsets) = (key.values()?, key.value_offsets()?);
    let found = values.iter().position(|value| value.has_name(name));
    let is_number =
        |at: &usize| values[*at].kind() == ValueType::U32 && u32_at(values[*at].record(), 4) == IS_INLINE | 4;
    // Data after the bins are not part of the hive.
    let mut writer = HiveWriter::append_to(hive.bins());
    if let Some(at) = found.filter(is_number) {
        writer.put(offsets[at], 8, &number.to_le_bytes());
    } else {
        let value = writer.write_value(name, &ValueData::from_u32(number));
        match found {
            Some(at) => offsets[at] = value,
            None => offsets.push(value),
        }
        let list = writer.add_cell(offsets.len() * 4);
        for (n, offset) in offsets.iter().enumerate() {
            writer.put(list, n * 4, &offset.to_le_bytes());
        }
        writer.end_bin();
        // The cells of the old list and record stay allocated, although nothing refers to them.
        // Windows accepts that, and freeing them would change more bytes.
        writer.put_u32(key.offset(), 36, offsets.len());
        writer.put(key.offset(), 40, &list.to_le_bytes());
        // The length of the longest name counts UTF-16 units of two bytes, and that of the longest
        // data bytes.
        for (at, len) in [(60, 2 * name.encode_utf16().count()), (64, 4)] {
            let known = Some(u32_at(key.node(), at)).filter(|known| *known != NO_OFFSET);
            writer.put_u32(key.offset(), at, known.map_or(len, |known| len.max(known as usize)));
        }
    }
    let mut base: [u8; BLOCK_LEN] = *bytes.first_chunk().ok_or_else(|| damaged("it has no base block"))?;
    let len = u32::try_from(writer.bins.len()).map_err(|_| damaged("it has more than 4 GiB"))?;
    put(&mut base, 40, &len.to_le_bytes());
    let sum = checksum(&base);
    put(&mut base, 508, &sum.to_le_bytes());
    Ok(Some([&base[..], &writer.bins].concat()))
}
