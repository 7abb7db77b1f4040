//! Examines the file under the name of a target.
//!
//! A finished file that the memo knows, and that has not been written to since, is not opened. A file that was replaced
//! as a whole (copied, or restored by a CI cache), or that the memo does not know, is identified by its contents.

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
use crate::target::{self, Recipe, Target};
use crate::write::{self, Unsettled, open};

/// Placeholder for the digest of unknown secrets.
const NOT_KNOWN: Digest = Digest([0; 32]);

/// File found under the name of a target.
#[derive(Clone, Copy, Debug)]
pub(super) struct FoundOutput {
    pub(super) existing: ExistingFile,
    /// Metadata of the file.
    pub(super) stat: Option<Stat>,
    /// Authority to delete the file if the manifest no longer makes it.
    pub(super) claim: Claim,
    /// `true` if a patch was interrupted. `existing` then describes the output after recovery.
    pub(super) is_cut_off: bool,
}

impl FoundOutput {
    fn new(existing: ExistingFile, stat: Stat, claim: Claim) -> Self {
        Self { existing, stat: Some(stat), claim, is_cut_off: false }
    }

    /// No file.
    pub(super) fn missing() -> Self {
        Self { existing: ExistingFile::Missing, stat: None, claim: Claim::Unknown, is_cut_off: false }
    }

    /// File that only the record names, and that it has no authority over. It is not examined.
    fn outside() -> Self {
        let existing = ExistingFile::Foreign { len: 0 };
        Self { existing, stat: None, claim: Claim::Outside, is_cut_off: false }
    }
}

/// Examines the file of a target, or of one that only the record names.
///
/// # Errors
///
/// If another process is patching it.
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

/// Examines the file of a medium that is to be renamed: recorded under another name, at another path.
///
/// # Errors
///
/// If another process is patching it.
pub(super) fn look_at_moved(
    work: &ApplyContext,
    name: &str,
    old_name: &str,
    old_path: &Utf8Path,
    store: &Store,
) -> Result<FoundOutput> {
    look(old_path, old_name, Expected::Medium(target::find(work.targets, name).and_then(Target::medium)), store)
}

/// Expected kind of a file, by which it is identified if the cache does not know it.
enum Expected<'a> {
    /// Medium, which contains its identity. Its secrets are compared with the current ones.
    Medium(Option<&'a Output>),
    /// WIM file with the recorded GUID.
    Capture(Option<&'a RecordedCapture>),
}

impl Expected<'_> {
    /// Identifies an open file of `len` bytes. `None` if it is not of the expected kind.
    fn identify(&self, file: &mut File, len: u64) -> Option<ExistingFile> {
        match self {
            Self::Medium(output) => {
                let medium = probe(file)?;
                // If nothing is secret now, there is no key, and secrets on the medium differ in any case.
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
        // Captures are never patched.
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
    // After a patch, the memo is out of date, but the journal confirms that the patch finished.
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
    // Another file may have taken the name since.
    let stat = file.metadata().map_or(stat, |metadata| Stat::from_metadata(&metadata));
    let existing = expected.identify(&mut file, stat.len).unwrap_or(ExistingFile::Foreign { len: stat.len });
    Ok(FoundOutput::new(existing, stat, if is_patched { Claim::Made } else { Claim::Unknown }))
}

/// Path of a target. `None` for a recorded one that the record has no authority over.
pub(super) fn path_of(work: &ApplyContext, name: &str) -> Option<Utf8PathBuf> {
    match target::find(work.targets, name) {
        Some(target) => Some(target.path.clone()),
        None => recorded_path(work, name),
    }
}

/// Path of a recorded target that the manifest no longer makes. `None` if the record has no authority over it: since
/// records come with Git clones, they may only name files below the manifest's folder, and not through links.
fn recorded_path(work: &ApplyContext, name: &str) -> Option<Utf8PathBuf> {
    // Without `./` in front, as in messages.
    let mut path = if work.base == "." { Utf8PathBuf::new() } else { work.base.to_owned() };
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

/// Reads `medium.toml`. `None` if the medium was not made by tsmedia.
pub(super) fn probe(image: &mut dyn ReadSeek) -> Option<MediumToml> {
    output::read(image).ok()?.medium(image)
}
