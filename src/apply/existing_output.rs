//! What there is under the name of a target.
//!
//! A finished file that the memo knows, and that has not been written to, needs no look. One that was replaced as a
//! whole (copied from elsewhere, restored by a CI cache) or that the memo does not know is asked for its identity.

use std::fs::{self, File};
use std::io;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::ApplyContext;
use super::capture::guid;
use crate::content::Stat;
use crate::digest::Digest;
use crate::error::Result;
use crate::output::lists::MediumToml;
use crate::output::{self, Output, ReadSeek};
use crate::plan::{Claim, ExistingFile};
use crate::record::{Record, Recorded, RecordedCapture};
use crate::store::Store;
use crate::target::{self, Recipe};
use crate::write::{self, Unsettled, open};

/// What is said of secrets of which there is nothing to say.
const NOT_KNOWN: Digest = Digest([0; 32]);

/// What was found under the name of a target.
#[derive(Clone, Copy, Debug)]
pub(super) struct FoundOutput {
    pub(super) existing: ExistingFile,
    /// What the file system said of the file that was looked at.
    pub(super) stat: Option<Stat>,
    /// By which right a file that no manifest makes any more is removed.
    pub(super) claim: Claim,
    /// Whether a patch of it was cut off: then `existing` is what it will be.
    pub(super) is_cut_off: bool,
}

impl FoundOutput {
    fn new(existing: ExistingFile, stat: Stat, claim: Claim) -> Self {
        Self { existing, stat: Some(stat), claim, is_cut_off: false }
    }

    /// Nothing.
    pub(super) fn missing() -> Self {
        Self { existing: ExistingFile::Missing, stat: None, claim: Claim::Unknown, is_cut_off: false }
    }

    /// A file that the record names and that it may not speak for. It is not looked at.
    fn outside() -> Self {
        let existing = ExistingFile::Foreign { len: 0 };
        Self { existing, stat: None, claim: Claim::Outside, is_cut_off: false }
    }
}

/// Looks at the file of a target, or of one that only the record names.
///
/// # Errors
///
/// When another process is patching it.
pub(super) fn look_at(work: &ApplyContext, name: &str, store: &Store, record: &Record) -> Result<FoundOutput> {
    let Some(path) = path_of(work, name) else { return Ok(FoundOutput::outside()) };
    let recorded = record.get(name);
    let expected = match target::find(work.targets, name).map(|target| &target.recipe) {
        Some(Recipe::Medium(output)) => Expected::Medium(Some(output)),
        Some(Recipe::Capture(_)) => Expected::Capture(recorded.and_then(Recorded::capture)),
        None => match recorded {
            Some(Recorded::Capture(recorded)) => Expected::Capture(Some(recorded)),
            Some(Recorded::Medium(_)) | None => Expected::Medium(None),
        },
    };
    look(&path, name, expected, store)
}

/// What a file should be, and what that is told by where the cache does not know the file.
enum Expected<'a> {
    /// A medium, which carries its identity. Its secrets are compared with those that the manifest gives it now.
    Medium(Option<&'a Output>),
    /// A WIM file with the recorded GUID.
    Capture(Option<&'a RecordedCapture>),
}

impl Expected<'_> {
    /// What an open file of so many bytes is.
    fn identify(&self, file: &mut File, len: u64) -> Option<ExistingFile> {
        match self {
            Self::Medium(output) => {
                let medium = probe(file)?;
                // Where nothing is secret now there is no veil, and whatever is secret there differs from it.
                let secret_content =
                    |secrets| output.and_then(|output| output.fingerprint_of(secrets)).unwrap_or(NOT_KNOWN);
                Some(ExistingFile::Medium { id: medium.id, secrets: medium.secrets.map(secret_content), len })
            }
            Self::Capture(recorded) => {
                let recorded = (*recorded)?;
                let is_recorded = guid(file)? == recorded.guid;
                is_recorded.then_some(ExistingFile::Medium { id: recorded.id, secrets: None, len })
            }
        }
    }
}

fn look(path: &Utf8Path, name: &str, expected: Expected, store: &Store) -> Result<FoundOutput> {
    let unsettled = match expected {
        Expected::Medium(_) => write::unsettled(path, store.journal_key(name).as_ref())?,
        // It is never patched.
        Expected::Capture(_) => None,
    };
    if let Some(Unsettled::CutOff { id, len }) = unsettled {
        let existing = ExistingFile::Medium { id, secrets: None, len };
        return Ok(FoundOutput { existing, stat: None, claim: Claim::Made, is_cut_off: true });
    }
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(FoundOutput::missing()) };
    let stat = Stat::from_metadata(&metadata);
    let len = stat.len;
    let is_patched = unsettled == Some(Unsettled::Ended);
    // What was patched is not what the memo knows, and its journal says that it was finished.
    if let Some((known, id, secrets)) = store.finished(name).filter(|_| !is_patched) {
        if known == stat {
            return Ok(FoundOutput::new(ExistingFile::Medium { id, secrets, len }, stat, Claim::Made));
        }
        if (known.device, known.inode) == (stat.device, stat.inode) {
            return Ok(FoundOutput::new(ExistingFile::Touched { len }, stat, Claim::Unknown));
        }
    }
    let file = if metadata.is_file() { open::open_to_inspect(path) } else { Err(io::ErrorKind::InvalidInput.into()) };
    let Ok(mut file) = file else { return Ok(FoundOutput::new(ExistingFile::Foreign { len }, stat, Claim::Unknown)) };
    // Another file may have come to this name since.
    let stat = file.metadata().map_or(stat, |metadata| Stat::from_metadata(&metadata));
    let existing = expected.identify(&mut file, stat.len).unwrap_or(ExistingFile::Foreign { len: stat.len });
    Ok(FoundOutput::new(existing, stat, if is_patched { Claim::Made } else { Claim::Unknown }))
}

/// Path of a target; `None` for one that only the record names, and that it may not speak for.
pub(super) fn path_of(work: &ApplyContext, name: &str) -> Option<Utf8PathBuf> {
    match target::find(work.targets, name) {
        Some(target) => Some(target.path.clone()),
        None => recorded_path(work, name),
    }
}

/// Path of a recorded target that the manifest makes no longer. None if the record may not speak for it: a record
/// comes with a Git clone, so it names files below the manifest's folder only, and over no link.
fn recorded_path(work: &ApplyContext, name: &str) -> Option<Utf8PathBuf> {
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
pub(super) fn probe(image: &mut dyn ReadSeek) -> Option<MediumToml> {
    output::read(image).ok()?.medium(image)
}
