//! A change of an image: files and folders put into it, and others removed.
//!
//! What is put in has the date of the medium, no security descriptor and no other name. A file that is there already
//! is replaced and keeps its name's spelling and its security; a folder stays with all that is in it.

use std::collections::HashSet;

use camino::Utf8Path;

use super::content_sha1::sha1_of_source;
use super::metadata::{Entry, Metadata};
use crate::content::Content;
use crate::date::Date;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::volume::{Folder, Node};
use sha1::{Digest as _, Sha1};

/// What is changed in an image.
#[derive(Clone, Copy, Debug)]
pub struct Edit<'a> {
    /// Files and folders to put in, from the root of the image.
    pub additions: &'a Folder,
    /// Paths of files and folders to remove first, from the root, with `/` between the parts.
    pub removals: &'a [String],
    /// The date of what is put in.
    pub date: Date,
}

/// The contents that were put in, in the order in which they came.
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

    /// Reads a content for its SHA-1. That of an empty one is zeros, and it is not kept.
    fn add(&mut self, content: &Content, progress: &Progress) -> Result<[u8; 20]> {
        if content.is_empty() {
            return Ok([0; 20]);
        }
        let sha1 = match content {
            Content::Bytes(bytes) => Sha1::digest(bytes).into(),
            Content::Source(source) => sha1_of_source(source, 0..source.len(), progress)?,
        };
        if self.known.insert(sha1) {
            self.contents.push((sha1, content.clone()));
        }
        Ok(sha1)
    }
}

impl Edit<'_> {
    /// Changes the `index`-th image of a WIM.
    pub(super) fn apply(
        &self,
        metadata: &mut Metadata,
        additions: &mut Additions,
        wim: &Utf8Path,
        index: u32,
        progress: &Progress,
    ) -> Result<()> {
        for path in self.removals {
            remove(&mut metadata.root, path)
                .ok_or_else(|| Error::new(format!("image {index} of `{wim}` has no `{path}` to remove")))?;
        }
        let taken = |path: &str, what: &str| {
            Error::new(format!("`{path}` can't be put into image {index} of `{wim}`: {what} of that name is there"))
                .help("give it another path in the image")
                .about(path)
        };
        let mut add = |path: &str, content: &Content| {
            let sha1 = additions.add(content, progress).map_err(|error| error.about(path))?;
            let name = path.rsplit('/').next().unwrap_or(path);
            Ok(Entry::new_file(name, self.date, sha1))
        };
        put(&mut metadata.root, self.additions, "", self.date, &mut add, &taken)
    }
}

fn remove(root: &mut Entry, path: &str) -> Option<Entry> {
    match path.trim_matches('/').rsplit_once('/') {
        Some((folder, name)) => folder.split('/').try_fold(root, |folder, name| folder.child_mut(name))?.remove(name),
        None => root.remove(path.trim_matches('/')),
    }
}

fn put(
    into: &mut Entry,
    folder: &Folder,
    prefix: &str,
    date: Date,
    add: &mut dyn FnMut(&str, &Content) -> Result<Entry>,
    taken: &dyn Fn(&str, &str) -> Error,
) -> Result<()> {
    for (name, node) in folder.iter() {
        let path = format!("{prefix}{name}");
        let there = into.child_mut(name.as_str());
        match (node, there) {
            (Node::Folder(folder), Some(there)) if there.has_children() => {
                put(there, folder, &format!("{path}/"), date, add, taken)?;
            }
            (Node::Folder(_), Some(_)) => return Err(taken(&path, "a file or link")),
            (Node::Folder(folder), None) => {
                let mut made = Entry::new_folder(name.as_str(), date);
                put(&mut made, folder, &format!("{path}/"), date, add, taken)?;
                into.insert(made);
            }
            (Node::File(_), Some(there)) if there.is_folder() => return Err(taken(&path, "a folder")),
            (Node::File(content), there) => {
                let mut made = add(&path, content)?;
                if let Some(old) = there {
                    made.name.clone_from(&old.name);
                    made.security_id = old.security_id;
                }
                into.insert(made);
            }
        }
    }
    Ok(())
}
