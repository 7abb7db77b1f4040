//! Contents of a volume and its boot programs, before any byte has a position.
//!
//! A [`Volume`] is the input of every format: a tree of [`Folder`]s with names that Windows allows, the [`Content`] of
//! its files, and its boot programs. It has no offsets and opens no file.

mod name;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

pub use name::{BadName, Name, check_windows_name, fold};

use crate::content::Content;
use crate::date::Date;
use crate::digest::Digest;
use crate::firmware::Firmware;
use crate::layout::Layout;

/// Contents of a disc, a partition or a boot image.
#[derive(Clone, Debug)]
pub struct Volume {
    /// Volume label, as shown by Windows.
    pub label: String,
    /// Identifier, derived from the contents.
    pub id: Digest,
    /// Timestamp of everything on the volume.
    pub date: Date,
    /// Root folder.
    pub root: Folder,
    /// Paths of folders and files that are each kept together, so that a change of one does not move the others.
    pub parts: Vec<String>,
    /// Boot programs, in the order of the boot catalog. Empty if the volume does not start.
    pub boot: Vec<BootEntry>,
}

impl Volume {
    /// Creates a volume that does not start, with the earliest date and an identifier derived from the label.
    pub fn new(label: &str, root: Folder) -> Self {
        Self {
            label: label.to_owned(),
            id: Digest::hash(label.as_bytes()),
            date: Date::EARLIEST,
            root,
            parts: Vec::new(),
            boot: Vec::new(),
        }
    }
}

/// Boot program of a volume.
#[derive(Clone, Debug)]
pub struct BootEntry {
    /// Firmware that loads it.
    pub firmware: Firmware,
    /// Program (BIOS) or FAT volume (UEFI) that firmware loads.
    pub image: Layout,
}

/// Folder with unique names, ignoring case. Clones share subfolders until one of them changes, since media of many
/// sites hold the same packages.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    entries: BTreeMap<Name, Node>,
}

/// Folder or file.
#[derive(Clone, Debug)]
pub enum Node {
    /// Folder.
    Folder(Arc<Folder>),
    /// File.
    File(Content),
}

/// Reason why a file can't be placed in the tree.
#[derive(Debug)]
pub enum Misplaced {
    /// Part of the path is not a valid name.
    BadName(BadName),
    /// Path of the existing file or folder that is in the way, as spelled there.
    Taken(String),
}

impl Folder {
    /// Adds a file at a path relative to this folder, separated by `/`, and creates missing folders.
    pub fn insert(&mut self, path: &str, content: Content) -> Result<(), Misplaced> {
        self.insert_node(path, Node::File(content))
    }

    /// Adds a folder at a path relative to this folder, unless it exists, and creates missing folders.
    pub fn insert_folder(&mut self, path: &str) -> Result<(), Misplaced> {
        self.insert_node(path, Node::Folder(Arc::default()))
    }

    /// Adds everything in `other` at a path relative to this folder (`.` for this folder). Returns the files that were
    /// left out because their path is taken.
    pub fn merge(&mut self, path: &str, other: impl Into<Arc<Self>>) -> Result<Vec<(String, Misplaced)>, Misplaced> {
        let other = other.into();
        if path == "." {
            return Ok(self.merge_here("", &other));
        }
        self.insert_folder(path)?;
        match self.folder_mut(path) {
            Some(folder) if folder.entries.is_empty() => *folder = other,
            Some(folder) => return Ok(Arc::make_mut(folder).merge_here(&format!("{path}/"), &other)),
            None => {}
        }
        Ok(Vec::new())
    }

    fn merge_here(&mut self, prefix: &str, other: &Self) -> Vec<(String, Misplaced)> {
        let mut refused = Vec::new();
        for (name, node) in &other.entries {
            match (self.entries.entry(name.clone()), node) {
                (Entry::Vacant(place), node) => {
                    place.insert(node.clone());
                }
                (Entry::Occupied(mut there), node) => match (there.get_mut(), node) {
                    (Node::Folder(mine), Node::Folder(theirs)) => {
                        refused.extend(Arc::make_mut(mine).merge_here(&format!("{prefix}{name}/"), theirs));
                    }
                    _ => {
                        let taken = Misplaced::Taken(format!("{prefix}{}", there.key()));
                        refused.push((format!("{prefix}{name}"), taken));
                    }
                },
            }
        }
        refused
    }

    /// Replaces the contents of the file at a path, or adds the file.
    pub fn replace_or_insert(&mut self, path: &str, content: Content) -> Result<(), Misplaced> {
        match self.replace(path, content.clone()) {
            true => Ok(()),
            false => self.insert(path, content),
        }
    }

    /// Replaces the contents of the file at a path. Returns `false` if there is no such file.
    pub fn replace(&mut self, path: &str, content: Content) -> bool {
        let (folder, name) = path.rsplit_once('/').map_or((None, path), |(folder, name)| (Some(folder), name));
        let folder = match folder {
            None => self,
            Some(folder) => match self.folder_mut(folder) {
                Some(folder) => Arc::make_mut(folder),
                None => return false,
            },
        };
        match Name::new(name).ok().and_then(|name| folder.entries.get_mut(&name)) {
            Some(Node::File(file)) => {
                *file = content;
                true
            }
            _ => false,
        }
    }

    /// Removes the file or folder at a path relative to this folder, ignoring case.
    pub fn remove(&mut self, path: &str) -> Option<Node> {
        let (folder, name) = path.rsplit_once('/').map_or((None, path), |(folder, name)| (Some(folder), name));
        let folder = match folder {
            None => self,
            Some(folder) => Arc::make_mut(self.folder_mut(folder)?),
        };
        folder.entries.remove(&Name::new(name).ok()?)
    }

    /// Adds a node directly to this folder, replacing an existing one of that name.
    pub fn put(&mut self, name: Name, node: Node) {
        self.entries.insert(name, node);
    }

    fn folder_mut(&mut self, path: &str) -> Option<&mut Arc<Self>> {
        let (first, rest) = split_first(path);
        match (self.entries.get_mut(&Name::new(first).ok()?)?, rest) {
            (Node::Folder(folder), None) => Some(folder),
            (Node::Folder(folder), Some(rest)) => Arc::make_mut(folder).folder_mut(rest),
            (Node::File(_), _) => None,
        }
    }

    fn insert_node(&mut self, path: &str, node: Node) -> Result<(), Misplaced> {
        let (first, rest) = split_first(path);
        let name = Name::new(first).map_err(Misplaced::BadName)?;
        let mut there = match (self.entries.entry(name), rest) {
            (Entry::Occupied(there), _) => there,
            (Entry::Vacant(place), Some(_)) => place.insert_entry(Node::Folder(Arc::default())),
            (Entry::Vacant(place), None) => {
                place.insert(node);
                return Ok(());
            }
        };
        match (there.get_mut(), rest, node) {
            (Node::Folder(folder), Some(rest), node) => {
                Arc::make_mut(folder).insert_node(rest, node).map_err(|misplaced| match misplaced {
                    Misplaced::Taken(inner) => Misplaced::Taken(format!("{}/{inner}", there.key())),
                    bad => bad,
                })
            }
            (Node::Folder(_), None, Node::Folder(_)) => Ok(()),
            _ => Err(Misplaced::Taken(there.key().to_string())),
        }
    }

    /// Finds the file or folder at a path relative to this folder, ignoring case.
    pub fn get(&self, path: &str) -> Option<&Node> {
        let (first, rest) = split_first(path);
        let node = self.entries.get(&Name::new(first).ok()?)?;
        match (rest, node) {
            (None, node) => Some(node),
            (Some(rest), Node::Folder(folder)) => folder.get(rest),
            (Some(_), Node::File(_)) => None,
        }
    }

    /// Spelling of a name in this folder, ignoring case. `None` if there is no such name.
    pub fn spelling(&self, name: &str) -> Option<String> {
        let (name, _) = self.entries.get_key_value(&Name::new(name).ok()?)?;
        Some(name.to_string())
    }

    /// Names and nodes of this folder, ordered by upper-case name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Name, &Node)> {
        self.entries.iter()
    }

    /// Number of files below this folder.
    pub fn n_files(&self) -> u64 {
        let n_files = self.entries.values().map(|node| match node {
            Node::File(_) => 1,
            Node::Folder(folder) => folder.n_files(),
        });
        n_files.sum()
    }

    /// Files below this folder with their paths, in the order of [`Folder::visit`].
    pub fn files(&self) -> Vec<(String, &Content)> {
        let mut files = Vec::new();
        self.visit(&mut |path, node| {
            if let Node::File(content) = node {
                files.push((path.to_owned(), content));
            }
        });
        files
    }

    /// Visits everything below this folder with its path: folders before their contents, in the order of
    /// [`Folder::iter`].
    pub fn visit<'a>(&'a self, see: &mut dyn FnMut(&str, &'a Node)) {
        fn below<'a>(folder: &'a Folder, path: &mut String, see: &mut dyn FnMut(&str, &'a Node)) {
            let folder_len = path.len();
            for (name, node) in folder.iter() {
                path.push_str(name.as_str());
                see(path, node);
                if let Node::Folder(folder) = node {
                    path.push('/');
                    below(folder, path, see);
                }
                path.truncate(folder_len);
            }
        }
        below(self, &mut String::new(), see);
    }
}

/// Splits a path after its first name.
fn split_first(path: &str) -> (&str, Option<&str>) {
    path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Content {
        Content::bytes(*b"x")
    }

    #[test]
    fn a_path_makes_its_folders_and_is_found_in_any_case() {
        let mut root = Folder::default();
        root.insert("SMS/PKG/BER00010/install.wim", content()).unwrap();
        root.insert("sms/data/b.txt", content()).unwrap();
        root.insert_folder("SMS/PKG").unwrap();
        let paths: Vec<_> = root.files().into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["SMS/data/b.txt", "SMS/PKG/BER00010/install.wim"]);
        assert!(matches!(root.get("sms/pkg/ber00010/INSTALL.WIM"), Some(Node::File(_))));
        assert!(root.get("SMS/none").is_none());
    }

    #[test]
    fn a_taken_place_is_named_as_it_is_spelled_there() {
        let mut root = Folder::default();
        root.insert("Docs/ReadMe.txt", content()).unwrap();
        for (path, taken) in
            [("docs/README.TXT", "Docs/ReadMe.txt"), ("DOCS", "Docs"), ("docs/readme.txt/more", "Docs/ReadMe.txt")]
        {
            match root.insert(path, content()) {
                Err(Misplaced::Taken(found)) => assert_eq!(found, taken),
                other => panic!("{path}: {other:?}"),
            }
        }
    }

    #[test]
    fn folders_merge_and_what_is_there_stays() {
        let mut root = Folder::default();
        root.insert("EFI/BOOT/bootx64.efi", content()).unwrap();
        let mut extras = Folder::default();
        extras.insert("efi/boot/BOOTX64.EFI", content()).unwrap();
        extras.insert("efi/boot/extra.bin", content()).unwrap();
        extras.insert("readme.txt", content()).unwrap();
        let refused = root.merge(".", extras).unwrap();
        let [(path, Misplaced::Taken(taken))] = refused.as_slice() else { panic!("{refused:?}") };
        assert_eq!((path.as_str(), taken.as_str()), ("efi/boot/BOOTX64.EFI", "efi/boot/bootx64.efi"));
        let paths: Vec<_> = root.files().into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["EFI/BOOT/bootx64.efi", "EFI/BOOT/extra.bin", "readme.txt"]);
        let mut package = Folder::default();
        package.insert("setup.exe", content()).unwrap();
        assert!(root.merge("SMS/PKG/BER00021", package.clone()).unwrap().is_empty());
        assert!(matches!(root.merge("readme.txt/below", package), Err(Misplaced::Taken(path)) if path == "readme.txt"));
        assert!(root.get("SMS/PKG/BER00021/setup.exe").is_some());
    }

    #[test]
    fn what_shares_a_folder_does_not_see_it_change() {
        let mut package = Folder::default();
        package.insert("bin/setup.exe", content()).unwrap();
        let package = Arc::new(package);
        let mut root = Folder::default();
        root.merge("one", Arc::clone(&package)).unwrap();
        root.merge("two", package).unwrap();
        let before = root.clone();
        root.insert("one/bin/more.dll", content()).unwrap();
        assert!(root.replace("TWO/bin/setup.exe", Content::bytes(*b"other")));
        assert!(!root.replace("two/bin", content()) && !root.replace("two/none/setup.exe", content()));
        let lens = |root: &Folder| {
            let files = root.files().into_iter().map(|(path, content)| format!("{path} {}", content.len()));
            files.collect::<Vec<_>>()
        };
        assert_eq!(lens(&root), ["one/bin/more.dll 1", "one/bin/setup.exe 1", "two/bin/setup.exe 5"]);
        assert_eq!(lens(&before), ["one/bin/setup.exe 1", "two/bin/setup.exe 1"]);
        assert!(root.remove("One/BIN/more.dll").is_some() && root.remove("one/none/more.dll").is_none());
        assert!(root.remove("two").is_some() && root.remove("two").is_none());
        assert_eq!(lens(&root), ["one/bin/setup.exe 1"]);
        assert_eq!(lens(&before), ["one/bin/setup.exe 1", "two/bin/setup.exe 1"]);
    }
}
