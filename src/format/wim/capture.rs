//! Capturing folders and NTFS volumes into a WIM file, with wimlib.
//!
//! A volume is a range of a file or device that libntfs-3g reads in place. Security descriptors,
//! streams, short names, hard links, reparse points and object IDs are preserved; extended
//! attributes are not, and encrypted files (EFS) are left out. Folders keep names, times, contents,
//! hard links and symbolic links. The GUID is derived from the contents and the times in the XML
//! come from the caller, so equal sources give equal bytes.

pub(super) mod types;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::library::capture::{self as library, Builder, CaptureError};
use super::metadata::{FileTime, ImageEntry, Metadata};
use super::normalize::{self, Normalization};
use super::{library_error, to_fragment};
use crate::date::Date;
use crate::error::{Error, Result};
use crate::foreign_text::from_utf16;
use crate::format::partitions::Window;
use crate::progress::Progress;

pub use types::{Attributes, ContentCompression, Exclusions, LeftOut, WhyLeftOut};

/// Returns `true` if a path ends in `.wim`, or in `.esd` for a solid file. Windows tools rely on
/// that.
pub fn has_wim_extension(path: &str, packing: ContentCompression) -> bool {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path).to_lowercase();
    let ends: &[&str] = if packing == ContentCompression::Solid { &[".wim", ".esd"] } else { &[".wim"] };
    ends.iter().any(|end| name.len() > end.len() && name.ends_with(end))
}

/// Replaces the extension of a file name with `.wim`: `disk.img` becomes `disk.wim`.
pub fn with_wim_extension(name: &str) -> String {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    format!("{}.wim", if stem.is_empty() { "reference" } else { stem })
}

/// Source of an image.
#[derive(Clone, Debug)]
pub enum CaptureTree<'a> {
    /// A folder with its contents.
    Folder(&'a Utf8Path),
    /// Root of an NTFS volume.
    Ntfs(Window),
    /// A folder that stands for a volume, and Windows metadata that it can't store, by path with
    /// `/`.
    Staged(&'a Utf8Path, &'a BTreeMap<String, WindowsMetadata>),
}

/// Metadata of a file that only Windows file systems store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowsMetadata {
    /// `FILE_ATTRIBUTE_…`.
    pub attributes: u32,
    /// DOS name, if it differs from the name.
    pub short_name: Option<String>,
    /// Times of creation, last access and last write.
    pub times: [FileTime; 3],
}

/// A WIM file being created.
pub struct Capture<'p> {
    builder: Builder<'p>,
    packing: Option<ContentCompression>,
    progress: &'p Progress,
    /// Number of images in the file that is extended.
    n_kept: u32,
    edits: BTreeMap<u32, MetadataFix>,
}

/// Correction of the metadata that wimlib wrote for an image of a folder.
enum MetadataFix {
    Times,
    Marks(BTreeMap<String, WindowsMetadata>),
}

/// Options for writing a WIM file.
#[derive(Clone, Copy, Debug)]
pub struct CaptureOptions {
    /// Number of compression threads; 0 for one per processor.
    pub n_threads: u32,
    /// Adds an integrity table.
    pub with_check: bool,
    /// Date of the new images in the XML.
    pub date: Date,
}

/// A WIM file whose contents are reused.
#[derive(Clone, Debug)]
pub struct ReusedWim {
    path: Utf8PathBuf,
    number: usize,
}

impl<'p> Capture<'p> {
    /// Starts a WIM file without images.
    pub fn new(packing: ContentCompression, progress: &'p Progress) -> Result<Self> {
        let builder = Builder::new(packing, progress).map_err(|error| capture_error(error, "creating a WIM file"))?;
        Ok(Self { builder, packing: Some(packing), progress, n_kept: 0, edits: BTreeMap::new() })
    }

    /// Starts with the images of an existing WIM file, in its compression. That file is not
    /// changed.
    pub fn extend(path: &Utf8Path, progress: &'p Progress) -> Result<Self> {
        let builder = Builder::extend(path, progress).map_err(|error| source_wim_error(error, path))?;
        let n_kept = builder.n_images().map_err(|error| source_wim_error(error, path))?;
        Ok(Self { builder, packing: None, progress, n_kept, edits: BTreeMap::new() })
    }

    /// Reuses the contents of another WIM file without recompressing them.
    pub fn reuse(&mut self, path: &Utf8Path) -> Result<ReusedWim> {
        let number = self.builder.reuse(path).map_err(|error| source_wim_error(error, path))?;
        Ok(ReusedWim { path: path.to_owned(), number })
    }

    /// Adds an image and returns its index, from 1, and the files that were left out. `name` is
    /// unique in the file; `what` describes the source in messages.
    pub fn add(
        &mut self,
        tree: CaptureTree,
        name: &str,
        exclusions: Exclusions,
        what: &str,
    ) -> Result<(u32, Vec<LeftOut>)> {
        let reading = format!("reading {what}");
        let (tree, edit) = match tree {
            CaptureTree::Folder(path) => (library::LibraryTree::Folder(path), Some(MetadataFix::Times)),
            CaptureTree::Ntfs(volume) => (library::LibraryTree::Ntfs(volume), None),
            CaptureTree::Staged(path, marks) => {
                (library::LibraryTree::Folder(path), Some(MetadataFix::Marks(marks.clone())))
            }
        };
        self.progress.check_cancelled()?;
        let mut left_out = self.builder.add(tree, name, exclusions).map_err(|error| capture_error(error, &reading))?;
        // The file system determines the order of the files in a folder.
        left_out.sort_by(|a, b| a.path.cmp(&b.path));
        let index = self.builder.n_images().map_err(|error| capture_error(error, &reading))?;
        self.edits.extend(edit.map(|edit| (index, edit)));
        Ok((index, left_out))
    }

    /// Calls `show` for every file and folder of a new image with its path, separated by `/`, in no
    /// particular order.
    pub fn visit(&mut self, index: u32, show: &mut dyn FnMut(&str, Attributes)) -> Result<()> {
        self.builder.visit(index, show).map_err(|error| capture_error(error, "listing an image"))
    }

    /// Removes a file or folder from a new image.
    pub fn remove(&mut self, index: u32, path: &str) -> Result<()> {
        self.builder.remove(index, path).map_err(|error| capture_error(error, &format!("leaving out `{path}`")))
    }

    /// Reuses contents of files whose size and times are the same in an image of another WIM,
    /// without reading them.
    pub fn reuse_unchanged(&mut self, index: u32, old: &ReusedWim, old_index: u32) -> Result<()> {
        self.builder.reuse_unchanged(index, old.number, old_index).map_err(|error| source_wim_error(error, &old.path))
    }

    /// Sets a property in the XML of an image, such as `DESCRIPTION`.
    pub fn set_property(&mut self, index: u32, key: &str, value: &str) -> Result<()> {
        self.builder
            .set_property(index, key, value)
            .map_err(|error| capture_error(error, "setting the properties of an image"))
    }

    /// Writes the WIM file. An existing file is overwritten.
    pub fn write(mut self, path: &Utf8Path, options: &CaptureOptions) -> Result<()> {
        let writing = "capturing";
        let n_images = self.builder.n_images().map_err(|error| capture_error(error, writing))?;
        self.progress.check_cancelled()?;
        self.builder.write(path, self.packing, options.n_threads).map_err(|error| capture_error(error, writing))?;
        drop(self.builder);
        self.progress.check_cancelled()?;
        let edit = |index: u32, metadata: &mut Metadata| match self.edits.get(&index) {
            // Always rewritten, even if unchanged: wimlib orders the entries differently.
            Some(edit) => {
                edit.apply(metadata, options.date);
                true
            }
            None => false,
        };
        let normalization = Normalization {
            images: self.n_kept + 1..=n_images,
            date: options.date,
            with_check: options.with_check,
            edit: &edit,
        };
        normalize::normalize(path, &normalization, self.progress)
    }
}

impl MetadataFix {
    /// Corrects the metadata of an image. Reading a folder changes access times, and wimlib numbers
    /// hard links in the order in which the file system lists them: neither is a property of the
    /// source.
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
                    // The root of a FAT volume has neither times nor attributes.
                    None => entry.times = [date.into(); 3],
                },
            }
            if entry.attributes & ImageEntry::REPARSE_POINT == 0 && entry.reparse_or_link != 0 {
                let next = links.len() as u64 + 1;
                entry.reparse_or_link = *links.entry(entry.reparse_or_link).or_insert(next);
            }
        });
    }
}

/// Calls `show` for every entry with its path.
fn visit(entry: &mut ImageEntry, path: &str, show: &mut dyn FnMut(&str, &mut ImageEntry)) {
    show(path, entry);
    for child in &mut entry.children {
        let name = from_utf16(child.name.iter().copied());
        let path = if path.is_empty() { name } else { format!("{path}/{name}") };
        visit(child, &path, show);
    }
}

/// Converts an error of wimlib, using its own messages.
pub(super) fn capture_error(error: CaptureError, doing: &str) -> Error {
    match error {
        CaptureError::Interrupted => Error::interrupted(),
        CaptureError::Hibernated => {
            Error::new(format!("{doing}: Windows is hibernated on this volume (`hiberfil.sys` is in use)"))
                .help("start Windows, shut it down with `shutdown /s /t 0`, and capture again")
        }
        CaptureError::Damaged(why) => Error::new(format!("{doing}: {why}"))
            .help("run `chkdsk /f` and `sfc /scannow` in that Windows, or exclude the file"),
        CaptureError::Source(error) => error,
        CaptureError::Unreadable(path, lines) if lines.iter().any(|line| line.contains("not valid UTF-8")) => {
            Error::new(format!("{doing}: the name `{path}` is not valid UTF-8")).help("rename it")
        }
        CaptureError::Unreadable(path, lines) => {
            let why = first_message(&lines).map_or_else(String::new, |why| format!(": {why}"));
            Error::new(format!("{doing}: `{path}` can't be read{why}")).help(MAKE_READABLE)
        }
        CaptureError::Failed(failure, lines) => {
            let failed = match failure {
                library::LibraryError::NotAWim => "not a WIM file".into(),
                library::LibraryError::Encrypted => "an encrypted WIM file".into(),
                library::LibraryError::Damaged(why) | library::LibraryError::Other(why) => to_fragment(&why),
            };
            let why = first_message(&lines).unwrap_or(failed);
            let help = if why.contains("No space left") || why.contains("quota") {
                Some("free space there and run the command again; the existing file was not changed")
            } else if why.contains("Permission denied") {
                Some(MAKE_READABLE)
            } else if why.contains("nvalid pattern") {
                Some("start the pattern with `\\`, or use a name without backslashes")
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
    "make it readable, or exclude it under `[ExclusionList]` in a file for `--config` (`exclusions` in a manifest)";

/// First message that wimlib printed, as a fragment.
fn first_message(lines: &[String]) -> Option<String> {
    lines.first().map(|line| to_fragment(line.trim_end_matches(':')).replace('"', "`"))
}

/// Converts an error about a WIM file that is read.
fn source_wim_error(error: CaptureError, path: &Utf8Path) -> Error {
    match error {
        CaptureError::Failed(failure, _) => library_error(path, "reading", failure),
        error => capture_error(error, &format!("reading `{path}`")),
    }
}
