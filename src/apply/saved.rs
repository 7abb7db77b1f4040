//! Plans that are kept: made with every digest known, and done only while what they were decided from is as it was.

use std::collections::HashMap;
use std::sync::Arc;

use camino::Utf8Path;

use super::{Work, capture, look_at, survey};
use crate::content::Content;
use crate::error::{Error, ErrorKind, Result};
use crate::output::Output;
use crate::plan::saved::{self, Moved, Now, Planned, PlannedCapture, SavedManifest, Wanted};
use crate::plan::{Change, Existing, Plan};
use crate::progress::Progress;
use crate::record::Record;
use crate::store::Store;
use crate::write;

/// What there is to do, and the same to be saved. Reads every source that is not known, and remembers it.
pub fn survey_to_save(
    work: &Work,
    manifest: &Utf8Path,
    store: &mut Store,
    progress: &Progress,
) -> Result<(Plan, SavedManifest)> {
    learn(work, store, progress)?;
    let plan = survey(work, store, progress)?;
    let (record, _) = Record::load_or_empty(work.record)?;
    let (mut planned, mut captures) = (Vec::new(), Vec::new());
    for change in &plan.changes {
        if capture::is_one(change, work, &record) {
            captures.push(planned_capture(change, work));
            continue;
        }
        let output = work.outputs.iter().find(|output| output.name == change.name);
        planned.push(Planned {
            name: change.name.clone(),
            action: change.action,
            existing: look_at(work, &change.name, store)?.existing,
            recorded: record.get(&change.name).map(|recorded| recorded.id),
            wanted: output.map(|output| wanted(output, store)).transpose()?,
        });
    }
    Ok((plan, SavedManifest { manifest: manifest.to_owned(), outputs: planned, captures }))
}

fn planned_capture(change: &Change, work: &Work) -> PlannedCapture {
    let wanted = work.orders.iter().find(|order| order.name == change.name).and_then(|order| {
        let mut record = Record::default();
        // What it will be as a file is known when it is made.
        record.put_capture(order, String::new(), 0);
        record.capture(&order.name).cloned()
    });
    PlannedCapture { name: change.name.clone(), action: change.action, wanted }
}

/// The outputs for which a saved plan holds no more.
pub fn moved(work: &Work, planned: &SavedManifest, store: &mut Store, progress: &Progress) -> Result<Vec<Moved>> {
    learn(work, store, progress)?;
    let plan = survey(work, store, progress)?;
    let (record, _) = Record::load_or_empty(work.record)?;
    moved_since(work, planned, store, &record, &plan)
}

/// Fails if the plan that is about to be done is not the saved one: somebody was faster than [`moved`] could tell.
pub(super) fn check(work: &Work, planned: &SavedManifest, store: &Store, record: &Record, plan: &Plan) -> Result<()> {
    match moved_since(work, planned, store, record, plan)?.first() {
        None => Ok(()),
        Some(moved) => Err(Error::new(format!("`{}` has moved on while the plan was being looked at", moved.name))
            .of_kind(ErrorKind::Stale)
            .help("do it again to see what has changed")),
    }
}

fn moved_since(
    work: &Work,
    planned: &SavedManifest,
    store: &Store,
    record: &Record,
    plan: &Plan,
) -> Result<Vec<Moved>> {
    let is_capture = |change: &&Change| capture::is_one(change, work, record);
    let (captures, media): (Vec<_>, Vec<_>) = plan.changes.iter().partition(is_capture);
    let captures = captures.into_iter().cloned().collect::<Vec<_>>();
    let plan = &Plan { changes: media.into_iter().cloned().collect() };
    let names = planned.outputs.iter().map(|planned| &planned.name);
    let existing: HashMap<&String, Existing> =
        names.map(|name| Ok((name, look_at(work, name, store)?.existing))).collect::<Result<_>>()?;
    let existing = |name: &str| existing.get(&name.to_owned()).copied().unwrap_or(Existing::Missing);
    let now = Now { plan, outputs: work.outputs, digests: &store.known(work.asked()), record, existing: &existing };
    let mut moved = saved::moved(&planned.outputs, &now)?;
    moved.extend(saved::moved_captures(&planned.captures, &captures, work.orders));
    Ok(moved)
}

/// What the record will say of an output.
fn wanted(output: &Output, store: &Store) -> Result<Wanted> {
    let mut record = Record::default();
    let known = store.known(output.form.asked());
    record.put(output, &output.draft(&known)?.seal_known(&known)?);
    let missing = || Error::new(format!("`{}` is not in its own record", output.name));
    let summary = record.get(&output.name).cloned().ok_or_else(missing)?;
    Ok(Wanted { summary, files: record.files(&output.name)?.to_vec() })
}

/// Reads every source whose digests are not known.
fn learn(work: &Work, store: &mut Store, progress: &Progress) -> Result<()> {
    let files = work.outputs.iter().flat_map(|output| output.root.files());
    let known = store.known(work.asked());
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
    let digests = write::hash(&unknown, work.asked(), &work.means, progress)?;
    for (file, digests) in unknown.iter().zip(digests) {
        store.remember(file, digests);
    }
    // A plan is none the worse for a cache that can't be written.
    let _ = store.save(&work.means.disk);
    Ok(())
}
