//! What can be compared or drawn: the contents of what a manifest makes now and of finished media, whoever made them.
//!
//! A medium that tsmedia made lists the digests of its files, and is believed; checking it is what `verify` does.
//! The files of any other medium are read.

mod medium;

pub use medium::{FinishedMedium, open};

use crate::diff::MediumContents;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::map::{self, Map, Marks, Reads};
use crate::output::Output;
use crate::progress::Progress;
use crate::source::hash_layout;
use crate::store::Store;
use crate::target::Target;
use crate::verify::wanted;
use crate::write::WriteOptions;

/// What an output will hold. Sources whose digests are not known are read, and remembered.
pub fn output(
    target: &Target,
    output: &Output,
    store: &mut Store,
    options: &WriteOptions,
    progress: &Progress,
) -> Result<MediumContents> {
    let identity = wanted(output, store, options, progress)?;
    // A comparison is none the worse for a cache that can't be written.
    let _ = store.save(&options.disk);
    if let Some(unknown) = identity.files.iter().find(|file| file.blake3.is_none()) {
        return Err(Error::new(format!("the digest of `{}` is missing", unknown.path)));
    }
    let boot: Result<Vec<Digest>> = output.boot.iter().map(|entry| Ok(hash_layout(&entry.image)?)).collect();
    Ok(MediumContents::from_output(target, output, &identity, &boot?))
}

/// What became of the regions of one medium on another. The files of either are compared by their digests, and what
/// is no file is read.
pub fn marks(
    old: &mut FinishedMedium,
    new: &mut FinishedMedium,
    maps: [&Map; 2],
    progress: &Progress,
) -> Result<Marks> {
    let digests = [old.digests(progress)?, new.digests(progress)?];
    progress.start(maps[1].len - maps[1].totals().content);
    let mut reads = Reads {
        digests: [&digests[0], &digests[1]],
        same_len: &mut |from, range| medium::same_len(old, new, from, range, progress),
    };
    map::marks(maps[0], maps[1], &mut reads)
}
