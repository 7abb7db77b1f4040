//! A tree of folders as FAT sees it: each entry with its short name, each folder with its length.

use std::collections::HashSet;

use crate::content::Content;
use crate::error::{Details, Error, Result};
use crate::tree::{Item, Tree, What};
use crate::volume::Folder;

use super::short_name::{ShortName, short_name};

/// Bytes of an entry of a folder.
pub(super) const ENTRY_LEN: u64 = 32;

/// UTF-16 units that an entry of a long name holds.
pub(super) const LONG_NAME_UNITS: usize = 13;

/// A folder is at most 65,536 entries long: 2 MiB ("FAT Directory Structure").
const MAX_ENTRIES: u64 = 1 << 16;

/// Folders and files of a volume by their numbers in the tree.
pub(super) struct FatTree<'a> {
    pub(super) items: Tree<'a>,
    label: Option<[u8; 11]>,
    shorts: Vec<ShortName>,
    /// Of each folder: the entries of 32 bytes that it takes.
    n_slots: Vec<u64>,
}

impl<'a> FatTree<'a> {
    /// The tree below a root, if a FAT volume can hold it.
    pub(super) fn of(root: &'a Folder, label: Option<[u8; 11]>) -> Result<Self> {
        let items = Tree::new(root);
        let n_items = items.items().len();
        let root_name = ShortName([b' '; 11]);
        let mut tree = Self { items, label, shorts: vec![root_name; n_items], n_slots: vec![0; n_items] };
        for number in 0..n_items {
            match tree.items.items()[number].what {
                What::Folder { .. } => tree.enter(number)?,
                What::File(content) => check_len(content, || tree.items.path(number))?,
            }
        }
        Ok(tree)
    }

    /// Gives what is in a folder its short names, and the folder its length.
    fn enter(&mut self, folder: usize) -> Result<()> {
        let within = self.items.items_in(folder);
        let shorts = short_names(&self.items.items()[within.clone()]);
        self.shorts[within.clone()].copy_from_slice(&shorts);
        // The root has the label, every other folder itself and its parent.
        let n_own = if folder == 0 { u64::from(self.label.is_some()) } else { 2 };
        let n_slots = n_own + within.map(|item| self.n_slots_of_entry(item)).sum::<u64>();
        if n_slots > MAX_ENTRIES {
            let path = if folder == 0 { "/".into() } else { format!("/{}/", self.items.path(folder)) };
            return Err(Error::TooLarge(
                Details::new(format!(
                    "the folder `{path}` needs {n_slots} FAT directory entries, and FAT holds {MAX_ENTRIES}"
                ))
                .path(path.trim_matches('/'))
                .help("spread its files over sub-folders; a long name takes an entry for each 13 characters"),
            ));
        }
        self.n_slots[folder] = n_slots;
        Ok(())
    }

    /// Whether the short name of an item says it all: it is the name.
    pub(super) fn is_short(&self, item: usize) -> bool {
        self.shorts[item].to_string() == self.items.items()[item].name
    }

    pub(super) fn short(&self, item: usize) -> ShortName {
        self.shorts[item]
    }

    fn n_slots_of_entry(&self, item: usize) -> u64 {
        let n_units = || self.items.items()[item].name.encode_utf16().count();
        let n_long = if self.is_short(item) { 0 } else { n_units().div_ceil(LONG_NAME_UNITS) };
        1 + n_long as u64
    }

    /// The length in bytes of a folder or file.
    pub(super) fn len(&self, item: usize) -> u64 {
        match self.items.items()[item].what {
            What::Folder { .. } => self.n_slots[item] * ENTRY_LEN,
            What::File(content) => content.len(),
        }
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
        self.n_slots[0]
    }

    /// The numbers of the folders, the root first.
    pub(super) fn folders(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.items.items().len()).filter(|item| self.items.is_folder(*item))
    }

    /// The numbers of the files, with their contents.
    pub(super) fn files(&self) -> impl Iterator<Item = (usize, &'a Content)> + '_ {
        let items = self.items.items().iter().enumerate();
        items.filter_map(|(number, item)| match item.what {
            What::File(content) => Some((number, content)),
            What::Folder { .. } => None,
        })
    }

    pub(super) fn content_len(&self) -> u64 {
        self.files().map(|(_, content)| content.len()).sum()
    }
}

/// The short names of a folder's entries in their order. Names that are short ones but for their case keep them
/// whoever comes first: firmware may know no long names, and looks for `EFI\BOOT` however it is spelled.
fn short_names(entries: &[Item]) -> Vec<ShortName> {
    let exact: Vec<_> = entries.iter().map(|entry| ShortName::exact(&entry.name.to_ascii_uppercase())).collect();
    let mut taken: HashSet<_> = HashSet::with_capacity(entries.len());
    taken.extend(exact.iter().flatten());
    let names = entries.iter().zip(exact).map(|(entry, exact)| {
        exact.unwrap_or_else(|| {
            let short = short_name(entry.name, &taken);
            taken.insert(short);
            short
        })
    });
    names.collect()
}

/// The longest file of a FAT volume, in bytes.
pub const MAX_FILE_LEN: u64 = u32::MAX as u64;

fn check_len(content: &Content, path: impl FnOnce() -> String) -> Result<()> {
    if content.len() <= MAX_FILE_LEN {
        return Ok(());
    }
    let (path, len) = (path(), content.len());
    Err(Error::TooLarge(
        Details::new(format!(
            "the file `{path}` has {len} bytes, and a FAT volume holds files of at most {MAX_FILE_LEN} bytes"
        ))
        .path(path)
        .help("split the file if it is a WIM, or use another form of medium"),
    ))
}
