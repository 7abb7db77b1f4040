//! A tree of folders as FAT sees it: numbered folders and files, each entry with its short name.

use std::collections::HashSet;

use crate::content::Content;
use crate::error::{Error, Result};
use crate::volume::{Folder, Name, Node};

use super::short_name::{ShortName, short_name};

/// Bytes of an entry of a folder.
pub(super) const ENTRY_LEN: u64 = 32;

/// UTF-16 units that an entry of a long name holds.
pub(super) const LONG_NAME_UNITS: usize = 13;

/// A folder is at most 65,536 entries long: 2 MiB ("FAT Directory Structure").
const MAX_ENTRIES: u64 = 1 << 16;

/// Folders and files of a volume by number. The root is folder 0; a folder comes before those within it.
pub(super) struct Tree<'a> {
    label: Option<[u8; 11]>,
    folders: Vec<FatFolder<'a>>,
    files: Vec<&'a Content>,
}

/// What is in a folder.
pub(super) struct FatFolder<'a> {
    pub parent: usize,
    pub entries: Vec<Entry<'a>>,
    /// Entries of 32 bytes that it takes.
    n_slots: u64,
}

/// One name in a folder.
pub(super) struct Entry<'a> {
    pub name: &'a Name,
    pub short: ShortName,
    pub target: Target,
}

/// What a name stands for, by its number.
#[derive(Clone, Copy)]
pub(super) enum Target {
    Folder(usize),
    File(usize),
}

impl FatFolder<'_> {
    pub(super) fn len(&self) -> u64 {
        self.n_slots * ENTRY_LEN
    }
}

impl Entry<'_> {
    /// Whether the short name says it all: it is the name.
    pub(super) fn is_short(&self) -> bool {
        self.short.to_string() == self.name.as_str()
    }

    fn n_slots(&self) -> u64 {
        let n_long =
            if self.is_short() { 0 } else { self.name.as_str().encode_utf16().count().div_ceil(LONG_NAME_UNITS) };
        1 + n_long as u64
    }
}

impl<'a> Tree<'a> {
    pub(super) fn of(root: &'a Folder, label: Option<[u8; 11]>) -> Result<Self> {
        let mut tree = Self { label, folders: Vec::new(), files: Vec::new() };
        // The second part is the path, for messages.
        let mut waiting = vec![(root, String::new(), 0)];
        let mut next = 0;
        while next < waiting.len() {
            let (folder, path, parent) = (waiting[next].0, std::mem::take(&mut waiting[next].1), waiting[next].2);
            let mut entries = Vec::with_capacity(folder.iter().len());
            let mut taken = HashSet::with_capacity(folder.iter().len());
            let shorts = short_names(folder, &mut taken);
            for ((name, node), short) in folder.iter().zip(shorts) {
                let target = match node {
                    Node::Folder(inner) => {
                        waiting.push((inner, format!("{path}{name}/"), next));
                        Target::Folder(waiting.len() - 1)
                    }
                    Node::File(content) => {
                        check_len(content, &path, name)?;
                        tree.files.push(content);
                        Target::File(tree.files.len() - 1)
                    }
                };
                entries.push(Entry { name, short, target });
            }
            // The root has the label, every other folder itself and its parent.
            let n_own = if next == 0 { u64::from(label.is_some()) } else { 2 };
            let n_slots = n_own + entries.iter().map(Entry::n_slots).sum::<u64>();
            if n_slots > MAX_ENTRIES {
                return Err(Error::new(format!(
                    "the folder `/{path}` needs {n_slots} FAT directory entries, and FAT holds {MAX_ENTRIES}"
                ))
                .help("spread its files over sub-folders; a long name takes an entry for each 13 characters"));
            }
            tree.folders.push(FatFolder { parent, entries, n_slots });
            next += 1;
        }
        Ok(tree)
    }

    pub(super) fn folders(&self) -> &[FatFolder<'a>] {
        &self.folders
    }

    pub(super) fn files(&self) -> &[&'a Content] {
        &self.files
    }

    /// The label as the boot sector has it.
    pub(super) fn label(&self) -> [u8; 11] {
        self.label.unwrap_or(*b"NO NAME    ")
    }

    /// The label as the root folder has it: none if there is none.
    pub(super) fn label_entry(&self) -> Option<[u8; 11]> {
        self.label
    }

    pub(super) fn n_root_entries(&self) -> u64 {
        self.folders[0].n_slots
    }

    pub(super) fn content_len(&self) -> u64 {
        self.files.iter().map(|content| content.len()).sum()
    }
}

/// The short names of a folder's entries in their order. Names that are short ones keep them whoever comes first.
fn short_names(folder: &Folder, taken: &mut HashSet<ShortName>) -> Vec<ShortName> {
    let exact: Vec<_> = folder.iter().map(|(name, _)| ShortName::exact(name.as_str())).collect();
    taken.extend(exact.iter().flatten());
    folder
        .iter()
        .zip(exact)
        .map(|((name, _), exact)| {
            exact.unwrap_or_else(|| {
                let short = short_name(name.as_str(), taken);
                taken.insert(short);
                short
            })
        })
        .collect()
}

fn check_len(content: &Content, path: &str, name: &Name) -> Result<()> {
    if content.len() <= u64::from(u32::MAX) {
        return Ok(());
    }
    Err(Error::new(format!(
        "the file `{path}{name}` has {} bytes, and a FAT volume holds files of at most {} bytes",
        content.len(),
        u32::MAX
    ))
    .help("split the file if it is a WIM, or use another form of medium"))
}
