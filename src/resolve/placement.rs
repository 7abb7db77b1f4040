//! Files and folders that the author names, each with its path on a volume. They are listed, not
//! read.

use std::fmt;
use std::sync::Arc;

use camino::Utf8Path;

use super::exclusions::Exclusions;
use super::lfs_pointers;
use super::medium_path;
use super::request::MediumRequest;
use super::self_inclusion::includes_itself;
use super::tree::ListedFolder;
use crate::content::Content;
use crate::problem::{Problem, Problems};
use crate::volume::Node;

/// Maximum number of faults of one folder that are reported individually.
pub(super) const MAX_FAULTS: usize = 10;

/// The volume that files are placed on, with its name in messages.
#[derive(Clone, Copy, Debug)]
pub(super) enum Location {
    /// The medium itself.
    Medium,
    /// The boot image.
    BootImage,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Medium => "on the medium",
            Self::BootImage => "in the boot image",
        })
    }
}

/// A file, or a folder with its contents, and its path on a volume.
#[derive(Debug)]
pub(super) struct Placement {
    pub path: String,
    pub node: Node,
    /// JSON pointer of the value that requests it.
    pub pointer: String,
}

impl Placement {
    /// Creates the placement of a file.
    pub fn of_file(path: impl Into<String>, content: Content, pointer: impl Into<String>) -> Self {
        Self { path: path.into(), node: Node::File(content), pointer: pointer.into() }
    }

    /// Visits what [`files`](Self::files) returns, and the folders, without a path for each.
    pub fn visit<'a>(&'a self, see: &mut dyn FnMut(&str, &'a Node)) {
        match &self.node {
            Node::Folder(folder) => folder.visit(see),
            Node::File(_) => see(self.path.rsplit('/').next().unwrap_or_default(), &self.node),
        }
    }

    /// Returns the files of the placement, by their paths below the folder; a single file by its
    /// name.
    pub fn files(&self) -> Vec<(String, &Content)> {
        match &self.node {
            Node::Folder(folder) => folder.files(),
            Node::File(content) => {
                vec![(self.path.rsplit('/').next().unwrap_or_default().to_owned(), content)]
            }
        }
    }
}

/// Finds the file or folder of the entry at `pointer`, which has `source` and `path`.
pub(super) fn find_entry(
    request: &MediumRequest<'_>,
    source: &str,
    at: &str,
    pointer: &str,
    location: Location,
    problems: &mut Problems,
) -> Option<Placement> {
    let in_entry = format!("{pointer}/source");
    let path = request.input(&in_entry, source);
    let target = at.trim_end_matches('/');
    match request.readable(request.sources.is_folder(&path), &path, &in_entry, problems)? {
        true => find_folder(request, &path, target, &in_entry, location, problems),
        false if at.ends_with('/') || target == "." => find_file(request, &path, target, &in_entry, problems),
        false if request.is_lfs_pointer(&path, &in_entry, problems) => None,
        false => {
            let content = request.readable(request.sources.file(&path), &path, &in_entry, problems)?;
            Some(Placement::of_file(target, content, format!("{pointer}/path")))
        }
    }
}

/// Finds a folder with its contents, or a single file, to be placed below `target`.
pub(super) fn find_source(
    request: &MediumRequest<'_>,
    source: &str,
    target: &str,
    pointer: &str,
    location: Location,
    problems: &mut Problems,
) -> Option<Placement> {
    let path = request.input(pointer, source);
    match request.readable(request.sources.is_folder(&path), &path, pointer, problems)? {
        true => find_folder(request, &path, target, pointer, location, problems),
        false => find_file(request, &path, target, pointer, problems),
    }
}

/// Finds a folder with its contents, without the files that patterns leave out, to be placed at
/// `target`.
pub(super) fn find_folder(
    request: &MediumRequest<'_>,
    path: &Utf8Path,
    target: &str,
    pointer: &str,
    location: Location,
    problems: &mut Problems,
) -> Option<Placement> {
    let listed = list_folder(request, path, pointer, problems)?;
    let exclusions = Exclusions::new(request, pointer, medium_path::split(path).is_some(), problems);
    let listed = exclusions.apply(request, path, pointer, listed, problems);
    Some(place_folder(request, path, &listed, (target, pointer), location, problems))
}

/// Finds a folder with all its contents, to be placed at `target`.
pub(super) fn find_whole_folder(
    request: &MediumRequest<'_>,
    path: &Utf8Path,
    target: &str,
    pointer: &str,
    location: Location,
    problems: &mut Problems,
) -> Option<Placement> {
    let listed = list_folder(request, path, pointer, problems)?;
    Some(place_folder(request, path, &listed, (target, pointer), location, problems))
}

fn list_folder(
    request: &MediumRequest<'_>,
    path: &Utf8Path,
    pointer: &str,
    problems: &mut Problems,
) -> Option<Arc<ListedFolder>> {
    if includes_itself(request, path, pointer, problems) {
        return None;
    }
    request.readable(request.sources.folder(path), path, pointer, problems)
}

/// Reports what can't be placed of a folder, and returns the rest.
fn place_folder(
    request: &MediumRequest<'_>,
    path: &Utf8Path,
    walked: &ListedFolder,
    (target, pointer): (&str, &str),
    location: Location,
    problems: &mut Problems,
) -> Placement {
    for fault in walked.faults.iter().take(MAX_FAULTS) {
        let problem = Problem::error(format!("`{}` can't be {location}: {}", fault.path, fault.why));
        problems.add(problem.at(request.place(pointer), "found in this folder").help(fault.help));
    }
    if let Some(n_more) = walked.faults.len().checked_sub(MAX_FAULTS).filter(|n_more| *n_more > 0) {
        let problem = Problem::error(format!("{n_more} more files in `{path}` can't be {location}"));
        problems.add(problem.at(request.place(pointer), "found in this folder"));
    }
    if walked.n_files == 0 && walked.faults.is_empty() {
        let problem = Problem::warning(format!("`{path}` contains no files")).at(request.place(pointer), "empty");
        problems.add(problem.help("copy the content there, or remove the entry"));
    }
    if let Some(error) = lfs_pointers::error_for(path, &walked.pointers) {
        request.failed(&error, pointer, problems);
    }
    Placement { path: target.to_owned(), node: Node::Folder(walked.folder.clone()), pointer: pointer.to_owned() }
}

/// Finds one file, to be placed below `target` under its own name.
pub(super) fn find_file(
    request: &MediumRequest<'_>,
    path: &Utf8Path,
    target: &str,
    pointer: &str,
    problems: &mut Problems,
) -> Option<Placement> {
    if includes_itself(request, path, pointer, problems) || request.is_lfs_pointer(path, pointer, problems) {
        return None;
    }
    let name = path.file_name().unwrap_or_default();
    let content = request.readable(request.sources.file(path), path, pointer, problems)?;
    let target = if target == "." { name.to_owned() } else { format!("{target}/{name}") };
    Some(Placement::of_file(target, content, pointer))
}
