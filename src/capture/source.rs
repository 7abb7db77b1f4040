//! Finds the sources of a capture: folders, volumes, and disks with volumes.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::change_guard::ChangeGuard;
use super::fat::Staged;
use super::{CaptureJob, Skipped, SourceOptions, disk, usb};
use crate::error::{Error, ErrorKind, Result};
use crate::format::file_system::{FileSystem, recognise};
use crate::format::ntfs;
use crate::format::partitions::{self, Partition, Window};
use crate::format::virtual_disk::VirtualDisk;
use crate::format::wim::capture::CaptureTree;
use crate::progress::Progress;
use crate::rule::Rule;

/// Source of one image.
pub(super) struct CaptureSource {
    /// Index of the requested source that it is, or is part of.
    pub number: usize,
    /// Number of the partition, if it is part of a disk.
    pub partition: Option<u32>,
    /// `true` if other volumes of the disk become images too.
    pub is_one_of_many: bool,
    /// `true` if it is left out with a warning if it can't be read.
    may_be_left_out: bool,
    /// Location for messages.
    pub place: String,
    /// Name of the image.
    pub name: String,
    pub kind: CaptureSourceKind,
    origin: Origin,
}

pub(super) enum CaptureSourceKind {
    Folder,
    Volume(FileSystem),
}

enum Origin {
    Folder(Utf8PathBuf, ChangeGuard),
    Ntfs(Window, ChangeGuard),
    Fat(Window, ChangeGuard, Option<Staged>),
}

/// Sources found.
#[derive(Default)]
pub(super) struct CaptureSources {
    pub sources: Vec<CaptureSource>,
    skipped: Vec<Skipped>,
    /// Volumes that can't be read, with the error.
    unreadable: Vec<(String, Error)>,
}

/// Disk or volume to examine.
#[derive(Clone, Copy)]
struct SourceDisk<'a> {
    /// Index and options of the source.
    number: usize,
    options: &'a SourceOptions,
    /// Contents of the disk.
    whole: &'a Window,
    still: &'a ChangeGuard,
    /// `true` to fail if a volume can't be read.
    strict: bool,
}

impl CaptureSource {
    /// Tree to capture.
    pub(super) fn tree(&self) -> Result<CaptureTree<'_>> {
        Ok(match &self.origin {
            Origin::Folder(path, _) => CaptureTree::Folder(path),
            Origin::Ntfs(window, _) => CaptureTree::Ntfs(window.clone()),
            Origin::Fat(_, _, Some(staged)) => staged.tree(),
            Origin::Fat(_, _, None) => return Err(Error::new(format!("`{}` was not staged", self.place))),
        })
    }

    /// Copies the files of a FAT volume into a folder beside the output. The folder is removed with `self`.
    pub(super) fn take_out(&mut self, work: &CaptureJob, at: usize, progress: &Progress) -> Result<()> {
        if let Origin::Fat(window, _, staged) = &mut self.origin {
            let name = format!(".{}.tsmedia-fat{at}", work.target.file_name().unwrap_or_default());
            *staged = Some({
                let folder = work.target.with_file_name(name);
                Staged::make(window, &self.place, folder, work.oem_code_page, progress)?
            });
        }
        Ok(())
    }

    /// Fails if the source changed since it was found.
    pub(super) fn check_unchanged(&self) -> Result<()> {
        let (Origin::Folder(_, still) | Origin::Ntfs(_, still) | Origin::Fat(_, still, _)) = &self.origin;
        still.check()
    }
}

/// Finds the sources, at least one of which can be captured.
pub(super) fn find(work: &CaptureJob, progress: &Progress) -> Result<CaptureSources> {
    let mut found = CaptureSources::default();
    for (number, options) in work.sources.iter().enumerate() {
        progress.check_cancelled()?;
        let path = &options.path;
        let metadata = fs::metadata(path).map_err(|error| Error::io("looking at", path, error))?;
        if metadata.is_dir() {
            check_no_choice(options, "a folder")?;
            found.folder(number, path)?;
        } else if metadata.is_file() || metadata.file_type().is_block_device() {
            found.file(number, &metadata, work, progress)?;
        } else {
            return Err(Error::new(format!("`{path}` is not a folder, a volume or a disk"))
                .help("give a folder, an image file or a block device"));
        }
    }
    if found.sources.is_empty() { Err(found.nothing()) } else { Ok(found) }
}

impl CaptureSources {
    /// Volumes that were not captured.
    pub(super) fn skipped(self) -> Vec<Skipped> {
        let unreadable = self.unreadable.into_iter().map(|(source, error)| Skipped {
            source,
            why: error.with_causes(),
            help: error.advice().map(str::to_owned),
            is_unreadable: true,
        });
        self.skipped.into_iter().chain(unreadable).collect()
    }

    /// Leaves out a source that can't be read. Fails if it must not be left out.
    pub(super) fn leave_out(&mut self, source: &CaptureSource, error: Error) -> Result<()> {
        if !source.may_be_left_out || error.kind() == ErrorKind::Interrupted || is_of_output(&error) {
            return Err(error);
        }
        self.unreadable.push((source.place.clone(), error));
        Ok(())
    }

    /// Error of a capture without images.
    pub(super) fn nothing(mut self) -> Error {
        if let (1, 0) = (self.unreadable.len(), self.skipped.len()) {
            return self.unreadable.swap_remove(0).1;
        }
        let help = self.unreadable.iter().find_map(|(_, error)| error.advice()).map(str::to_owned);
        let help = help.unwrap_or_else(|| "give a folder, or a volume or disk with NTFS or FAT on it".into());
        let why: Vec<_> = self.skipped().iter().map(|it| format!("`{}`: {}", it.source, it.why)).collect();
        let why = if why.is_empty() { "no partition".into() } else { why.join("; ") };
        Error::new(format!("there is nothing to capture: {why} ({})", Rule::SkippedVolume)).help(help)
    }

    fn skip(&mut self, source: impl Into<String>, why: impl Into<String>) {
        self.skipped.push(Skipped { source: source.into(), why: why.into(), help: None, is_unreadable: false });
    }

    fn folder(&mut self, number: usize, path: &Utf8Path) -> Result<()> {
        let still = ChangeGuard::folder(path)?;
        let name = fs::canonicalize(path).ok().and_then(|path| path.file_name()?.to_str().map(str::to_owned));
        self.sources.push(CaptureSource {
            number,
            partition: None,
            is_one_of_many: false,
            may_be_left_out: false,
            place: path.to_string(),
            name: name.unwrap_or_else(|| "folder".into()),
            kind: CaptureSourceKind::Folder,
            origin: Origin::Folder(path.to_owned(), still),
        });
        Ok(())
    }

    /// Adds an image file or a block device.
    fn file(&mut self, number: usize, metadata: &Metadata, work: &CaptureJob, progress: &Progress) -> Result<()> {
        let options = &work.sources[number];
        let path = options.path.as_path();
        if let Some(why) = usb::is_on_usb(metadata, work.sysfs) {
            self.skip(path.as_str(), why);
            return Ok(());
        }
        let file = File::open(path).map_err(|error| Error::io("opening", path, error))?;
        let disk = VirtualDisk::open(path, Arc::new(file), &options.references)?;
        let mut still = ChangeGuard::disk(path, metadata, disk.references())?;
        let whole = match disk.in_place() {
            Some(whole) => whole,
            None => {
                let raw = disk::make_raw(&disk, work, number, progress)?;
                // No other process can change the copy, and the disk was checked before and after.
                still.check()?;
                still = ChangeGuard::nothing();
                Window::new(Arc::new(raw), 0, disk.len())
            }
        };
        let disk = SourceDisk { number, options, whole: &whole, still: &still, strict: work.strict };
        let system = recognise(&mut whole.clone()).map_err(|error| Error::io("reading", path, error))?;
        let is_volume = matches!(system, FileSystem::Ntfs | FileSystem::Fat(_) | FileSystem::BitLocker);
        if is_volume {
            check_no_choice(options, "a volume")?;
        }
        match system {
            FileSystem::Ntfs | FileSystem::Fat(_) => {
                let stem = path.file_stem().unwrap_or("volume").to_owned();
                let volume = volume(&disk, None, path.to_string(), stem, &whole, system);
                self.add(volume, path.as_str(), !work.strict)
            }
            FileSystem::BitLocker => {
                self.skip(path.as_str(), "it is encrypted with BitLocker");
                Ok(())
            }
            FileSystem::Other("ISO 9660") => Err(Error::new(format!("`{path}` is a disc, not a disk"))
                .help(format!("extract it with `7z x {path}`, and capture the folder"))),
            FileSystem::Other(_) | FileSystem::Empty | FileSystem::Unknown => self.disk(&disk, system),
        }
    }

    fn disk(&mut self, disk: &SourceDisk, system: FileSystem) -> Result<()> {
        let path = disk.options.path.as_path();
        let table = partitions::read(&mut disk.whole.clone())
            .map_err(|fault| Error::new(format!("the partition table of `{path}` can't be read: {fault}")))?;
        // A volume without a partition table was recognised before by its file system.
        let Some(table) = table else {
            if let FileSystem::Other(name) = system {
                self.skip(path.as_str(), format!("it holds {name}"));
                return Ok(());
            }
            return Err(Error::new(format!("`{path}` is neither a volume nor a disk with partitions"))
                .help("check the path, and that the file was copied completely"));
        };
        let selection = &disk.options.partitions;
        let has = |number: u32| table.partitions.iter().any(|partition| partition.number == number);
        if let Some(missing) = selection.numbers().find(|number| !has(*number)) {
            let said = table.partitions.iter().map(|partition| format!("{} ({})", partition.number, partition.kind));
            return Err(Error::new(format!("`{path}` has no partition {missing}"))
                .help(format!("choose one of {}", said.collect::<Vec<_>>().join(", "))));
        }
        let stem = path.file_stem().unwrap_or("volume");
        let first = self.sources.len();
        for partition in &table.partitions {
            let place = format!("{path}, partition {}", partition.number);
            if !selection.takes(partition.number) {
                self.skip(place, format!("it was not chosen ({})", partition.kind));
                continue;
            }
            let is_asked_for = selection.names(partition.number);
            match look(disk, partition, &place) {
                Ok(Ok((window, system))) => {
                    let name = format!("{stem} (partition {})", partition.number);
                    let volume = volume(disk, Some(partition.number), place.clone(), name, &window, system);
                    self.add(volume, &place, !disk.strict && !is_asked_for)?;
                }
                Ok(Err(why)) if is_asked_for => {
                    return Err(Error::new(format!("`{place}` can't be captured: {why} ({})", Rule::SkippedVolume))
                        .help("choose partitions with NTFS or FAT"));
                }
                Ok(Err(why)) => self.skip(place, why),
                Err(error) => self.add(Err(error), &place, !disk.strict && !is_asked_for)?,
            }
        }
        let is_one_of_many = self.sources.len() - first > 1;
        for source in &mut self.sources[first..] {
            source.is_one_of_many = is_one_of_many;
            if !is_one_of_many {
                source.name = stem.to_owned();
            }
        }
        Ok(())
    }

    /// Adds a volume, or the error that kept it from being read.
    fn add(&mut self, volume: Result<CaptureSource>, place: &str, may_be_left_out: bool) -> Result<()> {
        match volume {
            Ok(source) => self.sources.push(CaptureSource { may_be_left_out, ..source }),
            Err(error) if may_be_left_out => self.unreadable.push((place.to_owned(), error)),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Fails if partitions are selected where there are none.
fn check_no_choice(options: &SourceOptions, what: &str) -> Result<()> {
    match options.partitions.numbers().next() {
        Some(number) => Err(Error::new(format!("`{}` is {what} and has no partition {number}", options.path))
            .help("capture the whole disk, or leave out the selection of partitions")),
        None => Ok(()),
    }
}

/// Examines a partition. Returns its volume, or the reason why it is skipped.
fn look(
    disk: &SourceDisk,
    partition: &Partition,
    place: &str,
) -> Result<std::result::Result<(Window, FileSystem), String>> {
    let volume = Window::new(disk.whole.file(), disk.whole.offset().saturating_add(partition.offset), partition.len);
    if partition.offset.saturating_add(partition.len) > disk.whole.len() {
        return Err(Error::new(format!("`{place}` extends past the end of the disk at {}", disk.whole.len()))
            .help("copy the disk again, since its end is missing"));
    }
    let path = &disk.options.path;
    Ok(match recognise(&mut volume.clone()).map_err(|error| Error::io("reading", path, error))? {
        system @ (FileSystem::Ntfs | FileSystem::Fat(_)) => Ok((volume, system)),
        system => Err(why_skipped(partition, system)),
    })
}

/// Creates the source of a volume that can be captured.
fn volume(
    disk: &SourceDisk,
    partition: Option<u32>,
    place: String,
    name: String,
    volume: &Window,
    system: FileSystem,
) -> Result<CaptureSource> {
    let still = disk.still.clone();
    let origin = if system == FileSystem::Ntfs {
        check_ntfs(volume, &place)?;
        Origin::Ntfs(volume.clone(), still)
    } else {
        Origin::Fat(volume.clone(), still, None)
    };
    let (number, kind) = (disk.number, CaptureSourceKind::Volume(system));
    Ok(CaptureSource { number, partition, is_one_of_many: false, may_be_left_out: false, place, name, kind, origin })
}

/// Returns `true` if an error concerns the output rather than the source.
fn is_of_output(error: &Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(because) = cause {
        if let Some(error) = because.downcast_ref::<io::Error>()
            && matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        {
            return true;
        }
        cause = because.source();
    }
    false
}

/// Fails if a volume is truncated or was not cleanly unmounted.
fn check_ntfs(volume: &Window, place: &str) -> Result<()> {
    let facts = ntfs::read(&mut volume.clone())
        .map_err(|fault| Error::new(format!("the NTFS volume `{place}` can't be read: {fault}")))?;
    if facts.len > volume.len() {
        let (needed, found) = (facts.len, volume.len());
        return Err(Error::new(format!("the NTFS volume `{place}` has {needed} bytes, but only {found} are present"))
            .help("copy it again, since its end is missing"));
    }
    let why = match facts.state {
        ntfs::VolumeState::Clean => return Ok(()),
        ntfs::VolumeState::Dirty => "is marked as dirty",
        ntfs::VolumeState::Unfinished => "was not unmounted, and its log contains pending changes",
    };
    Err(Error::new(format!("the NTFS volume `{place}` {why}")).help(
        "start its Windows and shut it down with `shutdown /s /t 0`, or repair the volume with `chkdsk /f` \
         there or `ntfsfix -d` here, and capture again",
    ))
}

/// Reason why a volume of a disk is not captured.
fn why_skipped(partition: &Partition, system: FileSystem) -> String {
    let kind = partition.kind;
    match system {
        FileSystem::BitLocker => "it is encrypted with BitLocker".into(),
        FileSystem::Other(name) => format!("it holds {name}"),
        FileSystem::Empty => format!("it holds no file system ({kind})"),
        _ => format!("it holds neither NTFS nor FAT ({kind})"),
    }
}
