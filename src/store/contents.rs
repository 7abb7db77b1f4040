//! Size of a cache, and emptying it.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use super::memo_path;
use super::objects::{KindUsage, Objects};
use super::shared_memo::{Logged, read_memo};
use crate::content::SourceKey;
use crate::error::{Error, Result};
use crate::size::Size;
use crate::write::{DiskOps, log_path, open};

/// Contents of a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheContents {
    /// Folder of the cache.
    pub root: Utf8PathBuf,
    /// Number of files with known digests.
    pub n_files: usize,
    /// Number of finished outputs.
    pub n_outputs: usize,
    /// Length of the memo and its log in bytes.
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
        let logged = Logged::read(root, &memo);
        let log_len = fs::symlink_metadata(log_path(&memo_path(root))).map_or(0, |log| log.len());
        let only_logged = logged.digests.keys().filter(|key| !memo.has_file(key)).copied();
        let is_file = |key: &SourceKey| matches!(key, SourceKey::File(_));
        Self {
            root: root.to_owned(),
            n_files: memo.all().map(|(key, _)| key).chain(only_logged).filter(is_file).count(),
            n_outputs: logged.finished.len(),
            memo_len: memo.len() + log_len,
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
    for path in [memo_path(root), log_path(&memo_path(root)), root.join("now")] {
        open::remove(&path).map_err(|error| Error::io("removing", &path, error))?;
    }
    Ok(())
}
