//! Files of a run that Git tracks.
//!
//! The index of a repository is read when the digests of the first file are not known, so a run without changes does
//! not call Git.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::git_index::{GitIndex, TrackedContent};
use crate::content::Stat;
use crate::paths::folder_of;

/// Repositories of the manifests of a run.
#[derive(Debug, Default)]
pub(super) struct TrackedFiles(RefCell<BTreeMap<Utf8PathBuf, OnceCell<GitIndex>>>);

impl TrackedFiles {
    /// Adds the repository that a manifest is in, if any.
    pub(super) fn add_repository_of(&self, manifest: &Utf8Path) {
        let folder = folder_of(manifest).canonicalize_utf8();
        let root = folder.as_ref().ok().and_then(|folder| folder.ancestors().find(|it| it.join(".git").exists()));
        if let Some(root) = root {
            self.0.borrow_mut().entry(root.to_owned()).or_default();
        }
    }

    /// Returns the content of a file, if it is tracked and unmodified.
    pub(super) fn find(&self, stat: &Stat) -> Option<TrackedContent> {
        let repositories = self.0.borrow();
        repositories.iter().find_map(|(root, index)| index.get_or_init(|| GitIndex::read(root)).find(stat))
    }
}
