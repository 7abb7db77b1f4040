//! Opens and reads regular files named by users.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;

use crate::git_lfs;
use crate::size::Size;

/// Texts that replace files, by canonical path: unsaved buffers of an editor.
pub type Overlay = BTreeMap<PathBuf, Arc<str>>;

thread_local! {
    static OVERLAY: RefCell<Overlay> = RefCell::default();
}

/// Runs `work` with an overlay: on this thread, [`read_text`] returns its texts instead of those on
/// disk.
pub fn with_overlay<T>(overlay: Overlay, work: impl FnOnce() -> T) -> T {
    /// Restores the previous overlay, even after a panic.
    struct Restore(Overlay);
    impl Drop for Restore {
        fn drop(&mut self) {
            OVERLAY.replace(std::mem::take(&mut self.0));
        }
    }
    let _restore = Restore(OVERLAY.replace(overlay));
    work()
}

/// Returns the path that overlays use for a file: absolute, with the links of its folder resolved.
/// The file need not exist.
pub fn overlay_path(path: &Path) -> PathBuf {
    let absolute = || std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.canonicalize().unwrap_or_else(|_| match (path.parent().map(Path::canonicalize), path.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => absolute(),
    })
}

/// Returns the text of the overlay for a file, if there is one.
fn overlay_text(path: &Path) -> Option<Arc<str>> {
    OVERLAY.with_borrow(|overlay| if overlay.is_empty() { None } else { overlay.get(&overlay_path(path)).cloned() })
}

/// Opens a regular file for reading, following links.
///
/// Never blocks: a FIFO without a writer is refused like any other.
///
/// # Errors
///
/// Errors of opening; `IsADirectory` for a folder; `InvalidInput` for a device, FIFO or socket.
pub fn open(path: impl AsRef<Path>) -> io::Result<File> {
    // Opening some devices has side effects, so check the kind before, and again after opening,
    // when it can't change.
    check_kind(fs::metadata(&path)?.file_type())?;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::options().read(true).custom_flags(flags.bits() as i32).open(path)?;
    check_kind(file.metadata()?.file_type())?;
    Ok(file)
}

/// Fails unless a path is a regular file or block device, as images of media and disks are.
///
/// # Errors
///
/// Errors of reading metadata; `IsADirectory` for a folder; `InvalidInput` for another device, FIFO
/// or socket, which could block.
pub fn check_image(path: impl AsRef<Path>) -> io::Result<()> {
    let kind = fs::metadata(&path)?.file_type();
    if kind.is_block_device() { Ok(()) } else { check_kind(kind) }
}

/// Opens a regular file with a length of at most `max_len` bytes, according to its metadata.
///
/// # Errors
///
/// Errors of [`open`]; `FileTooLarge` with both lengths for a longer file.
pub fn open_within(path: impl AsRef<Path>, max_len: u64) -> io::Result<File> {
    let file = open(path)?;
    match file.metadata()?.len() {
        len if len > max_len => Err(too_long(len, max_len)),
        _ => Ok(file),
    }
}

/// Reads a regular file of at most `max_len` bytes.
///
/// # Errors
///
/// Errors of [`open_within`] and of reading; `FileTooLarge` for a file that turns out to be longer.
pub fn read(path: impl AsRef<Path>, max_len: u64) -> io::Result<Vec<u8>> {
    let file = open_within(path, max_len)?;
    let mut bytes = Vec::new();
    // Files in `/proc` report a length of 0, and a file may grow.
    file.take(max_len.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 {
        len if len > max_len => Err(too_long(len, max_len)),
        _ => Ok(bytes),
    }
}

/// Reads a regular file of at most `max_len` bytes of UTF-8.
///
/// # Errors
///
/// Errors of [`read`]; `InvalidData` for other encodings; `InvalidInput` for a Git LFS pointer.
pub fn read_text(path: impl AsRef<Path>, max_len: u64) -> io::Result<String> {
    if let Some(text) = overlay_text(path.as_ref()) {
        return match text.len() as u64 {
            len if len > max_len => Err(too_long(len, max_len)),
            _ => Ok(text.to_string()),
        };
    }
    let bytes = read(path, max_len)?;
    if git_lfs::is_pointer(&bytes) {
        let why = "it is a Git LFS pointer, not the file itself; run `git lfs pull`";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not valid UTF-8"))
}

/// Returns `true` if a file is a Git LFS pointer. Only regular files with the length of a pointer
/// are opened.
///
/// # Errors
///
/// The file can't be opened or read.
pub fn is_lfs_pointer(path: impl AsRef<Path>) -> io::Result<bool> {
    let metadata = fs::metadata(&path)?;
    if !metadata.is_file() || !git_lfs::can_be_pointer(metadata.len()) {
        return Ok(false);
    }
    let mut bytes = Vec::new();
    open(path)?.take(git_lfs::LIMIT).read_to_end(&mut bytes)?;
    Ok(git_lfs::is_pointer(&bytes))
}

fn check_kind(kind: FileType) -> io::Result<()> {
    let found = match kind {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        kind if kind.is_fifo() => "a FIFO",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {found}, not a regular file")))
}

/// Fails if a length exceeds a limit.
///
/// # Errors
///
/// `FileTooLarge` with both lengths.
pub fn check_len(len: u64, max_len: u64) -> io::Result<()> {
    if len > max_len { Err(too_long(len, max_len)) } else { Ok(()) }
}

fn too_long(len: u64, max_len: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("it has {len} bytes ({}); the limit is {max_len} bytes ({})", Size(len), Size(max_len)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal<T: std::fmt::Debug>(result: io::Result<T>) -> (io::ErrorKind, String) {
        let error = result.unwrap_err();
        (error.kind(), error.to_string())
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_text(&path, 5).unwrap(), "12345");
        assert_eq!(
            refusal(read(&path, 4)),
            (io::ErrorKind::FileTooLarge, "it has 5 bytes (5 B); the limit is 4 bytes (4 B)".into())
        );
        fs::write(&path, [0xff]).unwrap();
        assert_eq!(refusal(read_text(&path, 5)).0, io::ErrorKind::InvalidData);
    }

    #[test]
    fn an_overlay_is_read_in_place_of_files_while_it_lasts() {
        let root = tempfile::tempdir().unwrap();
        let (path, new) = (root.path().join("a"), root.path().join("new"));
        fs::write(&path, "disk").unwrap();
        let overlay = [&path, &new].map(|path| (overlay_path(path), Arc::from("buffer"))).into();
        with_overlay(overlay, || {
            assert_eq!(read_text(root.path().join(".").join("a"), 6).unwrap(), "buffer");
            assert_eq!(read_text(&new, 6).unwrap(), "buffer");
            assert_eq!(refusal(read_text(&path, 5)).0, io::ErrorKind::FileTooLarge);
        });
        assert_eq!(read_text(&path, 6).unwrap(), "disk");
        assert_eq!(refusal(read_text(&new, 6)).0, io::ErrorKind::NotFound);
    }

    #[test]
    fn lfs_pointers_are_files_and_small() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("install.wim");
        let pointer =
            format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 512345678\n", "4d".repeat(32));
        fs::write(&path, pointer).unwrap();
        assert!(is_lfs_pointer(&path).unwrap());
        assert!(!is_lfs_pointer(root.path()).unwrap());
        fs::write(&path, "MSWIM").unwrap();
        assert!(!is_lfs_pointer(&path).unwrap());
    }

    #[test]
    fn a_hole_of_a_terabyte_takes_no_memory() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("hole");
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(refusal(read(&path, 1 << 20)).0, io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_file_that_says_it_is_empty_is_read_up_to_its_limit() {
        assert!(!read("/proc/self/status", 1 << 20).unwrap().is_empty());
        assert_eq!(refusal(read("/proc/self/status", 10)).0, io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn devices_fifos_sockets_and_folders_are_refused_without_waiting() {
        let root = tempfile::tempdir().unwrap();
        let [fifo, link, socket] = ["fifo", "link", "socket"].map(|name| root.path().join(name));
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (path, kind) in [(fifo.as_path(), "a FIFO"), (&link, "a device"), (&socket, "a socket")] {
            let said = (io::ErrorKind::InvalidInput, format!("it is {kind}, not a regular file"));
            assert_eq!(refusal(read(path, 10)), said);
            assert_eq!(refusal(open(path)), said);
            assert_eq!(refusal(check_image(path)), said);
        }
        assert_eq!(refusal(read(root.path(), 10)).0, io::ErrorKind::IsADirectory);
        assert_eq!(refusal(read(root.path().join("none"), 10)).0, io::ErrorKind::NotFound);
    }
}
