//! Git LFS pointers in place of content: files that would go on the medium as they are.
//!
//! Only files of a pointer's length are opened. Of a folder with many of them the cache remembers that none was a
//! pointer, by what the file system says of these files: planning an unchanged medium opens none again.

use camino::Utf8PathBuf;

use super::tree::Walked;
use crate::content::{Content, Source, SourceFile};
use crate::git_lfs;
use crate::store::{Key, Kind, Objects};
use authoring::file::is_lfs_pointer;

/// Raise it when other files are looked at, or others are taken for pointers.
const VERSION: u64 = 1;
/// Folders with fewer files of a pointer's length are looked at each time.
const FEW: usize = 64;

/// Finds the pointers among the files of a folder.
pub(super) fn find(walked: &Walked, cache: Option<&Objects>) -> Vec<Utf8PathBuf> {
    let mut candidates = Vec::new();
    for (_, content) in walked.folder.files() {
        if let Content::Source(source) = content
            && let Source::File(file) = &**source
            && git_lfs::can_be_pointer(file.stat.len)
        {
            candidates.push(file.clone());
        }
    }
    let cache = cache.filter(|_| candidates.len() >= FEW);
    let key = key(&candidates);
    if cache.is_some_and(|cache| cache.bytes(&key).is_some()) {
        return Vec::new();
    }
    let since = cache.and_then(Objects::start_reading);
    let is_pointer = |file: &&SourceFile| is_lfs_pointer(&file.path).unwrap_or(false);
    let found: Vec<_> = candidates.iter().filter(is_pointer).map(|file| file.path.clone()).collect();
    if let (Some(cache), Some(since)) = (cache, since)
        && found.is_empty()
        && candidates.iter().all(|file| since.is_lasting(&file.stat))
    {
        cache.keep(&key, b"no pointers\n");
    }
    found
}

fn key(files: &[SourceFile]) -> Key {
    let mut stats = VERSION.to_le_bytes().to_vec();
    for SourceFile { stat, .. } in files {
        let fields = [stat.device, stat.inode, stat.len, stat.modified_ns as u64, stat.changed_ns as u64];
        stats.extend(fields.map(u64::to_le_bytes).as_flattened());
    }
    Key::new(Kind::Pointers, &stats)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use camino::Utf8Path;

    use super::*;
    use crate::content::Stat;
    use crate::resolve::tree;
    use crate::size::Size;
    use crate::write::Disk;

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
        let cache = Objects::open(&root.join(".tsmedia"), Size(1_000_000), &Disk::default());
        let last = Stat::of(&fs::metadata(folder.join((FEW - 1).to_string())).unwrap());
        while !cache.start_reading().unwrap().is_lasting(&last) {
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(find(&tree::walk(&folder).unwrap(), Some(&cache)), [""; 0]);
        let walked = tree::walk(&folder).unwrap();
        // What stands in it now is not read: the walk was before.
        fs::write(folder.join("7"), &pointer).unwrap();
        assert_eq!(find(&walked, Some(&cache)), [""; 0]);
        assert_eq!(find(&walked, None), [folder.join("7")]);
        assert_eq!(find(&tree::walk(&folder).unwrap(), Some(&cache)), [folder.join("7")]);
    }
}
