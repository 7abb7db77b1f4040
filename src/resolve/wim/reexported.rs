//! WIM files that nothing starts from, and that can't be edited or split, written anew as usual ones into the cache.
//!
//! Such are solid ones (`.esd`), whose contents are compressed together, and those compressed by LZMS at all. What is
//! made is found by the images in the file, not by its place or date, and by how it is made: so it is made once.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::{KnownWim, changed, is_unchanged};
use crate::content::{Pieced, Run, Source, SourceFile, Stat};
use crate::digest::Digest;
use crate::error::Result;
use crate::format::wim::{Compression, Structure, Wim, recipe, reexport};
use crate::progress::Progress;
use crate::store::{Key, Kind, Objects};
use crate::write::{copy_source, temporary_path};

/// Version of the copies of WIM files on media.
const COPY_VERSION: u32 = 1;

/// What is known of a WIM file that nothing can start from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Packed {
    /// Whether contents are compressed together, so that none can be taken out as it is.
    pub is_solid: bool,
    /// Whether it has an integrity table.
    with_check: bool,
    /// Tells its images from all others.
    identity: Digest,
}

/// What is to be known of a file if nothing can start from it.
pub(super) fn packed(wim: &Wim) -> Result<Option<Packed>> {
    let is_lzms = wim.facts().compression == Compression::Lzms;
    if !is_lzms && !wim.may_be_solid()? {
        return Ok(None);
    }
    let structure = wim.structure()?;
    let (is_solid, with_check) = (structure.is_solid(), structure.integrity.is_some());
    Ok((is_lzms || is_solid).then(|| Packed { is_solid, with_check, identity: structure.identity() }))
}

/// What was made of the file before: of one image, which is marked to start, or of all.
pub(super) fn made_before(known: &KnownWim, index: Option<u32>) -> Result<Option<SourceFile>> {
    if let Some(file) = known.made.borrow().get(&index) {
        return Ok(Some(file.clone()));
    }
    let (Some(cache), Some(packed)) = (&known.cache, &known.facts.packed) else { return Ok(None) };
    let object = cache.find(&key(packed, index))?;
    Ok(object.map(|object| remember_made(known, index, object.file)))
}

/// What is made of the file, now unless it was before; none where nothing may be written, or the file is a usual
/// one.
///
/// # Errors
///
/// When contents are damaged, the disk is full, or somebody asks to stop.
pub fn reexported(known: &KnownWim, index: Option<u32>) -> Result<Option<SourceFile>> {
    if let Some(file) = made_before(known, index)? {
        return Ok(Some(file));
    }
    let (Some(cache), Some(packed)) = (&known.cache, &known.facts.packed) else { return Ok(None) };
    if cache.is_read_only() {
        return Ok(None);
    }
    let doing = match packed.is_solid {
        true => format!("re-exporting `{}`, which is solid", known.path()),
        false => format!("re-exporting `{}`, which is compressed by LZMS", known.path()),
    };
    let object = known.audience.watch(&doing, true, |progress| {
        let from = file_of(known, cache, progress)?;
        cache.file(&key(packed, index), progress, |temporary| {
            let target = temporary_path(temporary.target());
            reexport(&from, index, &target, packed.with_check, progress)?;
            if is_unchanged(&known.source) { Ok(()) } else { Err(changed(known.path())) }
        })
    })?;
    settle(cache, &object.file.stat);
    Ok(Some(remember_made(known, index, object.file)))
}

/// Returns the path of a file that holds the WIM: itself, or a copy in the cache of one that is on a medium.
fn file_of(known: &KnownWim, cache: &Objects, progress: &Progress) -> Result<Utf8PathBuf> {
    if let Source::File(file) = &*known.source {
        return Ok(file.path.clone());
    }
    let key = Key::of_source(Kind::MediumFiles, COPY_VERSION, &known.source);
    let copy = cache.file(&key, progress, |temporary| copy_source(&known.source, temporary, progress))?;
    Ok(copy.file.path)
}

/// The file, or what was made of it, called by the path of the file.
pub(super) fn named(known: &KnownWim, source: &Source) -> Pieced {
    match source {
        Source::Pieced(pieced) => pieced.clone(),
        Source::File(file) => {
            Pieced::new(known.path(), [Run::Range { file: Arc::new(file.clone()), start: 0, len: file.stat.len }])
        }
    }
}

/// The structures of the file, or of what was made of it.
pub(super) fn structure(known: &KnownWim, source: &Source) -> Result<Structure> {
    Structure::read(Arc::new(Source::Pieced(named(known, source))))
}

fn remember_made(known: &KnownWim, index: Option<u32>, file: SourceFile) -> SourceFile {
    known.made.borrow_mut().insert(index, file.clone());
    file
}

fn key(packed: &Packed, index: Option<u32>) -> Key {
    let [version, library] = recipe();
    // No image has the number 0.
    let numbers = [version, library, index.unwrap_or(0)].map(u32::to_le_bytes);
    Key::new(Kind::WimExports, &[numbers.as_flattened(), &packed.identity.0].concat())
}

/// Waits until what is learnt of a new file lasts, or the clock is too coarse to wait for: it may have gigabytes, which
/// the next run would read again.
fn settle(cache: &Objects, stat: &Stat) {
    const STEP: Duration = Duration::from_millis(2);
    for _ in 0..50 {
        if cache.start_reading().is_none_or(|since| since.is_lasting(stat)) {
            return;
        }
        thread::sleep(STEP);
    }
}
