//! Difference of two layouts: the parts of a finished output that can be kept in a new one.
//!
//! The recorded files of the old output, by digest and position, are matched with the new layout. The result is a list
//! of [`Gap`]s; everything between them is kept in place, or moved by whole blocks, as file systems can do without
//! copying. `write` compares and writes the contents of the gaps. Nothing is read here.

mod keep;

use crate::digest::Digest;
use crate::layout::Region;
use keep::Keep;

/// Unit in bytes in which file systems move, insert, remove and share blocks. Larger blocks are not supported.
pub const BLOCK: u64 = 4_096;

/// File of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacedPart {
    /// Region of its bytes.
    pub region: Region,
    /// BLAKE3 digest of its bytes.
    pub blake3: Digest,
}

/// Operations supported by the file system besides overwriting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// None.
    Overwrite,
    /// Insert and remove blocks, moving everything after them (`fallocate`: ext4, XFS, F2FS).
    Shift,
    /// Share blocks with another file (reflinks: btrfs, XFS, bcachefs).
    Clone,
}

/// Changes that turn an old output into a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Length of the old output in bytes.
    pub old_len: u64,
    /// Length of the new output in bytes.
    pub new_len: u64,
    /// Everything that is not kept, ascending.
    pub gaps: Vec<Gap>,
}

/// Range of the new output to write, and the range of the old one that it replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Range in the old output.
    pub old: Region,
    /// Range in the new output.
    pub new: Region,
    /// `true` if the new bytes get newly inserted room, and the old ones are removed afterwards. Otherwise new bytes
    /// overwrite old ones, and only the difference in length is inserted or removed.
    pub replaces: bool,
    /// Offset of its new bytes once everything is inserted and nothing removed; old bytes to remove follow them.
    pub place: u64,
}

impl Gap {
    /// Number of old bytes that are overwritten.
    pub fn n_over(&self) -> u64 {
        if self.replaces { 0 } else { self.old.len.min(self.new.len) }
    }

    /// Number of bytes to insert, in whole blocks except at the end of the output.
    pub fn n_insert(&self) -> u64 {
        if self.replaces { self.new.len.next_multiple_of(BLOCK) } else { self.new.len - self.n_over() }
    }

    /// Number of old bytes to remove.
    pub fn n_drop(&self) -> u64 {
        self.old.len - self.n_over()
    }

    /// Offset in the old output at which to insert: after overwritten bytes and before removed ones.
    pub fn insert_at(&self) -> u64 {
        self.old.offset + self.n_over()
    }
}

impl Patch {
    /// Determines the changes from an output of `old_len` bytes with the files `old` to one of `new_len` bytes with the
    /// files `new`. Two files of one output must share a region or not overlap.
    pub fn new(old_len: u64, old: &[PlacedPart], new_len: u64, new: &[PlacedPart], ability: Ability) -> Self {
        Self::from_keeps(old_len, new_len, &keep::kept(old, new, ability), &|_| false)
    }

    /// Returns a patch in which the gaps chosen by `replaces` get room of their own. It is called with ranges of the
    /// new output, each of which contains one or more of the current gaps.
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
        Self::from_keeps(self.old_len, self.new_len, &keeps, replaces)
    }

    fn from_keeps(old_len: u64, new_len: u64, keeps: &[Keep], replaces: &dyn Fn(&Region) -> bool) -> Self {
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

    /// Length of the output once everything is inserted and nothing removed.
    pub fn widest(&self) -> u64 {
        self.old_len + self.gaps.iter().map(Gap::n_insert).sum::<u64>()
    }

    /// Position of a range of a gap at that point.
    pub fn place(&self, range: &Region) -> Region {
        let index = self.gaps.partition_point(|gap| gap.new.end() <= range.offset);
        let offset = self.gaps.get(index).map_or(range.offset, |gap| gap.place + (range.offset - gap.new.offset));
        Region { offset, len: range.len }
    }

    /// Ranges that both outputs share at least mostly, in whole blocks: offset in the old one, offset in the new one,
    /// and length.
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
