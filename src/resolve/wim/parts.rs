//! Splits WIM files, and caches the result: to split one, its tables have to be read, or all of it
//! if it has an integrity table.

use std::sync::Arc;

use super::KnownWim;
use super::derived::{key_digest, with_progress};
use super::recipe;
use super::reexported::{ensure_reexported, read_structure};
use crate::content::{Pieced, Source};
use crate::error::Result;
use crate::store::{ObjectKey, ObjectKind};

/// Version of the cache entry; bump it when the splitting, encoding or meaning changes.
const VERSION: u64 = 3;

/// Splits a WIM file into parts of at most `part_len` bytes. A solid one is
/// [re-exported](ensure_reexported) first; `None` if the cache is read-only.
///
/// # Errors
///
/// The file is damaged, or has a content longer than a part.
pub fn split(known: &KnownWim, part_len: u64) -> Result<Option<Vec<Pieced>>> {
    let source = match known.is_solid() {
        false => Arc::clone(&known.source),
        true => match ensure_reexported(known, None)? {
            Some(file) => Arc::new(Source::File(file)),
            None => return Ok(None),
        },
    };
    let fields = [VERSION, part_len].map(u64::to_le_bytes);
    let made_of = [b"wim parts", fields.as_flattened(), &key_digest(source.key()).0].concat();
    let key = ObjectKey::new(ObjectKind::WimReads, &made_of);
    let inputs = source.files();
    let remembered = known.cache.as_ref().and_then(|cache| recipe::parse(&cache.bytes(&key)?, inputs, known.path()));
    if let Some(parts) = remembered {
        return Ok(Some(parts));
    }
    let since = known.cache.as_ref().and_then(|cache| cache.start_reading());
    let wim = read_structure(known, &source)?;
    let parts = with_progress(known, &wim, |progress| wim.split(part_len, progress))?;
    if let (Some(cache), Some(since)) = (&known.cache, since)
        && since.is_lasting_of(&source)
        && let Some(bytes) = recipe::to_bytes(&parts, inputs)
    {
        cache.keep(&key, &bytes);
    }
    Ok(Some(parts))
}
