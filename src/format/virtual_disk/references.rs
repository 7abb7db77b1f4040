//! Files that virtual disks refer to, and which of them may be opened.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::ReferencedFile;
use crate::error::{Error, Result};
use crate::foreign_text::is_printed;
use crate::limits::{self, MAX_DISK_DESCRIPTOR_LEN};

/// Relation of a file to the disk that refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReferenceRole {
    BackingFile,
    DataFile,
    Parent,
    Extent,
}

/// Number of refused names in an error; the rest is counted.
const MAX_LISTED: usize = 5;

/// Files that a disk may refer to, by absolute path without `.` and `..`: as the user wrote it, and
/// with links resolved.
pub(super) struct AllowedReferences(Vec<Utf8PathBuf>);

impl AllowedReferences {
    pub fn new(paths: &[Utf8PathBuf]) -> Result<Self> {
        let mut allowed = Vec::new();
        for path in paths {
            let absolute = camino::absolute_utf8(path).map_err(|error| Error::io("finding", path, error))?;
            allowed.push(normalise(&absolute));
            // The folder of a disk is known by its real path.
            allowed.extend(path.canonicalize_utf8());
        }
        Ok(Self(allowed))
    }
}

/// Opens the files that a disk refers to and collects refused ones.
pub(super) struct ReferenceOpener<'a> {
    disk: &'a Utf8Path,
    folder: &'a Utf8Path,
    allowed: &'a AllowedReferences,
    refused: Vec<(ReferenceRole, String, Option<Utf8PathBuf>)>,
    failed: Option<Error>,
}

impl<'a> ReferenceOpener<'a> {
    /// Creates an opener for a disk whose relative names refer to `folder`.
    pub fn new(disk: &'a Utf8Path, folder: &'a Utf8Path, allowed: &'a AllowedReferences) -> Self {
        Self { disk, folder, allowed, refused: Vec::new(), failed: None }
    }

    /// Opens a file if it is allowed. Other names are not looked up.
    pub fn open(&mut self, role: ReferenceRole, name: &str) -> Option<ReferencedFile> {
        let path = parse_path(name).map(|path| normalise(&self.folder.join(path)));
        let Some(path) = path.clone().filter(|path| self.allowed.0.contains(path)) else {
            self.refused.push((role, name.to_owned(), path));
            return None;
        };
        match limits::open(&path) {
            Ok(file) => Some(ReferencedFile { name: name.to_owned(), path, file: Arc::new(file) }),
            Err(error) => {
                self.failed.get_or_insert(Error::io("opening", &path, error));
                None
            }
        }
    }

    /// Opens an extent of a VMDK: a file next to the descriptor, or an allowed one.
    pub fn open_extent(&mut self, name: &str) -> Result<Option<ReferencedFile>> {
        if name.contains('/') || matches!(name, "." | "..") {
            return Ok(self.open(ReferenceRole::Extent, name));
        }
        let path = self.folder.join(name);
        // `NOFOLLOW`: a link could lead out of the folder. `NONBLOCK`: opening a FIFO must not
        // hang.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        match rustix::fs::open(path.as_std_path(), flags, Mode::empty()) {
            Ok(file) => {
                let file = check_regular_file(File::from(file), &path)?;
                Ok(Some(ReferencedFile { name: name.to_owned(), path, file: Arc::new(file) }))
            }
            // A link has to be allowed explicitly.
            Err(Errno::LOOP) => Ok(self.open(ReferenceRole::Extent, name)),
            Err(Errno::NOENT) => Err(Error::new(format!(
                "`{}` is the descriptor of a disk whose data file `{name}` is not next to it",
                self.disk
            ))
            .help("put all files of the disk into one folder, with their original names")),
            Err(error) => Err(Error::io("opening", &path, error.into())),
        }
    }

    /// Fails if a file was refused or could not be opened.
    pub fn finish(self) -> Result<()> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.refused.is_empty() {
            return Ok(());
        }
        let listed = self.refused.iter().take(MAX_LISTED).map(|(role, name, _)| format!("{role} `{name}`"));
        let mut listed = listed.collect::<Vec<_>>().join(", ");
        if self.refused.len() > MAX_LISTED {
            listed += &format!(" and {} more", self.refused.len() - MAX_LISTED);
        }
        let error = Error::new(format!("`{}` refers to files that are not allowed: {listed}", self.disk));
        let paths: Option<Vec<_>> =
            self.refused.iter().map(|(.., path)| path.as_deref().and_then(shell_word)).collect();
        let help = match paths {
            Some(paths) => {
                let options: Vec<_> = paths.iter().map(|path| format!("--allow-reference {path}")).collect();
                let more = if options.len() > MAX_LISTED { " …" } else { "" };
                format!(
                    "if they belong to the disk, add `{}{more}`; in a manifest, list them in `allow-references` of the \
                     source",
                    options[..options.len().min(MAX_LISTED)].join(" ")
                )
            }
            None => "convert the disk on the machine with its files: `qemu-img convert -O raw`".to_owned(),
        };
        Err(error.help(help))
    }
}

/// Parses a name as a path; `None` for protocols and Windows paths.
fn parse_path(name: &str) -> Option<&Utf8Path> {
    let name = name.strip_prefix("file:").unwrap_or(name);
    // As in QEMU: a colon before any slash ends the name of a protocol.
    let is_protocol = name.find([':', '/']).is_some_and(|at| name[at..].starts_with(':'));
    (!is_protocol && !name.is_empty() && !name.contains('\0')).then_some(Utf8Path::new(name))
}

/// Removes `.` and `..` without looking up links, so that the allowed path is the opened one.
fn normalise(path: &Utf8Path) -> Utf8PathBuf {
    let mut normal = Utf8PathBuf::new();
    for component in path.components() {
        match component {
            Utf8Component::ParentDir => drop(normal.pop()),
            Utf8Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// Folder of an open file, with links resolved: relative names refer to it.
pub(super) fn folder_of(file: &File, path: &Utf8Path) -> Utf8PathBuf {
    let link = Utf8PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let real = link.read_link_utf8().ok().filter(|path| path.is_absolute());
    let real = real.or_else(|| path.canonicalize_utf8().ok()).unwrap_or_else(|| path.to_owned());
    real.parent().map(Utf8Path::to_owned).unwrap_or_default()
}

/// Rejects anything but regular files.
fn check_regular_file(file: File, path: &Utf8Path) -> Result<File> {
    let metadata = file.metadata().map_err(|error| Error::io("reading the metadata of", path, error))?;
    match metadata.is_file() {
        true => Ok(file),
        false => Err(Error::new(format!("`{path}` is not a regular file"))),
    }
}

/// Reads a descriptor.
pub(super) fn read_text(file: &File, len: u64) -> Result<Vec<u8>> {
    if len > MAX_DISK_DESCRIPTOR_LEN {
        let message = format!("its descriptor has {len} bytes; at most {MAX_DISK_DESCRIPTOR_LEN} are read");
        return Err(Error::new(message));
    }
    let mut text = vec![0; len as usize];
    file.read_exact_at(&mut text, 0).map_err(|error| Error::new("reading its descriptor").because(error))?;
    Ok(text)
}

/// Returns `true` for the name of a flat extent, such as `disk-f001.vmdk`. Its contents have no
/// signature.
pub(super) fn is_flat_extent_name(path: &Utf8Path) -> bool {
    let stem = path.as_str().strip_suffix(".vmdk").unwrap_or_default();
    let number = stem.rsplit_once("-f").map_or("", |(_, number)| number);
    number.len() >= 3 && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Error for an extent given in place of its descriptor.
pub(super) fn lone_extent_error(path: &Utf8Path, folder: &Utf8Path) -> Error {
    let stem = path.file_stem().unwrap_or_default();
    let base = stem.rsplit_once('-').map_or(stem, |(base, _)| base);
    let descriptor = format!("{base}.vmdk");
    let error = Error::new(format!("`{path}` is an extent of a VMDK, not its descriptor"));
    let is_there = base != stem && folder.join(&descriptor).is_file();
    let help = match is_there {
        true => format!("use its descriptor, `{}`", path.with_file_name(descriptor)),
        false => "use the descriptor, a small text file such as `disk.vmdk` next to its extents".to_owned(),
    };
    error.help(help)
}

/// Wraps an error of reading a disk, with its path.
pub(super) fn reading_error(path: &Utf8Path, error: Error) -> Error {
    keep_help(error, |error| Error::new(format!("the disk `{path}` can't be read")).because(error))
}

/// Wraps an error of converting a disk, with its path.
pub(super) fn conversion_error(path: &Utf8Path, error: Error) -> Error {
    keep_help(error, |error| Error::new(format!("converting `{path}` to a raw disk")).because(error))
}

/// Wraps an error and keeps its help.
fn keep_help(error: Error, wrap: impl FnOnce(Error) -> Error) -> Error {
    let help = error.advice().map(str::to_owned);
    match help {
        Some(help) => wrap(error).help(help),
        None => wrap(error),
    }
}

/// Quotes a path for a shell; `None` if it contains characters that can't be typed.
fn shell_word(path: &Utf8Path) -> Option<String> {
    let path = path.as_str();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@=,".contains(c);
    if path.chars().all(is_plain) {
        return Some(path.to_owned());
    }
    path.chars().all(is_printed).then(|| format!("'{}'", path.replace('\'', "'\\''")))
}

impl std::fmt::Display for ReferenceRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::BackingFile => "backing file",
            Self::DataFile => "data file",
            Self::Parent => "parent",
            Self::Extent => "extent",
        })
    }
}
