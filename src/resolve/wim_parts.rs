//! Splits WIM files that exceed the limit of a disc or a file system.

use std::sync::Arc;

use super::boot_image::LATER;
use super::request::MediumRequest;
use super::sources::Sources;
use super::wim;
use crate::content::Content;
use crate::error::{Error, Result};
use crate::format::wim::PartNames;
use crate::problem::{Problem, Problems};
use crate::volume::{Folder, Node};

/// Extensions of WIM files, including solid ones.
const EXTENSIONS: [&str; 2] = [".wim", ".esd"];
const EXTENSION_LEN: usize = 4;

/// Result of splitting a WIM file.
pub(super) enum SplitOutcome {
    /// The file was split directly.
    Direct,
    /// The file is solid, so a re-exported copy was split.
    Reexported,
    /// The file is solid, but nothing may be written now. It was removed from the medium.
    Deferred,
}

/// Returns `true` if a path has the extension of a WIM file.
pub(super) fn is_wim(path: &str) -> bool {
    let end = path.len().checked_sub(EXTENSION_LEN).and_then(|at| path.get(at..));
    end.is_some_and(|end| EXTENSIONS.iter().any(|extension| end.eq_ignore_ascii_case(extension)))
}

/// Replaces a WIM file on a medium by parts, named as Configuration Manager does. The part length
/// is the first of `lens`, in bytes, that suits its contents, or `most`. Solid files are
/// re-exported first.
///
/// # Errors
///
/// The file can't be split into parts of at most `most` bytes, or the path of a part is taken.
pub(super) fn insert_parts(
    sources: &dyn Sources,
    root: &mut Folder,
    path: &str,
    lens: &[u64],
    most: u64,
) -> Result<SplitOutcome> {
    let source = match root.get(path) {
        Some(Node::File(Content::Source(source))) => Arc::clone(source),
        _ => return Err(Error::new(format!("`{path}` is not a file on the medium"))),
    };
    let wim = sources.wim(source.path())?;
    let outcome = match wim.is_solid() {
        false => SplitOutcome::Direct,
        true => wim::ensure_reexported(&wim, None)?.map_or(SplitOutcome::Deferred, |_| SplitOutcome::Reexported),
    };
    // A file larger than a part can't be split, so shorter lengths may fail.
    let parts = match lens.iter().find_map(|len| wim::split(&wim, *len).ok()) {
        Some(parts) => parts,
        None => wim::split(&wim, most)?,
    };
    root.remove(path);
    let parts = parts.unwrap_or_default();
    let stem = &path[..path.len() - EXTENSION_LEN];
    for (n, part) in (1..).zip(parts) {
        let path = PartNames::ConfigurationManager.part_name(stem, n);
        root.insert(&path, Content::pieced(part)).map_err(|_| {
            Error::new(format!("`{path}` exists, but is needed for a part of a split WIM file"))
                .help("rename the existing file")
        })?;
    }
    Ok(outcome)
}

/// Notes that a WIM file has to be re-exported before it is split.
pub(super) fn report_split(
    request: &MediumRequest<'_>,
    path: &str,
    outcome: &SplitOutcome,
    pointer: &str,
    problems: &mut Problems,
) {
    let when = match outcome {
        SplitOutcome::Direct => return,
        SplitOutcome::Reexported => "",
        SplitOutcome::Deferred => LATER,
    };
    let message = format!("`{path}` is solid and can't be split: it is re-exported once, as LZX, into the cache{when}");
    problems.add(Problem::note(message).at(request.place(pointer), "comes from here"));
}
