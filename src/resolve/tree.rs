//! Lists folders of content: every file with its stat, and the reasons why others can't be on a
//! medium.
//!
//! Symbolic links are followed while they stay inside the folder. A [`ContentFault`] is reported
//! for links that leave it, devices, names that Windows does not allow, and names that differ only
//! in case. File contents are not read.

use std::fs;
use std::io;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::thread;

use camino::{Utf8Path, Utf8PathBuf};

use crate::content::{Content, SourceFile, Stat};
use crate::firmware::Firmware;
use crate::foreign_text::from_utf8;
use crate::limits::MAX_TREE_FILES;
use crate::volume::{Folder, Misplaced};
use authoring::mirror::link_targets;

/// A listed folder of content.
#[derive(Debug, Clone, Default)]
pub struct ListedFolder {
    /// Everything that a medium can hold. Media share it.
    pub folder: Arc<Folder>,
    /// Number of files.
    pub n_files: u64,
    /// Total length of the files in bytes.
    pub bytes: u64,
    /// Everything that a medium can't hold.
    pub faults: Vec<ContentFault>,
    /// Boot images in the disc's catalog, if this is the root of a disc.
    pub boot: Vec<(Firmware, Content)>,
    /// Git LFS pointers among the files, once they were searched.
    pub pointers: Vec<Utf8PathBuf>,
}

/// An entry of a folder that can't be placed on a medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentFault {
    /// Path of the entry.
    pub path: Utf8PathBuf,
    /// Reason, as a fragment.
    pub why: String,
    /// Help text.
    pub help: &'static str,
}

/// Lists a folder and everything below it, using all cores.
pub fn walk(root: &Utf8Path) -> io::Result<ListedFolder> {
    let canonical = root.canonicalize_utf8()?;
    // The calling thread works as well.
    let idle = thread::available_parallelism().map_or(0, |threads| threads.get() - 1);
    let inside = link_targets(canonical.clone());
    let walk = TreeWalk { inside: &inside, n_idle: AtomicUsize::new(idle), n_files: AtomicU64::new(0) };
    let mut walked = walk.folder(root, slice::from_ref(&canonical))?;
    walked.faults.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(walked)
}

/// Finds a single file of content.
pub fn find_file(path: &Utf8Path) -> io::Result<Content> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    Ok(to_content(path.to_owned(), &metadata))
}

fn to_content(path: Utf8PathBuf, metadata: &fs::Metadata) -> Content {
    Content::file(SourceFile { path, stat: Stat::from_metadata(metadata) })
}

/// State shared by all threads of a walk.
struct TreeWalk<'a> {
    /// Folders that links may lead to, with links resolved: the root comes first.
    inside: &'a [Utf8PathBuf],
    /// Number of threads that may still be started.
    n_idle: AtomicUsize,
    n_files: AtomicU64,
}

/// Name and path of a folder to be listed.
type Subfolder = (String, Utf8PathBuf);

impl TreeWalk<'_> {
    /// Lists one folder. `above` are the folders through which links led here, with links resolved;
    /// a link to one of them would recurse forever.
    fn folder(&self, path: &Utf8Path, above: &[Utf8PathBuf]) -> io::Result<ListedFolder> {
        let named = |entry: io::Result<fs::DirEntry>| entry.map(|entry| (entry.file_name(), entry));
        let mut entries = fs::read_dir(path)?.map(named).collect::<io::Result<Vec<_>>>()?;
        // Sort, so that of two names that differ only in case, the reported one does not depend on
        // the file system.
        entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let mut walked = ListedFolder::default();
        let mut folders = Vec::new();
        for (name, entry) in entries {
            let Some(name) = name.to_str() else {
                walked.fault(path.join(from_utf8(name.as_encoded_bytes())), "the name is not UTF-8", "rename it");
                continue;
            };
            let path = path.join(name);
            let kind = entry.file_type()?;
            if kind.is_symlink() {
                self.link(&mut walked, name, path, above)?;
            } else if kind.is_dir() {
                folders.push((name.to_owned(), path));
            } else {
                self.add_file(&mut walked, name, path, &entry.metadata()?);
            }
        }
        for ((name, path), below) in folders.iter().zip(self.folders(&folders, above)) {
            walked.add_folder(name, path, below)?;
        }
        Ok(walked)
    }

    /// Lists folders in order, handing half of the remaining ones to another thread whenever one is
    /// idle.
    fn folders(&self, folders: &[Subfolder], above: &[Utf8PathBuf]) -> Vec<io::Result<ListedFolder>> {
        let mut listed = Vec::with_capacity(folders.len());
        while let Some(((_, path), rest)) = folders[listed.len()..].split_first() {
            if !rest.is_empty() && self.n_idle.fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1)).is_ok() {
                // Hand over the second half: halves of halves balance even if the folders differ in
                // size.
                let (mine, theirs) = folders[listed.len()..].split_at(rest.len().div_ceil(2));
                thread::scope(|scope| {
                    let theirs = scope.spawn(|| {
                        let listed = self.folders(theirs, above);
                        self.n_idle.fetch_add(1, Relaxed);
                        listed
                    });
                    listed.extend(self.folders(mine, above));
                    listed.extend(theirs.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
                });
                return listed;
            }
            listed.push(self.folder(path, above));
        }
        listed
    }

    fn link(&self, walked: &mut ListedFolder, name: &str, path: Utf8PathBuf, above: &[Utf8PathBuf]) -> io::Result<()> {
        let target = match path.canonicalize_utf8() {
            Ok(target) => target,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                walked.fault(path, "a dangling symbolic link", "repair or remove the link");
                return Ok(());
            }
            Err(error) => {
                let why = format!("a symbolic link that can't be followed ({error})");
                walked.fault(path, why, "repair or remove the link");
                return Ok(());
            }
        };
        if !self.inside.iter().any(|inside| target.starts_with(inside)) {
            let why = format!("a symbolic link that leaves the folder: `{target}`");
            walked.fault(path, why, "replace the link with a copy of its target, or add the target as a content entry");
            return Ok(());
        }
        let metadata = fs::metadata(&target)?;
        if !metadata.is_dir() {
            self.add_file(walked, name, path, &metadata);
            return Ok(());
        }
        let here = path.parent().unwrap_or(&self.inside[0]).canonicalize_utf8()?;
        // This also catches two links that lead to each other.
        if here.starts_with(&target) || above.iter().any(|above| above.starts_with(&target)) {
            walked.fault(path, "a symbolic link to one of its own parent folders", "remove the link");
            return Ok(());
        }
        let above = [above, &[here]].concat();
        let below = self.folder(&path, &above);
        walked.add_folder(name, &path, below)
    }

    /// Adds an entry that is not a folder.
    fn add_file(&self, walked: &mut ListedFolder, name: &str, path: Utf8PathBuf, metadata: &fs::Metadata) {
        if !metadata.is_file() {
            walked.fault(path, "not a file or folder", "remove devices, pipes and sockets from content");
            return;
        }
        match self.n_files.fetch_add(1, Relaxed) {
            ..MAX_TREE_FILES => {}
            MAX_TREE_FILES => {
                walked.fault(
                    path,
                    "the folder has over 4,000,000 files",
                    "check for symbolic links that multiply files",
                );
                return;
            }
            _ => return,
        }
        match Arc::make_mut(&mut walked.folder).insert(name, to_content(path.clone(), metadata)) {
            Ok(()) => {
                walked.n_files += 1;
                walked.bytes += metadata.len();
            }
            Err(misplaced) => walked.misplaced(&path, misplaced),
        }
    }
}

impl ListedFolder {
    /// Adds a listed folder, or the reason why it could not be listed.
    fn add_folder(&mut self, name: &str, path: &Utf8Path, below: io::Result<Self>) -> io::Result<()> {
        let below = match below {
            Ok(below) => below,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.fault(path.to_owned(), "permission denied", "make it readable");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.faults.extend(below.faults);
        // Don't merge folders that differ only in case: on the medium they would be one.
        if let Some(twin) = self.folder.spelling(name) {
            self.misplaced(path, Misplaced::Taken(twin));
            return Ok(());
        }
        match Arc::make_mut(&mut self.folder).merge(name, below.folder) {
            Ok(_) => {
                self.n_files += below.n_files;
                self.bytes += below.bytes;
            }
            Err(misplaced) => self.misplaced(path, misplaced),
        }
        Ok(())
    }

    fn misplaced(&mut self, path: &Utf8Path, misplaced: Misplaced) {
        match misplaced {
            Misplaced::BadName(bad) => self.fault(path.to_owned(), bad.to_string(), "rename it"),
            Misplaced::Taken(twin) => {
                let why = format!("differs from `{twin}` only in case, which Windows ignores");
                self.fault(path.to_owned(), why, "rename one of them");
            }
        }
    }

    fn fault(&mut self, path: Utf8PathBuf, why: impl Into<String>, help: &'static str) {
        self.faults.push(ContentFault { path, why: why.into(), help });
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new(files: &[&str]) -> Self {
            let tree = Self(tempfile::tempdir().unwrap());
            for file in files {
                fs::create_dir_all(tree.path(file).parent().unwrap()).unwrap();
                fs::write(tree.path(file), file).unwrap();
            }
            tree
        }

        fn path(&self, path: &str) -> Utf8PathBuf {
            Utf8Path::from_path(self.0.path()).unwrap().canonicalize_utf8().unwrap().join(path)
        }

        fn walk(&self, path: &str) -> (Vec<String>, Vec<String>) {
            let walked = walk(&self.path(path)).unwrap();
            let files: Vec<_> = walked.folder.files().into_iter().map(|(path, _)| path).collect();
            assert_eq!(files.len() as u64, walked.n_files);
            let root = self.path("");
            let fault = |fault: ContentFault| format!("{}: {}", fault.path, fault.why).replace(root.as_str(), "");
            (files, walked.faults.into_iter().map(fault).collect())
        }
    }

    #[test]
    fn a_folder_is_listed_with_all_below_it() {
        let tree = Tree::new(&["a/b/c.txt", "a/d.txt", "e.txt", "größe/ж.bin"]);
        fs::create_dir(tree.path("empty")).unwrap();
        let (files, faults) = tree.walk("");
        assert_eq!(files, ["a/b/c.txt", "a/d.txt", "e.txt", "größe/ж.bin"]);
        assert_eq!(faults, Vec::<String>::new());
        assert!(walk(&tree.path("")).unwrap().folder.get("empty").is_some());
    }

    #[test]
    fn links_inside_are_followed_and_links_that_leave_or_loop_are_faults() {
        let tree = Tree::new(&["package/bin/tool.exe", "outside.txt"]);
        symlink("bin/tool.exe", tree.path("package/tool.exe")).unwrap();
        symlink("bin", tree.path("package/bin2")).unwrap();
        symlink("../outside.txt", tree.path("package/leaves.txt")).unwrap();
        symlink("..", tree.path("package/bin/up")).unwrap();
        symlink("nothing", tree.path("package/dangling")).unwrap();
        let (files, faults) = tree.walk("package");
        assert_eq!(files, ["bin/tool.exe", "bin2/tool.exe", "tool.exe"]);
        assert_eq!(
            faults,
            [
                "package/bin/up: a symbolic link to one of its own parent folders",
                "package/bin2/up: a symbolic link to one of its own parent folders",
                "package/dangling: a dangling symbolic link",
                "package/leaves.txt: a symbolic link that leaves the folder: `outside.txt`",
            ]
        );
    }

    #[test]
    fn links_that_lead_to_each_other_end() {
        let tree = Tree::new(&["a/x", "b/y"]);
        symlink("../b", tree.path("a/l")).unwrap();
        symlink("../a", tree.path("b/l")).unwrap();
        let (files, faults) = tree.walk("");
        assert_eq!(files, ["a/l/y", "a/x", "b/l/x", "b/y"]);
        assert_eq!(faults.len(), 2, "{faults:?}");
    }

    #[test]
    fn what_windows_cannot_hold_is_a_fault_with_its_path() {
        let tree = Tree::new(&["aux.txt", "dir/Twin", "dir/twin", "UP/x", "up/y", "ok"]);
        let (files, faults) = tree.walk("");
        assert_eq!(files.iter().filter(|file| !file.to_lowercase().contains("twin")).count(), 2, "{files:?}");
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert_eq!(faults[0], "aux.txt: the name `aux.txt` stands for the device AUX on Windows");
        assert!(faults[1].contains("only in case"), "{faults:?}");
        assert_eq!(faults[2], "up: differs from `UP` only in case, which Windows ignores");
    }

    #[test]
    fn a_large_tree_is_listed_the_same_every_time_on_any_number_of_threads() {
        let files: Vec<_> = (0..2_000).map(|n| format!("{:02}/{:02}/{n}", n % 7, n % 31)).collect();
        let tree = Tree::new(&files.iter().map(String::as_str).collect::<Vec<_>>());
        let (first, _) = tree.walk("");
        assert_eq!(first.len(), 2_000);
        assert_eq!(tree.walk("").0, first);
    }
}
