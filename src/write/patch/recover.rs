//! Interrupted patches: detected by every reader, finished or rolled back by the next writer.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;

use camino::Utf8Path;

use super::in_place::{forward, take_back};
use crate::content::Stat;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::write::disk::DiskOps;
use crate::write::journal::{self, FoundJournal, Journal, JournalKey, journal_path};
use crate::write::open;
use crate::write::temporary::{Temporary, temporary_path};

/// Journal that a patch left beside an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsettled {
    /// Not sealed with the key, so nothing is known of the patch.
    Foreign,
    /// Patch that ended; the output has its name.
    Ended,
    /// Interrupted patch; the output has no name until a writer finishes or rolls it back.
    CutOff {
        /// Identity after recovery: that of the old output or of the new one.
        id: Digest,
        /// Length after recovery, in bytes.
        len: u64,
    },
}

/// Returns the state of a patch beside an output. Writes nothing.
///
/// # Errors
///
/// If another process is patching the output, or the journal can't be read.
pub fn unsettled(target: &Utf8Path, key: Option<&JournalKey>) -> Result<Option<Unsettled>> {
    let state = match journal::find(target, key)? {
        None | Some(FoundJournal::Torn) => return Ok(None),
        Some(FoundJournal::Foreign) => return Ok(Some(Unsettled::Foreign)),
        Some(FoundJournal::Ours(state)) => state,
    };
    let existing = fs::symlink_metadata(target).ok().map(|metadata| Stat::from_metadata(&metadata));
    let outline = &state.outline;
    Ok(match (existing, state.progressed.ended) {
        (Some(existing), Some((_, stat))) if stat == existing => Some(Unsettled::Ended),
        (None, _) if is_part(target, outline.inode)? => Some(match state.progressed.decided {
            Some(_) => Unsettled::CutOff { id: outline.new_id, len: outline.new_len },
            None => Unsettled::CutOff { id: outline.old_id, len: outline.old_len },
        }),
        _ => None,
    })
}

/// Returns `true` if the file under the temporary name is the one that was patched.
fn is_part(target: &Utf8Path, inode: u64) -> Result<bool> {
    let Ok(part) = open::open_own_to_read(&temporary_path(target)) else { return Ok(false) };
    refuse_if_locked(&part, target)?;
    Ok(part.metadata().is_ok_and(|metadata| metadata.ino() == inode))
}

fn refuse_if_locked(part: &File, target: &Utf8Path) -> Result<()> {
    match part.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Err(Error::new(format!("another process is patching `{target}`"))
            .with_kind(ErrorKind::Locked)
            .help("wait until it is done, then try again")),
        _ => Ok(()),
    }
}

/// Returns `true` if the journal of a patch is beside an output, whether it is valid or not.
pub fn has_journal(target: &Utf8Path) -> bool {
    journal::is_there(target)
}

/// Opens a finished output for reading. An output that has its name is complete, whatever a patch left beside it.
///
/// # Errors
///
/// If it can't be opened. If a patch took its name, the error says so.
pub fn open_finished(target: &Utf8Path) -> Result<File> {
    refuse_cut_off(target)?;
    File::open(target).map_err(|error| Error::io("opening", target, error))
}

/// Fails if an output has no name because of a running or interrupted patch.
pub fn refuse_cut_off(target: &Utf8Path) -> Result<()> {
    let is_missing = fs::symlink_metadata(target).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    if !is_missing || !has_journal(target) {
        return Ok(());
    }
    let Ok(part) = open::open_to_inspect(&temporary_path(target)) else { return Ok(()) };
    refuse_if_locked(&part, target)?;
    Err(Error::new(format!("a patch of `{target}` was interrupted, so the file is not there now"))
        .help("run `tsmedia apply MANIFEST` with the manifest that makes it, to finish or undo the patch"))
}

/// Result of recovering an interrupted patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Identity of the recovered output: that of the old output or of the new one.
    pub id: Digest,
    /// Metadata of the recovered file.
    pub stat: Stat,
    /// `true` if the system went down while blocks were being moved, which some file systems don't do atomically. The
    /// output must be verified.
    pub is_doubtful: bool,
}

/// Finishes or rolls back an interrupted patch, and removes its journal. A journal that is not sealed with the key is
/// removed and otherwise ignored.
///
/// # Errors
///
/// If another process is working on the output, or a call fails; the state is then left for the next attempt.
pub fn recover(target: &Utf8Path, key: Option<&JournalKey>, disk: &DiskOps) -> Result<Option<Recovered>> {
    let Some(found) = journal::find(target, key)? else { return Ok(None) };
    // The lock shows any process that is at work, even one of another user or with another cache.
    if let Ok(part) = open::open_to_inspect(&temporary_path(target)) {
        refuse_if_locked(&part, target)?;
    }
    let (FoundJournal::Ours(state), Some(key)) = (found, key) else {
        return remove_journal(target, disk).map(|()| None);
    };
    let drops = state.progressed.decided.as_ref().map_or(&[][..], |(decision, _)| &decision.drops);
    let is_doubtful =
        !(state.outline.inserts.is_empty() && drops.is_empty()) && state.outline.boot != journal::boot_id();
    let existing = fs::symlink_metadata(target).ok().map(|metadata| Stat::from_metadata(&metadata));
    let is_patched =
        |part: &Temporary| part.file().metadata().is_ok_and(|metadata| metadata.ino() == state.outline.inode);
    let part = if existing.is_none() { Temporary::resume(disk, target)? } else { None };
    let Some(mut part) = part.filter(is_patched) else {
        // It has its name back, or another file has taken it.
        let ended = state.progressed.ended.filter(|(_, stat)| Some(*stat) == existing);
        remove_journal(target, disk)?;
        return Ok(ended.map(|(id, stat)| Recovered { id, stat, is_doubtful }));
    };
    part.stay();
    let mut journal = Journal::resume(disk, target, key, &state)?;
    let id = match &state.progressed.decided {
        Some((decision, at)) => {
            forward(&part, &state.outline, decision, *at, state.progressed.is_written, &mut journal)?;
            state.outline.new_id
        }
        None => {
            take_back(&part, &state.outline)?;
            state.outline.old_id
        }
    };
    let stat = part.finish()?;
    journal.ended(id, &stat)?;
    journal.settle()?;
    Ok(Some(Recovered { id, stat, is_doubtful }))
}

fn remove_journal(target: &Utf8Path, disk: &DiskOps) -> Result<()> {
    let path = journal_path(target);
    disk.remove(&path).map_err(|error| Error::io("removing", &path, error))
}
