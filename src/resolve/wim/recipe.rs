//! Serializes pieced sources for the cache.
//!
//! Ranges of files refer to inputs by number, since the reader knows the inputs. Literal bytes
//! follow the head, one run after the other.

use std::collections::HashMap;
use std::sync::Arc;

use camino::Utf8Path;

use super::PREFIX_LEN;
use crate::content::{ByteRun, Pieced, SourceFile, Stretch};

/// For each run of each source: number of the input, start and length; `None` for literal bytes.
type CachedRuns = Vec<Vec<(Option<usize>, u64, u64)>>;

/// Serializes sources; `None` if a source has ranges of other files than the inputs.
pub(super) fn to_bytes(sources: &[Pieced], inputs: &[SourceFile]) -> Option<Vec<u8>> {
    let numbers: HashMap<_, _> = inputs.iter().enumerate().map(|(number, input)| (input.stat, number)).collect();
    let mut own = Vec::new();
    let mut remembered = CachedRuns::new();
    for source in sources {
        let mut runs = Vec::new();
        for stretch in source.stretches(0..source.len()) {
            // Identify inputs by stat rather than path: the same file may be reached under several
            // names.
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

/// Parses the output of [`to_bytes`]; `None` if it is damaged. `path` becomes the name of the
/// sources.
pub(super) fn parse(bytes: &[u8], inputs: &[SourceFile], path: &Utf8Path) -> Option<Vec<Pieced>> {
    let (prefix, rest) = bytes.split_at_checked(PREFIX_LEN)?;
    let head_len = usize::try_from(u64::from_le_bytes(prefix.try_into().ok()?)).ok()?;
    let (head, mut own) = rest.split_at_checked(head_len)?;
    let remembered: CachedRuns = serde_json::from_slice(head).ok()?;
    let inputs: Vec<_> = inputs.iter().map(|input| Arc::new(input.clone())).collect();
    let mut sources = Vec::with_capacity(remembered.len());
    for runs in remembered {
        let mut found = Vec::with_capacity(runs.len());
        for (input, start, len) in runs {
            found.push(match input {
                Some(input) => {
                    let file = Arc::clone(inputs.get(input)?);
                    // A damaged cache entry must not point outside the file.
                    start.checked_add(len).filter(|end| *end <= file.stat.len)?;
                    ByteRun::Range { file, start, len }
                }
                None => {
                    let (bytes, rest) = own.split_at_checked(usize::try_from(len).ok()?)?;
                    own = rest;
                    ByteRun::Bytes(bytes.into())
                }
            });
        }
        sources.push(Pieced::new(path, found));
    }
    own.is_empty().then_some(sources)
}
