//! Imports finished media: creates a manifest that builds the same medium, and extracts the task
//! sequences in its policies.
//!
//! The medium remains the source of its content, so nothing large is copied. A task sequence medium
//! becomes the base of the new one ([`base`](crate::manifest::BaseTable)); of other media, boot
//! image, boot files and all other files are used.

mod manifest;
mod outline;
mod sequences;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{Error, Result};
use crate::media::data::BaseData;
use crate::resolve::ForeignMedium;

pub use manifest::PasswordSource;
pub use outline::{ContentOutline, MediumOutline, SequenceOutline};
pub use sequences::RecoveredSequence;

/// Name of the manifest in a project.
const MANIFEST: &str = "media.toml";

/// A project created from a medium.
pub struct ImportedProject {
    /// Files of the project, by path relative to its folder.
    pub files: Vec<(Utf8PathBuf, String)>,
    /// Task sequences among the files.
    pub sequences: Vec<RecoveredSequence>,
    /// Facts that could not be determined, as complete sentences.
    pub unknown: Vec<String>,
}

/// Creates a project from a medium. `password` decrypts it, and `source` is the place of the
/// password.
///
/// # Errors
///
/// The medium can't be read or started, or the password is wrong.
pub fn import(
    path: &Utf8Path,
    folder: &Utf8Path,
    password: Option<&str>,
    source: Option<&PasswordSource>,
) -> Result<ImportedProject> {
    let medium = ForeignMedium::open(path)?;
    let asks = medium.bootstrap.as_ref().and_then(|bootstrap| bootstrap.requires_password()).unwrap_or(false);
    if password.is_some() && !asks {
        return Err(Error::new(format!("`{path}` has no password")).help("remove `--password-from`"));
    }
    let mut unknown = Vec::new();
    let data = match asks && password.is_none() {
        false => medium.data(password)?,
        true => {
            unknown.push(
                "The medium has a password, so its variables and task sequences were not read: give the password with \
                 `--password-from`."
                    .to_owned(),
            );
            None
        }
    };
    for (path, why) in &medium.faults {
        unknown.push(format!("`{path}` can't be read: {why}."));
    }
    let sequences = data.as_ref().map(|data| recover(data, &mut unknown)).unwrap_or_default();
    let text = manifest::write(&medium, folder, source, &sequences, &mut unknown)?;
    let mut files = vec![(MANIFEST.into(), text)];
    files.extend(sequences.iter().map(|sequence| (sequence.path.clone(), sequence.text.clone())));
    Ok(ImportedProject { files, sequences, unknown })
}

fn recover(data: &BaseData, unknown: &mut Vec<String>) -> Vec<RecoveredSequence> {
    let texts: Vec<_> = data.policies.iter().filter_map(|(path, text)| Some((path.as_str(), text.text()?))).collect();
    let (sequences, failed) = sequences::recover(&texts);
    unknown.extend(failed);
    sequences
}
