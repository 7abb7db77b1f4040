//! Tree of a FAT volume: short names of all entries, and lengths of all folders.

use std::collections::HashSet;

use crate::content::Content;
use crate::error::{Details, Error, Result};
use crate::tree::{ItemKind, Tree, TreeItem};
use crate::volume::Folder;

use super::short_name::{ShortName, short_name};

/// Length of a directory entry in bytes.
pub(super) const ENTRY_LEN: u64 = 32;

/// Number of UTF-16 units in one entry of a long name.
pub(super) const LONG_NAME_UNITS: usize = 13;

/// Maximum number of entries in a folder, which makes 2 MiB ("FAT Directory Structure").
const MAX_ENTRIES: u64 = 1 << 16;

/// Folders and files of a volume, by their numbers in the tree.
pub(super) struct FatTree<'a> {
    pub(super) items: Tree<'a>,
    label: Option<[u8; 11]>,
    shorts: Vec<ShortName>,
    /// Number of 32-byte entries in each folder.
    n_slots: Vec<u64>,
}

impl<'a> FatTree<'a> {
    /// Builds the tree of a folder. Fails if a FAT volume can't hold it.
    pub(super) fn new(root: &'a Folder, label: Option<[u8; 11]>) -> Result<Self> {
        let items = Tree::new(root);
        let n_items = items.items().len();
        let root_name = ShortName([b' '; 11]);
        let mut tree = Self { items, label, shorts: vec![root_name; n_items], n_slots: vec![0; n_items] };
        for number in 0..n_items {
            match tree.items.items()[number].what {
                ItemKind::Folder { .. } => tree.enter(number)?,
                ItemKind::File(content) => check_len(content, || tree.items.path(number))?,
            }
        }
        Ok(tree)
    }

    /// Assigns short names to the items of a folder and calculates its length.
    fn enter(&mut self, folder: usize) -> Result<()> {
        let within = self.items.items_in(folder);
        let shorts = short_names(&self.items.items()[within.clone()]);
        self.shorts[within.clone()].copy_from_slice(&shorts);
        // The root has an entry for the label, every other folder has `.` and `..`.
        let n_own = if folder == 0 { u64::from(self.label.is_some()) } else { 2 };
        let n_slots = n_own + within.map(|item| self.n_slots_of_entry(item)).sum::<u64>();
        if n_slots > MAX_ENTRIES {
            let path = if folder == 0 { "/".into() } else { format!("/{}/", self.items.path(folder)) };
            return Err(Error::TooLarge(
                Details::new(format!(
                    "the folder `{path}` needs {n_slots} FAT directory entries; FAT allows {MAX_ENTRIES}"
                ))
                .path(path.trim_matches('/'))
                .help("move some files into subfolders, or shorten long names: they take one entry per 13 characters"),
            ));
        }
        self.n_slots[folder] = n_slots;
        Ok(())
    }

    /// Returns `true` if the name is a short name, so that it needs no long one.
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

    /// Length of a folder or file in bytes.
    pub(super) fn len(&self, item: usize) -> u64 {
        match self.items.items()[item].what {
            ItemKind::Folder { .. } => self.n_slots[item] * ENTRY_LEN,
            ItemKind::File(content) => content.len(),
        }
    }

    /// Label for the boot sector.
    pub(super) fn label(&self) -> [u8; 11] {
        self.label.unwrap_or(*b"NO NAME    ")
    }

    /// Label for the root folder. `None` if the volume has none.
    pub(super) fn label_entry(&self) -> Option<[u8; 11]> {
        self.label
    }

    pub(super) fn n_root_entries(&self) -> u64 {
        self.n_slots[0]
    }

    /// Numbers of the folders, the root first.
    pub(super) fn folders(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.items.items().len()).filter(|item| self.items.is_folder(*item))
    }

    /// Numbers and contents of the files.
    pub(super) fn files(&self) -> impl Iterator<Item = (usize, &'a Content)> + '_ {
        let items = self.items.items().iter().enumerate();
        items.filter_map(|(number, item)| match item.what {
            ItemKind::File(content) => Some((number, content)),
            ItemKind::Folder { .. } => None,
        })
    }

    pub(super) fn content_len(&self) -> u64 {
        self.files().map(|(_, content)| content.len()).sum()
    }
}

/// Makes the short names of a folder's entries. Names that are short names apart from their case keep them regardless
/// of the order: firmware may not know long names, and looks for `EFI\BOOT` however it is spelled.
fn short_names(entries: &[TreeItem]) -> Vec<ShortName> {
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

/// Maximum length of a file on a FAT volume, in bytes.
pub const MAX_FILE_LEN: u64 = u32::MAX as u64;

fn check_len(content: &Content, path: impl FnOnce() -> String) -> Result<()> {
    if content.len() <= MAX_FILE_LEN {
        return Ok(());
    }
    let (path, len) = (path(), content.len());
    Err(Error::TooLarge(
        Details::new(format!("the file `{path}` has {len} bytes; FAT32 limits files to {MAX_FILE_LEN} bytes"))
            .path(path)
            .help("split the file if it is a WIM, or use another medium format"),
    ))
}
