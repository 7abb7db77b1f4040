//! Compares paths by the file they lead to, even if it does not exist yet.
//!
//! Different paths lead to the same file through `..`, symbolic and hard links, bind mounts, and on case-insensitive file
//! systems through names that differ in case. Opens folders only, no files.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{IFlags, Mode, OFlags, ioctl_getflags, open, statfs};

use crate::paths::folder_of;

/// Symbolic links followed on the way to a file that does not exist; Linux has the same limit.
const MAX_LINKS: usize = 40;

/// Case-insensitive file systems, by their magic number in `statfs`: FAT, exFAT, NTFS (`ntfs3`), SMB, HFS, HFS+.
const CASE_INSENSITIVE: [u32; 7] = [0x4d44, 0x2011_bab0, 0x7366_746e, 0xff53_4d42, 0xfe53_4d42, 0x517b, 0x482b];
/// Flag of case-insensitive folders on ext4 and F2FS (`FS_CASEFOLD_FL`).
const CASE_FOLD_FLAG: u32 = 0x4000_0000;

/// Identity of a file; equal for all paths that lead to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileIdentity {
    /// Device and inode of the file, or of the nearest existing folder above it.
    existing: Option<(u64, u64)>,
    /// Names below `existing`; empty if the file exists.
    rest: Vec<String>,
}

impl FileIdentity {
    /// Returns the identity of a file in the present state of the file system.
    pub fn of(path: &Utf8Path) -> Self {
        // A run asks for hundreds of paths. Most exist, or are in a folder that does, and need not be resolved.
        Self::of_existing(path).or_else(|| Self::in_existing_folder(path)).unwrap_or_else(|| Self::resolve(path))
    }

    fn of_existing(path: &Utf8Path) -> Option<Self> {
        let path = if path.as_str().is_empty() { Utf8Path::new(".") } else { path };
        let metadata = fs::metadata(path).ok()?;
        Some(Self { existing: Some((metadata.dev(), metadata.ino())), rest: Vec::new() })
    }

    /// Returns the identity of a file that does not exist, in a folder that does.
    fn in_existing_folder(path: &Utf8Path) -> Option<Self> {
        let (folder, name) = (folder_of(path), path.file_name()?);
        // A dangling link leads elsewhere.
        let is_missing = fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        let metadata = fs::metadata(folder).ok().filter(|metadata| is_missing && metadata.is_dir())?;
        let name = if folds_case(folder.as_std_path()) { name.to_lowercase() } else { name.to_owned() };
        Some(Self { existing: Some((metadata.dev(), metadata.ino())), rest: vec![name] })
    }

    fn resolve(path: &Utf8Path) -> Self {
        let (existing, rest) = resolved(path);
        let metadata = fs::metadata(&existing).ok();
        let folds = !rest.is_empty() && metadata.as_ref().is_some_and(fs::Metadata::is_dir) && folds_case(&existing);
        let name = |name: &String| if folds { name.to_lowercase() } else { name.clone() };
        let mut names: Vec<_> = rest.iter().map(name).collect();
        if metadata.is_none() {
            // Without access to the folder, compare paths.
            names.insert(0, existing.to_string_lossy().into_owned());
        }
        Self { existing: metadata.map(|metadata| (metadata.dev(), metadata.ino())), rest: names }
    }

    /// Returns device and inode if the file exists.
    pub fn inode(&self) -> Option<(u64, u64)> {
        self.existing.filter(|_| self.rest.is_empty())
    }
}

/// Resolves links and `..` in the existing part of a path. The rest stays as written.
pub fn real_path(path: &Utf8Path) -> Utf8PathBuf {
    let (mut existing, rest) = resolved(path);
    existing.extend(rest);
    Utf8PathBuf::from_path_buf(existing).unwrap_or_else(|_| path.to_owned())
}

/// Returns the longest existing part of a path, without links, and the names below it.
fn resolved(path: &Utf8Path) -> (PathBuf, Vec<String>) {
    let path = if path.as_str().is_empty() { Utf8Path::new(".") } else { path };
    if let Ok(real) = fs::canonicalize(path) {
        return (real, Vec::new());
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.as_std_path().to_owned());
    let (mut existing, mut rest) = (PathBuf::from("/"), Vec::new());
    let mut n_links = 0;
    // Remaining parts in reverse order, so that the parts of a link can be pushed in front of them.
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

/// Returns the names of a path in reverse order.
fn parts(path: &Path) -> Vec<String> {
    let name = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        Component::ParentDir => Some("..".to_owned()),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(name).collect()
}

/// Returns whether names in a folder are case-insensitive.
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
        // The short cuts agree with resolving every part.
        for path in
            ["out/there.iso", "file.iso", "folder/to-come.iso", "folder/new/x", "dangling.iso", "out/..", "loop/x"]
        {
            assert_eq!(identity(path), FileIdentity::resolve(&root.join(path)), "{path}");
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
