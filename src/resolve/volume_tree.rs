//! The tree of one volume, under construction.

use std::sync::Arc;

use super::placement::{Location, MAX_FAULTS, Placement};
use super::request::MediumRequest;
use crate::content::Content;
use crate::problem::{Problem, Problems};
use crate::volume::{Folder, Misplaced, Node};

/// The tree of one volume, under construction.
pub(super) struct VolumeTree {
    pub root: Folder,
    location: Location,
}

impl VolumeTree {
    /// Creates an empty tree.
    pub fn new(location: Location) -> Self {
        Self { root: Folder::default(), location }
    }

    /// Places a file or folder, or reports why that is impossible. A file already there from the
    /// same source is fine: a whole Windows ISO, for example, includes the boot files placed
    /// before.
    pub fn place(&mut self, request: &MediumRequest<'_>, placement: Placement, problems: &mut Problems) {
        let Placement { path, node, pointer } = placement;
        match node {
            Node::Folder(folder) => self.merge(request, &path, &folder, &pointer, problems),
            Node::File(content) => {
                if let Err(misplaced) = self.root.insert(&path, content.clone())
                    && !is_same_source(self.root.get(&path), Some(&Node::File(content)))
                {
                    self.report(request, &path, &misplaced, &pointer, problems);
                }
            }
        }
    }

    /// Replaces a file, or adds it. Reports why it can't be there.
    pub fn replace_or_place(
        &mut self,
        request: &MediumRequest<'_>,
        path: &str,
        content: Content,
        pointer: &str,
        problems: &mut Problems,
    ) {
        if let Err(misplaced) = self.root.replace_or_insert(path, content) {
            self.report(request, path, &misplaced, pointer, problems);
        }
    }

    /// Places all files of a folder.
    fn merge(
        &mut self,
        request: &MediumRequest<'_>,
        path: &str,
        folder: &Arc<Folder>,
        pointer: &str,
        problems: &mut Problems,
    ) {
        let refused = match self.root.merge(path, Arc::clone(folder)) {
            Ok(refused) => refused,
            Err(misplaced) => return self.report(request, path, &misplaced, pointer, problems),
        };
        // Refused paths are relative to the root, those in the folder to its own path.
        let is_there = |at: &str| {
            let within = at.strip_prefix(path).and_then(|at| at.strip_prefix('/')).unwrap_or(at);
            is_same_source(self.root.get(at), folder.get(within))
        };
        let refused: Vec<_> = refused.into_iter().filter(|(at, _)| !is_there(at)).collect();
        for (path, misplaced) in refused.iter().take(MAX_FAULTS) {
            self.report(request, path, misplaced, pointer, problems);
        }
        if let Some(n_more) = refused.len().checked_sub(MAX_FAULTS).filter(|n_more| *n_more > 0) {
            let problem =
                Problem::error(format!("the paths of {n_more} more files {} are already taken", self.location));
            problems.add(problem.at(request.place(pointer), "wanted here"));
        }
    }

    fn report(
        &self,
        request: &MediumRequest<'_>,
        path: &str,
        misplaced: &Misplaced,
        pointer: &str,
        problems: &mut Problems,
    ) {
        let location = self.location;
        let problem = match misplaced {
            Misplaced::BadName(bad) => Problem::error(format!("`{path}` can't be {location}: {bad}")).help("rename it"),
            Misplaced::Taken(taken) => {
                let there = match self.root.get(taken) {
                    Some(Node::File(Content::Source(file))) => {
                        format!("`{taken}` from `{}`", file.path())
                    }
                    Some(Node::Folder(_)) => format!("the folder `{taken}`"),
                    _ => format!("`{taken}`"),
                };
                Problem::error(format!("`{path}` {location} is already taken by {there}"))
                    .help("remove one of them or change its path; case is ignored in names")
            }
        };
        problems.add(problem.at(request.place(pointer), "wanted here"));
    }
}

/// Returns `true` if two nodes are the same file on disk, or are derived identically.
fn is_same_source(one: Option<&Node>, other: Option<&Node>) -> bool {
    match (one, other) {
        (Some(Node::File(Content::Source(one))), Some(Node::File(Content::Source(other)))) => one.key() == other.key(),
        _ => false,
    }
}
