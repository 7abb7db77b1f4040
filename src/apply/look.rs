//! What there is under the name of an output.
//!
//! A finished file that the memo knows, and that has not been written to, needs no look. One that was replaced as a
//! whole (copied from elsewhere, restored by a CI cache) or that the memo does not know is asked for its identity.

use std::fs::{self, File};

use camino::Utf8Path;

use crate::content::Stat;
use crate::digest::Digest;
use crate::output::lists::Medium;
use crate::output::{self, Image, Output};
use crate::plan::Existing;
use crate::store::Store;

/// What is said of secrets of which there is nothing to say.
const NOT_KNOWN: Digest = Digest([0; 32]);

/// Looks at a file. `output` is what the manifest makes of it, if it does.
pub(super) fn look(path: &Utf8Path, name: &str, output: Option<&Output>, store: &Store) -> Existing {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Existing::Missing };
    let stat = Stat::of(&metadata);
    let len = stat.len;
    if let Some((known, id, secrets)) = store.finished(name) {
        if known == stat {
            return Existing::Medium { id, secrets, len };
        }
        if (known.device, known.inode) == (stat.device, stat.inode) {
            return Existing::Touched { len };
        }
    }
    let medium = if metadata.is_file() { File::open(path).ok().and_then(|mut file| probe(&mut file)) } else { None };
    match medium {
        Some(medium) => {
            // Where nothing is secret now there is no veil, and whatever is secret there differs from it.
            let veiled = |secrets| output.and_then(|output| output.under_veil(secrets)).unwrap_or(NOT_KNOWN);
            Existing::Medium { id: medium.id, secrets: medium.secrets.map(veiled), len }
        }
        None => Existing::Foreign { len },
    }
}

/// What a medium says of itself, if it is one that tsmedia made.
pub(super) fn probe(image: &mut dyn Image) -> Option<Medium> {
    output::read(image).ok()?.medium(image)
}
