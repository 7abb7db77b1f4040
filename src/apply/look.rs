//! What there is under the name of an output.
//!
//! A finished file that the memo knows, and that has not been written to, needs no look. One that was replaced as a
//! whole (copied from elsewhere, restored by a CI cache) or that the memo does not know is asked for its identity.

use std::fs;
use std::io;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::Work;
use crate::content::Stat;
use crate::digest::Digest;
use crate::error::Result;
use crate::output::lists::Medium;
use crate::output::{self, Image, Output};
use crate::plan::{Claim, Existing};
use crate::store::Store;
use crate::write::{self, Unsettled, open};

/// What is said of secrets of which there is nothing to say.
const NOT_KNOWN: Digest = Digest([0; 32]);

/// What was found under the name of an output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Looked {
    pub(super) existing: Existing,
    /// What the file system said of the file that was looked at.
    pub(super) stat: Option<Stat>,
    /// By which right a file that no manifest makes any more is removed.
    pub(super) claim: Claim,
    /// Whether a patch of it was cut off: then `existing` is what it will be.
    pub(super) is_cut_off: bool,
}

impl Looked {
    pub(super) fn new(existing: Existing, stat: Stat, claim: Claim) -> Self {
        Self { existing, stat: Some(stat), claim, is_cut_off: false }
    }

    /// Nothing.
    pub(super) fn missing() -> Self {
        Self { existing: Existing::Missing, stat: None, claim: Claim::Unknown, is_cut_off: false }
    }

    /// A file that the record names and that it may not speak for. It is not looked at.
    pub(super) fn outside() -> Self {
        let existing = Existing::Foreign { len: 0 };
        Self { existing, stat: None, claim: Claim::Outside, is_cut_off: false }
    }
}

/// Looks at a file. `output` is what the manifest makes of it, if it does.
///
/// # Errors
///
/// When another process is patching it.
pub(super) fn look(path: &Utf8Path, name: &str, output: Option<&Output>, store: &Store) -> Result<Looked> {
    let unsettled = write::unsettled(path, store.journal_key(name).as_ref())?;
    if let Some(Unsettled::CutOff { id, len }) = unsettled {
        let existing = Existing::Medium { id, secrets: None, len };
        return Ok(Looked { existing, stat: None, claim: Claim::Made, is_cut_off: true });
    }
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(Looked::missing()) };
    let stat = Stat::of(&metadata);
    let len = stat.len;
    let is_patched = unsettled == Some(Unsettled::Ended);
    // What was patched is not what the memo knows, and its journal says that it was finished.
    if let Some((known, id, secrets)) = store.finished(name).filter(|_| !is_patched) {
        if known == stat {
            return Ok(Looked::new(Existing::Medium { id, secrets, len }, stat, Claim::Made));
        }
        if (known.device, known.inode) == (stat.device, stat.inode) {
            return Ok(Looked::new(Existing::Touched { len }, stat, Claim::Unknown));
        }
    }
    let file = if metadata.is_file() { open::open_to_look(path) } else { Err(io::ErrorKind::InvalidInput.into()) };
    let Ok(mut file) = file else { return Ok(Looked::new(Existing::Foreign { len }, stat, Claim::Unknown)) };
    // Another file may have come to this name since.
    let stat = file.metadata().map_or(stat, |metadata| Stat::of(&metadata));
    let len = stat.len;
    let existing = match probe(&mut file) {
        Some(medium) => {
            // Where nothing is secret now there is no veil, and whatever is secret there differs from it.
            let veiled = |secrets| output.and_then(|output| output.under_veil(secrets)).unwrap_or(NOT_KNOWN);
            Existing::Medium { id: medium.id, secrets: medium.secrets.map(veiled), len }
        }
        None => Existing::Foreign { len },
    };
    Ok(Looked::new(existing, stat, if is_patched { Claim::Made } else { Claim::Unknown }))
}

/// Place of a recorded output that the manifest makes no longer. None if the record may not speak for it: a record
/// comes with a Git clone, so it names files below the manifest's folder only, and over no link.
pub(super) fn recorded_path(work: &Work, name: &str) -> Option<Utf8PathBuf> {
    let mut path = work.base.to_owned();
    let mut parts = Utf8Path::new(name).components().peekable();
    while let Some(part) = parts.next() {
        match part {
            Utf8Component::CurDir => continue,
            Utf8Component::Normal(part) => path.push(part),
            _ => return None,
        }
        let is_on_the_way = parts.peek().is_some();
        if is_on_the_way && fs::symlink_metadata(&path).is_ok_and(|metadata| !metadata.is_dir()) {
            return None;
        }
    }
    Some(path)
}

/// What a medium says of itself, if it is one that tsmedia made.
pub(super) fn probe(image: &mut dyn Image) -> Option<Medium> {
    output::read(image).ok()?.medium(image)
}
