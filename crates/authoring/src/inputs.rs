//! Paths that a build depends on, recorded as they are read.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use crate::problem::Place;

/// Files and folders that a build depends on. They may be missing: then their creation matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    read: BTreeMap<Utf8PathBuf, Option<Place>>,
    outputs: BTreeSet<Utf8PathBuf>,
    own: BTreeSet<Utf8PathBuf>,
    secrets: BTreeSet<Utf8PathBuf>,
}

impl Inputs {
    /// Records a file, or a folder with its contents.
    pub fn note(&mut self, path: impl Into<Utf8PathBuf>) {
        self.read.entry(path.into()).or_default();
    }

    /// Records a file or folder, and the place that names it.
    pub fn note_at(&mut self, path: impl Into<Utf8PathBuf>, place: Place) {
        self.read.entry(path.into()).or_default().get_or_insert(place);
    }

    /// Records a file with a secret, and the place that names it.
    pub fn note_secret(&mut self, path: impl Into<Utf8PathBuf>, place: Place) {
        let path = path.into();
        self.secrets.insert(path.clone());
        self.note_at(path, place);
    }

    /// Records an output: its presence and state determine what there is to do.
    pub fn note_output(&mut self, path: impl Into<Utf8PathBuf>) {
        self.outputs.insert(path.into());
    }

    /// Excludes a folder that tsmedia itself writes to.
    pub fn exclude(&mut self, path: impl Into<Utf8PathBuf>) {
        self.own.insert(path.into());
    }

    /// Adds the paths of `others`.
    pub fn extend(&mut self, others: &Self) {
        for (path, place) in &others.read {
            let known = self.read.entry(path.clone()).or_default();
            *known = known.take().or_else(|| place.clone());
        }
        self.outputs.extend(others.outputs.iter().cloned());
        self.own.extend(others.own.iter().cloned());
        self.secrets.extend(others.secrets.iter().cloned());
    }

    /// Returns the files and folders, including outputs.
    pub fn paths(&self) -> impl Iterator<Item = &Utf8Path> {
        let outputs = self.outputs.iter().filter(|path| !self.read.contains_key(*path));
        self.read.keys().chain(outputs).map(|path| path.as_path())
    }

    /// Returns the files and folders that are read, each with the place that names it.
    pub fn read(&self) -> impl Iterator<Item = (&Utf8Path, Option<&Place>)> {
        self.read.iter().map(|(path, place)| (path.as_path(), place.as_ref()))
    }

    /// Returns `true` for a file with a secret, of which not even a digest may be published.
    pub fn is_secret(&self, path: &Utf8Path) -> bool {
        self.secrets.contains(path)
    }

    /// Returns the excluded folders, whose changes are ignored.
    pub fn excluded(&self) -> impl Iterator<Item = &Utf8Path> {
        self.own.iter().map(|path| path.as_path())
    }
}
