//! WIM files that go on a medium in parts, where a disc or a file system holds no file of their length.

use std::sync::Arc;

use super::boot_image::LATER;
use super::request::Request;
use super::sources::Sources;
use super::wim;
use crate::content::Content;
use crate::error::{Error, Result};
use crate::format::wim::PartNames;
use crate::problem::{Problem, Problems};
use crate::volume::{Folder, Node};

/// What the names of WIM files end in; solid ones have the other.
const EXTENSIONS: [&str; 2] = [".wim", ".esd"];
const EXTENSION_LEN: usize = 4;

/// What became of a WIM file that was to be put on a medium in parts.
pub(super) enum Parted {
    /// Its parts are there; it was cut as it is.
    AsItIs,
    /// The parts of what was made of it: it is solid.
    Reexported,
    /// It is solid, and nothing may be made of it now: it is gone from the medium.
    Later,
}

/// Whether a file on the medium has the name of a WIM file.
pub(super) fn is_wim(path: &str) -> bool {
    let end = path.len().checked_sub(EXTENSION_LEN).and_then(|at| path.get(at..));
    end.is_some_and(|end| EXTENSIONS.iter().any(|extension| end.eq_ignore_ascii_case(extension)))
}

/// Puts parts of a WIM file in its place on a medium, named as Configuration Manager does: of the first of these
/// lengths, in bytes, that what is in it allows, or of `most`. A solid one is re-exported before.
///
/// # Errors
///
/// When it can't be cut into parts of `most`, or a part finds its place taken.
pub(super) fn put_parts(
    sources: &dyn Sources,
    root: &mut Folder,
    path: &str,
    lens: &[u64],
    most: u64,
) -> Result<Parted> {
    let source = match root.get(path) {
        Some(Node::File(Content::Source(source))) => Arc::clone(source),
        _ => return Err(Error::new(format!("`{path}` is not on the medium as a file"))),
    };
    let wim = sources.wim(source.path())?;
    let parted = match wim.is_solid() {
        false => Parted::AsItIs,
        true => wim::reexported(&wim, None)?.map_or(Parted::Later, |_| Parted::Reexported),
    };
    let parts = match lens.iter().find_map(|len| wim::split(&wim, *len).ok()) {
        Some(parts) => parts,
        None => wim::split(&wim, most)?,
    };
    root.remove(path);
    let parts = parts.unwrap_or_default();
    let stem = &path[..path.len() - EXTENSION_LEN];
    for (n, part) in (1..).zip(parts) {
        let path = PartNames::ConfigurationManager.of(stem, n);
        root.insert(&path, Content::pieced(part)).map_err(|_| {
            Error::new(format!("`{path}`, a part of a WIM file that is too large, finds its place taken"))
                .help("give the file that is there another name")
        })?;
    }
    Ok(parted)
}

/// Reports a WIM file that is not divided as it is.
pub(super) fn report_parted(
    request: &Request<'_>,
    path: &str,
    parted: &Parted,
    pointer: &str,
    problems: &mut Problems,
) {
    let when = match parted {
        Parted::AsItIs => return,
        Parted::Reexported => "",
        Parted::Later => LATER,
    };
    let message =
        format!("`{path}` is solid and can't be divided: it is re-exported as LZX, once, into the cache{when}");
    problems.add(Problem::note(message).at(request.place(pointer), "comes from here"));
}
