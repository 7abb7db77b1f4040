//! Making an output of the one that is there, writing little more than what changed.
//!
//! Where blocks can be shared, the new output is a file of its own that shares what is kept, and gets its name when it
//! is whole. Elsewhere the old output itself is taken, under the temporary name. First room is inserted, and written
//! to; the old bytes are all still there, so any failure takes it back. Then what has to go over old bytes is put in
//! the journal; when that is on the disk there is only forward, and [`recover`] can do it without any source. Until a
//! patch ends the output has no name, so as much as can be is done before: the bytes of the journal are put there first.

mod clone;
mod in_place;
mod recover;
mod scheme;

use std::fs::File;
use std::os::unix::fs::FileExt;

use camino::Utf8Path;
use rustix::fs::FallocateFlags;

use super::Means;
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
use crate::patch::{Ability, BLOCK, Part};
use crate::progress::Progress;
use crate::source::{OpenSource, visit_piece};
use clone::clone;
use in_place::{Opened, in_place};
use scheme::{Scheme, WINDOW_LEN, lens, within};

pub use recover::{Recovered, Unsettled, has_journal, open_finished, recover, refuse_cut_off, unsettled};

/// A finished output, as far as the record knows it.
#[derive(Clone, Debug)]
pub struct Old {
    /// Its identity.
    pub id: Digest,
    /// Its length in bytes.
    pub len: u64,
    /// What the file system said of it when it was found to be this output.
    pub stat: Stat,
    /// Its files.
    pub parts: Vec<Part>,
}

/// Returns the key that the journal of an output is sealed with, which lasts: it is on the disk.
pub type NewKey<'a> = dyn Fn() -> Result<JournalKey> + 'a;

/// What a patch would take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patching {
    /// Much less than to build the output anew.
    Worthwhile {
        /// How many bytes are written, the journal's included.
        n_write: u64,
        /// How many bytes of the new output need not be.
        n_keep: u64,
    },
    /// Not much less, or more.
    NotWorthwhile,
    /// The file has another name besides, or can't be written to.
    Impossible,
}

/// An output that was patched.
#[derive(Debug)]
pub struct Patched {
    /// What the file system says of it.
    pub stat: Stat,
    /// To be settled when it is known what the output is now.
    pub journal: Option<Journal>,
}

/// What a patch may put in the journal. More is built anew.
const MAX_OVER: u64 = 64 << 20;

/// What it would take to make an output of the one at `target`.
pub fn cost(target: &Utf8Path, old: &Old, sealed: &Sealed, means: &Means) -> Result<Patching> {
    let Some(ability) = ability(target, means) else { return Ok(Patching::Impossible) };
    let file = open::open_to_look(target).map_err(|error| open::failed("opening", target, error))?;
    let scheme = Scheme::new(target, &file, old, sealed, ability)?;
    let n_whole = sealed.layout.extents().iter().map(|extent| extent.len).sum::<u64>();
    let over = lens(&scheme.over);
    let once = lens(&scheme.fresh) + lens(&scheme.fills);
    let n_write = once + if ability == Ability::Clone { over } else { 2 * over };
    let is_worth_it = n_write < n_whole / 4 * 3 && (over <= MAX_OVER || ability == Ability::Clone);
    let n_keep = n_whole.saturating_sub(once + over);
    Ok(if is_worth_it { Patching::Worthwhile { n_write, n_keep } } else { Patching::NotWorthwhile })
}

/// Makes an output of the one at `target`.
///
/// # Errors
///
/// Up to the decision the old output is there afterwards. After it the output has not got its name back, and
/// [`recover`] finishes it.
pub fn patch(
    target: &Utf8Path,
    old: &Old,
    sealed: &Sealed,
    means: &Means,
    new_key: &NewKey,
    progress: &Progress,
) -> Result<Option<Patched>> {
    let Some(ability) = ability(target, means) else { return Ok(None) };
    let failed = |error| open::failed("opening", target, error);
    let is_clone = ability == Ability::Clone;
    let file = if is_clone { open::open_to_look(target) } else { open::open_own(target) }.map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.len() != old.len {
        return Ok(None);
    }
    if Stat::of(&metadata) != old.stat {
        return Err(super::temporary::replaced(target));
    }
    let scheme = Scheme::new(target, &file, old, sealed, ability)?;
    if is_clone {
        return clone(target, &file, &scheme, sealed, means, progress).map(Some);
    }
    if lens(&scheme.over) > MAX_OVER {
        return Ok(None);
    }
    in_place(Opened { target, file, id: old.id }, &scheme, sealed, means, new_key, progress).map(Some)
}

/// What the file system of an output can do for a patch; nothing if the file is not to be written to.
fn ability(target: &Utf8Path, means: &Means) -> Option<Ability> {
    let ability = means.ability.unwrap_or_else(|| probe(target.parent().unwrap_or(Utf8Path::new("."))));
    // What has another name too, or can't be opened to write, is not ours to change.
    (ability == Ability::Clone || open::open_own(target).is_ok()).then_some(ability)
}

/// Tries it, on files without a name.
fn probe(folder: &Utf8Path) -> Ability {
    if can(Ability::Clone, folder) {
        Ability::Clone
    } else if can(Ability::Shift, folder) {
        Ability::Shift
    } else {
        Ability::Overwrite
    }
}

/// Whether the file system of a folder has this to offer.
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

/// Writes a range of the new output, whose first byte belongs at `place`.
fn write_range(layout: &Layout, range: Region, place: u64, temporary: &Temporary, progress: &Progress) -> Result<()> {
    let mut gathered = Vec::new();
    let mut gathered_at = place;
    for extent in within(layout, range) {
        progress.go_on()?;
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
                progress.go_on()
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
