//! View of a commit: a temporary folder like the work tree, with the files of the commit where they differ.
//!
//! Unchanged files and folders are symbolic links into the work tree, so a view is cheap however large the content is,
//! and unchanged content is known to be unchanged without reading it. Folders with changes are real folders. So are all
//! folders with TOML and JSON files or links, because `..` in a path must stay in the view. Files that Git does not
//! track are those of the work tree, and so is everything beside the work tree.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use super::git::{Changes, Repository};
use crate::error::{Error, Result};
use crate::git_lfs;
use crate::limits;
use authoring::mirror::Mirror;

/// View of a commit on disk. Dropping it removes the folder.
#[derive(Debug)]
pub(super) struct View {
    _folder: TempDir,
    /// Folder of the view, and the work tree.
    pub(super) mirror: Mirror,
    /// Large files of the commit that this clone does not have.
    pub(super) missing: Vec<MissingFile>,
}

/// Large file of a commit that this clone does not have. The view has the file of the work tree in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MissingFile {
    /// Path from the root of the work tree.
    pub(super) path: Utf8PathBuf,
    /// SHA-256 in hexadecimal.
    pub(super) sha256: String,
    /// Length in bytes.
    pub(super) len: u64,
}

impl View {
    /// Creates the view. `manifests` are paths from the root of the work tree.
    pub(super) fn create(repository: &Repository, changes: &Changes, manifests: &[Utf8PathBuf]) -> Result<Self> {
        let failed = |error| Error::new("creating a temporary folder").because(error);
        let folder = tempfile::Builder::new().prefix("tsmedia-base-").tempdir().map_err(failed)?;
        let root = Utf8Path::from_path(folder.path()).ok_or_else(|| Error::new("`TMPDIR` is not UTF-8"))?;
        let root = root.canonicalize_utf8().map_err(|error| Error::io("finding", root, error))?;
        // At the same depth as the work tree, so that paths that leave it lead to the same place.
        let system = root.join("root");
        let (files, index) = (system.join(repository.top.as_str().trim_start_matches('/')), root.join("index"));
        fs::create_dir_all(&files).map_err(|error| Error::io("creating", &files, error))?;
        // Files of the commit come first, while the folder is empty, so that Git can't follow a link in it.
        let committed = changes.files.iter().filter_map(|(path, file)| Some((path.as_path(), file.as_ref()?)));
        repository.check_out(committed, &files, &index)?;
        let store = repository.large_file_store();
        link_surroundings(&system, &repository.top)?;
        let mirror = Mirror { folder: files, original: repository.top.clone(), store };
        let mut view = Self { _folder: folder, mirror, missing: Vec::new() };
        for (path, _) in changes.files.iter().filter(|(_, file)| file.is_some()) {
            view.resolve_pointer(path)?;
        }
        let mut real = repository.linked_folders()?;
        real.extend(changes.files.keys().chain(manifests).filter_map(|path| path.parent()).map(Utf8Path::to_owned));
        let above: Vec<_> = real.iter().flat_map(|folder| folder.ancestors()).map(Utf8Path::to_owned).collect();
        real.extend(above);
        Links { view: &view.mirror, changes, real: &real }.fill(Utf8Path::new(""))?;
        Ok(view)
    }

    /// Returns the path in the view for a path from the root of the work tree.
    pub(super) fn path(&self, path: &Utf8Path) -> Utf8PathBuf {
        self.mirror.folder.join(path)
    }

    /// Replaces a Git LFS pointer in the view with a link to its object, or to the file of the work tree.
    fn resolve_pointer(&mut self, path: &Utf8Path) -> Result<()> {
        let place = self.path(path);
        let Some((sha256, len)) = read_pointer(&place) else { return Ok(()) };
        let object = self.mirror.store.as_ref().map(|store| store.join(&sha256[..2]).join(&sha256[2..4]).join(&sha256));
        let has_len = |path: &Utf8PathBuf| path.symlink_metadata().is_ok_and(|it| it.is_file() && it.len() == len);
        let target = match object.filter(has_len) {
            Some(object) => object,
            None => {
                let now = self.mirror.original.join(path);
                if !now.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
                    // The pointer stays, and is reported when the base is read.
                    return Ok(());
                }
                self.missing.push(MissingFile { path: path.to_owned(), sha256, len });
                now
            }
        };
        fs::remove_file(&place).map_err(|error| Error::io("removing", &place, error))?;
        symlink(&target, &place).map_err(|error| Error::io("linking", &place, error))
    }
}

/// Links everything beside the work tree, and beside the folders above it.
fn link_surroundings(system: &Utf8Path, top: &Utf8Path) -> Result<()> {
    for folder in top.ancestors().skip(1) {
        let within = system.join(folder.as_str().trim_start_matches('/'));
        // A folder that can't be listed has nothing that a manifest could name either.
        let Ok(entries) = folder.read_dir_utf8() else { continue };
        for entry in entries.flatten().filter(|entry| !top.starts_with(entry.path())) {
            let place = within.join(entry.file_name());
            symlink(entry.path(), &place).map_err(|error| Error::io("linking", &place, error))?;
        }
    }
    Ok(())
}

/// Reads the SHA-256 and the length in a Git LFS pointer. `None` if the file is none.
fn read_pointer(path: &Utf8Path) -> Option<(String, u64)> {
    let metadata = path.symlink_metadata().ok().filter(|metadata| metadata.is_file())?;
    if !git_lfs::can_be_pointer(metadata.len()) {
        return None;
    }
    let bytes = limits::read(path, git_lfs::LIMIT).ok().filter(|bytes| git_lfs::is_pointer(bytes))?;
    git_lfs::parse_pointer(&bytes)
}

/// Fills a view with links.
struct Links<'a> {
    view: &'a Mirror,
    changes: &'a Changes,
    /// Folders to create rather than to link.
    real: &'a BTreeSet<Utf8PathBuf>,
}

impl Links<'_> {
    /// Adds the unchanged entries of a folder, which must be a real one of the work tree.
    fn fill(&self, folder: &Utf8Path) -> Result<()> {
        let of_tree = self.view.original.join(folder);
        let entries = of_tree.read_dir_utf8().map_err(|error| Error::io("reading", &of_tree, error))?;
        for entry in entries {
            // A name that is not UTF-8 is reported when the work tree is read.
            let Ok(entry) = entry else { continue };
            let path = folder.join(entry.file_name());
            if path == ".git" || self.changes.files.contains_key(&path) {
                continue;
            }
            let kind = entry.file_type().map_err(|error| Error::io("reading", entry.path(), error))?;
            let place = self.view.folder.join(&path);
            if kind.is_dir() && self.real.contains(&path) {
                self.add_folder(&path, &place)?;
                continue;
            }
            // A link of the work tree means the same in the view.
            let target = match kind.is_symlink() {
                true => entry.path().read_link_utf8().map_err(|error| Error::io("reading", entry.path(), error))?,
                false => entry.path().to_owned(),
            };
            symlink(&target, &place).map_err(|error| Error::io("linking", &place, error))?;
        }
        Ok(())
    }

    /// Adds a folder, unless everything in it is newer than the commit.
    fn add_folder(&self, path: &Utf8Path, place: &Utf8Path) -> Result<()> {
        let is_there = place.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
        if !is_there {
            fs::create_dir(place).map_err(|error| Error::io("creating", place, error))?;
        }
        self.fill(path)?;
        let is_new = |folder: &Utf8Path| self.changes.files.keys().any(|changed| changed.starts_with(folder));
        if !is_there && is_new(path) {
            // Fails if the folder is not empty, as it should.
            let _ = fs::remove_dir(place);
        }
        Ok(())
    }
}
