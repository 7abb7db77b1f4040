//! Compares the packages of a site with those in a manifest.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::{PackageKind, SiteFile};
use crate::problem::{Problem, Problems};
use authoring::doc::Doc;

/// Maximum number of boot images that a message names.
const MAX_NAMED: usize = 8;

/// Reports IDs that occur twice in a site file.
pub(super) fn check_ids(file: &SiteFile, problems: &mut Problems) {
    let data = &file.data;
    let images = data.boot_images.iter().enumerate().map(|(at, image)| (&image.id, format!("/boot-images/{at}/id")));
    let packages = data.packages.iter().enumerate().map(|(at, package)| (&package.id, format!("/packages/{at}/id")));
    let applications = data.applications.iter().enumerate();
    let applications = applications.map(|(at, one)| (&one.model_name, format!("/applications/{at}/model-name")));
    let mut first: HashMap<&String, String> = HashMap::new();
    for (id, pointer) in images.chain(packages).chain(applications) {
        let known = first.entry(id).or_insert_with(|| pointer.clone());
        if *known != pointer {
            let problem = Problem::error(format!("the site file has the ID `{id}` twice"));
            let problem = problem.at(file.place(&pointer), "again").at(file.place(known), "first");
            problems.add(problem.help("export the site again, or remove one of them"));
        }
    }
}

/// Compares the packages in a rendered manifest with those of its site.
pub fn check(doc: Doc<'_>, file: &SiteFile) -> Vec<Problem> {
    let mut problems = Vec::new();
    let tables = [
        ("package", PackageKind::Package),
        ("driver-package", PackageKind::DriverPackage),
        ("operating-system", PackageKind::OperatingSystem),
    ];
    for (table, wanted) in tables {
        let entries = doc.get(&format!("/{table}")).and_then(Json::as_array).into_iter().flatten().enumerate();
        for (at, _) in entries.filter(|(_, entry)| entry.get("when") != Some(&Json::Bool(false))) {
            problems.extend(check_package(doc, file, &format!("/{table}/{at}/id"), wanted));
        }
    }
    problems.extend(check_boot_package(doc, file));
    problems
}

/// Reports an ID that is not a package of the wanted kind at the site.
fn check_package(doc: Doc<'_>, file: &SiteFile, pointer: &str, wanted: PackageKind) -> Option<Problem> {
    let (id, packages) = (doc.str(pointer)?, &file.data.packages);
    if packages.is_empty() {
        return None;
    }
    let (name, site) = (&file.name, &file.data.code);
    let Some(at) = packages.iter().position(|package| package.id == id) else {
        let problem = Problem::warning(format!("the site `{site}` has no package `{id}`"));
        let problem = problem.at(doc.place(pointer), "").at(file.key("/packages"), "the packages of the site");
        return Some(problem.help(format!("correct the ID, or export `{name}` again if the package is new")));
    };
    let package = &packages[at];
    if package.kind == wanted {
        return None;
    }
    let message = format!("`{id}` is {} at the site `{site}`, not {}", package.kind.phrase(), wanted.phrase());
    let problem = Problem::warning(message).at(doc.place(pointer), "");
    let problem = problem.at(file.place(&format!("/packages/{at}/kind")), format!("`{}`", package.name));
    Some(problem.help("move it to the table of its kind, or correct the ID"))
}

/// Reports a boot image package that the site does not have, or that is missing although the site
/// has several.
fn check_boot_package(doc: Doc<'_>, file: &SiteFile) -> Option<Problem> {
    const POINTER: &str = "/boot/package";
    let images = &file.data.boot_images;
    let asks = matches!(doc.str("/media/kind"), Some("bootable" | "prestaged"));
    let named = images.iter().take(MAX_NAMED).map(|image| format!("`{}` ({})", image.id, image.name));
    let more = images.len().checked_sub(MAX_NAMED).filter(|n_more| *n_more > 0);
    let list = named.chain(more.map(|n_more| format!("{n_more} more"))).collect::<Vec<_>>().join(", ");
    if images.is_empty() || !asks {
        return None;
    }
    let site = &file.data.code;
    let Some(id) = doc.str(POINTER) else {
        let has_base = super::super::base::is_present(doc);
        let message = format!("the site `{site}` has {} boot images, but `boot.package` is not set", images.len());
        let problem = Problem::note(message).at(doc.place("/boot"), "").at(file.key("/boot-images"), "these");
        return (!has_base).then(|| problem.help(format!("set `package` in `[boot]` to one of {list}")));
    };
    let is_there = images.iter().any(|image| image.id == id);
    let problem = Problem::warning(format!("the site `{site}` has no boot image package `{id}`"));
    let problem = problem.at(doc.place(POINTER), "").at(file.key("/boot-images"), "the boot images of the site");
    (!is_there).then(|| problem.help(format!("use one of {list}")))
}

impl PackageKind {
    /// Returns the kind with an article, for messages.
    fn phrase(self) -> &'static str {
        match self {
            Self::Package => "a package",
            Self::DriverPackage => "a driver package",
            Self::OperatingSystem => "an operating system image",
            Self::UpgradePackage => "an operating system upgrade package",
        }
    }
}
