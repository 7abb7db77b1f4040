//! WIM files cut into parts, remembered in the cache: to cut one, its tables have to be read, and all of it where it
//! has an integrity table.
//!
//! Remembered of each part is how it is put together: ranges of the file, and the bytes of our own.

use std::sync::Arc;

use super::{KnownWim, PREFIX_LEN};
use crate::content::{Pieced, Run, Source, SourceFile, Stat, Stretch};
use crate::error::Result;
use crate::format::wim::Structure;
use crate::store::{Key, Kind};

/// Raised when parts are cut in another way, or what is remembered is written in another way.
const VERSION: u64 = 1;

/// Where each run of each part starts in the file, if it is of the file, and its length. The bytes of our own follow,
/// one run after the other.
type Remembered = Vec<Vec<(Option<u64>, u64)>>;

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
        if let Some(parts) = self.cache.as_ref().and_then(|cache| self.remembered_parts(&cache.bytes(&key)?)) {
            return Ok(parts);
        }
        let since = self.cache.as_ref().and_then(|cache| cache.start_reading());
        let file = SourceFile { path: self.path.clone(), stat: self.stat };
        let parts = Structure::read(Arc::new(Source::File(file)))?.split(part_len)?;
        if let (Some(cache), Some(since)) = (&self.cache, since)
            && since.is_lasting(&self.stat)
            && let Some(bytes) = to_bytes(&parts)
        {
            cache.keep(&key, &bytes);
        }
        Ok(parts)
    }

    /// What [`to_bytes`] wrote; anything else is nothing.
    fn remembered_parts(&self, bytes: &[u8]) -> Option<Vec<Pieced>> {
        let (prefix, rest) = bytes.split_at_checked(PREFIX_LEN)?;
        let head_len = usize::try_from(u64::from_le_bytes(prefix.try_into().ok()?)).ok()?;
        let (head, mut own) = rest.split_at_checked(head_len)?;
        let remembered: Remembered = serde_json::from_slice(head).ok()?;
        let file = Arc::new(SourceFile { path: self.path.clone(), stat: self.stat });
        let mut parts = Vec::with_capacity(remembered.len());
        for runs in remembered {
            let mut found = Vec::with_capacity(runs.len());
            for (start, len) in runs {
                found.push(match start {
                    Some(start) => {
                        start.checked_add(len).filter(|end| *end <= self.stat.len)?;
                        Run::Range { file: Arc::clone(&file), start, len }
                    }
                    None => {
                        let (bytes, rest) = own.split_at_checked(usize::try_from(len).ok()?)?;
                        own = rest;
                        Run::Bytes(bytes.into())
                    }
                });
            }
            parts.push(Pieced::new(&self.path, found));
        }
        own.is_empty().then_some(parts)
    }
}

fn to_bytes(parts: &[Pieced]) -> Option<Vec<u8>> {
    let mut own = Vec::new();
    let mut remembered = Remembered::new();
    for part in parts {
        let runs = part.stretches(0..part.len()).map(|stretch| match stretch {
            Stretch::Bytes(bytes) => {
                own.extend_from_slice(bytes);
                (None, bytes.len() as u64)
            }
            Stretch::File { start, len, .. } => (Some(start), len),
        });
        remembered.push(runs.collect());
    }
    let head = serde_json::to_vec(&remembered).ok()?;
    let mut bytes = (head.len() as u64).to_le_bytes().to_vec();
    bytes.extend(head);
    bytes.extend(own);
    Some(bytes)
}
