//! Paths of inputs with symbolic links resolved, and the folders to watch for changes.
//!
//! A change to a file is reported for the folder that contains it. So every existing folder on the way to an input is
//! watched. Each symbolic link on the way is watched like an input. If an input is a folder, everything below it is
//! watched.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::ops::Bound;
use std::path::{Component, Path, PathBuf};

use camino::Utf8Path;

use crate::inputs::Inputs;

/// Paths to watch, resolved when this was made.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct WatchedPlaces {
    /// Inputs and links to them; they need not exist.
    pub spots: BTreeSet<PathBuf>,
    own: BTreeSet<PathBuf>,
}

/// Highest number of links to follow on one path; no operating system follows more.
const MAX_LINKS: usize = 40;

impl WatchedPlaces {
    pub fn new(inputs: &Inputs) -> Self {
        let spots = inputs.paths().flat_map(|path| spots(path.as_std_path())).collect();
        let own = inputs.excluded().filter_map(resolve).collect();
        Self { spots, own }
    }

    /// Returns `true` if a change at a path may have changed an input.
    pub fn concern(&self, path: &Path) -> bool {
        if path.ancestors().any(|above| self.own.contains(above)) {
            return false;
        }
        // In an input, or on the way to one.
        let from_here = (Bound::Included(path), Bound::Unbounded);
        path.ancestors().any(|above| self.spots.contains(above))
            || self.spots.range::<Path, _>(from_here).next().is_some_and(|spot| spot.starts_with(path))
    }

    /// Folders to watch.
    pub fn folders(&self) -> BTreeSet<PathBuf> {
        let mut folders = BTreeSet::new();
        for spot in &self.spots {
            folders.extend(spot.ancestors().skip(1).filter(|above| above.is_dir()).map(Path::to_owned));
        }
        let is_open = |spot: &&PathBuf| fs::symlink_metadata(spot).is_ok_and(|metadata| metadata.is_dir());
        let mut open: Vec<PathBuf> = self.spots.iter().filter(is_open).cloned().collect();
        while let Some(path) = open.pop() {
            if self.own.contains(&path) {
                continue;
            }
            // The type of an entry comes with the listing, so files need no call of their own.
            let below = fs::read_dir(&path).into_iter().flatten().flatten();
            let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
            open.extend(below.filter(is_folder).map(|entry| entry.path()));
            folders.insert(path);
        }
        folders
    }

    /// Visits every input and link that exists, and everything below it, without following links.
    pub fn visit(&self, take: &mut dyn FnMut(&Path, &fs::Metadata)) {
        let mut open: Vec<PathBuf> = self.spots.iter().cloned().collect();
        while let Some(path) = open.pop() {
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if self.own.contains(&path) {
                continue;
            }
            take(&path, &metadata);
            if metadata.is_dir() {
                let mut below: Vec<_> = fs::read_dir(&path).into_iter().flatten().flatten().collect();
                // The order of a listing may vary, but what is visited is hashed.
                below.sort_by_key(fs::DirEntry::file_name);
                open.extend(below.into_iter().map(|entry| entry.path()));
            }
        }
    }
}

/// Lists the links on the way to a path, and the resolved path last.
fn spots(path: &Path) -> Vec<PathBuf> {
    let Ok(path) = std::path::absolute(path) else { return Vec::new() };
    let parts = |path: &Path| -> Vec<PathBuf> { path.components().map(|part| Path::new(&part).to_owned()).collect() };
    let mut to_go: VecDeque<PathBuf> = parts(&path).into();
    let mut here = PathBuf::new();
    let mut spots = Vec::new();
    while let Some(part) = to_go.pop_front() {
        match part.components().next() {
            Some(Component::ParentDir) => {
                here.pop();
                continue;
            }
            Some(Component::CurDir) | None => continue,
            // An absolute link starts again at the root.
            Some(_) => here.push(&part),
        }
        match fs::read_link(&here) {
            Ok(target) if spots.len() < MAX_LINKS => {
                spots.push(here.clone());
                here.pop();
                parts(&target).into_iter().rev().for_each(|part| to_go.push_front(part));
            }
            _ => {}
        }
    }
    spots.push(here);
    spots
}

/// Resolves a path.
pub(super) fn resolve(path: &Utf8Path) -> Option<PathBuf> {
    spots(path.as_std_path()).pop()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use camino::Utf8PathBuf;

    use super::*;

    #[test]
    fn links_on_the_way_are_spots_and_all_folders_are_watched() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().canonicalize().unwrap()).unwrap();
        fs::create_dir_all(root.join("real/package/deep/deeper")).unwrap();
        fs::create_dir_all(root.join("project/.tsmedia/objects")).unwrap();
        symlink("../real", root.join("project/content")).unwrap();
        symlink("package", root.join("real/current")).unwrap();
        let mut inputs = Inputs::default();
        inputs.note(root.join("project/./content/current"));
        inputs.note(root.join("project/../project/not/there.txt"));
        inputs.note(root.join("project"));
        inputs.exclude(root.join("project/.tsmedia"));
        let places = WatchedPlaces::new(&inputs);
        let within = |paths: &BTreeSet<PathBuf>| -> Vec<String> {
            let within = paths.iter().filter_map(|path| path.strip_prefix(&root).ok());
            within.map(|path| path.to_str().unwrap().to_owned()).collect()
        };
        assert_eq!(
            within(&places.spots),
            ["project", "project/content", "project/not/there.txt", "real/current", "real/package"]
        );
        let folders = places.folders();
        assert_eq!(
            within(&folders),
            ["", "project", "real", "real/package", "real/package/deep", "real/package/deep/deeper"]
        );
        assert!(folders.contains(Path::new("/")));
        for (path, concerns) in [
            ("real/package/deep/new/file", true),
            ("real/package", true),
            ("real", true),
            ("real/current", true),
            ("real/other", false),
            ("project/not", true),
            ("project/.tsmedia/now", false),
            ("project/.tsmedia", false),
        ] {
            assert_eq!(places.concern(root.join(path).as_std_path()), concerns, "{path}");
        }
    }

    #[test]
    fn links_that_lead_to_each_other_end() {
        let folder = tempfile::tempdir().unwrap();
        symlink("b", folder.path().join("a")).unwrap();
        symlink("a", folder.path().join("b")).unwrap();
        assert!(spots(&folder.path().join("a/x")).len() <= MAX_LINKS + 1);
    }
}
