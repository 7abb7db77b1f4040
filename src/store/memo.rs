//! Binary format of the memo: an index, then entries of fixed size in ascending order, read in blocks when they are
//! needed. A plan of one manifest reads the blocks of its own files, however many files the cache knows.
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 8 | `tsmedia\x05`, the last byte the version |
//! | 8 | 4 + 4 | number of sources, number of finished outputs; little-endian |
//! | 16 | 32 | BLAKE3 of the counts, the index and the finished outputs |
//! | 48 | 16 + 32 each | index: for each block of 256 sources, device and inode of the first one, and BLAKE3 of the block |
//! | | 125 each | finished outputs: BLAKE3 of the name, identity, stat, secrets or zeros, 0 |
//! | | 125 each | sources: key (40), BLAKE3, SHA-256, SHA-1 or zeros, week |
//!
//! The key of a file is its metadata (5 × 8 bytes, big-endian, so that bytes sort like numbers). The key of an
//! assembled source is 8 bytes of ones, which is not a valid device number, and the digest of its runs. So is that of a
//! content in a Git repository, with the digest of its identity (see `git_index`).
//!
//! The [week](Week) is the one in which the entry was last used. Versions 3 and 4 had no index.

mod entry;
mod merge;
mod old;

use std::cell::{Cell, OnceCell};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;

use crate::content::SourceKey;
use crate::digest::{Digest, Digests, Sha256};
use crate::limits::MAX_DIGESTS_LEN;
use entry::{ENTRY_LEN, Entry, INODE_LEN, KEY_LEN, array, digests_of, key_bytes, parse_key};

pub(super) use entry::{FinishedOutput, MemoChange, Week, decode_changes, encode_changes};
pub(super) use merge::Learnt;

const MAGIC: [u8; 8] = *b"tsmedia\x05";
const HEADER_LEN: usize = 48;
/// Length of the index of a block.
const INDEX_LEN: usize = INODE_LEN + 32;
/// Sources in a block: 32,000 bytes.
const BLOCK_LEN: usize = 256;
/// Maximum number of sources: 120 MiB.
const MAX_FILES: usize = 1_000_000;

/// Memo as stored on disk.
#[derive(Debug, Default)]
pub(super) struct Memo {
    /// File with the blocks that were not read yet.
    file: Option<File>,
    len: u64,
    n_files: usize,
    /// Digest in the header, which names this state of the memo. `None` for an older version, or without a memo.
    state: Option<Digest>,
    /// `false` if it was written by a version that counted uses instead.
    has_weeks: bool,
    blocks: Vec<Block>,
    finished: BTreeMap<Digest, FinishedOutput>,
    /// Index of the source that was found last. The next one is often the next to be asked for.
    latest: Cell<usize>,
}

/// Block of sources with neighbouring inodes.
#[derive(Debug)]
struct Block {
    /// Device and inode of the first source.
    first: [u8; INODE_LEN],
    digest: Digest,
    /// Offset in the file.
    offset: u64,
    n_files: usize,
    /// Empty if it is damaged.
    sources: OnceCell<Vec<Entry>>,
}

impl Memo {
    /// Reads the header and the index of a memo, and keeps it open. The state that was opened stays readable when
    /// another process replaces the memo. A damaged one yields an empty memo.
    pub(super) fn read(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        let mut header = [0; HEADER_LEN];
        file.read_exact_at(&mut header, 0)?;
        if header[..8] != MAGIC {
            return old::read(&file, len);
        }
        let count = |at: usize| u32::from_le_bytes(array(&header[at..])) as usize;
        let (n_files, n_finished) = (count(8), count(12));
        let n_blocks = n_files.div_ceil(BLOCK_LEN);
        let head_len = n_blocks * INDEX_LEN + n_finished * ENTRY_LEN;
        let sources_offset = (HEADER_LEN + head_len) as u64;
        if n_files > MAX_FILES || len > MAX_DIGESTS_LEN || len != sources_offset + (n_files * ENTRY_LEN) as u64 {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut head = vec![0; head_len];
        file.read_exact_at(&mut head, HEADER_LEN as u64)?;
        if header[16..] != state_of(&header[8..16], &head).0 {
            return Err(ErrorKind::InvalidData.into());
        }
        let (index, finished) = head.split_at(n_blocks * INDEX_LEN);
        let block = |(number, index): (usize, &[u8; INDEX_LEN])| Block {
            first: array(index),
            digest: Digest(array(&index[INODE_LEN..])),
            offset: sources_offset + (number * BLOCK_LEN * ENTRY_LEN) as u64,
            n_files: BLOCK_LEN.min(n_files - number * BLOCK_LEN),
            sources: OnceCell::new(),
        };
        let blocks = index.as_chunks().0.iter().enumerate().map(block).collect();
        let finished = finished.as_chunks().0.iter().map(FinishedOutput::decode);
        let finished = finished.map(|finished| (finished.name, finished)).collect();
        let state = Some(Digest(array(&header[16..])));
        Ok(Self { file: Some(file), len, n_files, state, has_weeks: true, blocks, finished, latest: Cell::new(0) })
    }

    /// Creates a memo from all of its sources, in ascending order.
    fn from_sources(len: u64, has_weeks: bool, sources: &[Entry], finished: &[Entry]) -> Self {
        let block = |sources: &[Entry]| Block {
            first: array(&sources[0]),
            digest: Digest([0; 32]),
            offset: 0,
            n_files: sources.len(),
            sources: OnceCell::from(sources.to_vec()),
        };
        let blocks = sources.chunks(BLOCK_LEN).map(block).collect();
        let finished = finished.iter().map(FinishedOutput::decode).map(|finished| (finished.name, finished)).collect();
        Self { file: None, len, n_files: sources.len(), state: None, has_weeks, blocks, finished, latest: Cell::new(0) }
    }

    /// Length in bytes; 0 if there is none.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Digest that names this state of the memo. `None` if there is none, or if it has to be written again.
    pub(super) fn state(&self) -> Option<Digest> {
        self.state
    }

    pub(super) fn n_files(&self) -> usize {
        self.n_files
    }

    pub(super) fn finished(&self) -> &BTreeMap<Digest, FinishedOutput> {
        &self.finished
    }

    /// Returns `true` if a state of this file is known, even another one.
    pub(super) fn has_file(&self, key: &SourceKey) -> bool {
        self.find_inode(&key_bytes(key)).is_some()
    }

    /// Finds the digests of a source, and its index.
    pub(super) fn find(&self, key: &SourceKey) -> Option<(usize, Digests)> {
        let key = key_bytes(key);
        let (index, entry) = self.find_inode(&key)?;
        (entry[..KEY_LEN] == key).then(|| (index, digests_of(entry)))
    }

    /// Digests of any source with this content, and its index. Reads blocks until one has it.
    pub(super) fn find_content(&self, sha256: Sha256) -> Option<(usize, Digests)> {
        self.blocks.iter().enumerate().find_map(|(number, block)| {
            let sources = self.sources(block);
            let at = sources.iter().position(|entry| entry[72..104] == sha256.0)?;
            Some((number * BLOCK_LEN + at, digests_of(&sources[at])))
        })
    }

    /// Keys and digests of the sources whose indices are marked.
    pub(super) fn marked_digests(&self, marks: &[bool]) -> HashMap<SourceKey, Digests> {
        self.marked(marks).map(|entry| (parse_key(entry), digests_of(entry))).collect()
    }

    fn find_inode(&self, key: &[u8; KEY_LEN]) -> Option<(usize, &Entry)> {
        let inode = &key[..INODE_LEN];
        let next = self.latest.get() + 1;
        let block = self.blocks.get(next / BLOCK_LEN).and_then(|block| block.sources.get());
        let at_next = block.and_then(|sources| sources.get(next % BLOCK_LEN));
        if let Some(entry) = at_next.filter(|entry| entry[..INODE_LEN] == *inode) {
            self.latest.set(next);
            return Some((next, entry));
        }
        let number = self.blocks.partition_point(|block| block.first[..] <= *inode).checked_sub(1)?;
        let sources = self.sources(&self.blocks[number]);
        let at = sources.binary_search_by(|entry| entry[..INODE_LEN].cmp(inode)).ok()?;
        let index = number * BLOCK_LEN + at;
        self.latest.set(index);
        Some((index, &sources[at]))
    }

    /// All sources. Reads every block.
    fn all_sources(&self) -> impl Iterator<Item = &Entry> {
        self.blocks.iter().flat_map(|block| self.sources(block))
    }

    /// Keys and digests of all sources. Reads every block.
    pub(super) fn all(&self) -> impl Iterator<Item = (SourceKey, Digests)> {
        self.all_sources().map(|entry| (parse_key(entry), digests_of(entry)))
    }

    /// Sources whose indices are marked. Only blocks that were read can have any.
    fn marked<'a>(&'a self, marks: &'a [bool]) -> impl Iterator<Item = &'a Entry> {
        let read = self.blocks.iter().enumerate().filter_map(|(number, block)| Some((number, block.sources.get()?)));
        let sources = read.flat_map(|(number, sources)| {
            sources.iter().enumerate().map(move |(at, entry)| (number * BLOCK_LEN + at, entry))
        });
        sources.filter(|(index, _)| marks.get(*index) == Some(&true)).map(|(_, entry)| entry)
    }

    /// Number of blocks that were read.
    #[cfg(test)]
    pub(super) fn n_read_blocks(&self) -> usize {
        self.blocks.iter().filter(|block| block.sources.get().is_some()).count()
    }

    fn sources<'a>(&self, block: &'a Block) -> &'a [Entry] {
        block.sources.get_or_init(|| {
            let mut sources = vec![[0; ENTRY_LEN]; block.n_files];
            let read = self.file.as_ref().map(|file| file.read_exact_at(sources.as_flattened_mut(), block.offset));
            let is_whole = matches!(read, Some(Ok(()))) && Digest::hash(sources.as_flattened()) == block.digest;
            if is_whole { sources } else { Vec::new() }
        })
    }
}

/// Digest of the counts and of the index with the finished outputs.
fn state_of(counts: &[u8], head: &[u8]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(counts);
    hasher.update(head);
    Digest(*hasher.finalize().as_bytes())
}
