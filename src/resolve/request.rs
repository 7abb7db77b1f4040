//! The rendered manifest to resolve, and its context. Resolution steps read it, and none changes
//! it.
//!
//! Files that steps examine are recorded for [`watch`](crate::watch), and reported if unreadable.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::clock::Clock;
use super::medium_path;
use super::sources::Sources;
use super::written_paths::WrittenPaths;
use crate::date::Date;
use crate::error::Error;
use crate::file_identity::FileIdentity;
use crate::git_lfs;
use crate::inputs::Inputs;
use crate::manifest::Rendered;
use crate::problem::{Place, Problem, Problems};
use crate::secret::Secret;
use crate::target::Expiry;
use authoring::suggestions;

/// One medium to resolve.
pub(super) struct MediumRequest<'a> {
    pub rendered: &'a Rendered,
    pub sources: &'a dyn Sources,
    pub notes: &'a Notes,
    /// Path of the output.
    pub output: Utf8PathBuf,
    pub written_paths: WrittenPaths,
    /// The date of the medium.
    pub date: Date,
    /// Patterns of `media.exclude` that matched so far, by JSON pointer; `None` until a folder was filtered.
    pub used_exclusions: RefCell<Option<BTreeSet<String>>>,
    /// The time for expiry checks; without it they are skipped.
    pub clock: Option<Clock>,
    /// Lay the medium out, to report exceeded limits of its format.
    pub lays_out: bool,
}

/// Observations of one run, for its caller.
#[derive(Default)]
pub(super) struct Notes {
    /// Files and folders examined so far, existing or not, and the outputs.
    pub inputs: RefCell<Inputs>,
    /// WIM files captured by manifests of the run, each with its manifest.
    pub captures: BTreeMap<FileIdentity, Utf8PathBuf>,
    /// Captures that media need and that don't exist yet.
    pub awaited: RefCell<BTreeSet<Utf8PathBuf>>,
    /// Certificates and media that expire.
    pub expiries: RefCell<Vec<Expiry>>,
}

impl MediumRequest<'_> {
    /// Returns the place at which the value at a JSON pointer was written.
    pub fn place(&self, pointer: &str) -> Place {
        self.rendered.place(pointer)
    }

    /// Resolves the path written at a JSON pointer, and records it as an input.
    pub fn input(&self, pointer: &str, path: &str) -> Utf8PathBuf {
        let path = self.rendered.path_at(pointer, path);
        let mut inputs = self.notes.inputs.borrow_mut();
        if let Some(medium) = medium_path::possible_medium(&path) {
            inputs.note_at(medium, self.place(pointer));
        }
        // Once a file with that whole name is created, it takes precedence over the path on the
        // medium.
        if medium_path::split(&path).is_none() {
            inputs.note_at(&path, self.place(pointer));
        }
        path
    }

    /// Returns `true` if the value at a JSON pointer comes from the base.
    pub fn is_from_base(&self, pointer: &str) -> bool {
        let base = self.rendered.manifest.base();
        base.is_some_and(|(_, at)| self.place(pointer) == self.place(&format!("{at}/medium")))
    }

    /// Reads the file named at a JSON pointer, unless it is a Git LFS pointer.
    pub fn read(&self, path: &Utf8Path, max_len: u64, pointer: &str, problems: &mut Problems) -> Option<Vec<u8>> {
        if self.is_lfs_pointer(path, pointer, problems) {
            return None;
        }
        self.readable(self.sources.read(path, max_len), path, pointer, problems)
    }

    /// Reads the file named at a JSON pointer into memory that is wiped, unless it is a Git LFS
    /// pointer.
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

    /// Reports a file that is a Git LFS pointer, and returns `true` if it is one.
    pub fn is_lfs_pointer(&self, path: &Utf8Path, pointer: &str, problems: &mut Problems) -> bool {
        let is_pointer = self.sources.is_lfs_pointer(path);
        if is_pointer {
            self.failed(&git_lfs::error(path), pointer, problems);
        }
        is_pointer
    }

    /// Reports a file or folder named at a JSON pointer if it could not be read.
    pub fn readable<T>(
        &self,
        result: io::Result<T>,
        path: &Utf8Path,
        pointer: &str,
        problems: &mut Problems,
    ) -> Option<T> {
        result.map_err(|error| self.unreadable(path, &error, pointer, problems)).ok()
    }

    /// Reports the error of a file or folder named at a JSON pointer. For the output of a capture
    /// in this run, notes that it has to be captured first.
    pub fn unreadable(&self, path: &Utf8Path, error: &io::Error, pointer: &str, problems: &mut Problems) {
        let made = medium_path::possible_medium(path).unwrap_or(path);
        // For a path on a medium, the medium itself is what a capture produces.
        match self.notes.captures.get(&FileIdentity::of(made)) {
            Some(manifest) if error.kind() == io::ErrorKind::NotFound => {
                let message = format!("`{made}` does not exist yet: `{manifest}` captures it");
                let problem = Problem::note(message).at(self.place(pointer), "");
                problems.add(problem.help("run `tsmedia apply` with both manifests to build them in order"));
                self.notes.awaited.borrow_mut().insert(made.to_owned());
            }
            _ => problems.add(unreadable(self.rendered, path, error, pointer)),
        }
    }

    /// Reports an error at the JSON pointer of the value that caused it.
    pub fn failed(&self, error: &Error, pointer: &str, problems: &mut Problems) {
        problems.add(Problem::from(error).at(self.place(pointer), "named here"));
    }
}

/// Returns the problem of a file or folder that could not be read.
pub(super) fn unreadable<M>(rendered: &Rendered<M>, path: &Utf8Path, error: &io::Error, pointer: &str) -> Problem {
    // Suggest in terms of the written value, so that the suggestion can be typed.
    let value = rendered.value().pointer(pointer);
    if let Some(found) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return medium_path::problem_from(found, path, value).at(rendered.place(pointer), "named here");
    }
    if let Some(problem) = medium_path::missing_medium(path, value) {
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
            Some(folder) => format!("`{folder}` exists; the rest of the path does not"),
            None => "check that its disk is mounted".into(),
        }),
        None => problem.help("paths are relative to the file they are written in"),
    }
}

/// Returns the deepest existing folder on the way to a path, except the root.
fn reachable(path: &Utf8Path) -> Option<&Utf8Path> {
    path.ancestors().skip(1).find(|folder| folder.is_dir()).filter(|folder| folder.parent().is_some())
}
