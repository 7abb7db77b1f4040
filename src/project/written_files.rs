//! Checks the files that a run writes: all are different, and none is an input.
//!
//! `--force` replaces files that tsmedia did not make, but never the sources of media, so this is checked in either
//! case.

use std::collections::HashMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::content::Content;
use crate::error::{Error, Result};
use crate::file_identity::FileIdentity;
use crate::inputs::Inputs;
use crate::output::Output;
use crate::problem::{Place, Problem, Problems, Severity};
use crate::volume::{Folder, Node};
use crate::write::{journal_path, temporary_path};

/// File that a run writes.
pub(super) struct WrittenFile {
    path: Utf8PathBuf,
    identity: FileIdentity,
    what: FileRole,
    /// Place in the manifest that names it.
    place: Place,
    /// Index of the manifest that makes it.
    manifest: usize,
}

/// Role of a written file, with the name of the output that it belongs to.
enum FileRole {
    Output(String),
    Disc(String),
    Capture(String),
    /// Name of an output until it is complete.
    Unfinished(String),
    Journal(String),
    Record(String),
}

impl FileRole {
    fn describe(&self) -> String {
        match self {
            Self::Output(name) | Self::Disc(name) | Self::Capture(name) => format!("the output `{name}`"),
            Self::Unfinished(name) => format!("the file in which `{name}` is built"),
            Self::Journal(name) => format!("the journal of `{name}`"),
            Self::Record(name) => format!("the record `{name}`"),
        }
    }

    /// Name of a finished output.
    fn output(&self) -> Option<&str> {
        match self {
            Self::Output(name) | Self::Disc(name) | Self::Capture(name) => Some(name),
            Self::Unfinished(_) | Self::Journal(_) | Self::Record(_) => None,
        }
    }
}

/// All files that a run writes.
#[derive(Default)]
pub(super) struct WrittenFiles(Vec<WrittenFile>);

impl WrittenFiles {
    /// Adds an output with its temporary file and its journal.
    pub fn add_output(&mut self, name: &str, path: &Utf8Path, is_disc: bool, place: &Place, manifest: usize) {
        let name = name.to_owned();
        let what = if is_disc { FileRole::Disc(name.clone()) } else { FileRole::Output(name.clone()) };
        self.add(path.to_owned(), what, place, manifest);
        self.add(temporary_path(path), FileRole::Unfinished(name.clone()), place, manifest);
        self.add(journal_path(path), FileRole::Journal(name), place, manifest);
    }

    /// Adds a captured WIM file.
    pub fn add_capture(&mut self, name: &str, path: &Utf8Path, place: &Place, manifest: usize) {
        self.add(path.to_owned(), FileRole::Capture(name.to_owned()), place, manifest);
        self.add(temporary_path(path), FileRole::Unfinished(name.to_owned()), place, manifest);
    }

    /// Adds the record of a manifest.
    pub fn add_record(&mut self, path: &Utf8Path, place: &Place, manifest: usize) {
        self.add(path.to_owned(), FileRole::Record(path.to_string()), place, manifest);
    }

    fn add(&mut self, path: Utf8PathBuf, what: FileRole, place: &Place, manifest: usize) {
        let identity = FileIdentity::of(&path);
        self.0.push(WrittenFile { path, identity, what, place: place.clone(), manifest });
    }

    /// Reports files that are the same.
    pub fn check_each_other(&self, problems: &mut Problems) {
        let n_errors = problems.count(Severity::Error);
        let outputs: Vec<_> = self.0.iter().filter(|written| written.what.output().is_some()).collect();
        pairs(&outputs, problems);
        if problems.count(Severity::Error) == n_errors {
            pairs(&self.0.iter().collect::<Vec<_>>(), problems);
        }
    }

    /// Reports files that are inputs.
    pub fn check_inputs(&self, inputs: &Inputs, outputs: &[&Output], problems: &mut Problems) {
        let by_identity: HashMap<_, _> = self.0.iter().map(|written| (&written.identity, written)).collect();
        for (path, place) in inputs.read() {
            let identity = FileIdentity::of(path);
            let Some(written) = by_identity.get(&identity).filter(|_| identity.inode().is_some()) else { continue };
            // A WIM file captured in this run may be a source of a medium, which is built after it.
            let is_captured_for_it = matches!(written.what, FileRole::Capture(_)) && path.extension() == Some("wim");
            if is_captured_for_it || place.is_some_and(|place| is_blamed(place, problems)) {
                continue;
            }
            problems.add(overwrites(written, path, place));
        }
        self.check_sources(outputs, problems);
    }

    /// Checks the sources of media, since files in folders are not inputs by themselves, and links may lead anywhere.
    fn check_sources(&self, outputs: &[&Output], problems: &mut Problems) {
        let written = self.0.iter().filter_map(|written| Some((written.identity.inode()?, written)));
        let mut written: HashMap<_, _> = written.filter(|(_, it)| !is_blamed(&it.place, problems)).collect();
        if written.is_empty() {
            return;
        }
        let mut folders: Vec<&Folder> = outputs.iter().map(|output| &output.root).collect();
        while let Some(folder) = folders.pop() {
            for (_, node) in folder.iter() {
                let source = match node {
                    Node::Folder(below) => {
                        folders.push(below);
                        continue;
                    }
                    Node::File(Content::Bytes(_)) => continue,
                    Node::File(Content::Source(source)) => source,
                };
                for file in source.files() {
                    let found = written.remove(&(file.stat.device, file.stat.inode));
                    if let Some(found) = found.filter(|it| !matches!(it.what, FileRole::Capture(_))) {
                        problems.add(overwrites(found, &file.path, None));
                    }
                }
            }
        }
    }
}

/// Returns `true` if an error is already reported at a place.
fn is_blamed(place: &Place, problems: &Problems) -> bool {
    let is_here = |problem: &&&Problem| problem.labels.iter().any(|(other, _)| other == place);
    problems.sorted().iter().filter(|problem| problem.severity == Severity::Error).any(|problem| is_here(&problem))
}

fn overwrites(written: &WrittenFile, input: &Utf8Path, place: Option<&Place>) -> Problem {
    let message = match written.path == input {
        true => format!("{} is also an input, and building would overwrite it", written.what.describe()),
        false => format!("{} is also the input `{input}`, and building would overwrite it", written.what.describe()),
    };
    let mut problem = Problem::error(message).at(written.place.clone(), "written");
    if let Some(place) = place {
        problem = problem.at(place.clone(), "read");
    }
    problem.help(match written.what {
        FileRole::Record(_) => "give the manifest or the input another name",
        FileRole::Capture(_) => "choose another `path` in `[capture]`; `--force` does not replace inputs",
        _ => "choose another `path` in `[output]`; `--force` does not replace inputs",
    })
}

/// Reports each file that is the same as an earlier one.
fn pairs(all: &[&WrittenFile], problems: &mut Problems) {
    let mut first: HashMap<&FileIdentity, &WrittenFile> = HashMap::new();
    let mut told: Vec<(usize, usize)> = Vec::new();
    for written in all {
        let Some(other) = first.get(&written.identity) else {
            first.insert(&written.identity, written);
            continue;
        };
        let manifests = (other.manifest, written.manifest);
        // Other sites of the same two manifests have other names but the same mistake.
        if manifests.0 != manifests.1 && told.contains(&manifests) {
            continue;
        }
        // Sites of one manifest with the same output were already reported when it was loaded.
        if is_blamed(&written.place, problems) {
            continue;
        }
        told.push(manifests);
        let of = if manifests.0 == manifests.1 { "media" } else { "manifests" };
        let message = match (written.what.output(), other.what.output()) {
            (Some(name), Some(of_other)) if name == of_other => format!("two {of} have the same output `{name}`"),
            (Some(name), Some(of_other)) => {
                format!("two {of} have the same output: `{name}` and `{of_other}` are the same file")
            }
            _ => match (&written.what, &other.what) {
                (FileRole::Record(name), FileRole::Record(_)) => format!("two manifests have the same record `{name}`"),
                (what, of_other) => format!("{} and {} are the same file", what.describe(), of_other.describe()),
            },
        };
        let mut problem = Problem::error(message).at(written.place.clone(), "");
        if written.place != other.place {
            problem = problem.at(other.place.clone(), "");
        }
        let is_disc = |it: &WrittenFile| matches!(it.what, FileRole::Disc(_));
        problems.add(problem.help(match &written.what {
            FileRole::Record(_) => "rename one of the manifests, or name each manifest once",
            _ if is_disc(written) || is_disc(other) => {
                "change the `path` of the other medium: discs of a set have numbered names"
            }
            _ if of == "manifests" => "give one of them another `path`, or give each manifest once",
            _ => "give one of them another `path`",
        }));
    }
}

/// Fails if a file to be written is an input of the run, or one of its outputs.
pub fn refuse_input(path: &Utf8Path, inputs: &Inputs) -> Result<()> {
    match same_as(inputs, path) {
        None => Ok(()),
        Some(input) => {
            let what = if input == path { String::new() } else { format!("`{input}`, ") };
            Err(Error::new(format!("`{path}` is {what}an input or output of this run and can't be overwritten"))
                .help("choose another name; `--force` does not replace inputs"))
        }
    }
}

/// Finds the input or output that a path leads to.
fn same_as<'a>(inputs: &'a Inputs, path: &Utf8Path) -> Option<&'a Utf8Path> {
    let identity = FileIdentity::of(path);
    inputs.paths().find(|input| FileIdentity::of(input) == identity)
}
