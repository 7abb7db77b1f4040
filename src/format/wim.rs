//! WIM files: what images a file holds, what they say of themselves, and single small files out of them, read through
//! wimlib; and other WIMs made of one, which are put together by us of its [structures](Structure) and ranges of it.
//!
//! Follows the Windows Imaging File Format 1.13 (stand-alone files, every compression) and solid resources (3.584,
//! `.esd`). wimlib reads header, blob table, XML and metadata; contents are read here, straight into memory, and
//! checked against their SHA-1. Not supported, each with an error that says so: split, encrypted and pipable files;
//! contents behind reparse points. A [`Wim`] belongs to one thread, for wimlib does.

pub mod capture;
pub mod command;
mod compatibility;
mod content_sha1;
mod derive;
mod edit;
mod entry;
mod guard;
pub mod header;
pub mod integrity;
mod library;
pub mod metadata;
mod missing;
mod placed;
mod reexport;
mod resource;
mod seal;
mod split;
pub mod stored;
mod structure;
pub mod table;
mod view;
pub mod xml;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::content::{Source, SourceFile, Stat};
use crate::error::{Error, Result};
use crate::git_lfs;
use crate::limits;
use authoring::file::is_lfs_pointer;

pub use compatibility::{Incompatibility, Use};
pub use edit::Edit;
pub use missing::MissingContents;
pub use placed::{PlacedBytes, PlacedFiles, placed_files};
pub use reexport::{recipe, reexport};
pub use split::PartNames;
pub use structure::Structure;

#[cfg(test)]
pub(in crate::format) use resource::pack;
pub(in crate::format) use resource::{ChunkReader, Packing, ReadAt};

use guard::Guard;
use library::{Failure, Handle, Kind};
use view::View;

/// An opened WIM.
pub struct Wim {
    path: Utf8PathBuf,
    facts: WimFacts,
    reader: Reader,
}

/// Means to read a WIM.
enum Reader {
    /// wimlib, which reads files.
    Library(Library),
    /// Its structures, wherever they are.
    View(Box<View>),
}

struct Library {
    handle: Handle,
    file: File,
    guard: Guard,
    /// The images whose folders were found to be a tree.
    checked: RefCell<BTreeSet<u32>>,
}

/// What the header of a WIM file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WimFacts {
    /// How its contents are compressed.
    pub compression: Compression,
    /// Bytes that are compressed together.
    pub chunk_len: u32,
    /// How many images it holds; they are counted from 1.
    pub n_images: u32,
    /// The image that firmware starts, if there is one.
    pub boot_index: Option<u32>,
    /// Tells it from other WIM files.
    pub guid: [u8; 16],
}

/// How a WIM file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Compression {
    /// Not at all.
    None,
    /// XPRESS: fast.
    Xpress,
    /// LZX: what Windows boots.
    Lzx,
    /// LZMS: solid files (`.esd`). Boot managers can't read it.
    Lzms,
}

/// What an image in a WIM file says of itself in the XML. Whatever it does not say is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WimImageFacts {
    /// Its place in the file, from 1.
    pub index: u32,
    /// `NAME`, such as `Microsoft Windows PE (x64)`.
    pub name: Option<String>,
    /// `DESCRIPTION`.
    pub description: Option<String>,
    /// `WINDOWS/ARCH`.
    pub architecture: Option<Architecture>,
    /// `WINDOWS/VERSION`.
    pub version: Option<WindowsVersion>,
    /// `WINDOWS/EDITIONID`, such as `Professional` or `WindowsPE`.
    pub edition: Option<String>,
    /// `WINDOWS/LANGUAGES/DEFAULT`, such as `en-US`.
    pub language: Option<String>,
}

/// The processors that an image is for (`PROCESSOR_ARCHITECTURE_…`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Architecture {
    /// 0: 32-bit x86.
    X86,
    /// 5: 32-bit ARM.
    Arm,
    /// 9: 64-bit x86.
    X64,
    /// 12: 64-bit ARM.
    Arm64,
}

/// A version of Windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WindowsVersion {
    /// 10 for Windows 10 and 11.
    pub major: u32,
    /// 0 for Windows 10 and 11.
    pub minor: u32,
    /// Such as 26100.
    pub build: u32,
    /// The number that updates count up (`SPBUILD`).
    pub revision: u32,
}

/// A file or folder in an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is, as spelled in the image, from its root, with `/` between the parts and none before.
    pub path: String,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// How many bytes a file has.
    pub len: u64,
}

impl Wim {
    /// Opens a stand-alone WIM file.
    pub fn open(path: &Utf8Path) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|cause| Error::io("opening", path, cause))?;
        if !metadata.is_file() {
            return Err(Error::new(format!("`{path}` is not a WIM file but {}", kind_of(&metadata))));
        }
        // Opened here first: the system's own words are better than the library's, and contents are read from it.
        let file = limits::open(path).map_err(|cause| Error::io("opening", path, cause))?;
        if metadata.len() == 0 {
            return Err(Error::new(format!("`{path}` is empty")).help("copy the file again"));
        }
        if is_lfs_pointer(path).map_err(|cause| Error::io("reading", path, cause))? {
            return Err(git_lfs::error(path));
        }
        // The library calls a text that is shorter than a header a damaged file.
        let mut magic = [0; header::MAGIC.len()];
        let is_read = file.read_exact_at(&mut magic, 0).is_ok();
        if !is_read || ![header::MAGIC, header::PIPABLE_MAGIC].contains(&magic) {
            return Err(failed(path, "opening", Failure::NotAWim));
        }
        let handle = Handle::open(path).map_err(|failure| failed(path, "opening", failure))?;
        let info = handle.info().map_err(|failure| failed(path, "reading", failure))?;
        if info.n_parts > 1 {
            return Err(part_of_split(path, info.part, info.n_parts));
        }
        if info.is_pipable {
            return Err(pipable(path));
        }
        let guard = Guard::new(&file).map_err(|why| failed(path, "reading", Failure::Damaged(why)))?;
        let reader = Reader::Library(Library { handle, file, guard, checked: RefCell::default() });
        Ok(Self { path: path.to_owned(), facts: info.facts, reader })
    }

    /// Opens a stand-alone WIM in a source: a file, or ranges of one.
    ///
    /// # Errors
    ///
    /// If it can't be read, is not a WIM, or is damaged.
    pub fn open_source(source: &Arc<Source>) -> Result<Self> {
        match &**source {
            Source::File(file) => Self::open(&file.path),
            Source::Pieced(pieced) => {
                let (view, facts) = View::open(source)?;
                Ok(Self { path: pieced.path().to_owned(), facts, reader: Reader::View(Box::new(view)) })
            }
        }
    }

    /// The path that it was opened by.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Whether its header says that contents may be compressed together.
    pub fn may_be_solid(&self) -> Result<bool> {
        Ok(self.header()?.is_some_and(|header| header.version != header::VERSION))
    }

    /// Reads its header.
    fn header(&self) -> Result<Option<header::Header>> {
        let mut bytes = [0; header::HEADER_LEN];
        match &self.reader {
            Reader::Library(library) => {
                let read = library.file.read_exact_at(&mut bytes, 0);
                read.map_err(|cause| Error::io("reading", &self.path, cause))?;
            }
            Reader::View(view) => view.fill(&mut bytes, 0)?,
        }
        Ok(header::Header::parse(&bytes))
    }

    /// Its structures.
    ///
    /// # Errors
    ///
    /// If it is damaged.
    pub fn structure(&self) -> Result<Structure> {
        let library = match &self.reader {
            Reader::Library(library) => library,
            Reader::View(view) => return Ok(view.structure().clone()),
        };
        let metadata = library.file.metadata().map_err(|cause| Error::io("reading", &self.path, cause))?;
        let file = SourceFile { path: self.path.clone(), stat: Stat::from_metadata(&metadata) };
        Structure::read(Arc::new(Source::File(file)))
    }

    /// What its header says.
    pub fn facts(&self) -> &WimFacts {
        &self.facts
    }

    /// What each image says of itself, in their order.
    pub fn images(&self) -> Vec<WimImageFacts> {
        (1..=self.facts.n_images).map(|index| self.image_facts(index)).collect()
    }

    /// What an image says of itself.
    pub fn image(&self, index: u32) -> Result<WimImageFacts> {
        self.check(index)?;
        Ok(self.image_facts(index))
    }

    /// The file or folder at a path in an image, if there is one. Case does not matter; parts are separated by `/`.
    pub fn find(&self, index: u32, path: &str) -> Result<Option<Found>> {
        Ok(self.entry(index, path)?.map(|entry| entry.found))
    }

    /// What is in a folder of an image, in no particular order; none if there is no such folder.
    pub fn list(&self, index: u32, folder: &str) -> Result<Option<Vec<Found>>> {
        match self.entry(index, folder)? {
            Some(entry) if entry.found.is_folder => {
                let entries = match &self.reader {
                    Reader::Library(library) => {
                        library.handle.children(index, folder).map_err(|failure| self.failed(index, failure))?
                    }
                    Reader::View(view) => view.children(index, folder)?,
                };
                Ok(Some(entries.into_iter().map(|entry| entry.found).collect()))
            }
            _ => Ok(None),
        }
    }

    /// The bytes of a file in an image; none if there is no such file. A file of more than `limit` bytes is an error.
    pub fn extract(&self, index: u32, path: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let Some(entry) = self.entry(index, path)?.filter(|entry| !entry.found.is_folder) else { return Ok(None) };
        let what = format!("`{}` in image {index} of `{}`", entry.found.path, self.path);
        match entry.kind {
            Kind::Link => return Err(Error::new(format!("{what} is a link, not a file"))),
            Kind::Encrypted => return Err(Error::new(format!("{what} is encrypted"))),
            Kind::Plain => {}
        }
        if entry.found.len > limit {
            return Err(Error::new(format!("{what} has {} bytes, and at most {limit} are expected", entry.found.len))
                .help("see whether it is the file that its name says"));
        }
        let read = match &self.reader {
            Reader::Library(library) => {
                let packing = Packing { compression: self.facts.compression, chunk_len: self.facts.chunk_len };
                resource::read(&library.file, packing, &entry.blob)
            }
            Reader::View(view) => view.read(&entry.blob)?,
        };
        let bytes =
            read.map_err(|why| Error::new(format!("{what} can't be read: {why}")).help(verify_it(&self.path)))?;
        Ok(Some(bytes))
    }

    fn entry(&self, index: u32, path: &str) -> Result<Option<library::Entry>> {
        self.check(index)?;
        let library = match &self.reader {
            Reader::Library(library) => library,
            Reader::View(view) => return view.entry(index, path),
        };
        if !library.checked.borrow().contains(&index) {
            let damaged = |why| self.failed(index, Failure::Damaged(why));
            library.guard.check_image(&library.file, index).map_err(damaged)?;
            library.checked.borrow_mut().insert(index);
        }
        library.handle.entry(index, path).map_err(|failure| self.failed(index, failure))
    }

    fn check(&self, index: u32) -> Result<()> {
        if (1..=self.facts.n_images).contains(&index) {
            return Ok(());
        }
        let n_images = self.facts.n_images;
        let error = Error::new(format!("`{}` has no image {index}: it holds {n_images}", self.path));
        Err(match n_images {
            0 => error,
            1 => error.help("its only image is 1"),
            _ => error.help(format!("give an index from 1 to {n_images}")),
        })
    }

    fn failed(&self, index: u32, failure: Failure) -> Error {
        failed(&self.path, &format!("reading image {index} of"), failure)
    }

    fn image_facts(&self, index: u32) -> WimImageFacts {
        let property = |name: &str| match &self.reader {
            Reader::Library(library) => library.handle.property(index, name),
            Reader::View(view) => view.property(index, name),
        };
        let text = |name: &str| property(name).filter(|text| !text.is_empty());
        let number = |property: &str| text(property).and_then(|text| text.parse::<u32>().ok());
        let version = number("WINDOWS/VERSION/MAJOR").map(|major| WindowsVersion {
            major,
            minor: number("WINDOWS/VERSION/MINOR").unwrap_or(0),
            build: number("WINDOWS/VERSION/BUILD").unwrap_or(0),
            revision: number("WINDOWS/VERSION/SPBUILD").unwrap_or(0),
        });
        WimImageFacts {
            index,
            name: text("NAME"),
            description: text("DESCRIPTION"),
            architecture: number("WINDOWS/ARCH").and_then(Architecture::from_number),
            version,
            edition: text("WINDOWS/EDITIONID"),
            language: text("WINDOWS/LANGUAGES/DEFAULT"),
        }
    }
}

fn kind_of(metadata: &std::fs::Metadata) -> &'static str {
    if metadata.is_dir() { "a folder" } else { "a device or pipe" }
}

/// The error for a part of a split WIM.
fn part_of_split(path: &Utf8Path, part: u16, n_parts: u16) -> Error {
    Error::new(format!("`{path}` is part {part} of {n_parts} of a split WIM"))
        .help(format!("join the parts first: `{}`", command::join(path)))
}

/// The error for a WIM file that only wimlib reads: one that it wrote to a pipe.
pub fn pipable(path: &Utf8Path) -> Error {
    Error::new(format!("`{path}` is a pipable WIM, which Windows can't read"))
        .help(format!("convert it: `{}`", command::export(path, None, "--not-pipable")))
}

/// The words for what wimlib could not do.
fn failed(path: &Utf8Path, doing: &str, failure: Failure) -> Error {
    match failure {
        Failure::NotAWim => Error::new(format!("`{path}` is not a WIM file"))
            .help("a WIM file begins with `MSWIM`; see whether the path is right and the file was copied whole"),
        Failure::Encrypted => Error::new(format!("`{path}` is encrypted"))
            .help("convert the `.esd` file to a WIM first, or take the WIM from an installation disc"),
        Failure::Damaged(why) => Error::new(format!("`{path}` is damaged: {}", fragment(&why))).help(verify_it(path)),
        Failure::Other(why) => Error::new(format!("{doing} `{path}`: {}", fragment(&why))),
    }
}

fn verify_it(path: &Utf8Path) -> String {
    format!("copy the file again; `{}` checks the whole of it", command::verify(path))
}

/// A sentence of the library as a part of one of ours.
fn fragment(sentence: &str) -> String {
    let sentence = sentence.trim_end_matches('.');
    let mut chars = sentence.chars();
    match (chars.next(), chars.clone().next()) {
        // Abbreviations stay as they are.
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            format!("{}{}", first.to_lowercase(), chars.as_str())
        }
        _ => sentence.to_owned(),
    }
}

impl Architecture {
    fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::X86),
            5 => Some(Self::Arm),
            9 => Some(Self::X64),
            12 => Some(Self::Arm64),
            _ => None,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X86 => "x86",
            Self::Arm => "arm",
            Self::X64 => "x64",
            Self::Arm64 => "arm64",
        })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Xpress => "XPRESS",
            Self::Lzx => "LZX",
            Self::Lzms => "LZMS",
        })
    }
}

impl fmt::Display for WindowsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.major, self.minor, self.build, self.revision)
    }
}

impl fmt::Debug for Wim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wim").field("path", &self.path).field("facts", &self.facts).finish_non_exhaustive()
    }
}
