//! Reader of directory entries written by any driver: names, attributes and times.

use crate::date::Date;
use crate::decode::from_utf16;
use crate::little_endian::u16_at;
use crate::volume::fold;

use super::code_page::CodePage;
use super::short_name::ShortName;
use super::tree::LONG_NAME_UNITS;

/// Attribute (DIR_Attr) of the volume label and of pieces of long names.
pub(super) const ATTR_VOLUME_ID: u8 = 0x08;
/// Attribute (DIR_Attr) of a folder.
pub(super) const ATTR_DIRECTORY: u8 = 0x10;
const ATTR_LONG_NAME: u8 = 0x0F;

/// First byte (DIR_Name) of a deleted entry.
const DELETED: u8 = 0xE5;

/// Directory entry with its name.
pub(super) struct FatDirEntry<'a> {
    /// Long name, or else the short name as Windows shows it.
    pub name: String,
    /// Short name as stored.
    pub short_name: String,
    /// Bytes of the short entry.
    pub bytes: &'a [u8],
}

/// Lists the entries of a folder, including the volume label, `.` and `..`, but no deleted ones.
pub(super) fn entries(folder: &[u8], code_page: CodePage) -> impl Iterator<Item = FatDirEntry<'_>> {
    let mut long = LongName::default();
    folder.as_chunks::<32>().0.iter().take_while(|bytes| bytes[0] != 0).filter_map(move |bytes| {
        if bytes[0] == DELETED {
            long = LongName::default();
            return None;
        }
        if bytes[11] & 0x3F == ATTR_LONG_NAME {
            long.take(bytes);
            return None;
        }
        let short_name = short_name(bytes, code_page, 0);
        let long = std::mem::take(&mut long).finish(bytes);
        let name = long.unwrap_or_else(|| self::short_name(bytes, code_page, bytes[12]));
        Some(FatDirEntry { name, short_name, bytes })
    })
}

impl FatDirEntry<'_> {
    /// DIR_Attr.
    pub fn attributes(&self) -> u8 {
        self.bytes[11]
    }

    /// First cluster; 0 for none.
    pub fn first_cluster(&self) -> u64 {
        u64::from(u16_at(self.bytes, 20)) << 16 | u64::from(u16_at(self.bytes, 26))
    }

    /// DIR_FileSize.
    pub fn len(&self) -> u64 {
        u64::from(u16_at(self.bytes, 28)) | u64::from(u16_at(self.bytes, 30)) << 16
    }

    /// Short name, if it differs from the name by more than case.
    pub fn other_name(&self) -> Option<String> {
        (!fold(&self.name).eq(fold(&self.short_name))).then(|| self.short_name.clone())
    }

    /// Time of the last write.
    pub fn written(&self) -> Option<Date> {
        date(u16_at(self.bytes, 24), u16_at(self.bytes, 22), 0)
    }

    /// Time of creation, with hundredths of a second.
    pub fn created(&self) -> Option<(Date, u8)> {
        let hundredths = self.bytes[13];
        let date = date(u16_at(self.bytes, 16), u16_at(self.bytes, 14), hundredths / 100)?;
        Some((date, hundredths % 100))
    }
}

/// Parses a date and a time ("Date and Time Formats"). `None` if they are invalid, such as zeros for an unset time.
fn date(day: u16, time: u16, extra_seconds: u8) -> Option<Date> {
    let second = (time & 0x1F) as u8 * 2 + extra_seconds.min(1);
    let civil = (1980 + (day >> 9), (day >> 5 & 0xF) as u8, (day & 0x1F) as u8);
    Date::from_civil((civil.0, civil.1, civil.2, (time >> 11) as u8, (time >> 5 & 0x3F) as u8, second), 0)
}

/// Pieces of a long name, which precede the short entry with the last piece first.
#[derive(Default)]
struct LongName {
    units: Vec<u16>,
    /// Number of the piece expected next; 0 once the name is complete.
    next: u8,
    checksum: u8,
}

impl LongName {
    fn take(&mut self, entry: &[u8]) {
        let number = entry[0] & 0x3F;
        if entry[0] & 0x40 != 0 {
            *self =
                Self { units: vec![0xFFFF; usize::from(number) * LONG_NAME_UNITS], next: number, checksum: entry[13] };
        }
        if number == 0 || number != self.next || entry[13] != self.checksum {
            *self = Self::default();
            return;
        }
        self.next -= 1;
        let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain((28..32).step_by(2));
        let units = &mut self.units[usize::from(self.next) * LONG_NAME_UNITS..];
        for (unit, at) in units.iter_mut().zip(places) {
            *unit = u16_at(entry, at);
        }
    }

    /// Returns the name if it is complete and belongs to this short entry.
    fn finish(self, entry: &[u8]) -> Option<String> {
        let short = ShortName(entry[..11].try_into().ok()?);
        if self.next != 0 || short.checksum() != self.checksum {
            return None;
        }
        let end = self.units.iter().position(|unit| matches!(unit, 0 | 0xFFFF)).unwrap_or(self.units.len());
        Some(from_utf16(self.units[..end].iter().copied())).filter(|name| !name.is_empty())
    }
}

/// Formats a short name. `lower` marks parts that Windows shows in lower case (DIR_NTRes).
fn short_name(entry: &[u8], code_page: CodePage, lower: u8) -> String {
    let part = |bytes: &[u8], is_lower: bool| {
        let text = text(bytes, code_page);
        if is_lower { text.to_lowercase() } else { text }
    };
    // A name whose first byte would mark it as deleted has 0x05 there instead.
    let mut stem = [0; 8];
    stem.copy_from_slice(&entry[..8]);
    if stem[0] == 0x05 {
        stem[0] = DELETED;
    }
    let stem = part(&stem, lower & 0x08 != 0);
    let extension = part(&entry[8..11], lower & 0x10 != 0);
    if extension.is_empty() { stem } else { format!("{stem}.{extension}") }
}

/// Decodes a name padded with spaces.
pub(super) fn text(bytes: &[u8], code_page: CodePage) -> String {
    let text: String = bytes.iter().map(|byte| code_page.decode(*byte)).collect();
    text.trim_end_matches(' ').to_owned()
}
