//! Prepares the boot image: checks it, and adds the files, prestart command and drivers of the
//! manifest.

use std::io;

use super::boot_image_checks;
use super::content::open_wim;
use super::drivers::add_drivers;
use super::images::check_image;
use super::manifest_pointers::IMAGE;
use super::medium_path;
use super::placement::{Location, Placement, find_entry};
use super::prestart::add_prestart;
use super::request::MediumRequest;
use super::scratch_space::set_scratch_space;
use super::self_inclusion::includes_itself;
use super::volume_tree::VolumeTree;
use super::wim::{self, DerivedImage, KnownWim};
use super::windows_pe::WindowsPe;
use crate::content::Content;
use crate::format::wim::WimUse;
use crate::format::windows::WindowsFacts;
use crate::manifest::SiteArchitecture;
use crate::problem::{Problem, Problems};
use crate::rule::Rule;
use crate::volume::Folder;

/// JSON pointer of the background image.
const BACKGROUND: &str = "/boot/background";
/// Path of the background image of Windows PE ("WinPE: Mount and Customize").
const BACKGROUND_FILE: &str = "Windows/System32/winpe.jpg";
/// First bytes of a JPEG image: the start-of-image marker and the first byte of the next marker.
const JPEG: [u8; 3] = [0xff, 0xd8, 0xff];

/// End of a note about a file derived from a WIM file, for runs that must not write.
pub(super) const LATER: &str = " by the next `plan` or `apply`; its size is unknown until then";

/// The boot image of a medium.
pub(super) struct PreparedBootImage {
    /// The WIM file, unchanged or with files added.
    pub content: Content,
    /// The image that the medium starts; `None` if it can't be used, which was reported.
    pub windows_pe: Option<WindowsPe>,
    /// The WIM file must be derived first, but nothing may be written now.
    pub is_pending: bool,
}

/// Finds, checks and derives the boot image. `None` if the WIM file was not found.
pub(super) fn prepare(request: &MediumRequest<'_>, problems: &mut Problems) -> Option<PreparedBootImage> {
    let image = &request.rendered.manifest.boot.image;
    let path = request.input(IMAGE, &image.file);
    if request.is_lfs_pointer(&path, IMAGE, problems)
        || (medium_path::split(&path).is_some() && includes_itself(request, &path, IMAGE, problems))
    {
        return None;
    }
    let content = match request.sources.file(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && request.is_from_base(IMAGE) => {
            let problem = Problem::new(Rule::MissingBootImage, format!("the base has no boot image `{path}`"));
            let help = "write `image = { file = \"images/boot.wim\" }` in `[boot]`, or copy the base again, with all \
                        its files";
            problems.add(problem.at(request.place(IMAGE), "the base").help(help));
            return None;
        }
        found => request.readable(found, &path, IMAGE, problems)?,
    };
    let unusable = PreparedBootImage { content, windows_pe: None, is_pending: false };
    let Some((wim, index)) = open_wim(request, &path, image.index, IMAGE, "/boot/image/index", problems) else {
        return Some(unusable);
    };
    if !check_image(request, &wim, index, WimUse::Start, IMAGE, problems) {
        return Some(unusable);
    }
    let windows = boot_image_checks::read_windows(request, &wim, index, problems);
    let facts = wim.image(index);
    let windows_pe = WindowsPe {
        // The kernel is more reliable than the description of the image.
        architecture: windows.architecture.or(facts.and_then(|facts| facts.architecture)),
        version: windows.version.or(facts.and_then(|facts| facts.version)),
        wim,
        index,
    };
    if windows_pe.architecture.is_none() {
        let message = format!("image {index} of `{path}` has no processor architecture");
        let problem = Problem::warning(message).at(request.place(IMAGE), "assumed to be x64");
        problems.add(problem.help("use a boot image of the Windows ADK or of Configuration Manager"));
    }
    check_package(request, &windows_pe, problems);
    let derived = collect_additions(request, &windows_pe, &windows, problems)
        .and_then(|additions| derive(request, &windows_pe, &additions, problems));
    let (content, is_pending) = match derived {
        Some(DerivedImage::Made(content)) => (content, false),
        Some(DerivedImage::Deferred) => (unusable.content, true),
        Some(DerivedImage::Unchanged) | None => (unusable.content, false),
    };
    Some(PreparedBootImage { content, windows_pe: Some(windows_pe), is_pending })
}

/// Warns of a boot image package of the site for another architecture.
fn check_package(request: &MediumRequest<'_>, windows_pe: &WindowsPe, problems: &mut Problems) {
    let Some((file, _)) = request.rendered.site_file() else { return };
    let (Some(id), Some(own)) = (&request.rendered.manifest.boot.package, windows_pe.architecture) else { return };
    let Some(at) = file.data.boot_images.iter().position(|image| image.id == *id) else { return };
    let image = &file.data.boot_images[at];
    let Some(architecture) = image.architecture.map(SiteArchitecture::as_str) else { return };
    if architecture == own.to_string() {
        return;
    }
    let message = format!("the boot image is for {own}, but the package `{id}` of the site is for {architecture}");
    let problem = Problem::warning(message).at(request.place("/boot/package"), "the package");
    let problem = problem.at(file.place(&format!("/boot-images/{at}/architecture")), format!("`{}`", image.name));
    problems.add(problem.help("set `package` in `[boot]` to the package of this boot image"));
}

/// Collects the files to add to the boot image, as a tree of their own. `None` if any is invalid.
fn collect_additions(
    request: &MediumRequest<'_>,
    windows_pe: &WindowsPe,
    windows: &WindowsFacts,
    problems: &mut Problems,
) -> Option<Folder> {
    let n_errors = problems.n_errors_added();
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
    (problems.n_errors_added() == n_errors).then_some(tree.root)
}

/// Adds the background image of Windows PE.
fn add_background(request: &MediumRequest<'_>, tree: &mut VolumeTree, problems: &mut Problems) {
    let Some(background) = &request.rendered.manifest.boot.background else { return };
    let path = request.input(BACKGROUND, background);
    if request.is_lfs_pointer(&path, BACKGROUND, problems) {
        return;
    }
    let start = request.readable(request.sources.read_start(&path, JPEG.len()), &path, BACKGROUND, problems);
    let Some(start) = start else { return };
    if start != JPEG {
        let problem = Problem::error(format!("`{path}` is not a JPEG image")).at(request.place(BACKGROUND), "");
        problems.add(problem.help("convert it to JPEG; Windows PE shows no other format"));
        return;
    }
    if let Some(content) = request.readable(request.sources.file(&path), &path, BACKGROUND, problems) {
        tree.place(request, Placement::of_file(BACKGROUND_FILE, content, BACKGROUND), problems);
    }
}

/// Derives the boot image from the WIM file if it can't be used unchanged: the boot store starts
/// the image marked as bootable, whichever image the manifest selects, and the manifest may add
/// files.
fn derive(
    request: &MediumRequest<'_>,
    windows_pe: &WindowsPe,
    additions: &Folder,
    problems: &mut Problems,
) -> Option<DerivedImage> {
    let wim = &windows_pe.wim;
    match wim::derive_boot_image(wim, windows_pe.index, additions, request.date) {
        Ok(derived) => {
            match &derived {
                DerivedImage::Made(_) if wim.facts().packed.is_some() => note_reexported(request, wim, "", problems),
                DerivedImage::Deferred => note_reexported(request, wim, LATER, problems),
                DerivedImage::Made(_) | DerivedImage::Unchanged => {}
            }
            Some(derived)
        }
        Err(error) => {
            let pointer = error.subject().and_then(|path| pointer_of_added_file(request, path));
            request.failed(&error, &pointer.unwrap_or_else(|| IMAGE.into()), problems);
            None
        }
    }
}

fn note_reexported(request: &MediumRequest<'_>, wim: &KnownWim, when: &str, problems: &mut Problems) {
    let is = if wim.is_solid() { "is solid" } else { "is compressed with LZMS" };
    let message = format!(
        "`{}` {is}, which boot managers can't read: its image is re-exported once, as LZX, into the cache{when}",
        wim.path()
    );
    problems.add(Problem::note(message).at(request.place(IMAGE), ""));
}

/// Returns the JSON pointer of the entry that adds a file to the boot image.
fn pointer_of_added_file(request: &MediumRequest<'_>, path: &str) -> Option<String> {
    let files = request.rendered.manifest.boot.file.iter().enumerate().filter(|(_, file)| file.when);
    let found = files.filter(|(at, file)| {
        let source = request.rendered.path_at(&format!("/boot/file/{at}/source"), &file.source);
        let target = file.path.trim_end_matches('/');
        let within = match path.get(target.len()..) {
            _ if target == "." => path,
            // A path that is in the way of a folder belongs to the entry that needs the folder.
            None => {
                let start = target.get(..path.len()).filter(|_| target[path.len()..].starts_with('/'));
                return start.is_some_and(|start| start.eq_ignore_ascii_case(path));
            }
            Some(within) if path[..target.len()].eq_ignore_ascii_case(target) => within.trim_start_matches('/'),
            _ => return false,
        };
        // Several entries may target one folder; select the one whose source contains the file.
        match request.sources.is_folder(&source).unwrap_or(false) {
            true => request.sources.is_folder(&source.join(within)).is_ok(),
            false => within.is_empty() || source.file_name() == Some(within),
        }
    });
    found.collect::<Vec<_>>().pop().map(|(at, _)| format!("/boot/file/{at}/source"))
}
