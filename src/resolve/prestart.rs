//! The prestart command, which a boot image runs before it asks for a task sequence, and its files.

use super::manifest_pointers::IMAGE;
use super::placement::{Location, Placement, find_source};
use super::request::Request;
use super::volume_tree::VolumeTree;
use super::windows_pe::WindowsPe;
use crate::content::Content;
use crate::limits::MAX_SCRIPT_LEN;
use crate::media::windows_text;
use crate::problem::{Problem, Problems};

/// The prestart command and the folder of its files, as boot images have them.
const FILE: &str = "TSConfig.INI";
/// The folder of the files of a prestart command, from the root of a boot image.
const FOLDER: &str = "sms/PKG/SMS10000";
/// The name of that folder in [`FILE`].
const PACKAGE: &str = "SMS10000";

/// Puts the prestart command and its files into the tree of the boot image.
pub(super) fn add_prestart(
    request: &Request<'_>,
    windows_pe: &WindowsPe,
    boot_image: &mut VolumeTree,
    problems: &mut Problems,
) {
    let Some(prestart) = &request.rendered.manifest.prestart else { return };
    report_replaced(request, windows_pe, problems);
    let mut text = format!("[CustomHook]\r\nCommandLine={}\r\n", prestart.command);
    if let Some(files) = &prestart.files {
        let found = find_source(request, files, FOLDER, "/prestart/files", Location::BootImage, problems);
        found.into_iter().for_each(|found| boot_image.place(request, found, problems));
        text += &format!("Source={PACKAGE}\r\n");
    }
    if !prestart.command.is_ascii() {
        let problem = Problem::error("the prestart command has letters that not every Windows PE reads alike");
        let problem = problem.at(request.place("/prestart/command"), "");
        problems.add(problem.help("put it into a script in `files`, and start that"));
    }
    let content = Content::bytes(text.into_bytes());
    boot_image.place(request, Placement::of_file(FILE, content, "/prestart"), problems);
}

/// Warns of a prestart command that the boot image has already.
fn report_replaced(request: &Request<'_>, windows_pe: &WindowsPe, problems: &mut Problems) {
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
    let message = format!("the boot image has a prestart command, which that of the manifest replaces{command}");
    let problem =
        Problem::warning(message).at(request.place("/prestart/command"), "").at(request.place(IMAGE), "has one");
    problems
        .add(problem.help("leave out `[prestart]` to keep that of the boot image, or start it from your own script"));
}
