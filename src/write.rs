//! The one place that makes bytes of an output.
//!
//! [`write`] makes a file of a [`Draft`]: first the sources, each read once and hashed on the way, then, with every
//! digest known, all the rest. The file gets its name when it is whole and on the disk; until then, and after any
//! failure, what bore the name before is untouched. Gaps are left sparse.

mod copy;
mod disk;
mod journal;
pub mod open;
mod patch;
mod temporary;

use std::sync::Arc;

use camino::Utf8Path;

pub use copy::{copy_source, n_lanes};
pub use disk::{Call, Disk};
#[cfg(test)]
pub(crate) use journal::reseal_as_of_another_boot;
pub use journal::{Journal, JournalKey, journal_path};
#[cfg(test)]
pub(crate) use patch::can;
pub use patch::{
    NewKey, Old, Patched, Patching, Recovered, Unsettled, cost, has_journal, open_finished, patch, recover,
    refuse_cut_off, unsettled,
};
pub use temporary::{IfBusy, Temporary, replace, temporary_path};

use crate::content::{Source, SourceKey, Stat};
use crate::digest::{Asked, Digests};
use crate::error::{Error, Result};
use crate::output::{Draft, Job, Sealed};
use crate::patch::Ability;
use crate::progress::Progress;
use crate::size::Size;
use crate::source::visit_piece;

/// How to write.
#[derive(Clone, Debug)]
pub struct Means {
    /// The calls that change the disk.
    pub disk: Disk,
    /// How many large files are read at a time; each takes two threads.
    pub n_lanes: usize,
    /// What the file system can do for a patch, where that is not to be found out.
    pub ability: Option<Ability>,
}

impl Default for Means {
    fn default() -> Self {
        Self { disk: Disk::default(), n_lanes: n_lanes(), ability: None }
    }
}

/// What was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// What it holds, and where.
    pub sealed: Sealed,
    /// What the file system says of the finished file.
    pub stat: Stat,
    /// The sources of its files with their digests, which are known now.
    pub digests: Vec<(Arc<Source>, Digests)>,
    /// How many bytes of sources were read here: those that the kernel copied are not among them.
    pub n_read: u64,
}

/// Writes a draft to `target`. `known` are digests of sources that need not be hashed again.
pub fn write(
    draft: Draft,
    target: &Utf8Path,
    known: &dyn Fn(&SourceKey) -> Option<Digests>,
    means: &Means,
    progress: &Progress,
) -> Result<Written> {
    let jobs = draft.jobs(known);
    progress.start(draft.n_write());
    let temporary = Temporary::create(&means.disk, target, IfBusy::Fail)?;
    check_room(&temporary, draft.n_write())?;
    temporary.set_len(draft.len())?;
    let digests = copy::copy(&jobs, Some(&temporary), means.n_lanes, progress)?;
    let n_read = jobs.iter().filter(|job| job.known.is_none()).map(|job| job.file.len()).sum();
    let sources: Vec<_> = jobs.iter().map(|job| Arc::clone(&job.file)).collect();
    drop(jobs);
    let sealed = draft.seal(&digests)?;
    write_rest(&sealed, &temporary, progress)?;
    progress.go_on()?;
    let stat = temporary.finish()?;
    Ok(Written { sealed, stat, digests: sources.into_iter().zip(digests).collect(), n_read })
}

/// The digests of sources, each read once, in the same order.
pub fn hash(files: &[Arc<Source>], asked: Asked, means: &Means, progress: &Progress) -> Result<Vec<Digests>> {
    progress.start(files.iter().map(|file| file.len()).sum());
    let job = |file: &Arc<Source>| Job { file: Arc::clone(file), places: Vec::new(), asked, known: None };
    copy::copy(&files.iter().map(job).collect::<Vec<_>>(), None, means.n_lanes, progress)
}

/// Fails early when the file system has less room than the output takes.
fn check_room(temporary: &Temporary, needed: u64) -> Result<()> {
    // A file system that does not say is not one to fail on.
    let Ok(room) = rustix::fs::fstatvfs(temporary.file()) else { return Ok(()) };
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    if room.f_blocks == 0 || needed <= free {
        return Ok(());
    }
    let (needed, free) = (Size(needed), Size(free));
    Err(Error::new(format!("`{}` takes {needed}, and there is room for {free} where it is put", temporary.target()))
        .help("the medium that is there now is kept until the new one is whole, so both need room at once"))
}

/// How many bytes of neighbouring extents are written at once.
const RUN_LEN: usize = 1 << 20;

/// Writes whatever of an output is not the content of a source's file.
fn write_rest(sealed: &Sealed, temporary: &Temporary, progress: &Progress) -> Result<()> {
    let mut run = Vec::new();
    let mut run_at = 0;
    for extent in sealed.rest() {
        progress.go_on()?;
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
