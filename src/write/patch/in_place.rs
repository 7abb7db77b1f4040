//! Patches the old output itself, in steps that can be rolled back or finished after any interruption.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use camino::Utf8Path;

use super::contents::{PatchContents, lens};
use super::{NewKey, Patched, write_range};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::layout::Region;
use crate::output::Sealed;
use crate::progress::Progress;
use crate::source::visit;
use crate::write::WriteOptions;
use crate::write::journal::{self, Decision, Journal, Outline};
use crate::write::temporary::{IfBusy, Temporary, lock, sync_folder};

/// Old output, open for writing.
pub(super) struct OpenOutput<'a> {
    pub(super) target: &'a Utf8Path,
    pub(super) file: File,
    pub(super) id: Digest,
}

/// Patches the old file.
pub(super) fn in_place(
    old: OpenOutput,
    contents: &PatchContents,
    sealed: &Sealed,
    options: &WriteOptions,
    new_key: &NewKey,
    progress: &Progress,
) -> Result<Patched> {
    let OpenOutput { target, file, id } = old;
    let (disk, patch) = (&options.disk, &contents.patch);
    // Sync the key first: without it, nothing could finish the patch that the journal describes.
    let key = new_key()?;
    progress.start(lens(&contents.fresh) + lens(&contents.fills) + 2 * lens(&contents.over));
    let mut temporary = Temporary::create(disk, target, IfBusy::Fail)?;
    lock(&file, target, IfBusy::Fail)?;
    let moved = |at: u64, len: u64| (len > 0).then_some(Region { offset: at, len });
    let inserts = patch.gaps.iter().filter(|gap| gap.insert_at() < patch.old_len);
    let drops = patch.gaps.iter().filter(|gap| gap.old.end() < patch.old_len);
    let drops = drops.filter_map(|gap| moved(gap.place + gap.new.len, gap.n_drop()));
    let outline = Outline {
        old_id: id,
        new_id: sealed.id,
        old_len: patch.old_len,
        new_len: patch.new_len,
        widest: patch.widest(),
        inserts: inserts.filter_map(|gap| moved(gap.insert_at(), gap.n_insert())).collect(),
        fills: contents.fills.iter().map(|range| patch.place(range)).collect(),
        inode: file.metadata().map_err(|error| Error::io("looking at", target, error))?.ino(),
        boot: journal::boot_id(),
    };
    let decision = Decision {
        writes: contents.over.iter().map(|range| patch.place(range)).collect(),
        zeros: contents.zeros.iter().map(|range| patch.place(range)).collect(),
        drops: drops.collect(),
    };
    let mut journal = Journal::begin(disk, target, &outline, &key)?;
    // From here to `finish` the output has no name, so do everything that is possible before.
    let renamed = stage(&mut journal, &outline, &decision, contents, sealed, progress)
        .and_then(|at| temporary.take_target(file).map(|()| at));
    let at = match renamed {
        Ok(at) => at,
        Err(error) => {
            // It still has its name, so there is nothing to roll back.
            let _ = journal.settle();
            return Err(error);
        }
    };
    match prepare(&temporary, &mut journal, &outline, contents, sealed, progress) {
        Ok(()) => {
            forward(&temporary, &outline, &decision, at, false, &mut journal)?;
            let stat = temporary.finish()?;
            journal.ended(outline.new_id, &stat)?;
            Ok(Patched { stat, journal: Some(journal) })
        }
        Err(error) => {
            // If this fails too, the next run rolls back. By then the journal must not contain a decision.
            if journal.undecide().is_ok()
                && take_back(&temporary, &outline).is_ok()
                && let Ok(stat) = temporary.finish()
            {
                let _ = journal.ended(outline.old_id, &stat);
            }
            Err(error)
        }
    }
}

/// Writes the decision to the journal, where it has no effect yet. Returns the offset of its bytes.
fn stage(
    journal: &mut Journal,
    outline: &Outline,
    decision: &Decision,
    contents: &PatchContents,
    sealed: &Sealed,
    progress: &Progress,
) -> Result<u64> {
    let at = journal.stage(decision, &mut |take| {
        for range in &contents.over {
            visit(&sealed.layout, std::slice::from_ref(range), &mut |bytes| {
                progress.add(bytes.len() as u64);
                progress.check_cancelled()?;
                take(bytes)
            })?;
        }
        Ok(())
    })?;
    progress.check_cancelled()?;
    if outline.is_empty() {
        // There is nothing to prepare that could fail.
        journal.decide()?;
    }
    Ok(at)
}

/// Does the reversible part, then makes the decision final.
fn prepare(
    temporary: &Temporary,
    journal: &mut Journal,
    outline: &Outline,
    contents: &PatchContents,
    sealed: &Sealed,
    progress: &Progress,
) -> Result<()> {
    let (disk, file) = (temporary.disk(), temporary.file());
    sync_folder(disk, temporary.target())?;
    if outline.is_empty() {
        return Ok(());
    }
    for insert in outline.inserts.iter().rev() {
        progress.check_cancelled()?;
        disk.insert(file, *insert).map_err(|error| temporary.failed(error))?;
    }
    if outline.widest > outline.old_len + lens(&outline.inserts) {
        temporary.set_len(outline.widest)?;
    }
    for range in contents.fresh.iter().chain(&contents.fills) {
        write_range(&sealed.layout, *range, contents.patch.place(range).offset, temporary, progress)?;
    }
    disk.sync(file).map_err(|error| temporary.failed(error))?;
    progress.check_cancelled()?;
    journal.decide()
}

/// Does the irreversible part, from wherever an earlier run stopped, up to renaming.
pub(super) fn forward(
    temporary: &Temporary,
    outline: &Outline,
    decision: &Decision,
    bytes_at: u64,
    is_written: bool,
    journal: &mut Journal,
) -> Result<()> {
    let (disk, file) = (temporary.disk(), temporary.file());
    let failed = |error| temporary.failed(error);
    if !is_written {
        // Writing again is harmless, so an interrupted run starts over. Only removed ranges must not be removed twice.
        let mut at = bytes_at;
        for region in &decision.writes {
            journal.read(at, region.len, &mut |skip, bytes| temporary.write(bytes, region.offset + skip))?;
            at += region.len;
        }
        for region in &decision.zeros {
            disk.clear(file, *region).map_err(failed)?;
        }
        disk.sync(file).map_err(failed)?;
        // Removing ranges moves bytes that were written. Without removals, writing can be repeated.
        if !decision.drops.is_empty() {
            journal.written()?;
        }
    }
    // The length tells how many ranges an earlier run removed, since they go from last to first.
    let mut len = file.metadata().map_err(failed)?.len();
    let mut dropped = outline.widest;
    for drop in decision.drops.iter().rev() {
        dropped -= drop.len;
        if len > dropped {
            disk.drop_range(file, *drop).map_err(failed)?;
            len = dropped;
        }
    }
    temporary.set_len(outline.new_len)
}

/// Restores the old output from any stage of the reversible part.
pub(super) fn take_back(temporary: &Temporary, outline: &Outline) -> Result<()> {
    let (disk, file) = (temporary.disk(), temporary.file());
    let failed = |error| temporary.failed(error);
    let mut len = file.metadata().map_err(failed)?.len();
    let inserted = outline.old_len + lens(&outline.inserts);
    // Room is inserted from last to first, so the length tells how many ranges are in place.
    if len >= inserted {
        for region in &outline.fills {
            disk.clear(file, *region).map_err(failed)?;
        }
        temporary.set_len(inserted)?;
        len = inserted;
    }
    let mut left = inserted;
    for insert in &outline.inserts {
        left -= insert.len;
        if len > left {
            disk.drop_range(file, *insert).map_err(failed)?;
            len = left;
        }
    }
    Ok(())
}
