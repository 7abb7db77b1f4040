//! Opens files for writing, creates folders and removes trees. No other module does.
//!
//! Folders come from archives, Git clones, USB sticks and other users, so nothing found in them is trusted with our
//! bytes. New files are created with `O_EXCL`. An existing file is written to only if it is regular, belongs to the
//! user who runs tsmedia, has no second hard link and is not reached through a symbolic link. Owners are not checked on
//! file systems without them (FAT, CIFS, 9P, FUSE …). Links among the parent folders of an output are followed, since
//! its author named that path; folders of the cache must be [real folders of this user](check_folder).

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};

use camino::Utf8Path;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_NOW};
use rustix::io::Errno;

use crate::error::Error;

/// Reason for not writing to an existing file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenRefusal {
    /// Symbolic link.
    Link,
    /// Folder, device, pipe or socket.
    NotAFile,
    /// Anything but a folder.
    NotAFolder,
    /// File with another hard link.
    SecondName,
    /// File of another user, by UID.
    Owner(u32),
    /// File that other users may read or write, by its permission bits.
    Permissions(u32),
}

impl fmt::Display for OpenRefusal {
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

impl std::error::Error for OpenRefusal {}

impl From<OpenRefusal> for io::Error {
    fn from(refusal: OpenRefusal) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, refusal)
    }
}

/// Returns the refusal inside an error, if there is one.
pub fn refusal(error: &io::Error) -> Option<OpenRefusal> {
    error.get_ref()?.downcast_ref().copied()
}

/// Creates the error of a failed operation, with help if it was refused. `doing` is a present participle.
pub fn failed(doing: &str, path: &Utf8Path, error: io::Error) -> Error {
    let help = match refusal(&error) {
        Some(OpenRefusal::Permissions(_)) => Some(format!("run `chmod 600 {path}`")),
        Some(OpenRefusal::Owner(_)) => Some(format!("run tsmedia as the owner, or remove it with `rm -r {path}`")),
        Some(_) => Some(format!("check what it is, then remove it with `rm {path}`")),
        None => None,
    };
    let failed = Error::io(doing, path, error);
    match help {
        Some(help) => failed.help(help),
        None => failed,
    }
}

/// Creates a file that must not exist, open for reading and writing. The umask applies.
pub fn create_new(path: &Utf8Path) -> io::Result<File> {
    create_with(path, 0o666)
}

/// Creates a file that must not exist and that only its owner can access, open for reading and writing.
pub fn create_private(path: &Utf8Path) -> io::Result<File> {
    create_with(path, 0o600)
}

fn create_with(path: &Utf8Path, mode: u32) -> io::Result<File> {
    File::options().read(true).write(true).create_new(true).mode(mode).open(path)
}

/// Opens an existing file of this user for reading and writing.
///
/// # Errors
///
/// If it can't be opened, or is [refused](OpenRefusal).
pub fn open_own(path: &Utf8Path) -> io::Result<File> {
    open(path, OFlags::RDWR)
}

/// Opens a file of this user for reading and writing, and creates it if it does not exist.
///
/// # Errors
///
/// If it can't be opened, or is [refused](OpenRefusal).
pub fn open_or_create(path: &Utf8Path) -> io::Result<File> {
    loop {
        match create_new(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created,
        }
        match open_own(path) {
            // Another process removed it in between.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
    }
}

/// Opens a file of this user for reading, such as one of the cache, whose content is trusted.
///
/// # Errors
///
/// If it can't be opened, or is [refused](OpenRefusal).
pub fn open_own_to_read(path: &Utf8Path) -> io::Result<File> {
    open(path, OFlags::RDONLY)
}

/// Opens a file of this user that no other user may access.
///
/// # Errors
///
/// If it can't be opened, or is [refused](OpenRefusal).
pub fn open_private(path: &Utf8Path) -> io::Result<File> {
    let file = open_own_to_read(path)?;
    let mode = file.metadata()?.mode() & 0o777;
    if mode & 0o077 != 0 && keeps_owners(&file) { Err(OpenRefusal::Permissions(mode).into()) } else { Ok(file) }
}

/// Opens a regular file of any user for reading. Symbolic links are not followed.
pub fn open_to_inspect(path: &Utf8Path) -> io::Result<File> {
    let file = open_no_follow(path, OFlags::RDONLY)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(OpenRefusal::NotAFile.into()) }
}

fn open(path: &Utf8Path, access: OFlags) -> io::Result<File> {
    let file = open_no_follow(path, access)?;
    check(&file, &file.metadata()?)?;
    Ok(file)
}

fn open_no_follow(path: &Utf8Path, access: OFlags) -> io::Result<File> {
    // Without `NONBLOCK`, opening a pipe waits for its other end.
    let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match rustix::fs::open(path.as_std_path(), flags, Mode::empty()) {
        Ok(file) => Ok(File::from(file)),
        Err(Errno::LOOP) if is_link(path) => Err(OpenRefusal::Link.into()),
        Err(Errno::ISDIR | Errno::NXIO) => Err(OpenRefusal::NotAFile.into()),
        Err(error) => Err(error.into()),
    }
}

fn check(file: &File, metadata: &Metadata) -> io::Result<()> {
    if !metadata.is_file() {
        return Err(OpenRefusal::NotAFile.into());
    }
    if metadata.nlink() > 1 {
        return Err(OpenRefusal::SecondName.into());
    }
    check_owner(file, metadata)
}

fn check_owner(file: impl AsFd, metadata: &Metadata) -> io::Result<()> {
    match metadata.uid() {
        uid if uid == rustix::process::geteuid().as_raw() || !keeps_owners(file) => Ok(()),
        uid => Err(OpenRefusal::Owner(uid).into()),
    }
}

/// Returns `true` if the file system stores owners and permissions itself, rather than showing those of a mount option
/// or of another system.
fn keeps_owners(file: impl AsFd) -> bool {
    /// Magic numbers of file systems: FAT, exFAT, NTFS, SMB, CIFS, SMB2, FUSE, 9P, shared folders of VirtualBox.
    const WITHOUT: [u32; 9] =
        [0x4d44, 0x2011_bab0, 0x7366_746e, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x6573_5546, 0x0102_1997, 0x786f_4256];
    rustix::fs::fstatfs(file).map_or(true, |system| !WITHOUT.contains(&(system.f_type as u32)))
}

/// Returns `true` if a path is a symbolic link, even a dangling one.
pub fn is_link(path: &Utf8Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// Fails if a path is a symbolic link: nothing is written through a link, and no link is replaced by a file.
pub fn refuse_link(path: &Utf8Path) -> crate::error::Result<()> {
    if !is_link(path) {
        return Ok(());
    }
    Err(Error::new(format!("`{path}` is a symbolic link, which tsmedia does not write through"))
        .help(format!("give the path that it points to, or remove it with `rm {path}`")))
}

/// Device and inode at a path, without following links. `None` if nothing is there.
pub fn identity(path: &Utf8Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Returns `true` if a path names this open file itself, rather than another file or a link to it.
pub fn is_named(file: &File, path: &Utf8Path) -> bool {
    file.metadata().is_ok_and(|own| identity(path) == Some((own.dev(), own.ino())))
}

/// Reads a file of this user into memory, at most `max_len` bytes.
///
/// # Errors
///
/// If it can't be opened or read, is [refused](OpenRefusal), or is too large (`FileTooLarge`).
pub fn read_own(path: &Utf8Path, max_len: u64) -> io::Result<Vec<u8>> {
    let file = open_own_to_read(path)?;
    if file.metadata()?.len() > max_len {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = Vec::new();
    file.take(max_len).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Sets the access and modification times of a file to now.
pub fn touch(path: &Utf8Path) -> io::Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: now, last_modification: now };
    Ok(rustix::fs::utimensat(CWD, path.as_std_path(), &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Creates a file without a name in a folder, open for reading and writing. It disappears when closed.
pub fn create_unnamed(folder: &Utf8Path) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    Ok(rustix::fs::open(folder.as_std_path(), flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// Creates the parent folders of a file that the user named.
pub fn create_folders(path: &Utf8Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// Creates a folder that must not exist and that only its owner can enter.
pub fn create_private_folder(path: &Utf8Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(path)
}

/// Creates a folder for tsmedia itself, with its parents, unless it exists.
///
/// # Errors
///
/// If it can't be created, or what exists is a link or belongs to another user.
pub fn create_own_folder(path: &Utf8Path) -> io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => check_folder(path),
        created => created,
    }
}

/// Fails unless a path is a folder of this user, and not a link to one.
pub fn check_folder(path: &Utf8Path) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::open(path.as_std_path(), flags, Mode::empty()) {
        Ok(folder) => {
            let folder = File::from(folder);
            let metadata = folder.metadata()?;
            check_owner(&folder, &metadata)
        }
        Err(Errno::NOTDIR | Errno::LOOP) if is_link(path) => Err(OpenRefusal::Link.into()),
        Err(Errno::NOTDIR) if fs::symlink_metadata(path).is_ok() => Err(OpenRefusal::NotAFolder.into()),
        Err(error) => Err(error.into()),
    }
}

/// Renames a file unless the new name is taken. Returns `true` if it did.
pub fn rename_new(from: &Utf8Path, to: &Utf8Path) -> io::Result<bool> {
    match rustix::fs::renameat_with(CWD, from.as_std_path(), CWD, to.as_std_path(), RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        // The file system can't do both atomically; a file that appears in between is replaced.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => match fs::symlink_metadata(to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::rename(from, to).map(|()| true),
            found => found.map(|_| false),
        },
        Err(error) => Err(error.into()),
    }
}

/// Syncs a folder, so that files created, renamed or removed in it stay so.
pub fn sync_folder(path: &Utf8Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Removes a folder and its contents if it exists. A link at the path is removed, but not its target.
pub fn remove_tree(path: &Utf8Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Removes a file or a link if it exists.
pub fn remove(path: &Utf8Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests;
