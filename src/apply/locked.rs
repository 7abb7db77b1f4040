//! Reads content before it is used, if its digests come from elsewhere.
//!
//! For files that were not read in their current state, such as those of a fresh clone, plans use the digests in
//! `tsmedia.lock`, or those of the same content in an earlier clone, as identified by Git. So nothing is read if nothing
//! is built.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::Utf8PathBuf;

use super::ApplyContext;
use crate::content::{Content, Source, SourceKey};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Action, Plan};
use crate::progress::Progress;
use crate::store::Store;
use crate::target::{self, Target};

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

/// Reads the files of media to be patched that were not read in their current state, though their digests are known.
/// Files of other media are read while they are copied. Returns the number of bytes read, and `false` if a file has
/// other digests, so that the plan has to be made again.
pub(super) fn verify_known(
    work: &ApplyContext,
    plan: &Plan,
    store: &mut Store,
    progress: &Progress,
) -> Result<(u64, bool)> {
    let mut unread: BTreeMap<SourceKey, (Arc<Source>, Digest)> = BTreeMap::new();
    let targets = plan.changes.iter().filter(|change| change.action == Action::Patch);
    let targets = targets.filter_map(|change| target::find(work.targets, &change.name));
    for (_, content) in targets.filter_map(Target::medium).flat_map(|output| output.root.files()) {
        let Content::Source(source) = content else { continue };
        let key = source.key();
        if let (None, Some(known)) = (store.verified(&key), store.digests(&key)) {
            unread.insert(key, (Arc::clone(source), known.blake3));
        }
    }
    if unread.is_empty() {
        return Ok((0, true));
    }
    let (sources, known): (Vec<_>, Vec<_>) = unread.into_values().unzip();
    let read = store.hash(&sources, work.digest_kinds(), &work.options, progress)?;
    let is_as_known = read.iter().zip(known).all(|(read, known)| read.blake3 == known);
    Ok((sources.iter().map(|source| source.len()).sum(), is_as_known))
}
