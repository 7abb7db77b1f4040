//! Entries of folders, as any driver may have written them: names, attributes and times.

use crate::date::Date;
use crate::decode::from_utf16;
use crate::little_endian::u16_at;
use crate::volume::fold;

use super::code_page::CodePage;
use super::short_name::ShortName;
use super::tree::LONG_NAME_UNITS;

/// DIR_Attr: the volume label, or a piece of a long name.
pub(super) const ATTR_VOLUME_ID: u8 = 0x08;
/// DIR_Attr: a folder.
pub(super) const ATTR_DIRECTORY: u8 = 0x10;
const ATTR_LONG_NAME: u8 = 0x0F;

/// DIR_Name[0] of an entry that is not in use.
const DELETED: u8 = 0xE5;

/// Entry of a folder with its name, without deleted ones.
pub(super) struct Named<'a> {
    /// Long name, or else the short one as Windows shows it.
    pub name: String,
    /// Short name as it is stored.
    pub short_name: String,
    /// The 32 bytes of the short entry.
    pub bytes: &'a [u8],
}

/// Lists the entries of a folder: files, folders, the label, and the two that lead to the folder itself and above.
pub(super) fn entries(folder: &[u8], code_page: CodePage) -> impl Iterator<Item = Named<'_>> {
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
        Some(Named { name, short_name, bytes })
    })
}

impl Named<'_> {
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

    /// The short name, if it is another than the name but for case.
    pub fn other_name(&self) -> Option<String> {
        (!fold(&self.name).eq(fold(&self.short_name))).then(|| self.short_name.clone())
    }

    /// Time of the last write.
    pub fn written(&self) -> Option<Date> {
        date(u16_at(self.bytes, 24), u16_at(self.bytes, 22), 0)
    }

    /// Time of creation: the second, and hundredths within it.
    pub fn created(&self) -> Option<(Date, u8)> {
        let hundredths = self.bytes[13];
        let date = date(u16_at(self.bytes, 16), u16_at(self.bytes, 14), hundredths / 100)?;
        Some((date, hundredths % 100))
    }
}

/// "Date and Time Formats". `None` for what is not a moment, such as the zeros of a file that has none.
fn date(day: u16, time: u16, extra_seconds: u8) -> Option<Date> {
    let second = (time & 0x1F) as u8 * 2 + extra_seconds.min(1);
    let civil = (1980 + (day >> 9), (day >> 5 & 0xF) as u8, (day & 0x1F) as u8);
    Date::from_civil((civil.0, civil.1, civil.2, (time >> 11) as u8, (time >> 5 & 0x3F) as u8, second), 0)
}

/// The pieces of a long name, which stand before their short one, the last piece first.
#[derive(Default)]
struct LongName {
    units: Vec<u16>,
    /// Number of the piece that is expected next; 0 when the name is whole.
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

    /// The name, if it is whole and belongs to this short one.
    fn finish(self, entry: &[u8]) -> Option<String> {
        let short = ShortName(entry[..11].try_into().ok()?);
        if self.next != 0 || short.checksum() != self.checksum {
            return None;
        }
        let end = self.units.iter().position(|unit| matches!(unit, 0 | 0xFFFF)).unwrap_or(self.units.len());
        Some(from_utf16(self.units[..end].iter().copied())).filter(|name| !name.is_empty())
    }
}

/// A short name. `lower` marks parts that Windows shows in lower case (DIR_NTRes).
fn short_name(entry: &[u8], code_page: CodePage, lower: u8) -> String {
    let part = |bytes: &[u8], is_lower: bool| {
        let text = text(bytes, code_page);
        if is_lower { text.to_lowercase() } else { text }
    };
    // A name that starts with the mark of deleted entries has 05 in its place.
    let mut stem = [0; 8];
    stem.copy_from_slice(&entry[..8]);
    if stem[0] == 0x05 {
        stem[0] = DELETED;
    }
    let stem = part(&stem, lower & 0x08 != 0);
    let extension = part(&entry[8..11], lower & 0x10 != 0);
    if extension.is_empty() { stem } else { format!("{stem}.{extension}") }
}

/// The characters of a name that is padded with blanks.
pub(super) fn text(bytes: &[u8], code_page: CodePage) -> String {
    let text: String = bytes.iter().map(|byte| code_page.decode(*byte)).collect();
    text.trim_end_matches(' ').to_owned()
}
