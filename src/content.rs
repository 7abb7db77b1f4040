//! Where the bytes of a file come from.

use std::sync::Arc;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

/// The bytes of a file: in memory, or those of an existing file.
#[derive(Clone, Debug)]
pub enum Content {
    /// Bytes that we made.
    Bytes(Arc<[u8]>),
    /// The whole of an existing file.
    Source(Arc<SourceFile>),
}

impl Content {
    /// Bytes in memory.
    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Source(source) => source.stat.len,
        }
    }

    /// Whether it holds no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
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
