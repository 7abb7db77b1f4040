//! The manifest of one site to resolve, and the means to do it: every step reads them, and none changes them.
//!
//! What steps look at is noted for [`watch`](crate::watch), and reported where it can't be read.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::clock::Clock;
use super::inside;
use super::own_places::OwnPlaces;
use super::sources::Sources;
use crate::date::Date;
use crate::error::Error;
use crate::file_identity::FileIdentity;
use crate::git_lfs;
use crate::inputs::Inputs;
use crate::manifest::Rendered;
use crate::problem::{Place, Problem, Problems};
use crate::secret::Secret;
use authoring::suggestions;

/// One medium to resolve.
pub(super) struct Request<'a> {
    pub rendered: &'a Rendered,
    pub sources: &'a dyn Sources,
    pub notes: &'a Notes,
    /// Path of the finished medium.
    pub output: Utf8PathBuf,
    pub own_places: OwnPlaces,
    /// The date of the medium.
    pub date: Date,
    /// The time for expiry checks; without it they are skipped.
    pub clock: Option<Clock>,
    /// Set to lay the medium out, to report what no medium holds.
    pub lays_out: bool,
}

/// Observations of one run, for its caller.
#[derive(Default)]
pub(super) struct Notes {
    /// The files and folders that were looked at, there or not; outputs too.
    pub inputs: RefCell<Inputs>,
    /// The WIM files that manifests of the run capture, each with its manifest.
    pub captures: BTreeMap<FileIdentity, Utf8PathBuf>,
    /// The captures that media need and that are not there yet.
    pub awaited: RefCell<BTreeSet<Utf8PathBuf>>,
}

impl Request<'_> {
    /// Returns where the value at a JSON pointer was written.
    pub fn place(&self, pointer: &str) -> Place {
        self.rendered.place(pointer)
    }

    /// Returns the path that the author wrote at a JSON pointer, and notes it as an input.
    pub fn input(&self, pointer: &str, path: &str) -> Utf8PathBuf {
        let path = self.rendered.path_at(pointer, path);
        let mut inputs = self.notes.inputs.borrow_mut();
        if let Some(medium) = inside::possible_medium(&path) {
            inputs.note_at(medium, self.place(pointer));
        }
        // A path on a medium is one of this machine as soon as something has that name here.
        if inside::split(&path).is_none() {
            inputs.note_at(&path, self.place(pointer));
        }
        path
    }

    /// Returns whether the base supplies the value at a JSON pointer, since the author gave none.
    pub fn is_from_base(&self, pointer: &str) -> bool {
        let base = self.rendered.manifest.base();
        base.is_some_and(|(_, at)| self.place(pointer) == self.place(&format!("{at}/medium")))
    }

    /// Reads the file that the author named at a JSON pointer, unless it is a Git LFS pointer.
    pub fn read(&self, path: &Utf8Path, max_len: u64, pointer: &str, problems: &mut Problems) -> Option<Vec<u8>> {
        if self.is_lfs_pointer(path, pointer, problems) {
            return None;
        }
        self.readable(self.sources.read(path, max_len), path, pointer, problems)
    }

    /// Reads the file that the author named at a JSON pointer into memory that is wiped, unless it is a Git LFS pointer.
    pub fn read_secret(
        &self,
        path: &Utf8Path,
        max_len: usize,
        pointer: &str,
        problems: &mut Problems,
    ) -> Option<Secret> {
        if self.is_lfs_pointer(path, pointer, problems) {
            return None;
        }
        self.readable(self.sources.read_secret(path, max_len), path, pointer, problems)
    }

    /// Reports a file that is a Git LFS pointer, and returns whether it is.
    pub fn is_lfs_pointer(&self, path: &Utf8Path, pointer: &str, problems: &mut Problems) -> bool {
        let is_pointer = self.sources.is_lfs_pointer(path);
        if is_pointer {
            self.failed(&git_lfs::error(path), pointer, problems);
        }
        is_pointer
    }

    /// Reports a file or folder that could not be looked at, named at a JSON pointer.
    pub fn readable<T>(
        &self,
        result: io::Result<T>,
        path: &Utf8Path,
        pointer: &str,
        problems: &mut Problems,
    ) -> Option<T> {
        result.map_err(|error| self.unreadable(path, &error, pointer, problems)).ok()
    }

    /// Reports why a file or folder could not be looked at, named at a JSON pointer.
    pub fn unreadable(&self, path: &Utf8Path, error: &io::Error, pointer: &str, problems: &mut Problems) {
        let made = inside::possible_medium(path).unwrap_or(path);
        match self.notes.captures.get(&FileIdentity::of(made)) {
            Some(manifest) if error.kind() == io::ErrorKind::NotFound => {
                let message = format!("`{made}` is not there yet: `{manifest}` captures it");
                let problem = Problem::note(message).at(self.place(pointer), "");
                problems.add(problem.help("`tsmedia apply` with both does the one after the other"));
                self.notes.awaited.borrow_mut().insert(made.to_owned());
            }
            _ => problems.add(unreadable(self.rendered, path, error, pointer)),
        }
    }

    /// Reports a failure that the author can mend at a JSON pointer.
    pub fn failed(&self, error: &Error, pointer: &str, problems: &mut Problems) {
        problems.add(Problem::from(error).at(self.place(pointer), "named here"));
    }
}

/// Returns the problem of a file or folder that the author named and that could not be looked at.
pub(super) fn unreadable<M>(rendered: &Rendered<M>, path: &Utf8Path, error: &io::Error, pointer: &str) -> Problem {
    // As the author wrote it, so that what is right can be typed in its place.
    let value = rendered.value().pointer(pointer);
    if let Some(found) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return inside::problem(found, path, value).at(rendered.place(pointer), "named here");
    }
    if let Some(problem) = inside::no_medium(path, value) {
        return problem.at(rendered.place(pointer), "not found");
    }
    let written = value.and_then(|value| value.as_str()).map_or(path, Utf8Path::new);
    if error.kind() != io::ErrorKind::NotFound {
        return Problem::error(format!("`{path}` can't be read: {error}")).at(rendered.place(pointer), "named here");
    }
    let problem = Problem::error(format!("`{path}` does not exist")).at(rendered.place(pointer), "not found");
    match suggestions::similar_path(path, written.as_str()) {
        Some(meant) => problem.help(format!("did you mean `{meant}`?")),
        None if written.is_absolute() => problem.help(match reachable(path) {
            Some(folder) => format!("`{folder}` is there; what follows it is not"),
            None => "see whether the disk that it is on is mounted".into(),
        }),
        None => problem.help("paths are relative to the file that they are written in"),
    }
}

/// Returns the last folder on the way to a path that is there, except the root.
fn reachable(path: &Utf8Path) -> Option<&Utf8Path> {
    path.ancestors().skip(1).find(|folder| folder.is_dir()).filter(|folder| folder.parent().is_some())
}
