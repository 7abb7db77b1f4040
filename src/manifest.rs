//! From the author's files to typed manifests, one for each site, or to everything that is wrong with them.

mod capacity;
mod model;
mod schema;

use camino::Utf8PathBuf;

use crate::error::Result;
use crate::problem::{Place, Problems};

pub use capacity::Capacity;
pub use model::*;

/// What the command line adds to the manifests.
#[derive(Debug, Default, Clone)]
pub struct Options {
    /// Files of template values (`--vars`), later ones nearer.
    pub vars_files: Vec<Utf8PathBuf>,
    /// Single template values (`--var k=v`), nearer than any file.
    pub vars: Vec<(String, String)>,
    /// The sites to keep (`--site`); all of them if empty.
    pub sites: Vec<String>,
}

/// A manifest for one site, rendered and typed.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The manifest; all its strings are rendered.
    pub manifest: Manifest,
    /// The code of the site it is rendered for; none if the manifest has no sites.
    pub site: Option<String>,
    /// The path of the manifest file as it was given.
    pub path: Utf8PathBuf,
    spans: schema::Spans,
}

impl Rendered {
    /// Where the value at a JSON pointer (`/package/0/source`) was written: in the manifest or in a profile.
    /// A value that nobody wrote (a default) is placed at the nearest table that was.
    pub fn place(&self, pointer: &str) -> Place {
        todo!("{pointer}")
    }

    /// A path that the author wrote at a JSON pointer, relative to the file in which it was written.
    pub fn path_at(&self, pointer: &str, path: &str) -> Utf8PathBuf {
        todo!("{pointer} {path}")
    }
}

/// Reads a manifest with its profiles, renders it for each site and checks it.
///
/// What the author got wrong goes to `problems`; manifests that have errors are not among the result. An error
/// means that a file could not be read at all.
pub fn load(path: &camino::Utf8Path, options: &Options, problems: &mut Problems) -> Result<Vec<Rendered>> {
    todo!("{path} {options:?} {problems:?}")
}
