//! Capturing: a WIM file of folders, volumes and whole disks, each volume an image.
//!
//! Every source is looked at before anything is written. Volumes are read where they are, as ranges of a file or
//! device: nothing is mounted, and nothing needs root. NTFS and FAT volumes are captured; all others, and what is on
//! USB, are skipped, with the reason (rule R92). The WIM file gets its name when it is whole.

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

/// What to capture, and how.
#[derive(Clone, Debug)]
pub struct CaptureJob<'a> {
    /// Folders, volumes and disks.
    pub sources: &'a [SourceOptions],
    /// The WIM file to make.
    pub target: &'a Utf8Path,
    /// What else the images say of themselves.
    pub about: ImageDescription,
    /// How contents are compressed. Images that are appended to others are compressed as those are.
    pub packing: ContentCompression,
    /// How many threads compress; 0 for as many as there are processors.
    pub n_threads: u32,
    /// What is left out.
    pub exclusions: Exclusions<'a>,
    /// Treatment of files whose contents are not on their volume.
    pub placeholders: Placeholders,
    /// Code page of short names on FAT volumes.
    pub oem_code_page: CodePage,
    /// Whether it gets an integrity table.
    pub with_check: bool,
    /// Fails for a volume that can't be read. It is left out otherwise, unless it is the only one.
    pub strict: bool,
    /// When the images are said to be made.
    pub date: Date,
    /// What happens to a file that is there already.
    pub existing: IfExists,
    /// A WIM file of an earlier capture: what has the same size and times as there is taken from it, unread.
    pub update_from: Option<&'a Utf8Path>,
    /// Where the system describes its devices.
    pub sysfs: &'a Utf8Path,
    /// The calls that change the disk.
    pub disk: DiskOps,
}

/// Source of a capture.
#[derive(Clone, Debug, Default)]
pub struct SourceOptions {
    /// A folder, an image file or a block device.
    pub path: Utf8PathBuf,
    /// The name of its image.
    pub name: Option<String>,
    /// Which partitions of a disk are captured.
    pub partitions: Selection,
    /// Other files that a virtual disk may be made of, beside the extents in its folder.
    pub references: Vec<Utf8PathBuf>,
}

/// What an image says of itself beside its name.
#[derive(Clone, Debug, Default)]
pub struct ImageDescription {
    /// What it is; up to 255 characters (rule R91).
    pub description: Option<String>,
    /// Who made it; up to 255 characters (rule R91).
    pub created_by: Option<String>,
    /// Its version; up to 32 letters and digits (rule R91).
    pub version: Option<String>,
}

/// What happens to a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfExists {
    /// It is an error.
    Refuse,
    /// The new file takes its place.
    Replace,
    /// The images come behind those that it holds.
    Append,
}

/// What was captured.
#[derive(Clone, Debug)]
pub struct Captured {
    /// The images.
    pub images: Vec<CapturedImage>,
    /// The volumes that are not among them.
    pub skipped: Vec<Skipped>,
    /// The length of the WIM file in bytes.
    pub len: u64,
    /// What the file system says of it.
    pub stat: Stat,
}

/// An image that was made.
#[derive(Clone, Debug)]
pub struct CapturedImage {
    /// Its place in the file, from 1.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// What it was made of.
    pub source: String,
    /// What that is: `folder`, `NTFS`, `FAT32` …
    pub kind: String,
    /// The old image that what has not changed was taken from.
    pub updated_from: Option<u32>,
    /// What is not in it.
    pub left_out: Vec<LeftOut>,
}

/// A volume that was not captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Where it is.
    pub source: String,
    /// Why not.
    pub why: String,
    /// Advice on a volume that should have been captured and can't be read.
    pub help: Option<String>,
    /// Distinguishes a volume that should have been captured from one that never is.
    pub is_unreadable: bool,
}

impl Captured {
    /// The volumes that were left out because they can't be read.
    pub fn unreadable(&self) -> impl Iterator<Item = &Skipped> {
        self.skipped.iter().filter(|skipped| skipped.is_unreadable)
    }
}

/// Captures.
///
/// # Errors
///
/// Before anything is written: a source that is not there or is none, a volume that was not left in order, names that
/// Windows can't hold, files whose contents are not on their volume, nothing to capture, a file in the way. Afterwards:
/// what can't be read, a source that changed meanwhile, a full disk. The target is then as it was.
pub fn capture(work: &CaptureJob, progress: &Progress) -> Result<Captured> {
    work.about.check()?;
    check_target(work)?;
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
    for source in &found.sources {
        source.check_unchanged()?;
    }
    let stat = temporary.finish()?;
    Ok(Captured { images, skipped: found.skipped(), len: stat.len, stat })
}

/// Describes an image that was added with this index and without these files.
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

/// Refuses what an image would hold in name only. A volume is not left out for that.
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

/// The images of the file that a capture is to be an update of.
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

    /// The image of the same name; or the only one, for the only source.
    fn image_of(&self, source: &CaptureSource, n_sources: usize) -> Option<u32> {
        let same = self.names.iter().position(|name| name.as_ref() == Some(&source.name));
        let only = (self.names.len() == 1 && n_sources == 1).then_some(0);
        same.or(only).map(|at| at as u32 + 1)
    }
}

impl ImageDescription {
    /// Rule R91.
    fn check(&self) -> Result<()> {
        let rule = Rule::InvalidImageDescription;
        for (what, option, text, max) in [
            ("description", "--description", &self.description, 255),
            ("creator", "--created-by", &self.created_by, 255),
            ("version", "--image-version", &self.version, 32),
        ] {
            let n = text.as_ref().map_or(0, |text| text.chars().count());
            if n > max {
                return Err(Error::new(format!("the {what} has {n} characters, and at most {max} are taken ({rule})"))
                    .help(format!("shorten what `{option}` says")));
            }
        }
        // Versions such as 1.0 are what everybody writes, so a few signs between letters and digits are let through.
        let is_odd = |c: &char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_');
        match self.version.as_ref().and_then(|version| version.chars().find(is_odd)) {
            Some(odd) => Err(Error::new(format!("the version can't hold `{odd}` ({rule})"))
                .help("write `--image-version` with letters and digits")),
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
            Err(Error::new(format!("`{target}` is there already, and is not a file")).help("choose another `--output`"))
        }
        (Some(_), IfExists::Refuse) => Err(Error::new(format!("`{target}` is there already"))
            .help("use `--force` to replace it, `--append` to add to it, or choose another `--output`")),
        (None, IfExists::Append) => {
            Err(Error::new(format!("`{target}` is not there to be appended to"))
                .help("leave `--append` out to make it"))
        }
        _ => Ok(()),
    }?;
    if work.existing != IfExists::Append && !wim::has_wim_extension(target.as_str(), work.packing) {
        let right = target.with_file_name(wim::with_wim_extension(target.file_name().unwrap_or_default()));
        return Err(Error::new(format!("`{target}` is not a name for a WIM file: those end in `.wim`"))
            .help(format!("use `--output {right}`")));
    }
    let folder = target.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    let Ok(folder) = fs::canonicalize(folder) else { return Ok(()) };
    let own = folder.join(target.file_name().unwrap_or_default());
    for source in work.sources.iter().map(|source| &source.path) {
        let Ok(real) = fs::canonicalize(source) else { continue };
        if real == own || FileIdentity::of(source) == FileIdentity::of(target) {
            return Err(Error::new(format!("`{target}` is to be made of itself")).help("choose another `--output`"));
        }
        if real.is_dir() && folder.starts_with(&real) {
            return Err(Error::new(format!("`{target}` lies in `{source}`, which is captured"))
                .help("choose an `--output` outside of it"));
        }
    }
    Ok(())
}

/// Gives every source the name that was asked for or its own, and sees that no two images have the same.
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
            return Err(Error::new(format!("two images would be called `{}`", source.name))
                .help("give each source a name of its own, with `--name` or as `name` in a manifest"));
        }
    }
    Ok(())
}

/// What is captured, in a word.
impl std::fmt::Display for CaptureSourceKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder => f.write_str("folder"),
            Self::Volume(system) => write!(f, "{system}"),
        }
    }
}
