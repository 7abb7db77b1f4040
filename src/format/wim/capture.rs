//! Making a WIM file of folders and NTFS volumes, with wimlib.
//!
//! A volume is a range of a file or device, read through libntfs-3g where it is: its security descriptors, streams,
//! short names, hard links, reparse points and object ids are kept. Not kept: extended attributes; files that are
//! encrypted (EFS) are left out. Of a folder, names, times, contents, hard links and symbolic links are kept. The GUID
//! comes from what the file holds and the XML's times from the caller, so the same sources give the same bytes.

pub(super) mod types;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::library::capture::{self as library, Builder, Ended};
use super::metadata::{Entry, FileTime, Metadata};
use super::seal::{self, Sealing};
use super::{failed, fragment};
use crate::date::Date;
use crate::error::{Error, Result};
use crate::foreign_text::from_utf16;
use crate::format::partitions::Window;
use crate::progress::Progress;

pub use types::{Attributes, Exclusions, LeftOut, Packing, WhyLeftOut};

/// Returns whether a path ends as a WIM file's does: in `.wim`, or in `.esd` if it is solid. Readers go by that.
pub fn fits_name(path: &str, packing: Packing) -> bool {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path).to_lowercase();
    let ends: &[&str] = if packing == Packing::Solid { &[".wim", ".esd"] } else { &[".wim"] };
    ends.iter().any(|end| name.len() > end.len() && name.ends_with(end))
}

/// The name of a WIM file in place of one that doesn't fit: `disk.wim` for `disk.img`.
pub fn fitting_name(name: &str) -> String {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    format!("{}.wim", if stem.is_empty() { "reference" } else { stem })
}

/// What an image is made of.
#[derive(Clone, Debug)]
pub enum Tree<'a> {
    /// A folder with all that is in it.
    Folder(&'a Utf8Path),
    /// The root of an NTFS volume.
    Ntfs(Window),
    /// A folder that stands for a volume, and what it can't hold of that: for each path, with `/` between its parts.
    Staged(&'a Utf8Path, &'a BTreeMap<String, Marks>),
}

/// What a file is marked with that only Windows knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// `FILE_ATTRIBUTE_…`.
    pub attributes: u32,
    /// Its name for DOS, if that is another.
    pub short_name: Option<String>,
    /// When it was made, last read and last written.
    pub times: [FileTime; 3],
}

/// A WIM file that is being made.
pub struct Capture<'p> {
    builder: Builder<'p>,
    packing: Option<Packing>,
    progress: &'p Progress,
    /// How many images it had to begin with.
    n_kept: u32,
    edits: BTreeMap<u32, Edit>,
}

/// What is put right in the metadata of an image that wimlib has made of a folder.
enum Edit {
    Times,
    Marks(BTreeMap<String, Marks>),
}

/// How a WIM file is written.
#[derive(Clone, Copy, Debug)]
pub struct Means {
    /// How many threads compress; 0 for as many as there are processors.
    pub n_threads: u32,
    /// Whether it gets an integrity table.
    pub with_check: bool,
    /// When the new images are said to be made.
    pub date: Date,
}

/// A WIM file that contents are taken over from.
#[derive(Clone, Debug)]
pub struct Old {
    path: Utf8PathBuf,
    number: usize,
}

impl<'p> Capture<'p> {
    /// A WIM file without images.
    pub fn new(packing: Packing, progress: &'p Progress) -> Result<Self> {
        let builder = Builder::new(packing, progress).map_err(|ended| words(ended, "making a WIM file"))?;
        Ok(Self { builder, packing: Some(packing), progress, n_kept: 0, edits: BTreeMap::new() })
    }

    /// The images of a WIM file, to which others come, compressed as they are. That file itself is not changed.
    pub fn extend(path: &Utf8Path, progress: &'p Progress) -> Result<Self> {
        let builder = Builder::extend(path, progress).map_err(|ended| old_words(ended, path))?;
        let n_kept = builder.n_images().map_err(|ended| old_words(ended, path))?;
        Ok(Self { builder, packing: None, progress, n_kept, edits: BTreeMap::new() })
    }

    /// Has contents that another WIM file holds taken over as they are compressed there.
    pub fn reuse(&mut self, path: &Utf8Path) -> Result<Old> {
        let number = self.builder.reuse(path).map_err(|ended| old_words(ended, path))?;
        Ok(Old { path: path.to_owned(), number })
    }

    /// Adds an image, and says what was left out. `name` is unique in the file; `what` is what messages call the tree.
    /// Returns its index too, from 1.
    pub fn add(&mut self, tree: Tree, name: &str, exclusions: Exclusions, what: &str) -> Result<(u32, Vec<LeftOut>)> {
        let reading = format!("reading {what}");
        let (tree, edit) = match tree {
            Tree::Folder(path) => (library::Tree::Folder(path), Some(Edit::Times)),
            Tree::Ntfs(volume) => (library::Tree::Ntfs(volume), None),
            Tree::Staged(path, marks) => (library::Tree::Folder(path), Some(Edit::Marks(marks.clone()))),
        };
        self.progress.check_cancelled()?;
        let mut left_out = self.builder.add(tree, name, exclusions).map_err(|ended| words(ended, &reading))?;
        // Folders list their files in an order of their own.
        left_out.sort_by(|a, b| a.path.cmp(&b.path));
        let index = self.builder.n_images().map_err(|ended| words(ended, &reading))?;
        self.edits.extend(edit.map(|edit| (index, edit)));
        Ok((index, left_out))
    }

    /// Shows every file and folder of a new image with its path from the root, its parts separated by `/`, in no
    /// particular order.
    pub fn visit(&mut self, index: u32, show: &mut dyn FnMut(&str, Attributes)) -> Result<()> {
        self.builder.visit(index, show).map_err(|ended| words(ended, "looking at an image"))
    }

    /// Takes a file or folder out of a new image.
    pub fn remove(&mut self, index: u32, path: &str) -> Result<()> {
        self.builder.remove(index, path).map_err(|ended| words(ended, &format!("leaving out `{path}`")))
    }

    /// Has the files of an image that have the sizes and times that they have in an old one taken over unread.
    pub fn compare(&mut self, index: u32, old: &Old, old_index: u32) -> Result<()> {
        self.builder.compare(index, old.number, old_index).map_err(|ended| old_words(ended, &old.path))
    }

    /// Sets a value of an image's XML, such as `DESCRIPTION`.
    pub fn describe(&mut self, index: u32, key: &str, value: &str) -> Result<()> {
        self.builder.describe(index, key, value).map_err(|ended| words(ended, "describing an image"))
    }

    /// Writes it to a file, which is emptied first.
    pub fn write(mut self, path: &Utf8Path, means: &Means) -> Result<()> {
        let writing = "capturing";
        let n_images = self.builder.n_images().map_err(|ended| words(ended, writing))?;
        self.progress.check_cancelled()?;
        self.builder.write(path, self.packing, means.n_threads).map_err(|ended| words(ended, writing))?;
        drop(self.builder);
        self.progress.check_cancelled()?;
        let edit = |index: u32, metadata: &mut Metadata| match self.edits.get(&index) {
            // Written anew even where nothing is another: the order of its parts is ours, not wimlib's.
            Some(edit) => {
                edit.apply(metadata, means.date);
                true
            }
            None => false,
        };
        let sealing =
            Sealing { images: self.n_kept + 1..=n_images, date: means.date, with_check: means.with_check, edit: &edit };
        seal::seal(path, &sealing, self.progress)
    }
}

impl Edit {
    /// Changes an image. Folders are read when they are captured, and links are found in the order
    /// in which the file system lists them: neither is a property of what is captured.
    fn apply(&self, metadata: &mut Metadata, date: Date) {
        let mut links = BTreeMap::new();
        visit(&mut metadata.root, "", &mut |path, entry| {
            match self {
                Self::Times => entry.times[1] = entry.times[2],
                Self::Marks(marks) => match marks.get(path) {
                    Some(marks) => {
                        entry.attributes = marks.attributes;
                        entry.short_name = marks.short_name.iter().flat_map(|name| name.encode_utf16()).collect();
                        entry.times = marks.times;
                    }
                    // The root of a FAT volume has neither times nor marks.
                    None => entry.times = [date.into(); 3],
                },
            }
            if entry.attributes & Entry::REPARSE_POINT == 0 && entry.reparse_or_link != 0 {
                let next = links.len() as u64 + 1;
                entry.reparse_or_link = *links.entry(entry.reparse_or_link).or_insert(next);
            }
        });
    }
}

/// Shows every file and folder with its path.
fn visit(entry: &mut Entry, path: &str, show: &mut dyn FnMut(&str, &mut Entry)) {
    show(path, entry);
    for child in &mut entry.children {
        let name = from_utf16(child.name.iter().copied());
        let path = if path.is_empty() { name } else { format!("{path}/{name}") };
        visit(child, &path, show);
    }
}

/// The words for why wimlib ended, with what it said itself.
pub(super) fn words(ended: Ended, doing: &str) -> Error {
    match ended {
        Ended::Interrupted => Error::interrupted(),
        Ended::Hibernated => Error::new(format!("{doing}: Windows sleeps on this volume (`hiberfil.sys` is in use)"))
            .help("start Windows and shut it down fully, with `shutdown /s /t 0`, then capture again"),
        Ended::Damaged(why) => Error::new(format!("{doing}: {why}"))
            .help("run `chkdsk /f` and `sfc /scannow` in its Windows, or leave the file out"),
        Ended::Source(error) => error,
        Ended::Unreadable(path, lines) if lines.iter().any(|line| line.contains("not valid UTF-8")) => {
            Error::new(format!("{doing}: the name `{path}` is not valid UTF-8")).help("rename it")
        }
        Ended::Unreadable(path, lines) => {
            let why = said(&lines).map_or_else(String::new, |why| format!(": {why}"));
            Error::new(format!("{doing}: `{path}` can't be read{why}")).help(MAKE_READABLE)
        }
        Ended::Failed(failure, lines) => {
            let failed = match failure {
                library::Failure::NotAWim => "not a WIM file".into(),
                library::Failure::Encrypted => "an encrypted WIM file".into(),
                library::Failure::Damaged(why) | library::Failure::Other(why) => fragment(&why),
            };
            let why = said(&lines).unwrap_or(failed);
            let help = if why.contains("No space left") || why.contains("quota") {
                Some("make room there, then run it again: nothing under the final name has changed")
            } else if why.contains("Permission denied") {
                Some(MAKE_READABLE)
            } else if why.contains("nvalid pattern") {
                Some("a pattern begins with `\\`, or is a name without one")
            } else {
                None
            };
            let error = Error::new(format!("{doing}: {why}"));
            match help {
                Some(help) => error.help(help),
                None => error,
            }
        }
    }
}

const MAKE_READABLE: &str =
    "make it readable, or list it under `[ExclusionList]` in a file for `--config` (`exclusions` in a manifest)";

/// What the library said first, as a part of one of our sentences.
fn said(lines: &[String]) -> Option<String> {
    lines.first().map(|line| fragment(line.trim_end_matches(':')).replace('"', "`"))
}

/// The same for a WIM file that is read.
fn old_words(ended: Ended, path: &Utf8Path) -> Error {
    match ended {
        Ended::Failed(failure, _) => failed(path, "reading", failure),
        ended => words(ended, &format!("reading `{path}`")),
    }
}
