//! Disks in other forms than raw: QCOW2, VHD, VHDX, VMDK, VDI.
//!
//! A fixed VHD is a raw disk with 512 bytes behind it, and read where it is. All others are made raw by `qemu-img
//! convert` in a sparse file beside the output, which takes as much room as the disk has data, and is removed at the
//! end. What a killed capture leaves of it, the next one of the same output replaces.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::Work;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::write::Disk;

/// The form of a disk image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// So many bytes of it are the disk.
    Raw(u64),
    /// What qemu-img calls it.
    Other(&'static str),
}

/// What begins in other forms.
const MARKS: [(&str, u64, &[u8]); 5] = [
    ("qcow2", 0, b"QFI\xfb"),
    ("vhdx", 0, b"vhdxfile"),
    ("vpc", 0, VHD),
    ("vmdk", 0, b"KDMV"),
    ("vdi", 64, b"\x7f\x10\xda\xbe"),
];

/// The mark of a VHD's footer, of which all but fixed ones have a copy at the beginning.
const VHD: &[u8] = b"conectix";
const VHD_FOOTER_LEN: u64 = 512;

pub(super) fn form(file: &File, len: u64) -> io::Result<Form> {
    let has = |at: u64, mark: &[u8]| -> io::Result<bool> {
        let mut found = vec![0; mark.len()];
        if at + mark.len() as u64 > len {
            return Ok(false);
        }
        file.read_exact_at(&mut found, at)?;
        Ok(found == mark)
    };
    for (form, at, mark) in MARKS {
        if has(at, mark)? {
            return Ok(Form::Other(form));
        }
    }
    match len.checked_sub(VHD_FOOTER_LEN) {
        Some(before) if has(before, VHD)? => Ok(Form::Raw(before)),
        _ => Ok(Form::Raw(len)),
    }
}

/// A raw copy of a disk, removed when dropped.
pub(super) struct Raw {
    path: Utf8PathBuf,
    disk: Disk,
}

/// How often it is seen whether `qemu-img` is done.
const PAUSE: Duration = Duration::from_millis(50);

impl Raw {
    /// Makes the raw copy of a disk.
    pub(super) fn make(path: &Utf8Path, form: &str, work: &Work, number: usize, progress: &Progress) -> Result<Self> {
        let name = format!(".{}.tsmedia-disk{number}", work.target.file_name().unwrap_or_default());
        let raw = Self { path: work.target.with_file_name(name), disk: work.disk.clone() };
        // What a killed capture left may be larger.
        raw.disk.remove(&raw.path).map_err(|error| Error::io("removing", &raw.path, error))?;
        let mut command = Command::new("qemu-img");
        command.args(["convert", "-f", form, "-O", "raw", "-S", "4k"]).arg(absolute(path)).arg(absolute(&raw.path));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::new(format!(
                "`{path}` is a {form} disk, and `qemu-img` is not installed"
            ))
            .help("install it, with `apt-get install qemu-utils` on Debian and Ubuntu, or make the disk raw elsewhere"),
            _ => Error::new("starting `qemu-img`").because(error),
        })?;
        loop {
            if progress.is_cancelled() {
                let _ = child.kill();
            }
            match child.try_wait() {
                Ok(None) => thread::sleep(PAUSE),
                Ok(Some(_)) => break,
                Err(error) => return Err(Error::new("waiting for `qemu-img`").because(error)),
            }
        }
        let output = child.wait_with_output().map_err(|error| Error::new("waiting for `qemu-img`").because(error))?;
        progress.go_on()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.trim().trim_start_matches("qemu-img: ").replace('\n', "; ");
            return Err(Error::new(format!("`qemu-img` can't make `{path}` raw: {said}")).help(
                "stop the machine that uses the disk; the raw copy takes as much room beside the output as it has data",
            ));
        }
        Ok(raw)
    }

    /// The copy and its length.
    pub(super) fn open(&self) -> Result<(File, u64)> {
        let opened = File::open(&self.path).and_then(|file| Ok((file.metadata()?.len(), file)));
        opened.map(|(len, file)| (file, len)).map_err(|error| Error::io("opening", &self.path, error))
    }
}

/// With a slash, so that no part of a name is taken for a protocol, as in `nbd:…`, or for an option.
fn absolute(path: &Utf8Path) -> Utf8PathBuf {
    if path.is_absolute() { path.to_owned() } else { Utf8Path::new(".").join(path) }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A leftover is replaced by the next run.
        let _ = self.disk.remove(&self.path);
    }
}
