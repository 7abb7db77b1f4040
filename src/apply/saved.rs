//! Plans that are kept: made with every digest known, and done only while what they were decided from is as it was.

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
use crate::write;

/// What there is to do, and the same to be saved. Reads every source that is not known, and remembers it.
pub fn survey_to_save(
    work: &ApplyContext,
    manifest: &Utf8Path,
    store: &mut Store,
    progress: &Progress,
) -> Result<(Plan, SavedManifest)> {
    learn(work, store, progress)?;
    let plan = survey(work, store, progress)?;
    let (record, _) = Record::load_or_empty(work.record)?;
    let targets = plan.changes.iter().map(|change| planned(change, work, store, &record)).collect::<Result<_>>()?;
    Ok((plan, SavedManifest { manifest: manifest.to_owned(), targets }))
}

/// What a saved plan holds of a change. One of a target that is to be deleted is of the recorded kind.
fn planned(change: &PlannedChange, work: &ApplyContext, store: &Store, record: &Record) -> Result<Planned> {
    let target = target::find(work.targets, &change.name);
    let is_capture = target.map_or_else(|| record.capture(&change.name).is_some(), |target| target.is_capture());
    let (name, action) = (change.name.clone(), change.action);
    if is_capture {
        let request = target.and_then(|target| Some((target, target.capture()?)));
        // What it will be as a file is known when it is made.
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

/// The targets for which a saved plan holds no more.
pub fn moved(
    work: &ApplyContext,
    planned: &SavedManifest,
    store: &mut Store,
    progress: &Progress,
) -> Result<Vec<StaleTarget>> {
    learn(work, store, progress)?;
    let plan = survey(work, store, progress)?;
    let (record, _) = Record::load_or_empty(work.record)?;
    moved_since(work, planned, store, &record, &plan)
}

/// Fails if the plan that is about to be done is not the saved one: somebody was faster than [`moved`] could tell.
pub(super) fn check(
    work: &ApplyContext,
    planned: &SavedManifest,
    store: &Store,
    record: &Record,
    plan: &Plan,
) -> Result<()> {
    match moved_since(work, planned, store, record, plan)?.first() {
        None => Ok(()),
        Some(moved) => Err(Error::new(format!("`{}` has moved on while the plan was being looked at", moved.name))
            .with_kind(ErrorKind::Stale)
            .help("do it again to see what has changed")),
    }
}

fn moved_since(
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

/// What the record will say of a medium.
fn wanted(target: &Target, output: &Output, store: &Store) -> Result<WantedMedium> {
    let known = store.known(output.form.digest_kinds());
    let (summary, files) = RecordedMedium::new(target, output, &output.draft(&known)?.seal_known(&known)?);
    Ok(WantedMedium { summary, files })
}

/// Reads every source whose digests are not known.
fn learn(work: &ApplyContext, store: &mut Store, progress: &Progress) -> Result<()> {
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
    if unknown.is_empty() {
        return Ok(());
    }
    unknown.sort_by(|a, b| (a.path(), a.key()).cmp(&(b.path(), b.key())));
    store.start_reading();
    let digests = write::hash(&unknown, work.digest_kinds(), &work.options, progress)?;
    for (file, digests) in unknown.iter().zip(digests) {
        store.remember(file, digests);
    }
    // A plan is none the worse for a cache that can't be written.
    let _ = store.save(&work.options.disk);
    Ok(())
}
