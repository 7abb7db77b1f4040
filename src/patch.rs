//! The difference of two layouts: what of a finished output stays when another one is made of it.
//!
//! What the record knows of the old output, files by digest and place, is set against the new layout. The answer is a
//! list of [`Gap`]s: between them everything is kept where it is, or moved by whole blocks as a file system can do
//! without copying. What is in the gaps is for `write` to compare, and to write. Pure: nothing is read here.

mod keep;

use crate::digest::Digest;
use crate::layout::Region;
use keep::Keep;

/// File systems move, insert, drop and share whole blocks of so many bytes; larger ones are not made use of.
pub const BLOCK: u64 = 4_096;

/// A file in an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacedPart {
    /// Where its bytes are.
    pub region: Region,
    /// Their digest.
    pub blake3: Digest,
}

/// What a file system can do with a file beside overwriting it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// No more than that.
    Overwrite,
    /// Insert and drop blocks, which moves all that is behind them (`fallocate`: ext4, XFS, F2FS).
    Shift,
    /// Share blocks with another file (reflinks: btrfs, XFS, bcachefs).
    Clone,
}

/// An output as a list of what has to change in an older one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The length of the old output in bytes.
    pub old_len: u64,
    /// The length of the new one.
    pub new_len: u64,
    /// Everything that is not kept, ascending.
    pub gaps: Vec<Gap>,
}

/// A range of the new output that is to be written, and the range of the old one that has no other use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// In the old output.
    pub old: Region,
    /// In the new output.
    pub new: Region,
    /// Whether the new bytes get room of their own, and the old ones are dropped when they are there. Otherwise they
    /// go over the old ones, and only a difference in length is inserted or dropped.
    pub replaces: bool,
    /// Where its new bytes start when everything is inserted and nothing dropped yet; those to drop follow them.
    pub place: u64,
}

impl Gap {
    /// How many of its old bytes the new ones go over.
    pub fn n_over(&self) -> u64 {
        if self.replaces { 0 } else { self.old.len.min(self.new.len) }
    }

    /// How many bytes have to be inserted: whole blocks, but for what makes the output longer at its end.
    pub fn n_insert(&self) -> u64 {
        if self.replaces { self.new.len.next_multiple_of(BLOCK) } else { self.new.len - self.n_over() }
    }

    /// How many old bytes have to be dropped.
    pub fn n_drop(&self) -> u64 {
        self.old.len - self.n_over()
    }

    /// Where in the old output to insert: in front of what is dropped, behind what is written over.
    pub fn insert_at(&self) -> u64 {
        self.old.offset + self.n_over()
    }
}

impl Patch {
    /// What has to change in an output of `old_len` bytes that holds the files `old`, so that it holds the files
    /// `new` and has `new_len` bytes. Two files of one output share
    /// a place or do not overlap.
    pub fn new(old_len: u64, old: &[PlacedPart], new_len: u64, new: &[PlacedPart], ability: Ability) -> Self {
        Self::of(old_len, new_len, &keep::kept(old, new, ability), &|_| false)
    }

    /// The same with room of their own for the gaps of which `replaces` says so. It is asked of ranges of the new
    /// output, which hold one or more of the gaps there are now.
    #[must_use]
    pub fn with_room(&self, replaces: &dyn Fn(&Region) -> bool) -> Self {
        let mut keeps = Vec::with_capacity(self.gaps.len() + 1);
        let (mut old_at, mut new_at) = (0, 0);
        let ends = self.gaps.iter().map(|gap| (gap.old, gap.new));
        for (old, new) in ends.chain([(region(self.old_len, self.old_len), region(self.new_len, self.new_len))]) {
            if new_at < new.offset {
                keeps.push(Keep { start: new_at, end: new.offset, shift: new_at as i64 - old_at as i64 });
            }
            (old_at, new_at) = (old.end(), new.end());
        }
        Self::of(self.old_len, self.new_len, &keeps, replaces)
    }

    fn of(old_len: u64, new_len: u64, keeps: &[Keep], replaces: &dyn Fn(&Region) -> bool) -> Self {
        let (keeps, with_room) = keep::aligned(keeps, new_len, replaces);
        let mut gaps = Vec::with_capacity(keeps.len() + 1);
        let (mut old_at, mut new_at, mut n_dropped) = (0, 0, 0);
        let mut add = |old_at: u64, old_end: u64, new_at: u64, new_end: u64, replaces: bool| {
            let (old, new) = (region(old_at, old_end), region(new_at, new_end));
            if old.len > 0 || new.len > 0 {
                let gap = Gap { old, new, replaces, place: new_at + n_dropped };
                n_dropped += gap.n_drop();
                gaps.push(gap);
            }
        };
        for (keep, replaces) in keeps.iter().zip(&with_room) {
            add(old_at, keep.old_start(), new_at, keep.start, *replaces);
            (old_at, new_at) = (keep.old_end(), keep.end);
        }
        let replaces = with_room.last().is_some_and(|last| *last);
        add(old_at, old_len, new_at, new_len, replaces);
        Self { old_len, new_len, gaps }
    }

    /// The length of the output when everything is inserted and nothing dropped yet.
    pub fn widest(&self) -> u64 {
        self.old_len + self.gaps.iter().map(Gap::n_insert).sum::<u64>()
    }

    /// Where a range of a gap is at that moment.
    pub fn place(&self, range: &Region) -> Region {
        let index = self.gaps.partition_point(|gap| gap.new.end() <= range.offset);
        let offset = self.gaps.get(index).map_or(range.offset, |gap| gap.place + (range.offset - gap.new.offset));
        Region { offset, len: range.len }
    }

    /// Ranges that both outputs have, or of which most is the same: start in the old one, start in the new one, and
    /// length. Whole blocks.
    pub fn shared(&self) -> Vec<(u64, u64, u64)> {
        let mut shared: Vec<(u64, u64, u64)> = Vec::new();
        let mut add = |old: u64, new: u64, len: u64| match shared.last_mut() {
            Some((last_old, last_new, last_len)) if *last_old + *last_len == old && *last_new + *last_len == new => {
                *last_len += len;
            }
            _ => shared.push((old, new, len)),
        };
        let (mut old_at, mut new_at) = (0, 0);
        for gap in &self.gaps {
            add(old_at, new_at, gap.new.offset - new_at);
            add(gap.old.offset, gap.new.offset, gap.n_over());
            (old_at, new_at) = (gap.old.end(), gap.new.end());
        }
        add(old_at, new_at, self.new_len - new_at);
        shared.retain(|(_, _, len)| *len > 0);
        shared
    }
}

fn region(start: u64, end: u64) -> Region {
    Region { offset: start, len: end - start }
}

#[cfg(test)]
mod tests;
