//! The content entries: operating system images, packages, applications, driver packages and loose files.

use std::rc::Rc;

use camino::Utf8Path;

use super::start::IMAGE;
use super::wim::KnownWim;
use super::{Draft, MAX_FAULTS};
use crate::error::Error;
use crate::format::wim::{Architecture, Use, WindowsVersion};
use crate::manifest::Package;
use crate::media::PACKAGES;
use crate::output::Entry;
use crate::problem::Problem;

impl Draft<'_> {
    /// Adds every content entry whose `when` holds.
    pub(super) fn add_content(&mut self) {
        let manifest = &self.rendered.manifest;
        for (at, system) in manifest.operating_system.iter().enumerate().filter(|(_, system)| system.when) {
            let pointer = format!("/operating-system/{at}/file");
            let path = self.input(&pointer, &system.file);
            let target = format!("{PACKAGES}/{}", system.id);
            let n_errors = self.problems.n_errors_told();
            self.add_single(&path, &target, &pointer);
            if self.problems.n_errors_told() == n_errors
                && !self.request.notes.awaited.borrow().contains(&path)
                && let Some((wim, index)) =
                    self.open_wim(&path, system.index, &pointer, &format!("/operating-system/{at}/index"))
                && self.check_image(&wim, index, Use::Apply, &pointer)
            {
                self.check_architecture(&wim, index, &pointer);
                self.check_version(&wim, index, &pointer);
                self.check_applied(&wim, &system.id, &pointer);
            }
            self.add_entry(format!("operating-system `{}`", system.id), target, pointer);
        }
        self.add_packages("package", &manifest.package);
        self.add_packages("driver-package", &manifest.driver_package);
        for (at, application) in manifest.application.iter().enumerate().filter(|(_, application)| application.when) {
            let target = format!("{PACKAGES}/{}", application.id);
            let pointer = format!("/application/{at}/source");
            self.add_source(&application.source, &target, &pointer);
            self.check_packed_images(&target, &pointer);
            self.add_entry(format!("application `{}`", application.id), target, pointer);
        }
        for (at, file) in manifest.file.iter().enumerate().filter(|(_, file)| file.when) {
            self.add_file(&file.source, &file.path, &format!("/file/{at}"));
            let target = file.path.trim_end_matches('/').to_owned();
            self.add_entry(format!("file `{}`", file.path), target, format!("/file/{at}/source"));
        }
    }

    /// Adds a file or a folder at a path, for the entry at `pointer`.
    pub(super) fn add_file(&mut self, source: &str, at: &str, pointer: &str) {
        let in_entry = format!("{pointer}/source");
        let path = self.input(&in_entry, source);
        let target = at.trim_end_matches('/');
        match self.request.sources.is_folder(&path) {
            Ok(true) => self.add_folder(&path, target, &in_entry),
            Ok(_) if at.ends_with('/') || target == "." => self.add_single(&path, target, &in_entry),
            Ok(_) if self.is_pointer(&path, &in_entry) => {}
            Ok(_) => match self.request.sources.file(&path) {
                Ok(content) => self.insert(target, content, &format!("{pointer}/path")),
                Err(error) => self.unreadable(&path, &error, &in_entry),
            },
            Err(error) => self.unreadable(&path, &error, &in_entry),
        }
    }

    fn add_entry(&mut self, title: String, path: String, pointer: String) {
        self.entries.push(Entry { title, path });
        self.pointers.push(pointer);
    }

    fn add_packages(&mut self, table: &str, packages: &[Package]) {
        for (at, package) in packages.iter().enumerate().filter(|(_, package)| package.when) {
            let target = format!("{PACKAGES}/{}", package.id);
            let pointer = format!("/{table}/{at}/source");
            let n_errors = self.problems.n_errors_told();
            self.add_source(&package.source, &target, &pointer);
            self.check_packed_images(&target, &pointer);
            if table == "driver-package" && self.problems.n_errors_told() == n_errors {
                self.check_driver_package(&target, &pointer);
            }
            self.add_entry(format!("{table} `{}`", package.id), target, pointer);
        }
    }

    /// Adds a folder with all that is in it, or a single file, below `target`.
    pub(super) fn add_source(&mut self, source: &str, target: &str, pointer: &str) {
        let path = self.input(pointer, source);
        match self.request.sources.is_folder(&path) {
            Ok(true) => self.add_folder(&path, target, pointer),
            Ok(_) => self.add_single(&path, target, pointer),
            Err(error) => self.unreadable(&path, &error, pointer),
        }
    }

    /// Adds everything in a folder at `target`.
    pub(super) fn add_folder(&mut self, path: &Utf8Path, target: &str, pointer: &str) {
        if self.holds_itself(path, pointer) {
            return;
        }
        let walked = match self.request.sources.folder(path) {
            Ok(walked) => walked,
            Err(error) => return self.unreadable(path, &error, pointer),
        };
        for fault in walked.faults.iter().take(MAX_FAULTS) {
            let problem = Problem::error(format!("`{}` can't be {}: {}", fault.path, self.whole, fault.why));
            self.problems.add(problem.at(self.place(pointer), "found in this folder").help(fault.help));
        }
        if let Some(n_more) = walked.faults.len().checked_sub(MAX_FAULTS).filter(|n_more| *n_more > 0) {
            let problem = Problem::error(format!("{n_more} more files in `{path}` can't be {}", self.whole));
            self.problems.add(problem.at(self.place(pointer), "found in this folder"));
        }
        if walked.n_files == 0 && walked.faults.is_empty() {
            let problem =
                Problem::warning(format!("`{path}` holds no file")).at(self.place(pointer), "an empty folder");
            self.problems.add(problem.help("put its content there, or leave the entry out"));
        }
        self.check_pointers(path, &walked, pointer);
        self.merge(target, &walked.folder, pointer);
    }

    /// Adds one file below `target`, under its own name.
    fn add_single(&mut self, path: &Utf8Path, target: &str, pointer: &str) {
        if self.holds_itself(path, pointer) || self.is_pointer(path, pointer) {
            return;
        }
        let name = path.file_name().unwrap_or_default();
        match self.request.sources.file(path) {
            Ok(content) => {
                let target = if target == "." { name.to_owned() } else { format!("{target}/{name}") };
                self.insert(&target, content, pointer);
            }
            Err(error) => self.unreadable(path, &error, pointer),
        }
    }

    /// Nothing on the medium checks whether the boot image and the system suit each other: it starts, and fails late.
    fn check_architecture(&mut self, wim: &KnownWim, index: u32, pointer: &str) {
        let system = wim.image(index).and_then(|facts| facts.architecture);
        let (Some(boot), Some(system)) = (self.architecture, system) else { return };
        // The processors of a PC run both; Windows PE for x86 can put down an x64 system.
        let family = |architecture| match architecture {
            Architecture::X86 | Architecture::X64 => Architecture::X64,
            other => other,
        };
        if family(boot) != family(system) {
            let message = format!("the boot image is for {boot}, and image {index} of `{}` for {system}", wim.path());
            let problem = Problem::error(message).rule("R20").at(self.place(pointer), format!("is for {system}"));
            self.problems.add(
                problem
                    .at(self.place(IMAGE), format!("is for {boot}"))
                    .help("take both for the same processors; `tsmedia inspect` says which an image is for"),
            );
        }
    }

    /// The tools of an older Windows PE may not know what is in a newer Windows (the Windows ADK goes with the Windows that
    /// is deployed, or a newer one).
    fn check_version(&mut self, wim: &KnownWim, index: u32, pointer: &str) {
        let system = wim.image(index).and_then(|facts| facts.version);
        let (Some(windows_pe), Some(system)) = (self.windows_pe, system) else { return };
        if core(windows_pe) < core(system) {
            let message = format!(
                "the boot image is Windows PE {windows_pe}, and older than image {index} of `{}`, which is {system}",
                wim.path()
            );
            let problem = Problem::note(message).at(self.place(pointer), "newer").at(self.place(IMAGE), "older");
            self.problems
                .add(problem.help("make the boot image with the Windows ADK for that Windows, or with a newer one"));
        }
    }

    /// The images that steps of the task sequence apply are in the WIM file (R27).
    fn check_applied(&mut self, wim: &KnownWim, id: &str, pointer: &str) {
        let Some(sequence) = self.rendered.sequence() else { return };
        for (_, step) in sequence.walk() {
            let Some(action) = step.action().filter(|action| action.text("image") == Some(id)) else { continue };
            let index = action.integer("index").and_then(|index| u32::try_from(index).ok());
            let Some(index) = index else { continue };
            if wim.image(index).is_some() {
                self.check_image(wim, index, Use::Apply, pointer);
                continue;
            }
            let message = format!("`{}` has no image {index}, which the step `{}` applies", wim.path(), step.name);
            let mut problem = Problem::error(message).rule("R27");
            if let Some(place) = step.written.part("index") {
                problem = problem.at(place, "applied");
            }
            let help = format!("`tsmedia inspect {}` lists its images", wim.path());
            self.problems.add(problem.at(self.place(pointer), "the WIM file").help(help));
        }
    }

    /// Opens a WIM file and finds the image that is meant: the one of `index`, or the only one.
    pub(super) fn open_wim(
        &mut self,
        path: &Utf8Path,
        index: Option<u32>,
        file: &str,
        at: &str,
    ) -> Option<(Rc<KnownWim>, u32)> {
        let wim = match self.request.sources.wim(path) {
            Ok(wim) => wim,
            Err(error) => {
                self.failed(&error, file);
                return None;
            }
        };
        let n_images = wim.facts().images.len() as u32;
        match index {
            Some(index) if (1..=n_images).contains(&index) => return Some((wim, index)),
            None if n_images == 1 => return Some((wim, 1)),
            Some(index) => {
                let problem = Problem::error(format!("`{path}` has no image {index}")).rule("R27");
                self.problems.add(problem.at(self.place(at), "no such image").help(images(&wim)));
            }
            None => {
                let problem = Problem::error(format!("`{path}` holds {n_images} images, and `index` is not given"));
                self.problems.add(problem.rule("R26").at(self.place(file), "which image?").help(images(&wim)));
            }
        }
        None
    }

    /// A failure of the world that the author can mend where the line points.
    pub(super) fn failed(&mut self, error: &Error, pointer: &str) {
        self.problems.add(Problem::from(error).at(self.place(pointer), "named here"));
    }
}

/// The images of a WIM file, as advice.
fn images(wim: &KnownWim) -> String {
    let named = wim.facts().images.iter().map(|image| match &image.name {
        Some(name) => format!("{} is `{name}`", image.index),
        None => image.index.to_string(),
    });
    format!("the images are: {}", named.collect::<Vec<_>>().join(", "))
}

/// Releases that are an earlier one with more of it turned on: what installs the one installs the other, and the Windows
/// ADK for both bears the earlier number. First and last build, and the earlier one.
const ENABLED: [(u32, u32, u32); 4] =
    [(18_363, 18_363, 18_362), (19_042, 19_045, 19_041), (22_631, 22_631, 22_621), (26_200, 26_200, 26_100)];

/// A version without what updates change of it.
fn core(version: WindowsVersion) -> (u32, u32, u32) {
    let of_one = |(first, last, _): &&(u32, u32, u32)| (*first..=*last).contains(&version.build);
    let build = ENABLED.iter().find(of_one).map_or(version.build, |(_, _, core)| *core);
    (version.major, version.minor, build)
}
