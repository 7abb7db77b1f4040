//! Assembles the parts of a medium into one tree, and reports paths that two of them claim.

use super::base::Base;
use super::boot::BOOTFIX;
use super::boot_files::StartFiles;
use super::boot_image::PreparedBootImage;
use super::content::{CollectedContent, ContentOrigins};
use super::manifest_pointers::{FILES, IMAGE};
use super::placement::{Location, Placement};
use super::request::MediumRequest;
use super::volume_tree::VolumeTree;
use crate::content::Content;
use crate::firmware::Firmware;
use crate::manifest::{BOOT_IMAGE_PATH, Kind};
use crate::media;
use crate::media::data::DataFile;
use crate::output::{Prompt, lists};
use crate::problem::{Problem, Problems};
use crate::volume::{Folder, Node};

/// An assembled medium.
pub(super) struct AssembledMedium {
    pub root: Folder,
    pub label: String,
    pub start: StartFiles,
    pub origins: ContentOrigins,
    /// Part of the content can't be made now because nothing may be written; its size is unknown.
    pub is_pending: bool,
}

impl AssembledMedium {
    /// Returns the firmware types whose boot from this disc waits for a key press; `None` if it is
    /// not bootable as a disc.
    pub fn prompt(&self) -> Option<Prompt> {
        let entries = &self.start.entries;
        // BIOS prompts only if `bootfix.bin` is on the medium; UEFI prompts inside the EFI boot
        // image.
        let is_bios = entries.iter().any(|entry| entry.firmware == Firmware::Bios);
        let bios = is_bios && matches!(self.root.get(BOOTFIX), Some(Node::File(_)));
        (!entries.is_empty()).then_some(Prompt { bios, uefi: self.start.prompts_under_uefi })
    }
}

/// Assembles the parts of a medium. If two of them claim one path, the later one is reported.
pub(super) fn assemble(
    request: &MediumRequest<'_>,
    boot_image: Option<PreparedBootImage>,
    start: StartFiles,
    mut content: CollectedContent,
    data: Vec<DataFile>,
    base: Option<&Base>,
    problems: &mut Problems,
) -> AssembledMedium {
    let mut tree = VolumeTree::new(Location::Medium);
    let mut is_pending = false;
    if let Some(boot_image) = boot_image {
        is_pending = boot_image.is_pending;
        tree.place(request, Placement::of_file(BOOT_IMAGE_PATH, boot_image.content, IMAGE), problems);
    }
    for (path, content) in &start.files {
        tree.place(request, Placement::of_file(path, content.clone(), FILES), problems);
    }
    let mut origin = LooseFiles::default();
    for placement in content.placements {
        origin.add(&placement);
        tree.place(request, placement, problems);
    }
    // Content comes first, so that tsmedia's own files are the ones that find a path taken.
    for file in data {
        place_own(request, &origin, &mut tree.root, &file.path, file.content, problems);
    }
    let label = label(request, base).to_owned();
    add_own_files(request, &origin, &label, &mut tree.root, problems);
    if let Some(base) = base {
        // A path that is taken belongs to a file of the manifest, which replaces that of the base.
        drop(tree.root.merge(".", base.files.clone()));
        content.origins.add(request.rendered, format!("base `{}`", base.name), "SMS".into(), base.pointer.clone());
    }
    if let Some((file, [_, ..])) = request.rendered.site_file() {
        let title = format!("site file `{}`", file.name);
        content.origins.add(request.rendered, title, media::data::VARIABLES_FILE.into(), "/sites/0/data".into());
    }
    AssembledMedium { root: tree.root, label, start, origins: content.origins, is_pending }
}

/// Returns the label of the medium: that of its base, unless the manifest sets one.
fn label<'a>(request: &'a MediumRequest<'_>, base: Option<&'a Base>) -> &'a str {
    let manifest = &request.rendered.manifest;
    let of_base = base.and_then(|base| base.label.as_deref());
    let is_asked = request.rendered.is_written("/media/label") || manifest.media.kind == Kind::Prestaged;
    of_base.filter(|_| !is_asked).unwrap_or(manifest.label())
}

/// Adds the files that every medium carries. They come last, so that a conflict is reported at the
/// author's file.
fn add_own_files(
    request: &MediumRequest<'_>,
    origin: &LooseFiles,
    label: &str,
    root: &mut Folder,
    problems: &mut Problems,
) {
    let media = &request.rendered.manifest.media;
    if root.get(lists::FOLDER).is_some() {
        let message = format!("the folder `{}` of the medium is reserved for tsmedia's lists", lists::FOLDER);
        let place = request.place(&origin.pointer_of(lists::FOLDER));
        let problem = Problem::error(message).at(place, "puts files there");
        problems.add(problem.help("move these files to another path on the medium"));
    }
    if media.kind == Kind::Prestaged {
        // A prestaged medium has no label and is never inserted, so needs no autorun.
        return;
    }
    for (path, content) in media::own_files(label, media.autorun, root) {
        place_own(request, origin, root, path, content, problems);
    }
}

/// Puts a file written by tsmedia on the medium.
fn place_own(
    request: &MediumRequest<'_>,
    origin: &LooseFiles,
    root: &mut Folder,
    path: &str,
    content: Content,
    problems: &mut Problems,
) {
    if root.insert(path, content).is_ok() {
        return;
    }
    let message = format!("`{path}` is written by tsmedia, but content already has that path");
    let problem = Problem::error(message).at(request.place(&origin.pointer_of(path)), "puts it there");
    problems.add(problem.help(match path {
        media::AUTORUN_FILE => "remove your own file, or remove `autorun = true`",
        media::LABEL_FILE => "remove your own file; tsmedia writes its text from `label`",
        _ => {
            "remove your own file, or the folder `SMS/data`; to reuse these files of a medium, name the medium in \
              `[base]`"
        }
    }));
}

/// Files and folders from `[[file]]` entries, to find the entry that supplies a path.
#[derive(Default)]
struct LooseFiles(Vec<(String, Node, String)>);

impl LooseFiles {
    /// Records a placement if it comes from a `[[file]]` entry.
    fn add(&mut self, placement: &Placement) {
        let at = placement.pointer.strip_prefix("/file/").and_then(|rest| rest.split('/').next());
        if let Some(at) = at {
            self.0.push((placement.path.clone(), placement.node.clone(), format!("/file/{at}/path")));
        }
    }

    /// Returns the JSON pointer of the entry that supplies a path on the medium.
    fn pointer_of(&self, path: &str) -> String {
        // An entry supplies a path if its folder contains it, or if the path is a parent of the
        // entry.
        let brings = |(at, node, _): &&(String, Node, String)| {
            let below = match at.as_str() {
                "" | "." => Some(path),
                at if at.eq_ignore_ascii_case(path) => return true,
                at => match path.get(..at.len()) {
                    Some(start) if start.eq_ignore_ascii_case(at) => path[at.len()..].strip_prefix('/'),
                    _ => None,
                },
            };
            let is_above = || {
                at.get(path.len()..)
                    .is_some_and(|rest| rest.starts_with('/') && at[..path.len()].eq_ignore_ascii_case(path))
            };
            match (node, below) {
                (Node::Folder(folder), Some(below)) => folder.get(below).is_some(),
                _ => is_above(),
            }
        };
        self.0.iter().find(brings).map_or("/media".into(), |(_, _, pointer)| pointer.clone())
    }
}
