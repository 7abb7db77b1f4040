//! WIM files written anew, so that each content is compressed on its own: as LZX, in chunks of 32 KiB, which boot managers
//! read and of which single contents can be taken.
//!
//! It is done by wimlib, which checks every content against its SHA-1 on the way; what images say of themselves, their
//! times too, stays. The GUID follows from what the file holds, and neither depends on clock nor on threads, so the
//! same images give the same bytes. Memory: that of the decompression of LZMS (its chunks have up to 64 MiB) and a few
//! buffers for each processor.

use camino::Utf8Path;

use super::capture::{Packing, words};
use super::library;
use super::library::capture::{Builder, Ended};
use super::seal::{self, Sealing};
use super::{Failure, failed};
use crate::date::Date;
use crate::error::Result;
use crate::progress::Progress;

/// Tells apart what different versions make of the same images: raised when it is made in another way.
const VERSION: u32 = 1;

/// Everything beside the images that decides what [`reexport`] makes.
pub fn recipe() -> [u32; 2] {
    [VERSION, library::version()]
}

/// Writes an image of a WIM file, marked to start, or all of them, to a file, which is emptied first.
/// `with_check`: whether that gets an integrity table.
///
/// # Errors
///
/// When contents are damaged, the disk is full, or somebody asks to stop.
pub fn reexport(
    from: &Utf8Path,
    index: Option<u32>,
    to: &Utf8Path,
    with_check: bool,
    progress: &Progress,
) -> Result<()> {
    let say = |ended| match ended {
        // Nothing but the file that is read can be damaged.
        Ended::Failed(failure @ (Failure::Damaged(_) | Failure::NotAWim), _) => failed(from, "reading", failure),
        ended => words(ended, &format!("re-exporting `{from}`")),
    };
    progress.check_cancelled()?;
    let mut builder = Builder::new(Packing::Lzx, progress).map_err(say)?;
    builder.take(from, index).map_err(say)?;
    builder.write(to, Some(Packing::Lzx), 0).map_err(say)?;
    drop(builder);
    // No image is new: all of them keep their times.
    let images = std::ops::RangeInclusive::new(1, 0);
    seal::seal(to, &Sealing { images, date: Date::EARLIEST, with_check, edit: &|_, _| false }, progress)
}
