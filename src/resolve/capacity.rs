//! Whether a medium holds what is put on it.
//!
//! How long a disc image becomes is known when it is laid out, and that takes longer than all else that `plan` does
//! when nothing changed. So a bound that can't be too low is looked at first; only what comes near the capacity is
//! laid out.

use super::Draft;
use crate::manifest::Capacity;
use crate::media::Media;
use crate::output::{Entry, Output};
use crate::problem::Problem;
use crate::size::Size;
use crate::volume::{Folder, Node};

const CAPACITY: &str = "/output/capacity";

/// How many entries are named as the largest.
const N_NAMED: usize = 3;

impl Draft<'_> {
    /// Complains of a medium that is larger than its capacity.
    pub(super) fn check_capacity(&mut self, media: &Media) {
        let Capacity::AtMost(capacity) = media.capacity else { return };
        if most(media) <= capacity.0 {
            return;
        }
        let overflow = match Output::from(media.clone()).overflow() {
            Ok(Some(overflow)) => overflow,
            Ok(None) => return,
            Err(error) => return self.failed(&error, "/output"),
        };
        let message = overflow.message(&media.path_as_written);
        let mut sizes: Vec<_> = media.entries.iter().map(|entry| (size(&media.root, entry), &entry.title)).collect();
        sizes.sort_by_key(|(len, _)| std::cmp::Reverse(*len));
        let largest = sizes.iter().take(N_NAMED).map(|(len, title)| format!("{title} with {}", Size(*len)));
        let largest = match largest.collect::<Vec<_>>().join(", ") {
            largest if largest.is_empty() => String::new(),
            largest => format!(" (the largest: {largest})"),
        };
        let problem = Problem::error(message).rule("R17").at(self.place(CAPACITY), format!("{} bytes", capacity.0));
        self.problems.add(problem.help(format!("choose a larger `capacity`, or leave something out{largest}")));
    }
}

/// What an entry of the manifest has on the medium, in bytes.
fn size(root: &Folder, entry: &Entry) -> u64 {
    fn of(folder: &Folder) -> u64 {
        let each = folder.iter().map(|(_, node)| match node {
            Node::Folder(folder) => of(folder),
            Node::File(content) => content.len(),
        });
        each.sum()
    }
    match root.get(&entry.path) {
        Some(Node::Folder(folder)) => of(folder),
        Some(Node::File(content)) => content.len(),
        None => 0,
    }
}

/// Descriptors, anchors and the empty end of a disc, and the lists that it carries when it holds nothing.
const MOST_OF_ALL: u64 = 2 << 20;
/// The entry of a file in three file systems, and the end of its last sector.
const MOST_OF_A_FILE: u64 = 8 << 10;
/// The entry of a folder, its records in three file systems, and its place in four path tables.
const MOST_OF_A_FOLDER: u64 = 16 << 10;
/// How often a path stands in lists, in what encoding ever.
const N_PATHS: u64 = 4;
/// A file takes another record in two file systems for each 4 GiB.
const LEN_OF_A_BYTE_OF_RECORDS: u64 = 1 << 20;

/// What a medium takes at most.
fn most(media: &Media) -> u64 {
    fn of(folder: &Folder, path_len: u64) -> u64 {
        let each = folder.iter().map(|(name, node)| {
            let path_len = path_len + 1 + name.as_str().len() as u64;
            match node {
                Node::Folder(folder) => MOST_OF_A_FOLDER + of(folder, path_len),
                Node::File(content) => {
                    let len = content.len();
                    MOST_OF_A_FILE + len + len / LEN_OF_A_BYTE_OF_RECORDS + N_PATHS * path_len
                }
            }
        });
        each.sum()
    }
    let boot: u64 = media.boot.iter().map(|entry| entry.image.len() + MOST_OF_A_FILE).sum();
    MOST_OF_ALL + boot + of(&media.root, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Content;
    use crate::date::Date;
    use crate::manifest::Kind;
    use crate::output::Form;

    fn media(root: Folder) -> Media {
        Media {
            name: "win11".into(),
            kind: Kind::StandAlone,
            site: None,
            form: Form::Disc,
            label: "WIN11".into(),
            date: Date::EARLIEST,
            capacity: Capacity::Unlimited,
            path: "out.iso".into(),
            path_as_written: "out.iso".into(),
            root,
            boot: Vec::new(),
            entries: Vec::new(),
            values: Vec::new(),
        }
    }

    #[test]
    fn no_medium_takes_more_than_the_bound() {
        let long = "ü".repeat(60);
        let mut deep = Folder::default();
        let mut path = String::new();
        for n in 0..7 {
            path += &format!("{long} {n}/");
            deep.insert(&format!("{path}file"), Content::bytes([1])).unwrap();
        }
        let mut wide = Folder::default();
        let mut folders = Folder::default();
        for n in 0..3_000 {
            wide.insert(&format!("{long}{n}"), Content::bytes(vec![7; 2_049])).unwrap();
            folders.insert_folder(&format!("{n}{long}/{n}")).unwrap();
        }
        let mut large = Folder::default();
        large.insert("large", Content::bytes(vec![7; (5 << 20) + 1])).unwrap();
        for root in [Folder::default(), deep, wide, folders, large] {
            let media = media(root);
            let bound = most(&media);
            let mut output = Output::from(media);
            output.capacity = Some(Size(bound));
            assert_eq!(output.overflow().unwrap(), None);
        }
    }
}
