//! Tells whether two paths name one file, however they are written and whether or not it is there yet.
//!
//! Paths lead to one file through `..`, symbolic and hard links, bind mounts, and names that differ only in case where a
//! file system takes them for one. Nothing is opened but folders.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{IFlags, Mode, OFlags, ioctl_getflags, open, statfs};

/// Symbolic links followed on the way to a file that does not exist; Linux has the same limit.
const MAX_LINKS: usize = 40;

/// File systems in which case tells no names apart, by what `statfs` calls them: FAT, exFAT, NTFS by `ntfs3`, SMB, HFS+.
const CASE_INSENSITIVE: [u32; 7] = [0x4d44, 0x2011_bab0, 0x7366_746e, 0xff53_4d42, 0xfe53_4d42, 0x517b, 0x482b];
/// The flag of a folder in which ext4 or F2FS takes names for one that differ in case (`FS_CASEFOLD_FL`).
const CASE_FOLD_FLAG: u32 = 0x4000_0000;

/// The file that a path names: equal for all paths to one file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileIdentity {
    /// Device and inode of the last thing on the way that exists; the file itself, if it does.
    existing: Option<(u64, u64)>,
    /// The names below that.
    rest: Vec<String>,
}

impl FileIdentity {
    /// The identity of a file, as the file system is now.
    pub fn of(path: &Utf8Path) -> Self {
        let (existing, rest) = resolved(path);
        let metadata = fs::metadata(&existing).ok();
        let folds = !rest.is_empty() && metadata.as_ref().is_some_and(fs::Metadata::is_dir) && folds_case(&existing);
        let name = |name: &String| if folds { name.to_lowercase() } else { name.clone() };
        let mut names: Vec<_> = rest.iter().map(name).collect();
        if metadata.is_none() {
            // What can't be looked at is told by its path.
            names.insert(0, existing.to_string_lossy().into_owned());
        }
        Self { existing: metadata.map(|metadata| (metadata.dev(), metadata.ino())), rest: names }
    }

    /// Device and inode, if the file exists.
    pub fn inode(&self) -> Option<(u64, u64)> {
        self.existing.filter(|_| self.rest.is_empty())
    }
}

/// A path free of links and `..`, as far as it exists; what does not exist is taken as written.
pub fn real_path(path: &Utf8Path) -> Utf8PathBuf {
    let (mut existing, rest) = resolved(path);
    existing.extend(rest);
    Utf8PathBuf::from_path_buf(existing).unwrap_or_else(|_| path.to_owned())
}

/// The longest part of a path that exists, free of links, and the names below it.
fn resolved(path: &Utf8Path) -> (PathBuf, Vec<String>) {
    let path = if path.as_str().is_empty() { Utf8Path::new(".") } else { path };
    if let Ok(real) = fs::canonicalize(path) {
        return (real, Vec::new());
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.as_std_path().to_owned());
    let (mut existing, mut rest) = (PathBuf::from("/"), Vec::new());
    let mut n_links = 0;
    // The parts that are left, the next one last.
    let mut left: Vec<_> = parts(&absolute);
    while let Some(part) = left.pop() {
        if part == ".." {
            if rest.pop().is_none() {
                existing.pop();
            }
            continue;
        }
        if !rest.is_empty() {
            rest.push(part);
            continue;
        }
        let next = existing.join(&part);
        match fs::read_link(&next) {
            Ok(target) if n_links < MAX_LINKS => {
                n_links += 1;
                if target.is_absolute() {
                    existing = PathBuf::from("/");
                }
                left.extend(parts(&target));
            }
            _ if next.symlink_metadata().is_ok() => existing = next,
            _ => rest.push(part),
        }
    }
    (existing, rest)
}

/// The names of a path, the first one last.
fn parts(path: &Path) -> Vec<String> {
    let name = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        Component::ParentDir => Some("..".to_owned()),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(name).collect()
}

/// Returns whether names in a folder that differ only in case are one.
fn folds_case(folder: &Path) -> bool {
    if statfs(folder).is_ok_and(|found| CASE_INSENSITIVE.contains(&(found.f_type as u32))) {
        return true;
    }
    let opened = open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let flags = opened.and_then(ioctl_getflags);
    flags.is_ok_and(|flags| flags.contains(IFlags::from_bits_retain(CASE_FOLD_FLAG)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn all_paths_to_one_file_have_one_identity() {
        let scratch = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(scratch.path()).unwrap().canonicalize_utf8().unwrap();
        fs::create_dir_all(root.join("out/deep")).unwrap();
        fs::write(root.join("out/there.iso"), "x").unwrap();
        fs::hard_link(root.join("out/there.iso"), root.join("linked.iso")).unwrap();
        symlink("out", root.join("folder")).unwrap();
        symlink("out/there.iso", root.join("file.iso")).unwrap();
        symlink("out/to-come.iso", root.join("dangling.iso")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        let identity = |path: &str| FileIdentity::of(&root.join(path));
        for path in [
            "out/../out/there.iso",
            "folder/there.iso",
            "file.iso",
            "linked.iso",
            "folder/deep/../there.iso",
            "./out/there.iso",
        ] {
            assert_eq!(identity(path), identity("out/there.iso"), "{path}");
        }
        for path in ["folder/to-come.iso", "dangling.iso", "new/../out/to-come.iso", "folder/deep/../to-come.iso"] {
            assert_eq!(identity(path), identity("out/to-come.iso"), "{path}");
        }
        for path in ["out/to-come.iso", "there.iso", "out/THERE.iso", "out", "loop", "loop/x"] {
            assert_ne!(identity(path), identity("out/there.iso"), "{path}");
        }
        assert_eq!(identity("a/../b/c.iso"), identity("b/c.iso"));
        assert_eq!(real_path(&root.join("folder/a/../b.iso")), root.join("out/b.iso"));
        assert_eq!(FileIdentity::of("".into()), FileIdentity::of(".".into()));
    }

    #[test]
    fn only_what_exists_has_an_inode() {
        let scratch = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(scratch.path()).unwrap();
        assert!(FileIdentity::of(root).inode().is_some());
        assert!(FileIdentity::of(&root.join("not-there")).inode().is_none());
    }
}
