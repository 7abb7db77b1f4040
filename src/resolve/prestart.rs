//! The prestart command, which a boot image runs before it prompts for a task sequence, and its
//! files.
//!
//! Boot images name the command in `TSConfig.INI`. Media of Configuration Manager name it in a
//! variable that is not documented, so a command on the medium is started by [a script](launcher)
//! in the boot image.

mod launcher;

use super::manifest_pointers::IMAGE;
use super::placement::{Location, Placement, find_source};
use super::request::MediumRequest;
use super::volume_tree::VolumeTree;
use super::windows_pe::WindowsPe;
use crate::content::Content;
use crate::limits::MAX_SCRIPT_LEN;
use crate::media::{PACKAGES, windows_text};
use crate::problem::{Problem, Problems};

/// JSON pointer of the files of the prestart command.
pub(super) const FILES: &str = "/prestart/files";
/// JSON pointer of the command.
const COMMAND: &str = "/prestart/command";

/// Configuration file of boot images that names the prestart command and the folder of its files.
const FILE: &str = "TSConfig.INI";
/// Folder of prestart files, from the root of a boot image.
const FOLDER: &str = "sms/PKG/SMS10000";
/// Name of that folder in [`FILE`].
const PACKAGE: &str = "SMS10000";

/// Returns the folder of a package on the medium, in Windows notation.
pub(super) fn windows_folder(package: &str) -> String {
    format!("{}\\{package}", PACKAGES.replace('/', "\\"))
}

/// Adds the prestart command to the boot image, with its files or with the script that starts it on
/// the medium.
pub(super) fn add_prestart(
    request: &MediumRequest<'_>,
    windows_pe: &WindowsPe,
    boot_image: &mut VolumeTree,
    problems: &mut Problems,
) {
    let Some(prestart) = &request.rendered.manifest.prestart else { return };
    report_replaced(request, windows_pe, problems);
    if !prestart.command.is_ascii() {
        let problem = Problem::error(
            "the prestart command has non-ASCII characters, which Windows PE reads differently depending on its \
             language",
        );
        let problem = problem.at(request.place(COMMAND), "");
        problems.add(problem.help("move it to a script in `files`, and start that script"));
    }
    let (command, has_files) = match (prestart.package_on_medium(), &prestart.files) {
        (Some(package), _) => match launcher::script(package, &prestart.command) {
            Ok(script) => {
                let path = format!("{FOLDER}/{}", launcher::NAME);
                let placement = Placement::of_file(path, Content::bytes(script.into_bytes()), COMMAND);
                boot_image.place(request, placement, problems);
                (launcher::command(PACKAGE), true)
            }
            Err(len) => return report_long(request, len, problems),
        },
        (None, Some(files)) => {
            let found = find_source(request, files, FOLDER, FILES, Location::BootImage, problems);
            found.into_iter().for_each(|found| boot_image.place(request, found, problems));
            (prestart.command.clone(), true)
        }
        (None, None) => (prestart.command.clone(), false),
    };
    let mut text = format!("[CustomHook]\r\nCommandLine={command}\r\n");
    if has_files {
        text += &format!("Source={PACKAGE}\r\n");
    }
    let content = Content::bytes(text.into_bytes());
    boot_image.place(request, Placement::of_file(FILE, content, "/prestart"), problems);
}

/// Finds the files of a prestart command that runs on the medium, and returns them with their
/// package ID.
pub(super) fn files_on_medium<'a>(
    request: &'a MediumRequest<'_>,
    problems: &mut Problems,
) -> Option<(&'a str, Option<Placement>)> {
    let prestart = request.rendered.manifest.prestart.as_ref()?;
    let (package, files) = prestart.package_on_medium().zip(prestart.files.as_ref())?;
    let target = format!("{PACKAGES}/{package}");
    let found = find_source(request, files, &target, FILES, Location::Medium, problems);
    if let Some(found) = &found {
        report_old_paths(request, found, problems);
    }
    Some((package, found))
}

/// Warns of scripts that look for their files in the boot image.
fn report_old_paths(request: &MediumRequest<'_>, found: &Placement, problems: &mut Problems) {
    let old = format!("X:\\{}", FOLDER.replace('/', "\\"));
    for (path, content) in found.files() {
        if mentions(request, content, &old) {
            let message = format!("`{path}` refers to `{old}`, the folder of prestart files in boot images");
            let problem = Problem::warning(message).at(request.place(FILES), "but they are on the medium");
            problems.add(problem.help("write `%~dp0` instead, or `where = \"boot-image\"` in `[prestart]`"));
        }
    }
}

/// Returns `true` if a script mentions a path, ignoring case.
fn mentions(request: &MediumRequest<'_>, content: &Content, wanted: &str) -> bool {
    if content.len() > MAX_SCRIPT_LEN {
        return false;
    }
    let bytes = request.sources.read_content(content, MAX_SCRIPT_LEN as usize);
    let text = bytes.ok().and_then(|bytes| windows_text(bytes.bytes()).map(|text| text.to_lowercase()));
    text.is_some_and(|text| text.contains(&wanted.to_lowercase()))
}

fn report_long(request: &MediumRequest<'_>, len: usize, problems: &mut Problems) {
    let max = launcher::MAX_LINE;
    let message = format!("the prestart command takes {len} characters in a script; the limit of a line is {max}");
    let problem = Problem::error(message).at(request.place(COMMAND), "");
    problems.add(problem.help("move it to a script in `files`, and start that script"));
}

/// Warns if the boot image already has a prestart command.
fn report_replaced(request: &MediumRequest<'_>, windows_pe: &WindowsPe, problems: &mut Problems) {
    let there = match windows_pe.wim.extract(windows_pe.index, FILE, MAX_SCRIPT_LEN) {
        Ok(Some(content)) => request.sources.read_content(&content, MAX_SCRIPT_LEN as usize),
        Ok(None) => return,
        Err(error) => Err(error),
    };
    let there = match there {
        Ok(there) => there,
        Err(error) => return request.failed(&error, IMAGE, problems),
    };
    let text = windows_text(there.bytes());
    let values = text.iter().flat_map(|text| text.lines()).filter_map(|line| line.trim().split_once('='));
    let mut commands = values.filter(|(key, _)| key.trim().eq_ignore_ascii_case("CommandLine"));
    let command = commands.next().map_or_else(String::new, |(_, command)| format!(": `{}`", command.trim()));
    let message = format!("the manifest replaces the prestart command of the boot image{command}");
    let problem =
        Problem::warning(message).at(request.place("/prestart/command"), "").at(request.place(IMAGE), "has a command");
    problems.add(problem.help("remove `[prestart]` to keep that command, or start it from your own script"));
}
