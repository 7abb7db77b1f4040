//! Paths that a build depends on, noted where they are read.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use crate::problem::Place;

/// Files and folders that decide what is built. They need not exist: then it is their coming that decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    read: BTreeMap<Utf8PathBuf, Option<Place>>,
    outputs: BTreeSet<Utf8PathBuf>,
    own: BTreeSet<Utf8PathBuf>,
}

impl Inputs {
    /// Notes a file, or a folder with all that is in it.
    pub fn note(&mut self, path: impl Into<Utf8PathBuf>) {
        self.read.entry(path.into()).or_default();
    }

    /// Notes a file or folder, and where an author names it.
    pub fn note_at(&mut self, path: impl Into<Utf8PathBuf>, place: Place) {
        self.read.entry(path.into()).or_default().get_or_insert(place);
    }

    /// Notes a file that is made: that it is there, and as it was left, decides what there is to do.
    pub fn note_output(&mut self, path: impl Into<Utf8PathBuf>) {
        self.outputs.insert(path.into());
    }

    /// Notes a folder that tsmedia itself writes to, wherever it is.
    pub fn leave_out(&mut self, path: impl Into<Utf8PathBuf>) {
        self.own.insert(path.into());
    }

    /// Adds others.
    pub fn extend(&mut self, others: &Self) {
        for (path, place) in &others.read {
            let known = self.read.entry(path.clone()).or_default();
            *known = known.take().or_else(|| place.clone());
        }
        self.outputs.extend(others.outputs.iter().cloned());
        self.own.extend(others.own.iter().cloned());
    }

    /// The files and folders, those that are made among them.
    pub fn paths(&self) -> impl Iterator<Item = &Utf8Path> {
        let outputs = self.outputs.iter().filter(|path| !self.read.contains_key(*path));
        self.read.keys().chain(outputs).map(|path| path.as_path())
    }

    /// The files and folders that are read, each with the place where an author names it.
    pub fn read(&self) -> impl Iterator<Item = (&Utf8Path, Option<&Place>)> {
        self.read.iter().map(|(path, place)| (path.as_path(), place.as_ref()))
    }

    /// The folders whose changes mean nothing.
    pub fn left_out(&self) -> impl Iterator<Item = &Utf8Path> {
        self.own.iter().map(|path| path.as_path())
    }
}
