//! Finds and checks the content entries: operating system images, packages, applications, driver
//! packages and files.

use std::rc::Rc;

use camino::Utf8Path;

use super::drivers::check_driver_package;
use super::images::{check_image, check_package_wims};
use super::manifest_pointers::IMAGE;
use super::placement::{Location, Placement, find_entry, find_file, find_source};
use super::prestart;
use super::request::MediumRequest;
use super::wim::KnownWim;
use super::windows_pe::WindowsPe;
use crate::format::wim::{Architecture, WimUse, WindowsVersion};
use crate::manifest::{OperatingSystem, Package, Rendered, TakenEntry};
use crate::media::PACKAGES;
use crate::output::ContentEntry;
use crate::problem::{Problem, Problems};
use crate::rule::Rule;

/// The content entries of a manifest, resolved.
#[derive(Default)]
pub(super) struct CollectedContent {
    /// Files and folders, in the order of the entries.
    pub placements: Vec<Placement>,
    pub origins: ContentOrigins,
}

/// The content entries on a medium, each with the JSON pointer of its source.
#[derive(Default)]
pub(super) struct ContentOrigins(Vec<(ContentEntry, String)>);

impl ContentOrigins {
    /// Adds an entry of the manifest or of a content library, whose source is at a JSON pointer.
    pub fn add(&mut self, rendered: &Rendered, title: String, path: String, pointer: String) {
        let is_it =
            |taken: &&TakenEntry| pointer.strip_prefix(&taken.pointer).is_some_and(|rest| rest.starts_with('/'));
        let needed_by = rendered.library_entries().iter().find(is_it).map(|taken| taken.needed_by.clone());
        self.0.push((ContentEntry { needed_by, ..ContentEntry::new(title, path) }, pointer));
    }

    /// Returns the entries in the order of the manifest.
    pub fn entries(&self) -> Vec<ContentEntry> {
        self.0.iter().map(|(entry, _)| entry.clone()).collect()
    }

    /// Returns the JSON pointer of the entry that a path on the medium belongs to, ignoring case.
    pub fn pointer_of(&self, path: &str) -> Option<String> {
        // The deepest matching folder wins: an entry may place files inside the folder of another
        // one.
        let holds = |folder: &str| match (folder, path.get(..folder.len())) {
            ("" | ".", _) => true,
            (_, Some(start)) if start.eq_ignore_ascii_case(folder) => {
                matches!(path.as_bytes().get(folder.len()), None | Some(b'/'))
            }
            _ => false,
        };
        let holding = self.0.iter().filter(|(entry, _)| holds(&entry.path));
        holding.max_by_key(|(entry, _)| entry.path.len()).map(|(_, pointer)| pointer.clone())
    }
}

/// Finds and checks every content entry whose `when` is true. `windows_pe` is the boot image that
/// the medium starts.
pub(super) fn collect(
    request: &MediumRequest<'_>,
    windows_pe: Option<&WindowsPe>,
    problems: &mut Problems,
) -> CollectedContent {
    let manifest = &request.rendered.manifest;
    let mut collected = CollectedContent::default();
    for (at, system) in manifest.operating_system.iter().enumerate().filter(|(_, system)| system.when) {
        let target = format!("{PACKAGES}/{}", system.id);
        let pointer = format!("/operating-system/{at}/file");
        collected.placements.extend(find_system(request, at, system, &target, windows_pe, problems));
        collected.origins.add(request.rendered, format!("operating-system `{}`", system.id), target, pointer);
    }
    collect_packages(request, "package", &manifest.package, &mut collected, problems);
    collect_packages(request, "driver-package", &manifest.driver_package, &mut collected, problems);
    for (at, application) in manifest.application.iter().enumerate().filter(|(_, application)| application.when) {
        let target = format!("{PACKAGES}/{}", application.id);
        let pointer = format!("/application/{at}/source");
        let found = find_source(request, &application.source, &target, &pointer, Location::Medium, problems);
        if let Some(found) = &found {
            check_package_wims(request, found, problems);
        }
        collected.placements.extend(found);
        collected.origins.add(request.rendered, format!("application `{}`", application.id), target, pointer);
    }
    if let Some((package, found)) = prestart::files_on_medium(request, problems) {
        collected.placements.extend(found);
        let target = format!("{PACKAGES}/{package}");
        collected.origins.add(request.rendered, "prestart".into(), target, prestart::FILES.into());
    }
    for (at, file) in manifest.file.iter().enumerate().filter(|(_, file)| file.when) {
        let pointer = format!("/file/{at}");
        let found = find_entry(request, &file.source, &file.path, &pointer, Location::Medium, problems);
        collected.placements.extend(found);
        let target = file.path.trim_end_matches('/').to_owned();
        collected.origins.add(request.rendered, format!("file `{}`", file.path), target, format!("{pointer}/source"));
    }
    collected
}

/// Finds the WIM file of an operating system, and checks the selected image.
fn find_system(
    request: &MediumRequest<'_>,
    at: usize,
    system: &OperatingSystem,
    target: &str,
    windows_pe: Option<&WindowsPe>,
    problems: &mut Problems,
) -> Option<Placement> {
    let pointer = format!("/operating-system/{at}/file");
    let path = request.input(&pointer, &system.file);
    let found = find_file(request, &path, target, &pointer, problems)?;
    let (wim, index) =
        match open_wim(request, &path, system.index, &pointer, &format!("/operating-system/{at}/index"), problems) {
            Some(opened) => opened,
            None => return Some(found),
        };
    if check_image(request, &wim, index, WimUse::Apply, &pointer, problems) {
        check_architecture(request, windows_pe, &wim, index, &pointer, problems);
        check_version(request, windows_pe, &wim, index, &pointer, problems);
        check_applied(request, &wim, &system.id, &pointer, problems);
    }
    Some(found)
}

fn collect_packages(
    request: &MediumRequest<'_>,
    table: &str,
    packages: &[Package],
    collected: &mut CollectedContent,
    problems: &mut Problems,
) {
    for (at, package) in packages.iter().enumerate().filter(|(_, package)| package.when) {
        let target = format!("{PACKAGES}/{}", package.id);
        let pointer = format!("/{table}/{at}/source");
        let n_errors = problems.n_errors_added();
        let found = find_source(request, &package.source, &target, &pointer, Location::Medium, problems);
        if let Some(found) = &found {
            check_package_wims(request, found, problems);
            if table == "driver-package" && problems.n_errors_added() == n_errors {
                check_driver_package(request, found, problems);
            }
        }
        collected.placements.extend(found);
        collected.origins.add(request.rendered, format!("{table} `{}`", package.id), target, pointer);
    }
}

/// Reports a boot image for another processor family than the system. Nothing on the medium checks
/// this: it would start and fail late.
fn check_architecture(
    request: &MediumRequest<'_>,
    windows_pe: Option<&WindowsPe>,
    wim: &KnownWim,
    index: u32,
    pointer: &str,
    problems: &mut Problems,
) {
    let system = wim.image(index).and_then(|facts| facts.architecture);
    let (Some(boot), Some(system)) = (windows_pe.and_then(|pe| pe.architecture), system) else { return };
    // PCs run both; an x86 Windows PE can apply an x64 image.
    let family = |architecture| match architecture {
        Architecture::X86 | Architecture::X64 => Architecture::X64,
        other => other,
    };
    if family(boot) != family(system) {
        let message = format!("the boot image is for {boot}, but image {index} of `{}` is for {system}", wim.path());
        let problem =
            Problem::new(Rule::ArchitectureMismatch, message).at(request.place(pointer), format!("is for {system}"));
        problems.add(
            problem
                .at(request.place(IMAGE), format!("is for {boot}"))
                .help("use images of one architecture; `tsmedia inspect` shows that of an image"),
        );
    }
}

/// Notes a Windows PE older than the system. Its tools may not support features of a newer Windows,
/// so the Windows ADK should be at least as new as the deployed system.
fn check_version(
    request: &MediumRequest<'_>,
    windows_pe: Option<&WindowsPe>,
    wim: &KnownWim,
    index: u32,
    pointer: &str,
    problems: &mut Problems,
) {
    let system = wim.image(index).and_then(|facts| facts.version);
    let (Some(windows_pe), Some(system)) = (windows_pe.and_then(|pe| pe.version), system) else { return };
    if base_version(windows_pe) < base_version(system) {
        let message = format!(
            "the boot image is Windows PE {windows_pe}, older than image {index} of `{}`, which is Windows {system}",
            wim.path()
        );
        let problem = Problem::note(message).at(request.place(pointer), "newer").at(request.place(IMAGE), "older");
        problems.add(
            problem.help("create the boot image with the Windows ADK for that version of Windows, or a newer one"),
        );
    }
}

/// Reports images that steps of the task sequence apply but the WIM file does not have (R27).
fn check_applied(request: &MediumRequest<'_>, wim: &KnownWim, id: &str, pointer: &str, problems: &mut Problems) {
    let Some(sequence) = request.rendered.sequence() else { return };
    for (_, step) in sequence.walk() {
        let Some(action) = step.action().filter(|action| action.text("image") == Some(id)) else { continue };
        let index = action.integer("index").and_then(|index| u32::try_from(index).ok());
        let Some(index) = index else { continue };
        if wim.image(index).is_some() {
            check_image(request, wim, index, WimUse::Apply, pointer, problems);
            continue;
        }
        let message = format!("`{}` has no image {index}, which the step `{}` applies", wim.path(), step.name);
        let mut problem = Problem::new(Rule::UnknownImageIndex, message);
        if let Some(place) = step.places.part("index") {
            problem = problem.at(place, "applied");
        }
        let help = format!("`tsmedia inspect {}` lists its images", wim.path());
        problems.add(problem.at(request.place(pointer), "the WIM file").help(help));
    }
}

/// Opens a WIM file and selects the image at `index`, or its only image.
pub(super) fn open_wim(
    request: &MediumRequest<'_>,
    path: &Utf8Path,
    index: Option<u32>,
    file: &str,
    at: &str,
    problems: &mut Problems,
) -> Option<(Rc<KnownWim>, u32)> {
    let wim = match request.sources.wim(path) {
        Ok(wim) => wim,
        Err(error) => {
            request.failed(&error, file, problems);
            return None;
        }
    };
    let n_images = wim.facts().images.len() as u32;
    match index {
        Some(index) if (1..=n_images).contains(&index) => return Some((wim, index)),
        None if n_images == 1 => return Some((wim, 1)),
        Some(index) => {
            let problem = Problem::new(Rule::UnknownImageIndex, format!("`{path}` has no image {index}"));
            problems.add(problem.at(request.place(at), "no such image").help(list_images(&wim)));
        }
        None => {
            let problem = Problem::new(
                Rule::MissingOperatingSystem,
                format!("`{path}` has {n_images} images; `index` is missing"),
            );
            problems.add(problem.at(request.place(file), "which image?").help(list_images(&wim)));
        }
    }
    None
}

/// Lists the images of a WIM file for a help text.
fn list_images(wim: &KnownWim) -> String {
    let named = wim.facts().images.iter().map(|image| match &image.name {
        Some(name) => format!("{} is `{name}`", image.index),
        None => image.index.to_string(),
    });
    format!("the images are: {}", named.collect::<Vec<_>>().join(", "))
}

/// Releases that only enable features of an earlier one, with which they share installation files
/// and the Windows ADK: first build, last build, and build of the earlier release.
const ENABLED: [(u32, u32, u32); 4] =
    [(18_363, 18_363, 18_362), (19_042, 19_045, 19_041), (22_631, 22_631, 22_621), (26_200, 26_200, 26_100)];

/// Returns a version without its revision, as the earlier release that it is based on.
fn base_version(version: WindowsVersion) -> (u32, u32, u32) {
    let of_one = |(first, last, _): &&(u32, u32, u32)| (*first..=*last).contains(&version.build);
    let build = ENABLED.iter().find(of_one).map_or(version.build, |(_, _, core)| *core);
    (version.major, version.minor, build)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::io;
    use std::rc::Rc;
    use std::sync::Arc;

    use camino::{Utf8Path, Utf8PathBuf};

    use super::*;
    use crate::content::{Content, SourceFile, Stat};
    use crate::date::Date;
    use crate::error::{Error, Result};
    use crate::format::certificate::private_key::PrivateKey;
    use crate::manifest::{self, Options};
    use crate::resolve::programs::{ReadAs, ReadProgram};
    use crate::resolve::request::Notes;
    use crate::resolve::secrets::{FetchedSecret, SecretOrigin};
    use crate::resolve::sources::Sources;
    use crate::resolve::tree::{ContentFault, ListedFolder};
    use crate::resolve::written_paths::WrittenPaths;
    use crate::secret::{FingerprintKey, Secret};

    /// Sources held in memory, by their paths relative to the manifest.
    struct Listing {
        root: Utf8PathBuf,
        folders: BTreeMap<&'static str, ListedFolder>,
        files: BTreeMap<&'static str, u64>,
    }

    impl Listing {
        fn name<'a>(&self, path: &'a Utf8Path) -> &'a str {
            path.strip_prefix(&self.root).unwrap().as_str()
        }
    }

    fn content(path: &Utf8Path, len: u64) -> Content {
        let stat = Stat { device: 1, inode: 1, len, modified_ns: 0, changed_ns: 0 };
        Content::file(SourceFile { path: path.to_owned(), stat })
    }

    impl Sources for Listing {
        fn is_folder(&self, path: &Utf8Path) -> io::Result<bool> {
            match self.folders.contains_key(self.name(path)) {
                true => Ok(true),
                false => self.file(path).map(|_| false),
            }
        }

        fn folder(&self, path: &Utf8Path) -> io::Result<Arc<ListedFolder>> {
            self.folders.get(self.name(path)).cloned().map(Arc::new).ok_or(io::ErrorKind::NotFound.into())
        }

        fn file(&self, path: &Utf8Path) -> io::Result<Content> {
            let len = self.files.get(self.name(path)).ok_or(io::ErrorKind::NotFound)?;
            Ok(content(path, *len))
        }

        fn read(&self, _: &Utf8Path, _: u64) -> io::Result<Vec<u8>> {
            Err(io::ErrorKind::NotFound.into())
        }

        fn read_start(&self, _: &Utf8Path, _: usize) -> io::Result<Vec<u8>> {
            Err(io::ErrorKind::NotFound.into())
        }

        fn read_secret(&self, _: &Utf8Path, _: usize) -> io::Result<Secret> {
            Err(io::ErrorKind::NotFound.into())
        }

        fn is_lfs_pointer(&self, path: &Utf8Path) -> bool {
            path.as_str().ends_with(".pointer")
        }

        fn wim(&self, path: &Utf8Path) -> Result<Rc<KnownWim>> {
            Err(Error::new(format!("`{path}` is not a WIM file")))
        }

        fn programs(&self, _: &Content, _: ReadAs) -> Result<Rc<Vec<ReadProgram>>> {
            Ok(Rc::default())
        }

        fn secret(&self, _: SecretOrigin) -> FetchedSecret {
            FetchedSecret::Skipped("there are none".into())
        }

        fn read_content(&self, _: &Content, _: usize) -> Result<Secret> {
            Err(Error::new("there is none"))
        }

        fn fingerprint_key(&self) -> Result<Option<Arc<FingerprintKey>>> {
            Ok(None)
        }

        fn certificate_key(&self) -> Result<Option<PrivateKey>> {
            Ok(None)
        }
    }

    const MANIFEST: &str = r#"
manifest-version = 1

[media]
name = "demo"
kind = "stand-alone"

[output]
format = "iso"
path = "demo.iso"

[boot]
image = { file = "boot.wim" }

[[package]]
id = "BER00001"
source = "packages/vpn"

[[package]]
id = "BER00002"
source = "packages/absent"

[[file]]
source = "readme.txt"
path = "docs/readme.txt"

[[file]]
source = "large.pointer"
path = "large.bin"
"#;

    #[test]
    fn content_is_collected_from_sources_that_are_not_on_disk() {
        let scratch = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(scratch.path()).unwrap();
        let path = root.join("media.toml");
        fs::write(&path, MANIFEST).unwrap();
        let mut walked = ListedFolder { n_files: 1, ..ListedFolder::default() };
        Arc::make_mut(&mut walked.folder).insert("bin/vpn.exe", content(&root.join("vpn.exe"), 7)).unwrap();
        walked.faults.push(ContentFault { path: "aux.txt".into(), why: "a device".into(), help: "rename it" });
        let sources = Listing {
            root: root.to_owned(),
            folders: [("packages/vpn", walked)].into(),
            files: [("readme.txt", 5), ("large.pointer", 130)].into(),
        };
        let mut problems = Problems::default();
        let rendered = manifest::load(&path, &Options::default(), &mut problems).unwrap().remove(0);
        let output = root.join("demo.iso");
        let notes = Notes::default();
        let request = MediumRequest {
            rendered: &rendered,
            sources: &sources,
            notes: &notes,
            written_paths: WrittenPaths::new(&path, &output),
            output,
            date: Date::EARLIEST,
            used_exclusions: Default::default(),
            clock: None,
            lays_out: false,
        };
        let collected = collect(&request, None, &mut problems);
        let found: Vec<_> = collected
            .placements
            .iter()
            .flat_map(|found| found.files().into_iter().map(move |(name, file)| (&found.path, name, file.len())))
            .map(|(path, name, len)| format!("{path} {name} {len}"))
            .collect();
        assert_eq!(found, ["SMS/PKG/BER00001 bin/vpn.exe 7", "docs/readme.txt readme.txt 5"]);
        let errors: Vec<_> =
            problems.sorted().iter().map(|problem| problem.message.replace(root.as_str(), "")).collect();
        assert_eq!(
            errors,
            [
                "`aux.txt` can't be on the medium: a device",
                "`/packages/absent` does not exist",
                "`/large.pointer` is a Git LFS pointer, not the file itself",
            ]
        );
        assert_eq!(collected.origins.pointer_of("sms/pkg/ber00001/BIN/vpn.exe").as_deref(), Some("/package/0/source"));
        assert!(notes.inputs.borrow().paths().any(|input| input == root.join("packages/absent")));
    }
}
