//! Deployment shares of the Microsoft Deployment Toolkit: their lists, task sequences and files.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use task_sequence::encoding::decode;
use task_sequence::mdt::Share;
use task_sequence::xml::document::parse;

use super::export::{Export, Unreadable};
use crate::error::{Error, Result};
use crate::limits::{self, MAX_EXPORT_LEN};

/// Lists of the `Control` folder to read, in this order: driver groups refer to drivers.
const LISTS: [&str; 4] = ["Drivers.xml", "Applications.xml", "OperatingSystems.xml", "DriverGroups.xml"];
const CONTROL: &str = "Control";
const SEQUENCE: &str = "ts.xml";

/// Deployment share in a folder.
#[derive(Debug)]
pub struct DeploymentShare {
    /// Root folder of the share.
    pub root: Utf8PathBuf,
    /// Contents of its lists.
    pub share: Share,
    /// Lists that can't be read.
    pub unreadable: Vec<Unreadable>,
    control: Utf8PathBuf,
}

impl DeploymentShare {
    /// Reads the lists of a share. `path` is its root or its `Control` folder.
    ///
    /// # Errors
    ///
    /// Fails if the folder is neither.
    pub fn open(path: &Utf8Path) -> Result<Self> {
        let (root, control) = match entry_of(path, CONTROL) {
            Some(control) if control.is_dir() => (path.to_owned(), control),
            _ => (parent(path), path.to_owned()),
        };
        let is_list = |name: &str| entry_of(&control, name).is_some();
        if !LISTS.iter().any(|name| is_list(name)) && sequence_files(&control).is_empty() {
            return Err(Error::new(format!("`{path}` is neither a deployment share nor its `Control` folder"))
                .help("use the folder that contains `Control`, or `Control` itself"));
        }
        let (share, unreadable) = (Share::default(), Vec::new());
        let mut opened = Self { root, share, unreadable, control };
        for name in LISTS {
            let Some(path) = entry_of(&opened.control, name) else { continue };
            if let Err(error) = opened.add_list(&path) {
                let error = Error::new(format!("can't read `{path}`")).because(error);
                opened.unreadable.push(Unreadable { name: name.to_owned(), error });
            }
        }
        Ok(opened)
    }

    fn add_list(&mut self, path: &Utf8Path) -> Result<()> {
        let bytes = limits::read(path, MAX_EXPORT_LEN).map_err(|error| Error::io("reading", path, error))?;
        Ok(self.share.add(&parse(&decode(&bytes)?.text)?)?)
    }

    /// Reads the task sequences of the share, sorted by ID.
    pub fn sequences(&mut self) -> Export {
        let mut export = Export::default();
        for (id, path) in sequence_files(&self.control) {
            match self.sequence(&id, &path) {
                Ok(exported) => export.sequences.push(exported),
                Err(error) => {
                    let error = Error::new(format!("can't read the task sequence `{id}`")).because(error);
                    export.unreadable.push(Unreadable { name: id, error });
                }
            }
        }
        export
    }

    fn sequence(&mut self, id: &str, path: &Utf8Path) -> Result<super::export::ExportedSequence> {
        let bytes = limits::read(path, MAX_EXPORT_LEN).map_err(|error| Error::io("reading", path, error))?;
        let mut exported = task_sequence::export::document::read_with_share(&bytes, id, &mut self.share)?;
        exported.id = Some(id.to_owned());
        Ok(exported)
    }

    /// Returns the path of a file or folder of the share, and `false` if it does not exist.
    ///
    /// Case is ignored, as in Windows.
    pub fn locate(&self, path: &str) -> (Utf8PathBuf, bool) {
        let mut found = self.root.clone();
        for part in path.split('/') {
            let Some(next) = entry_of(&found, part) else { return (self.root.join(path), false) };
            found = next;
        }
        (found, true)
    }
}

/// Returns the folder that contains another one.
fn parent(path: &Utf8Path) -> Utf8PathBuf {
    match path.canonicalize_utf8().ok().as_deref().and_then(Utf8Path::parent) {
        // Keep relative paths relative if possible.
        Some(_) if path.parent().is_some_and(|parent| parent != "") => path.parent().unwrap_or(path).to_owned(),
        Some(parent) => parent.to_owned(),
        None => path.to_owned(),
    }
}

/// Finds the entry of a folder with a name, ignoring case.
fn entry_of(folder: &Utf8Path, name: &str) -> Option<Utf8PathBuf> {
    let exact = folder.join(name);
    if exact.exists() {
        return Some(exact);
    }
    let lower = name.to_lowercase();
    let entries = folder.read_dir_utf8().ok()?.filter_map(|entry| entry.ok());
    let mut found: Vec<_> = entries.filter(|entry| entry.file_name().to_lowercase() == lower).collect();
    found.sort_by(|one, other| one.file_name().cmp(other.file_name()));
    found.first().map(|entry| entry.path().to_owned())
}

/// Lists the task sequences of a `Control` folder: ID and file.
fn sequence_files(control: &Utf8Path) -> Vec<(String, Utf8PathBuf)> {
    let Ok(entries) = control.read_dir_utf8() else { return Vec::new() };
    let file = |entry: camino::Utf8DirEntry| {
        let path = entry_of(entry.path(), SEQUENCE)?;
        fs::metadata(&path).ok()?.is_file().then(|| (entry.file_name().to_owned(), path))
    };
    let mut files: Vec<_> = entries.filter_map(|entry| entry.ok()).filter_map(file).collect();
    files.sort();
    files
}
