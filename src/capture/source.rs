//! Finding what the sources are: folders, volumes, and disks with volumes on them.

use std::fs::{self, File, Metadata};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::FileTypeExt;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::fat::Staged;
use super::still::Still;
use super::{R92, Skipped, Work, disk, usb};
use crate::error::{Error, Result};
use crate::format::file_system::{FileSystem, recognise};
use crate::format::ntfs;
use crate::format::partitions::{self, Partition, Window};
use crate::format::wim::capture::Tree;
use crate::progress::Progress;

/// Something that becomes an image.
pub(super) struct Source {
    /// Which of the sources that were asked for it is, or is on; from 0.
    pub number: usize,
    /// The number of its partition, if it is one of a disk.
    pub partition: Option<u32>,
    /// Whether others of the same disk become images too.
    pub is_one_of_many: bool,
    /// Where it is, for messages.
    pub place: String,
    /// What the image is called.
    pub name: String,
    pub kind: Kind,
    origin: Origin,
}

pub(super) enum Kind {
    Folder,
    Volume(FileSystem),
}

enum Origin {
    Folder(Utf8PathBuf, Still),
    Ntfs(Window, Still),
    Fat(Window, Still, Option<Staged>),
}

/// What the sources came to.
#[derive(Default)]
pub(super) struct Found {
    pub sources: Vec<Source>,
    pub skipped: Vec<Skipped>,
    /// Disks that were made raw for this; they go with it.
    disks: Vec<disk::Raw>,
}

impl Source {
    /// What the image is made of.
    pub(super) fn tree(&self) -> Result<Tree<'_>> {
        Ok(match &self.origin {
            Origin::Folder(path, _) => Tree::Folder(path),
            Origin::Ntfs(window, _) => Tree::Ntfs(window.clone()),
            Origin::Fat(_, _, Some(staged)) => staged.tree(),
            Origin::Fat(_, _, None) => return Err(Error::new(format!("`{}` was not taken out", self.place))),
        })
    }

    /// Takes the files of a FAT volume out of it, into a folder beside the output that goes with this.
    pub(super) fn take_out(&mut self, work: &Work, at: usize, progress: &Progress) -> Result<()> {
        if let Origin::Fat(window, _, staged) = &mut self.origin {
            let name = format!(".{}.tsmedia-fat{at}", work.target.file_name().unwrap_or_default());
            *staged = Some(Staged::make(window, &self.place, work.target.with_file_name(name), progress)?);
        }
        Ok(())
    }

    /// Fails if the source is not any more what it was when it was found.
    pub(super) fn check_unchanged(&self) -> Result<()> {
        let (Origin::Folder(_, still) | Origin::Ntfs(_, still) | Origin::Fat(_, still, _)) = &self.origin;
        still.check()
    }
}

/// Looks at every source. There is at least one to capture.
pub(super) fn find(work: &Work, progress: &Progress) -> Result<Found> {
    let mut found = Found::default();
    for (number, path) in work.sources.iter().enumerate() {
        progress.go_on()?;
        let metadata = fs::metadata(path).map_err(|error| Error::io("looking at", path, error))?;
        if metadata.is_dir() {
            found.folder(number, path)?;
        } else if metadata.is_file() || metadata.file_type().is_block_device() {
            found.file(number, path, &metadata, work, progress)?;
        } else {
            return Err(Error::new(format!("`{path}` is neither a folder nor a volume nor a disk"))
                .help("give a folder, an image file or a block device"));
        }
    }
    match (found.sources.is_empty(), found.skipped.as_slice()) {
        (false, _) => Ok(found),
        (true, skipped) => {
            let why: Vec<_> = skipped.iter().map(|it| format!("`{}`: {}", it.source, it.why)).collect();
            let why = if why.is_empty() { "no partition".into() } else { why.join("; ") };
            Err(Error::new(format!("there is nothing to capture: {why} ({R92})"))
                .help("give a folder, or a volume or disk with NTFS or FAT on it"))
        }
    }
}

impl Found {
    fn folder(&mut self, number: usize, path: &Utf8Path) -> Result<()> {
        let still = Still::folder(path)?;
        let name = fs::canonicalize(path).ok().and_then(|path| path.file_name()?.to_str().map(str::to_owned));
        self.sources.push(Source {
            number,
            partition: None,
            is_one_of_many: false,
            place: path.to_string(),
            name: name.unwrap_or_else(|| "folder".into()),
            kind: Kind::Folder,
            origin: Origin::Folder(path.to_owned(), still),
        });
        Ok(())
    }

    /// An image file or a block device.
    fn file(
        &mut self,
        number: usize,
        path: &Utf8Path,
        metadata: &Metadata,
        work: &Work,
        progress: &Progress,
    ) -> Result<()> {
        if let Some(why) = usb::is_on_usb(metadata, work.sysfs) {
            self.skipped.push(Skipped { source: path.to_string(), why });
            return Ok(());
        }
        let failed = |error| Error::io("reading", path, error);
        let mut still = Still::file(path, metadata);
        let mut file = File::open(path).map_err(|error| Error::io("opening", path, error))?;
        let mut len = file.seek(SeekFrom::End(0)).map_err(failed)?;
        match disk::form(&file, len).map_err(failed)? {
            disk::Form::Raw(raw_len) => len = raw_len,
            disk::Form::Other(form) => {
                let raw = disk::Raw::make(path, form, work, number, progress)?;
                (file, len) = raw.open()?;
                // The copy is nobody else's; the disk was read before and after.
                still.check()?;
                still = Still::nothing();
                self.disks.push(raw);
            }
        }
        let whole = Window::new(Arc::new(file), 0, len);
        let system = recognise(&mut whole.clone()).map_err(failed)?;
        let stem = path.file_stem().unwrap_or("volume");
        match system {
            FileSystem::Ntfs | FileSystem::Fat(_) => {
                self.volume(number, None, path.to_string(), stem.to_owned(), &whole, system, &still)
            }
            FileSystem::BitLocker => {
                let why = "it is encrypted with BitLocker".into();
                self.skipped.push(Skipped { source: path.to_string(), why });
                Ok(())
            }
            FileSystem::Other("ISO 9660") => Err(Error::new(format!("`{path}` is a disc, not a disk"))
                .help(format!("take it apart first, with `7z x {path}`, and capture the folder"))),
            FileSystem::Other(_) | FileSystem::Empty | FileSystem::Unknown => {
                self.disk(number, path, stem, &whole, system, &still)
            }
        }
    }

    fn disk(
        &mut self,
        number: usize,
        path: &Utf8Path,
        stem: &str,
        whole: &Window,
        system: FileSystem,
        still: &Still,
    ) -> Result<()> {
        let table = partitions::read(&mut whole.clone())
            .map_err(|fault| Error::new(format!("the partition table of `{path}` can't be read: {fault}")))?;
        let Some(table) = table else {
            if let FileSystem::Other(name) = system {
                let why = format!("it holds {name}");
                self.skipped.push(Skipped { source: path.to_string(), why });
                return Ok(());
            }
            return Err(Error::new(format!("`{path}` is neither a volume nor a disk with partitions"))
                .help("see whether the path is right and the file was copied whole"));
        };
        let first = self.sources.len();
        for partition in &table.partitions {
            let place = format!("{path}, partition {}", partition.number);
            let volume = Window::new(whole.file(), partition.offset, partition.len);
            if partition.offset.saturating_add(partition.len) > whole.len() {
                return Err(Error::new(format!("`{place}` reaches past the end of the disk at {}", whole.len()))
                    .help("copy the disk again: its end is missing"));
            }
            let system = recognise(&mut volume.clone()).map_err(|error| Error::io("reading", path, error))?;
            if let FileSystem::Ntfs | FileSystem::Fat(_) = system {
                let name = format!("{stem} (partition {})", partition.number);
                self.volume(number, Some(partition.number), place, name, &volume, system, still)?;
            } else {
                self.skipped.push(Skipped { source: place, why: why_skipped(partition, system) });
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

    #[expect(clippy::too_many_arguments, reason = "all that makes a source")]
    fn volume(
        &mut self,
        number: usize,
        partition: Option<u32>,
        place: String,
        name: String,
        volume: &Window,
        system: FileSystem,
        still: &Still,
    ) -> Result<()> {
        let kind = Kind::Volume(system);
        let origin = if system == FileSystem::Ntfs {
            check_ntfs(volume, &place)?;
            Origin::Ntfs(volume.clone(), still.clone())
        } else {
            Origin::Fat(volume.clone(), still.clone(), None)
        };
        self.sources.push(Source { number, partition, is_one_of_many: false, place, name, kind, origin });
        Ok(())
    }
}

/// Fails for a volume of which not all is in its place.
fn check_ntfs(volume: &Window, place: &str) -> Result<()> {
    let facts = ntfs::read(&mut volume.clone())
        .map_err(|fault| Error::new(format!("the NTFS volume `{place}` can't be read: {fault}")))?;
    if facts.len > volume.len() {
        let (needed, found) = (facts.len, volume.len());
        return Err(Error::new(format!("the NTFS volume `{place}` has {needed} bytes, and {found} of them are there"))
            .help("copy it again: its end is missing"));
    }
    let why = match facts.state {
        ntfs::State::Clean => return Ok(()),
        ntfs::State::Dirty => "is marked as dirty",
        ntfs::State::Unfinished => "was not unmounted, and its log holds changes that are not in their places",
    };
    Err(Error::new(format!("the NTFS volume `{place}` {why}")).help(
        "start its Windows and shut it down fully with `shutdown /s /t 0`, or repair the volume with `chkdsk /f` \
         there or `ntfsfix -d` here, and capture again",
    ))
}

/// Why a volume of a disk is not captured.
fn why_skipped(partition: &Partition, system: FileSystem) -> String {
    let kind = partition.kind;
    match system {
        FileSystem::BitLocker => "it is encrypted with BitLocker".into(),
        FileSystem::Other(name) => format!("it holds {name}"),
        FileSystem::Empty => format!("it holds no file system ({kind})"),
        _ => format!("it holds neither NTFS nor FAT ({kind})"),
    }
}
