//! Detects content that includes the output or the folder of the manifest: the medium would change
//! with each build, and never be up to date.

use camino::Utf8Path;

use super::medium_path;
use super::request::MediumRequest;
use crate::problem::{Problem, Problems};

/// Reports content that includes a place the build writes to, and returns `true` if it does.
pub(super) fn includes_itself(
    request: &MediumRequest<'_>,
    path: &Utf8Path,
    pointer: &str,
    problems: &mut Problems,
) -> bool {
    let path = medium_path::split(path).map_or(path, |(medium, _)| medium);
    let (message, help) = if request.written_paths.output_is_in(path) {
        let output = &request.rendered.manifest.output.path;
        let help = "name another folder, or choose another `path` in `[output]`";
        (format!("`{path}` is or contains the output `{output}`: the medium would contain itself"), help)
    } else if request.written_paths.folder_is_in(path) {
        let what = "contains the folder of the manifest, where tsmedia keeps its record and its cache";
        (format!("`{path}` {what}: the medium would never be up to date"), "move the content to a subfolder")
    } else {
        return false;
    };
    problems.add(Problem::error(message).at(request.place(pointer), "").help(help));
    true
}
