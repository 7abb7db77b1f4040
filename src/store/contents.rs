//! Size of a cache, and emptying it.

use camino::{Utf8Path, Utf8PathBuf};

use super::memo_path;
use super::objects::{KindUsage, Objects};
use super::shared_memo::read_memo;
use crate::error::{Error, Result};
use crate::size::Size;
use crate::write::{DiskOps, open};

/// Contents of a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheContents {
    /// Folder of the cache.
    pub root: Utf8PathBuf,
    /// Number of files with known digests.
    pub n_files: usize,
    /// Number of finished outputs.
    pub n_outputs: usize,
    /// Length of the memo in bytes.
    pub memo_len: u64,
    /// Objects by kind.
    pub objects: Vec<KindUsage>,
    /// Maximum total length of objects.
    pub limit: Size,
}

impl CacheContents {
    /// Examines the cache in a folder.
    pub fn read(root: &Utf8Path, limit: Size) -> Self {
        let memo = read_memo(root);
        let memo_len = memo.len();
        Self {
            root: root.to_owned(),
            n_files: memo.n_files(),
            n_outputs: memo.finished().len(),
            memo_len,
            objects: Objects::open(root, limit, &DiskOps::default()).usage(),
            limit,
        }
    }

    /// Total length in bytes.
    pub fn len(&self) -> u64 {
        self.memo_len + self.objects.iter().map(|usage| usage.len).sum::<u64>()
    }

    /// Returns `true` if the cache is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Empties a cache. The caller must hold its lock.
pub fn clear(root: &Utf8Path) -> Result<()> {
    open::check_folder(root).map_err(|error| open::failed("emptying", root, error))?;
    let objects = root.join("objects");
    open::remove_tree(&objects).map_err(|error| Error::io("removing", &objects, error))?;
    for path in [memo_path(root), root.join("now")] {
        open::remove(&path).map_err(|error| Error::io("removing", &path, error))?;
    }
    Ok(())
}
