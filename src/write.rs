//! Writes outputs to disk.
//!
//! [`write`] turns a [`Draft`] into a file. It copies the sources first, hashing each on the way, and then writes
//! everything that depends on their digests. The file gets its final name once it is complete and synced. Until then,
//! and after any failure, an older file of that name is untouched. Gaps are left sparse.

mod change_log;
mod copy;
mod disk;
mod journal;
pub mod open;
mod patch;
mod room;
mod staging;
mod temporary;

use std::sync::Arc;

use camino::Utf8Path;

pub use change_log::{ChangeLog, log_path, read_log, remove_log};
pub(crate) use copy::on_threads;
use copy::{CopyTarget, SHARED_LEN};
pub use copy::{copy_source, n_lanes};
pub use disk::{Call, DiskOps};
#[cfg(test)]
pub(crate) use journal::reseal_as_of_another_boot;
pub use journal::{Journal, JournalKey, journal_path};
pub(crate) use patch::can;
pub use patch::{
    NewKey, OldOutput, PatchEstimate, Patched, Recovered, Unsettled, cost, cost_of_layouts, has_journal, open_finished,
    patch, recover, refuse_cut_off, unsettled,
};
use room::check_room;
pub use staging::Staging;
pub use temporary::{IfBusy, Temporary, modified, rename_new, replace, temporary_path};

use crate::content::{Source, SourceKey, Stat};
use crate::digest::{DigestKinds, Digests};
use crate::error::{Error, Result};
use crate::output::{CopyJob, Draft, Sealed};
use crate::patch::Ability;
use crate::progress::Progress;
use crate::source::visit_piece;

/// Options of a write.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    /// Calls that change the disk.
    pub disk: DiskOps,
    /// Number of large files that are read at a time. Each takes two threads.
    pub n_lanes: usize,
    /// Patch operations that the file system supports. `None` to probe for them.
    pub ability: Option<Ability>,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { disk: DiskOps::default(), n_lanes: n_lanes(), ability: None }
    }
}

/// Result of a write.
#[derive(Clone, Debug)]
pub struct WrittenMedium {
    /// Layout and digests of the medium.
    pub sealed: Sealed,
    /// Metadata of the finished file.
    pub stat: Stat,
    /// Sources of the medium's files, with their digests.
    pub digests: Vec<(Arc<Source>, Digests)>,
    /// Number of source bytes read. Files copied within the kernel don't count.
    pub n_read: u64,
}

/// Writes a draft to `target`. Sources whose digests are `known` are not hashed again.
pub fn write(
    draft: Draft,
    target: &Utf8Path,
    known: &dyn Fn(&SourceKey) -> Option<Digests>,
    options: &WriteOptions,
    progress: &Progress,
) -> Result<WrittenMedium> {
    let jobs = draft.jobs(known);
    progress.start(draft.n_write());
    let temporary = Temporary::create(&options.disk, target, IfBusy::Fail)?;
    let target = CopyTarget { file: &temporary, shares_blocks: shares_blocks(&jobs, target, options) };
    let shared = jobs.iter().filter(|job| target.can_share(&job.file)).map(|job| job.file.len());
    let needed = draft.n_write().saturating_sub(shared.sum());
    check_room(temporary.file(), temporary.target(), needed, ROOM_HELP)?;
    temporary.set_len(draft.len())?;
    let digests = copy::copy(&jobs, Some(target), options.n_lanes, progress)?;
    let n_read = jobs.iter().filter(|job| job.known.is_none()).map(|job| job.file.len()).sum();
    let sources: Vec<_> = jobs.iter().map(|job| Arc::clone(&job.file)).collect();
    drop(jobs);
    let sealed = draft.seal(&digests)?;
    write_rest(&sealed, &temporary, progress)?;
    progress.check_cancelled()?;
    let stat = temporary.finish()?;
    Ok(WrittenMedium { sealed, stat, digests: sources.into_iter().zip(digests).collect(), n_read })
}

/// Hashes sources, reading each once. Returns the digests in the order of `files`.
pub fn hash(
    files: &[Arc<Source>],
    digest_kinds: DigestKinds,
    options: &WriteOptions,
    progress: &Progress,
) -> Result<Vec<Digests>> {
    progress.start(files.iter().map(|file| file.len()).sum());
    let job = |file: &Arc<Source>| CopyJob { file: Arc::clone(file), places: Vec::new(), digest_kinds, known: None };
    copy::copy(&files.iter().map(job).collect::<Vec<_>>(), None, options.n_lanes, progress)
}

/// Returns `true` if there are sources whose blocks the file system of the target may share.
fn shares_blocks(jobs: &[CopyJob], target: &Utf8Path, options: &WriteOptions) -> bool {
    let can_clone = || match options.ability {
        Some(ability) => ability == Ability::Clone,
        None => patch::can(Ability::Clone, target.parent().unwrap_or(Utf8Path::new("."))),
    };
    jobs.iter().any(|job| job.file.len() >= SHARED_LEN) && can_clone()
}

const ROOM_HELP: &str =
    "free some space: the old medium is kept until the new one is complete, so both need room at once";

/// Number of bytes of neighbouring extents that are written at once.
const RUN_LEN: usize = 1 << 20;

/// Writes everything that the copy jobs don't: all extents but the contents of sources.
fn write_rest(sealed: &Sealed, temporary: &Temporary, progress: &Progress) -> Result<()> {
    let mut run = Vec::new();
    let mut run_at = 0;
    for extent in sealed.rest() {
        progress.check_cancelled()?;
        if run_at + run.len() as u64 != extent.offset || run.len() >= RUN_LEN {
            temporary.write(&run, run_at)?;
            run.clear();
            run_at = extent.offset;
        }
        visit_piece(extent, 0, extent.len, &mut |bytes| {
            run.extend_from_slice(bytes);
            progress.add(bytes.len() as u64);
            Ok::<_, Error>(())
        })?;
    }
    if run.is_empty() { Ok(()) } else { temporary.write(&run, run_at) }
}

#[cfg(test)]
mod tests;
