//! Sums up the files of an output by content entry, for reports.

use std::collections::BTreeMap;

use super::{DiscPart, Output, find_entry};

impl Output {
    /// Returns the number and size of files: of the boot image, of each content entry in the order of the manifest, and of
    /// all others, such as boot files. The lists that the medium carries of itself do not count.
    pub fn contents(&self) -> Vec<DiscPart> {
        let mut sums: BTreeMap<Part, (u64, u64)> = BTreeMap::new();
        for (path, content) in self.root.files() {
            let entry = find_entry(&self.entries, &path);
            let at = entry.and_then(|entry| self.entries.iter().position(|other| std::ptr::eq(other, entry)));
            let part = match at {
                Some(at) => Part::Entry(at),
                None if path.eq_ignore_ascii_case(BOOT_IMAGE) => Part::BootImage,
                None => Part::MediumFiles,
            };
            let (n_files, len) = sums.entry(part).or_default();
            *n_files += 1;
            *len += content.len();
        }
        let parts = sums.into_iter().map(|(part, (n_files, len))| {
            let title = match part {
                Part::BootImage => "boot image",
                Part::Entry(at) => &self.entries[at].title,
                Part::MediumFiles => MEDIUM_FILES,
            };
            DiscPart { title: title.to_owned(), n_files, len, is_whole: true }
        });
        parts.collect()
    }
}

/// Part of an output, in the order of reports.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    BootImage,
    /// Content entry, by its position in the manifest.
    Entry(usize),
    MediumFiles,
}

/// Path of the boot image on every medium that starts.
const BOOT_IMAGE: &str = "sources/boot.wim";

/// Title of the files that belong to no entry, such as boot files.
pub const MEDIUM_FILES: &str = "files of the medium itself";
