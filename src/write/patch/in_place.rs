//! Changing the old output itself, in steps that are taken back or finished wherever they are cut off.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use camino::Utf8Path;

use super::scheme::{Scheme, lens};
use super::{NewKey, Patched, write_range};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::layout::Region;
use crate::output::Sealed;
use crate::progress::Progress;
use crate::source::visit;
use crate::write::Means;
use crate::write::journal::{self, Decision, Journal, Outline};
use crate::write::temporary::{IfBusy, Temporary, lock, sync_folder};

/// The old output, open to be changed.
pub(super) struct Opened<'a> {
    pub(super) target: &'a Utf8Path,
    pub(super) file: File,
    pub(super) id: Digest,
}

/// Changes the old file.
pub(super) fn in_place(
    old: Opened,
    scheme: &Scheme,
    sealed: &Sealed,
    means: &Means,
    new_key: &NewKey,
    progress: &Progress,
) -> Result<Patched> {
    let Opened { target, file, id } = old;
    let (disk, patch) = (&means.disk, &scheme.patch);
    // It is on the disk before there is a journal that only it can open.
    let key = new_key()?;
    progress.start(lens(&scheme.fresh) + lens(&scheme.fills) + 2 * lens(&scheme.over));
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
        fills: scheme.fills.iter().map(|range| patch.place(range)).collect(),
        inode: file.metadata().map_err(|error| Error::io("looking at", target, error))?.ino(),
        boot: journal::boot(),
    };
    let decision = Decision {
        writes: scheme.over.iter().map(|range| patch.place(range)).collect(),
        zeros: scheme.zeros.iter().map(|range| patch.place(range)).collect(),
        drops: drops.collect(),
    };
    let mut journal = Journal::begin(disk, target, &outline, &key)?;
    // The output is without its name from here to `finish`: what can be done before is.
    let renamed = stage(&mut journal, &outline, &decision, scheme, sealed, progress)
        .and_then(|at| temporary.take_target(file).map(|()| at));
    let at = match renamed {
        Ok(at) => at,
        Err(error) => {
            // It still has its name.
            let _ = journal.settle();
            return Err(error);
        }
    };
    match prepare(&temporary, &mut journal, &outline, scheme, sealed, progress) {
        Ok(()) => {
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

/// Puts the decision in the journal, where it does not count yet. Says where its bytes are.
fn stage(
    journal: &mut Journal,
    outline: &Outline,
    decision: &Decision,
    scheme: &Scheme,
    sealed: &Sealed,
    progress: &Progress,
) -> Result<u64> {
    let at = journal.stage(decision, &mut |take| {
        for range in &scheme.over {
            visit(&sealed.layout, std::slice::from_ref(range), &mut |bytes| {
                progress.add(bytes.len() as u64);
                progress.go_on()?;
                take(bytes)
            })?;
        }
        Ok(())
    })?;
    progress.go_on()?;
    if outline.is_empty() {
        // There is nothing to prepare that could fail.
        journal.decide()?;
    }
    Ok(at)
}

/// Everything that can be taken back, and the decision.
fn prepare(
    temporary: &Temporary,
    journal: &mut Journal,
    outline: &Outline,
    scheme: &Scheme,
    sealed: &Sealed,
    progress: &Progress,
) -> Result<()> {
    let (disk, file) = (temporary.disk(), temporary.file());
    sync_folder(disk, temporary.target())?;
    if outline.is_empty() {
        return Ok(());
    }
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
    progress.go_on()?;
    journal.decide()
}

/// Does what is decided, from wherever it was left off, up to the name.
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
        let mut at = bytes_at;
        for region in &decision.writes {
            journal.read(at, region.len, &mut |skip, bytes| temporary.write(bytes, region.offset + skip))?;
            at += region.len;
        }
        for region in &decision.zeros {
            disk.clear(file, *region).map_err(failed)?;
        }
        disk.sync(file).map_err(failed)?;
        // Dropping moves what was written; without any, it can be written again.
        if !decision.drops.is_empty() {
            journal.written()?;
        }
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
pub(super) fn take_back(temporary: &Temporary, outline: &Outline) -> Result<()> {
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
