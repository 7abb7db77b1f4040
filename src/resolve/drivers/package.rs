//! Checks driver packages: folders with INF files, which Windows installs with all files that they
//! refer to.

use camino::Utf8PathBuf;

use super::list_names;
use crate::content::Content;
use crate::problem::{Problem, Problems};
use crate::resolve::placement::Placement;
use crate::resolve::request::MediumRequest;
use crate::rule::Rule;
use crate::shell;

/// Number of drivers above which Configuration Manager recommends splitting a driver package (R34).
const MAX_DRIVERS: usize = 500;
/// Extensions of the archives that vendors publish drivers in.
const ARCHIVES: [&str; 5] = [".zip", ".cab", ".exe", ".msi", ".7z"];

/// Reports a driver package without drivers, or with too many.
pub(in crate::resolve) fn check_driver_package(
    request: &MediumRequest<'_>,
    package: &Placement,
    problems: &mut Problems,
) {
    let (files, pointer) = (package.files(), &package.pointer);
    let is_inf = |name: &str| name.to_ascii_lowercase().ends_with(".inf") && !is_autorun(name);
    let n_drivers = files.iter().filter(|(name, _)| is_inf(name)).count();
    if n_drivers > MAX_DRIVERS {
        let message = format!("the driver package has {n_drivers} drivers; at most {MAX_DRIVERS} are recommended");
        let problem = Problem::new(Rule::LargeDriverPackage, message).at(request.place(pointer), "this driver package");
        problems.add(problem.help("split it by computer model"));
    }
    // `find_folder` already reports empty folders.
    if n_drivers > 0 || files.is_empty() {
        return;
    }
    let archives = find_archives(&files);
    let problem = Problem::error(match archive_names(&archives) {
        Some(archives) => {
            format!("the driver package has no INF file, only archives, which Windows can't open: {archives}")
        }
        None => "the driver package has no INF file, so it has no driver".to_owned(),
    });
    let problem = problem.at(request.place(pointer), "this driver package");
    problems.add(problem.help(unpack_help(&archives)));
}

/// Returns `true` for the `autorun.inf` of a disc, which is not a driver.
fn is_autorun(name: &str) -> bool {
    name.rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case("autorun.inf"))
}

/// Returns the archives in which vendors publish drivers.
pub(super) fn find_archives(files: &[(String, &Content)]) -> Vec<Utf8PathBuf> {
    let is_archive = |name: &str| ARCHIVES.iter().any(|ending| name.to_ascii_lowercase().ends_with(ending));
    let archives = files.iter().filter(|(name, _)| is_archive(name));
    let path = |(_, content): &(String, &Content)| match content {
        Content::Source(source) => Some(source.path().to_owned()),
        Content::Bytes(_) => None,
    };
    archives.filter_map(path).collect()
}

/// Lists the names of archives; `None` if there are none.
pub(super) fn archive_names(archives: &[Utf8PathBuf]) -> Option<String> {
    let names: Vec<_> = archives.iter().map(|path| path.file_name().unwrap_or_default()).collect();
    (!names.is_empty()).then(|| list_names(&names))
}

/// Returns the help for a folder without drivers.
pub(super) fn unpack_help(archives: &[Utf8PathBuf]) -> String {
    let Some(archive) = archives.first() else {
        return "name a folder with INF files and all files that they refer to".into();
    };
    let folder = archive.with_extension("");
    let command = format!("7z x {} -o{}", shell::quote(archive.as_str()), shell::quote(folder.as_str()));
    match archive.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("exe") => {
            format!("unpack it with the vendor's option or with `{command}`, then delete the archive")
        }
        _ => format!("unpack it with `{command}`, then delete the archive"),
    }
}
