//! Reads members of ZIP archives (PKWARE's APPNOTE 6.3.10), as the console and other programs of Windows write them.
//!
//! A small reader that trusts nothing: every member must lie where no other does, within the file, under a plain
//! relative name; its length and CRC-32 are checked. Stored and deflated members are read, into memory and up to a
//! bound that the caller sets. Not supported, and refused: encryption, ZIP64, several volumes, other methods.

use std::collections::BTreeSet;
use std::io::{Read, Seek, SeekFrom};

use flate2::read::DeflateDecoder;

use crate::error::{Error, Result};
use crate::limits::{MAX_ZIP_DIRECTORY_LEN, MAX_ZIP_MEMBERS, MAX_ZIP_UNPACKED_LEN};

/// The end of the central directory (clause 4.3.16), without its comment.
const END_LEN: usize = 22;
/// The header of a member in the directory (clause 4.3.12) and before its data (clause 4.3.7), without what varies.
const ENTRY_LEN: usize = 46;
const LOCAL_LEN: u64 = 30;

/// A file in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name, with `/` between folders.
    pub name: String,
    /// Its length, in bytes.
    pub len: u64,
    packed_len: u64,
    /// Where its local header begins.
    offset: u64,
    method: u16,
    crc: u32,
}

/// An archive whose directory was read.
#[derive(Debug)]
pub struct Archive<R> {
    source: R,
    members: Vec<Member>,
    /// Bytes that may still be unpacked.
    len_left: u64,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the directory of an archive and checks all of it.
    ///
    /// # Errors
    ///
    /// It is no archive, it is damaged, or it holds something that is not read at all (see the module).
    pub fn open(mut source: R) -> Result<Self> {
        let file_len = source.seek(SeekFrom::End(0)).map_err(unread)?;
        let end = find_end(&mut source, file_len)?;
        let (n_members, directory_len, directory) = (u16_at(&end, 10), u32_at(&end, 12), u32_at(&end, 16));
        if u16_at(&end, 4) != 0 || u16_at(&end, 6) != 0 || u16_at(&end, 8) != n_members {
            return Err(damaged("it is one of several volumes"));
        }
        if n_members == u16::MAX || directory == u32::MAX || directory_len == u32::MAX {
            return Err(damaged("it is a ZIP64 archive, and those are not read"));
        }
        let (directory, directory_len) = (u64::from(directory), u64::from(directory_len));
        if n_members > MAX_ZIP_MEMBERS || directory_len > MAX_ZIP_DIRECTORY_LEN {
            return Err(damaged(&format!("it has more than {MAX_ZIP_MEMBERS} files")));
        }
        if directory.checked_add(directory_len).is_none_or(|end| end > file_len) {
            return Err(damaged("its directory lies outside of the file"));
        }
        let bytes = read_at(&mut source, directory, directory_len)?;
        let mut members = Vec::new();
        let mut rest = &bytes[..];
        for _ in 0..n_members {
            let (member, after) = entry(rest)?;
            rest = after;
            // Folders have no content.
            members.extend(member);
        }
        check_places(&members, directory)?;
        Ok(Self { source, members, len_left: MAX_ZIP_UNPACKED_LEN })
    }

    /// Its files, in the order of its directory.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Reads a file of `limit` bytes at most.
    ///
    /// # Errors
    ///
    /// There is no such file, it is longer, or it is damaged.
    pub fn read(&mut self, name: &str, limit: u64) -> Result<Vec<u8>> {
        let member = self.members.iter().find(|member| member.name == name).cloned();
        let Some(member) = member else { return Err(Error::new(format!("the archive has no file `{name}`"))) };
        // Empty blocks make what is packed as long as somebody likes.
        if member.packed_len > limit.saturating_add(limit / 100 + 1024) {
            return Err(damaged(&format!("`{name}` is longer packed than unpacked")));
        }
        if member.len > limit {
            return Err(Error::new(format!("`{name}` has {} bytes, and {limit} is the most that is read", member.len)));
        }
        self.len_left = self.len_left.checked_sub(member.len.max(member.packed_len)).ok_or_else(|| {
            damaged(&format!("with `{name}` more than {MAX_ZIP_UNPACKED_LEN} bytes are to be unpacked"))
        })?;
        let local = read_at(&mut self.source, member.offset, LOCAL_LEN)?;
        if u32_at(&local, 0) != 0x0403_4b50 || u16_at(&local, 8) != member.method {
            return Err(damaged(&format!("`{name}` is not where the directory says")));
        }
        let start = member.offset + LOCAL_LEN + u64::from(u16_at(&local, 26)) + u64::from(u16_at(&local, 28));
        let packed = read_at(&mut self.source, start, member.packed_len)?;
        let mut content = Vec::new();
        match member.method {
            0 => content = packed,
            // One byte more than it may have shows that it has more.
            _ => {
                let read = DeflateDecoder::new(&packed[..]).take(member.len + 1).read_to_end(&mut content);
                read.map_err(|error| damaged(&format!("`{name}` can't be unpacked: {error}")))?;
            }
        }
        if content.len() as u64 != member.len || crc32fast::hash(&content) != member.crc {
            return Err(damaged(&format!("`{name}` is not what the directory says")));
        }
        Ok(content)
    }
}

fn unread(error: std::io::Error) -> Error {
    Error::new("the archive can't be read").because(error)
}

fn damaged(why: &str) -> Error {
    Error::new(format!("the archive can't be read: {why}"))
}

fn read_at(source: &mut (impl Read + Seek), offset: u64, len: u64) -> Result<Vec<u8>> {
    source.seek(SeekFrom::Start(offset)).map_err(unread)?;
    let mut bytes = Vec::new();
    source.take(len).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 != len {
        return Err(damaged("it ends too early"));
    }
    Ok(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The end of the directory: the last of its kind whose comment reaches to the end of the file.
fn find_end(source: &mut (impl Read + Seek), file_len: u64) -> Result<Vec<u8>> {
    let tail_len = file_len.min(END_LEN as u64 + u64::from(u16::MAX));
    let tail = read_at(source, file_len - tail_len, tail_len)?;
    let is_end = |at: &usize| {
        tail[*at..].starts_with(b"PK\x05\x06") && at + END_LEN + usize::from(u16_at(&tail, at + 20)) == tail.len()
    };
    match (0..(tail.len() + 1).saturating_sub(END_LEN)).rev().find(is_end) {
        Some(at) => Ok(tail[at..at + END_LEN].to_vec()),
        None => Err(damaged("it is no ZIP archive, or it ends too early")),
    }
}

/// An entry of the directory, nothing for a folder, and what follows it.
fn entry(bytes: &[u8]) -> Result<(Option<Member>, &[u8])> {
    if bytes.len() < ENTRY_LEN || u32_at(bytes, 0) != 0x0201_4b50 {
        return Err(damaged("its directory ends too early"));
    }
    let [name_len, extra_len, comment_len] = [28, 30, 32].map(|at| usize::from(u16_at(bytes, at)));
    let len = ENTRY_LEN + name_len + extra_len + comment_len;
    let (Some(name), Some(after)) = (bytes.get(ENTRY_LEN..ENTRY_LEN + name_len), bytes.get(len..)) else {
        return Err(damaged("its directory ends too early"));
    };
    let Ok(name) = std::str::from_utf8(name) else { return Err(damaged("it has a name that is no UTF-8")) };
    let name = name.replace('\\', "/");
    let is_folder = name.ends_with('/');
    let parts = name.strip_suffix('/').unwrap_or(&name).split('/');
    let is_wrong = |part: &str| matches!(part, "" | "." | "..") || part.contains([':', '\0']);
    if parts.into_iter().any(is_wrong) {
        return Err(damaged(&format!("the name `{name}` leads out of it")));
    }
    let (flags, method) = (u16_at(bytes, 8), u16_at(bytes, 10));
    // Bit 0 is encryption, bit 6 strong encryption, bit 13 that of the directory (clause 4.4.4).
    if flags & 0x2041 != 0 {
        return Err(damaged(&format!("`{name}` is encrypted")));
    }
    if !matches!(method, 0 | 8) {
        return Err(damaged(&format!("`{name}` is packed with method {method}, and 0 and 8 are read")));
    }
    let (packed_len, len) = (u64::from(u32_at(bytes, 20)), u64::from(u32_at(bytes, 24)));
    let offset = u64::from(u32_at(bytes, 42));
    if [packed_len, len, offset].contains(&u64::from(u32::MAX)) {
        return Err(damaged("it is a ZIP64 archive, and those are not read"));
    }
    if method == 0 && packed_len != len {
        return Err(damaged(&format!("`{name}` is not packed and has two lengths")));
    }
    let member = Member { name, len, packed_len, offset, method, crc: u32_at(bytes, 16) };
    Ok(((!is_folder).then_some(member), after))
}

/// No two members may share bytes, and all of them lie before the directory: otherwise a small archive could hold
/// more than there is in the world.
fn check_places(members: &[Member], directory: u64) -> Result<()> {
    let mut names = BTreeSet::new();
    if let Some(twice) = members.iter().find(|member| !names.insert(member.name.to_lowercase())) {
        return Err(damaged(&format!("it has the file `{}` twice", twice.name)));
    }
    let mut places: Vec<_> = members.iter().collect();
    places.sort_by_key(|member| member.offset);
    for (index, member) in places.iter().enumerate() {
        let end = member.offset + LOCAL_LEN + member.packed_len;
        let next = places.get(index + 1).map_or(directory, |next| next.offset);
        if end > next {
            return Err(damaged(&format!("`{}` overlaps what follows it", member.name)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
