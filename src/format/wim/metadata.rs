//! Metadata resource of an image: security descriptors and the tree of files and folders (Windows
//! Imaging File Format, "metadata resource", "DIRENTRY", "STREAMENTRY").
//!
//! After the security descriptors come the root entry and the lists of the folders' entries, which
//! entries refer to by offset. Lists may have any order and are written breadth-first. A list ends
//! with 8 zero bytes. Everything is aligned to 8 bytes. Unknown data (tagged items after the names)
//! are kept.

use std::time::Duration;

use super::header::array_at;
use crate::date::Date;
use crate::limits::MAX_WIM_DEPTH;

/// Metadata of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Security descriptors, which entries refer to by index.
    pub security: Vec<Vec<u8>>,
    /// Root folder; its name is empty.
    pub root: ImageEntry,
}

/// A file or folder (102 bytes and names).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageEntry {
    /// Name in UTF-16, without a terminator.
    pub name: Vec<u16>,
    /// DOS name in UTF-16, without a terminator; empty if there is none.
    pub short_name: Vec<u16>,
    /// 0x08: `FILE_ATTRIBUTE_…`.
    pub attributes: u32,
    /// 0x0C: index of the security descriptor, or -1.
    pub security_id: i32,
    /// 0x18: two unused numbers.
    pub unused: [u64; 2],
    /// 0x28: times of creation, last access and last write.
    pub times: [FileTime; 3],
    /// 0x40: SHA-1 of the contents, or zeros.
    pub sha1: [u8; 20],
    /// 0x54: used by reparse points only.
    pub unknown: u32,
    /// 0x58: reparse tag and two more numbers, or else the number of a group of hard links.
    pub reparse_or_link: u64,
    /// Tagged items and other data after the names.
    pub tagged: Vec<u8>,
    /// Streams: named ones, and the contents if they are listed as one.
    pub streams: Vec<ImageStream>,
    /// Entries of the folder.
    pub children: Vec<ImageEntry>,
}

/// A stream of a file (38 bytes and a name).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageStream {
    /// Name in UTF-16, without a terminator.
    pub name: Vec<u16>,
    /// 0x08: unused number.
    pub unused: u64,
    /// 0x10: SHA-1 of the contents, or zeros.
    pub sha1: [u8; 20],
}

/// Time in Windows, in units of 100 ns since 1601-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileTime(pub u64);

/// Time from 1601 to 1970.
const TO_UNIX: Duration = Duration::from_secs(11_644_473_600);

impl From<Date> for FileTime {
    fn from(date: Date) -> Self {
        Self((TO_UNIX.as_secs() + date.unix()) * 10_000_000)
    }
}

impl FileTime {
    /// Date with a precision of seconds; `None` if it is out of range.
    pub fn date(self) -> Option<Date> {
        Date::from_unix((self.0 / 10_000_000).checked_sub(TO_UNIX.as_secs())?)
    }
}

const ENTRY_LEN: usize = 102;
const STREAM_LEN: usize = 38;

impl Default for ImageEntry {
    fn default() -> Self {
        Self {
            name: Vec::new(),
            short_name: Vec::new(),
            attributes: Self::FOLDER,
            security_id: -1,
            unused: [0; 2],
            times: [FileTime::default(); 3],
            sha1: [0; 20],
            unknown: 0,
            reparse_or_link: 0,
            tagged: Vec::new(),
            streams: Vec::new(),
            children: Vec::new(),
        }
    }
}

/// Checks that no list of entries belongs to two folders, as far as the lists can be parsed. The
/// total length of all entries is then at most that of `bytes`.
pub(super) fn check_tree(bytes: &[u8]) -> Result<(), String> {
    let reader = MetadataReader { bytes, n_left: 0 };
    let number = |at: usize| usize::try_from(reader.u64(at).ok()?).ok();
    let root_at = (reader.u32(0)? as usize).max(8).next_multiple_of(8);
    let mut lists: Vec<_> = root_at.checked_add(0x10).and_then(number).into_iter().map(|list| (list, 0)).collect();
    // Each byte is counted once per list that contains it, so shared lists exceed the length.
    let mut n_left = bytes.len();
    while let Some((mut at, depth)) = lists.pop() {
        if depth > MAX_WIM_DEPTH {
            return Err("its folders are too deep".into());
        }
        while let Some(len) = number(at).filter(|len| *len >= ENTRY_LEN) {
            let Ok(entry) = reader.slice(at, ENTRY_LEN) else { break };
            n_left = n_left.checked_sub(len).ok_or("its folders share a list of entries")?;
            let attributes = u32::from_le_bytes(array_at(entry, 0x08));
            let (list, n_streams) =
                (u64::from_le_bytes(array_at(entry, 0x10)), u16::from_le_bytes(array_at(entry, 0x60)));
            // Also for links to folders, in case a reader follows their lists.
            if let (true, Ok(list @ 1..)) = (attributes & ImageEntry::FOLDER != 0, usize::try_from(list)) {
                lists.push((list, depth + 1));
            }
            let end = at.checked_add(len).and_then(|end| end.checked_next_multiple_of(8));
            let next = (0..n_streams).try_fold(end, |end, _| {
                let len = number(end?).filter(|len| *len >= STREAM_LEN)?;
                Some(end?.checked_add(len)?.checked_next_multiple_of(8))
            });
            let Some(Some(next)) = next else { break };
            at = next;
        }
    }
    Ok(())
}

impl ImageEntry {
    /// `FILE_ATTRIBUTE_DIRECTORY`.
    pub const FOLDER: u32 = 0x10;
    /// `FILE_ATTRIBUTE_NORMAL`: no other attributes.
    pub const NORMAL: u32 = 0x80;
    /// `FILE_ATTRIBUTE_REPARSE_POINT`: a link, or data for a file system filter.
    pub const REPARSE_POINT: u32 = 0x400;

    /// Returns `true` for a folder, also if it is a link.
    pub fn is_folder(&self) -> bool {
        self.attributes & Self::FOLDER != 0
    }

    /// SHA-1 of the contents of the file. They may be listed as a stream without a name.
    pub fn contents(&self) -> [u8; 20] {
        let unnamed = self.streams.iter().find(|stream| stream.name.is_empty() && stream.sha1 != [0; 20]);
        unnamed.filter(|_| self.sha1 == [0; 20]).map_or(self.sha1, |stream| stream.sha1)
    }

    /// Encoded length in bytes without streams.
    fn len(&self) -> usize {
        // A name has a terminator unless it is empty.
        let names = [&self.name, &self.short_name].map(|name| if name.is_empty() { 0 } else { 2 * name.len() + 2 });
        (ENTRY_LEN + names[0] + names[1]).next_multiple_of(8) + self.tagged.len().next_multiple_of(8)
    }

    fn len_with_streams(&self) -> usize {
        self.len() + self.streams.iter().map(ImageStream::len).sum::<usize>()
    }

    /// Encoded length in bytes of the list of entries.
    fn list_len(&self) -> usize {
        self.children.iter().map(Self::len_with_streams).sum::<usize>() + 8
    }
}

impl ImageStream {
    fn len(&self) -> usize {
        (STREAM_LEN + if self.name.is_empty() { 0 } else { 2 * self.name.len() + 2 }).next_multiple_of(8)
    }
}

impl Metadata {
    /// Encodes the metadata.
    pub fn to_bytes(&self) -> Vec<u8> {
        let security_len = 8 + self.security.iter().map(|descriptor| 8 + descriptor.len()).sum::<usize>();
        let mut bytes = Vec::new();
        bytes.extend((security_len.next_multiple_of(8) as u32).to_le_bytes());
        bytes.extend((self.security.len() as u32).to_le_bytes());
        for descriptor in &self.security {
            bytes.extend((descriptor.len() as u64).to_le_bytes());
        }
        self.security.iter().for_each(|descriptor| bytes.extend(descriptor));
        pad(&mut bytes);
        let mut lists_at = bytes.len() + self.root.len_with_streams() + 8;
        let mut folders = Vec::new();
        put_list(std::slice::from_ref(&self.root), &mut lists_at, &mut folders, &mut bytes);
        // Lists are written in the order in which `put_list` assigned their offsets.
        let mut next = 0;
        while let Some(folder) = folders.get(next).copied() {
            next += 1;
            let mut below = Vec::new();
            put_list(&folder.children, &mut lists_at, &mut below, &mut bytes);
            folders.extend(below);
        }
        bytes
    }

    /// Parses a metadata resource.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut reader = MetadataReader { bytes, n_left: bytes.len() };
        let (security_len, n_security) = (reader.u32(0)? as usize, reader.u32(4)? as usize);
        let mut security = Vec::new();
        let mut at = n_security
            .checked_mul(8)
            .and_then(|len| len.checked_add(8))
            .ok_or("it has too many security descriptors")?;
        for n in 0..n_security {
            let len = usize::try_from(reader.u64(8 + 8 * n)?).map_err(|_| "a security descriptor is too long")?;
            security.push(reader.slice(at, len)?.to_vec());
            at += len;
        }
        // A security length of zero means no descriptors; the root still follows both numbers.
        let root_at = security_len.max(at).checked_next_multiple_of(8).ok_or("its security data are too long")?;
        let (mut root, _, lists_at) = reader.read_entry(root_at)?.ok_or("it has no root")?;
        if lists_at != 0 {
            root.children = reader.read_list(lists_at, 0)?;
        }
        Ok(Self { security, root })
    }
}

/// Writes a list of entries and its end, and assigns the next offset to the list of each folder in
/// it.
fn put_list<'a>(
    entries: &'a [ImageEntry],
    lists_at: &mut usize,
    folders: &mut Vec<&'a ImageEntry>,
    bytes: &mut Vec<u8>,
) {
    for entry in entries {
        let list_at = if entry.has_children() { *lists_at } else { 0 };
        if entry.has_children() {
            *lists_at += entry.list_len();
            folders.push(entry);
        }
        put_entry(entry, list_at, bytes);
    }
    bytes.extend([0; 8]);
}

fn put_entry(entry: &ImageEntry, list_at: usize, bytes: &mut Vec<u8>) {
    let put_name = |name: &[u16], bytes: &mut Vec<u8>| {
        // The terminating NUL is not part of the length, and missing names have none.
        if !name.is_empty() {
            bytes.extend(name.iter().chain([&0]).flat_map(|unit| unit.to_le_bytes()));
        }
    };
    bytes.extend((entry.len() as u64).to_le_bytes());
    bytes.extend(entry.attributes.to_le_bytes());
    bytes.extend(entry.security_id.to_le_bytes());
    bytes.extend((list_at as u64).to_le_bytes());
    bytes.extend(entry.unused.iter().flat_map(|number| number.to_le_bytes()));
    bytes.extend(entry.times.iter().flat_map(|time| time.0.to_le_bytes()));
    bytes.extend(entry.sha1);
    bytes.extend(entry.unknown.to_le_bytes());
    bytes.extend(entry.reparse_or_link.to_le_bytes());
    bytes.extend((entry.streams.len() as u16).to_le_bytes());
    bytes.extend((2 * entry.short_name.len() as u16).to_le_bytes());
    bytes.extend((2 * entry.name.len() as u16).to_le_bytes());
    put_name(&entry.name, bytes);
    put_name(&entry.short_name, bytes);
    pad(bytes);
    bytes.extend(&entry.tagged);
    pad(bytes);
    for stream in &entry.streams {
        bytes.extend((stream.len() as u64).to_le_bytes());
        bytes.extend(stream.unused.to_le_bytes());
        bytes.extend(stream.sha1);
        bytes.extend((2 * stream.name.len() as u16).to_le_bytes());
        put_name(&stream.name, bytes);
        pad(bytes);
    }
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(8), 0);
}

/// Reader of untrusted metadata. Every byte counts once as an entry, so that cyclic folders end.
struct MetadataReader<'a> {
    bytes: &'a [u8],
    n_left: usize,
}

impl MetadataReader<'_> {
    fn slice(&self, at: usize, len: usize) -> Result<&[u8], String> {
        let end = at.checked_add(len).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| format!("{len} bytes at {at} exceed its {} bytes", self.bytes.len()))?;
        Ok(&self.bytes[at..end])
    }

    fn u64(&self, at: usize) -> Result<u64, String> {
        Ok(u64::from_le_bytes(array_at(self.slice(at, 8)?, 0)))
    }

    fn u32(&self, at: usize) -> Result<u32, String> {
        Ok(u32::from_le_bytes(array_at(self.slice(at, 4)?, 0)))
    }

    fn u16(&self, at: usize) -> Result<usize, String> {
        Ok(u16::from_le_bytes(array_at(self.slice(at, 2)?, 0)).into())
    }

    /// Reads the list at an offset, with everything below it.
    fn read_list(&mut self, mut at: usize, depth: usize) -> Result<Vec<ImageEntry>, String> {
        if depth > MAX_WIM_DEPTH {
            return Err("its folders are too deep".into());
        }
        let mut entries = Vec::new();
        while let Some((mut entry, end, list_at)) = self.read_entry(at)? {
            if entry.is_folder() && entry.attributes & ImageEntry::REPARSE_POINT == 0 && list_at != 0 {
                entry.children = self.read_list(list_at, depth + 1)?;
            }
            entries.push(entry);
            at = end;
        }
        Ok(entries)
    }

    /// Reads an entry. Returns it with the offsets of the next entry and of its list; `None` at the
    /// end of a list.
    fn read_entry(&mut self, at: usize) -> Result<Option<(ImageEntry, usize, usize)>, String> {
        let len = self.u64(at)?;
        // Lists end with 8 zero bytes, or with an entry that has nothing but a length.
        if len <= 8 {
            return Ok(None);
        }
        let len =
            usize::try_from(len).ok().filter(|len| *len >= ENTRY_LEN).ok_or("an entry has an impossible length")?;
        let list_at = usize::try_from(self.u64(at + 0x10)?).map_err(|_| "a list is at an impossible offset")?;
        let (n_streams, short_len, name_len) = (self.u16(at + 0x60)?, self.u16(at + 0x62)?, self.u16(at + 0x64)?);
        let mut next = at + ENTRY_LEN;
        let mut names = [(name_len, Vec::new()), (short_len, Vec::new())];
        for (name_len, name) in names.iter_mut().filter(|(len, _)| *len > 0) {
            *name = utf16(self.slice(next, *name_len)?);
            next += *name_len + 2;
        }
        let [(_, name), (_, short_name)] = names;
        let bytes = self.slice(at, len)?;
        let tagged = bytes.get((next - at).next_multiple_of(8)..).unwrap_or_default().to_vec();
        let time = |n: usize| FileTime(u64::from_le_bytes(array_at(bytes, 0x28 + 8 * n)));
        let mut entry = ImageEntry {
            name,
            short_name,
            attributes: u32::from_le_bytes(array_at(bytes, 0x08)),
            security_id: i32::from_le_bytes(array_at(bytes, 0x0C)),
            unused: [0x18, 0x20].map(|at| u64::from_le_bytes(array_at(bytes, at))),
            times: [time(0), time(1), time(2)],
            sha1: array_at(bytes, 0x40),
            unknown: u32::from_le_bytes(array_at(bytes, 0x54)),
            reparse_or_link: u64::from_le_bytes(array_at(bytes, 0x58)),
            tagged,
            streams: Vec::new(),
            children: Vec::new(),
        };
        let mut end = (at + len).next_multiple_of(8);
        for _ in 0..n_streams {
            let (len, name_len) = (self.u64(end)?, self.u16(end + 0x24)?);
            let len = usize::try_from(len)
                .ok()
                .filter(|len| *len >= STREAM_LEN)
                .ok_or("a stream has an impossible length")?;
            let bytes = self.slice(end, len)?;
            let name = bytes.get(STREAM_LEN..STREAM_LEN + name_len).ok_or("the name of a stream exceeds it")?;
            entry.streams.push(ImageStream {
                name: utf16(name),
                unused: u64::from_le_bytes(array_at(bytes, 0x08)),
                sha1: array_at(bytes, 0x10),
            });
            end = (end + len).next_multiple_of(8);
        }
        self.n_left = self.n_left.checked_sub(end - at).ok_or("its folders are cyclic")?;
        Ok(Some((entry, end, list_at)))
    }
}

fn utf16(bytes: &[u8]) -> Vec<u16> {
    bytes.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> ImageEntry {
        ImageEntry { name: name.encode_utf16().collect(), attributes: ImageEntry::NORMAL, ..ImageEntry::default() }
    }

    fn folder(name: &str, children: Vec<ImageEntry>) -> ImageEntry {
        ImageEntry { attributes: ImageEntry::FOLDER, children, ..named(name) }
    }

    fn image() -> Metadata {
        let stream = |name: &str| ImageStream { name: name.encode_utf16().collect(), unused: 0, sha1: [3; 20] };
        let awkward = ImageEntry {
            short_name: "AWKWAR~1".encode_utf16().collect(),
            security_id: 1,
            unused: [7, 8],
            times: [FileTime(1), FileTime(2), FileTime(u64::MAX)],
            sha1: [0; 20],
            unknown: 9,
            reparse_or_link: 10,
            tagged: vec![1; 24],
            streams: vec![stream(""), stream("Zone.Identifier")],
            ..named("awkward file")
        };
        let deep = folder("deep", vec![folder("deeper", vec![named("leaf")]), folder("empty", Vec::new())]);
        let root = folder("", vec![named("a"), deep, awkward, folder("last", vec![named("z")])]);
        Metadata { security: vec![vec![5; 20], Vec::new(), vec![6; 3]], root }
    }

    #[test]
    fn an_image_reads_back_from_its_bytes() {
        let bytes = image().to_bytes();
        assert_eq!(Metadata::parse(&bytes), Ok(image()));
        assert_eq!(image().root.children[2].contents(), [3; 20]);
        let empty = Metadata::default();
        assert_eq!(Metadata::parse(&empty.to_bytes()), Ok(empty));
    }

    #[test]
    fn the_smallest_image_is_as_wimlib_writes_it() {
        let bytes = Metadata::default().to_bytes();
        assert_eq!(bytes.len(), 8 + 104 + 8 + 8);
        assert_eq!(bytes[..16], [8, 0, 0, 0, 0, 0, 0, 0, 104, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[16..32], [0x10, 0, 0, 0, 255, 255, 255, 255, 120, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[112..], [0; 16]);
    }

    #[test]
    fn no_damage_is_more_than_an_error() {
        let bytes = image().to_bytes();
        for len in 0..bytes.len() {
            // A missing end of the last list goes unnoticed.
            let _ = Metadata::parse(&bytes[..len]);
        }
        for at in 0..bytes.len() {
            for value in [0, 1, 8, 16, 104, 255] {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                let _ = Metadata::parse(&bytes);
            }
        }
        assert!(Metadata::parse(&[]).is_err());
    }

    #[test]
    fn folders_in_a_circle_are_an_error() {
        let mut bytes = Metadata { root: folder("", vec![folder("a", Vec::new())]), ..Metadata::default() }.to_bytes();
        // The list of the folder `a` is the one that contains it.
        let [root, child] = [8, 120];
        bytes.copy_within(root + 0x10..root + 0x18, child + 0x10);
        assert_eq!(Metadata::parse(&bytes), Err("its folders are cyclic".into()));
    }

    #[test]
    fn security_data_that_end_at_the_last_number_are_no_panic() {
        let mut bytes = image().to_bytes();
        bytes[..4].fill(0xFF);
        assert_eq!(check_tree(&bytes), Ok(()), "a missing root is not checked");
        assert!(Metadata::parse(&bytes).is_err());
    }

    #[test]
    fn times_are_those_of_windows() {
        let date = Date::from_unix(1_600_000_000).unwrap();
        assert_eq!(FileTime::from(date), FileTime(132_444_736_000_000_000));
        assert_eq!(FileTime(132_444_736_009_999_999).date(), Some(date));
        assert_eq!(FileTime(0).date(), None);
    }
}
