//! Media must not hold themselves, nor what tsmedia writes beside the manifest: they would be other ones after each
//! build, and never up to date.

use camino::Utf8Path;

use super::inside;
use super::request::Request;
use crate::problem::{Problem, Problems};

/// Whether content holds what the build writes; complains if so.
pub(super) fn holds_itself(request: &Request<'_>, path: &Utf8Path, pointer: &str, problems: &mut Problems) -> bool {
    let path = inside::split(path).map_or(path, |(medium, _)| medium);
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
