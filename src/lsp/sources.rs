//! Finds and reads the files of a workspace, with open buffers in place of files on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use authoring::file::{Overlay, overlay_path, read_text};

use super::scan::Scan;
use crate::limits::MAX_TOML_LEN;
use crate::sequence;

/// Maximum number of TOML files read in a workspace.
const MAX_FILES: usize = 500;
/// Maximum number of folders searched in a workspace.
const MAX_FOLDERS: usize = 5_000;

/// Kind of a TOML file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// Manifest or profile.
    Manifest,
    /// Task sequence, or included steps.
    Sequence,
    /// Fact file of `simulate`.
    Facts,
    /// Content library.
    Library,
    /// Other TOML file.
    Other,
}

impl DocumentKind {
    /// Detects the kind of a file from its keys.
    pub fn detect(scan: &Scan, text: &str) -> Self {
        let has = |key: &str| scan.entry(0, key).is_some();
        let has_table = |name: &str| scan.groups.iter().any(|group| group.path.first().is_some_and(|key| key == name));
        if sequence::is_sequence_text(text) || has_table("steps") {
            Self::Sequence
        } else if has("facts-version") {
            Self::Facts
        } else if has("library-version") {
            Self::Library
        } else if has("manifest-version")
            || has_table("media")
            || has_table("capture")
            || has_table("boot")
            || has_table("output")
        {
            Self::Manifest
        } else {
            Self::Other
        }
    }
}

/// Text of a file, scanned.
#[derive(Debug)]
pub struct SourceFile {
    /// Absolute path.
    pub path: PathBuf,
    /// Text.
    pub text: Arc<str>,
    /// Tables and values.
    pub scan: Scan,
    /// Kind.
    pub kind: DocumentKind,
}

impl SourceFile {
    fn new(path: &Path, text: Arc<str>) -> Self {
        let scan = Scan::new(&text);
        let kind = DocumentKind::detect(&scan, &text);
        Self { path: path.to_owned(), text, scan, kind }
    }

    /// Returns the open buffer of a path, or else reads the file; `None` if it can't be read.
    pub fn read(path: &Path, buffers: &Overlay) -> Option<Self> {
        let text = match buffers.get(path) {
            Some(text) => Arc::clone(text),
            None => read_text(path, MAX_TOML_LEN).ok()?.into(),
        };
        Some(Self::new(path, text))
    }
}

/// Folders searched for files.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    /// Folders of the workspace, searched with everything below them.
    pub folders: Vec<PathBuf>,
    /// Folders of open files outside the workspace, searched without subfolders.
    pub lone: BTreeSet<PathBuf>,
}

impl Workspace {
    /// Adds the folder of an open file, and its parent, if the file is outside the workspace.
    pub fn add_lone(&mut self, path: &Path) {
        if !self.folders.iter().any(|folder| path.starts_with(folder)) {
            self.lone.extend(path.ancestors().skip(1).take(2).map(Path::to_owned));
        }
    }

    /// Returns the paths of TOML files. Skips hidden folders, `target` and `node_modules`.
    pub fn toml_files(&self) -> BTreeSet<PathBuf> {
        let mut left: Vec<_> = self.folders.iter().map(|folder| (folder.clone(), true)).collect();
        left.extend(self.lone.iter().map(|folder| (folder.clone(), false)));
        let mut found = BTreeSet::new();
        let mut n_folders = 0;
        while let Some((folder, with_all_below)) = left.pop() {
            n_folders += 1;
            if n_folders > MAX_FOLDERS || found.len() >= MAX_FILES {
                break;
            }
            let mut entries: Vec<_> = folder.read_dir().into_iter().flatten().flatten().collect();
            entries.sort_by_key(std::fs::DirEntry::file_name);
            for entry in entries {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                let Ok(kind) = entry.file_type() else { continue };
                let is_left_out = name.starts_with('.') || ["target", "node_modules"].contains(&&*name);
                if kind.is_dir() && with_all_below && !is_left_out {
                    left.push((entry.path(), true));
                } else if kind.is_file() && name.ends_with(".toml") && found.len() < MAX_FILES {
                    found.insert(overlay_path(&entry.path()));
                }
            }
        }
        found
    }

    /// Reads the files of known kinds, including open buffers.
    pub fn author_files(&self, buffers: &Overlay) -> BTreeMap<PathBuf, SourceFile> {
        let mut paths = self.toml_files();
        paths.extend(buffers.keys().cloned());
        let read = |path: PathBuf| Some((path.clone(), SourceFile::read(&path, buffers)?));
        paths.into_iter().filter_map(read).filter(|(_, file)| file.kind != DocumentKind::Other).collect()
    }
}
