//! Folders as B-trees of file names in the order of `$UpCase`. The root is in the folder's record and the rest in
//! blocks of 4,096 bytes.
//!
//! A tree is filled from its first leaf to its last, so it depends on the names alone. No node is empty.

use super::record::protect;

/// Length of a block in bytes, which is that of a cluster.
pub(super) const BLOCK_LEN: usize = 4_096;

/// Offset of the first entry in a block, after the header and the fixups of eight sectors.
const ENTRIES_AT: usize = 64;

/// Offset of the index header in a block, from which other offsets count.
const INDEX_AT: usize = 24;

const HAS_CHILD: u16 = 1;
const IS_END: u16 = 2;

/// Length of the end entry of a node, and of the child reference in an entry.
const END_LEN: usize = 16;
const CHILD_LEN: usize = 8;

/// Entry in the form of a leaf.
pub(super) type IndexEntry = Vec<u8>;

/// Makes the entry of a file from its record reference and name attribute.
pub(super) fn entry(reference: u64, file_name: &[u8]) -> IndexEntry {
    let mut bytes = vec![0; (16 + file_name.len()).next_multiple_of(8)];
    let len = bytes.len() as u16;
    bytes[..8].copy_from_slice(&reference.to_le_bytes());
    bytes[8..10].copy_from_slice(&len.to_le_bytes());
    bytes[10..12].copy_from_slice(&(file_name.len() as u16).to_le_bytes());
    bytes[16..16 + file_name.len()].copy_from_slice(file_name);
    bytes
}

/// Index of a folder.
pub(super) struct IndexTree {
    /// Value of the attribute `$INDEX_ROOT`.
    pub root: Vec<u8>,
    /// All blocks, one after another.
    pub blocks: Vec<u8>,
}

/// Entries of one level, each with the block number of its left child, and the block of the last child.
struct IndexLevel {
    entries: Vec<(IndexEntry, Option<u64>)>,
    last: Option<u64>,
}

impl IndexLevel {
    fn len(&self) -> usize {
        let child = if self.last.is_some() { CHILD_LEN } else { 0 };
        self.entries.iter().map(|(entry, _)| entry.len() + child).sum::<usize>() + END_LEN + child
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        let mut put = |entry: &[u8], child: Option<u64>, flags: u16| {
            let start = bytes.len();
            bytes.extend_from_slice(entry);
            bytes.extend(child.iter().flat_map(|child| child.to_le_bytes()));
            let flags = flags | if child.is_some() { HAS_CHILD } else { 0 };
            let len = (bytes.len() - start) as u16;
            bytes[start + 8..start + 10].copy_from_slice(&len.to_le_bytes());
            bytes[start + 12..start + 14].copy_from_slice(&flags.to_le_bytes());
        };
        self.entries.iter().for_each(|(entry, child)| put(entry, *child, 0));
        put(&[0; END_LEN], self.last, IS_END);
        bytes
    }
}

/// Builds the tree of sorted entries. `room` returns the number of bytes for entries in the record, with or without
/// blocks.
pub(super) fn tree(entries: Vec<IndexEntry>, room: impl Fn(bool) -> usize) -> IndexTree {
    let mut blocks = Vec::new();
    let mut level = IndexLevel { entries: entries.into_iter().map(|entry| (entry, None)).collect(), last: None };
    while level.len() > room(!blocks.is_empty()) {
        level = split(level, &mut blocks);
    }
    let entries = level.bytes();
    let mut root = Vec::with_capacity(32 + entries.len());
    root.extend(0x30u32.to_le_bytes()); // what is indexed: file names
    root.extend(1u32.to_le_bytes()); // in their order
    root.extend((BLOCK_LEN as u32).to_le_bytes());
    root.extend([1, 0, 0, 0]); // clusters of a block
    root.extend(16u32.to_le_bytes());
    root.extend((16 + entries.len() as u32).to_le_bytes());
    root.extend((16 + entries.len() as u32).to_le_bytes());
    root.extend(u32::from(!blocks.is_empty()).to_le_bytes());
    root.extend(entries);
    IndexTree { root, blocks }
}

/// Writes a level into blocks and returns the level above: the entries between the blocks.
fn split(level: IndexLevel, blocks: &mut Vec<u8>) -> IndexLevel {
    let mut above = Vec::new();
    let mut node = IndexLevel { entries: Vec::new(), last: level.last };
    let mut left = level.entries.into_iter().peekable();
    while let Some((entry, child)) = left.next() {
        let child_len = if child.is_some() { CHILD_LEN } else { 0 };
        if node.len() + entry.len() + child_len <= BLOCK_LEN - ENTRIES_AT {
            node.entries.push((entry, child));
            continue;
        }
        // This entry moves up. If it is the last one, the entry before it does, so that the next block is not empty.
        let is_last = left.peek().is_none();
        let (up, below) = match node.entries.pop() {
            Some(before) if is_last => (before, Some((entry, child))),
            before => {
                node.entries.extend(before);
                ((entry, child), None)
            }
        };
        let full = IndexLevel { entries: std::mem::take(&mut node.entries), last: up.1 };
        above.push((up.0, Some(put(&full, blocks))));
        node.entries.extend(below);
    }
    let last = put(&node, blocks);
    IndexLevel { entries: above, last: Some(last) }
}

/// Appends a block and returns its number.
fn put(node: &IndexLevel, blocks: &mut Vec<u8>) -> u64 {
    let number = (blocks.len() / BLOCK_LEN) as u64;
    let entries = node.bytes();
    let mut block = vec![0; BLOCK_LEN];
    block[..4].copy_from_slice(b"INDX");
    block[4..6].copy_from_slice(&40u16.to_le_bytes()); // where the fixups are
    block[6..8].copy_from_slice(&9u16.to_le_bytes());
    block[16..24].copy_from_slice(&number.to_le_bytes());
    let index = &mut block[INDEX_AT..];
    let first = ENTRIES_AT - INDEX_AT;
    index[..4].copy_from_slice(&(first as u32).to_le_bytes());
    index[4..8].copy_from_slice(&((first + entries.len()) as u32).to_le_bytes());
    index[8..12].copy_from_slice(&((BLOCK_LEN - INDEX_AT) as u32).to_le_bytes());
    index[12] = u8::from(node.last.is_some());
    block[ENTRIES_AT..ENTRIES_AT + entries.len()].copy_from_slice(&entries);
    protect(&mut block, 40);
    blocks.extend(block);
    number
}
