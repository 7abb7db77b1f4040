//! Contents of files: bytes in memory, or sources on disk.

mod pieced;

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

pub use pieced::{ByteRun, Pieced, Stretch};

use crate::digest::Digest;

/// Contents of a file.
#[derive(Clone, Debug)]
pub enum Content {
    /// Bytes in memory.
    Bytes(Arc<[u8]>),
    /// Whole source.
    Source(Arc<Source>),
}

impl Content {
    /// Creates contents from bytes in memory.
    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// Creates contents from a whole existing file.
    pub fn file(file: SourceFile) -> Self {
        Self::Source(Arc::new(Source::File(file)))
    }

    /// Creates contents from ranges of existing files.
    pub fn pieced(pieced: Pieced) -> Self {
        Self::Source(Arc::new(Source::Pieced(pieced)))
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Source(source) => source.len(),
        }
    }

    /// Returns `true` if there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Bytes that are read from existing files when they are needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Whole file.
    File(SourceFile),
    /// Assembled from ranges of files; it does not exist as a file.
    Pieced(Pieced),
}

impl Source {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::File(file) => file.stat.len,
            Self::Pieced(pieced) => pieced.len(),
        }
    }

    /// Returns `true` if there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns `true` if it is assembled from ranges of files. Usually most of its bytes were in the last output too.
    pub fn is_assembled(&self) -> bool {
        matches!(self, Self::Pieced(_))
    }

    /// Path of the file, or of the one that an assembled source is named after, for messages.
    pub fn path(&self) -> &Utf8Path {
        match self {
            Self::File(file) => &file.path,
            Self::Pieced(pieced) => pieced.path(),
        }
    }

    /// Key that identifies the bytes.
    pub fn key(&self) -> SourceKey {
        match self {
            Self::File(file) => SourceKey::File(file.stat),
            Self::Pieced(pieced) => SourceKey::Pieced(pieced.key()),
        }
    }

    /// Files that are read, each listed once.
    pub fn files(&self) -> &[SourceFile] {
        match self {
            Self::File(file) => std::slice::from_ref(file),
            Self::Pieced(pieced) => pieced.files(),
        }
    }
}

/// Key of a source. Sources with the same key have the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKey {
    /// Metadata of a whole file.
    File(Stat),
    /// Digest of the metadata and ranges that a source is assembled from.
    Pieced(Digest),
}

/// Existing regular file, as it was when it was found. Readers check that it is unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Path of the file.
    pub path: Utf8PathBuf,
    /// Metadata when it was found.
    pub stat: Stat,
}

/// Metadata that identifies a file's bytes: as long as it is unchanged, so are they.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stat {
    /// Device number of the file system.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Length in bytes.
    pub len: u64,
    /// Modification time of the bytes, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// Change time of the bytes or the metadata, in nanoseconds since 1970.
    pub changed_ns: i64,
}

impl Stat {
    /// Takes the metadata of an open or named file.
    pub fn from_metadata(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        let ns = |seconds: i64, ns: i64| seconds.saturating_mul(1_000_000_000).saturating_add(ns);
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.len(),
            modified_ns: ns(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: ns(metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}
