//! Adds drivers to the boot image, which `drvload` loads after Windows PE has started (R23).
//!
//! Windows PE runs the commands in `winpeshl.ini`, as in boot images of Configuration Manager, or
//! `startnet.cmd`. A command is inserted at the start of that file, whether it comes from the
//! author or from the boot image. Adding drivers to the driver store is not supported, because only
//! Windows can do that. So the drivers are not available before Windows PE runs, but it starts from
//! a RAM disk and needs none of them for that. Signatures are not checked.

mod package;
mod start;

use std::collections::BTreeSet;
use std::io;

use camino::Utf8Path;

use super::placement::{Location, MAX_FAULTS, Placement, find_folder};
use super::request::MediumRequest;
use super::sources::Sources;
use super::volume_tree::VolumeTree;
use super::windows_pe::WindowsPe;
use crate::content::Content;
use crate::format::inf::Inf;
use crate::format::wim::Architecture;
use crate::format::windows::{DriverClass, WindowsFacts};
use crate::limits::MAX_INF_LEN;
use crate::problem::{Problem, Problems};
use crate::rule::Rule;
use crate::volume::{Folder, Node};

pub(super) use package::check_driver_package;
use package::{archive_names, find_archives, unpack_help};
use start::start_drivers;

/// Folder of the drivers in the boot image; each folder of the manifest becomes a subfolder
/// numbered from 1.
const FOLDER: &str = "tsmedia/drivers";
/// Script that loads the drivers.
const SCRIPT: &str = "tsmedia/drivers/load.cmd";
/// JSON pointer of the drivers.
const DRIVERS: &str = "/boot/drivers";

/// A driver in the boot image.
struct Driver {
    /// Path of its INF file below the folder that the manifest names.
    name: String,
    inf: Result<Inf, &'static str>,
    /// The catalog with its signature is present.
    has_catalog: bool,
}

/// Adds the drivers of the manifest to the tree of the boot image, and returns their classes.
pub(super) fn add_drivers(
    request: &MediumRequest<'_>,
    windows_pe: &WindowsPe,
    windows: &WindowsFacts,
    boot_image: &mut VolumeTree,
    problems: &mut Problems,
) -> BTreeSet<DriverClass> {
    let folders = &request.rendered.manifest.boot.drivers;
    let architecture = windows_pe.processors();
    let mut classes = BTreeSet::new();
    if folders.is_empty() {
        return classes;
    }
    let n_errors = problems.n_errors_added();
    let mut script = String::from(SCRIPT_HEAD);
    for (at, written) in folders.iter().enumerate() {
        let pointer = format!("{DRIVERS}/{at}");
        let target = format!("{FOLDER}/{}", at + 1);
        let path = request.input(&pointer, written);
        match request.sources.is_folder(&path) {
            Ok(true) => {
                let found = find_folder(request, &path, &target, &pointer, Location::BootImage, problems);
                found.into_iter().for_each(|found| boot_image.place(request, found, problems));
            }
            Ok(_) => {
                let problem =
                    Problem::error(format!("`{path}` is a file, not a folder")).at(request.place(&pointer), "");
                problems.add(problem.help("name the folder that contains the driver with all its files"));
                continue;
            }
            Err(error) => {
                request.unreadable(&path, &error, &pointer, problems);
                continue;
            }
        }
        for (name, class) in
            check_drivers(request, boot_image.root.get(&target), &path, &pointer, architecture, problems)
        {
            classes.insert(class);
            script += &load_line(&format!("{target}/{name}"));
        }
    }
    // The script would load drivers that are not there.
    if problems.n_errors_added() > n_errors {
        return classes;
    }
    script += "exit /b 0\r\n";
    let script = Content::bytes(script.into_bytes());
    boot_image.place(request, Placement::of_file(SCRIPT, script, DRIVERS), problems);
    start_drivers(request, windows_pe, boot_image, problems);
    let message = "`drvload` loads the drivers after Windows PE has started: \
                   they are not in its driver store, and their signatures are not checked";
    let problem = Problem::note(message).at(request.place(DRIVERS), "");
    problems.add(problem.help(
        "drivers that Windows PE needs during startup have to be added on Windows: \
         `dism /image:MOUNTED /add-driver /driver:FOLDER /recurse`",
    ));
    if windows.is_windows() && !windows.has_drvload {
        let problem = Problem::new(
            Rule::UnsuitableBootDrivers,
            "the boot image has no `Windows\\System32\\drvload.exe`, which loads the drivers",
        );
        let problem = problem.at(request.place(DRIVERS), "will not be loaded");
        problems.add(problem.help("use a boot image of the Windows ADK or of Configuration Manager"));
    }
    classes
}

/// Returns the drivers in the folder at `path` that suit the architecture, by the relative paths of
/// their INF files, and reports unsuitable ones. `at_target` is that folder in the boot image.
fn check_drivers(
    request: &MediumRequest<'_>,
    at_target: Option<&Node>,
    path: &Utf8Path,
    pointer: &str,
    architecture: Architecture,
    problems: &mut Problems,
) -> Vec<(String, DriverClass)> {
    let drivers = match at_target {
        Some(Node::Folder(folder)) => match read_drivers(request.sources, folder, architecture) {
            Ok(drivers) => drivers,
            Err((path, error)) => {
                request.unreadable(Utf8Path::new(&path), &error, pointer, problems);
                return Vec::new();
            }
        },
        // The folder was refused, or is empty.
        _ => Vec::new(),
    };
    let fits = |inf: &Inf| inf.architectures.contains(&architecture);
    let mut loaded = Vec::new();
    // Sort the drivers by their faults, so that each is reported once with a list.
    let (mut others, mut unsigned, mut elsewhere, mut foreign) = (vec![], vec![], vec![], vec![]);
    for driver in &drivers {
        match &driver.inf {
            Ok(inf) if fits(inf) => {
                if !driver.has_catalog {
                    unsigned.push(driver.name.as_str());
                }
                if inf.class == DriverClass::Other {
                    others.push(driver.name.as_str());
                }
                if !driver.name.is_ascii() {
                    foreign.push(driver.name.as_str());
                }
                loaded.push((driver.name.clone(), inf.class));
            }
            Ok(_) => elsewhere.push(driver.name.as_str()),
            // A folder copied from a disc may have an `autorun.inf`, which is not a driver.
            Err(_) => {}
        }
    }
    // A folder with unsuitable drivers is named as such; archives are only suspected without any
    // driver.
    if loaded.is_empty() {
        let archives = match at_target {
            Some(Node::Folder(folder)) if elsewhere.is_empty() => find_archives(&folder.files()),
            _ => Vec::new(),
        };
        let message = match (archive_names(&archives), elsewhere.len()) {
            (Some(archives), _) => {
                format!("`{path}` has no driver, only archives, which Windows PE can't open: {archives}")
            }
            (None, 0) => format!("`{path}` has no driver: no INF file in it describes one"),
            _ => {
                format!(
                    "`{path}` has no driver for {architecture}, the architecture of the boot image: {}",
                    list_names(&elsewhere)
                )
            }
        };
        let problem = Problem::new(Rule::NoUsableDriver, message).at(request.place(pointer), "named here");
        let help = match archives.is_empty() {
            true => {
                format!("name a folder with INF files for {architecture} and all files that they refer to")
            }
            false => unpack_help(&archives),
        };
        problems.add(problem.help(help));
        return loaded;
    }
    if !foreign.is_empty() {
        let message = format!("`cmd.exe` can't handle these paths in `{path}`: {}", list_names(&foreign));
        let problem = Problem::error(message).at(request.place(pointer), "not ASCII");
        problems.add(problem.help("rename the files and folders, using only ASCII characters"));
    }
    if !elsewhere.is_empty() {
        let message = format!("not for {architecture}, so added but not loaded: {}", list_names(&elsewhere));
        problems
            .add(Problem::new(Rule::DriverOfOtherArchitecture, message).at(request.place(pointer), "in this folder"));
    }
    if !others.is_empty() {
        let message = format!("neither network nor storage drivers: {}", list_names(&others));
        let problem = Problem::new(Rule::UnsuitableBootDrivers, message).at(request.place(pointer), "in this folder");
        problems.add(problem.help("remove drivers that Windows PE does not need"));
    }
    if !unsigned.is_empty() {
        let message = format!("unsigned drivers (no catalog for {architecture}): {}", list_names(&unsigned));
        let problem = Problem::new(Rule::UnsuitableBootDrivers, message).at(request.place(pointer), "in this folder");
        problems.add(
            problem.help(
                "copy the `.cat` file that the INF file names beside it: Windows PE does not load unsigned drivers",
            ),
        );
    }
    loaded
}

const SCRIPT_HEAD: &str = "@echo off\r\n\
    rem Written by tsmedia: loads the drivers that were put into this boot image.\r\n\
    set tsmedia-log=\"%SystemDrive%\\tsmedia\\drivers\\load.log\"\r\n";

/// Returns the script line that loads the driver of an INF file.
fn load_line(path: &str) -> String {
    let path = path.replace('/', "\\").replace('%', "%%");
    format!("drvload \"%SystemDrive%\\{path}\" >>%tsmedia-log% 2>&1\r\n")
}

/// Reads the drivers in a folder of the boot image. The error is a file that can't be read.
fn read_drivers(
    sources: &dyn Sources,
    folder: &Folder,
    architecture: Architecture,
) -> Result<Vec<Driver>, (String, io::Error)> {
    let mut drivers = Vec::new();
    for (name, content) in folder.files() {
        if !name.to_ascii_lowercase().ends_with(".inf") {
            continue;
        }
        let inf = match content {
            content if content.len() > MAX_INF_LEN => Err("it is too long"),
            Content::Bytes(bytes) => Inf::parse(bytes),
            Content::Source(source) => match sources.read(source.path(), MAX_INF_LEN) {
                Ok(bytes) => Inf::parse(&bytes),
                Err(error) => return Err((source.path().to_string(), error)),
            },
        };
        let beside = name.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
        let catalog = inf.as_ref().ok().and_then(|inf| inf.catalog(architecture));
        let has_catalog = catalog.is_some_and(|catalog| folder.get(&format!("{beside}{catalog}")).is_some());
        drivers.push(Driver { name, inf, has_catalog });
    }
    Ok(drivers)
}

/// Lists the first names, and the number of others.
fn list_names(names: &[&str]) -> String {
    let mut text = names.iter().take(MAX_FAULTS).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if let Some(n_more) = names.len().checked_sub(MAX_FAULTS).filter(|n_more| *n_more > 0) {
        text += &format!(" and {n_more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_so_that_the_command_processor_takes_it_as_it_is() {
        let line = load_line("tsmedia/drivers/1/50% & more/e1.inf");
        assert_eq!(
            line,
            "drvload \"%SystemDrive%\\tsmedia\\drivers\\1\\50%% & more\\e1.inf\" >>%tsmedia-log% 2>&1\r\n"
        );
    }

    #[test]
    fn many_names_are_cut() {
        let names: Vec<_> = (0..12).map(|n| format!("{n}.inf")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        assert_eq!(list_names(&names[..2]), "`0.inf`, `1.inf`");
        assert!(list_names(&names[..10]).ends_with("`9.inf`"));
        assert!(list_names(&names).ends_with("`9.inf` and 2 more"));
    }
}
