//! Detects Git LFS pointers among content, which would end up on media or in captures instead of
//! the real files.
//!
//! Only files with the length of a pointer are opened. If a folder has many, the cache records that
//! none was a pointer, keyed by their stats, so that planning an unchanged medium opens none.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::tree::ListedFolder;
use crate::content::{Content, Source, SourceKey, Stat};
use crate::error::Error;
use crate::git_lfs;
use crate::source::read_start;
use crate::store::{ObjectKey, ObjectKind, Objects};
use crate::volume::Node;
use authoring::file::is_lfs_pointer;

/// Version of the cache entry; bump it when other files are checked or the test changes.
const VERSION: u64 = 1;
/// Minimum number of candidates in a folder for a cache entry.
const FEW: usize = 64;
/// Maximum number of pointers that a message names.
const SHOWN: usize = 10;

/// Finds the pointers among the files of a folder.
pub(super) fn find(walked: &ListedFolder, cache: Option<&Objects>) -> Vec<Utf8PathBuf> {
    let mut candidates = Vec::new();
    walked.folder.visit(&mut |_, node| {
        if let Node::File(Content::Source(source)) = node
            && git_lfs::can_be_pointer(source.len())
        {
            candidates.push(Arc::clone(source));
        }
    });
    // Checking a few small files is cheaper than looking them up in the cache.
    let cache = cache.filter(|_| candidates.len() >= FEW);
    let key = key(&candidates);
    if cache.is_some_and(|cache| cache.bytes(&key).is_some()) {
        return Vec::new();
    }
    let since = cache.and_then(Objects::start_reading);
    let found: Vec<_> =
        candidates.iter().filter(|source| is_pointer(source)).map(|source| source.path().to_owned()).collect();
    if let (Some(cache), Some(since)) = (cache, since)
        && found.is_empty()
        && candidates.iter().all(|source| since.is_lasting_of(source))
    {
        cache.keep(&key, b"no pointers\n");
    }
    found
}

/// Returns `true` if a source is a Git LFS pointer; `false` if it can't be read.
pub(super) fn is_pointer(source: &Source) -> bool {
    match source {
        Source::File(file) => is_lfs_pointer(&file.path).unwrap_or(false),
        Source::Pieced(_) if !git_lfs::can_be_pointer(source.len()) => false,
        Source::Pieced(_) => read_start(source, source.len() as usize).is_ok_and(|bytes| git_lfs::is_pointer(&bytes)),
    }
}

/// Returns the pointers among files that have the length of one.
pub(super) fn filter_pointers(files: &[Utf8PathBuf]) -> Vec<Utf8PathBuf> {
    files.iter().filter(|path| is_lfs_pointer(path).unwrap_or(false)).cloned().collect()
}

/// Returns the error for pointers found in a folder; `None` if there are none.
pub(super) fn error_for(folder: &Utf8Path, found: &[Utf8PathBuf]) -> Option<Error> {
    match found {
        [] => return None,
        [one] => return Some(git_lfs::error(one)),
        _ => {}
    }
    let shown = found.iter().take(SHOWN).map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
    let more = match found.len().saturating_sub(SHOWN) {
        0 => String::new(),
        n_more => format!(" and {n_more} more"),
    };
    let n = found.len();
    let message = format!("{n} files in `{folder}` are Git LFS pointers, not the files themselves: {shown}{more}");
    Some(Error::new(message).help(git_lfs::help(folder)))
}

fn key(sources: &[Arc<Source>]) -> ObjectKey {
    let mut stats = VERSION.to_le_bytes().to_vec();
    for source in sources {
        match source.key() {
            SourceKey::File(Stat { device, inode, len, modified_ns, changed_ns }) => {
                let fields = [device, inode, len, modified_ns as u64, changed_ns as u64];
                stats.extend(fields.map(u64::to_le_bytes).as_flattened());
            }
            SourceKey::Pieced(digest) => stats.extend(digest.0),
        }
    }
    ObjectKey::new(ObjectKind::Pointers, &stats)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::resolve::tree;
    use crate::size::Size;
    use crate::write::DiskOps;

    #[test]
    fn a_folder_that_did_not_change_is_not_read_for_pointers_again() {
        let scratch = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(scratch.path()).unwrap();
        let folder = root.join("package");
        fs::create_dir(&folder).unwrap();
        let pointer =
            format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n", "4d".repeat(32));
        let other = "x".repeat(pointer.len());
        (0..FEW).for_each(|n| fs::write(folder.join(n.to_string()), &other).unwrap());
        let cache = Objects::open(&root.join(".tsmedia"), Size(1_000_000), &DiskOps::default());
        let last = Stat::from_metadata(&fs::metadata(folder.join((FEW - 1).to_string())).unwrap());
        while !cache.start_reading().unwrap().is_lasting(&last) {
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(find(&tree::walk(&folder).unwrap(), Some(&cache)), [""; 0]);
        let walked = tree::walk(&folder).unwrap();
        // The walk happened before this write, so the cached result still applies to its stats.
        fs::write(folder.join("7"), &pointer).unwrap();
        assert_eq!(find(&walked, Some(&cache)), [""; 0]);
        assert_eq!(find(&walked, None), [folder.join("7")]);
        assert_eq!(find(&tree::walk(&folder).unwrap(), Some(&cache)), [folder.join("7")]);
    }
}
