//! Virtual disks that can't be read where they are: made raw in a sparse file beside the output.
//!
//! The file takes as much room as the disk has data. It can be read by its owner only, and has a name for no longer
//! than it takes to remove that: nothing is left of it when the process ends, however it ends.

use std::fs::File;

use super::CaptureJob;
use crate::error::{Error, Result};
use crate::format::virtual_disk::VirtualDisk;
use crate::progress::Progress;
use crate::write::open;

/// Makes the raw copy of a disk, which is source `number` of the capture.
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
