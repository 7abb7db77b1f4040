//! Where the bytes of a file come from.

mod pieced;

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

pub use pieced::{Pieced, Run, Stretch};

use crate::digest::Digest;

/// The bytes of a file: in memory, or those of a source.
#[derive(Clone, Debug)]
pub enum Content {
    /// Bytes that we made.
    Bytes(Arc<[u8]>),
    /// The whole of a source.
    Source(Arc<Source>),
}

impl Content {
    /// Bytes in memory.
    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// The whole of an existing file.
    pub fn file(file: SourceFile) -> Self {
        Self::Source(Arc::new(Source::File(file)))
    }

    /// Ranges of existing files, one after the other.
    pub fn pieced(pieced: Pieced) -> Self {
        Self::Source(Arc::new(Source::Pieced(pieced)))
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Source(source) => source.len(),
        }
    }

    /// Whether it holds no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Bytes that are read from existing files when they are needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The whole of a file.
    File(SourceFile),
    /// What was put together of several, or of parts of one: nothing of it is on the disk under its own name.
    Pieced(Pieced),
}

impl Source {
    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::File(file) => file.stat.len,
            Self::Pieced(pieced) => pieced.len(),
        }
    }

    /// Whether it holds no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The file that it is, or is made of for the most part: what messages call it.
    pub fn path(&self) -> &Utf8Path {
        match self {
            Self::File(file) => &file.path,
            Self::Pieced(pieced) => pieced.path(),
        }
    }

    /// Tells its bytes from all others.
    pub fn key(&self) -> SourceKey {
        match self {
            Self::File(file) => SourceKey::File(file.stat),
            Self::Pieced(pieced) => SourceKey::Pieced(pieced.key()),
        }
    }

    /// The files that it is read from, each once.
    pub fn files(&self) -> &[SourceFile] {
        match self {
            Self::File(file) => std::slice::from_ref(file),
            Self::Pieced(pieced) => pieced.files(),
        }
    }
}

/// What the bytes of a source are known by: two sources with the same key have the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKey {
    /// A whole file, while the file system says this of it.
    File(Stat),
    /// The digest of what it is put together of.
    Pieced(Digest),
}

/// An existing regular file as it was when it was found. Whoever reads it must find it so again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Where it is.
    pub path: Utf8PathBuf,
    /// What it was.
    pub stat: Stat,
}

/// What a file system says of a file: while it says the same, the bytes are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stat {
    /// The file system it is on.
    pub device: u64,
    /// The file within its file system.
    pub inode: u64,
    /// Its length in bytes.
    pub len: u64,
    /// When its bytes last changed, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// When anything about it last changed, in nanoseconds since 1970.
    pub changed_ns: i64,
}

impl Stat {
    /// What the file system says.
    pub fn of(metadata: &std::fs::Metadata) -> Self {
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
