//! Edits of an image: adding and removing files and folders.
//!
//! Added files have the date of the medium, no security descriptor and no short name. A replaced
//! file keeps the spelling of its name and its security descriptor; an existing folder keeps its
//! contents.

use std::collections::HashSet;

use camino::Utf8Path;

use super::content_sha1::source_sha1;
use super::metadata::{ImageEntry, Metadata};
use crate::content::Content;
use crate::date::Date;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::volume::{Folder, Node};
use sha1::{Digest as _, Sha1};

/// Changes to an image.
#[derive(Clone, Copy, Debug)]
pub struct ImageEdit<'a> {
    /// Files and folders to add, from the root of the image.
    pub additions: &'a Folder,
    /// Paths to remove first, from the root, separated by `/`.
    pub removals: &'a [String],
    /// Date of added files.
    pub date: Date,
}

/// Contents of added files, without duplicates, in the order of their addition.
#[derive(Default)]
pub(super) struct Additions {
    known: HashSet<[u8; 20]>,
    contents: Vec<([u8; 20], Content)>,
}

impl Additions {
    pub(super) fn contains(&self, sha1: &[u8; 20]) -> bool {
        self.known.contains(sha1)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &([u8; 20], Content)> {
        self.contents.iter()
    }

    /// Adds a content and returns its SHA-1. Empty contents are not stored; their SHA-1 counts as
    /// zeros.
    fn add(&mut self, content: &Content, progress: &Progress) -> Result<[u8; 20]> {
        if content.is_empty() {
            return Ok([0; 20]);
        }
        let sha1 = match content {
            Content::Bytes(bytes) => Sha1::digest(bytes).into(),
            Content::Source(source) => source_sha1(source, 0..source.len(), progress)?,
        };
        if self.known.insert(sha1) {
            self.contents.push((sha1, content.clone()));
        }
        Ok(sha1)
    }
}

impl ImageEdit<'_> {
    /// Applies the edit to the metadata of image `index`.
    pub(super) fn apply(
        &self,
        metadata: &mut Metadata,
        additions: &mut Additions,
        wim: &Utf8Path,
        index: u32,
        progress: &Progress,
    ) -> Result<()> {
        for path in self.removals {
            remove_path(&mut metadata.root, path).ok_or_else(|| {
                Error::new(format!("image {index} of `{wim}` does not contain `{path}`, which should be removed"))
            })?;
        }
        let taken = |path: &str, what: &str| {
            Error::new(format!("`{path}` can't be added to image {index} of `{wim}`: {what} with that name exists"))
                .help("use another path in the image")
                .about(path)
        };
        let mut add = |path: &str, content: &Content| {
            let sha1 = additions.add(content, progress).map_err(|error| error.about(path))?;
            let name = path.rsplit('/').next().unwrap_or(path);
            Ok(ImageEntry::new_file(name, self.date, sha1))
        };
        add_folder(&mut metadata.root, self.additions, "", self.date, &mut add, &taken)
    }
}

/// Removes the entry at a path.
fn remove_path(root: &mut ImageEntry, path: &str) -> Option<ImageEntry> {
    match path.trim_matches('/').rsplit_once('/') {
        Some((folder, name)) => folder.split('/').try_fold(root, |folder, name| folder.child_mut(name))?.remove(name),
        None => root.remove(path.trim_matches('/')),
    }
}

/// Adds a folder's contents to an entry, merging folders and replacing files.
fn add_folder(
    into: &mut ImageEntry,
    folder: &Folder,
    prefix: &str,
    date: Date,
    add: &mut dyn FnMut(&str, &Content) -> Result<ImageEntry>,
    taken: &dyn Fn(&str, &str) -> Error,
) -> Result<()> {
    for (name, node) in folder.iter() {
        let path = format!("{prefix}{name}");
        let there = into.child_mut(name.as_str());
        match (node, there) {
            (Node::Folder(folder), Some(there)) if there.has_children() => {
                add_folder(there, folder, &format!("{path}/"), date, add, taken)?;
            }
            // A link to a folder has no entries of its own to merge with.
            (Node::Folder(_), Some(_)) => return Err(taken(&path, "a file or link")),
            (Node::Folder(folder), None) => {
                let mut added = ImageEntry::new_folder(name.as_str(), date);
                add_folder(&mut added, folder, &format!("{path}/"), date, add, taken)?;
                into.insert(added);
            }
            (Node::File(_), Some(there)) if there.is_folder() => return Err(taken(&path, "a folder")),
            (Node::File(content), there) => {
                let mut added = add(&path, content)?;
                if let Some(old) = there {
                    added.name.clone_from(&old.name);
                    added.security_id = old.security_id;
                }
                into.insert(added);
            }
        }
    }
    Ok(())
}
