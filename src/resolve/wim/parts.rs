//! WIM files cut into parts, remembered in the cache: to cut one, its tables have to be read, and all of it where it
//! has an integrity table.

use std::sync::Arc;

use super::KnownWim;
use super::derived::{key_digest, read_for};
use super::recipe;
use super::reexported::{reexported, structure};
use crate::content::{Pieced, Source};
use crate::error::Result;
use crate::store::{Key, Kind};

/// Raised when parts are cut in another way, or what is remembered is written in another way.
const VERSION: u64 = 3;

/// Cuts a WIM file into parts, none of more than `part_len` bytes. A solid one is [re-exported](reexported)
/// before; none where that may not be done.
///
/// # Errors
///
/// When it is damaged, or holds a content that takes more than a part.
pub fn split(known: &KnownWim, part_len: u64) -> Result<Option<Vec<Pieced>>> {
    let source = match known.is_solid() {
        false => Arc::clone(&known.source),
        true => match reexported(known, None)? {
            Some(file) => Arc::new(Source::File(file)),
            None => return Ok(None),
        },
    };
    let fields = [VERSION, part_len].map(u64::to_le_bytes);
    let made_of = [b"wim parts", fields.as_flattened(), &key_digest(source.key()).0].concat();
    let key = Key::new(Kind::WimReads, &made_of);
    let inputs = source.files();
    let remembered = known.cache.as_ref().and_then(|cache| recipe::parse(&cache.bytes(&key)?, inputs, known.path()));
    if let Some(parts) = remembered {
        return Ok(Some(parts));
    }
    let since = known.cache.as_ref().and_then(|cache| cache.start_reading());
    let wim = structure(known, &source)?;
    let parts = read_for(known, &wim, |progress| wim.split(part_len, progress))?;
    if let (Some(cache), Some(since)) = (&known.cache, since)
        && since.is_lasting_of(&source)
        && let Some(bytes) = recipe::to_bytes(&parts, inputs)
    {
        cache.keep(&key, &bytes);
    }
    Ok(Some(parts))
}
