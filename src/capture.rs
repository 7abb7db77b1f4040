//! Captures folders, volumes and whole disks into a WIM file, with one image per volume.
//!
//! All sources are examined before anything is written. Volumes are read in place, as ranges of a file or device, so
//! nothing is mounted and root is not needed. NTFS and FAT volumes are captured; others, and devices on USB, are
//! skipped with a reason (rule R92). The WIM file gets its final name once it is complete.

mod change_guard;
mod disk;
mod fat;
mod names;
mod placeholders;
mod source;
mod usb;

use std::collections::BTreeSet;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use crate::content::Stat;
use crate::date::Date;
use crate::error::{Error, Result};
use crate::file_identity::FileIdentity;
use crate::format::fat::CodePage;
use crate::format::file_system::FileSystem;
use crate::format::partitions::Selection;
use crate::format::wim::Wim;
use crate::format::wim::capture::{self as wim, Capture, CaptureOptions, ReusedWim};
pub use crate::format::wim::capture::{ContentCompression, Exclusions, LeftOut, WhyLeftOut};
use crate::manifest::Placeholders;
use crate::progress::Progress;
use crate::rule::Rule;
use crate::write::{self, DiskOps, IfBusy, Temporary, open, temporary_path};

use source::{CaptureSource, CaptureSourceKind};

/// Sources and options of a capture.
#[derive(Clone, Debug)]
pub struct CaptureJob<'a> {
    /// Folders, volumes and disks.
    pub sources: &'a [SourceOptions],
    /// Path of the WIM file.
    pub target: &'a Utf8Path,
    /// Description of the images.
    pub about: ImageDescription,
    /// Compression. Appended images are compressed like those in the file.
    pub packing: ContentCompression,
    /// Number of compression threads; 0 for one per processor.
    pub n_threads: u32,
    /// Files to leave out.
    pub exclusions: Exclusions<'a>,
    /// Treatment of files whose contents are not on their volume.
    pub placeholders: Placeholders,
    /// Code page of short names on FAT volumes.
    pub oem_code_page: CodePage,
    /// `true` to add an integrity table.
    pub with_check: bool,
    /// `true` to fail if a volume can't be read. Otherwise it is left out, unless it is the only one.
    pub strict: bool,
    /// Creation date of the images.
    pub date: Date,
    /// Treatment of an existing file.
    pub existing: IfExists,
    /// WIM file of an earlier capture. Files with the same size and times are taken from it without reading them.
    pub update_from: Option<&'a Utf8Path>,
    /// Path of sysfs.
    pub sysfs: &'a Utf8Path,
    /// Calls that change the disk.
    pub disk: DiskOps,
}

/// Source of a capture.
#[derive(Clone, Debug, Default)]
pub struct SourceOptions {
    /// Path of a folder, an image file or a block device.
    pub path: Utf8PathBuf,
    /// Name of its image.
    pub name: Option<String>,
    /// Partitions of a disk to capture.
    pub partitions: Selection,
    /// Further files that a virtual disk may consist of, besides the extents in its folder.
    pub references: Vec<Utf8PathBuf>,
}

/// Properties of an image besides its name.
#[derive(Clone, Debug, Default)]
pub struct ImageDescription {
    /// Description, up to 255 characters (rule R91).
    pub description: Option<String>,
    /// Creator, up to 255 characters (rule R91).
    pub created_by: Option<String>,
    /// Version, up to 32 letters and digits (rule R91).
    pub version: Option<String>,
}

/// Treatment of an existing file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfExists {
    /// Fail.
    Refuse,
    /// Replace it.
    Replace,
    /// Append the images to it.
    Append,
}

/// Result of a capture.
#[derive(Clone, Debug)]
pub struct Captured {
    /// Captured images.
    pub images: Vec<CapturedImage>,
    /// Volumes that were not captured.
    pub skipped: Vec<Skipped>,
    /// Length of the WIM file in bytes.
    pub len: u64,
    /// Metadata of the WIM file.
    pub stat: Stat,
}

/// Captured image.
#[derive(Clone, Debug)]
pub struct CapturedImage {
    /// Index in the file, from 1.
    pub index: u32,
    /// Name of the image.
    pub name: String,
    /// Source of the image.
    pub source: String,
    /// Kind of the source: `folder`, `NTFS`, `FAT32` …
    pub kind: String,
    /// Index of the old image that unchanged files were taken from.
    pub updated_from: Option<u32>,
    /// Files that were left out.
    pub left_out: Vec<LeftOut>,
}

/// Volume that was not captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Location of the volume.
    pub source: String,
    /// Reason.
    pub why: String,
    /// Help for a volume that should have been captured but can't be read.
    pub help: Option<String>,
    /// `true` for a volume that should have been captured, as opposed to one that never is.
    pub is_unreadable: bool,
}

impl Captured {
    /// Volumes that were left out because they can't be read.
    pub fn unreadable(&self) -> impl Iterator<Item = &Skipped> {
        self.skipped.iter().filter(|skipped| skipped.is_unreadable)
    }
}

/// Captures the sources into a WIM file.
///
/// # Errors
///
/// Before anything is written: a missing or unsuitable source, a volume that was not cleanly unmounted, names that
/// Windows can't hold, files whose contents are not on the volume, nothing to capture, or a file in the way. After
/// that: a read error, a source that changed, or a full disk. The target is then unchanged.
pub fn capture(work: &CaptureJob, progress: &Progress) -> Result<Captured> {
    work.about.check()?;
    check_target(work)?;
    // Created before the sources are read: a target that can't be written fails in a second, not after an hour.
    let temporary = Temporary::create(&work.disk, work.target, IfBusy::Fail)?;
    let mut found = source::find(work, progress)?;
    name_all(&mut found.sources, work)?;
    let mut capture = match work.existing {
        IfExists::Append => Capture::extend(work.target, progress)?,
        IfExists::Refuse | IfExists::Replace => Capture::new(work.packing, progress)?,
    };
    let old = work.update_from.map(|path| OldImages::open(&mut capture, path)).transpose()?;
    let n_sources = found.sources.len();
    let (mut images, mut sources) = (Vec::new(), Vec::new());
    for (at, mut source) in std::mem::take(&mut found.sources).into_iter().enumerate() {
        let added = source
            .take_out(work, at, progress)
            .and_then(|()| capture.add(source.tree()?, &source.name, work.exclusions, &format!("`{}`", source.place)));
        match added {
            Ok(added) => {
                let mut image = describe(&mut capture, &source, added, n_sources, old.as_ref(), work)?;
                check_files(&mut capture, &source, &mut image, work)?;
                images.push(image);
                sources.push(source);
            }
            Err(error) => found.leave_out(&source, error)?,
        }
    }
    found.sources = sources;
    if found.sources.is_empty() {
        return Err(found.nothing());
    }
    let means = CaptureOptions { n_threads: work.n_threads, with_check: work.with_check, date: work.date };
    capture.write(&temporary_path(work.target), &means)?;
    // After the last read: a source that changed meanwhile fails the capture before the target gets its name.
    for source in &found.sources {
        source.check_unchanged()?;
    }
    let stat = temporary.finish()?;
    Ok(Captured { images, skipped: found.skipped(), len: stat.len, stat })
}

/// Adds the description of a new image, and the files that were left out.
fn describe(
    capture: &mut Capture,
    source: &CaptureSource,
    (index, left_out): (u32, Vec<LeftOut>),
    n_sources: usize,
    old: Option<&OldImages>,
    work: &CaptureJob,
) -> Result<CapturedImage> {
    let about = &work.about;
    let values = [("DESCRIPTION", &about.description), ("CREATEDBY", &about.created_by), ("VERSION", &about.version)];
    for (key, value) in values {
        if let Some(value) = value {
            capture.set_property(index, key, value)?;
        }
    }
    let updated_from = old.and_then(|old| old.image_of(source, n_sources));
    if let (Some(old), Some(old_index)) = (old, updated_from) {
        capture.reuse_unchanged(index, &old.old, old_index)?;
    }
    Ok(CapturedImage {
        index,
        name: source.name.clone(),
        source: source.place.clone(),
        kind: source.kind.to_string(),
        updated_from,
        left_out,
    })
}

/// Checks for files that an image would contain in name only. Such a file is an error even if volumes may be left out.
fn check_files(
    capture: &mut Capture,
    source: &CaptureSource,
    image: &mut CapturedImage,
    work: &CaptureJob,
) -> Result<()> {
    let place = format!("`{}`", source.place);
    if let CaptureSourceKind::Volume(FileSystem::Ntfs) = source.kind {
        return placeholders::check(capture, image.index, &place, work.placeholders, &mut image.left_out);
    }
    let mut paths = Vec::new();
    capture.visit(image.index, &mut |path, _| paths.push(path.to_owned()))?;
    names::check(paths, &place)
}

/// Images of the file that a capture is an update of.
struct OldImages {
    old: ReusedWim,
    names: Vec<Option<String>>,
}

impl OldImages {
    fn open(capture: &mut Capture, path: &Utf8Path) -> Result<Self> {
        let wim = Wim::open(path)?;
        wim.check_finished()?;
        let names = wim.images().into_iter().map(|image| image.name).collect();
        Ok(Self { old: capture.reuse(path)?, names })
    }

    /// Index of the image with the same name, or of the only image for the only source.
    fn image_of(&self, source: &CaptureSource, n_sources: usize) -> Option<u32> {
        let same = self.names.iter().position(|name| name.as_ref() == Some(&source.name));
        let only = (self.names.len() == 1 && n_sources == 1).then_some(0);
        same.or(only).map(|at| at as u32 + 1)
    }
}

impl ImageDescription {
    /// Checks the lengths and characters of the description (rule R91).
    fn check(&self) -> Result<()> {
        let rule = Rule::InvalidImageDescription;
        for (what, option, text, max) in [
            ("description", "--description", &self.description, 255),
            ("creator", "--created-by", &self.created_by, 255),
            ("version", "--image-version", &self.version, 32),
        ] {
            let n = text.as_ref().map_or(0, |text| text.chars().count());
            if n > max {
                return Err(Error::new(format!("the {what} has {n} characters; at most {max} are allowed ({rule})"))
                    .help(format!("shorten the value of `{option}`")));
            }
        }
        // Versions such as 1.0 are common, so a few punctuation marks are allowed too.
        let is_odd = |c: &char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_');
        match self.version.as_ref().and_then(|version| version.chars().find(is_odd)) {
            Some(odd) => Err(Error::new(format!("the version contains `{odd}` ({rule})"))
                .help("use only letters and digits in `--image-version`")),
            None => Ok(()),
        }
    }
}

fn check_target(work: &CaptureJob) -> Result<()> {
    let target = work.target;
    open::refuse_link(target)?;
    write::refuse_cut_off(target)?;
    let metadata = match fs::symlink_metadata(target) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        found => Some(found.map_err(|error| Error::io("looking at", target, error))?),
    };
    match (&metadata, work.existing) {
        (Some(found), _) if !found.is_file() => {
            Err(Error::new(format!("`{target}` already exists and is not a file")).help("choose another `--output`"))
        }
        (Some(_), IfExists::Refuse) => Err(Error::new(format!("`{target}` already exists"))
            .help("replace it with `--force`, add to it with `--append`, or choose another `--output`")),
        (None, IfExists::Append) => {
            Err(Error::new(format!("`{target}` does not exist, so nothing can be appended to it"))
                .help("leave out `--append` to create it"))
        }
        _ => Ok(()),
    }?;
    if work.existing != IfExists::Append && !wim::has_wim_extension(target.as_str(), work.packing) {
        let right = target.with_file_name(wim::with_wim_extension(target.file_name().unwrap_or_default()));
        return Err(Error::new(format!("`{target}` is not a valid name for a WIM file, which must end in `.wim`"))
            .help(format!("use `--output {right}`")));
    }
    let folder = target.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    let Ok(folder) = fs::canonicalize(folder) else { return Ok(()) };
    let own = folder.join(target.file_name().unwrap_or_default());
    for source in work.sources.iter().map(|source| &source.path) {
        // A source that can't be resolved is reported when it is opened.
        let Ok(real) = fs::canonicalize(source) else { continue };
        if real == own || FileIdentity::of(source) == FileIdentity::of(target) {
            return Err(Error::new(format!("`{target}` is both source and output")).help("choose another `--output`"));
        }
        if real.is_dir() && folder.starts_with(&real) {
            return Err(Error::new(format!("`{target}` is in `{source}`, which is being captured"))
                .help("choose an `--output` outside of it"));
        }
    }
    Ok(())
}

/// Gives every source its requested or default name, and checks that image names are unique.
fn name_all(sources: &mut [CaptureSource], work: &CaptureJob) -> Result<()> {
    for source in sources.iter_mut() {
        if let Some(name) = &work.sources[source.number].name {
            source.name = match source.partition {
                Some(partition) if source.is_one_of_many => format!("{name} (partition {partition})"),
                _ => name.clone(),
            };
        }
    }
    let mut taken: BTreeSet<String> = match work.existing {
        IfExists::Append => Wim::open(work.target)?.images().into_iter().filter_map(|image| image.name).collect(),
        _ => BTreeSet::new(),
    };
    for source in sources.iter() {
        if !taken.insert(source.name.clone()) {
            return Err(Error::new(format!("two images would have the name `{}`", source.name))
                .help("give each source a unique name, with `--name` or as `name` in a manifest"));
        }
    }
    Ok(())
}

/// Formats the kind in a word.
impl std::fmt::Display for CaptureSourceKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder => f.write_str("folder"),
            Self::Volume(system) => write!(f, "{system}"),
        }
    }
}
