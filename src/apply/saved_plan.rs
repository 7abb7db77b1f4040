//! Saves plans with every digest known, and applies them only while the state that they are based on is unchanged.

use std::collections::HashMap;
use std::sync::Arc;

use camino::Utf8Path;

use super::{ApplyContext, look_at, survey};
use crate::content::Content;
use crate::error::{Error, ErrorKind, Result};
use crate::output::Output;
use crate::plan::saved::{
    self, CurrentState, Planned, PlannedCapture, PlannedMedium, SavedManifest, StaleTarget, WantedMedium,
};
use crate::plan::{ExistingFile, Plan, PlannedChange};
use crate::progress::Progress;
use crate::record::{Record, RecordedCapture, RecordedMedium};
use crate::store::Store;
use crate::target::{self, Target};

/// Makes a plan and its saved form. Reads every source whose digest is not known, and remembers it.
pub fn survey_to_save(
    work: &ApplyContext,
    manifest: &Utf8Path,
    store: &mut Store,
    progress: &Progress,
) -> Result<(Plan, SavedManifest)> {
    hash_sources(work, store, progress)?;
    let plan = survey(work, store, progress)?.with_manifest(manifest);
    let (record, _) = Record::load_or_empty(work.record)?;
    let targets = plan.changes.iter().map(|change| planned(change, work, store, &record)).collect::<Result<_>>()?;
    let changes = plan.changes.clone();
    Ok((plan, SavedManifest { manifest: manifest.to_owned(), targets, changes }))
}

/// Converts a change for a saved plan. A deletion has the kind of the recorded target.
fn planned(change: &PlannedChange, work: &ApplyContext, store: &Store, record: &Record) -> Result<Planned> {
    let target = target::find(work.targets, &change.name);
    let is_capture = target.map_or_else(|| record.capture(&change.name).is_some(), |target| target.is_capture());
    let (name, action) = (change.name.clone(), change.action);
    if is_capture {
        let request = target.and_then(|target| Some((target, target.capture()?)));
        // GUID and length are known only after the capture.
        let wanted = request.map(|(target, request)| RecordedCapture::new(target, request, String::new(), 0));
        return Ok(Planned::Capture(PlannedCapture { name, action, wanted }));
    }
    let output = target.and_then(|target| Some((target, target.medium()?)));
    Ok(Planned::Medium(Box::new(PlannedMedium {
        existing: look_at(work, &name, store, record)?.existing,
        recorded: record.medium(&name).map(|recorded| recorded.id),
        wanted: output.map(|(target, output)| wanted(target, output, store)).transpose()?,
        name,
        action,
    })))
}

/// Lists the targets for which a saved plan is out of date.
pub fn find_stale(
    work: &ApplyContext,
    planned: &SavedManifest,
    store: &mut Store,
    progress: &Progress,
) -> Result<Vec<StaleTarget>> {
    hash_sources(work, store, progress)?;
    let plan = survey(work, store, progress)?;
    let (record, _) = Record::load_or_empty(work.record)?;
    compare(work, planned, store, &record, &plan)
}

/// Fails if the plan about to be applied differs from the saved one, because something changed since [`find_stale`] was
/// called.
pub(super) fn check(
    work: &ApplyContext,
    planned: &SavedManifest,
    store: &Store,
    record: &Record,
    plan: &Plan,
) -> Result<()> {
    match compare(work, planned, store, record, plan)?.first() {
        None => Ok(()),
        Some(stale) => Err(Error::new(format!("`{}` changed while the plan was being checked", stale.name))
            .with_kind(ErrorKind::Stale)
            .help("apply the plan again to see what has changed")),
    }
}

fn compare(
    work: &ApplyContext,
    planned: &SavedManifest,
    store: &Store,
    record: &Record,
    plan: &Plan,
) -> Result<Vec<StaleTarget>> {
    let names = planned.targets.iter().map(Planned::name);
    let existing: HashMap<&str, ExistingFile> =
        names.map(|name| Ok((name, look_at(work, name, store, record)?.existing))).collect::<Result<_>>()?;
    let existing = |name: &str| existing.get(name).copied().unwrap_or(ExistingFile::Missing);
    let now = CurrentState {
        plan,
        targets: work.targets,
        digests: &store.known(work.digest_kinds()),
        record,
        existing: &existing,
    };
    saved::find_stale(&planned.targets, &now)
}

/// Record of a medium after it is built.
fn wanted(target: &Target, output: &Output, store: &Store) -> Result<WantedMedium> {
    let known = store.known(output.form.digest_kinds());
    let (summary, files) = RecordedMedium::new(target, output, &output.draft(&known)?.seal_known(&known)?);
    Ok(WantedMedium { summary, files })
}

/// Hashes every source whose digests are not known.
fn hash_sources(work: &ApplyContext, store: &mut Store, progress: &Progress) -> Result<()> {
    let media = work.targets.iter().filter_map(Target::medium);
    let files = media.flat_map(|output| output.root.files());
    let known = store.known(work.digest_kinds());
    let unknown = files.filter_map(|(_, content)| match content {
        Content::Source(source) if known(&source.key()).is_none() => Some((source.key(), Arc::clone(source))),
        _ => None,
    });
    // A file that is on several media is read once.
    let mut unknown: Vec<_> = unknown.collect::<HashMap<_, _>>().into_values().collect();
    drop(known);
    unknown.sort_by(|a, b| (a.path(), a.key()).cmp(&(b.path(), b.key())));
    let unknown = store.without_known_content(unknown, work.digest_kinds());
    if unknown.is_empty() {
        return Ok(());
    }
    store.hash(&unknown, work.digest_kinds(), &work.options, progress)?;
    // Best effort: a plan does not need the cache.
    let _ = store.save(&work.options.disk);
    Ok(())
}
