//! Compares the new bytes of a patch's gaps with the old ones, and sorts the differences by how they are written.
//!
//! The old bytes come from the finished output, or from the layout that it would have.

use std::fs::File;
use std::os::unix::fs::FileExt;

use camino::Utf8Path;
use rustix::fs::SeekFrom;

use crate::error::{Error, Result};
use crate::layout::{Extent, Layout, Piece, Region};
use crate::output::Sealed;
use crate::patch::{Ability, BLOCK, Gap, Patch, PlacedPart};
use crate::source::visit_piece;

/// Gaps that would put more than this into the journal get newly inserted room instead.
const MAX_OVER_IN_GAP: u64 = 1 << 20;
/// Maximum number of such gaps: for each, the file system moves everything after it.
const MAX_ROOMS: usize = 32;

/// Bytes of an old output.
pub(super) trait OldBytes {
    /// Length of the hole at `at`, at most `len`.
    fn hole_len(&self, at: u64, len: u64) -> u64;

    /// Reads the bytes at `at`.
    fn read_at(&self, bytes: &mut [u8], at: u64) -> Result<()>;
}

/// Finished output on disk.
pub(super) struct FinishedFile<'a> {
    pub(super) path: &'a Utf8Path,
    pub(super) file: &'a File,
}

impl OldBytes for FinishedFile<'_> {
    fn hole_len(&self, at: u64, len: u64) -> u64 {
        next_data(self.file, at, len)
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> Result<()> {
        self.file.read_exact_at(bytes, at).map_err(|error| Error::io("reading", self.path, error))
    }
}

/// Layout of an output that need not exist.
impl OldBytes for Layout {
    fn hole_len(&self, at: u64, len: u64) -> u64 {
        let next = within(self, Region { offset: at, len }).next();
        next.map_or(len, |extent| extent.offset - at)
    }

    fn read_at(&self, bytes: &mut [u8], at: u64) -> Result<()> {
        bytes.fill(0);
        for extent in within(self, Region { offset: at, len: bytes.len() as u64 }) {
            let mut to = (extent.offset - at) as usize;
            visit_piece(&extent, 0, extent.len, &mut |part| {
                bytes[to..to + part.len()].copy_from_slice(part);
                to += part.len();
                Ok::<_, Error>(())
            })?;
        }
        Ok(())
    }
}

/// Patch with the ranges to write in its gaps, by offset in the new output.
pub(super) struct PatchContents {
    pub(super) patch: Patch,
    /// Ranges in newly inserted room.
    pub(super) fresh: Vec<Region>,
    /// Ranges where the old output has zeros.
    pub(super) fills: Vec<Region>,
    /// Ranges where the old output has other bytes.
    pub(super) over: Vec<Region>,
    /// Ranges that become zero.
    pub(super) zeros: Vec<Region>,
}

impl PatchContents {
    /// Compares an old output of `old_len` bytes, with the files `old_parts`, with a new one.
    pub(super) fn new(
        old: &dyn OldBytes,
        old_len: u64,
        old_parts: &[PlacedPart],
        sealed: &Sealed,
        ability: Ability,
    ) -> Result<Self> {
        let layout = &sealed.layout;
        let patch = Patch::new(old_len, old_parts, layout.len(), &parts(sealed), ability);
        let contents = Self::from_patch(patch, old, layout)?;
        if ability != Ability::Shift {
            return Ok(contents);
        }
        let mut large: Vec<_> = contents.patch.gaps.iter().map(|gap| (contents.n_over(gap), gap.new)).collect();
        large.retain(|(n_over, _)| *n_over > MAX_OVER_IN_GAP);
        large.sort_by_key(|(n_over, _)| std::cmp::Reverse(*n_over));
        large.truncate(MAX_ROOMS);
        if large.is_empty() {
            return Ok(contents);
        }
        let replaces =
            |range: &Region| large.iter().any(|(_, gap)| gap.offset < range.end() && range.offset < gap.end());
        Self::from_patch(contents.patch.with_room(&replaces), old, layout)
    }

    /// Compares the new bytes of each gap with the old ones.
    fn from_patch(patch: Patch, old: &dyn OldBytes, layout: &Layout) -> Result<Self> {
        let mut contents = Self { patch, fresh: Vec::new(), fills: Vec::new(), over: Vec::new(), zeros: Vec::new() };
        for gap in contents.patch.gaps.clone() {
            contents.compare(&gap, old, layout)?;
            let from = gap.new.offset + gap.n_over();
            for extent in within(layout, Region { offset: from, len: gap.new.end() - from }) {
                add(&mut contents.fresh, extent.offset, extent.len);
            }
        }
        Ok(contents)
    }

    fn compare(&mut self, gap: &Gap, old_bytes: &dyn OldBytes, layout: &Layout) -> Result<()> {
        let end = gap.new.offset + gap.n_over();
        let (mut new, mut old) = (Vec::new(), Vec::new());
        let mut at = gap.new.offset;
        while at < end {
            // Skip what is a hole in both: most of the space between files is slack.
            let next_new = within(layout, Region { offset: at, len: end - at }).next().map_or(end, |next| next.offset);
            let old_at = at - gap.new.offset + gap.old.offset;
            at = next_new.min(at + old_bytes.hole_len(old_at, end - at));
            if at == end {
                break;
            }
            let to = (at + 1).next_multiple_of(WINDOW_LEN).min(end);
            // A window full of unread source is written without comparing: reading it costs as much as writing it.
            let window = Region { offset: at, len: to - at };
            if let Some(Extent { piece: Piece::Source { file, .. }, len, .. }) = within(layout, window).next()
                && len == window.len
                && !file.is_assembled()
            {
                add(&mut self.over, at, len);
                at = to;
                continue;
            }
            new.clear();
            new.resize(window.len as usize, 0);
            let mut unknown = Vec::new();
            for extent in within(layout, window) {
                match &extent.piece {
                    Piece::Bytes(bytes) => new[(extent.offset - at) as usize..][..bytes.len()].copy_from_slice(bytes),
                    // Most of it is usually unchanged, so reading it pays off.
                    Piece::Source { file, .. } if file.is_assembled() => {
                        let mut to = (extent.offset - at) as usize;
                        visit_piece(&extent, 0, extent.len, &mut |bytes| {
                            new[to..to + bytes.len()].copy_from_slice(bytes);
                            to += bytes.len();
                            Ok::<_, Error>(())
                        })?;
                    }
                    // Don't read new content just to see whether the old bytes match.
                    Piece::Source { .. } => unknown.push(Region { offset: extent.offset, len: extent.len }),
                }
            }
            old.resize(new.len(), 0);
            if lens(&unknown) < window.len {
                let old_at = at - gap.new.offset + gap.old.offset;
                old_bytes.read_at(&mut old, old_at)?;
            }
            self.compare_blocks(at, &new, &old, &unknown);
            at = to;
        }
        Ok(())
    }

    fn compare_blocks(&mut self, start: u64, new: &[u8], old: &[u8], unknown: &[Region]) {
        let mut at = start;
        let end = start + new.len() as u64;
        while at < end {
            let to = (at + 1).next_multiple_of(BLOCK).min(end);
            let range = (at - start) as usize..(to - start) as usize;
            let (new, old) = (&new[range.clone()], &old[range]);
            let is_unknown = unknown.iter().any(|region| region.offset < to && at < region.end());
            let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
            if is_unknown {
                add(&mut self.over, at, to - at);
            } else if new != old {
                let list = match (is_zero(old), is_zero(new)) {
                    (true, _) => &mut self.fills,
                    (_, true) => &mut self.zeros,
                    _ => &mut self.over,
                };
                add(list, at, to - at);
            }
            at = to;
        }
    }

    /// Number of bytes in a gap that replace others.
    fn n_over(&self, gap: &Gap) -> u64 {
        let first = self.over.partition_point(|region| region.end() <= gap.new.offset);
        let own = self.over[first..].iter().take_while(|region| region.offset < gap.new.end());
        own.map(|region| region.end().min(gap.new.end()) - region.offset.max(gap.new.offset)).sum()
    }
}

/// Length of the hole at `at`, at most `len`. On a file system without `SEEK_DATA`, holes are not found.
fn next_data(file: &File, at: u64, len: u64) -> u64 {
    match rustix::fs::seek(file, SeekFrom::Data(at)) {
        Ok(data) => (data - at).min(len),
        Err(rustix::io::Errno::NXIO) => len,
        Err(_) => 0,
    }
}

/// Number of bytes that are compared and written at a time.
pub(super) const WINDOW_LEN: u64 = 1 << 20;

/// Returns the files of an output that are in one piece.
pub(super) fn parts(sealed: &Sealed) -> Vec<PlacedPart> {
    sealed.files.iter().filter_map(part).collect()
}

/// Converts a file that is in one piece. `None` for others.
fn part(file: &crate::output::PlacedFile) -> Option<PlacedPart> {
    let first = file.places.first()?;
    let mut end = first.offset;
    for place in &file.places {
        if place.offset != end {
            return None;
        }
        end = place.end();
    }
    Some(PlacedPart { region: Region { offset: first.offset, len: file.len }, blake3: file.digests.blake3 })
}

/// Extents of a range, cut to it.
pub(super) fn within(layout: &Layout, range: Region) -> impl Iterator<Item = Extent> + '_ {
    let first = layout.extents().partition_point(|extent| extent.end() <= range.offset);
    layout.extents()[first..].iter().take_while(move |extent| extent.offset < range.end()).map(move |extent| {
        let (offset, end) = (extent.offset.max(range.offset), extent.end().min(range.end()));
        extent.part(offset, end - offset)
    })
}

/// Adds a range, joining it to the last one if they touch.
fn add(regions: &mut Vec<Region>, offset: u64, len: u64) {
    match regions.last_mut().filter(|last| last.end() == offset) {
        Some(last) => last.len += len,
        None if len == 0 => {}
        None => regions.push(Region { offset, len }),
    }
}

pub(super) fn lens(regions: &[Region]) -> u64 {
    regions.iter().map(|region| region.len).sum()
}
