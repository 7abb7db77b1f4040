//! Finding and placing the entries of an image by name, as Windows compares names.

use std::cmp::Ordering;

use super::metadata::{Entry, FileTime};
use crate::date::Date;
use crate::foreign_text::from_utf16;

impl Entry {
    /// `FILE_ATTRIBUTE_ARCHIVE`: a file that is new or changed.
    pub const ARCHIVE: u32 = 0x20;

    /// A file, with the SHA-1 of its contents: zeros for an empty one.
    pub fn new_file(name: &str, date: Date, sha1: [u8; 20]) -> Self {
        let name = name.encode_utf16().collect();
        Self { name, attributes: Self::ARCHIVE, sha1, times: [FileTime::from(date); 3], ..Self::default() }
    }

    /// An empty folder.
    pub fn new_folder(name: &str, date: Date) -> Self {
        let name = name.encode_utf16().collect();
        Self { name, attributes: Self::FOLDER, times: [FileTime::from(date); 3], ..Self::default() }
    }

    /// Whether it is a folder that holds its entries itself, and not a link to one.
    pub fn has_children(&self) -> bool {
        self.is_folder() && self.attributes & Self::REPARSE_POINT == 0
    }

    /// The SHA-1s of everything that it refers to: contents, streams and reparse data.
    pub fn all_contents(&self) -> impl Iterator<Item = [u8; 20]> + '_ {
        let streams = self.streams.iter().map(|stream| stream.sha1);
        std::iter::once(self.sha1).chain(streams).filter(|sha1| *sha1 != [0; 20])
    }

    /// The number that it shares with the other names of the same file, if there may be any.
    pub fn hard_link(&self) -> Option<u64> {
        (self.attributes & Self::REPARSE_POINT == 0).then_some(self.reparse_or_link).filter(|link| *link != 0)
    }

    /// The child of a name, in any case.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| is_named(&child.name, name))
    }

    /// The child of a name, in any case, to be changed.
    pub fn child_mut(&mut self, name: &str) -> Option<&mut Self> {
        self.children.iter_mut().find(|child| is_named(&child.name, name))
    }

    /// Puts a child where it belongs among those that are there, in place of the one of its name, which is returned.
    pub fn insert(&mut self, child: Self) -> Option<Self> {
        match self.children.iter_mut().find(|old| compare(&old.name, &child.name) == Ordering::Equal) {
            Some(old) => Some(std::mem::replace(old, child)),
            None => {
                let after = |old: &Self| compare(&old.name, &child.name) == Ordering::Greater;
                let at = self.children.iter().position(after).unwrap_or(self.children.len());
                self.children.insert(at, child);
                None
            }
        }
    }

    /// Takes out the child of a name, in any case.
    pub fn remove(&mut self, name: &str) -> Option<Self> {
        let at = self.children.iter().position(|child| is_named(&child.name, name))?;
        Some(self.children.remove(at))
    }

    /// The path, from it, of the first file that has a content.
    pub fn path_of(&self, sha1: &[u8; 20]) -> Option<String> {
        self.children.iter().find_map(|child| {
            let name = from_utf16(child.name.iter().copied());
            match child.path_of(sha1) {
                Some(path) => Some(format!("{name}/{path}")),
                None => child.all_contents().any(|own| own == *sha1).then_some(name),
            }
        })
    }

    /// Calls a function with it and everything in it: a folder, then what is in it.
    pub fn visit<'a>(&'a self, take: &mut dyn FnMut(&'a Self)) {
        take(self);
        self.children.iter().for_each(|child| child.visit(take));
    }
}

/// The order of names in a folder: in upper case, unit by unit.
fn compare(one: &[u16], other: &[u16]) -> Ordering {
    one.iter().copied().map(upper).cmp(other.iter().copied().map(upper))
}

fn is_named(name: &[u16], text: &str) -> bool {
    name.iter().copied().map(upper).eq(text.encode_utf16().map(upper))
}

/// Windows compares names in upper case; a letter whose upper case is several (`ß`) has none there.
fn upper(unit: u16) -> u16 {
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

    fn name(entry: &Entry) -> String {
        String::from_utf16_lossy(&entry.name)
    }

    #[test]
    fn children_are_found_and_placed_as_windows_orders_names() {
        let mut root = Entry::new_folder("", Date::EARLIEST);
        for name in ["b", "Windows", "ä", "A", "_"] {
            assert_eq!(root.insert(Entry::new_file(name, Date::EARLIEST, [0; 20])), None);
        }
        assert_eq!(root.children.iter().map(name).collect::<Vec<_>>(), ["A", "b", "Windows", "_", "ä"]);
        let replaced = root.insert(Entry::new_file("WINDOWS", Date::EARLIEST, [1; 20]));
        assert_eq!(name(&replaced.unwrap()), "Windows");
        assert_eq!(root.child_mut("windows").unwrap().sha1, [1; 20]);
        assert_eq!(name(&root.remove("Ä").unwrap()), "ä");
        assert_eq!(root.remove("Ä"), None);
        let mut n_visited = 0;
        root.visit(&mut |_| n_visited += 1);
        assert_eq!(n_visited, 5);
    }
}
