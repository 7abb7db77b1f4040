//! Entries of an image by name. Names are compared and ordered as in Windows.

use std::cmp::Ordering;

use super::metadata::{FileTime, ImageEntry};
use crate::date::Date;
use crate::foreign_text::from_utf16;

impl ImageEntry {
    /// `FILE_ATTRIBUTE_ARCHIVE`: new or changed since the last backup.
    pub const ARCHIVE: u32 = 0x20;

    /// Creates a file. `sha1` is that of its contents, or zeros if it is empty.
    pub fn new_file(name: &str, date: Date, sha1: [u8; 20]) -> Self {
        let name = name.encode_utf16().collect();
        Self { name, attributes: Self::ARCHIVE, sha1, times: [FileTime::from(date); 3], ..Self::default() }
    }

    /// Creates an empty folder.
    pub fn new_folder(name: &str, date: Date) -> Self {
        let name = name.encode_utf16().collect();
        Self { name, attributes: Self::FOLDER, times: [FileTime::from(date); 3], ..Self::default() }
    }

    /// Returns `true` for a folder that contains its entries, rather than a link to one.
    pub fn has_children(&self) -> bool {
        self.is_folder() && self.attributes & Self::REPARSE_POINT == 0
    }

    /// SHA-1 of all contents, streams and reparse data of the entry.
    pub fn content_sha1s(&self) -> impl Iterator<Item = [u8; 20]> + '_ {
        let streams = self.streams.iter().map(|stream| stream.sha1);
        std::iter::once(self.sha1).chain(streams).filter(|sha1| *sha1 != [0; 20])
    }

    /// Number that hard links to the same file share; `None` if the file has one name.
    pub fn hard_link(&self) -> Option<u64> {
        (self.attributes & Self::REPARSE_POINT == 0).then_some(self.reparse_or_link).filter(|link| *link != 0)
    }

    /// Finds a child by name, ignoring case.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| is_named(&child.name, name))
    }

    /// Finds a child by name, ignoring case.
    pub fn child_mut(&mut self, name: &str) -> Option<&mut Self> {
        self.children.iter_mut().find(|child| is_named(&child.name, name))
    }

    /// Inserts a child in order. Returns the replaced child of the same name.
    pub fn insert(&mut self, child: Self) -> Option<Self> {
        match self.children.iter_mut().find(|old| compare_names(&old.name, &child.name) == Ordering::Equal) {
            Some(old) => Some(std::mem::replace(old, child)),
            None => {
                let after = |old: &Self| compare_names(&old.name, &child.name) == Ordering::Greater;
                let at = self.children.iter().position(after).unwrap_or(self.children.len());
                self.children.insert(at, child);
                None
            }
        }
    }

    /// Removes a child by name, ignoring case.
    pub fn remove(&mut self, name: &str) -> Option<Self> {
        let at = self.children.iter().position(|child| is_named(&child.name, name))?;
        Some(self.children.remove(at))
    }

    /// Path of the first file below this entry with a content.
    pub fn find_content(&self, sha1: &[u8; 20]) -> Option<String> {
        self.children.iter().find_map(|child| {
            let name = from_utf16(child.name.iter().copied());
            match child.find_content(sha1) {
                Some(path) => Some(format!("{name}/{path}")),
                None => child.content_sha1s().any(|own| own == *sha1).then_some(name),
            }
        })
    }

    /// Calls `take` for this entry and everything below it, folders before their contents.
    pub fn visit<'a>(&'a self, take: &mut dyn FnMut(&'a Self)) {
        take(self);
        self.children.iter().for_each(|child| child.visit(take));
    }
}

/// Order of names in a folder: by upper case, unit by unit.
fn compare_names(one: &[u16], other: &[u16]) -> Ordering {
    one.iter().copied().map(uppercase).cmp(other.iter().copied().map(uppercase))
}

fn is_named(name: &[u16], text: &str) -> bool {
    name.iter().copied().map(uppercase).eq(text.encode_utf16().map(uppercase))
}

/// Upper case of a unit. Letters without a single upper-case unit (`ß`) stay as they are, as in
/// Windows.
fn uppercase(unit: u16) -> u16 {
    let Some(c) = char::from_u32(unit.into()) else { return unit };
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(single), None) => u16::try_from(u32::from(single)).unwrap_or(unit),
        _ => unit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(entry: &ImageEntry) -> String {
        String::from_utf16_lossy(&entry.name)
    }

    #[test]
    fn children_are_found_and_placed_as_windows_orders_names() {
        let mut root = ImageEntry::new_folder("", Date::EARLIEST);
        for name in ["b", "Windows", "ä", "A", "_"] {
            assert_eq!(root.insert(ImageEntry::new_file(name, Date::EARLIEST, [0; 20])), None);
        }
        assert_eq!(root.children.iter().map(name).collect::<Vec<_>>(), ["A", "b", "Windows", "_", "ä"]);
        let replaced = root.insert(ImageEntry::new_file("WINDOWS", Date::EARLIEST, [1; 20]));
        assert_eq!(name(&replaced.unwrap()), "Windows");
        assert_eq!(root.child_mut("windows").unwrap().sha1, [1; 20]);
        assert_eq!(name(&root.remove("Ä").unwrap()), "ä");
        assert_eq!(root.remove("Ä"), None);
        let mut n_visited = 0;
        root.visit(&mut |_| n_visited += 1);
        assert_eq!(n_visited, 5);
    }
}
