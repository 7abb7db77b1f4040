//! What an output takes at most as a disc without slack, in bytes: a sum over its files and folders, so that nothing
//! has to be laid out to choose what goes where. The lists that it carries of itself are part of it.

use super::{Output, lists};
use crate::format::iso::most;
use crate::volume::{BootEntry, Folder, Node};

/// A line of a list without its path: the digest, two spaces and the end.
const LINE: u64 = 67;
/// What `medium.toml` says of every medium, and the ends of the last sectors of three lists.
const OWN_LISTS: u64 = 1_024 + 3 * 2_048;
/// The most bytes that TOML writes for one: `\u0000`.
const ESCAPED: u64 = 6;

/// A file at a path from the root.
pub fn file(path: &str, len: u64) -> u64 {
    most::file(name(path), len) + 2 * (LINE + path.len() as u64)
}

/// A folder at a path from the root, without what is in it.
pub fn folder(path: &str) -> u64 {
    most::folder(name(path))
}

/// What is at a path from the root, with all that is in it.
pub fn node(path: &str, node: &Node) -> u64 {
    match node {
        Node::File(content) => file(path, content.len()),
        Node::Folder(below) => folder(path) + content(path, below),
    }
}

/// What is in the folder at a path from the root.
fn content(path: &str, below: &Folder) -> u64 {
    let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
    let mut sum = 0;
    below.visit(&mut |path, node| {
        let path = format!("{prefix}{path}");
        sum += match node {
            Node::File(content) => file(&path, content.len()),
            Node::Folder(_) => folder(&path),
        };
    });
    sum
}

/// A medium that starts so, holds nothing, and says this of itself.
pub fn empty(boot: &[BootEntry], label: &str, description: &[(&'static str, String)]) -> u64 {
    let said = description.iter().map(|(key, value)| (key.len() + value.len()) as u64 * ESCAPED + 8);
    let medium = OWN_LISTS + label.len() as u64 * ESCAPED + said.sum::<u64>();
    let lists = [lists::MEDIUM, lists::BLAKE3SUMS, lists::SHA256SUMS].map(|path| file(path, 0)).iter().sum::<u64>();
    most::disc(boot) + folder(lists::FOLDER) + lists + medium
}

/// Returns an upper bound of the length of an output, in bytes.
pub fn at_most(output: &Output) -> u64 {
    empty(&output.boot, &output.label, &output.description) + content("", &output.root)
}

/// Returns a lower bound of the length of an output, in bytes: the sectors of its files, and an entry for each.
pub fn at_least(output: &Output) -> u64 {
    const SECTOR: u64 = 2_048;
    let mut sum = 0;
    output.root.visit(&mut |_, node| {
        sum += match node {
            Node::File(content) => content.len().next_multiple_of(SECTOR) + SECTOR,
            Node::Folder(_) => SECTOR,
        };
    });
    sum
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
