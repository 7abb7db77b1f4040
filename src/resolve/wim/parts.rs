//! WIM files cut into parts, remembered in the cache: to cut one, its tables have to be read, and all of it where it
//! has an integrity table.

use super::KnownWim;
use super::derived::read_for;
use super::recipe;
use super::reexported::{reexported, source_file, structure};
use crate::content::{Pieced, Stat};
use crate::error::Result;
use crate::store::{Key, Kind};

/// Raised when parts are cut in another way, or what is remembered is written in another way.
const VERSION: u64 = 2;

/// Cuts a WIM file into parts, none of more than `part_len` bytes. A solid one is [re-exported](reexported)
/// before; none where that may not be done.
///
/// # Errors
///
/// When it is damaged, or holds a content that takes more than a part.
pub fn split(known: &KnownWim, part_len: u64) -> Result<Option<Vec<Pieced>>> {
    let file = match known.is_solid() {
        false => source_file(known),
        true => match reexported(known, None)? {
            Some(file) => file,
            None => return Ok(None),
        },
    };
    let Stat { device, inode, len, modified_ns, changed_ns } = file.stat;
    let fields = [VERSION, part_len, device, inode, len, modified_ns as u64, changed_ns as u64];
    let fields = fields.map(u64::to_le_bytes);
    let key = Key::new(Kind::WimReads, &[b"wim parts", fields.as_flattened()].concat());
    let file = [file];
    let remembered = known.cache.as_ref().and_then(|cache| recipe::parse(&cache.bytes(&key)?, &file, &known.path));
    if let Some(parts) = remembered {
        return Ok(Some(parts));
    }
    let since = known.cache.as_ref().and_then(|cache| cache.start_reading());
    let wim = structure(known, file[0].clone())?;
    let parts = read_for(known, &wim, |progress| wim.split(part_len, progress))?;
    if let (Some(cache), Some(since)) = (&known.cache, since)
        && since.is_lasting(&file[0].stat)
        && let Some(bytes) = recipe::to_bytes(&parts, &file)
    {
        cache.keep(&key, &bytes);
    }
    Ok(Some(parts))
}
