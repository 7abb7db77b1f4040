//! What is to be written in the gaps of a patch, and in which way: found by setting the new bytes against the old ones.

use std::fs::File;
use std::os::unix::fs::FileExt;

use camino::Utf8Path;
use rustix::fs::SeekFrom;

use super::Old;
use crate::content::Source;
use crate::error::{Error, Result};
use crate::layout::{Extent, Layout, Piece, Region};
use crate::output::Sealed;
use crate::patch::{Ability, BLOCK, Gap, Part, Patch};
use crate::source::visit_piece;

/// Gaps in which more than this would go through the journal get room of their own.
const MAX_OVER_IN_GAP: u64 = 1 << 20;
/// How many of them: each makes the file system move what is behind it.
const MAX_ROOMS: usize = 32;

/// A patch, and what is to be written in its gaps, by place in the new output.
pub(super) struct Scheme {
    pub(super) patch: Patch,
    /// Ranges that get room of their own.
    pub(super) fresh: Vec<Region>,
    /// Ranges where the old output has zeros.
    pub(super) fills: Vec<Region>,
    /// Ranges where it has other bytes.
    pub(super) over: Vec<Region>,
    /// Ranges that become zero.
    pub(super) zeros: Vec<Region>,
}

impl Scheme {
    pub(super) fn new(
        target: &Utf8Path,
        old_file: &File,
        old: &Old,
        sealed: &Sealed,
        ability: Ability,
    ) -> Result<Self> {
        let layout = &sealed.layout;
        let new: Vec<_> = sealed.files.iter().filter_map(part).collect();
        let patch = Patch::new(old.len, &old.parts, layout.len(), &new, ability);
        let scheme = Self::of(patch, target, old_file, layout)?;
        if ability != Ability::Shift {
            return Ok(scheme);
        }
        let mut large: Vec<_> = scheme.patch.gaps.iter().map(|gap| (scheme.n_over(gap), gap.new)).collect();
        large.retain(|(n_over, _)| *n_over > MAX_OVER_IN_GAP);
        large.sort_by_key(|(n_over, _)| std::cmp::Reverse(*n_over));
        large.truncate(MAX_ROOMS);
        if large.is_empty() {
            return Ok(scheme);
        }
        let replaces =
            |range: &Region| large.iter().any(|(_, gap)| gap.offset < range.end() && range.offset < gap.end());
        Self::of(scheme.patch.with_room(&replaces), target, old_file, layout)
    }

    /// Sets the new bytes of each gap against the old ones that they go over.
    fn of(patch: Patch, target: &Utf8Path, old_file: &File, layout: &Layout) -> Result<Self> {
        let mut scheme = Self { patch, fresh: Vec::new(), fills: Vec::new(), over: Vec::new(), zeros: Vec::new() };
        for gap in scheme.patch.gaps.clone() {
            scheme.compare(&gap, target, old_file, layout)?;
            let from = gap.new.offset + gap.n_over();
            for extent in within(layout, Region { offset: from, len: gap.new.end() - from }) {
                add(&mut scheme.fresh, extent.offset, extent.len);
            }
        }
        Ok(scheme)
    }

    fn compare(&mut self, gap: &Gap, target: &Utf8Path, old_file: &File, layout: &Layout) -> Result<()> {
        let end = gap.new.offset + gap.n_over();
        let (mut new, mut old) = (Vec::new(), Vec::new());
        let mut at = gap.new.offset;
        while at < end {
            // Where neither has anything there is nothing to compare: slack is most of what is between files.
            let next_new = within(layout, Region { offset: at, len: end - at }).next().map_or(end, |next| next.offset);
            let old_at = at - gap.new.offset + gap.old.offset;
            at = next_new.min(at + next_data(old_file, old_at, end - at));
            if at == end {
                break;
            }
            let to = (at + 1).next_multiple_of(WINDOW_LEN).min(end);
            let window = Region { offset: at, len: to - at };
            if let Some(Extent { piece: Piece::Source { file, .. }, len, .. }) = within(layout, window).next()
                && len == window.len
                && !is_derived(&file)
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
                    Piece::Source { file, .. } if is_derived(file) => {
                        let mut to = (extent.offset - at) as usize;
                        visit_piece(&extent, 0, extent.len, &mut |bytes| {
                            new[to..to + bytes.len()].copy_from_slice(bytes);
                            to += bytes.len();
                            Ok::<_, Error>(())
                        })?;
                    }
                    // Nobody reads a file to see whether the old output happens to have its bytes here.
                    Piece::Source { .. } => unknown.push(Region { offset: extent.offset, len: extent.len }),
                }
            }
            old.resize(new.len(), 0);
            if lens(&unknown) < window.len {
                let old_at = at - gap.new.offset + gap.old.offset;
                old_file.read_exact_at(&mut old, old_at).map_err(|error| Error::io("reading", target, error))?;
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

    /// How many bytes of a gap go over others.
    fn n_over(&self, gap: &Gap) -> u64 {
        let first = self.over.partition_point(|region| region.end() <= gap.new.offset);
        let own = self.over[first..].iter().take_while(|region| region.offset < gap.new.end());
        own.map(|region| region.end().min(gap.new.end()) - region.offset.max(gap.new.offset)).sum()
    }
}

/// How many bytes from `at` on a file has nothing in, of the next `len`. A file system that can't tell has something
/// everywhere.
fn next_data(file: &File, at: u64, len: u64) -> u64 {
    match rustix::fs::seek(file, SeekFrom::Data(at)) {
        Ok(data) => (data - at).min(len),
        Err(rustix::io::Errno::NXIO) => len,
        Err(_) => 0,
    }
}

/// Whether a source is put together of others. Then most of it is what it was, and worth reading to be left alone.
fn is_derived(source: &Source) -> bool {
    matches!(source, Source::Pieced(_))
}

/// What is compared, and written, at a time.
pub(super) const WINDOW_LEN: u64 = 1 << 20;

/// A file that is in one piece.
fn part(file: &crate::output::Placed) -> Option<Part> {
    let first = file.places.first()?;
    let mut end = first.offset;
    for place in &file.places {
        if place.offset != end {
            return None;
        }
        end = place.end();
    }
    Some(Part { region: Region { offset: first.offset, len: file.len }, blake3: file.digests.blake3 })
}

/// The extents of a range, cut to it.
pub(super) fn within(layout: &Layout, range: Region) -> impl Iterator<Item = Extent> + '_ {
    let first = layout.extents().partition_point(|extent| extent.end() <= range.offset);
    layout.extents()[first..].iter().take_while(move |extent| extent.offset < range.end()).map(move |extent| {
        let (offset, end) = (extent.offset.max(range.offset), extent.end().min(range.end()));
        extent.part(offset, end - offset)
    })
}

/// Adds a range, to the last one where it follows that.
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
