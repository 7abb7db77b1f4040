//! Loads what `diff` and `layout` compare: planned outputs, and finished media of any origin.
//!
//! The digest lists of media made by tsmedia are trusted; `verify` checks them. The files of all other media are read.

mod medium;

pub use medium::{FinishedMedium, open};

use crate::diff::MediumContents;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::map::{self, Map, Marks, Reads};
use crate::output::{Output, ReadSeek};
use crate::progress::Progress;
use crate::source::hash_layout;
use crate::store::Store;
use crate::target::Target;
use crate::verify::{hash_sources, wanted};
use crate::write::WriteOptions;

/// Loads a planned output. Sources whose digests are not known are read, and their digests stored.
pub fn output(
    target: &Target,
    output: &Output,
    store: &mut Store,
    options: &WriteOptions,
    progress: &Progress,
) -> Result<MediumContents> {
    let identity = wanted(output, store, options, progress)?;
    // Best effort: a comparison does not need the cache.
    let _ = store.save(&options.disk);
    if let Some(unknown) = identity.files.iter().find(|file| file.blake3.is_none()) {
        return Err(Error::new(format!("the digest of `{}` is missing", unknown.path)));
    }
    let boot: Result<Vec<Digest>> = output.boot.iter().map(|entry| Ok(hash_layout(&entry.image)?)).collect();
    Ok(MediumContents::from_output(target, output, &identity, &boot?))
}

/// Lays a planned output out with all its bytes. Sources whose digests are not known are read.
pub fn layout(output: &Output, store: &mut Store, options: &WriteOptions, progress: &Progress) -> Result<Layout> {
    let known = hash_sources(output, store, output.form.digest_kinds(), options, progress)?;
    let sealed = output.draft(&known)?.seal_known(&known)?;
    drop(known);
    // Best effort, as above.
    let _ = store.save(&options.disk);
    Ok(sealed.layout)
}

/// Compares the regions of two media. Files are compared by digest; everything else is read.
pub fn marks(
    old: &mut FinishedMedium<impl ReadSeek>,
    new: &mut FinishedMedium<impl ReadSeek>,
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
