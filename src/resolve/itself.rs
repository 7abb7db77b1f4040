//! Media must not hold themselves, nor what tsmedia writes beside the manifest: they would be other ones after each
//! build, and never up to date.

use camino::{Utf8Path, Utf8PathBuf};

use super::Draft;
use crate::problem::Problem;

/// Where a build writes, free of links.
pub(super) struct OwnPlaces {
    /// The finished medium.
    output: Utf8PathBuf,
    /// The folder of the manifest, which holds the record and the cache.
    folder: Utf8PathBuf,
}

impl OwnPlaces {
    pub fn of(manifest: &Utf8Path, output: &Utf8Path) -> Self {
        Self { output: real(output), folder: real(&manifest.with_file_name("")) }
    }

    /// Whether this is the output.
    pub fn is_output(&self, path: &Utf8Path) -> bool {
        self.output == real(path)
    }

    /// Whether the output is this, or in it.
    pub fn output_is_in(&self, path: &Utf8Path) -> bool {
        self.output.starts_with(real(path))
    }

    /// Whether the folder of the manifest is this, or in it.
    pub fn folder_is_in(&self, path: &Utf8Path) -> bool {
        self.folder.starts_with(real(path))
    }
}

impl Draft<'_> {
    /// Whether content holds what the build writes; complains if so.
    pub(super) fn holds_itself(&mut self, path: &Utf8Path, pointer: &str) -> bool {
        let (message, help) = if self.own_places.output_is_in(path) {
            let output = &self.rendered.manifest.output.path;
            let help = "choose another folder, or another `path` in `[output]`";
            (format!("`{path}` is, or holds, the output `{output}`: the medium would contain itself"), help)
        } else if self.own_places.folder_is_in(path) {
            let what = "holds the manifest's own folder, where tsmedia keeps its record and its cache";
            (format!("`{path}` {what}: the medium would never be up to date"), "move the content to a folder below it")
        } else {
            return false;
        };
        self.problems.add(Problem::error(message).at(self.place(pointer), "").help(help));
        true
    }
}

/// A path free of links, as far as it exists yet.
pub(super) fn real(path: &Utf8Path) -> Utf8PathBuf {
    let path = if path.as_str().is_empty() { Utf8Path::new(".") } else { path };
    match (path.canonicalize_utf8(), path.parent(), path.file_name()) {
        (Ok(real), ..) => real,
        (Err(_), Some(parent), Some(name)) => real(parent).join(name),
        _ => path.to_owned(),
    }
}
