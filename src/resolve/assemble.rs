//! The parts of a medium put together into one tree, and what finds its place taken.

use super::base::Base;
use super::boot::BOOTFIX;
use super::boot_files::StartFiles;
use super::boot_image::BootImage;
use super::content::{Collected, Origins};
use super::manifest_pointers::{FILES, IMAGE};
use super::placement::{Location, Placement};
use super::request::Request;
use super::volume_tree::VolumeTree;
use crate::content::Content;
use crate::firmware::Firmware;
use crate::manifest::{BOOT_IMAGE_PATH, ExtraFile, Kind};
use crate::media;
use crate::media::data::DataFile;
use crate::output::{Prompt, lists};
use crate::problem::{Problem, Problems};
use crate::volume::{Folder, Node};

/// A medium put together.
pub(super) struct Medium {
    pub root: Folder,
    pub label: String,
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
    mut content: Collected,
    data: Vec<DataFile>,
    base: Option<&Base>,
    problems: &mut Problems,
) -> Medium {
    let mut tree = VolumeTree::new(Location::Medium);
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
        place_own(request, &mut tree.root, &file.path, file.content, problems);
    }
    let label = label(request, base).to_owned();
    add_own_files(request, &label, &mut tree.root, problems);
    if let Some(base) = base {
        // What finds its place taken was replaced by the manifest.
        drop(tree.root.merge(".", base.files.clone()));
        content.origins.add(request.rendered, format!("base `{}`", base.name), "SMS".into(), base.pointer.clone());
    }
    if let Some((file, [_, ..])) = request.rendered.site_file() {
        let title = format!("site file `{}`", file.name);
        content.origins.add(request.rendered, title, media::data::VARIABLES_FILE.into(), "/sites/0/data".into());
    }
    Medium { root: tree.root, label, start, origins: content.origins, is_pending }
}

/// Returns the label of the medium: that of its base, unless the manifest has one.
fn label<'a>(request: &'a Request<'_>, base: Option<&'a Base>) -> &'a str {
    let manifest = &request.rendered.manifest;
    let of_base = base.and_then(|base| base.label.as_deref());
    let is_asked = request.rendered.is_written("/media/label") || manifest.media.kind == Kind::Prestaged;
    of_base.filter(|_| !is_asked).unwrap_or(manifest.label())
}

/// Adds the files that every medium carries, last, so that a conflict is reported at the author's file.
fn add_own_files(request: &Request<'_>, label: &str, root: &mut Folder, problems: &mut Problems) {
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
    for (path, content) in media::own_files(label, media.autorun, root) {
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
        _ => "leave out your own file, or the folder `SMS/data`; to reuse those of a medium, name it in `[base]`",
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
