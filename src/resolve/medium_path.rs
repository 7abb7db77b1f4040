//! Paths on media: `Win11.iso!/sources/install.wim` is a file on the medium `Win11.iso`.
//!
//! A file or folder of this machine with the whole path as its name takes precedence. Nothing is
//! extracted: see [`MediumTree`].

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value as Json;

use super::tree::{ContentFault, ListedFolder};
use crate::content::{Content, Source};
use crate::error::Error;
use crate::format::medium_tree::{MediumTree, SEPARATOR, path_on_medium};
use crate::limits::check_len;
use crate::problem::Problem;
use crate::source;
use crate::volume::{Folder, Node};
use authoring::suggestions::{nearest, similar_path};

/// Splits a path on a medium into the medium and the path on it, which is empty for the whole
/// medium. The medium is the first part before `!/`, or before a final `!`, that is a file.
pub(super) fn split(path: &Utf8Path) -> Option<(&Utf8Path, &str)> {
    if !path.as_str().contains('!') || path.symlink_metadata().is_ok() {
        return None;
    }
    candidates(path).find(|(medium, _)| medium.is_file())
}

/// Returns the medium of a path that may be on a medium, existing or not.
pub(super) fn possible_medium(path: &Utf8Path) -> Option<&Utf8Path> {
    if path.symlink_metadata().is_ok() {
        return None;
    }
    split(path).or_else(|| candidates(path).next()).map(|(medium, _)| medium)
}

/// Converts an error about a path on a medium to a problem with help. `value` is the path as
/// written in the manifest.
pub(super) fn problem_from(error: &Error, path: &Utf8Path, value: Option<&Json>) -> Problem {
    let problem = Problem::from(error);
    let Some(meant) = error.subject() else { return problem };
    // Keep the medium as the author wrote it, and replace only the path on it.
    let within = split(path).map_or(0, |(_, within)| within.len());
    match value.and_then(Json::as_str).map(|written| written.trim_end_matches('/')) {
        Some(written) => {
            let medium = written.get(..written.len().saturating_sub(within)).unwrap_or_default();
            problem.help(format!("did you mean `{medium}{meant}`?"))
        }
        None => problem.help(format!("write `path = \"{meant}\"`")),
    }
}

/// Returns the problem of a path on a medium that does not exist or is not a file.
pub(super) fn missing_medium(path: &Utf8Path, value: Option<&Json>) -> Option<Problem> {
    let medium = possible_medium(path)?;
    let within = path.as_str()[medium.as_str().len() + 1..].trim_start_matches('/');
    if medium.is_dir() {
        let problem = Problem::error(format!("`{medium}` is a folder, not a medium"));
        return Some(problem.help(format!("remove the `!`: `{}`", medium.join(within))));
    }
    if medium.exists() {
        return None;
    }
    let problem = Problem::error(format!("the medium `{medium}` does not exist"));
    let written = value.and_then(Json::as_str).and_then(|written| {
        // The written value may be shorter than the resolved path, but both end with the path on
        // the medium.
        let rest = written.len() - (path.as_str().len() - medium.as_str().len()).min(written.len());
        Some((written.get(..rest)?, written.get(rest..)?))
    });
    let (written, rest) = written.unwrap_or((medium.file_name().unwrap_or_default(), ""));
    Some(match (similar_path(medium, written), rest) {
        (Some(meant), "") => problem.help(format!("write `medium = \"{meant}\"`")),
        (Some(meant), rest) => problem.help(format!("did you mean `{meant}{rest}`?")),
        (None, _) => problem.help("paths are relative to the file they are written in"),
    })
}

fn candidates(path: &Utf8Path) -> impl Iterator<Item = (&Utf8Path, &str)> {
    let text = path.as_str();
    let within = text.match_indices(SEPARATOR).map(|(at, _)| (&text[..at], &text[at + SEPARATOR.len()..]));
    let whole = text.strip_suffix('!').map(|medium| (medium, ""));
    let named = |(medium, _): &(&str, &str)| !medium.is_empty() && !medium.ends_with('/');
    within.chain(whole).filter(named).map(|(medium, path)| (Utf8Path::new(medium), path.trim_matches('/')))
}

/// Trees of the media that paths lead into, each read once.
#[derive(Default)]
pub(super) struct MediumTrees(RefCell<HashMap<Utf8PathBuf, Arc<MediumTree>>>);

impl MediumTrees {
    /// Returns the file or folder at a path on a medium; `None` for other paths.
    pub fn node(&self, path: &Utf8Path) -> io::Result<Option<Node>> {
        let Some((medium, within)) = split(path) else { return Ok(None) };
        let tree = self.tree(medium)?;
        match tree.get(within) {
            Some(node) => Ok(Some(node)),
            None => Err(not_found_error(&tree, medium, within)),
        }
    }

    /// Returns the file at a path on a medium; `None` for other paths.
    pub fn file(&self, path: &Utf8Path) -> io::Result<Option<Arc<Source>>> {
        match self.node(path)? {
            None => Ok(None),
            Some(Node::File(Content::Source(source))) => Ok(Some(source)),
            Some(_) => {
                Err(io::Error::other(Error::new(format!("`{path}` is a folder, not a file")).help("name a file in it")))
            }
        }
    }

    /// Lists a folder at a path on a medium; `None` for other paths.
    pub fn folder(&self, path: &Utf8Path) -> io::Result<Option<ListedFolder>> {
        let Some(Node::Folder(folder)) = self.node(path)? else { return Ok(None) };
        let Some((medium, within)) = split(path) else { return Ok(None) };
        let is_within = |fault: &str| {
            let rest = fault.get(within.len()..).filter(|_| fault[..within.len()].eq_ignore_ascii_case(within));
            within.is_empty() || rest.is_some_and(|rest| rest.starts_with('/'))
        };
        let tree = self.tree(medium)?;
        let faults = tree.faults.iter().filter(|fault| is_within(&fault.path));
        let fault = |fault: &crate::format::medium_tree::MediumFault| ContentFault {
            path: path_on_medium(medium, &fault.path),
            why: fault.why.clone(),
            help: fault.help,
        };
        let faults = faults.map(fault).collect();
        let (n_files, bytes) = size(&folder);
        let boot = if within.is_empty() { tree.boot.clone() } else { Vec::new() };
        Ok(Some(ListedFolder { folder, n_files, bytes, faults, boot, pointers: Vec::new() }))
    }

    fn tree(&self, medium: &Utf8Path) -> io::Result<Arc<MediumTree>> {
        if let Some(tree) = self.0.borrow().get(medium) {
            return Ok(Arc::clone(tree));
        }
        let tree = Arc::new(MediumTree::open(medium).map_err(io::Error::other)?);
        self.0.borrow_mut().insert(medium.to_owned(), Arc::clone(&tree));
        Ok(tree)
    }
}

/// Returns the number of files below a folder and their length in bytes.
fn size(folder: &Folder) -> (u64, u64) {
    let (mut n_files, mut bytes) = (0, 0);
    folder.visit(&mut |_, node| {
        if let Node::File(content) = node {
            n_files += 1;
            bytes += content.len();
        }
    });
    (n_files, bytes)
}

/// Returns the error for a path that does not exist on a medium, with the part that does as help.
fn not_found_error(tree: &MediumTree, medium: &Utf8Path, within: &str) -> io::Error {
    if let Some(fault) = tree.faults.iter().find(|fault| fault.path.eq_ignore_ascii_case(within)) {
        let message = format!("`{}` can't be used: {}", path_on_medium(medium, &fault.path), fault.why);
        return io::Error::other(Error::new(message).help(fault.help));
    }
    let error = Error::new(format!("`{within}` is not on the medium `{medium}`"));
    let mut there = String::new();
    let mut folder = Arc::clone(&tree.root);
    // Follow the path while it exists. Suggest a similar name only for the last part, since for
    // others everything below would be a guess.
    for (part, is_last) in path_parts(within) {
        if let Some(Node::Folder(below)) = folder.get(part) {
            there = join_path(&there, &folder.spelling(part).unwrap_or_else(|| part.to_owned()));
            folder = Arc::clone(below);
            continue;
        }
        let names: Vec<_> = folder.iter().map(|(name, _)| name.to_string()).collect();
        if let Some(name) = nearest(part, names.iter().map(String::as_str)).filter(|_| is_last) {
            return io::Error::new(io::ErrorKind::NotFound, error.about(join_path(&there, name)));
        }
        break;
    }
    let help = match there.as_str() {
        "" => format!("`tsmedia inspect {medium} --files` lists its files"),
        there => format!("`{there}` exists on the medium; the rest of the path does not"),
    };
    io::Error::new(io::ErrorKind::NotFound, error.help(help))
}

/// Returns the names in a path, each with `true` if it is the last.
fn path_parts(path: &str) -> impl Iterator<Item = (&str, bool)> {
    let n_parts = path.split('/').count();
    path.split('/').enumerate().map(move |(at, part)| (part, at + 1 == n_parts))
}

fn join_path(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Reads a source of at most `max_len` bytes.
pub(super) fn read(source: &Source, max_len: u64) -> io::Result<Vec<u8>> {
    check_len(source.len(), max_len)?;
    read_start(source, source.len() as usize)
}

/// Reads the first `len` bytes of a source; fails if it is shorter.
pub(super) fn read_start(source: &Source, len: usize) -> io::Result<Vec<u8>> {
    if len as u64 > source.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    source::read_start(source, len).map_err(|error| io::Error::other(Error::from(error)))
}

/// Extracts the [`Error`] from an I/O error, or wraps it.
pub(super) fn into_error(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => Error::new("reading the medium").because(error),
    }
}
