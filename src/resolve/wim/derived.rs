//! What is made of WIM files, remembered in the cache by what it is made of: a boot image that did not change, nor what
//! is put into it, is not opened again.

use std::sync::Arc;

use super::KnownWim;
use super::recipe;
use crate::content::{Content, Source, SourceFile, SourceKey, Stat};
use crate::date::Date;
use crate::digest::Digest;
use crate::error::Result;
use crate::format::wim::{Edit, Structure};
use crate::store::{Key, Kind};
use crate::volume::{Folder, Node};

/// Raised when the same inputs are put together in another way, or what is remembered is written in another way.
const VERSION: u64 = 2;

impl KnownWim {
    /// The WIM file as a boot image: one that starts this image, with files put into it. None if it is one as it is.
    ///
    /// # Errors
    ///
    /// When it is damaged, holds solid resources, or can't take what is put into it.
    pub fn boot_image(&self, index: u32, additions: &Folder, date: Date) -> Result<Option<Content>> {
        let is_marked = self.facts().boot_index == Some(index);
        let is_edited = additions.iter().len() > 0;
        if is_marked && !is_edited {
            return Ok(None);
        }
        let (made_of, inputs) = self.recipe(index, is_marked, additions, date);
        let key = Key::new(Kind::WimReads, &made_of);
        let known = self.cache.as_ref().and_then(|cache| recipe::parse(&cache.bytes(&key)?, &inputs, &self.path));
        if let Some(derived) = known.and_then(|known| known.into_iter().next()) {
            return Ok(Some(Content::pieced(derived)));
        }
        let since = self.cache.as_ref().and_then(|cache| cache.start_reading());
        let mut wim = Structure::read(Arc::new(Source::File(inputs[0].clone())))?;
        let mut derived = None;
        let mut index = index;
        if !is_marked {
            let exported = wim.export(&[index], Some(1))?;
            wim = Structure::read(Arc::new(Source::Pieced(exported.clone())))?;
            (index, derived) = (1, Some(exported));
        }
        if is_edited {
            derived = Some(wim.edit(index, &Edit { additions, removals: &[], date })?);
        }
        if let (Some(cache), Some(since), Some(derived)) = (&self.cache, since, &derived)
            && inputs.iter().all(|input| since.is_lasting(&input.stat))
            && let Some(bytes) = recipe::to_bytes(std::slice::from_ref(derived), &inputs)
        {
            cache.keep(&key, &bytes);
        }
        Ok(derived.map(Content::pieced))
    }

    /// Everything that decides what is put together, and the files that it is put together of.
    fn recipe(&self, index: u32, is_marked: bool, additions: &Folder, date: Date) -> (Vec<u8>, Vec<SourceFile>) {
        let mut inputs = vec![SourceFile { path: self.path.clone(), stat: self.stat }];
        let mut made_of = b"boot image".to_vec();
        let number = |number: u64, made_of: &mut Vec<u8>| made_of.extend(number.to_le_bytes());
        for field in [VERSION, index.into(), is_marked.into(), date.unix()] {
            number(field, &mut made_of);
        }
        made_of.extend(key_digest(SourceKey::File(self.stat)).0);
        additions.visit(&mut |path, node| {
            number(path.len() as u64, &mut made_of);
            made_of.extend(path.as_bytes());
            let digest = match node {
                Node::Folder(_) => Digest([0; 32]),
                Node::File(Content::Bytes(bytes)) => Digest::of(bytes),
                Node::File(Content::Source(source)) => {
                    inputs.extend_from_slice(source.files());
                    key_digest(source.key())
                }
            };
            made_of.extend(digest.0);
        });
        (made_of, inputs)
    }
}

fn key_digest(key: SourceKey) -> Digest {
    match key {
        SourceKey::Pieced(digest) => digest,
        SourceKey::File(Stat { device, inode, len, modified_ns, changed_ns }) => {
            let fields = [device, inode, len, modified_ns as u64, changed_ns as u64];
            Digest::of(fields.map(u64::to_le_bytes).as_flattened())
        }
    }
}
