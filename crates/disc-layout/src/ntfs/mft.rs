//! Reads the records of the master file table of a volume written by any driver.

use super::attributes::{Attribute, Stream, attributes, number_of};
use super::facts::NtfsBootSector;
use super::{ROOT, attribute_list, fixups, record};
use crate::decode::from_utf16;
use crate::error::Error;
use crate::limits::MAX_NTFS_DEPTH;
use crate::little_endian::{u16_at, u64_at};
use crate::partitions::Window;

/// Number of bytes of the table that are read at a time; at least one record.
const BLOCK_LEN: usize = 1 << 20;

/// Record flag: in use.
const IN_USE: u16 = 1;

/// Namespace of names for DOS only.
const DOS: u8 = 2;

/// Master file table.
pub struct MasterFileTable {
    stream: Stream,
    boot: NtfsBootSector,
}

/// Number of the base record that a record continues. `None` for a base record.
pub fn base_of(record: &[u8]) -> Option<u64> {
    Some(u64_at(record, 32)).filter(|reference| *reference != 0).map(number_of)
}

/// Attributes of the unnamed data stream in a record.
fn data(record: &[u8]) -> Result<Vec<Attribute<'_>>, String> {
    let is_data = |it: &Attribute| it.kind() == record::DATA && it.name().is_empty();
    attributes(record).filter(|it| it.as_ref().map_or(true, is_data)).collect()
}

/// Names of a file other than those for DOS only, each with the number of its folder.
fn names(record: &[u8]) -> impl Iterator<Item = (u64, String)> {
    let values = attributes(record).flatten().filter(|it| it.kind() == record::FILE_NAME).filter_map(|it| it.value());
    values.filter(|value| value.len() >= 66 && value[65] != DOS).map(|value| {
        let units = value[66..].chunks_exact(2).map(|unit| u16_at(unit, 0));
        (number_of(u64_at(value, 0)), from_utf16(units))
    })
}

impl MasterFileTable {
    /// Finds the table, which is described by its own first record.
    ///
    /// # Errors
    ///
    /// If the table contradicts itself or can't be read.
    pub fn open(volume: &Window) -> Result<Self, String> {
        let boot = NtfsBootSector::read(&mut volume.clone()).map_err(|fault| fault.to_string())?;
        let first = boot.record(&mut volume.clone(), 0).map_err(|fault| fault.to_string())?;
        let stream = Stream::beginning(data(&first)?, boot.cluster_len, boot.len)?;
        let mut table = Self { stream, boot };
        // A fragmented table is continued in further records, each within the fragments before it.
        let mut records = vec![first];
        for other in attribute_list::others(&records[0], volume, &table.boot)? {
            records.push(table.record(volume, other)?.ok_or("a record of the table itself is not in use")?);
            let parts = records.iter().map(|record| data(record)).collect::<Result<Vec<_>, _>>()?;
            // Records are listed by number, and a later one may describe an earlier fragment.
            if let Ok(stream) = Stream::beginning(parts.concat(), table.boot.cluster_len, table.boot.len) {
                table.stream = stream;
            }
        }
        let parts = records.iter().map(|record| data(record)).collect::<Result<Vec<_>, _>>()?;
        table.stream = Stream::new(parts.concat(), table.boot.cluster_len, table.boot.len)?;
        // A table with holes, or with the same clusters over and over, could be endless.
        match table.stream.is_hollow() || table.stream.len() > table.boot.len {
            true => Err("the master file table is longer than its volume".into()),
            false => Ok(table),
        }
    }

    /// Geometry of the volume.
    pub fn boot(&self) -> &NtfsBootSector {
        &self.boot
    }

    /// Length of a cluster in bytes.
    pub fn cluster_len(&self) -> u64 {
        self.boot.cluster_len
    }

    /// Length of the volume in bytes, without the backup of the boot sector.
    pub fn volume_len(&self) -> u64 {
        self.boot.len
    }

    /// Returns `true` if a record is of a file with a reparse point whose contents are at least partly missing on the
    /// volume.
    pub fn is_hollow(&self, record: &[u8]) -> bool {
        let has_reparse_point = attributes(record).flatten().any(|it| it.kind() == record::REPARSE_POINT);
        has_reparse_point
            && data(record)
                .and_then(|data| Stream::beginning(data, self.boot.cluster_len, self.boot.len))
                .is_ok_and(|stream| stream.is_hollow())
    }

    /// Reads a record and applies its fixups. `None` if it is not in use.
    ///
    /// # Errors
    ///
    /// If the record is outside of the table, only partly written, or can't be read.
    pub fn record(&self, volume: &Window, number: u64) -> Result<Option<Vec<u8>>, String> {
        let mut bytes = vec![0; self.boot.record_len];
        let at = number.checked_mul(self.boot.record_len as u64).ok_or("there is no such record")?;
        self.stream.fill(volume, &mut bytes, at)?;
        if !is_in_use(&bytes) {
            return Ok(None);
        }
        fixups::apply(&mut bytes)
            .then_some(Some(bytes))
            .ok_or_else(|| format!("record {number} was only partly written"))
    }

    /// Adds the bytes of a record to `patches`, with their offsets on the volume.
    ///
    /// # Errors
    ///
    /// If the record is in a hole.
    pub fn place(&self, number: u64, bytes: &[u8], patches: &mut Vec<(u64, Vec<u8>)>) -> Result<(), String> {
        let at = number * self.boot.record_len as u64;
        for (part, place) in self.stream.places(at..at + bytes.len() as u64) {
            let place = place.ok_or("a record is in a hole")?;
            patches.push((place, bytes[(part.start - at) as usize..(part.end - at) as usize].to_vec()));
        }
        Ok(())
    }

    /// Paths of a file from the root, one for each name that is not for DOS only. Paths through folders that can't be
    /// read are left out.
    pub fn paths(&self, volume: &Window, number: u64) -> Vec<String> {
        let Ok(Some(record)) = self.record(volume, number) else { return Vec::new() };
        names(&record).filter_map(|(parent, name)| self.path_below(volume, parent, name)).collect()
    }

    /// Path of a name below a folder.
    fn path_below(&self, volume: &Window, mut parent: u64, name: String) -> Option<String> {
        let mut parts = vec![name];
        while parent != ROOT {
            let record = self.record(volume, parent).ok()??;
            let (above, name) = names(&record).next()?;
            parts.push(name);
            parent = above;
            if parts.len() > MAX_NTFS_DEPTH {
                return None;
            }
        }
        parts.reverse();
        Some(parts.join("/"))
    }

    /// Shows every valid record in use, with its number. Calls `check_cancelled` before each mebibyte of the table.
    ///
    /// # Errors
    ///
    /// If the table can't be read, or `check_cancelled` fails.
    pub fn visit<E: From<Error>>(
        &self,
        volume: &Window,
        check_cancelled: &mut dyn FnMut() -> Result<(), E>,
        show: &mut dyn FnMut(u64, &[u8]),
    ) -> Result<(), E> {
        let record_len = self.boot.record_len;
        let end = self.stream.len() / record_len as u64 * record_len as u64;
        let mut block = vec![0; BLOCK_LEN / record_len * record_len];
        let mut at = 0;
        while at < end {
            check_cancelled()?;
            let len = block.len().min((end - at) as usize);
            let bytes = &mut block[..len];
            self.stream.fill(volume, bytes, at).map_err(|why| {
                Error::damaged(format!("the master file table of the NTFS volume can't be read at {at}: {why}"))
            })?;
            for (record, number) in bytes.chunks_exact_mut(record_len).zip(at / record_len as u64..) {
                if is_in_use(record) && fixups::apply(record) {
                    show(number, record);
                }
            }
            at += len as u64;
        }
        Ok(())
    }
}

fn is_in_use(record: &[u8]) -> bool {
    &record[..4] == b"FILE" && u16_at(record, 22) & IN_USE != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a record with one name in the root folder.
    fn record_named(name: &[u16]) -> Vec<u8> {
        let mut value = vec![0; 66];
        value[..8].copy_from_slice(&ROOT.to_le_bytes());
        value[64] = name.len() as u8;
        value.extend(name.iter().flat_map(|unit| unit.to_le_bytes()));
        let len = (24 + value.len()).next_multiple_of(8);
        let mut attribute = vec![0; len];
        attribute[..4].copy_from_slice(&record::FILE_NAME.to_le_bytes());
        attribute[4..8].copy_from_slice(&(len as u32).to_le_bytes());
        attribute[16..20].copy_from_slice(&(value.len() as u32).to_le_bytes());
        attribute[20] = 24;
        attribute[24..24 + value.len()].copy_from_slice(&value);
        let mut record = vec![0; 56];
        record[20] = 56;
        record.extend(attribute);
        record.extend([0xff; 4]);
        record
    }

    #[test]
    fn names_that_are_not_text_stay_different() {
        let name = |unit| names(&record_named(&[0x61, unit])).collect::<Vec<_>>();
        assert_eq!(name(0x62), [(ROOT, "ab".to_owned())]);
        assert_eq!(name(0xd800), [(ROOT, "a\\u{d800}".to_owned())]);
        assert_eq!(name(0xdfff), [(ROOT, "a\\u{dfff}".to_owned())]);
    }
}
