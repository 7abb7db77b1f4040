//! WIM files cut into parts, remembered in the cache: to cut one, its tables have to be read, and all of it where it
//! has an integrity table.

use std::sync::Arc;

use super::KnownWim;
use super::recipe;
use crate::content::{Pieced, Source, SourceFile, Stat};
use crate::error::Result;
use crate::format::wim::Structure;
use crate::store::{Key, Kind};

/// Raised when parts are cut in another way, or what is remembered is written in another way.
const VERSION: u64 = 2;

impl KnownWim {
    /// The parts of the file, none of more than `part_len` bytes.
    ///
    /// # Errors
    ///
    /// When it is damaged, holds solid resources, or a content that takes more than a part.
    pub fn parts(&self, part_len: u64) -> Result<Vec<Pieced>> {
        let Stat { device, inode, len, modified_ns, changed_ns } = self.stat;
        let fields = [VERSION, part_len, device, inode, len, modified_ns as u64, changed_ns as u64];
        let fields = fields.map(u64::to_le_bytes);
        let key = Key::new(Kind::WimReads, &[b"wim parts", fields.as_flattened()].concat());
        let file = [SourceFile { path: self.path.clone(), stat: self.stat }];
        let known = self.cache.as_ref().and_then(|cache| recipe::parse(&cache.bytes(&key)?, &file, &self.path));
        if let Some(parts) = known {
            return Ok(parts);
        }
        let since = self.cache.as_ref().and_then(|cache| cache.start_reading());
        let parts = Structure::read(Arc::new(Source::File(file[0].clone())))?.split(part_len)?;
        if let (Some(cache), Some(since)) = (&self.cache, since)
            && since.is_lasting(&self.stat)
            && let Some(bytes) = recipe::to_bytes(&parts, &file)
        {
            cache.keep(&key, &bytes);
        }
        Ok(parts)
    }
}
