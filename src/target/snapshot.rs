//! Snapshots of capture sources, by names, sizes and times. Contents are never read.
//!
//! A folder is described by everything in it, an image file by itself and the files that its header
//! refers to; devices may change unnoticed. There are two digests: one covers what the capture
//! contains (names, sizes, modification times, links), and is stored in the record. The other also
//! covers inode numbers and change times, which detect replaced files but only have meaning on this
//! machine.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use crate::content::Stat;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::format::virtual_disk::VirtualDisk;
use crate::git_lfs;
use crate::limits;

/// State of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceSnapshot {
    /// Number of files.
    pub n_files: u64,
    /// Total length of the files in bytes.
    pub len: u64,
    /// Digest of names, sizes, modification times and links; equal on every machine.
    pub listing: Digest,
    /// Digest of inode numbers and change times, specific to this machine.
    pub stats: Digest,
    /// Time of the latest change in nanoseconds since 1970.
    pub newest_ns: i64,
    /// The source is a device, which may change unnoticed.
    pub is_device: bool,
}

impl SourceSnapshot {
    /// Examines a folder with its contents, an image file or a device. An image file may be a
    /// virtual disk that refers to other files, of which `references` are allowed; they are
    /// examined too, and returned.
    pub fn take(path: &Utf8Path, references: &[Utf8PathBuf]) -> Result<(Self, RelatedFiles)> {
        let failed = |error| Error::io("looking at", path, error);
        let metadata = fs::metadata(path).map_err(failed)?;
        let mut builder = SnapshotBuilder::default();
        builder.add(b"", &metadata, None);
        if metadata.is_dir() {
            builder.folder(path).map_err(failed)?;
        } else if metadata.is_file() {
            let file = limits::open(path).map_err(|error| Error::io("opening", path, error))?;
            for file in VirtualDisk::open(path, Arc::new(file), references)?.references() {
                let metadata = file.metadata().map_err(|error| Error::io("looking at", &file.path, error))?;
                builder.add(file.name.as_bytes(), &metadata, None);
                builder.related.referenced.push(file.path.clone());
            }
        }
        let seen = Self {
            n_files: builder.n_files,
            len: builder.len,
            listing: Digest(*builder.listing.finalize().as_bytes()),
            stats: Digest(*builder.stats.finalize().as_bytes()),
            newest_ns: builder.newest_ns,
            is_device: metadata.file_type().is_block_device(),
        };
        Ok((seen, builder.related))
    }
}

/// Files of a source that need closer inspection.
#[derive(Debug, Default)]
pub struct RelatedFiles {
    /// Files that a virtual disk refers to.
    pub referenced: Vec<Utf8PathBuf>,
    /// Files in a folder with the length of a Git LFS pointer, except those whose path is not
    /// UTF-8.
    pub pointer_sized: Vec<Utf8PathBuf>,
}

/// Accumulates a snapshot.
#[derive(Default)]
struct SnapshotBuilder {
    n_files: u64,
    len: u64,
    listing: blake3::Hasher,
    stats: blake3::Hasher,
    newest_ns: i64,
    /// Hard-linked files, numbered by their first occurrence.
    linked: HashMap<(u64, u64), u64>,
    related: RelatedFiles,
}

impl SnapshotBuilder {
    /// Adds the contents of a folder in the order of names. Links are not followed.
    fn folder(&mut self, root: &Utf8Path) -> io::Result<()> {
        let mut open = vec![(root.as_std_path().to_owned(), Vec::new())];
        while let Some((folder, within)) = open.pop() {
            let mut entries = fs::read_dir(&folder)?.collect::<io::Result<Vec<_>>>()?;
            entries.sort_by_key(fs::DirEntry::file_name);
            for entry in entries {
                let metadata = entry.metadata()?;
                let mut path: Vec<u8> = within.clone();
                path.push(b'/');
                path.extend_from_slice(entry.file_name().as_bytes());
                let target = if metadata.is_symlink() { Some(fs::read_link(entry.path())?) } else { None };
                self.add(&path, &metadata, target.as_ref().map(|target| target.as_os_str().as_bytes()));
                if metadata.is_file() && git_lfs::can_be_pointer(metadata.len()) {
                    self.related.pointer_sized.extend(Utf8PathBuf::from_path_buf(entry.path()));
                }
                if metadata.is_dir() {
                    open.push((entry.path(), path));
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &[u8], metadata: &Metadata, target: Option<&[u8]>) {
        let Stat { device, inode, len, modified_ns, changed_ns } = Stat::from_metadata(metadata);
        let is_folder = metadata.is_dir();
        let kind = match (is_folder, target) {
            (true, _) => 0,
            (_, Some(_)) => 1,
            _ => 2,
        };
        // The length of a folder depends on the file system.
        let len = if is_folder { 0 } else { len };
        let n_links = self.linked.len() as u64 + 1;
        let link =
            if is_folder || metadata.nlink() < 2 { 0 } else { *self.linked.entry((device, inode)).or_insert(n_links) };
        for bytes in [path, target.unwrap_or_default()] {
            self.listing.update(&(bytes.len() as u64).to_le_bytes());
            self.listing.update(bytes);
        }
        self.listing.update([kind, len, modified_ns as u64, link].map(u64::to_le_bytes).as_flattened());
        self.stats.update([inode, changed_ns as u64].map(u64::to_le_bytes).as_flattened());
        self.newest_ns = self.newest_ns.max(changed_ns);
        if !is_folder {
            self.n_files += 1;
            self.len += len;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn what_a_capture_holds_and_what_only_the_machine_knows_are_told_apart() {
        let scratch = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(scratch.path()).unwrap();
        let day = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let write = |name: &str, text: &str| {
            fs::write(root.join(name), text).unwrap();
            let file = fs::File::options().write(true).open(root.join(name)).unwrap();
            file.set_modified(day).unwrap();
        };
        fs::create_dir(root.join("in")).unwrap();
        write("in/one", "first");
        write("in/two", "second");
        let keep_times = || fs::File::open(root.join("in")).unwrap().set_modified(day).unwrap();
        keep_times();
        let see = || SourceSnapshot::take(&root.join("in"), &[]).unwrap().0;
        let before = see();
        assert_eq!((before.n_files, before.len, before.is_device), (2, 11, false));
        assert_eq!(see(), before, "looking changes nothing");
        // Different bytes with the same length and modification time.
        std::thread::sleep(Duration::from_millis(20));
        write("in/one", "FIRST");
        let other = see();
        assert_eq!(other.listing, before.listing);
        assert_ne!(other.stats, before.stats);
        assert!(other.newest_ns > before.newest_ns);
        // A hard link is not a separate file.
        fs::remove_file(root.join("in/two")).unwrap();
        write("in/two", "FIRST");
        keep_times();
        let apart = see();
        fs::remove_file(root.join("in/two")).unwrap();
        fs::hard_link(root.join("in/one"), root.join("in/two")).unwrap();
        keep_times();
        assert_ne!(see().listing, apart.listing);
        assert!(SourceSnapshot::take(&root.join("not there"), &[]).is_err());
    }
}
