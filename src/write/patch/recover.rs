//! Patches that were cut off: seen by whoever reads, finished or taken back by whoever writes.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;

use camino::Utf8Path;

use super::in_place::{forward, take_back};
use crate::content::Stat;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::write::disk::Disk;
use crate::write::journal::{self, Found, Journal, JournalKey, journal_path};
use crate::write::open;
use crate::write::temporary::{Temporary, temporary_path};

/// What a patch left beside an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsettled {
    /// A journal that was not sealed with the key: it says nothing.
    Foreign,
    /// The journal of a patch that ended; the output is whole under its name.
    Ended,
    /// The output has lost its name, and a writer can bring it back.
    CutOff {
        /// What it will be: the old output or the new one.
        id: Digest,
        /// How long it will be, in bytes.
        len: u64,
    },
}

/// Looks at what a patch left beside an output. Nothing is written.
///
/// # Errors
///
/// When another process is patching it, or the journal can't be read.
pub fn unsettled(target: &Utf8Path, key: Option<&JournalKey>) -> Result<Option<Unsettled>> {
    let told = match journal::find(target, key)? {
        None | Some(Found::Torn) => return Ok(None),
        Some(Found::Foreign) => return Ok(Some(Unsettled::Foreign)),
        Some(Found::Ours(told)) => told,
    };
    let existing = fs::symlink_metadata(target).ok().map(|metadata| Stat::of(&metadata));
    let outline = &told.outline;
    Ok(match (existing, told.progressed.ended) {
        (Some(existing), Some((_, stat))) if stat == existing => Some(Unsettled::Ended),
        (None, _) if is_part(target, outline.inode)? => Some(match told.progressed.decided {
            Some(_) => Unsettled::CutOff { id: outline.new_id, len: outline.new_len },
            None => Unsettled::CutOff { id: outline.old_id, len: outline.old_len },
        }),
        _ => None,
    })
}

/// Whether what is under the temporary name of an output is the file that was patched.
fn is_part(target: &Utf8Path, inode: u64) -> Result<bool> {
    let Ok(part) = open::open_own_to_read(&temporary_path(target)) else { return Ok(false) };
    refuse_if_locked(&part, target)?;
    Ok(part.metadata().is_ok_and(|metadata| metadata.ino() == inode))
}

fn refuse_if_locked(part: &File, target: &Utf8Path) -> Result<()> {
    match part.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Err(Error::new(format!("another process is patching `{target}`"))
            .of_kind(ErrorKind::Locked)
            .help("wait until it is done, then run it again")),
        _ => Ok(()),
    }
}

/// Whether the journal of a patch is beside an output, whoever put it there.
pub fn has_journal(target: &Utf8Path) -> bool {
    journal::is_there(target)
}

/// Opens a finished output to read it. Under its name it is whole, whatever a patch left beside it.
///
/// # Errors
///
/// Those of opening a file; where it has no name because of a patch, the error says so.
pub fn open_finished(target: &Utf8Path) -> Result<File> {
    refuse_cut_off(target)?;
    File::open(target).map_err(|error| Error::io("opening", target, error))
}

/// Fails for an output that has lost its name to a patch which is at work, or was cut off.
pub fn refuse_cut_off(target: &Utf8Path) -> Result<()> {
    let is_missing = fs::symlink_metadata(target).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    if !is_missing || !has_journal(target) {
        return Ok(());
    }
    let Ok(part) = open::open_to_look(&temporary_path(target)) else { return Ok(()) };
    refuse_if_locked(&part, target)?;
    Err(Error::new(format!("`{target}` has no name now: a patch of it was interrupted"))
        .help("`tsmedia apply MANIFEST`, with the manifest that makes it, finishes the patch or takes it back"))
}

/// What became of an output whose patch was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// What it is now: the old output or the new one.
    pub id: Digest,
    /// What the file system says of it.
    pub stat: Stat,
    /// Whether the system stopped while blocks were being moved, which not every file system does in one step: the
    /// output is to be verified.
    pub is_doubtful: bool,
}

/// Finishes a patch that was cut off, or takes it back, and removes its journal. One that is not sealed with the key is
/// removed and otherwise ignored.
///
/// # Errors
///
/// When another process is at it, or a call fails: then it is left as it is for the next time.
pub fn recover(target: &Utf8Path, key: Option<&JournalKey>, disk: &Disk) -> Result<Option<Recovered>> {
    let Some(found) = journal::find(target, key)? else { return Ok(None) };
    // Its lock tells that another process is at work, also one with another cache or of another user.
    if let Ok(part) = open::open_to_look(&temporary_path(target)) {
        refuse_if_locked(&part, target)?;
    }
    let (Found::Ours(told), Some(key)) = (found, key) else { return remove_journal(target, disk).map(|()| None) };
    let drops = told.progressed.decided.as_ref().map_or(&[][..], |(decision, _)| &decision.drops);
    let is_doubtful = !(told.outline.inserts.is_empty() && drops.is_empty()) && told.outline.boot != journal::boot();
    let existing = fs::symlink_metadata(target).ok().map(|metadata| Stat::of(&metadata));
    let is_patched =
        |part: &Temporary| part.file().metadata().is_ok_and(|metadata| metadata.ino() == told.outline.inode);
    let part = if existing.is_none() { Temporary::resume(disk, target)? } else { None };
    let Some(mut part) = part.filter(is_patched) else {
        // It has its name back, or something else has it.
        let ended = told.progressed.ended.filter(|(_, stat)| Some(*stat) == existing);
        remove_journal(target, disk)?;
        return Ok(ended.map(|(id, stat)| Recovered { id, stat, is_doubtful }));
    };
    part.stay();
    let mut journal = Journal::resume(disk, target, key, &told)?;
    let id = match &told.progressed.decided {
        Some((decision, at)) => {
            forward(&part, &told.outline, decision, *at, told.progressed.is_written, &mut journal)?;
            told.outline.new_id
        }
        None => {
            take_back(&part, &told.outline)?;
            told.outline.old_id
        }
    };
    let stat = part.finish()?;
    journal.ended(id, &stat)?;
    journal.settle()?;
    Ok(Some(Recovered { id, stat, is_doubtful }))
}

fn remove_journal(target: &Utf8Path, disk: &Disk) -> Result<()> {
    let path = journal_path(target);
    disk.remove(&path).map_err(|error| Error::io("removing", &path, error))
}
