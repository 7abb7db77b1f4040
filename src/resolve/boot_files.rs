//! Finds the boot files of a medium in the boot image or in a folder, checks them, and reports
//! missing ones.

use std::io;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::boot::{self, BootFiles, BootNote, BootOptions, BootSource, MissingBootFile, NoBootFiles, STORES};
use super::manifest_pointers::{FILES, IMAGE};
use super::medium_path;
use super::request::MediumRequest;
use super::secure_boot::check_programs;
use super::self_inclusion::includes_itself;
use super::tree::ListedFolder;
use super::wim::KnownWim;
use super::windows_pe::WindowsPe;
use crate::content::Content;
use crate::error::Error;
use crate::firmware::Firmware;
use crate::format::wim::Architecture;
use crate::manifest::{BOOT_IMAGE, OutputFormat};
use crate::problem::{Problem, Problems};
use crate::rule::Rule;
use crate::volume::{BootEntry, Misplaced};

const FIRMWARE: &str = "/boot/firmware";
const STORE: &str = "/boot/store";

/// The files that start a medium, checked.
#[derive(Default)]
pub(super) struct StartFiles {
    /// Files with their paths on the medium.
    pub files: Vec<(String, Content)>,
    /// Entries of the disc's boot catalog.
    pub entries: Vec<BootEntry>,
    /// The EFI boot image of the disc waits for a key press.
    pub prompts_under_uefi: bool,
    /// Boot stores that were found rather than generated.
    pub found_stores: Vec<(Firmware, &'static str)>,
    /// Some boot programs are placeholders, so the medium isn't meant to start; this was reported.
    pub are_stand_ins: bool,
}

/// Finds and checks the boot files; none without a usable boot image.
pub(super) fn find(request: &MediumRequest<'_>, windows_pe: Option<&WindowsPe>, problems: &mut Problems) -> StartFiles {
    let Some(windows_pe) = windows_pe else { return StartFiles::default() };
    let boot = &request.rendered.manifest.boot;
    let architecture = windows_pe.processors();
    let wanted = BootOptions {
        firmware: choose_firmware(request, architecture),
        architecture,
        secure_boot_ca: boot.secure_boot_ca,
        store: boot.store,
        prompt: request.rendered.manifest.prompt(),
        date: request.date,
    };
    check_firmware(request, &wanted, problems);
    let Some(found) = find_files(request, &windows_pe.wim, windows_pe.index, &wanted, problems) else {
        return StartFiles::default();
    };
    let are_stand_ins = check_programs(request, &found, &wanted, problems);
    let found_stores = found_stores(&found, &wanted);
    report_notes(request, &found.notes, problems);
    // Sticks and prestaged media start from files in their tree, not from a catalog.
    let is_disc = request.rendered.manifest.format() == OutputFormat::Iso;
    StartFiles {
        files: found.files,
        entries: if is_disc { found.entries } else { Vec::new() },
        prompts_under_uefi: is_disc && found.prompts_under_uefi,
        found_stores,
        are_stand_ins,
    }
}

/// Returns the boot stores that were found rather than generated.
fn found_stores(found: &BootFiles, wanted: &BootOptions) -> Vec<(Firmware, &'static str)> {
    let built = found.notes.iter().find_map(|note| match note {
        BootNote::BuiltStores(paths, _) => Some(paths.as_slice()),
        _ => None,
    });
    let is_found = |(firmware, path): &(Firmware, &str)| {
        wanted.firmware.contains(firmware) && !built.is_some_and(|built| built.contains(path))
    };
    STORES.into_iter().filter(is_found).collect()
}

/// Reports deviations from the boot settings; those about the boot images of a disc only if the
/// medium is one.
fn report_notes(request: &MediumRequest<'_>, notes: &[BootNote], problems: &mut Problems) {
    let is_disc = request.rendered.manifest.format() == OutputFormat::Iso;
    let is_of_all = |note: &BootNote| matches!(note, BootNote::BuiltStores(..));
    for note in notes.iter().filter(|note| is_disc || is_of_all(note)) {
        let problem = match note {
            BootNote::BuiltStores(_, true) => Problem::note(note.to_string()),
            _ => Problem::warning(note.to_string()),
        };
        let pointer = if let BootNote::BuiltStores(_, true) = note { STORE } else { FILES };
        let problem = problem.at(request.place(pointer), "");
        problems.add(match note.advice() {
            Some(advice) => problem.help(advice),
            None => problem,
        });
    }
}

/// Warns of an x86 boot image for UEFI: firmware starts programs of its own width only, and nearly
/// all of it is 64-bit.
fn check_firmware(request: &MediumRequest<'_>, wanted: &BootOptions, problems: &mut Problems) {
    if wanted.architecture != Architecture::X86 || !wanted.firmware.contains(&Firmware::Uefi) {
        return;
    }
    let problem =
        Problem::new(Rule::X86BootImageForUefi, "the boot image is for x86; UEFI of x64 computers can't start it");
    problems.add(
        problem
            .at(request.place(IMAGE), "is for x86")
            .help("use a boot image for x64, or write `firmware = [\"bios\"]` to support BIOS computers only"),
    );
}

fn choose_firmware(request: &MediumRequest<'_>, architecture: Architecture) -> Vec<Firmware> {
    match (&request.rendered.manifest.boot.firmware, architecture) {
        (Some(firmware), _) => firmware.clone(),
        (None, Architecture::Arm | Architecture::Arm64) => vec![Firmware::Uefi],
        (None, _) if is_stick(request) => vec![Firmware::Uefi],
        (None, _) => vec![Firmware::Uefi, Firmware::Bios],
    }
}

fn is_stick(request: &MediumRequest<'_>) -> bool {
    request.rendered.manifest.format() == OutputFormat::Usb
}

fn find_files(
    request: &MediumRequest<'_>,
    wim: &KnownWim,
    index: u32,
    wanted: &BootOptions,
    problems: &mut Problems,
) -> Option<BootFiles> {
    let files = &request.rendered.manifest.boot.files;
    let folder: Utf8PathBuf;
    let on_medium;
    let source = if files == BOOT_IMAGE {
        BootSource::Image { wim, index }
    } else {
        folder = request.input(FILES, files);
        if medium_path::split(&folder).is_some() {
            on_medium = folder_on_medium(request, &folder, problems)?;
            let (folder, records) = (&on_medium.folder, on_medium.boot.as_slice());
            BootSource::Medium { folder, records, image: Some((wim, index)) }
        } else {
            boot::sibling_folders(&folder).for_each(|path| request.notes.inputs.borrow_mut().note(path));
            match folder.read_dir_utf8() {
                Ok(_) => BootSource::Folder { folder: &folder, image: Some((wim, index)) },
                Err(error) => {
                    request.unreadable(&folder, &error, FILES, problems);
                    return None;
                }
            }
        }
    };
    let found = match boot::find_boot_files(source, wanted) {
        // Boot files are optional in a base; fall back to the boot image.
        Err(NoBootFiles::NotMedia(_)) if request.is_from_base(FILES) => {
            boot::find_boot_files(BootSource::Image { wim, index }, wanted)
        }
        found => found,
    };
    match found {
        Ok(found) => Some(found),
        Err(none) => {
            report_no_boot_files(request, none, problems);
            None
        }
    }
}

/// Lists the folder of boot files on a medium.
fn folder_on_medium(
    request: &MediumRequest<'_>,
    folder: &Utf8Path,
    problems: &mut Problems,
) -> Option<Arc<ListedFolder>> {
    if includes_itself(request, folder, FILES, problems) {
        return None;
    }
    let found = request.sources.is_folder(folder).and_then(|is_folder| match is_folder {
        true => request.sources.folder(folder),
        false => {
            let error = Error::new(format!("`{folder}` is a file, not a folder"));
            Err(io::Error::other(error.help("name the root of the medium, or the folder with `boot` and `efi`")))
        }
    });
    request.readable(found, folder, FILES, problems)
}

fn report_no_boot_files(request: &MediumRequest<'_>, none: NoBootFiles, problems: &mut Problems) {
    match none {
        NoBootFiles::NotMedia(within) => {
            let files = Utf8Path::new(&request.rendered.manifest.boot.files);
            let problem = Problem::error(format!("the folder `{files}` has no boot files"));
            problems.add(
                problem.at(request.place(FILES), "has neither `boot` nor `efi`").help(match within {
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
                report_missing(request, &missing, problems);
            }
        }
        NoBootFiles::NoBios(architecture) => {
            let message = format!("BIOS can't start a boot image for {architecture}");
            let problem = Problem::error(message).at(request.place(FIRMWARE), "includes BIOS");
            problems.add(
                problem
                    .at(request.place(IMAGE), format!("is for {architecture}"))
                    .help("write `firmware = [\"uefi\"]`"),
            );
        }
        NoBootFiles::BadLink { link, target } => {
            let message =
                format!("the symbolic link `{link}` leads out of the folder or to a parent of itself: `{target}`");
            problems.add(
                Problem::error(message).at(request.place(FILES), "").help("replace the link with a copy of its target"),
            );
        }
        NoBootFiles::Misplaced { path, why } => {
            let why = match why {
                Misplaced::BadName(bad) => bad.to_string(),
                Misplaced::Taken(taken) => format!("it differs from `{taken}` only in case"),
            };
            let message = format!("the boot file `{path}` can't be on the medium: {why}");
            problems.add(Problem::error(message).at(request.place(FILES), "").help("rename it"));
        }
        NoBootFiles::Failed(error) => request.failed(&error, FILES, problems),
    }
}

fn report_missing(request: &MediumRequest<'_>, missing: &MissingBootFile, problems: &mut Problems) {
    let looked = missing.looked_at.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
    let words = if looked.is_empty() { "not found here".into() } else { format!("looked for {looked}") };
    let problem = Problem::error(missing.to_string()).at(request.place(FILES), words);
    problems.add(problem.help(format!("take it from {}", missing.usual)));
}
