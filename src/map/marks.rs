//! Comparison of the regions of two media.
//!
//! Regions correspond by kind and name, the n-th to the n-th. Files are compared by digest, everything else by bytes.
//! Bytes count as equal at the same position if they belong to a whole file with the same digest, or to a sector
//! outside of files with the same bytes.

use std::collections::HashMap;
use std::ops::Range;

use super::{Map, MapRegion, RegionKind};
use crate::digest::Digest;
use crate::error::Result;

/// State of a region, compared with the other medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionState {
    /// Same bytes at the same position.
    Same,
    /// Different bytes at the same position.
    Changed,
    /// At another position on the other medium.
    Moved {
        /// Offset on the other medium.
        there: u64,
        /// `true` if its bytes differ too.
        changed: bool,
    },
    /// Not on the other medium.
    Alone,
}

/// States of the regions of two media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// States of the old medium's regions.
    pub old: Vec<RegionState>,
    /// States of the new medium's regions.
    pub new: Vec<RegionState>,
    /// Number of bytes of each new region that are equal at the same position, slack included.
    pub same: Vec<u64>,
}

/// File digests of two media, and access to their bytes.
pub struct Reads<'a> {
    /// File digests of the old medium and of the new one, by path.
    pub digests: [&'a HashMap<String, Digest>; 2],
    /// Counts the bytes in a range of the new medium whose sectors equal those from a byte of the old one.
    pub same_len: &'a mut dyn FnMut(u64, Range<u64>) -> Result<u64>,
}

/// Compares two media region by region.
pub fn marks(old: &Map, new: &Map, reads: &mut Reads) -> Result<Marks> {
    let there: HashMap<_, _> = keys(&old.regions).into_iter().zip(0..).collect();
    let mut marks = Marks { old: vec![RegionState::Alone; old.regions.len()], new: Vec::new(), same: Vec::new() };
    for (region, key) in new.regions.iter().zip(keys(&new.regions)) {
        let state = match there.get(&key) {
            None => RegionState::Alone,
            Some(index) => {
                let counterpart: &MapRegion = &old.regions[*index];
                let changed = !is_same(counterpart, region, reads)?;
                let (here, there) = (region.offset, counterpart.offset);
                let state = |there| match (here == counterpart.offset, changed) {
                    (true, false) => RegionState::Same,
                    (true, true) => RegionState::Changed,
                    (false, changed) => RegionState::Moved { there, changed },
                };
                marks.old[*index] = state(here);
                state(there)
            }
        };
        marks.new.push(state);
    }
    marks.same = same(old, new, reads)?;
    Ok(marks)
}

/// Identifies each region among those of its medium.
fn keys(regions: &[MapRegion]) -> Vec<(RegionKind, &str, usize)> {
    let mut seen: HashMap<(RegionKind, &str), usize> = HashMap::new();
    let mut keys = Vec::with_capacity(regions.len());
    for MapRegion { kind, name, .. } in regions {
        // The name of a head lists its parts, which may vary.
        let name = if *kind == RegionKind::Head { "" } else { name.as_str() };
        let n = seen.entry((*kind, name)).or_default();
        keys.push((*kind, name, *n));
        *n += 1;
    }
    keys
}

/// Returns `true` if a region has the same bytes, at any position.
fn is_same(old: &MapRegion, new: &MapRegion, reads: &mut Reads) -> Result<bool> {
    if new.kind.is_content() {
        let files = |region: &MapRegion, digests: &HashMap<String, Digest>| -> Vec<_> {
            let file = |(path, place): &(String, Range<u64>)| {
                (
                    path.clone(),
                    place.start.wrapping_sub(region.offset),
                    place.end - place.start,
                    digests.get(path).copied(),
                )
            };
            region.files.iter().map(file).collect()
        };
        return Ok(files(old, reads.digests[0]) == files(new, reads.digests[1]));
    }
    Ok(old.span == new.span && (reads.same_len)(old.offset, new.span())? == new.span)
}

/// Counts the bytes of each region that are equal at the same position.
fn same(old: &Map, new: &Map, reads: &mut Reads) -> Result<Vec<u64>> {
    let places = |map: &Map, digests: &HashMap<String, Digest>| -> HashMap<(u64, u64), Digest> {
        let files = map.regions.iter().flat_map(|region| &region.files);
        files.filter_map(|(path, place)| Some(((place.start, place.end), *digests.get(path)?))).collect()
    };
    let (of_old, of_new) = (places(old, reads.digests[0]), places(new, reads.digests[1]));
    let mut counts = Vec::with_capacity(new.regions.len());
    for region in &new.regions {
        let mut count = 0;
        let mut at = region.offset;
        let end = region.end().min(old.len);
        let mut inside: Vec<_> = region.files.iter().map(|(_, place)| place.clone()).collect();
        inside.sort_by_key(|place| place.start);
        for place in inside {
            if place.start >= end {
                break;
            }
            if place.start > at {
                count += (reads.same_len)(at, at..place.start)?;
            }
            let key = (place.start, place.end);
            if place.start >= at && of_old.get(&key).is_some_and(|digest| of_new.get(&key) == Some(digest)) {
                count += place.end - place.start;
            }
            at = at.max(place.end);
        }
        if at < end {
            count += (reads.same_len)(at, at..end)?;
        }
        counts.push(count);
    }
    Ok(counts)
}
