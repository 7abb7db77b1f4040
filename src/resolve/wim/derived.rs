//! What is made of WIM files, remembered in the cache by what it is made of: a boot image that did not change, nor what
//! is put into it, is not opened again.
//!
//! Remembered is how the derived WIM is put together: ranges of files by their numbers among the inputs, and the bytes
//! of our own.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{KnownWim, PREFIX_LEN};
use crate::content::{Content, Pieced, Run, Source, SourceFile, SourceKey, Stat, Stretch};
use crate::date::Date;
use crate::digest::Digest;
use crate::error::Result;
use crate::format::wim::{Edit, Structure};
use crate::store::{Key, Kind};
use crate::volume::{Folder, Node};

/// Raised when the same inputs are put together in another way, or what is remembered is written in another way.
const VERSION: u64 = 1;

/// How a derived WIM is put together, but for the bytes of our own: they follow, one after the other.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Remembered {
    /// The number of the input, where the run starts in it, and its length; bytes of our own have no input.
    runs: Vec<(Option<usize>, u64, u64)>,
}

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
        let known = self.cache.as_ref().and_then(|cache| parse(&cache.bytes(&key)?, &inputs));
        if let Some(runs) = known {
            return Ok(Some(Content::pieced(Pieced::new(&self.path, runs))));
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
            && let Some(bytes) = to_bytes(derived, &inputs)
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

fn to_bytes(derived: &Pieced, inputs: &[SourceFile]) -> Option<Vec<u8>> {
    let numbers: HashMap<_, _> = inputs.iter().enumerate().map(|(number, input)| (input.stat, number)).collect();
    let mut own = Vec::new();
    let mut runs = Vec::new();
    for stretch in derived.stretches(0..derived.len()) {
        runs.push(match stretch {
            Stretch::Bytes(bytes) => {
                own.extend_from_slice(bytes);
                (None, 0, bytes.len() as u64)
            }
            Stretch::File { file, start, len } => {
                let input = numbers.get(&derived.files()[file].stat)?;
                (Some(*input), start, len)
            }
        });
    }
    let head = serde_json::to_vec(&Remembered { runs }).ok()?;
    let mut bytes = (head.len() as u64).to_le_bytes().to_vec();
    bytes.extend(head);
    bytes.extend(own);
    Some(bytes)
}

/// What [`to_bytes`] wrote; anything else is nothing.
fn parse(bytes: &[u8], inputs: &[SourceFile]) -> Option<Vec<Run>> {
    let (prefix, rest) = bytes.split_at_checked(PREFIX_LEN)?;
    let head_len = usize::try_from(u64::from_le_bytes(prefix.try_into().ok()?)).ok()?;
    let (head, mut own) = rest.split_at_checked(head_len)?;
    let remembered: Remembered = serde_json::from_slice(head).ok()?;
    let inputs: Vec<_> = inputs.iter().map(|input| Arc::new(input.clone())).collect();
    let mut runs = Vec::with_capacity(remembered.runs.len());
    for (input, start, len) in remembered.runs {
        runs.push(match input {
            Some(input) => {
                let file = Arc::clone(inputs.get(input)?);
                start.checked_add(len).filter(|end| *end <= file.stat.len)?;
                Run::Range { file, start, len }
            }
            None => {
                let (bytes, rest) = own.split_at_checked(usize::try_from(len).ok()?)?;
                own = rest;
                Run::Bytes(bytes.into())
            }
        });
    }
    own.is_empty().then_some(runs)
}
