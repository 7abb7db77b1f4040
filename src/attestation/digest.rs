//! Digest of a whole medium, which statements name it by.

use std::io::SeekFrom;

use sha2::Digest as _;

use crate::digest::Sha256;
use crate::error::{Error, Result};
use crate::output::ReadSeek;
use crate::progress::Progress;

/// Computes the SHA-256 digest of a whole medium.
///
/// # Errors
///
/// If it can't be read, or the run is interrupted.
pub(super) fn sha256_of(image: &mut dyn ReadSeek, progress: &Progress) -> Result<Sha256> {
    let failed = |error| Error::new("reading the medium").because(error);
    progress.start(image.seek(SeekFrom::End(0)).map_err(failed)?);
    image.seek(SeekFrom::Start(0)).map_err(failed)?;
    let mut hasher = sha2::Sha256::new();
    let mut block = vec![0; 1 << 20];
    loop {
        progress.check_cancelled()?;
        let n_read = match image.read(&mut block) {
            Ok(0) => return Ok(Sha256(hasher.finalize().into())),
            Ok(n_read) => n_read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(error)),
        };
        hasher.update(&block[..n_read]);
        progress.add(n_read as u64);
    }
}
