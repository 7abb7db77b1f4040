//! Patches an existing output into a new one, writing little more than the differences.
//!
//! On a file system that can share blocks, the new output is a new file that shares what both have in common. Elsewhere
//! the old file itself is changed, under its temporary name. First, room is inserted and filled; all old bytes still
//! exist, so any failure is rolled back. Then the bytes that replace old ones go into the journal, and once that is
//! synced the patch can only go forward: [`recover`] can finish it without any source. The output has no name while it
//! is patched, so as much as possible happens before, including writing the bytes of the journal.

mod clone;
mod contents;
mod in_place;
mod recover;

use std::fs::File;
use std::os::unix::fs::FileExt;

use camino::Utf8Path;
use rustix::fs::FallocateFlags;

use super::WriteOptions;
use super::copy::copy_range;
use super::disk::fallocate;
use super::journal::{Journal, JournalKey};
use super::open;
use super::temporary::Temporary;
use crate::content::Stat;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::layout::{Layout, Piece, Region};
use crate::output::Sealed;
use crate::patch::{Ability, BLOCK, PlacedPart};
use crate::progress::Progress;
use crate::source::{OpenSource, visit_piece};
use clone::clone;
use contents::{FinishedFile, PatchContents, WINDOW_LEN, lens, parts, within};
use in_place::{OpenOutput, in_place};

pub use recover::{Recovered, Unsettled, has_journal, open_finished, recover, refuse_cut_off, unsettled};

/// Finished output, as described by the record.
#[derive(Clone, Debug)]
pub struct OldOutput {
    /// Identity of the medium.
    pub id: Digest,
    /// Length in bytes.
    pub len: u64,
    /// Metadata of the file when it was last identified as this output.
    pub stat: Stat,
    /// Files of the output.
    pub parts: Vec<PlacedPart>,
}

/// Returns the key for a new journal of an output. It must be synced to disk before it is returned.
pub type NewKey<'a> = dyn Fn() -> Result<JournalKey> + 'a;

/// Estimated cost of a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchEstimate {
    /// Much cheaper than a rebuild.
    Worthwhile {
        /// Number of bytes to write, including the journal.
        n_write: u64,
        /// Number of bytes of the new output that are kept.
        n_keep: u64,
    },
    /// Not much cheaper than a rebuild, or more expensive.
    NotWorthwhile,
    /// The file has another hard link, or can't be written.
    Impossible,
}

/// Result of a patch.
#[derive(Debug)]
pub struct Patched {
    /// Metadata of the patched file.
    pub stat: Stat,
    /// Journal to settle once the new state is recorded.
    pub journal: Option<Journal>,
}

/// Maximum number of bytes that a patch may overwrite through the journal. Beyond that, the output is rebuilt.
const MAX_OVER: u64 = 64 << 20;

/// Estimates the cost of patching the output at `target`.
pub fn cost(target: &Utf8Path, old: &OldOutput, sealed: &Sealed, options: &WriteOptions) -> Result<PatchEstimate> {
    let Some(ability) = ability(target, options) else { return Ok(PatchEstimate::Impossible) };
    let file = open::open_to_inspect(target).map_err(|error| open::failed("opening", target, error))?;
    let finished = FinishedFile { path: target, file: &file };
    let contents = PatchContents::new(&finished, old.len, &old.parts, sealed, ability)?;
    Ok(estimate_from(&contents, sealed, ability))
}

/// Estimates the cost of patching an output that need not exist into another one, from their layouts. Assumes a file
/// system that can insert and remove blocks, such as ext4 or XFS.
pub fn cost_of_layouts(old: &Sealed, new: &Sealed) -> Result<PatchEstimate> {
    let ability = Ability::Shift;
    let contents = PatchContents::new(&old.layout, old.layout.len(), &parts(old), new, ability)?;
    Ok(estimate_from(&contents, new, ability))
}

fn estimate_from(contents: &PatchContents, sealed: &Sealed, ability: Ability) -> PatchEstimate {
    let n_whole = sealed.layout.extents().iter().map(|extent| extent.len).sum::<u64>();
    let over = lens(&contents.over);
    let once = lens(&contents.fresh) + lens(&contents.fills);
    let n_write = once + if ability == Ability::Clone { over } else { 2 * over };
    let is_worth_it = n_write < n_whole / 4 * 3 && (over <= MAX_OVER || ability == Ability::Clone);
    let n_keep = n_whole.saturating_sub(once + over);
    if is_worth_it { PatchEstimate::Worthwhile { n_write, n_keep } } else { PatchEstimate::NotWorthwhile }
}

/// Patches the output at `target`. `None` if the file can't be patched after all.
///
/// # Errors
///
/// Before the decision, the old output is restored. After it, the output has no name until [`recover`] finishes the
/// patch.
pub fn patch(
    target: &Utf8Path,
    old: &OldOutput,
    sealed: &Sealed,
    options: &WriteOptions,
    new_key: &NewKey,
    progress: &Progress,
) -> Result<Option<Patched>> {
    let Some(ability) = ability(target, options) else { return Ok(None) };
    let failed = |error| open::failed("opening", target, error);
    let is_clone = ability == Ability::Clone;
    let file = if is_clone { open::open_to_inspect(target) } else { open::open_own(target) }.map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.len() != old.len {
        return Ok(None);
    }
    if Stat::from_metadata(&metadata) != old.stat {
        return Err(super::temporary::replaced(target));
    }
    let finished = FinishedFile { path: target, file: &file };
    let contents = PatchContents::new(&finished, old.len, &old.parts, sealed, ability)?;
    if is_clone {
        return clone(target, &file, &contents, sealed, options, progress).map(Some);
    }
    if lens(&contents.over) > MAX_OVER {
        return Ok(None);
    }
    in_place(OpenOutput { target, file, id: old.id }, &contents, sealed, options, new_key, progress).map(Some)
}

/// Patch operations supported by the file system of an output. `None` if the file must not be written to.
fn ability(target: &Utf8Path, options: &WriteOptions) -> Option<Ability> {
    let ability = options.ability.unwrap_or_else(|| probe(target.parent().unwrap_or(Utf8Path::new("."))));
    // A file with another hard link is not ours to change.
    (ability == Ability::Clone || open::open_own(target).is_ok()).then_some(ability)
}

/// Probes a folder's file system with unnamed files.
fn probe(folder: &Utf8Path) -> Ability {
    if can(Ability::Clone, folder) {
        Ability::Clone
    } else if can(Ability::Shift, folder) {
        Ability::Shift
    } else {
        Ability::Overwrite
    }
}

/// Returns `true` if the file system of a folder supports these operations.
pub(crate) fn can(ability: Ability, folder: &Utf8Path) -> bool {
    let folder = if folder.as_str().is_empty() { Utf8Path::new(".") } else { folder };
    let block = Region { offset: BLOCK, len: BLOCK };
    let block_file = || {
        let file = open::create_unnamed(folder).ok()?;
        file.write_all_at(&[1; 3 * BLOCK as usize], 0).ok()?;
        Some(file)
    };
    let tried = |works: &dyn Fn(&File) -> bool| block_file().is_some_and(|file| works(&file));
    match ability {
        Ability::Overwrite => true,
        Ability::Shift => tried(&|file| {
            fallocate(file, FallocateFlags::INSERT_RANGE, block).is_ok()
                && fallocate(file, FallocateFlags::COLLAPSE_RANGE, block).is_ok()
        }),
        Ability::Clone => {
            tried(&|file| block_file().is_some_and(|other| rustix::fs::ioctl_ficlone(file, &other).is_ok()))
        }
    }
}

/// Writes a range of the new output. `place` is the offset of its first byte in the file.
fn write_range(layout: &Layout, range: Region, place: u64, temporary: &Temporary, progress: &Progress) -> Result<()> {
    // Small pieces are gathered into one write of up to a window; large ones go from file to file, where the file
    // system may share or copy them in the kernel.
    let mut gathered = Vec::new();
    let mut gathered_at = place;
    for extent in within(layout, range) {
        progress.check_cancelled()?;
        let at = place + (extent.offset - range.offset);
        if at != gathered_at + gathered.len() as u64 || gathered.len() as u64 >= WINDOW_LEN {
            if !gathered.is_empty() {
                temporary.write(&gathered, gathered_at)?;
            }
            gathered.clear();
            gathered_at = at;
        }
        if let Piece::Source { file, start } = &extent.piece
            && extent.len >= WINDOW_LEN
        {
            if !gathered.is_empty() {
                temporary.write(&gathered, gathered_at)?;
                gathered.clear();
            }
            let source = OpenSource::open(file)?;
            copy_range(&source, *start, temporary, Region { offset: at, len: extent.len }, &mut |len| {
                progress.add(len);
                progress.check_cancelled()
            })?;
            source.check()?;
            gathered_at = at + extent.len;
            continue;
        }
        visit_piece(&extent, 0, extent.len, &mut |bytes| {
            gathered.extend_from_slice(bytes);
            progress.add(bytes.len() as u64);
            Ok::<_, Error>(())
        })?;
    }
    if gathered.is_empty() { Ok(()) } else { temporary.write(&gathered, gathered_at) }
}
