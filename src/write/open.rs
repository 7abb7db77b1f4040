//! The only module that opens files for writing, makes folders and removes trees.
//!
//! Folders come from archives, Git clones, sticks and other users, so nothing found in them is trusted with our bytes.
//! A new file is made with `O_EXCL`. A file that exists is written to only if it is regular, belongs to the user who
//! runs tsmedia, has no second hard link and is not reached over a symbolic link. A file system without owners (FAT,
//! CIFS, 9P, FUSE …) is not asked for them. Links among the folders on the way to an output are followed, since its
//! author named that path; those of the cache have to be [folders of their own](check_folder).

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};

use camino::Utf8Path;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_NOW};
use rustix::io::Errno;

use crate::error::Error;

/// Why a file or folder that exists is not written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A symbolic link.
    Link,
    /// A folder, a device, a pipe or a socket.
    NotAFile,
    /// Anything but a folder.
    NotAFolder,
    /// It has another hard link.
    SecondName,
    /// It belongs to the user with this UID.
    Owner(u32),
    /// Users other than its owner may read or write it; the permission bits.
    Permissions(u32),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link => f.write_str("it is a symbolic link"),
            Self::NotAFile => f.write_str("it is not a regular file"),
            Self::NotAFolder => f.write_str("it is not a folder"),
            Self::SecondName => f.write_str("it has a second name (hard link)"),
            Self::Owner(uid) => write!(f, "it belongs to another user (UID {uid})"),
            Self::Permissions(mode) => write!(f, "its permissions {mode:04o} are too open"),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, refusal)
    }
}

/// Returns the refusal that an error stands for, if it does.
pub fn refusal(error: &io::Error) -> Option<Refusal> {
    error.get_ref()?.downcast_ref().copied()
}

/// Error of a failed operation on a file, with help where it was refused; `doing` is a present participle.
pub fn failed(doing: &str, path: &Utf8Path, error: io::Error) -> Error {
    let help = match refusal(&error) {
        Some(Refusal::Permissions(_)) => Some(format!("`chmod 600 {path}`")),
        Some(Refusal::Owner(_)) => Some(format!("run tsmedia as its owner, or remove it: `rm -r {path}`")),
        Some(_) => Some(format!("look at what it is, then remove it: `rm {path}`")),
        None => None,
    };
    let failed = Error::io(doing, path, error);
    match help {
        Some(help) => failed.help(help),
        None => failed,
    }
}

/// Makes a file that is not there yet, open to read and write. The umask decides who may read it.
pub fn create_new(path: &Utf8Path) -> io::Result<File> {
    create_with(path, 0o666)
}

/// Makes a file that is not there yet and that only its owner can read, open to read and write.
pub fn create_private(path: &Utf8Path) -> io::Result<File> {
    create_with(path, 0o600)
}

fn create_with(path: &Utf8Path, mode: u32) -> io::Result<File> {
    File::options().read(true).write(true).create_new(true).mode(mode).open(path)
}

/// Opens an existing file of ours to read and write.
///
/// # Errors
///
/// Those of opening, and a [`Refusal`].
pub fn open_own(path: &Utf8Path) -> io::Result<File> {
    open(path, OFlags::RDWR)
}

/// Opens a file of ours to read and write, and makes it if it does not exist.
///
/// # Errors
///
/// Those of opening, and a [`Refusal`].
pub fn open_or_create(path: &Utf8Path) -> io::Result<File> {
    loop {
        match create_new(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created,
        }
        match open_own(path) {
            // It was removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
    }
}

/// Opens a file of ours to read it: one of the cache, whose content is believed.
///
/// # Errors
///
/// Those of opening, and a [`Refusal`].
pub fn open_own_to_read(path: &Utf8Path) -> io::Result<File> {
    open(path, OFlags::RDONLY)
}

/// Opens a file of ours that nobody else may read or write.
///
/// # Errors
///
/// Those of opening, and a [`Refusal`].
pub fn open_private(path: &Utf8Path) -> io::Result<File> {
    let file = open_own_to_read(path)?;
    let mode = file.metadata()?.mode() & 0o777;
    if mode & 0o077 != 0 && keeps_owners(&file) { Err(Refusal::Permissions(mode).into()) } else { Ok(file) }
}

/// Opens a regular file to read it, whoever it belongs to. Symbolic links are not followed.
pub fn open_to_look(path: &Utf8Path) -> io::Result<File> {
    let file = open_no_follow(path, OFlags::RDONLY)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(Refusal::NotAFile.into()) }
}

fn open(path: &Utf8Path, access: OFlags) -> io::Result<File> {
    let file = open_no_follow(path, access)?;
    check(&file, &file.metadata()?)?;
    Ok(file)
}

fn open_no_follow(path: &Utf8Path, access: OFlags) -> io::Result<File> {
    // Opening a pipe would otherwise wait for its other end.
    let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match rustix::fs::open(path.as_std_path(), flags, Mode::empty()) {
        Ok(file) => Ok(File::from(file)),
        Err(Errno::LOOP) if is_link(path) => Err(Refusal::Link.into()),
        Err(Errno::ISDIR | Errno::NXIO) => Err(Refusal::NotAFile.into()),
        Err(error) => Err(error.into()),
    }
}

fn check(file: &File, metadata: &Metadata) -> io::Result<()> {
    if !metadata.is_file() {
        return Err(Refusal::NotAFile.into());
    }
    if metadata.nlink() > 1 {
        return Err(Refusal::SecondName.into());
    }
    check_owner(file, metadata)
}

fn check_owner(file: impl AsFd, metadata: &Metadata) -> io::Result<()> {
    match metadata.uid() {
        uid if uid == rustix::process::geteuid().as_raw() || !keeps_owners(file) => Ok(()),
        uid => Err(Refusal::Owner(uid).into()),
    }
}

/// Whether the file system of a file stores owners and permissions itself, rather than showing those of a mount option
/// or of another system.
fn keeps_owners(file: impl AsFd) -> bool {
    /// Magic numbers of file systems: FAT, exFAT, NTFS, SMB, CIFS, SMB2, FUSE, 9P, shared folders of VirtualBox.
    const WITHOUT: [u32; 9] =
        [0x4d44, 0x2011_bab0, 0x7366_746e, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x6573_5546, 0x0102_1997, 0x786f_4256];
    rustix::fs::fstatfs(file).map_or(true, |system| !WITHOUT.contains(&(system.f_type as u32)))
}

/// Whether a path is a symbolic link, also one that leads nowhere.
pub fn is_link(path: &Utf8Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// Fails if a path is a symbolic link: nothing is written through one, and none is replaced by a file.
pub fn refuse_link(path: &Utf8Path) -> crate::error::Result<()> {
    if !is_link(path) {
        return Ok(());
    }
    Err(Error::new(format!("`{path}` is a symbolic link, and no file is written through one"))
        .help(format!("give the file's own path, or remove the link: `rm {path}`")))
}

/// Device and inode of what is at a path, which is not followed if it is a link; none if nothing is.
pub fn identity(path: &Utf8Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Whether a path names this open file, and not another one or a link to it.
pub fn is_named(file: &File, path: &Utf8Path) -> bool {
    file.metadata().is_ok_and(|own| identity(path) == Some((own.dev(), own.ino())))
}

/// Reads a file of ours into memory, at most `max_len` bytes.
///
/// # Errors
///
/// Those of opening and reading, a [`Refusal`], and `FileTooLarge`.
pub fn read_own(path: &Utf8Path, max_len: u64) -> io::Result<Vec<u8>> {
    let file = open_own_to_read(path)?;
    if file.metadata()?.len() > max_len {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = Vec::new();
    file.take(max_len).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Sets both times of a file of ours to now.
pub fn touch(path: &Utf8Path) -> io::Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: now, last_modification: now };
    Ok(rustix::fs::utimensat(CWD, path.as_std_path(), &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Makes a file without a name in a folder, open to read and write; it is gone when it is closed.
pub fn create_unnamed(folder: &Utf8Path) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    Ok(rustix::fs::open(folder.as_std_path(), flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// Makes the folders on the way to a file that the user named.
pub fn create_folders(path: &Utf8Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// Makes a folder that is not there yet and that only its owner can enter.
pub fn create_private_folder(path: &Utf8Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(path)
}

/// Makes a folder of our own, unless it exists; folders above it are made as well.
///
/// # Errors
///
/// Those of making it, and a [`Refusal`] if what exists is a link or belongs to another user.
pub fn create_own_folder(path: &Utf8Path) -> io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => check_folder(path),
        created => created,
    }
}

/// Fails unless a path is a folder of ours, and not a link to one.
pub fn check_folder(path: &Utf8Path) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::open(path.as_std_path(), flags, Mode::empty()) {
        Ok(folder) => {
            let folder = File::from(folder);
            let metadata = folder.metadata()?;
            check_owner(&folder, &metadata)
        }
        Err(Errno::NOTDIR | Errno::LOOP) if is_link(path) => Err(Refusal::Link.into()),
        Err(Errno::NOTDIR) if fs::symlink_metadata(path).is_ok() => Err(Refusal::NotAFolder.into()),
        Err(error) => Err(error.into()),
    }
}

/// Renames a file, unless there is one of the new name already; says whether it did.
pub fn rename_new(from: &Utf8Path, to: &Utf8Path) -> io::Result<bool> {
    match rustix::fs::renameat_with(CWD, from.as_std_path(), CWD, to.as_std_path(), RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        // The file system can't do it in one step.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => match fs::symlink_metadata(to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::rename(from, to).map(|()| true),
            found => found.map(|_| false),
        },
        Err(error) => Err(error.into()),
    }
}

/// Has the disk take what was created, renamed or removed in a folder.
pub fn sync_folder(path: &Utf8Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Removes a folder with all that is in it, if it exists. A link in its place is removed, and not what it leads to.
pub fn remove_tree(path: &Utf8Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Removes a file or a link, if it exists.
pub fn remove(path: &Utf8Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests;
