//! A volume's tree as one list, which every file system numbers its structures by.

use std::cmp::Ordering;
use std::ops::Range;

use crate::content::Content;
use crate::volume::{Folder, Name, Node};

/// All folders and files, breadth first: the root is item 0, and the items of a folder follow each other.
pub struct Tree<'a> {
    items: Vec<Item<'a>>,
    n_folders: u64,
}

/// A folder or file of a tree.
pub struct Item<'a> {
    /// Its name; empty for the root.
    pub name: &'a str,
    /// The item number of the folder that it is in; the root is in itself.
    pub parent: usize,
    /// Folder or file.
    pub what: What<'a>,
}

/// Kind of an item, with its contents.
pub enum What<'a> {
    /// A folder.
    Folder {
        /// The item numbers of what is in it.
        items: Range<usize>,
    },
    /// A file.
    File(&'a Content),
}

impl<'a> Tree<'a> {
    /// The tree below a root.
    pub fn new(root: &'a Folder) -> Self {
        let mut items = vec![Item { name: "", parent: 0, what: What::Folder { items: 0..0 } }];
        let mut folders = vec![(0, root)];
        // The loop adds to the list that it walks: that makes it breadth first, and deep trees need no stack.
        let mut next = 0;
        while let Some(&(item, folder)) = folders.get(next) {
            next += 1;
            let start = items.len();
            for (name, node) in folder.iter() {
                let what = match node {
                    Node::File(content) => What::File(content),
                    Node::Folder(folder) => {
                        folders.push((items.len(), folder));
                        What::Folder { items: 0..0 }
                    }
                };
                items.push(Item { name: name.as_str(), parent: item, what });
            }
            let end = items.len();
            items[item].what = What::Folder { items: start..end };
        }
        let n_folders = folders.len() as u64;
        Self { items, n_folders }
    }

    /// All items, by their numbers.
    pub fn items(&self) -> &[Item<'a>] {
        &self.items
    }

    /// What a folder holds; nothing for a file.
    pub fn items_in(&self, item: usize) -> Range<usize> {
        match &self.items[item].what {
            What::Folder { items } => items.clone(),
            What::File(_) => 0..0,
        }
    }

    /// Returns whether an item is a folder.
    pub fn is_folder(&self, item: usize) -> bool {
        matches!(self.items[item].what, What::Folder { .. })
    }

    /// The length of a file; 0 for a folder.
    pub fn file_len(&self, item: usize) -> u64 {
        match &self.items[item].what {
            What::Folder { .. } => 0,
            What::File(content) => content.len(),
        }
    }

    /// Number of folders, the root among them.
    pub fn n_folders(&self) -> u64 {
        self.n_folders
    }

    /// Number of files.
    pub fn n_files(&self) -> u64 {
        self.items.len() as u64 - self.n_folders
    }

    /// The item at a path; the root is at `.` and at nothing.
    pub fn find(&self, path: &str) -> Option<usize> {
        let mut item = 0;
        for name in path.split('/').filter(|name| !matches!(*name, "" | ".")) {
            let (name, items) = (Name::new(name).ok()?, self.items_in(item));
            // In the order of names, of which each is one.
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

    /// The item numbers in the order of a reader who enters each folder as he comes by, the root first.
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
