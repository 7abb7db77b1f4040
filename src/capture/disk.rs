//! Converts virtual disks that can't be read in place to a sparse raw file beside the output.
//!
//! The file takes as much space as the disk has data. Only its owner can read it, and its name is removed at once, so
//! that nothing is left when the process ends in any way.

use std::fs::File;

use super::CaptureJob;
use crate::error::{Error, Result};
use crate::format::virtual_disk::VirtualDisk;
use crate::progress::Progress;
use crate::write::open;

/// Makes a raw copy of a disk. `number` is the index of the source.
pub(super) fn make_raw(disk: &VirtualDisk, work: &CaptureJob, number: usize, progress: &Progress) -> Result<File> {
    let name = format!(".{}.tsmedia-disk{number}", work.target.file_name().unwrap_or_default());
    let path = work.target.with_file_name(name);
    let removed = |path| work.disk.remove(path).map_err(|error| Error::io("removing", path, error));
    // A process that was killed in between may have left one.
    removed(&path)?;
    let file = open::create_private(&path).map_err(|error| Error::io("creating", &path, error))?;
    removed(&path)?;
    disk.copy(&file, progress)?;
    Ok(file)
}
