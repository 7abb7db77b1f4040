//! Binary format of the memo: a header, then entries of fixed size in ascending order, used without decoding.
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 8 | `tsmedia\x04`, the last byte the version |
//! | 8 | 4 + 4 | number of sources, number of finished outputs; little-endian |
//! | 16 | 32 | BLAKE3 of the counts and everything after the header |
//! | 48 | 125 each | sources: key (40), BLAKE3, SHA-256, SHA-1 or zeros, week |
//! | | 125 each | finished outputs: BLAKE3 of the name, identity, stat, secrets or zeros, 0 |
//!
//! The key of a file is its metadata (5 × 8 bytes, big-endian, so that bytes sort like numbers). The key of an
//! assembled source is 8 bytes of ones, which is not a valid device number, and the digest of its runs.
//!
//! The [week](Week) is the one in which the entry was last used. Version 3 had another number in its place.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::content::{SourceKey, Stat};
use crate::digest::{Digest, Digests, Sha1, Sha256};

const MAGIC: [u8; 8] = *b"tsmedia\x04";
const OLD_MAGIC: [u8; 8] = *b"tsmedia\x03";
const HEADER_LEN: usize = 48;
const ENTRY_LEN: usize = 125;
const KEY_LEN: usize = 40;
/// Offset of the week in an entry.
const WEEK: usize = 124;
/// Number of weeks after which unused entries are dropped.
const MAX_AGE: u8 = 26;
/// Maximum number of sources: 120 MiB.
const MAX_FILES: usize = 1_000_000;

/// Week of a time, counted from 1970 and reduced to a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Week(u8);

impl Week {
    /// Week of a time in nanoseconds since 1970.
    pub(super) fn from_ns(ns: i64) -> Self {
        const WEEK_NS: i64 = 7 * 24 * 3_600 * 1_000_000_000;
        Self(ns.div_euclid(WEEK_NS) as u8)
    }

    /// Number of weeks since an earlier week. 0 for a later one, as after the clock was set back.
    fn since(self, earlier: u8) -> u8 {
        Some(self.0.wrapping_sub(earlier)).filter(|age| *age < 128).unwrap_or(0)
    }
}

/// Memo as stored on disk.
#[derive(Debug, Default)]
pub(super) struct Memo {
    bytes: Vec<u8>,
    n_files: usize,
    /// `false` if it was written by a version that counted uses instead.
    has_weeks: bool,
    /// Entry index by device and inode, or by what an assembled source has in their place.
    by_inode: HashMap<[u8; INODE_LEN], usize>,
}

/// Finished output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FinishedOutput {
    pub(super) name: Digest,
    pub(super) id: Digest,
    /// First 20 bytes of the keyed digest of its secrets.
    pub(super) secrets: Option<Digest>,
    pub(super) stat: Stat,
}

impl Memo {
    /// Length in bytes; 0 if there is none.
    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Parses a memo. A damaged one yields an empty memo.
    pub(super) fn parse(bytes: Vec<u8>) -> Self {
        let count = |at: usize| bytes.get(at..at + 4).map(|four| u32::from_le_bytes(array(four)) as usize);
        let (Some(n_files), Some(n_finished)) = (count(8), count(12)) else { return Self::default() };
        let has_weeks = bytes.starts_with(&MAGIC);
        let whole = (has_weeks || bytes.starts_with(&OLD_MAGIC))
            && bytes.len() == HEADER_LEN + (n_files + n_finished) * ENTRY_LEN
            && checksum(&bytes) == bytes[16..HEADER_LEN];
        if !whole {
            return Self::default();
        }
        let mut memo = Self { bytes, n_files, has_weeks, by_inode: HashMap::new() };
        memo.by_inode = (0..n_files).map(|index| (array(&memo.entries()[index]), index)).collect();
        memo
    }

    pub(super) fn n_files(&self) -> usize {
        self.n_files
    }

    fn entries(&self) -> &[[u8; ENTRY_LEN]] {
        self.bytes.get(HEADER_LEN..).unwrap_or_default().as_chunks().0
    }

    /// Returns `true` if a state of this file is known, even another one.
    pub(super) fn has_file(&self, key: &SourceKey) -> bool {
        self.by_inode.contains_key(&key_bytes(key)[..INODE_LEN])
    }

    pub(super) fn find(&self, key: &SourceKey) -> Option<(usize, Digests)> {
        let key = key_bytes(key);
        let index = *self.by_inode.get(&key[..INODE_LEN])?;
        let entry = &self.entries()[index];
        (entry[..KEY_LEN] == key).then(|| (index, digests_of(entry)))
    }

    /// Source and digests at an index.
    pub(super) fn entry(&self, index: usize) -> (SourceKey, Digests) {
        let entry = &self.entries()[index];
        (parse_key(entry), digests_of(entry))
    }

    pub(super) fn finished(&self) -> BTreeMap<Digest, FinishedOutput> {
        let parse = |entry: &[u8; ENTRY_LEN]| FinishedOutput {
            name: Digest(array(&entry[..32])),
            id: Digest(array(&entry[32..64])),
            stat: parse_stat(&entry[64..104]),
            secrets: parse_secrets(&entry[104..WEEK]),
        };
        self.entries()[self.n_files..].iter().map(parse).map(|finished| (finished.name, finished)).collect()
    }

    /// Formats the memo merged with new digests. Of each file, only the latest state is kept. Without a week, no entry
    /// is dropped for its age.
    pub(super) fn merged(
        &self,
        used: &HashSet<SourceKey>,
        learnt: &HashMap<SourceKey, Digests>,
        finished: &BTreeMap<Digest, FinishedOutput>,
        week: Option<Week>,
    ) -> Vec<u8> {
        let age = |entry: &[u8; ENTRY_LEN]| week.map_or(0, |week| week.since(entry[WEEK]));
        let this_week = |entry: &mut [u8; ENTRY_LEN]| entry[WEEK] = week.map_or(entry[WEEK], |week| week.0);
        let renewed: HashSet<_> = learnt.keys().map(|key| array::<INODE_LEN>(&key_bytes(key))).collect();
        let mut entries: Vec<_> = self.entries()[..self.n_files]
            .iter()
            .filter_map(|entry| {
                let mut entry = *entry;
                if !self.has_weeks || used.contains(&parse_key(&entry)) {
                    this_week(&mut entry);
                }
                (age(&entry) <= MAX_AGE && !renewed.contains(&entry[..INODE_LEN])).then_some(entry)
            })
            .collect();
        entries.extend(learnt.iter().map(|(key, digests)| {
            let mut entry = [0; ENTRY_LEN];
            entry[..KEY_LEN].copy_from_slice(&key_bytes(key));
            entry[40..72].copy_from_slice(&digests.blake3.0);
            entry[72..104].copy_from_slice(&digests.sha256.0);
            entry[104..WEEK].copy_from_slice(&digests.sha1.map_or([0; 20], |sha1| sha1.0));
            this_week(&mut entry);
            entry
        }));
        if entries.len() > MAX_FILES {
            entries.sort_by_key(|entry| age(entry));
            entries.truncate(MAX_FILES);
        }
        entries.sort_unstable();
        let n_files = entries.len();
        entries.extend(finished.values().map(|finished| {
            let mut entry = [0; ENTRY_LEN];
            entry[..32].copy_from_slice(&finished.name.0);
            entry[32..64].copy_from_slice(&finished.id.0);
            entry[64..104].copy_from_slice(&stat_bytes(&finished.stat));
            entry[104..WEEK].copy_from_slice(&finished.secrets.map_or([0; 20], |secrets| array(&secrets.0)));
            entry
        }));
        let mut bytes = Vec::with_capacity(HEADER_LEN + entries.len() * ENTRY_LEN);
        bytes.extend(MAGIC);
        bytes.extend((n_files as u32).to_le_bytes());
        bytes.extend(((entries.len() - n_files) as u32).to_le_bytes());
        bytes.extend([0; 32]);
        bytes.extend(entries.as_flattened());
        let checksum = checksum(&bytes);
        bytes[16..HEADER_LEN].copy_from_slice(&checksum);
        bytes
    }
}

/// Checksum of a memo, which must have at least a header.
fn checksum(bytes: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes[8..16]);
    hasher.update(&bytes[HEADER_LEN..]);
    *hasher.finalize().as_bytes()
}

fn digests_of(entry: &[u8; ENTRY_LEN]) -> Digests {
    Digests {
        blake3: Digest(array(&entry[40..72])),
        sha256: Sha256(array(&entry[72..104])),
        sha1: Some(Sha1(array(&entry[104..WEEK]))).filter(|sha1| sha1.0 != [0; 20]),
    }
}

/// Device number in the key of an assembled source.
const NO_DEVICE: u64 = u64::MAX;
/// Length of device and inode, which identify a file.
const INODE_LEN: usize = 16;

fn key_bytes(key: &SourceKey) -> [u8; KEY_LEN] {
    match key {
        SourceKey::File(stat) => stat_bytes(stat),
        SourceKey::Pieced(digest) => {
            let mut bytes = [0; KEY_LEN];
            bytes[..8].copy_from_slice(&NO_DEVICE.to_be_bytes());
            bytes[8..].copy_from_slice(&digest.0);
            bytes
        }
    }
}

fn parse_key(entry: &[u8; ENTRY_LEN]) -> SourceKey {
    match parse_stat(entry) {
        Stat { device: NO_DEVICE, .. } => SourceKey::Pieced(Digest(array(&entry[8..]))),
        stat => SourceKey::File(stat),
    }
}

fn stat_bytes(stat: &Stat) -> [u8; KEY_LEN] {
    let mut bytes = [0; KEY_LEN];
    let fields = [stat.device, stat.inode, stat.len, stat.modified_ns as u64, stat.changed_ns as u64];
    for (eight, field) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(fields) {
        *eight = field.to_be_bytes();
    }
    bytes
}

fn parse_stat(bytes: &[u8]) -> Stat {
    let field = |index: usize| u64::from_be_bytes(array(&bytes[index * 8..index * 8 + 8]));
    Stat { device: field(0), inode: field(1), len: field(2), modified_ns: field(3) as i64, changed_ns: field(4) as i64 }
}

fn parse_secrets(bytes: &[u8]) -> Option<Digest> {
    let mut secrets = [0; 32];
    secrets[..20].copy_from_slice(bytes);
    (secrets != [0; 32]).then_some(Digest(secrets))
}

/// First `N` bytes of a slice, which must be at least that long.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[..N]);
    array
}
