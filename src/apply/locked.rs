//! Reads locked content before it is used, and compares it with `tsmedia.lock`.
//!
//! Plans use the digests in the lock for files that were not read in their current state, such as those of a fresh
//! clone. So nothing is read if nothing is built.

use std::sync::Arc;

use camino::Utf8PathBuf;

use super::ApplyContext;
use crate::content::Source;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Action, Plan};
use crate::progress::Progress;
use crate::store::Store;

/// File with a digest in `tsmedia.lock`.
#[derive(Clone, Debug)]
pub struct LockedSource {
    /// File as it was found.
    pub source: Arc<Source>,
    /// Digest in the lock.
    pub blake3: Digest,
    /// Path of the lock.
    pub lock: Utf8PathBuf,
}

/// Reads the locked files that were not read in their current state, if the plan builds anything. Returns the number of
/// bytes read.
///
/// # Errors
///
/// If a file differs from the lock. Nothing is written then.
pub(super) fn verify(work: &ApplyContext, plan: &Plan, store: &mut Store, progress: &Progress) -> Result<u64> {
    let builds = |action| matches!(action, Action::Create | Action::Patch | Action::Rebuild);
    if !plan.changes.iter().any(|change| builds(change.action)) {
        return Ok(0);
    }
    let is_unread = |locked: &&LockedSource| store.verified(&locked.source.key()).is_none();
    let unread: Vec<_> = work.locked.iter().filter(is_unread).map(|locked| Arc::clone(&locked.source)).collect();
    if !unread.is_empty() {
        store.hash(&unread, work.digest_kinds(), &work.options, progress)?;
    }
    for LockedSource { source, blake3, lock } in work.locked {
        if store.verified(&source.key()).is_some_and(|read| read.blake3 != *blake3) {
            let path = source.path();
            // Best effort, for `check` to report the difference without reading the file.
            let _ = store.save(&work.options.disk);
            return Err(Error::new(format!("`{path}` has other bytes than in `{lock}`; nothing was written"))
                .with_kind(ErrorKind::Stale)
                .help(format!("run `tsmedia lock --update {path}` and review the change, or restore the file")));
        }
    }
    Ok(unread.iter().map(|source| source.len()).sum())
}
