//! SHA-1 of contents, which identifies them in a WIM file.

use std::ops::Range;

use sha1::{Digest as _, Sha1};

use crate::content::{Pieced, Source};
use crate::error::Result;
use crate::progress::Progress;
use crate::source::OpenSource;

/// Calculates the SHA-1 of a range of a pieced source.
pub(super) fn pieced_sha1(pieced: &Pieced, range: Range<u64>, progress: &Progress) -> Result<[u8; 20]> {
    source_sha1(&Source::Pieced(pieced.clone()), range, progress)
}

/// Calculates the SHA-1 of a range of a source.
pub(super) fn source_sha1(source: &Source, range: Range<u64>, progress: &Progress) -> Result<[u8; 20]> {
    let open = OpenSource::open(source)?;
    let mut hasher = Sha1::new();
    let mut block = vec![0; 1 << 20];
    let mut at = range.start;
    while at < range.end {
        let len = (range.end - at).min(block.len() as u64) as usize;
        open.read(&mut block[..len], at)?;
        hasher.update(&block[..len]);
        at += len as u64;
        progress.add(len as u64);
        progress.check_cancelled()?;
    }
    open.check()?;
    Ok(hasher.finalize().into())
}
