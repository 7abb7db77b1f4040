//! Changing the old output itself, in steps that are taken back or finished wherever they are cut off.

use std::fs::{self, File};

use camino::Utf8Path;

use super::scheme::{Scheme, lens};
use super::{Old, Patched, write_range};
use crate::content::Stat;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::layout::Region;
use crate::output::Sealed;
use crate::progress::Progress;
use crate::source::visit;
use crate::write::Means;
use crate::write::disk::Disk;
use crate::write::journal::{self, Decision, Found, Journal, Outline};
use crate::write::temporary::{IfBusy, Temporary, lock, sync_folder};

/// Changes the old file.
pub(super) fn in_place(
    target: &Utf8Path,
    file: File,
    old: &Old,
    scheme: &Scheme,
    sealed: &Sealed,
    means: &Means,
    progress: &Progress,
) -> Result<Patched> {
    let (disk, patch) = (&means.disk, &scheme.patch);
    progress.start(lens(&scheme.fresh) + lens(&scheme.fills) + 2 * lens(&scheme.over));
    let mut temporary = Temporary::create(disk, target, IfBusy::Fail)?;
    lock(&file, target, IfBusy::Fail)?;
    let moved = |at: u64, len: u64| (len > 0).then_some(Region { offset: at, len });
    let inserts = patch.gaps.iter().filter(|gap| gap.insert_at() < old.len);
    let drops = patch.gaps.iter().filter(|gap| gap.old.end() < old.len);
    let drops = drops.filter_map(|gap| moved(gap.place + gap.new.len, gap.n_drop()));
    let outline = Outline {
        old_id: old.id,
        new_id: sealed.id,
        old_len: old.len,
        new_len: patch.new_len,
        widest: patch.widest(),
        inserts: inserts.filter_map(|gap| moved(gap.insert_at(), gap.n_insert())).collect(),
        fills: scheme.fills.iter().map(|range| patch.place(range)).collect(),
        boot: journal::boot(),
    };
    let decision = Decision {
        writes: scheme.over.iter().map(|range| patch.place(range)).collect(),
        zeros: scheme.zeros.iter().map(|range| patch.place(range)).collect(),
        drops: drops.collect(),
    };
    let mut journal = Journal::begin(disk, target, &outline)?;
    let decided = match temporary.take_target(file) {
        Ok(()) => prepare(&temporary, &mut journal, &outline, &decision, scheme, sealed, progress),
        Err(error) => {
            // It still has its name.
            let _ = journal.settle();
            return Err(error);
        }
    };
    match decided {
        Ok(at) => {
            forward(&temporary, &outline, &decision, at, false, &mut journal)?;
            let stat = temporary.finish()?;
            journal.ended(outline.new_id, &stat)?;
            Ok(Patched { stat, journal: Some(journal) })
        }
        Err(error) => {
            // If even this fails, the next run does it. It must not find a decision in the journal by then.
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

/// Everything that can be taken back, and the decision. Says where its bytes are in the journal.
fn prepare(
    temporary: &Temporary,
    journal: &mut Journal,
    outline: &Outline,
    decision: &Decision,
    scheme: &Scheme,
    sealed: &Sealed,
    progress: &Progress,
) -> Result<u64> {
    let (disk, file) = (temporary.disk(), temporary.file());
    sync_folder(disk, temporary.target())?;
    for insert in outline.inserts.iter().rev() {
        progress.go_on()?;
        disk.insert(file, *insert).map_err(|error| temporary.failed(error))?;
    }
    if outline.widest > outline.old_len + lens(&outline.inserts) {
        temporary.set_len(outline.widest)?;
    }
    for range in scheme.fresh.iter().chain(&scheme.fills) {
        write_range(&sealed.layout, *range, scheme.patch.place(range).offset, temporary, progress)?;
    }
    disk.sync(file).map_err(|error| temporary.failed(error))?;
    journal.decide(decision, &mut |take| {
        for range in &scheme.over {
            visit(&sealed.layout, std::slice::from_ref(range), &mut |bytes| {
                progress.add(bytes.len() as u64);
                progress.go_on()?;
                take(bytes)
            })?;
        }
        Ok(())
    })
}

/// Does what is decided, from wherever it was left off, up to the name.
fn forward(
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
        let mut at = bytes_at;
        for region in &decision.writes {
            journal.read(at, region.len, &mut |skip, bytes| temporary.write(bytes, region.offset + skip))?;
            at += region.len;
        }
        for region in &decision.zeros {
            disk.clear(file, *region).map_err(failed)?;
        }
        disk.sync(file).map_err(failed)?;
        journal.written()?;
    }
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

/// Makes the old output again of whatever was prepared.
fn take_back(temporary: &Temporary, outline: &Outline) -> Result<()> {
    let (disk, file) = (temporary.disk(), temporary.file());
    let failed = |error| temporary.failed(error);
    let mut len = file.metadata().map_err(failed)?.len();
    let inserted = outline.old_len + lens(&outline.inserts);
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

/// Finishes a patch that was cut off, or takes it back.
///
/// # Errors
///
/// When another process is at it, or a call fails: then it is left as it is for the next time.
pub fn recover(target: &Utf8Path, disk: &Disk) -> Result<Option<Recovered>> {
    let Some((recovered, journal)) = bring_back(target, disk)? else { return Ok(None) };
    journal.settle()?;
    Ok(Some(recovered))
}

/// Opens a finished output to read it. A patch that was cut off is finished or taken back first; the journal goes on
/// saying so, for whoever keeps the memo.
///
/// # Errors
///
/// Those of [`recover`], and of opening a file.
pub fn open(target: &Utf8Path) -> Result<File> {
    bring_back(target, &Disk::default())?;
    File::open(target).map_err(|error| Error::io("opening", target, error))
}

/// Gives an output its name back, and says what it is in the journal.
fn bring_back(target: &Utf8Path, disk: &Disk) -> Result<Option<(Recovered, Journal)>> {
    let Some(Found { mut journal, says }) = Journal::find(disk, target)? else { return Ok(None) };
    let temporary = Temporary::resume(disk, target)?;
    let Some((outline, progressed)) = says else { return journal.settle().map(|()| None) };
    let drops = progressed.decided.as_ref().map_or(&[][..], |(decision, _)| &decision.drops);
    let is_doubtful = !(outline.inserts.is_empty() && drops.is_empty()) && outline.boot != journal::boot();
    let existing = fs::symlink_metadata(target).ok().map(|metadata| Stat::of(&metadata));
    let Some(mut temporary) = temporary.filter(|_| existing.is_none()) else {
        // It has its name back, or something else has it.
        return match progressed.ended.filter(|(_, stat)| Some(*stat) == existing) {
            Some((id, stat)) => Ok(Some((Recovered { id, stat, is_doubtful }, journal))),
            None => journal.settle().map(|()| None),
        };
    };
    temporary.stay();
    let id = match progressed.decided {
        Some((decision, at)) => {
            forward(&temporary, &outline, &decision, at, progressed.is_written, &mut journal)?;
            outline.new_id
        }
        None => {
            take_back(&temporary, &outline)?;
            outline.old_id
        }
    };
    let stat = temporary.finish()?;
    journal.ended(id, &stat)?;
    Ok(Some((Recovered { id, stat, is_doubtful }, journal)))
}
