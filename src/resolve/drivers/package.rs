//! Driver packages: folders with INF files, which Windows installs with all files that belong to them.

use camino::Utf8PathBuf;

use super::named;
use crate::content::Content;
use crate::problem::{Problem, Problems};
use crate::resolve::placement::Placement;
use crate::resolve::request::Request;
use crate::rule::Rule;
use crate::shell;

/// Above this many, Configuration Manager advises to split a driver package (R34).
const MAX_DRIVERS: usize = 500;
/// Endings of files that vendors publish drivers in.
const ARCHIVES: [&str; 5] = [".zip", ".cab", ".exe", ".msi", ".7z"];

/// Checks a driver package.
pub(in crate::resolve) fn check_driver_package(request: &Request<'_>, package: &Placement, problems: &mut Problems) {
    let (files, pointer) = (package.files(), &package.pointer);
    let is_inf = |name: &str| name.to_ascii_lowercase().ends_with(".inf") && !is_autorun(name);
    let n_drivers = files.iter().filter(|(name, _)| is_inf(name)).count();
    if n_drivers > MAX_DRIVERS {
        let message = format!("the driver package holds {n_drivers} drivers, and {MAX_DRIVERS} are advised at most");
        let problem = Problem::new(Rule::LargeDriverPackage, message).at(request.place(pointer), "this driver package");
        problems.add(problem.help("split it by computer model"));
    }
    // Of an empty folder it is said that it is empty.
    if n_drivers > 0 || files.is_empty() {
        return;
    }
    let archives = archives(&files);
    let problem = Problem::error(match no_inf(&archives) {
        Some(archives) => {
            format!("the driver package holds no INF file, only archives that Windows does not open: {archives}")
        }
        None => "the driver package holds no INF file, and so no driver".to_owned(),
    });
    let problem = problem.at(request.place(pointer), "this driver package");
    problems.add(problem.help(unpack(&archives)));
}

/// Of a disc's `autorun.inf` it is known that it is not a driver's.
fn is_autorun(name: &str) -> bool {
    name.rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case("autorun.inf"))
}

/// Returns the archives among files, in which vendors publish drivers.
pub(super) fn archives(files: &[(String, &Content)]) -> Vec<Utf8PathBuf> {
    let is_archive = |name: &str| ARCHIVES.iter().any(|ending| name.to_ascii_lowercase().ends_with(ending));
    let archives = files.iter().filter(|(name, _)| is_archive(name));
    let path = |(_, content): &(String, &Content)| match content {
        Content::Source(source) => Some(source.path().to_owned()),
        Content::Bytes(_) => None,
    };
    archives.filter_map(path).collect()
}

/// The archives in words; nothing if there are none.
pub(super) fn no_inf(archives: &[Utf8PathBuf]) -> Option<String> {
    let names: Vec<_> = archives.iter().map(|path| path.file_name().unwrap_or_default()).collect();
    (!names.is_empty()).then(|| named(&names))
}

/// Help text for a folder without drivers.
pub(super) fn unpack(archives: &[Utf8PathBuf]) -> String {
    let Some(archive) = archives.first() else {
        return "name a folder with INF files and all files that belong to them".into();
    };
    let folder = archive.with_extension("");
    let command = format!("7z x {} -o{}", shell::word(archive.as_str()), shell::word(folder.as_str()));
    match archive.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("exe") => {
            format!("unpack it with the vendor's own option, or with `{command}`, and remove it")
        }
        _ => format!("unpack it and remove it: `{command}`"),
    }
}
