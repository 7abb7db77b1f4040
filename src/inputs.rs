//! What a build depends on, by path: noted by whoever reads it, watched by [`watch`](crate::watch).

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

/// Files and folders that decide what is built. They need not exist: then it is their coming that decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    paths: BTreeSet<Utf8PathBuf>,
    own: BTreeSet<Utf8PathBuf>,
}

impl Inputs {
    /// Notes a file, or a folder with all that is in it.
    pub fn note(&mut self, path: impl Into<Utf8PathBuf>) {
        self.paths.insert(path.into());
    }

    /// Notes a folder that tsmedia itself writes to, wherever it is.
    pub fn leave_out(&mut self, path: impl Into<Utf8PathBuf>) {
        self.own.insert(path.into());
    }

    /// Adds others.
    pub fn extend(&mut self, others: &Self) {
        self.paths.extend(others.paths.iter().cloned());
        self.own.extend(others.own.iter().cloned());
    }

    /// The files and folders.
    pub fn paths(&self) -> impl Iterator<Item = &Utf8Path> {
        self.paths.iter().map(|path| path.as_path())
    }

    /// The folders whose changes mean nothing.
    pub fn left_out(&self) -> impl Iterator<Item = &Utf8Path> {
        self.own.iter().map(|path| path.as_path())
    }
}
