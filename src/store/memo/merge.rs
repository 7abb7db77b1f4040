//! Merges a memo with what a run learnt, and formats the result.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::entry::{ENTRY_LEN, Entry, INODE_LEN, WEEK, Week, array, encode_source, key_bytes, parse_key};
use super::{BLOCK_LEN, FinishedOutput, HEADER_LEN, MAGIC, MAX_FILES, Memo, state_of};
use crate::content::SourceKey;
use crate::digest::{Digest, Digests};

/// Number of weeks after which unused entries are dropped.
const MAX_AGE: u8 = 26;
/// Number of weeks after which a used entry counts as used again.
const MAX_AGE_OF_USED: u8 = 4;

/// Additions of a run to a memo.
#[derive(Debug)]
pub(in crate::store) struct Learnt<'a> {
    /// Known sources that were used.
    pub used: &'a HashSet<SourceKey>,
    /// New digests.
    pub digests: &'a HashMap<SourceKey, Digests>,
    /// All finished outputs.
    pub finished: &'a BTreeMap<Digest, FinishedOutput>,
    /// Present week. `None` to drop no entry for its age.
    pub week: Option<Week>,
}

impl Memo {
    /// Keys of the sources whose indices are marked.
    pub(in crate::store) fn used(&self, marks: &[bool]) -> HashSet<SourceKey> {
        self.marked(marks).map(parse_key).collect()
    }

    /// Returns `true` if a marked source was last used so long ago that the memo should be written again.
    pub(in crate::store) fn has_faded(&self, marks: &[bool], week: Week) -> bool {
        self.marked(marks).any(|entry| week.since(entry[WEEK]) > MAX_AGE_OF_USED)
    }

    /// Formats the memo merged with what a run learnt. Of each file, only the latest state is kept.
    pub(in crate::store) fn merged(&self, learnt: &Learnt<'_>) -> Vec<u8> {
        let Learnt { used, digests, finished, week } = learnt;
        let age = |entry: &Entry| week.map_or(0, |week| week.since(entry[WEEK]));
        let this_week = |entry: &mut Entry| entry[WEEK] = week.map_or(entry[WEEK], |week| week.0);
        let renewed: HashSet<_> = digests.keys().map(|key| array::<INODE_LEN>(&key_bytes(key))).collect();
        let mut sources: Vec<_> = self
            .all_sources()
            .filter_map(|entry| {
                let mut entry = *entry;
                if !self.has_weeks || used.contains(&parse_key(&entry)) {
                    this_week(&mut entry);
                }
                (age(&entry) <= MAX_AGE && !renewed.contains(&entry[..INODE_LEN])).then_some(entry)
            })
            .collect();
        sources.extend(digests.iter().map(|(key, digests)| {
            let mut entry = encode_source(key, digests);
            this_week(&mut entry);
            entry
        }));
        if sources.len() > MAX_FILES {
            sources.sort_by_key(|entry| age(entry));
            sources.truncate(MAX_FILES);
        }
        sources.sort_unstable();
        // Of two states of one file in `digests`, either is as good: one of them is not the present one.
        sources.dedup_by(|one, other| one[..INODE_LEN] == other[..INODE_LEN]);
        format(&sources, finished)
    }
}

fn format(sources: &[Entry], finished: &BTreeMap<Digest, FinishedOutput>) -> Vec<u8> {
    let mut counts = [0; 8];
    counts[..4].copy_from_slice(&(sources.len() as u32).to_le_bytes());
    counts[4..].copy_from_slice(&(finished.len() as u32).to_le_bytes());
    let mut head = Vec::new();
    for block in sources.chunks(BLOCK_LEN) {
        head.extend(&block[0][..INODE_LEN]);
        head.extend(Digest::hash(block.as_flattened()).0);
    }
    finished.values().for_each(|finished| head.extend(finished.encode()));
    let mut bytes = Vec::with_capacity(HEADER_LEN + head.len() + sources.len() * ENTRY_LEN);
    bytes.extend(MAGIC);
    bytes.extend(counts);
    bytes.extend(state_of(&counts, &head).0);
    bytes.extend(head);
    bytes.extend(sources.as_flattened());
    bytes
}
