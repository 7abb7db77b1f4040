//! How pieced sources are put together, as bytes for the cache.
//!
//! Ranges of files are kept with the numbers of these files among the inputs, which whoever asks knows anyway; the
//! bytes of our own follow, one run after the other.

use std::collections::HashMap;
use std::sync::Arc;

use camino::Utf8Path;

use super::PREFIX_LEN;
use crate::content::{Pieced, Run, SourceFile, Stretch};

/// Of each run of each source: the number of the input, where the run starts in it, and its length; bytes of our own
/// have no input.
type Remembered = Vec<Vec<(Option<usize>, u64, u64)>>;

/// None if a source is put together of anything but these inputs.
pub(super) fn to_bytes(sources: &[Pieced], inputs: &[SourceFile]) -> Option<Vec<u8>> {
    let numbers: HashMap<_, _> = inputs.iter().enumerate().map(|(number, input)| (input.stat, number)).collect();
    let mut own = Vec::new();
    let mut remembered = Remembered::new();
    for source in sources {
        let mut runs = Vec::new();
        for stretch in source.stretches(0..source.len()) {
            runs.push(match stretch {
                Stretch::Bytes(bytes) => {
                    own.extend_from_slice(bytes);
                    (None, 0, bytes.len() as u64)
                }
                Stretch::File { file, start, len } => (Some(*numbers.get(&source.files()[file].stat)?), start, len),
            });
        }
        remembered.push(runs);
    }
    let head = serde_json::to_vec(&remembered).ok()?;
    let mut bytes = (head.len() as u64).to_le_bytes().to_vec();
    bytes.extend(head);
    bytes.extend(own);
    Some(bytes)
}

/// What [`to_bytes`] wrote, the sources being called by a path; anything else is nothing.
pub(super) fn parse(bytes: &[u8], inputs: &[SourceFile], path: &Utf8Path) -> Option<Vec<Pieced>> {
    let (prefix, rest) = bytes.split_at_checked(PREFIX_LEN)?;
    let head_len = usize::try_from(u64::from_le_bytes(prefix.try_into().ok()?)).ok()?;
    let (head, mut own) = rest.split_at_checked(head_len)?;
    let remembered: Remembered = serde_json::from_slice(head).ok()?;
    let inputs: Vec<_> = inputs.iter().map(|input| Arc::new(input.clone())).collect();
    let mut sources = Vec::with_capacity(remembered.len());
    for runs in remembered {
        let mut found = Vec::with_capacity(runs.len());
        for (input, start, len) in runs {
            found.push(match input {
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
        sources.push(Pieced::new(path, found));
    }
    own.is_empty().then_some(sources)
}
