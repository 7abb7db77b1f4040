//! Media must not hold themselves, nor what tsmedia writes beside the manifest: they would be other ones after each
//! build, and never up to date.

use camino::{Utf8Path, Utf8PathBuf};

use super::request::Request;
use crate::file_identity::{FileIdentity, real_path};
use crate::problem::{Problem, Problems};

/// Where a build writes, free of links.
pub(super) struct OwnPlaces {
    /// The finished medium.
    output: Utf8PathBuf,
    /// The folder of the manifest, which holds the record and the cache.
    folder: Utf8PathBuf,
}

impl OwnPlaces {
    pub fn of(manifest: &Utf8Path, output: &Utf8Path) -> Self {
        Self { output: real_path(output), folder: real_path(&manifest.with_file_name("")) }
    }

    /// Whether this is the output.
    pub fn is_output(&self, path: &Utf8Path) -> bool {
        FileIdentity::of(&self.output) == FileIdentity::of(path)
    }

    /// Whether the output is this, or in it.
    pub fn output_is_in(&self, path: &Utf8Path) -> bool {
        self.output.starts_with(real_path(path)) || self.is_output(path)
    }

    /// Whether the folder of the manifest is this, or in it.
    pub fn folder_is_in(&self, path: &Utf8Path) -> bool {
        self.folder.starts_with(real_path(path))
    }
}

/// Whether content holds what the build writes; complains if so.
pub(super) fn holds_itself(request: &Request<'_>, path: &Utf8Path, pointer: &str, problems: &mut Problems) -> bool {
    let (message, help) = if request.own_places.output_is_in(path) {
        let output = &request.rendered.manifest.output.path;
        let help = "choose another folder, or another `path` in `[output]`";
        (format!("`{path}` is, or holds, the output `{output}`: the medium would contain itself"), help)
    } else if request.own_places.folder_is_in(path) {
        let what = "holds the manifest's own folder, where tsmedia keeps its record and its cache";
        (format!("`{path}` {what}: the medium would never be up to date"), "move the content to a folder below it")
    } else {
        return false;
    };
    problems.add(Problem::error(message).at(request.place(pointer), "").help(help));
    true
}
