//! FAT volumes: their files in a folder beside the output, from where wimlib takes them, and their marks beside those.
//!
//! wimlib knows no FAT, and a folder of Linux no attributes, short names and times of making. They are kept apart, and
//! put into the finished WIM file. This takes a copy of the volume's files, which is removed at the end; what a killed
//! capture leaves of it, the next one of the same output replaces. FAT has the time of some clock on a wall: it is
//! taken for UTC, as Linux does it. The date of last access becomes that of the last write.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use fatfs::{DateTime, Dir, DirEntry, FileSystem, FsOptions};

use crate::date::Date;
use crate::error::{Error, Result};
use crate::format::partitions::Window;
use crate::format::wim::capture::{Marks, Tree};
use crate::format::wim::metadata::{Entry as WimEntry, FileTime};
use crate::progress::Progress;

/// The files of a volume, removed when dropped.
pub(super) struct Staged {
    folder: Utf8PathBuf,
    marks: BTreeMap<String, Marks>,
}

/// Deeper than any path that FAT can write: folders that go on are in a circle.
const MAX_DEPTH: usize = 130;

/// FAT lets a folder have 2 MiB, so entries of 32 bytes: one that has more is in a circle too.
const MAX_ENTRIES: usize = 1 << 16;

const COPY_LEN: usize = 256 << 10;

impl Staged {
    /// Takes the files out of a volume. `place` is what messages call it.
    pub(super) fn make(volume: &Window, place: &str, folder: Utf8PathBuf, progress: &Progress) -> Result<Self> {
        remove(&folder).map_err(|error| Error::io("removing", &folder, error))?;
        create_folder(&folder).map_err(|error| Error::io("creating", &folder, error))?;
        let mut staged = Self { folder, marks: BTreeMap::new() };
        let unreadable = |error| Error::new(format!("the FAT volume `{place}` can't be read")).because(error);
        let system = FileSystem::new(ReadOnly(volume.clone()), FsOptions::new()).map_err(unreadable)?;
        let mut reader = Reader { staged: &mut staged, place, progress, buffer: vec![0; COPY_LEN] };
        reader.folder(&system.root_dir(), "", 0)?;
        Ok(staged)
    }

    pub(super) fn tree(&self) -> Tree<'_> {
        Tree::Staged(&self.folder, &self.marks)
    }
}

/// Creates a folder for its owner only: the volume may be one that others can't read.
fn create_folder(folder: &Utf8Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(folder)
}

fn remove(folder: &Utf8Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // A leftover is replaced by the next run.
        let _ = remove(&self.folder);
    }
}

struct Reader<'a> {
    staged: &'a mut Staged,
    place: &'a str,
    progress: &'a Progress,
    buffer: Vec<u8>,
}

impl Reader<'_> {
    fn folder(&mut self, folder: &Dir<'_, ReadOnly>, path: &str, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(self.unreadable(path, io::Error::other("its folders are in a circle")));
        }
        for (n, entry) in folder.iter().enumerate() {
            if n > MAX_ENTRIES {
                return Err(self.unreadable(path, io::Error::other("its clusters are in a circle")));
            }
            self.progress.go_on()?;
            let entry = entry.map_err(|error| self.unreadable(path, error))?;
            let name = entry.file_name();
            if name == "." || name == ".." {
                continue;
            }
            if name.contains(['/', '\0']) || name.is_empty() {
                return Err(self.unreadable(path, io::Error::other(format!("a file is called {name:?}"))));
            }
            let path = if path.is_empty() { name } else { format!("{path}/{name}") };
            if self.staged.marks.insert(path.clone(), marks(&entry)).is_some() {
                return Err(self.unreadable(&path, io::Error::other("two files have this name")));
            }
            let target = self.staged.folder.join(&path);
            if entry.is_dir() {
                create_folder(&target).map_err(|error| Error::io("creating", &target, error))?;
                self.folder(&entry.to_dir(), &path, depth + 1)?;
            } else {
                self.file(&entry, &path, &target)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, entry: &DirEntry<'_, ReadOnly>, path: &str, to: &Utf8Path) -> Result<()> {
        let failed = |error: io::Error| {
            let is_full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
            let error = Error::io("writing", to, error);
            if is_full {
                error.help("a FAT volume's files are copied beside the output; make room there")
            } else {
                error
            }
        };
        let mut target = File::options().write(true).create_new(true).mode(0o600).open(to).map_err(failed)?;
        let mut source = entry.to_file();
        let mut n_copied = 0;
        loop {
            self.progress.go_on()?;
            match source.read(&mut self.buffer).map_err(|error| self.unreadable(path, error))? {
                0 => break,
                n => {
                    target.write_all(&self.buffer[..n]).map_err(failed)?;
                    n_copied += n as u64;
                }
            }
        }
        if n_copied != entry.len() {
            let why = format!("it has {} bytes, and clusters for {n_copied}", entry.len());
            return Err(self.unreadable(path, io::Error::other(why)));
        }
        Ok(())
    }

    fn unreadable(&self, path: &str, error: io::Error) -> Error {
        Error::new(format!("`/{path}` of the FAT volume `{}` can't be read", self.place))
            .because(error)
            .help("have it repaired with `fsck.fat`, or copy it again")
    }
}

fn marks(entry: &DirEntry<'_, ReadOnly>) -> Marks {
    let written = time(entry.modified());
    let made = time(entry.created()).or(written).unwrap_or(Date::EARLIEST.into());
    let written = written.unwrap_or(made);
    let attributes = u32::from(entry.attributes().bits());
    let short_name = entry.short_file_name();
    Marks {
        attributes: if attributes == 0 { WimEntry::NORMAL } else { attributes },
        short_name: Some(short_name).filter(|short| !short.eq_ignore_ascii_case(&entry.file_name())),
        times: [made, written, written],
    }
}

/// None for what is no time, such as the zeros of a file that says none.
fn time(time: DateTime) -> Option<FileTime> {
    let DateTime { date, time } = time;
    let civil =
        (date.year, date.month as u8, date.day as u8, time.hour as u8, time.min as u8, (time.sec as u8).min(59));
    let FileTime(seconds) = Date::from_civil(civil, 0)?.into();
    Some(FileTime(seconds + u64::from(time.millis) * 10_000))
}

/// A volume that takes no writes: it is only read, though `fatfs` asks for both.
struct ReadOnly(Window);

impl Read for ReadOnly {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.0.read(to)
    }
}

impl Seek for ReadOnly {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl Write for ReadOnly {
    fn write(&mut self, _from: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
