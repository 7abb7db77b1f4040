//! WIM files cut into parts, remembered in the cache: to cut one, its tables have to be read, and all of it where it
//! has an integrity table.

use super::KnownWim;
use super::recipe;
use crate::content::{Pieced, Stat};
use crate::error::Result;
use crate::store::{Key, Kind};

/// Raised when parts are cut in another way, or what is remembered is written in another way.
const VERSION: u64 = 2;

impl KnownWim {
    /// The parts of the file, none of more than `part_len` bytes. A solid one is [re-exported](Self::reexported)
    /// before; none where that may not be done.
    ///
    /// # Errors
    ///
    /// When it is damaged, or holds a content that takes more than a part.
    pub fn parts(&self, part_len: u64) -> Result<Option<Vec<Pieced>>> {
        let file = match self.is_solid() {
            false => self.itself(),
            true => match self.reexported(None)? {
                Some(file) => file,
                None => return Ok(None),
            },
        };
        let Stat { device, inode, len, modified_ns, changed_ns } = file.stat;
        let fields = [VERSION, part_len, device, inode, len, modified_ns as u64, changed_ns as u64];
        let fields = fields.map(u64::to_le_bytes);
        let key = Key::new(Kind::WimReads, &[b"wim parts", fields.as_flattened()].concat());
        let file = [file];
        let known = self.cache.as_ref().and_then(|cache| recipe::parse(&cache.bytes(&key)?, &file, &self.path));
        if let Some(parts) = known {
            return Ok(Some(parts));
        }
        let since = self.cache.as_ref().and_then(|cache| cache.start_reading());
        let wim = self.structure(file[0].clone())?;
        let parts = self.read_for(&wim, |progress| wim.split(part_len, progress))?;
        if let (Some(cache), Some(since)) = (&self.cache, since)
            && since.is_lasting(&file[0].stat)
            && let Some(bytes) = recipe::to_bytes(&parts, &file)
        {
            cache.keep(&key, &bytes);
        }
        Ok(Some(parts))
    }
}
