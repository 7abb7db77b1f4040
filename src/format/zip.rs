//! Reader of ZIP archives (PKWARE's APPNOTE 6.3.10), as the console and other Windows programs
//! write them.
//!
//! The crate `zip` parses the format; this module decides what to trust. Rejected are overlapping
//! members, duplicate names, names that lead out of the archive, encryption, and directories and
//! members beyond the limits. Stored and deflated members are read into memory.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use zip::read::ZipReadOptions;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use crate::error::{Error, Result};
use crate::limits::{MAX_ZIP_DIRECTORY_LEN, MAX_ZIP_MEMBERS, MAX_ZIP_UNPACKED_LEN};

/// A file in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name, with `/` between folders.
    pub name: String,
    /// Length in bytes.
    pub len: u64,
    packed_len: u64,
    /// Index in the directory.
    index: usize,
}

/// An archive with a checked directory.
pub struct Archive<R> {
    zip: ZipArchive<Metered<R>>,
    members: Vec<Member>,
    /// Bytes that may still be unpacked.
    len_left: u64,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads and checks the directory of an archive.
    ///
    /// # Errors
    ///
    /// If `source` is not an archive, is damaged, or contains something that this module rejects.
    pub fn open(source: R) -> Result<Self> {
        let budget = Rc::new(Cell::new(MAX_ZIP_DIRECTORY_LEN));
        let mut zip = ZipArchive::new(Metered { source, budget: budget.clone() }).map_err(zip_error)?;
        // From here on, the limits of members apply.
        budget.set(u64::MAX);
        if zip.len() > usize::from(MAX_ZIP_MEMBERS) {
            return Err(damaged_error(&format!("it has more than {MAX_ZIP_MEMBERS} files")));
        }
        if zip.has_duplicate_names() {
            return Err(damaged_error("it contains two files with the same name"));
        }
        if zip.has_overlapping_entries().map_err(zip_error)? {
            return Err(damaged_error("two of its files overlap"));
        }
        let members = (0..zip.len()).map(|index| check_member(&zip, index)).collect::<Result<Vec<_>>>()?;
        let members: Vec<_> = members.into_iter().flatten().collect();
        let mut names = BTreeSet::new();
        if let Some(twice) = members.iter().find(|member| !names.insert(member.name.to_lowercase())) {
            return Err(damaged_error(&format!("it contains the file `{}` twice", twice.name)));
        }
        Ok(Self { zip, members, len_left: MAX_ZIP_UNPACKED_LEN })
    }

    /// Files of the archive in the order of its directory.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Reads a file of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// If there is no such file, it is longer, or it is damaged.
    pub fn read(&mut self, name: &str, limit: u64) -> Result<Vec<u8>> {
        let member = self.members.iter().find(|member| member.name == name).cloned();
        let Some(member) = member else { return Err(Error::new(format!("the archive has no file `{name}`"))) };
        // Empty deflate blocks can make the packed form arbitrarily long.
        if member.packed_len > limit.saturating_add(limit / 100 + 1024) {
            return Err(damaged_error(&format!("`{name}` is longer packed than unpacked")));
        }
        if member.len > limit {
            return Err(Error::new(format!("`{name}` has {} bytes; at most {limit} are read", member.len)));
        }
        self.len_left = self.len_left.checked_sub(member.len.max(member.packed_len)).ok_or_else(|| {
            damaged_error(&format!(
                "unpacking `{name}` would exceed the limit of {MAX_ZIP_UNPACKED_LEN} bytes for the archive"
            ))
        })?;
        let options = ZipReadOptions::new().enforce_header_consistency(true);
        let differs = |_| damaged_error(&format!("`{name}` does not match the directory"));
        let file = self.zip.by_index_with_options(member.index, options).map_err(differs)?;
        let mut content = Vec::new();
        // One byte more than listed, to detect longer contents. The crate checks the CRC-32 at the
        // end.
        file.take(member.len + 1)
            .read_to_end(&mut content)
            .map_err(|_| damaged_error(&format!("`{name}` can't be unpacked, or does not match the directory")))?;
        if content.len() as u64 != member.len {
            return Err(damaged_error(&format!("`{name}` does not match the directory")));
        }
        Ok(content)
    }
}

/// Checks an entry of the directory; `None` for a folder.
fn check_member<R: Read + Seek>(zip: &ZipArchive<R>, index: usize) -> Result<Option<Member>> {
    let entry = zip.by_index_data(index).map_err(zip_error)?;
    // Some Windows programs write backslashes.
    let name = entry.name().map_err(zip_error)?.replace('\\', "/");
    let is_folder = name.ends_with('/');
    let is_wrong = |part: &str| matches!(part, "" | "." | "..") || part.contains([':', '\0']);
    if name.strip_suffix('/').unwrap_or(&name).split('/').any(is_wrong) {
        return Err(damaged_error(&format!("the name `{name}` leads out of it")));
    }
    if entry.encrypted() {
        return Err(damaged_error(&format!("`{name}` is encrypted")));
    }
    if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
        let method = entry.compression();
        return Err(damaged_error(&format!("the compression method of `{name}` is not supported ({method})")));
    }
    let (len, packed_len) = (entry.size(), entry.compressed_size());
    Ok((!is_folder).then_some(Member { name, len, packed_len, index }))
}

fn zip_error(error: ZipError) -> Error {
    match error {
        ZipError::Io(error) if error.get_ref().is_none() => Error::new("the archive can't be read").because(error),
        ZipError::Io(error) => damaged_error(&error.to_string()),
        _ => damaged_error("it is not a ZIP archive, or it is damaged"),
    }
}

fn damaged_error(why: &str) -> Error {
    Error::new(format!("the archive can't be read: {why}"))
}

/// Limits the bytes that may be read from a source: the crate keeps the whole directory in memory.
struct Metered<R> {
    source: R,
    budget: Rc<Cell<u64>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_read = self.source.read(buffer)?;
        let left = self.budget.get().checked_sub(n_read as u64).ok_or_else(|| {
            io::Error::other(format!("its directory is not within the last {MAX_ZIP_DIRECTORY_LEN} bytes"))
        })?;
        self.budget.set(left);
        Ok(n_read)
    }
}

impl<R: Seek> Seek for Metered<R> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.source.seek(position)
    }
}

#[cfg(test)]
mod tests;
