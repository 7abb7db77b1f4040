//! Re-export of WIM files as LZX in chunks of 32 KiB, which boot managers can read, without solid
//! resources.
//!
//! Uses wimlib, which verifies every content by SHA-1. Properties and times of the images are kept.
//! The GUID is derived from the contents, and neither the clock nor the number of threads matters,
//! so equal images give equal bytes. Memory is that of decompressing LZMS, with chunks of up to 64
//! MiB, and a few buffers per processor.

use camino::Utf8Path;

use super::capture::{ContentCompression, capture_error};
use super::library;
use super::library::capture::{Builder, CaptureError};
use super::normalize::{self, Normalization};
use super::{LibraryError, library_error};
use crate::date::Date;
use crate::error::Result;
use crate::progress::Progress;

/// Version of the output. Bump it when equal images give other bytes.
const VERSION: u32 = 1;

/// Inputs of [`reexport`] besides the images: versions of the output and of wimlib.
pub fn recipe() -> [u32; 2] {
    [VERSION, library::version()]
}

/// Re-exports one image, as the boot image, or all images of a WIM file. An existing file at `to`
/// is overwritten. `with_check` adds an integrity table.
///
/// # Errors
///
/// If contents are damaged, the disk is full, or the user interrupts.
pub fn reexport(
    from: &Utf8Path,
    index: Option<u32>,
    to: &Utf8Path,
    with_check: bool,
    progress: &Progress,
) -> Result<()> {
    let to_error = |error| match error {
        // Only the source can be damaged.
        CaptureError::Failed(failure @ (LibraryError::Damaged(_) | LibraryError::NotAWim), _) => {
            library_error(from, "reading", failure)
        }
        error => capture_error(error, &format!("re-exporting `{from}`")),
    };
    progress.check_cancelled()?;
    let mut builder = Builder::new(ContentCompression::Lzx, progress).map_err(to_error)?;
    builder.take(from, index).map_err(to_error)?;
    builder.write(to, Some(ContentCompression::Lzx), 0).map_err(to_error)?;
    drop(builder);
    // No image counts as new, so that all keep their times.
    let images = std::ops::RangeInclusive::new(1, 0);
    normalize::normalize(to, &Normalization { images, date: Date::EARLIEST, with_check, edit: &|_, _| false }, progress)
}
