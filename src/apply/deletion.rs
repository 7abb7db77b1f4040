//! Finished files that are deleted because the manifest no longer makes them.
//!
//! A medium whose site still has one was replaced: by a set of discs, by another format, or by fewer discs. Any other file
//! is lost with its deletion, which therefore needs consent.

use camino::Utf8PathBuf;

use super::{ApplyContext, look_at, moved_outputs, path_of};
use crate::error::Result;
use crate::output::Output;
use crate::plan::{Claim, Plan};
use crate::record::{Record, Recorded};
use crate::store::Store;
use crate::target::{self, Target};

/// Finished file to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Name in the record.
    pub name: String,
    /// Path of the file.
    pub path: Utf8PathBuf,
    /// Length in bytes.
    pub len: u64,
}

/// Lists the files that [`apply`](super::apply) deletes only with consent, without reading any source.
pub fn find_deletions(work: &ApplyContext, store: &Store) -> Result<Vec<Deletion>> {
    unconfirmed(work, &Record::load_or_empty(work.record)?.0, store)
}

pub(super) fn unconfirmed(work: &ApplyContext, record: &Record, store: &Store) -> Result<Vec<Deletion>> {
    let moved = moved_outputs::find(work, record, store)?;
    let is_left = |name: &str| {
        target::find(work.targets, name).is_some()
            || work.others.iter().any(|other| other == name)
            || moved.values().any(|moved| moved.old_name == name)
    };
    let lost = record.targets().filter(|recorded| !is_left(recorded.name()) && !is_replaced(work, recorded));
    let found: Result<Vec<_>> = lost.map(|recorded| find_deletion(work, recorded.name(), store, record)).collect();
    Ok(found?.into_iter().flatten().collect())
}

/// Returns `true` for a medium whose site still has a medium.
fn is_replaced(work: &ApplyContext, recorded: &Recorded) -> bool {
    let site =
        |output: &Output| output.description.iter().find(|(key, _)| *key == "site").map(|(_, site)| site.clone());
    let mut media = work.targets.iter().filter_map(Target::medium);
    recorded.medium().is_some() && media.any(|output| site(output).as_ref() == recorded.site())
}

/// Returns the file of a recorded target, if it is the recorded one and the cache confirms that this manifest made it.
pub(super) fn find_deletion(
    work: &ApplyContext,
    name: &str,
    store: &Store,
    record: &Record,
) -> Result<Option<Deletion>> {
    let found = look_at(work, name, store, record)?;
    let is_ours = record.get(name).is_some_and(|recorded| found.existing.is_recorded(recorded));
    let path = path_of(work, name).filter(|_| is_ours && found.claim == Claim::Made);
    Ok(path.map(|path| Deletion { name: name.to_owned(), path, len: found.existing.file_len() }))
}

/// Removes deletions from a plan. The files and their records stay.
pub fn without_deletions(mut plan: Plan, deletions: &[Deletion]) -> Plan {
    plan.changes.retain(|change| deletions.iter().all(|deletion| deletion.name != change.name));
    plan
}
