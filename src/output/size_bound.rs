//! Bounds of the length of an output as a disc. They are sums over its files and folders, so that a set can be divided
//! into discs without laying anything out. The medium's own lists are included.

use super::{Output, lists};
use crate::format::iso;
use crate::volume::{BootEntry, Folder, Node};

/// Length of a line in `BLAKE3SUMS` or `SHA256SUMS` without the path: digest, two spaces and line feed.
const LINE: u64 = 67;
/// Room for the fixed keys of `medium.toml`, and for the last, partly used sectors of the three lists.
const OWN_LISTS: u64 = 1_024 + 3 * 2_048;
/// Most bytes that TOML writes for one byte: `\u0000`.
const ESCAPED: u64 = 6;

/// Returns a bound for a file at a path from the root, with its lines in the lists.
pub fn file(path: &str, len: u64) -> u64 {
    iso::size_bound::file(name(path), len) + 2 * (LINE + path.len() as u64)
}

/// Returns a bound for a folder at a path from the root, without its contents.
pub fn folder(path: &str) -> u64 {
    iso::size_bound::folder(name(path))
}

/// Returns a bound for a file, or for a folder with its contents.
pub fn node(path: &str, node: &Node) -> u64 {
    match node {
        Node::File(content) => file(path, content.len()),
        Node::Folder(below) => folder(path) + content(path, below),
    }
}

/// Returns a bound for the contents of the folder at `path`.
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

/// Returns a bound for a medium with these boot images, label and description, and no content.
pub fn empty(boot: &[BootEntry], label: &str, description: &[(&'static str, String)]) -> u64 {
    let said = description.iter().map(|(key, value)| (key.len() + value.len()) as u64 * ESCAPED + 8);
    let medium = OWN_LISTS + label.len() as u64 * ESCAPED + said.sum::<u64>();
    let lists = [lists::MEDIUM, lists::BLAKE3SUMS, lists::SHA256SUMS].map(|path| file(path, 0)).iter().sum::<u64>();
    iso::size_bound::disc(boot) + folder(lists::FOLDER) + lists + medium
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
