//! Reads ISO 9660 and Joliet (ECMA-119): volume descriptors and folders. Path tables are ignored, since a disc can be
//! read without them.

use std::collections::{HashSet, VecDeque};
use std::io::{Read, Seek};
use std::ops::Range;

use super::super::SECTOR;
use super::super::bytes::be32;
use super::source::DiscReader;
use super::{IsoPart, IsoTreeReader, VolumeEntry};
use crate::date::Date;
use crate::decode::from_utf16;
use crate::error::{Details, Error, Result};
use crate::little_endian::{u16_at, u32_at};

/// Contents of the volume descriptors.
#[derive(Default)]
pub struct Descriptors {
    pub iso: Option<VolumeDescriptor>,
    pub joliet: Option<VolumeDescriptor>,
    /// Sector of the boot catalog.
    pub catalog: Option<u64>,
}

pub struct VolumeDescriptor {
    is_joliet: bool,
    pub label: String,
    pub set: String,
    pub created: Option<Date>,
    root: Range<u64>,
}

/// Sector of the first volume descriptor (6.7.1), and the highest number of descriptors to read. Discs have two or
/// three.
const FIRST: u64 = 16;
const MAX_DESCRIPTORS: u64 = 64;

/// Reads the volume descriptors. There are none if the disc is not ISO 9660.
pub fn descriptors(source: &mut DiscReader<impl Read + Seek>) -> Result<Descriptors> {
    let mut found = Descriptors::default();
    if source.len() < (FIRST + 1) * SECTOR {
        return Ok(found);
    }
    for n in FIRST..FIRST + MAX_DESCRIPTORS {
        let sector = source.sector("a volume descriptor", n)?;
        if &sector[1..6] != b"CD001" {
            // A disc with only UDF also starts like this.
            return if n == FIRST { Ok(found) } else { Err(Error::damaged("the volume descriptors have no end")) };
        }
        source.note(IsoPart::Descriptors, n * SECTOR, SECTOR);
        match sector[0] {
            0 if sector[7..].starts_with(b"EL TORITO SPECIFICATION") => {
                found.catalog = Some(u32_at(&sector, 71).into())
            }
            1 if found.iso.is_none() => found.iso = Some(volume(source, &sector, false)?),
            2 if is_joliet(&sector) && found.joliet.is_none() => found.joliet = Some(volume(source, &sector, true)?),
            255 => return Ok(found),
            _ => (),
        }
    }
    Err(Error::over_limit(format!("there are more than {MAX_DESCRIPTORS} volume descriptors")))
}

/// Returns `true` if the escape sequences of a supplementary descriptor stand for Joliet: UCS-2 level 1, 2 or 3.
fn is_joliet(sector: &[u8]) -> bool {
    [b"%/@", b"%/C", b"%/E"].iter().any(|level| sector[88..].starts_with(*level))
}

fn volume(source: &mut DiscReader<impl Read + Seek>, sector: &[u8], is_joliet: bool) -> Result<VolumeDescriptor> {
    let block_len = both16(sector, 128, "the logical block size")?;
    if u64::from(block_len) != SECTOR {
        return Err(Error::unsupported(format!(
            "the logical blocks have {block_len} bytes, but only {SECTOR} are supported"
        )));
    }
    let text = |at: usize, len: usize| {
        let text = decoded(&sector[at..at + len], is_joliet);
        text.trim_end_matches([' ', '\0']).to_owned()
    };
    let root = DirectoryRecord::new(&sector[156..190])?
        .ok_or_else(|| Error::damaged("the volume descriptor has no root folder"))?;
    let root = root.range(source, "the root folder")?;
    // The path tables (8.4.14 to 8.4.19). An optional second copy of each may exist.
    let table_len = u32_at(sector, 132).into();
    for table in [u32_at(sector, 140), u32_at(sector, 144), be32(sector, 148), be32(sector, 152)] {
        if table != 0 {
            source.note(IsoPart::PathTables, u64::from(table) * SECTOR, table_len);
        }
    }
    Ok(VolumeDescriptor { is_joliet, label: text(40, 32), set: text(190, 128), created: date(&sector[813..830]), root })
}

/// Reads a date of a volume descriptor (8.4.26.1): year, month, day, hour, minute, second and hundredths as digits,
/// then the offset from UTC in quarters of an hour.
fn date(field: &[u8]) -> Option<Date> {
    let (digits, zone) = field.split_at(16);
    let digits = std::str::from_utf8(digits).ok()?;
    let part = |at: usize| digits.get(at..at + 2)?.parse::<u8>().ok();
    let civil = (digits.get(..4)?.parse().ok()?, part(4)?, part(6)?, part(8)?, part(10)?, part(12)?);
    let quarters = i8::from_le_bytes([zone[0]]);
    Date::from_civil(civil, i64::from(quarters) * 15 * 60)
}

/// Reads all files and folders of a volume.
pub fn tree(source: &mut DiscReader<impl Read + Seek>, volume: &VolumeDescriptor) -> Result<Vec<VolumeEntry>> {
    let mut tree = IsoTreeReader::new(source.len());
    let mut folders = VecDeque::from([(String::new(), volume.root.clone())]);
    let mut seen = HashSet::from([volume.root.start]);
    let part = if volume.is_joliet { IsoPart::JolietFolders } else { IsoPart::IsoFolders };
    while let Some((path, range)) = folders.pop_front() {
        let what = format!("the folder `/{path}`");
        tree.enter(&what, range.end - range.start)?;
        source.note(part, range.start, range.end - range.start);
        let bytes = source.read(&what, range)?;
        let mut records = records(&bytes, &what)?.into_iter().skip(2).peekable();
        while let Some(record) = records.next() {
            let name = record.name(volume.is_joliet);
            let mut extents = vec![record.range(source, &format!("`{name}` in {what}"))?];
            // The records of a file follow one another, and all but the last have the multi-extent flag (6.5.1).
            let mut has_more = record.has_more();
            while has_more {
                let more = records.next_if(|more| more.identifier() == record.identifier() && !more.is_folder());
                let Some(more) = more else {
                    return Err(Error::damaged(format!("the last extent of `{name}` in {what} is missing")));
                };
                extents.push(more.range(source, &format!("`{name}` in {what}"))?);
                has_more = more.has_more();
            }
            if !record.is_folder() {
                tree.add(&path, &name, false, extents)?;
                continue;
            }
            tree.add(&path, &name, true, Vec::new())?;
            if extents.len() > 1 || extents[0].is_empty() || !seen.insert(extents[0].start) {
                return Err(Error::damaged(format!("the folder `{name}` in {what} contains itself or can't be read")));
            }
            let path = if path.is_empty() { name } else { format!("{path}/{name}") };
            folders.push_back((path, extents[0].clone()));
        }
    }
    Ok(tree.files)
}

/// Reads the records of a folder, including those of the folder itself and its parent.
fn records<'a>(bytes: &'a [u8], what: &str) -> Result<Vec<DirectoryRecord<'a>>> {
    let mut records = Vec::new();
    for sector in bytes.chunks(SECTOR as usize) {
        let mut rest = sector;
        while let Some(record) = DirectoryRecord::new(rest)
            .map_err(|error| Error::Damaged(Details::new(format!("{what} is damaged")).because(error)))?
        {
            rest = &rest[record.0.len()..];
            records.push(record);
        }
    }
    match records.iter().position(|record| !record.is_itself_or_parent()) {
        Some(n) if n != 2 => Err(Error::damaged(format!("{what} doesn't start with itself and its parent"))),
        None if records.len() != 2 => Err(Error::damaged(format!("{what} doesn't start with itself and its parent"))),
        _ => Ok(records),
    }
}

/// Directory record (9.1). It is long enough for its identifier.
struct DirectoryRecord<'a>(&'a [u8]);

impl<'a> DirectoryRecord<'a> {
    /// Returns the record at the start of these bytes, or `None` at the zeros that fill the rest of a sector (6.8.1.1).
    fn new(bytes: &'a [u8]) -> Result<Option<Self>> {
        let len = match bytes.first() {
            None | Some(0) => return Ok(None),
            Some(len) => usize::from(*len),
        };
        if len < 34 || len > bytes.len() || 33 + usize::from(bytes[32]) > len {
            return Err(Error::damaged(format!("a directory record has the impossible length {len}")));
        }
        if bytes[1] != 0 || bytes[26] != 0 || bytes[27] != 0 {
            return Err(Error::unsupported(
                "a directory record has extended attributes or is interleaved, which is not supported",
            ));
        }
        Ok(Some(Self(&bytes[..len])))
    }

    fn identifier(&self) -> &'a [u8] {
        &self.0[33..33 + usize::from(self.0[32])]
    }

    fn is_itself_or_parent(&self) -> bool {
        matches!(self.identifier(), [0 | 1])
    }

    fn is_folder(&self) -> bool {
        self.0[25] & 0x02 != 0
    }

    fn has_more(&self) -> bool {
        self.0[25] & 0x80 != 0
    }

    /// Name without the version and without a full stop before it (7.5).
    fn name(&self, is_joliet: bool) -> String {
        let name = decoded(self.identifier(), is_joliet);
        if self.is_folder() {
            return name;
        }
        let name = name.rsplit_once(';').map_or(name.as_str(), |(name, _)| name);
        name.strip_suffix('.').filter(|name| !name.is_empty()).unwrap_or(name).to_owned()
    }

    fn range(&self, source: &DiscReader<impl Read + Seek>, what: &str) -> Result<Range<u64>> {
        let sector = u64::from(both32(self.0, 2, what)?);
        let len = u64::from(both32(self.0, 10, what)?);
        // The location of an empty file is arbitrary.
        if len == 0 { Ok(0..0) } else { source.range(what, sector * SECTOR, len) }
    }
}

/// Decodes a text: one byte per letter in ISO 9660, UTF-16 big-endian in Joliet.
fn decoded(bytes: &[u8], is_joliet: bool) -> String {
    match is_joliet {
        false => bytes.iter().map(|byte| char::from(*byte)).collect(),
        true => {
            let units = bytes.chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
            from_utf16(units)
        }
    }
}

/// Reads a number that is stored in both byte orders (7.2.3, 7.3.3).
fn both16(bytes: &[u8], at: usize, what: &str) -> Result<u16> {
    let value = u16_at(bytes, at);
    if bytes[at + 2..at + 4] == value.to_be_bytes() { Ok(value) } else { Err(two_values(what)) }
}

fn both32(bytes: &[u8], at: usize, what: &str) -> Result<u32> {
    let value = u32_at(bytes, at);
    if bytes[at + 4..at + 8] == value.to_be_bytes() { Ok(value) } else { Err(two_values(what)) }
}

fn two_values(what: &str) -> Error {
    Error::damaged(format!("{what} has different values in the two byte orders"))
}
