//! How the medium starts: the boot image, checked, and the boot files, found.

use std::mem;

use camino::{Utf8Path, Utf8PathBuf};

use super::Draft;
use super::boot::{self, BOOT_IMAGE_PATH, BootFiles, BootSource, Missing, NoBootFiles, Note, Wanted};
use super::wim::{BootImage, KnownWim};
use crate::date::Date;
use crate::firmware::Firmware;
use crate::format::wim::{Architecture, Use};
use crate::format::windows::Windows;
use crate::manifest::{BOOT_IMAGE, OutputFormat};
use crate::problem::Problem;
use crate::volume::{BootEntry, Misplaced};

/// The boot image in the manifest.
pub(super) const IMAGE: &str = "/boot/image/file";

/// What follows a note on what is made of a WIM file, where nothing may be written.
pub(super) const LATER: &str = " by whatever comes after `check`; how long it becomes is known then";

pub(super) const FILES: &str = "/boot/files";
const FIRMWARE: &str = "/boot/firmware";
const STORE: &str = "/boot/store";

impl Draft<'_> {
    /// Adds the boot image and the boot files. What is missing is a problem; the entries are empty then.
    pub(super) fn add_boot(&mut self, date: Date) -> Vec<BootEntry> {
        let image = &self.rendered.manifest.boot.image;
        let path = self.input(IMAGE, &image.file);
        if self.is_pointer(&path, IMAGE) {
            return Vec::new();
        }
        match self.request.sources.file(&path) {
            Ok(content) => self.insert(BOOT_IMAGE_PATH, content, IMAGE),
            Err(error) => {
                self.unreadable(&path, &error, IMAGE);
                return Vec::new();
            }
        }
        let Some((wim, index)) = self.open_wim(&path, image.index, IMAGE, "/boot/image/index") else {
            return Vec::new();
        };
        if !self.check_image(&wim, index, Use::Start, IMAGE) {
            return Vec::new();
        }
        let windows = self.look_into(&wim, index);
        let said = wim.image(index).and_then(|facts| facts.architecture);
        self.windows_pe = windows.version.or_else(|| wim.image(index)?.version);
        // The kernel knows better than what was written down about it.
        let architecture = match windows.architecture.or(said) {
            Some(architecture) => {
                self.architecture = Some(architecture);
                architecture
            }
            None => {
                let message = format!("image {index} of `{path}` does not say which processors it is for");
                let problem = Problem::warning(message).at(self.place(IMAGE), "taken for x64");
                self.problems.add(problem.help("a boot image of the Windows ADK or of Configuration Manager says it"));
                Architecture::X64
            }
        };
        self.make_boot_image(&wim, index, date, &windows, architecture);
        let wanted = Wanted {
            firmware: self.firmware(architecture),
            architecture,
            secure_boot_ca: self.rendered.manifest.boot.secure_boot_ca,
            store: self.rendered.manifest.boot.store,
            prompt: self.rendered.manifest.prompt(),
            date,
        };
        self.check_firmware(&wanted);
        match self.find_boot_files(&wim, index, &wanted) {
            Some(found) => {
                self.check_programs(&found, &wanted);
                self.stores.note(&found, &wanted);
                self.add_boot_files(found)
            }
            None => Vec::new(),
        }
    }

    /// Makes the boot image of the WIM file where that is not one as it is: the boot store starts the image that the WIM
    /// file marks as bootable, whatever the manifest says; and the author may put files into it.
    fn make_boot_image(
        &mut self,
        wim: &KnownWim,
        index: u32,
        date: Date,
        windows: &Windows,
        architecture: Architecture,
    ) {
        let n_errors = self.problems.n_errors_told();
        // What is added goes to the boot image for a while, and not to the medium.
        let medium = mem::take(&mut self.root);
        let whole = mem::replace(&mut self.whole, "in the boot image");
        let rendered = self.rendered;
        for (at, file) in rendered.manifest.boot.file.iter().enumerate().filter(|(_, file)| file.when) {
            self.add_file(&file.source, &file.path, &format!("/boot/file/{at}"));
        }
        self.add_prestart();
        let classes = self.add_drivers(wim, index, windows, architecture);
        self.check_fit(wim, index, windows, &classes);
        let additions = mem::replace(&mut self.root, medium);
        self.whole = whole;
        if self.problems.n_errors_told() > n_errors {
            return;
        }
        match wim.boot_image(index, &additions, date) {
            Ok(BootImage::AsItIs) => {}
            Ok(BootImage::Made(content)) => {
                self.root.replace(BOOT_IMAGE_PATH, content);
                if wim.facts().packed.is_some() {
                    self.note_reexported(wim, "");
                }
            }
            Ok(BootImage::Later) => {
                self.is_unsure = true;
                self.note_reexported(wim, LATER);
            }
            Err(error) => {
                let pointer = error.subject().and_then(|path| self.boot_file_of(path));
                self.failed(&error, &pointer.unwrap_or_else(|| IMAGE.into()));
            }
        }
    }

    fn note_reexported(&mut self, wim: &KnownWim, when: &str) {
        let is = if wim.is_solid() { "is solid" } else { "is compressed by LZMS" };
        let message = format!(
            "`{}` {is}, which no boot manager reads: its image is re-exported as LZX, once, into the cache{when}",
            wim.path()
        );
        self.problems.add(Problem::note(message).at(self.place(IMAGE), ""));
    }

    /// Where the manifest puts something at a path in the boot image.
    fn boot_file_of(&mut self, path: &str) -> Option<String> {
        let files = self.rendered.manifest.boot.file.iter().enumerate().filter(|(_, file)| file.when);
        let found = files.filter(|(at, file)| {
            let source = self.rendered.path_at(&format!("/boot/file/{at}/source"), &file.source);
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
            match source.is_dir() {
                true => source.join(within).exists(),
                false => within.is_empty() || source.file_name() == Some(within),
            }
        });
        found.collect::<Vec<_>>().pop().map(|(at, _)| format!("/boot/file/{at}/source"))
    }

    /// UEFI starts programs of its own width only, and nearly all of it is that of 64-bit processors.
    fn check_firmware(&mut self, wanted: &Wanted) {
        if wanted.architecture != Architecture::X86 || !wanted.firmware.contains(&Firmware::Uefi) {
            return;
        }
        let problem = Problem::warning("the boot image is for x86, and UEFI of x64 computers does not start it");
        self.problems.add(
            problem
                .rule("R21")
                .at(self.place(IMAGE), "is for x86")
                .help("take a boot image for x64, or write `firmware = [\"bios\"]` if these computers are not meant"),
        );
    }

    fn firmware(&self, architecture: Architecture) -> Vec<Firmware> {
        match (&self.rendered.manifest.boot.firmware, architecture) {
            (Some(firmware), _) => firmware.clone(),
            (None, Architecture::Arm | Architecture::Arm64) => vec![Firmware::Uefi],
            (None, _) if self.is_stick() => vec![Firmware::Uefi],
            (None, _) => vec![Firmware::Uefi, Firmware::Bios],
        }
    }

    fn is_stick(&self) -> bool {
        self.rendered.manifest.format() == OutputFormat::Usb
    }

    fn find_boot_files(&mut self, wim: &KnownWim, index: u32, wanted: &Wanted) -> Option<BootFiles> {
        let files = &self.rendered.manifest.boot.files;
        let folder: Utf8PathBuf;
        let source = if files == BOOT_IMAGE {
            BootSource::Image { wim, index }
        } else {
            folder = self.input(FILES, files);
            boot::beside(&folder).for_each(|path| self.request.notes.inputs.borrow_mut().note(path));
            match folder.read_dir_utf8() {
                Ok(_) => BootSource::Folder { folder: &folder, image: Some((wim, index)) },
                Err(error) => {
                    self.unreadable(&folder, &error, FILES);
                    return None;
                }
            }
        };
        match boot::boot_files(source, wanted) {
            Ok(found) => Some(found),
            Err(none) => {
                self.no_boot_files(none);
                None
            }
        }
    }

    fn add_boot_files(&mut self, found: BootFiles) -> Vec<BootEntry> {
        for (path, content) in found.files {
            self.insert(&path, content, FILES);
        }
        // Firmware, and the boot manager of a disk that a WIM file was applied to, find their files in the tree: what is
        // said of a disc's boot images is nothing to it.
        let is_disc = self.rendered.manifest.format() == OutputFormat::Iso;
        let is_of_all = |note: &Note| matches!(note, Note::BuiltStores(..));
        for note in found.notes.into_iter().filter(|note| is_disc || is_of_all(note)) {
            let problem = match note {
                Note::BuiltStores(_, true) => Problem::note(note.to_string()),
                _ => Problem::warning(note.to_string()),
            };
            let pointer = if let Note::BuiltStores(_, true) = note { STORE } else { FILES };
            let problem = problem.at(self.place(pointer), "");
            self.problems.add(match note.advice() {
                Some(advice) => problem.help(advice),
                None => problem,
            });
        }
        if !is_disc {
            return Vec::new();
        }
        self.prompts_under_uefi = found.prompts_under_uefi;
        found.entries
    }

    fn no_boot_files(&mut self, none: NoBootFiles) {
        match none {
            NoBootFiles::NotMedia(within) => {
                let files = Utf8Path::new(&self.rendered.manifest.boot.files);
                let problem = Problem::error(format!("the folder `{files}` holds no boot files"));
                self.problems.add(
                    problem.at(self.place(FILES), "no `boot` and no `efi` in it").help(match within {
                        Some(name) => format!("did you mean `{}`?", files.join(name)),
                        None => {
                            "name the root of an extracted Windows ISO, the ADK's `Media` folder or the `media` folder \
                             that `copype` made"
                                .into()
                        }
                    }),
                );
            }
            NoBootFiles::Missing(missing) => {
                for missing in missing {
                    self.missing(&missing);
                }
            }
            NoBootFiles::NoBios(architecture) => {
                let message = format!("a BIOS can't start a boot image for {architecture}");
                let problem = Problem::error(message).at(self.place(FIRMWARE), "asks for a BIOS");
                self.problems.add(
                    problem
                        .at(self.place(IMAGE), format!("is for {architecture}"))
                        .help("write `firmware = [\"uefi\"]`"),
                );
            }
            NoBootFiles::BadLink { link, target } => {
                let message =
                    format!("the symbolic link `{link}` leads out of the folder, or around in it, to `{target}`");
                self.problems.add(
                    Problem::error(message).at(self.place(FILES), "").help("replace the link by what it points to"),
                );
            }
            NoBootFiles::Misplaced { path, why } => {
                let why = match why {
                    Misplaced::BadName(bad) => bad.to_string(),
                    Misplaced::Taken(taken) => format!("`{taken}` is there already, under the same name but for case"),
                };
                let message = format!("the boot file `{path}` can't be on the medium: {why}");
                self.problems.add(Problem::error(message).at(self.place(FILES), "").help("rename it"));
            }
            NoBootFiles::Failed(error) => self.failed(&error, FILES),
        }
    }

    fn missing(&mut self, missing: &Missing) {
        let looked = missing.looked_at.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
        let words = if looked.is_empty() { "not found here".into() } else { format!("looked for {looked}") };
        let problem = Problem::error(missing.to_string()).at(self.place(FILES), words);
        self.problems.add(problem.help(format!("take it from {}", missing.usual)));
    }
}
