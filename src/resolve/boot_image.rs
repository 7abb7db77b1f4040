//! The boot image: checked, with the author's files, prestart command and drivers put in.

use std::io;

use super::boot_image_checks;
use super::content::open_wim;
use super::drivers::add_drivers;
use super::images::check_image;
use super::inside;
use super::manifest_pointers::IMAGE;
use super::placement::{Location, Placement, find_entry};
use super::prestart::add_prestart;
use super::request::Request;
use super::scratch_space::set_scratch_space;
use super::self_inclusion::holds_itself;
use super::volume_tree::VolumeTree;
use super::wim::{self, Derived, KnownWim};
use super::windows_pe::WindowsPe;
use crate::content::Content;
use crate::format::wim::Use;
use crate::format::windows::Windows;
use crate::manifest::SiteArchitecture;
use crate::problem::{Problem, Problems};
use crate::rule::Rule;
use crate::volume::Folder;

/// JSON pointer of the background image.
const BACKGROUND: &str = "/boot/background";
/// Where Windows PE has its background image ("WinPE: Mount and Customize").
const BACKGROUND_FILE: &str = "Windows/System32/winpe.jpg";
/// First bytes of a JPEG image: the marker of its start, and the first byte of another marker.
const JPEG: [u8; 3] = [0xff, 0xd8, 0xff];

/// End of a note on what is made of a WIM file, where nothing may be written.
pub(super) const LATER: &str = " by whatever comes after `check`; how long it becomes is known then";

/// The boot image of a medium.
pub(super) struct BootImage {
    /// The WIM file, as it is or with files put in.
    pub content: Content,
    /// The image that the medium starts; `None` if it can't be used, which has been reported.
    pub windows_pe: Option<WindowsPe>,
    /// `true` if the WIM file has to be made first, and nothing may be written now.
    pub is_pending: bool,
}

/// Finds, checks and makes the boot image. `None` if the WIM file is not there.
pub(super) fn prepare(request: &Request<'_>, problems: &mut Problems) -> Option<BootImage> {
    let image = &request.rendered.manifest.boot.image;
    let path = request.input(IMAGE, &image.file);
    if request.is_lfs_pointer(&path, IMAGE, problems)
        || (inside::split(&path).is_some() && holds_itself(request, &path, IMAGE, problems))
    {
        return None;
    }
    let content = match request.sources.file(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && request.is_from_base(IMAGE) => {
            let problem = Problem::new(Rule::MissingBootImage, format!("the base has no boot image `{path}`"));
            let help = "write `image = { file = \"images/boot.wim\" }` in `[boot]`, or name all files of the medium";
            problems.add(problem.at(request.place(IMAGE), "the base").help(help));
            return None;
        }
        found => request.readable(found, &path, IMAGE, problems)?,
    };
    let unusable = BootImage { content, windows_pe: None, is_pending: false };
    let Some((wim, index)) = open_wim(request, &path, image.index, IMAGE, "/boot/image/index", problems) else {
        return Some(unusable);
    };
    if !check_image(request, &wim, index, Use::Start, IMAGE, problems) {
        return Some(unusable);
    }
    let windows = boot_image_checks::look_into(request, &wim, index, problems);
    let facts = wim.image(index);
    let windows_pe = WindowsPe {
        // The kernel knows better than what was written down about it.
        architecture: windows.architecture.or(facts.and_then(|facts| facts.architecture)),
        version: windows.version.or(facts.and_then(|facts| facts.version)),
        wim,
        index,
    };
    if windows_pe.architecture.is_none() {
        let message = format!("image {index} of `{path}` does not say which processors it is for");
        let problem = Problem::warning(message).at(request.place(IMAGE), "taken for x64");
        problems.add(problem.help("a boot image of the Windows ADK or of Configuration Manager says it"));
    }
    check_package(request, &windows_pe, problems);
    let derived = additions(request, &windows_pe, &windows, problems)
        .and_then(|additions| derive(request, &windows_pe, &additions, problems));
    let (content, is_pending) = match derived {
        Some(Derived::Made(content)) => (content, false),
        Some(Derived::Later) => (unusable.content, true),
        Some(Derived::AsItIs) | None => (unusable.content, false),
    };
    Some(BootImage { content, windows_pe: Some(windows_pe), is_pending })
}

/// Warns of a boot image package of the site that is for other processors.
fn check_package(request: &Request<'_>, windows_pe: &WindowsPe, problems: &mut Problems) {
    let Some((file, _)) = request.rendered.site_file() else { return };
    let (Some(id), Some(own)) = (&request.rendered.manifest.boot.package, windows_pe.architecture) else { return };
    let Some(at) = file.data.boot_images.iter().position(|image| image.id == *id) else { return };
    let image = &file.data.boot_images[at];
    let Some(architecture) = image.architecture.map(SiteArchitecture::as_str) else { return };
    if architecture == own.to_string() {
        return;
    }
    let message = format!("the boot image is for {own}, and the package `{id}` of the site for {architecture}");
    let problem = Problem::warning(message).at(request.place("/boot/package"), "the package");
    let problem = problem.at(file.place(&format!("/boot-images/{at}/architecture")), format!("`{}`", image.name));
    problems.add(problem.help("name the package of this boot image in `boot.package`"));
}

/// Collects the files that go into the boot image, a volume of its own. `None` if something is wrong with them.
fn additions(
    request: &Request<'_>,
    windows_pe: &WindowsPe,
    windows: &Windows,
    problems: &mut Problems,
) -> Option<Folder> {
    let n_errors = problems.n_errors_told();
    let mut tree = VolumeTree::new(Location::BootImage);
    let files = &request.rendered.manifest.boot.file;
    for (at, file) in files.iter().enumerate().filter(|(_, file)| file.when) {
        let pointer = format!("/boot/file/{at}");
        let found = find_entry(request, &file.source, &file.path, &pointer, Location::BootImage, problems);
        found.into_iter().for_each(|found| tree.place(request, found, problems));
    }
    add_background(request, &mut tree, problems);
    set_scratch_space(request, windows_pe, &mut tree, problems);
    add_prestart(request, windows_pe, &mut tree, problems);
    let classes = add_drivers(request, windows_pe, windows, &mut tree, problems);
    boot_image_checks::check(request, windows_pe, windows, &tree.root, &classes, problems);
    (problems.n_errors_told() == n_errors).then_some(tree.root)
}

/// Puts the background image of Windows PE into the boot image.
fn add_background(request: &Request<'_>, tree: &mut VolumeTree, problems: &mut Problems) {
    let Some(background) = &request.rendered.manifest.boot.background else { return };
    let path = request.input(BACKGROUND, background);
    if request.is_lfs_pointer(&path, BACKGROUND, problems) {
        return;
    }
    let start = request.readable(request.sources.read_start(&path, JPEG.len()), &path, BACKGROUND, problems);
    let Some(start) = start else { return };
    if start != JPEG {
        let problem = Problem::error(format!("`{path}` is not a JPEG image")).at(request.place(BACKGROUND), "");
        problems.add(problem.help("convert it: Windows PE shows a JPEG image, and nothing in place of another one"));
        return;
    }
    if let Some(content) = request.readable(request.sources.file(&path), &path, BACKGROUND, problems) {
        tree.place(request, Placement::of_file(BACKGROUND_FILE, content, BACKGROUND), problems);
    }
}

/// Makes the boot image of the WIM file where that is not one as it is: the boot store starts the image that the WIM
/// file marks as bootable, whatever the manifest says; and the author may put files into it.
fn derive(
    request: &Request<'_>,
    windows_pe: &WindowsPe,
    additions: &Folder,
    problems: &mut Problems,
) -> Option<Derived> {
    let wim = &windows_pe.wim;
    match wim::boot_image(wim, windows_pe.index, additions, request.date) {
        Ok(derived) => {
            match &derived {
                Derived::Made(_) if wim.facts().packed.is_some() => note_reexported(request, wim, "", problems),
                Derived::Later => note_reexported(request, wim, LATER, problems),
                Derived::Made(_) | Derived::AsItIs => {}
            }
            Some(derived)
        }
        Err(error) => {
            let pointer = error.subject().and_then(|path| boot_file_of(request, path));
            request.failed(&error, &pointer.unwrap_or_else(|| IMAGE.into()), problems);
            None
        }
    }
}

fn note_reexported(request: &Request<'_>, wim: &KnownWim, when: &str, problems: &mut Problems) {
    let is = if wim.is_solid() { "is solid" } else { "is compressed by LZMS" };
    let message = format!(
        "`{}` {is}, which no boot manager reads: its image is re-exported as LZX, once, into the cache{when}",
        wim.path()
    );
    problems.add(Problem::note(message).at(request.place(IMAGE), ""));
}

/// Where the manifest puts something at a path in the boot image.
fn boot_file_of(request: &Request<'_>, path: &str) -> Option<String> {
    let files = request.rendered.manifest.boot.file.iter().enumerate().filter(|(_, file)| file.when);
    let found = files.filter(|(at, file)| {
        let source = request.rendered.path_at(&format!("/boot/file/{at}/source"), &file.source);
        let target = file.path.trim_end_matches('/');
        let within = match path.get(target.len()..) {
            _ if target == "." => path,
            // What is in the way of a folder on the way.
            None => {
                let start = target.get(..path.len()).filter(|_| target[path.len()..].starts_with('/'));
                return start.is_some_and(|start| start.eq_ignore_ascii_case(path));
            }
            Some(within) if path[..target.len()].eq_ignore_ascii_case(target) => within.trim_start_matches('/'),
            _ => return false,
        };
        // Several may go into one folder: then it is the one that has it.
        match request.sources.is_folder(&source).unwrap_or(false) {
            true => request.sources.is_folder(&source.join(within)).is_ok(),
            false => within.is_empty() || source.file_name() == Some(within),
        }
    });
    found.collect::<Vec<_>>().pop().map(|(at, _)| format!("/boot/file/{at}/source"))
}
