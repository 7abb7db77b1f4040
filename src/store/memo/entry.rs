//! Entries of the memo and of its log.

use crate::content::{SourceKey, Stat};
use crate::digest::{Digest, Digests, Sha1, Sha256};

pub(super) const ENTRY_LEN: usize = 125;
pub(super) const KEY_LEN: usize = 40;
/// Length of device and inode, which identify a file.
pub(super) const INODE_LEN: usize = 16;
/// Offset of the week in an entry.
pub(super) const WEEK: usize = 124;
/// Device number in the key of an assembled source.
const NO_DEVICE: u64 = u64::MAX;

/// Entry of a source or a finished output.
pub(super) type Entry = [u8; ENTRY_LEN];

/// Week of a time, counted from 1970 and reduced to a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Week(pub(super) u8);

impl Week {
    /// Week of a time in nanoseconds since 1970.
    pub(in crate::store) fn from_ns(ns: i64) -> Self {
        const WEEK_NS: i64 = 7 * 24 * 3_600 * 1_000_000_000;
        Self(ns.div_euclid(WEEK_NS) as u8)
    }

    /// Number of weeks since an earlier week. 0 for a later one, as after the clock was set back.
    pub(super) fn since(self, earlier: u8) -> u8 {
        Some(self.0.wrapping_sub(earlier)).filter(|age| *age < 128).unwrap_or(0)
    }
}

/// Finished output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct FinishedOutput {
    pub(in crate::store) name: Digest,
    pub(in crate::store) id: Digest,
    /// First 20 bytes of the keyed digest of its secrets.
    pub(in crate::store) secrets: Option<Digest>,
    pub(in crate::store) stat: Stat,
}

impl FinishedOutput {
    pub(super) fn decode(entry: &Entry) -> Self {
        Self {
            name: Digest(array(entry)),
            id: Digest(array(&entry[32..])),
            stat: parse_stat(&entry[64..]),
            secrets: parse_secrets(&entry[104..WEEK]),
        }
    }

    pub(super) fn encode(&self) -> Entry {
        let mut entry = [0; ENTRY_LEN];
        entry[..32].copy_from_slice(&self.name.0);
        entry[32..64].copy_from_slice(&self.id.0);
        entry[64..104].copy_from_slice(&stat_bytes(&self.stat));
        entry[104..WEEK].copy_from_slice(&self.secrets.map_or([0; 20], |secrets| array(&secrets.0)));
        entry
    }
}

/// Change in the log of the memo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum MemoChange {
    /// Digests of a source were found.
    Source(SourceKey, Digests),
    /// An output was finished.
    Finished(FinishedOutput),
    /// An output was forgotten, by the digest of its name.
    Forgotten(Digest),
}

/// Encodes changes for the log: for each, a letter and an entry.
pub(in crate::store) fn encode_changes(changes: &[MemoChange]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(changes.len() * (1 + ENTRY_LEN));
    for change in changes {
        let (letter, entry) = match change {
            MemoChange::Source(key, digests) => (b's', encode_source(key, digests)),
            MemoChange::Finished(finished) => (b'o', finished.encode()),
            MemoChange::Forgotten(name) => {
                let mut entry = [0; ENTRY_LEN];
                entry[..32].copy_from_slice(&name.0);
                (b'f', entry)
            }
        };
        bytes.push(letter);
        bytes.extend(entry);
    }
    bytes
}

/// Decodes changes of the log. Those of a later version are skipped.
pub(in crate::store) fn decode_changes(bytes: &[u8]) -> impl Iterator<Item = MemoChange> {
    bytes.as_chunks::<{ 1 + ENTRY_LEN }>().0.iter().filter_map(|change| {
        let entry: &Entry = change.last_chunk()?;
        match change[0] {
            b's' => Some(MemoChange::Source(parse_key(entry), digests_of(entry))),
            b'o' => Some(MemoChange::Finished(FinishedOutput::decode(entry))),
            b'f' => Some(MemoChange::Forgotten(Digest(array(entry)))),
            _ => None,
        }
    })
}

/// Encodes a source. Its week is 0.
pub(super) fn encode_source(key: &SourceKey, digests: &Digests) -> Entry {
    let mut entry = [0; ENTRY_LEN];
    entry[..KEY_LEN].copy_from_slice(&key_bytes(key));
    entry[40..72].copy_from_slice(&digests.blake3.0);
    entry[72..104].copy_from_slice(&digests.sha256.0);
    entry[104..WEEK].copy_from_slice(&digests.sha1.map_or([0; 20], |sha1| sha1.0));
    entry
}

pub(super) fn digests_of(entry: &Entry) -> Digests {
    Digests {
        blake3: Digest(array(&entry[40..72])),
        sha256: Sha256(array(&entry[72..104])),
        sha1: Some(Sha1(array(&entry[104..WEEK]))).filter(|sha1| sha1.0 != [0; 20]),
    }
}

pub(super) fn key_bytes(key: &SourceKey) -> [u8; KEY_LEN] {
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

pub(super) fn parse_key(entry: &Entry) -> SourceKey {
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
pub(super) fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[..N]);
    array
}
