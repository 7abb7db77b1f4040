//! The prestart command, which a boot image runs before it asks for a task sequence, and its files.

use super::placement::{Location, Placement, find_source};
use super::request::Request;
use super::volume_tree::VolumeTree;
use crate::content::Content;
use crate::problem::{Problem, Problems};

/// The prestart command and the folder of its files, as boot images have them.
const FILE: &str = "TSConfig.INI";
/// The folder of the files of a prestart command, from the root of a boot image.
const FOLDER: &str = "sms/PKG/SMS10000";
/// The name of that folder in [`FILE`].
const PACKAGE: &str = "SMS10000";

/// Puts the prestart command and its files into the tree of the boot image.
pub(super) fn add_prestart(request: &Request<'_>, boot_image: &mut VolumeTree, problems: &mut Problems) {
    let Some(prestart) = &request.rendered.manifest.prestart else { return };
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
