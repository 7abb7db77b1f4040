//! The files of a workspace: open buffers, and what is on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use authoring::file::{Overlay, overlay_path, read_text};

use super::scan::Scan;
use crate::limits::MAX_TOML_LEN;
use crate::sequence;

/// Most TOML files of a workspace that are looked at.
const MAX_FILES: usize = 500;
/// Most folders of a workspace that are looked at.
const MAX_FOLDERS: usize = 5_000;

/// What an author's file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A manifest, or a profile.
    Manifest,
    /// A task sequence, or steps that others include.
    Sequence,
    /// A fact file of `simulate`.
    Facts,
    /// A content library.
    Library,
    /// Another file in TOML.
    Other,
}

impl FileKind {
    /// Returns the kind of a text, by its keys.
    pub fn of(scan: &Scan, text: &str) -> Self {
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

/// A text with what was scanned in it.
#[derive(Debug)]
pub struct SourceFile {
    /// Where it is.
    pub path: PathBuf,
    /// The text.
    pub text: Arc<str>,
    /// Its tables and values.
    pub scan: Scan,
    /// What it is.
    pub kind: FileKind,
}

impl SourceFile {
    fn new(path: &Path, text: Arc<str>) -> Self {
        let scan = Scan::new(&text);
        let kind = FileKind::of(&scan, &text);
        Self { path: path.to_owned(), text, scan, kind }
    }

    /// Reads a file, or takes the buffer that is open in its place.
    pub fn read(path: &Path, buffers: &Overlay) -> Option<Self> {
        let text = match buffers.get(path) {
            Some(text) => Arc::clone(text),
            None => read_text(path, MAX_TOML_LEN).ok()?.into(),
        };
        Some(Self::new(path, text))
    }
}

/// Where files of authors are looked for.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    /// Folders with everything below them.
    pub folders: Vec<PathBuf>,
    /// Folders of files that are open and in none of them: these alone.
    pub lone: BTreeSet<PathBuf>,
}

impl Workspace {
    /// Adds the folder of an open file that is in no folder of the workspace, and the folder around it.
    pub fn add_lone(&mut self, path: &Path) {
        if !self.folders.iter().any(|folder| path.starts_with(folder)) {
            self.lone.extend(path.ancestors().skip(1).take(2).map(Path::to_owned));
        }
    }

    /// Returns the TOML files; hidden folders and those of builds are left out.
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

    /// Reads the author's files, the open ones among them.
    pub fn author_files(&self, buffers: &Overlay) -> BTreeMap<PathBuf, SourceFile> {
        let mut paths = self.toml_files();
        paths.extend(buffers.keys().cloned());
        let read = |path: PathBuf| Some((path.clone(), SourceFile::read(&path, buffers)?));
        paths.into_iter().filter_map(read).filter(|(_, file)| file.kind != FileKind::Other).collect()
    }
}
