//! The parts of a medium put together into one tree, and what finds its place taken.

use std::sync::Arc;

use super::boot::{BOOT_IMAGE_PATH, BOOTFIX};
use super::boot_files::{FILES, StartFiles};
use super::boot_image::{BootImage, IMAGE};
use super::content::{Collected, Origins};
use super::placement::{Location, MAX_FAULTS, Placement};
use super::request::Request;
use crate::content::Content;
use crate::firmware::Firmware;
use crate::manifest::{ExtraFile, Kind};
use crate::media;
use crate::media::data::DataFile;
use crate::output::{Prompt, lists};
use crate::problem::{Problem, Problems};
use crate::volume::{Folder, Misplaced, Node};

/// A medium put together.
pub(super) struct Medium {
    pub root: Folder,
    pub start: StartFiles,
    pub origins: Origins,
    /// `true` if something on it has to be made first, and nothing may be written now: its length is not known then.
    pub is_pending: bool,
}

impl Medium {
    /// Returns the firmware under which the disc will ask for a key; `None` if it is not started as a disc.
    pub fn prompt(&self) -> Option<Prompt> {
        let entries = &self.start.entries;
        let is_bios = entries.iter().any(|entry| entry.firmware == Firmware::Bios);
        let bios = is_bios && matches!(self.root.get(BOOTFIX), Some(Node::File(_)));
        (!entries.is_empty()).then_some(Prompt { bios, uefi: self.start.prompts_under_uefi })
    }
}

/// Puts the parts of a medium together. Where two of them want one place, the later one is reported.
pub(super) fn assemble(
    request: &Request<'_>,
    boot_image: Option<BootImage>,
    start: StartFiles,
    content: Collected,
    data: Vec<DataFile>,
    problems: &mut Problems,
) -> Medium {
    let mut tree = Tree::new(Location::Medium);
    let mut is_pending = false;
    if let Some(boot_image) = boot_image {
        is_pending = boot_image.is_pending;
        tree.place(request, Placement::of_file(BOOT_IMAGE_PATH, boot_image.content, IMAGE), problems);
    }
    for (path, content) in &start.files {
        tree.place(request, Placement::of_file(path, content.clone(), FILES), problems);
    }
    for placement in content.placements {
        tree.place(request, placement, problems);
    }
    for file in data {
        place_own(request, &mut tree.root, file.path, file.content, problems);
    }
    add_own_files(request, &mut tree.root, problems);
    Medium { root: tree.root, start, origins: content.origins, is_pending }
}

/// Adds the files that every medium carries, last, so that a conflict is reported at the author's file.
fn add_own_files(request: &Request<'_>, root: &mut Folder, problems: &mut Problems) {
    let media = &request.rendered.manifest.media;
    if root.get(lists::FOLDER).is_some() {
        let message = format!("the folder `{}` of a medium is for its own lists", lists::FOLDER);
        let place = request.place(&pointer_into(request, lists::FOLDER));
        let problem = Problem::error(message).at(place, "puts files there");
        problems.add(problem.help("give your files another path on the medium"));
    }
    if media.kind == Kind::Prestaged {
        // It has no label, and nobody puts it in.
        return;
    }
    for (path, content) in media::own_files(&media.label, media.autorun, root) {
        place_own(request, root, path, content, problems);
    }
}

/// Puts a file of ours on the medium.
fn place_own(request: &Request<'_>, root: &mut Folder, path: &str, content: Content, problems: &mut Problems) {
    if root.insert(path, content).is_ok() {
        return;
    }
    let message = format!("`{path}` is already on the medium, and tsmedia writes it");
    let first = path.split('/').next().unwrap_or_default();
    let problem = Problem::error(message).at(request.place(&pointer_into(request, first)), "puts it there");
    problems.add(problem.help(match path {
        media::AUTORUN_FILE => "leave out your own file, or `autorun = true`",
        media::LABEL_FILE => "leave out your own file: its text comes from `label`",
        _ => "leave out your own file, or the folder `SMS/data`",
    }));
}

/// Returns the JSON pointer of the loose files or folder that brought a name at the root of the medium.
fn pointer_into(request: &Request<'_>, name: &str) -> String {
    let starts_there =
        |path: &str| path == "." || path.split('/').next().is_some_and(|first| first.eq_ignore_ascii_case(name));
    let brought_it = |(_, file): &(usize, &ExtraFile)| file.when && starts_there(&file.path);
    match request.rendered.manifest.file.iter().enumerate().rfind(brought_it) {
        Some((at, _)) => format!("/file/{at}/path"),
        None => "/media".into(),
    }
}

/// The tree of one volume, while files are put into it.
pub(super) struct Tree {
    pub root: Folder,
    location: Location,
}

impl Tree {
    /// Creates the empty tree of a volume.
    pub fn new(location: Location) -> Self {
        Self { root: Folder::default(), location }
    }

    /// Puts a file or a folder in its place, or reports why it can't be there.
    pub fn place(&mut self, request: &Request<'_>, placement: Placement, problems: &mut Problems) {
        let Placement { path, node, pointer } = placement;
        match node {
            Node::Folder(folder) => self.merge(request, &path, &folder, &pointer, problems),
            Node::File(content) => {
                if let Err(misplaced) = self.root.insert(&path, content) {
                    self.report(request, &path, &misplaced, &pointer, problems);
                }
            }
        }
    }

    /// Puts a folder's files in place. A file that is there already from the same source, as boot files are when the
    /// whole of an extracted Windows ISO follows them, is left there.
    fn merge(
        &mut self,
        request: &Request<'_>,
        path: &str,
        folder: &Arc<Folder>,
        pointer: &str,
        problems: &mut Problems,
    ) {
        let refused = match self.root.merge(path, Arc::clone(folder)) {
            Ok(refused) => refused,
            Err(misplaced) => return self.report(request, path, &misplaced, pointer, problems),
        };
        let is_there = |at: &str| {
            let within = at.strip_prefix(path).and_then(|at| at.strip_prefix('/')).unwrap_or(at);
            is_same_source(self.root.get(at), folder.get(within))
        };
        let refused: Vec<_> = refused.into_iter().filter(|(at, _)| !is_there(at)).collect();
        for (path, misplaced) in refused.iter().take(MAX_FAULTS) {
            self.report(request, path, misplaced, pointer, problems);
        }
        if let Some(n_more) = refused.len().checked_sub(MAX_FAULTS).filter(|n_more| *n_more > 0) {
            let problem = Problem::error(format!("{n_more} more files find their places {} taken", self.location));
            problems.add(problem.at(request.place(pointer), "wanted here"));
        }
    }

    fn report(&self, request: &Request<'_>, path: &str, misplaced: &Misplaced, pointer: &str, problems: &mut Problems) {
        let location = self.location;
        let problem = match misplaced {
            Misplaced::BadName(bad) => Problem::error(format!("`{path}` can't be {location}: {bad}")).help("rename it"),
            Misplaced::Taken(taken) => {
                let there = match self.root.get(taken) {
                    Some(Node::File(Content::Source(file))) => {
                        format!("`{taken}`, which comes from `{}`,", file.path())
                    }
                    Some(Node::Folder(_)) => format!("the folder `{taken}`"),
                    _ => format!("`{taken}`"),
                };
                Problem::error(format!("`{path}` finds its place {location} taken: {there} is there already"))
                    .help("leave one of them out, or give it another path; names that differ only in case are one name")
            }
        };
        problems.add(problem.at(request.place(pointer), "wanted here"));
    }
}

/// Returns whether two files are one file on disk, or are made of one alike.
fn is_same_source(one: Option<&Node>, other: Option<&Node>) -> bool {
    match (one, other) {
        (Some(Node::File(Content::Source(one))), Some(Node::File(Content::Source(other)))) => one.key() == other.key(),
        _ => false,
    }
}
