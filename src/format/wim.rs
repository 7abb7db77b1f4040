//! WIM files: images, their properties, and single small files, read with wimlib; and WIMs derived
//! from others, which are assembled from [structures](WimStructure) and ranges of the original.
//!
//! Follows the Windows Imaging File Format 1.13 (stand-alone files, every compression) and solid
//! resources (3.584, `.esd`). wimlib reads header, blob table, XML and metadata. Contents are read
//! here, into memory, and verified by SHA-1. Not supported, with an error for each: split,
//! encrypted and pipable files, contents of reparse points. A [`Wim`] belongs to one thread, as
//! wimlib handles do.

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
mod normalize;
mod placed;
mod reexport;
mod resource;
mod split;
mod structure;
pub mod table;
pub mod uncompressed;
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

pub use compatibility::{Incompatibility, WimUse};
pub use edit::ImageEdit;
pub use missing::MissingContents;
pub use placed::{PlacedBytes, PlacedFiles, placed_files};
pub use reexport::{recipe, reexport};
pub use split::PartNames;
pub use structure::WimStructure;

#[cfg(test)]
pub(in crate::format) use resource::pack;
pub(in crate::format) use resource::{ChunkReader, ReadAt, ResourceCompression};

use guard::Guard;
use library::{LibraryError, WimEntryKind, WimHandle};
use view::WimView;

/// An open WIM.
pub struct Wim {
    path: Utf8PathBuf,
    facts: WimFacts,
    reader: WimReader,
}

/// Backend that reads a WIM.
enum WimReader {
    /// wimlib, for files.
    Library(LibraryReader),
    /// Parsed structures, for WIMs within other files.
    View(Box<WimView>),
}

/// A WIM file opened with wimlib.
struct LibraryReader {
    handle: WimHandle,
    file: File,
    guard: Guard,
    /// Images whose metadata were checked to be a tree.
    checked: RefCell<BTreeSet<u32>>,
}

/// Properties in the header of a WIM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WimFacts {
    /// Compression of the contents.
    pub compression: WimCompression,
    /// Length of a compressed chunk in bytes, before compression.
    pub chunk_len: u32,
    /// Number of images. Their indexes start at 1.
    pub n_images: u32,
    /// Index of the boot image, if there is one.
    pub boot_index: Option<u32>,
    /// Identifier of the file.
    pub guid: [u8; 16],
}

/// Compression of a WIM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum WimCompression {
    /// Uncompressed.
    None,
    /// XPRESS, which is fast.
    Xpress,
    /// LZX, which boot managers can read.
    Lzx,
    /// LZMS, used by solid files (`.esd`). Boot managers can't read it.
    Lzms,
}

/// Properties of an image in the XML. Missing ones are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WimImageFacts {
    /// Index of the image, from 1.
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

/// Processor architecture (`PROCESSOR_ARCHITECTURE_…`).
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

/// Version of Windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WindowsVersion {
    /// 10 for Windows 10 and 11.
    pub major: u32,
    /// 0 for Windows 10 and 11.
    pub minor: u32,
    /// Build, such as 26100.
    pub build: u32,
    /// Update build revision (`SPBUILD`).
    pub revision: u32,
}

/// A file or folder in an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WimEntry {
    /// Path from the root of the image, as spelled there, separated by `/`.
    pub path: String,
    /// `true` for a folder.
    pub is_folder: bool,
    /// Length of a file in bytes.
    pub len: u64,
}

impl Wim {
    /// Opens a stand-alone WIM file.
    pub fn open(path: &Utf8Path) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|cause| Error::io("opening", path, cause))?;
        if !metadata.is_file() {
            return Err(Error::new(format!("`{path}` is not a WIM file but {}", file_kind(&metadata))));
        }
        // Opened here before wimlib does: the system's errors are more precise, and contents are
        // read from it.
        let file = limits::open(path).map_err(|cause| Error::io("opening", path, cause))?;
        if metadata.len() == 0 {
            return Err(Error::new(format!("`{path}` is empty")).help("copy the file again"));
        }
        if is_lfs_pointer(path).map_err(|cause| Error::io("reading", path, cause))? {
            return Err(git_lfs::error(path));
        }
        // wimlib reports a file shorter than a header as damaged.
        let mut magic = [0; header::MAGIC.len()];
        let is_read = file.read_exact_at(&mut magic, 0).is_ok();
        if !is_read || ![header::MAGIC, header::PIPABLE_MAGIC].contains(&magic) {
            return Err(library_error(path, "opening", LibraryError::NotAWim));
        }
        let handle = WimHandle::open(path).map_err(|failure| library_error(path, "opening", failure))?;
        let info = handle.info().map_err(|failure| library_error(path, "reading", failure))?;
        if info.n_parts > 1 {
            return Err(split_part_error(path, info.part, info.n_parts));
        }
        if info.is_pipable {
            return Err(pipable_error(path));
        }
        let guard = Guard::new(&file).map_err(|why| library_error(path, "reading", LibraryError::Damaged(why)))?;
        let reader = WimReader::Library(LibraryReader { handle, file, guard, checked: RefCell::default() });
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
                let (view, facts) = WimView::open(source)?;
                Ok(Self { path: pieced.path().to_owned(), facts, reader: WimReader::View(Box::new(view)) })
            }
        }
    }

    /// Path that the WIM was opened with.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Returns `true` if the header permits solid resources.
    pub fn may_be_solid(&self) -> Result<bool> {
        Ok(self.header()?.is_some_and(|header| header.version != header::VERSION))
    }

    /// Reads the header; `None` if it is malformed.
    fn header(&self) -> Result<Option<header::WimHeader>> {
        let mut bytes = [0; header::HEADER_LEN];
        match &self.reader {
            WimReader::Library(library) => {
                let read = library.file.read_exact_at(&mut bytes, 0);
                read.map_err(|cause| Error::io("reading", &self.path, cause))?;
            }
            WimReader::View(view) => view.fill(&mut bytes, 0)?,
        }
        Ok(header::WimHeader::parse(&bytes))
    }

    /// Reads the structures of the WIM.
    ///
    /// # Errors
    ///
    /// If the WIM is damaged.
    pub fn structure(&self) -> Result<WimStructure> {
        let library = match &self.reader {
            WimReader::Library(library) => library,
            WimReader::View(view) => return Ok(view.structure().clone()),
        };
        let metadata = library.file.metadata().map_err(|cause| Error::io("reading", &self.path, cause))?;
        let file = SourceFile { path: self.path.clone(), stat: Stat::from_metadata(&metadata) };
        WimStructure::read(Arc::new(Source::File(file)))
    }

    /// Properties in the header.
    pub fn facts(&self) -> &WimFacts {
        &self.facts
    }

    /// Properties of all images, in order.
    pub fn images(&self) -> Vec<WimImageFacts> {
        (1..=self.facts.n_images).map(|index| self.image_facts(index)).collect()
    }

    /// Properties of an image.
    pub fn image(&self, index: u32) -> Result<WimImageFacts> {
        self.check_index(index)?;
        Ok(self.image_facts(index))
    }

    /// Finds a file or folder in an image. Paths are case-insensitive and separated by `/`.
    pub fn find(&self, index: u32, path: &str) -> Result<Option<WimEntry>> {
        Ok(self.entry(index, path)?.map(|entry| entry.found))
    }

    /// Lists a folder in an image, in no particular order; `None` if there is no such folder.
    pub fn list(&self, index: u32, folder: &str) -> Result<Option<Vec<WimEntry>>> {
        match self.entry(index, folder)? {
            Some(entry) if entry.found.is_folder => {
                let entries = match &self.reader {
                    WimReader::Library(library) => {
                        library.handle.children(index, folder).map_err(|failure| self.image_error(index, failure))?
                    }
                    WimReader::View(view) => view.children(index, folder)?,
                };
                Ok(Some(entries.into_iter().map(|entry| entry.found).collect()))
            }
            _ => Ok(None),
        }
    }

    /// Reads a file in an image; `None` if there is no such file. More than `limit` bytes are an
    /// error.
    pub fn extract(&self, index: u32, path: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let Some(entry) = self.entry(index, path)?.filter(|entry| !entry.found.is_folder) else { return Ok(None) };
        let what = format!("`{}` in image {index} of `{}`", entry.found.path, self.path);
        match entry.kind {
            WimEntryKind::Link => return Err(Error::new(format!("{what} is a link, not a file"))),
            WimEntryKind::Encrypted => return Err(Error::new(format!("{what} is encrypted"))),
            WimEntryKind::Plain => {}
        }
        if entry.found.len > limit {
            return Err(Error::new(format!("{what} has {} bytes; at most {limit} were expected", entry.found.len))
                .help("check whether the file is what its name suggests"));
        }
        let read = match &self.reader {
            WimReader::Library(library) => {
                let packing =
                    ResourceCompression { compression: self.facts.compression, chunk_len: self.facts.chunk_len };
                resource::read(&library.file, packing, &entry.blob)
            }
            WimReader::View(view) => view.read(&entry.blob)?,
        };
        let bytes =
            read.map_err(|why| Error::new(format!("{what} can't be read: {why}")).help(verify_help(&self.path)))?;
        Ok(Some(bytes))
    }

    /// Finds an entry. The metadata of its image are checked before wimlib reads them.
    fn entry(&self, index: u32, path: &str) -> Result<Option<library::LocatedEntry>> {
        self.check_index(index)?;
        let library = match &self.reader {
            WimReader::Library(library) => library,
            WimReader::View(view) => return view.entry(index, path),
        };
        if !library.checked.borrow().contains(&index) {
            let damaged = |why| self.image_error(index, LibraryError::Damaged(why));
            library.guard.check_image(&library.file, index).map_err(damaged)?;
            library.checked.borrow_mut().insert(index);
        }
        library.handle.entry(index, path).map_err(|failure| self.image_error(index, failure))
    }

    /// Checks the index of an image.
    fn check_index(&self, index: u32) -> Result<()> {
        if (1..=self.facts.n_images).contains(&index) {
            return Ok(());
        }
        let n_images = self.facts.n_images;
        let error = Error::new(format!("`{}` has no image {index}; number of images: {n_images}", self.path));
        Err(match n_images {
            0 => error,
            1 => error.help("use index 1"),
            _ => error.help(format!("use an index from 1 to {n_images}")),
        })
    }

    fn image_error(&self, index: u32, failure: LibraryError) -> Error {
        library_error(&self.path, &format!("reading image {index} of"), failure)
    }

    fn image_facts(&self, index: u32) -> WimImageFacts {
        let property = |name: &str| match &self.reader {
            WimReader::Library(library) => library.handle.property(index, name),
            WimReader::View(view) => view.property(index, name),
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

fn file_kind(metadata: &std::fs::Metadata) -> &'static str {
    if metadata.is_dir() { "a folder" } else { "a device or pipe" }
}

/// Error for a part of a split WIM.
fn split_part_error(path: &Utf8Path, part: u16, n_parts: u16) -> Error {
    Error::new(format!("`{path}` is part {part} of {n_parts} of a split WIM"))
        .help(format!("join the parts first: `{}`", command::join(path)))
}

/// Error for a pipable WIM, which only wimlib can read.
pub fn pipable_error(path: &Utf8Path) -> Error {
    Error::new(format!("`{path}` is a pipable WIM, which Windows can't read"))
        .help(format!("convert it: `{}`", command::export(path, None, "--not-pipable")))
}

/// Converts an error of wimlib.
fn library_error(path: &Utf8Path, doing: &str, failure: LibraryError) -> Error {
    match failure {
        LibraryError::NotAWim => {
            Error::new(format!("`{path}` is not a WIM file")).help("check the path; a WIM file begins with `MSWIM`")
        }
        LibraryError::Encrypted => Error::new(format!("`{path}` is encrypted"))
            .help("convert the `.esd` file to a WIM first, or take the WIM from an installation disc"),
        LibraryError::Damaged(why) => {
            Error::new(format!("`{path}` is damaged: {}", to_fragment(&why))).help(verify_help(path))
        }
        LibraryError::Other(why) => Error::new(format!("{doing} `{path}`: {}", to_fragment(&why))),
    }
}

fn verify_help(path: &Utf8Path) -> String {
    format!("copy the file again, or check it with `{}`", command::verify(path))
}

/// Makes a sentence of wimlib a fragment: lower-case, without its full stop.
fn to_fragment(sentence: &str) -> String {
    let sentence = sentence.trim_end_matches('.');
    let mut chars = sentence.chars();
    match (chars.next(), chars.clone().next()) {
        // Abbreviations keep their capitals.
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

impl fmt::Display for WimCompression {
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
