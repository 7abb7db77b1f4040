//! Flat list of a volume's folders and files, by whose numbers every file system orders its structures.

use std::cmp::Ordering;
use std::ops::Range;

use crate::content::Content;
use crate::volume::{Folder, Name, Node};

/// Folders and files in breadth-first order. The root is item 0, and the items of a folder are contiguous.
pub struct Tree<'a> {
    items: Vec<TreeItem<'a>>,
    n_folders: u64,
}

/// Folder or file of a tree.
pub struct TreeItem<'a> {
    /// Name; empty for the root.
    pub name: &'a str,
    /// Number of the parent folder; the root is its own parent.
    pub parent: usize,
    /// Kind and contents.
    pub what: ItemKind<'a>,
}

/// Kind of an item, with its contents.
pub enum ItemKind<'a> {
    /// Folder.
    Folder {
        /// Numbers of the items in it.
        items: Range<usize>,
    },
    /// File.
    File(&'a Content),
}

impl<'a> Tree<'a> {
    /// Builds the tree of a folder.
    pub fn new(root: &'a Folder) -> Self {
        let mut items = vec![TreeItem { name: "", parent: 0, what: ItemKind::Folder { items: 0..0 } }];
        let mut folders = vec![(0, root)];
        // The loop extends the list that it walks. This makes the order breadth-first, and deep trees need no stack.
        let mut next = 0;
        while let Some(&(item, folder)) = folders.get(next) {
            next += 1;
            let start = items.len();
            for (name, node) in folder.iter() {
                let what = match node {
                    Node::File(content) => ItemKind::File(content),
                    Node::Folder(folder) => {
                        folders.push((items.len(), folder));
                        ItemKind::Folder { items: 0..0 }
                    }
                };
                items.push(TreeItem { name: name.as_str(), parent: item, what });
            }
            let end = items.len();
            items[item].what = ItemKind::Folder { items: start..end };
        }
        let n_folders = folders.len() as u64;
        Self { items, n_folders }
    }

    /// All items, by their numbers.
    pub fn items(&self) -> &[TreeItem<'a>] {
        &self.items
    }

    /// Numbers of the items in a folder; empty for a file.
    pub fn items_in(&self, item: usize) -> Range<usize> {
        match &self.items[item].what {
            ItemKind::Folder { items } => items.clone(),
            ItemKind::File(_) => 0..0,
        }
    }

    /// Returns `true` if an item is a folder.
    pub fn is_folder(&self, item: usize) -> bool {
        matches!(self.items[item].what, ItemKind::Folder { .. })
    }

    /// Length of a file in bytes; 0 for a folder.
    pub fn file_len(&self, item: usize) -> u64 {
        match &self.items[item].what {
            ItemKind::Folder { .. } => 0,
            ItemKind::File(content) => content.len(),
        }
    }

    /// Number of folders, including the root.
    pub fn n_folders(&self) -> u64 {
        self.n_folders
    }

    /// Number of files.
    pub fn n_files(&self) -> u64 {
        self.items.len() as u64 - self.n_folders
    }

    /// Finds the item at a path. The root is at `.` and at the empty path.
    pub fn find(&self, path: &str) -> Option<usize> {
        let mut item = 0;
        for name in path.split('/').filter(|name| !matches!(*name, "" | ".")) {
            let (name, items) = (Name::new(name).ok()?, self.items_in(item));
            // Items of a folder are sorted by name, and names are unique.
            let there = self.items[items.clone()]
                .binary_search_by(|item| Name::new(item.name).map_or(Ordering::Less, |there| there.cmp(&name)));
            item = items.start + there.ok()?;
        }
        Some(item)
    }

    /// Path of an item from the root.
    pub fn path(&self, item: usize) -> String {
        let (mut item, mut names) = (item, Vec::new());
        while item != 0 {
            names.push(self.items[item].name);
            item = self.items[item].parent;
        }
        names.reverse();
        names.join("/")
    }

    /// Item numbers in depth-first order, the root first.
    pub fn depth_first(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.items.len());
        let mut ahead = vec![0];
        while let Some(item) = ahead.pop() {
            order.push(item);
            ahead.extend(self.items_in(item).rev());
        }
        order
    }
}
