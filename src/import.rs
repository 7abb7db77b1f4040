//! Projects from finished media: a manifest that builds the same medium, and the task sequences in its policies.
//!
//! The medium itself stays the source of its content, so that nothing large is copied. A task sequence medium is the base
//! of the new one ([`base`](crate::manifest::BaseTable)); of other media the boot image, the boot files and all other
//! files are taken.

mod manifest;
mod sequences;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{Error, Result};
use crate::media::data::BaseData;
use crate::resolve::ForeignMedium;

pub use manifest::PasswordSource;
pub use sequences::Recovered;

/// Name of the manifest in a project.
const MANIFEST: &str = "media.toml";

/// A project made from a medium.
pub struct Imported {
    /// The files of the project: paths in its folder, and texts.
    pub files: Vec<(Utf8PathBuf, String)>,
    /// The task sequences among them.
    pub sequences: Vec<Recovered>,
    /// Facts that could not be determined, as whole sentences.
    pub unknown: Vec<String>,
}

/// Makes a project of a medium. `password` opens it and `source` is where the password is found.
///
/// # Errors
///
/// The medium can't be read, starts nothing, or the password is wrong.
pub fn import(
    path: &Utf8Path,
    folder: &Utf8Path,
    password: Option<&str>,
    source: Option<&PasswordSource>,
) -> Result<Imported> {
    let medium = ForeignMedium::open(path)?;
    let asks = medium.bootstrap.as_ref().and_then(|bootstrap| bootstrap.requires_password()).unwrap_or(false);
    if password.is_some() && !asks {
        return Err(Error::new(format!("`{path}` asks for no password")).help("leave out `--password-from`"));
    }
    let mut unknown = Vec::new();
    let data = match asks && password.is_none() {
        false => medium.data(password)?,
        true => {
            unknown.push(
                "The medium asks for a password, so that its variables and task sequences were not read: give it with \
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
    Ok(Imported { files, sequences, unknown })
}

fn recover(data: &BaseData, unknown: &mut Vec<String>) -> Vec<Recovered> {
    let texts: Vec<_> = data.policies.iter().filter_map(|(path, text)| Some((path.as_str(), text.text()?))).collect();
    let (sequences, failed) = sequences::recover(&texts);
    unknown.extend(failed);
    sequences
}
