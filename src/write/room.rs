//! Free space of a file system, checked before a file is written.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use camino::Utf8Path;

use crate::error::{Error, Result};
use crate::size::Size;

/// Size in bytes of the blocks that metadata count.
const METADATA_BLOCK: u64 = 512;

/// Fails if the file system of a file has too little free space for `needed` bytes in it. Blocks that the file has already
/// count as free. `target` is the name for the message.
pub(super) fn check_room(file: &File, target: &Utf8Path, needed: u64, help: &str) -> Result<()> {
    // Some file systems don't report free space; the write itself fails if there is none.
    let Ok(room) = rustix::fs::fstatvfs(file) else { return Ok(()) };
    let held = file.metadata().map_or(0, |metadata| metadata.blocks() * METADATA_BLOCK);
    let free = room.f_bavail.saturating_mul(room.f_frsize).saturating_add(held);
    if room.f_blocks == 0 || needed <= free {
        return Ok(());
    }
    let (needed, free) = (Size(needed), Size(free));
    Err(Error::new(format!("`{target}` takes {needed}, but its file system has only {free} of free space")).help(help))
}
