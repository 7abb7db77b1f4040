//! Drivers for the boot image: put into it, and loaded by `drvload` when Windows PE has started (R23).
//!
//! Windows PE runs what `winpeshl.ini` names, as boot images of Configuration Manager have it, or else `startnet.cmd`. A
//! line before all others is put into whichever there is, the author's own or that of the boot image. Not supported: the
//! driver store, into which only Windows can put drivers; so none of these is there before Windows PE runs, which is
//! from a RAM disk and needs no driver of ours for that. Signatures are not checked.

mod package;
mod start;

use std::collections::BTreeSet;
use std::io;

use camino::Utf8Path;

use super::placement::{Location, MAX_FAULTS, Placement, find_folder};
use super::request::Request;
use super::sources::Sources;
use super::volume_tree::VolumeTree;
use super::windows_pe::WindowsPe;
use crate::content::Content;
use crate::format::inf::Inf;
use crate::format::wim::Architecture;
use crate::format::windows::{DriverClass, Windows};
use crate::limits::MAX_INF_LEN;
use crate::problem::{Problem, Problems};
use crate::rule::Rule;
use crate::volume::{Folder, Node};

pub(super) use package::check_driver_package;
use package::{archives, no_inf, unpack};
use start::start_drivers;

/// Where drivers are in the boot image, each folder of the manifest by its number from 1.
const FOLDER: &str = "tsmedia/drivers";
/// What loads them.
const SCRIPT: &str = "tsmedia/drivers/load.cmd";
/// The value that all of it comes from.
const DRIVERS: &str = "/boot/drivers";

/// A driver in the boot image.
struct Driver {
    /// The path of its INF file below the folder that the manifest names.
    name: String,
    inf: Result<Inf, &'static str>,
    /// Whether the catalog is there that signs it.
    has_catalog: bool,
}

/// Puts the drivers of the manifest into the tree of the boot image, and returns their classes.
pub(super) fn add_drivers(
    request: &Request<'_>,
    windows_pe: &WindowsPe,
    windows: &Windows,
    boot_image: &mut VolumeTree,
    problems: &mut Problems,
) -> BTreeSet<DriverClass> {
    let folders = &request.rendered.manifest.boot.drivers;
    let architecture = windows_pe.processors();
    let mut classes = BTreeSet::new();
    if folders.is_empty() {
        return classes;
    }
    let n_errors = problems.n_errors_told();
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
                let problem = Problem::error(format!("`{path}` is a file")).at(request.place(&pointer), "");
                problems.add(problem.help("name the folder that holds the driver with all its files"));
                continue;
            }
            Err(error) => {
                request.unreadable(&path, &error, &pointer, problems);
                continue;
            }
        }
        for (name, class) in drivers_in(request, boot_image.root.get(&target), &path, &pointer, architecture, problems)
        {
            classes.insert(class);
            script += &load_line(&format!("{target}/{name}"));
        }
    }
    if problems.n_errors_told() > n_errors {
        return classes;
    }
    script += "exit /b 0\r\n";
    let script = Content::bytes(script.into_bytes());
    boot_image.place(request, Placement::of_file(SCRIPT, script, DRIVERS), problems);
    start_drivers(request, windows_pe, boot_image, problems);
    let message = "the drivers are loaded by `drvload` when Windows PE has started: \
                   they are not in its driver store, and nothing checks who signed them";
    let problem = Problem::note(message).at(request.place(DRIVERS), "");
    problems.add(problem.help(
        "what Windows PE has to find while it starts can only be put in on Windows: \
         `dism /image:MOUNTED /add-driver /driver:FOLDER /recurse`",
    ));
    if windows.is_there() && !windows.has_drvload {
        let problem = Problem::new(
            Rule::UnsuitableBootDrivers,
            "the boot image has no `Windows\\System32\\drvload.exe` to load drivers with",
        );
        let problem = problem.at(request.place(DRIVERS), "will not be loaded");
        problems.add(problem.help("take a boot image of the Windows ADK or of Configuration Manager"));
    }
    classes
}

/// Returns the drivers of the folder at `path` that these processors can load, by the paths of their INF files in it.
/// `at_target` is that folder in the boot image.
fn drivers_in(
    request: &Request<'_>,
    at_target: Option<&Node>,
    path: &Utf8Path,
    pointer: &str,
    architecture: Architecture,
    problems: &mut Problems,
) -> Vec<(String, DriverClass)> {
    let drivers = match at_target {
        Some(Node::Folder(folder)) => match drivers(request.sources, folder, architecture) {
            Ok(drivers) => drivers,
            Err((path, error)) => {
                request.unreadable(Utf8Path::new(&path), &error, pointer, problems);
                return Vec::new();
            }
        },
        // It was refused, or is empty.
        _ => Vec::new(),
    };
    let fits = |inf: &Inf| inf.architectures.contains(&architecture);
    let mut loaded = Vec::new();
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
            // A folder off a disc has an `autorun.inf`, which is no driver's.
            Err(_) => {}
        }
    }
    if loaded.is_empty() {
        let archives = match at_target {
            Some(Node::Folder(folder)) if elsewhere.is_empty() => archives(&folder.files()),
            _ => Vec::new(),
        };
        let message = match (no_inf(&archives), elsewhere.len()) {
            (Some(archives), _) => {
                format!("`{path}` holds no driver, only archives that Windows PE does not open: {archives}")
            }
            (None, 0) => format!("`{path}` holds no driver: no INF file in it is one of a driver"),
            _ => {
                format!("no driver in `{path}` is for {architecture}, as the boot image is: {}", named(&elsewhere))
            }
        };
        let problem = Problem::new(Rule::NoUsableDriver, message).at(request.place(pointer), "named here");
        let help = match archives.is_empty() {
            true => {
                format!("name a folder with INF files for {architecture}, and with all files that belong to them")
            }
            false => unpack(&archives),
        };
        problems.add(problem.help(help));
        return loaded;
    }
    if !foreign.is_empty() {
        let message = format!("`cmd.exe` can't be told these paths in `{path}`: {}", named(&foreign));
        let problem = Problem::error(message).at(request.place(pointer), "not all in ASCII");
        problems.add(problem.help("rename the files and folders"));
    }
    if !elsewhere.is_empty() {
        let message = format!("not for {architecture}, and put in but not loaded: {}", named(&elsewhere));
        problems
            .add(Problem::new(Rule::DriverOfOtherArchitecture, message).at(request.place(pointer), "in this folder"));
    }
    if !others.is_empty() {
        let message = format!("neither for network nor for storage: {}", named(&others));
        let problem = Problem::new(Rule::UnsuitableBootDrivers, message).at(request.place(pointer), "in this folder");
        problems.add(problem.help("leave out what Windows PE does not need"));
    }
    if !unsigned.is_empty() {
        let message = format!("without the catalog that signs it for {architecture}: {}", named(&unsigned));
        let problem = Problem::new(Rule::UnsuitableBootDrivers, message).at(request.place(pointer), "in this folder");
        problems.add(problem.help(
            "put the `.cat` file that the INF file names beside it: Windows PE loads no driver that nobody signed",
        ));
    }
    loaded
}

const SCRIPT_HEAD: &str = "@echo off\r\n\
    rem Written by tsmedia: loads the drivers that were put into this boot image.\r\n\
    set tsmedia-log=\"%SystemDrive%\\tsmedia\\drivers\\load.log\"\r\n";

/// The line that loads the driver of an INF file.
fn load_line(path: &str) -> String {
    let path = path.replace('/', "\\").replace('%', "%%");
    format!("drvload \"%SystemDrive%\\{path}\" >>%tsmedia-log% 2>&1\r\n")
}

/// The drivers in a folder of the boot image, by the paths of their INF files; or the file that can't be read.
fn drivers(
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

/// The first of some names, and how many more there are.
fn named(names: &[&str]) -> String {
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
        assert_eq!(named(&names[..2]), "`0.inf`, `1.inf`");
        assert!(named(&names[..10]).ends_with("`9.inf`"));
        assert!(named(&names).ends_with("`9.inf` and 2 more"));
    }
}
