//! Re-exports WIM files that can't be started, edited or split to the cache, in the usual
//! compression.
//!
//! These are solid files (`.esd`), whose contents are compressed together, and all files compressed
//! with LZMS. Results are found by the identity of the images and the settings, not by path or
//! date, so each is made once.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::{KnownWim, changed, is_unchanged};
use crate::content::{ByteRun, Pieced, Source, SourceFile, Stat};
use crate::digest::Digest;
use crate::error::Result;
use crate::format::wim::{Wim, WimCompression, WimStructure, recipe, reexport};
use crate::progress::Progress;
use crate::store::{ObjectKey, ObjectKind, Objects};
use crate::write::{copy_source, temporary_path};

/// Version of the cache entry for copies of WIM files on media.
const COPY_VERSION: u32 = 1;

/// Properties of a WIM file that can't be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PackedWim {
    /// Contents are compressed together, so none can be extracted without decompressing others.
    pub is_solid: bool,
    /// The file has an integrity table.
    with_check: bool,
    /// Identifies the images in the file.
    identity: Digest,
}

/// Returns the properties of a file that can't be started; `None` for other files.
pub(super) fn find_packing(wim: &Wim) -> Result<Option<PackedWim>> {
    let is_lzms = wim.facts().compression == WimCompression::Lzms;
    if !is_lzms && !wim.may_be_solid()? {
        return Ok(None);
    }
    let structure = wim.structure()?;
    let (is_solid, with_check) = (structure.is_solid(), structure.integrity.is_some());
    Ok((is_lzms || is_solid).then(|| PackedWim { is_solid, with_check, identity: structure.identity() }))
}

/// Returns an earlier re-export of the file: of one image, marked as bootable, or of all images.
pub(super) fn find_reexported(known: &KnownWim, index: Option<u32>) -> Result<Option<SourceFile>> {
    if let Some(file) = known.made.borrow().get(&index) {
        return Ok(Some(file.clone()));
    }
    let (Some(cache), Some(packed)) = (&known.cache, &known.facts.packed) else { return Ok(None) };
    let object = cache.find(&key(packed, index))?;
    Ok(object.map(|object| note_made(known, index, object.file)))
}

/// Returns the re-export of the file, making it unless it exists. `None` if the cache is read-only
/// or the file needs none.
///
/// # Errors
///
/// Contents are damaged, the disk is full, or the user cancels.
pub fn ensure_reexported(known: &KnownWim, index: Option<u32>) -> Result<Option<SourceFile>> {
    if let Some(file) = find_reexported(known, index)? {
        return Ok(Some(file));
    }
    let (Some(cache), Some(packed)) = (&known.cache, &known.facts.packed) else { return Ok(None) };
    if cache.is_read_only() {
        return Ok(None);
    }
    let doing = match packed.is_solid {
        true => format!("re-exporting `{}`, which is solid", known.path()),
        false => format!("re-exporting `{}`, which is compressed with LZMS", known.path()),
    };
    let object = known.reporter.watch(&doing, true, |progress| {
        let from = local_path(known, cache, progress)?;
        cache.file(&key(packed, index), progress, |temporary| {
            let target = temporary_path(temporary.target());
            reexport(&from, index, &target, packed.with_check, progress)?;
            // The source may have been replaced during the minutes of re-exporting.
            if is_unchanged(&known.source) { Ok(()) } else { Err(changed(known.path())) }
        })
    })?;
    wait_until_lasting(cache, &object.file.stat);
    Ok(Some(note_made(known, index, object.file)))
}

/// Returns the path of the WIM file, which is copied to the cache if it is on a medium.
fn local_path(known: &KnownWim, cache: &Objects, progress: &Progress) -> Result<Utf8PathBuf> {
    if let Source::File(file) = &*known.source {
        return Ok(file.path.clone());
    }
    let key = ObjectKey::of_source(ObjectKind::MediumFiles, COPY_VERSION, &known.source);
    let copy = cache.file(&key, progress, |temporary| copy_source(&known.source, temporary, progress))?;
    Ok(copy.file.path)
}

/// Returns a source as pieced source with the path of the file.
pub(super) fn as_pieced(known: &KnownWim, source: &Source) -> Pieced {
    match source {
        Source::Pieced(pieced) => pieced.clone(),
        Source::File(file) => {
            Pieced::new(known.path(), [ByteRun::Range { file: Arc::new(file.clone()), start: 0, len: file.stat.len }])
        }
    }
}

/// Reads the structures of the file or its re-export.
pub(super) fn read_structure(known: &KnownWim, source: &Source) -> Result<WimStructure> {
    WimStructure::read(Arc::new(Source::Pieced(as_pieced(known, source))))
}

fn note_made(known: &KnownWim, index: Option<u32>, file: SourceFile) -> SourceFile {
    known.made.borrow_mut().insert(index, file.clone());
    file
}

fn key(packed: &PackedWim, index: Option<u32>) -> ObjectKey {
    let [version, library] = recipe();
    // Image indexes start at 1.
    let numbers = [version, library, index.unwrap_or(0)].map(u32::to_le_bytes);
    ObjectKey::new(ObjectKind::WimExports, &[numbers.as_flattened(), &packed.identity.0].concat())
}

/// Waits until facts about a new file can be cached, or the clock proves too coarse: otherwise the
/// next run would read gigabytes again.
fn wait_until_lasting(cache: &Objects, stat: &Stat) {
    const STEP: Duration = Duration::from_millis(2);
    for _ in 0..50 {
        if cache.start_reading().is_none_or(|since| since.is_lasting(stat)) {
            return;
        }
        thread::sleep(STEP);
    }
}
