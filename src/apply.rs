//! Doing what a plan says: one output after the other, each recorded as soon as it is finished.
//!
//! Whatever a killed run left undone, the next one sees and does: the finished files say themselves what they are.
//! A lock in `.tsmedia` keeps a second run out. [`survey`] is what `plan` shows and what [`apply`] starts from.

mod capture;
mod lock;
mod look;
mod patch;
mod saved;

use std::collections::BTreeMap;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{Access, access};

use crate::capture::Captured;
use crate::content::{Content, Stat};
use crate::digest::{Asked, Digest};
use crate::error::{Error, ErrorKind, Result};
use crate::media::order::Order;
use crate::output::{Output, Sealed};
use crate::plan::saved::SavedManifest;
use crate::plan::{self, Action, Change, Claim, Existing, Plan};
use crate::progress::Progress;
use crate::record::{Record, Recorded, RecordedFile};
use crate::store::Store;
use crate::write::{self, Journal, Means, open};

pub use lock::Lock;
use look::{Looked, recorded_path};
use patch::{Patcher, recover};
pub use saved::{moved, survey_to_save};

/// The outputs of one manifest, and where what is known of them is kept.
#[derive(Clone, Debug)]
pub struct Work<'a> {
    /// The outputs to make.
    pub outputs: &'a [Output],
    /// The WIM files to capture.
    pub orders: &'a [Order],
    /// The names of outputs that the manifest makes too and that are left alone this time.
    pub others: &'a [String],
    /// The folder that the outputs' names are relative to: the manifest's.
    pub base: &'a Utf8Path,
    /// The record, beside the manifest.
    pub record: &'a Utf8Path,
    /// Where the system describes its devices.
    pub sysfs: &'a Utf8Path,
    /// How they are written.
    pub means: Means,
    /// Whether files that tsmedia did not make may be replaced.
    pub force: bool,
    /// Whether what changed may be built anew only, and never patched.
    pub no_patch: bool,
}

impl Work<'_> {
    /// Which digests of sources the outputs need.
    fn asked(&self) -> Asked {
        let needs_sha1 = self.outputs.iter().any(|output| output.form.asked() == Asked::Sha1Too);
        if needs_sha1 { Asked::Sha1Too } else { Asked::Lists }
    }
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// What there was to do.
    pub plan: Plan,
    /// The outputs that were written: name, identity and length.
    pub built: Vec<Built>,
    /// What was captured: which WIM file, and what became of its sources.
    pub captured: Vec<(String, Captured)>,
    /// How many bytes of sources were read by us rather than copied by the kernel.
    pub n_read: u64,
}

/// An output that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// Its path as its author sees it.
    pub name: String,
    /// Its identity.
    pub id: Digest,
    /// Its length in bytes.
    pub len: u64,
}

/// What there is to do. Reads sources whose digests decide it and are not known, and remembers them in the cache;
/// nothing else is written.
pub fn survey(work: &Work, store: &mut Store, progress: &Progress) -> Result<Plan> {
    let (record, _) = Record::load_or_empty(work.record)?;
    let (Decided { plan, .. }, n_read) = decide(work, store, &record, &Patcher::default(), progress)?;
    if n_read > 0 {
        // A plan is none the worse for a cache that can't be written.
        let _ = store.save(&work.means.disk);
    }
    Ok(plan)
}

/// Does what there is to do.
///
/// # Errors
///
/// Before anything is written when another run is at work, when something is wrong with any output, or when a file
/// that tsmedia did not make is in the way. After that at the first output that fails; those before it are finished.
pub fn apply(work: &Work, store: &mut Store, progress: &Progress) -> Result<Applied> {
    apply_if(work, None, store, progress)
}

/// Does what a saved plan says, or nothing if it holds no more: ask [`moved`] for the reasons.
pub fn apply_saved(work: &Work, planned: &SavedManifest, store: &mut Store, progress: &Progress) -> Result<Applied> {
    apply_if(work, Some(planned), store, progress)
}

fn apply_if(work: &Work, planned: Option<&SavedManifest>, store: &mut Store, progress: &Progress) -> Result<Applied> {
    let orders = work.orders.iter().map(|order| order.name.as_str());
    let names: Vec<_> = work.outputs.iter().map(|output| output.name.as_str()).chain(orders).collect();
    let _lock = Lock::take(store.root(), &format!("building `{}`", names.join("`, `")))?;
    // That it is damaged was told when the manifest was loaded.
    let (mut record, _) = Record::load_or_empty(work.record)?;
    let n_recovered = recover(work, store, &record, progress)?;
    let patcher = Patcher::default();
    let (Decided { plan, looked }, n_read) = decide(work, store, &record, &patcher, progress)?;
    if let Some(planned) = planned {
        saved::check(work, planned, store, &record, &plan)?;
    }
    refuse_strangers(work, &plan)?;
    refuse_unreadable(work, &plan)?;
    store.start_reading();
    let mut applied = Applied { n_read, ..Applied::default() };
    let disk = &work.means.disk;
    let mut plan = plan;
    for change in &mut plan.changes {
        progress.go_on()?;
        progress.on(&change.name);
        let stat = looked.get(&change.name).and_then(|looked| looked.stat);
        if capture::is_one(change, work, &record) {
            apply_capture(change, stat, &mut applied, store, &mut record, work, progress)?;
            continue;
        }
        match (change.action, work.outputs.iter().find(|output| output.name == change.name)) {
            (Action::Keep, Some(output)) => {
                if remember_kept(output, stat, store, &mut record)? {
                    record.save(work.record, disk)?;
                    store.save(disk)?;
                }
            }
            (Action::Create | Action::Patch | Action::Rebuild, Some(output)) => {
                refuse_replaced(&output.path, stat)?;
                let is_patch = change.action == Action::Patch;
                let patched =
                    if is_patch { patcher.patch(output, stat, store, &mut record, work, progress)? } else { None };
                let (built, journal) = match patched {
                    Some((built, journal)) => (built, journal),
                    None => {
                        let (built, n_read) = build(output, store, &mut record, work, progress)?;
                        applied.n_read += n_read;
                        (built, None)
                    }
                };
                applied.built.push(built);
                record.save(work.record, disk)?;
                store.save(disk)?;
                journal.map_or(Ok(()), Journal::settle)?;
            }
            (Action::Delete, _) => {
                delete(change, store, &mut record, work)?;
                record.save(work.record, disk)?;
                store.save(disk)?;
            }
            (_, None) => {}
        }
    }
    if (n_read > 0 || n_recovered > 0) && applied.built.is_empty() {
        store.save(disk)?;
    }
    Ok(Applied { plan, ..applied })
}

/// Does what is to be done with a captured WIM file, and says in the change what it came to.
fn apply_capture(
    change: &mut Change,
    stat: Option<Stat>,
    applied: &mut Applied,
    store: &mut Store,
    record: &mut Record,
    work: &Work,
    progress: &Progress,
) -> Result<()> {
    match (change.action, work.orders.iter().find(|order| order.name == change.name)) {
        (Action::Keep, Some(order)) => {
            if !capture::remember_kept(order, stat, store, record)? {
                return Ok(());
            }
        }
        (Action::Delete, _) => capture::delete(change, store, record, work)?,
        (_, Some(order)) => {
            let captured = capture::make(order, store, record, work, progress)?;
            (change.len, change.n_write, change.n_capture) = (captured.len, captured.len, None);
            applied.captured.push((change.name.clone(), captured));
        }
        (_, None) => return Ok(()),
    }
    record.save(work.record, &work.means.disk)?;
    store.save(&work.means.disk)
}

/// A plan, and what was found under the names that it decides on.
struct Decided {
    plan: Plan,
    looked: BTreeMap<String, Looked>,
}

fn decide(
    work: &Work,
    store: &mut Store,
    record: &Record,
    patcher: &Patcher,
    progress: &Progress,
) -> Result<(Decided, u64)> {
    let mut n_read = 0;
    refuse_links(work)?;
    let looked = look_at_all(work, record, store)?;
    let found = |name: &str| looked.get(name).copied().unwrap_or(Looked::missing());
    let existing = |name: &str| found(name).existing;
    let claim = |name: &str| found(name).claim;
    loop {
        let unknown = {
            let store = &*store;
            let patching = |output: &Output, sealed: Sealed, recorded: &Recorded, files: &[RecordedFile]| {
                let stat = found(&output.name).stat;
                patcher.cost(output, stat, sealed, recorded, files, work)
            };
            let inputs = plan::Inputs {
                outputs: work.outputs,
                others: work.others,
                digests: &store.known(work.asked()),
                record,
                existing: &existing,
                claim: &claim,
                is_cut_off: &|name| found(name).is_cut_off,
                patching: if work.no_patch { None } else { Some(&patching) },
            };
            let unknown = plan::to_hash(&inputs)?;
            if unknown.is_empty() {
                let mut plan = plan::plan(&inputs)?;
                plan.changes.extend(capture::decide(work, record, &existing, &claim));
                return Ok((Decided { plan, looked }, n_read));
            }
            unknown
        };
        store.start_reading();
        let digests = write::hash(&unknown, work.asked(), &work.means, progress)?;
        for (file, digests) in unknown.iter().zip(digests) {
            n_read += file.len();
            store.remember(file, digests);
        }
    }
}

/// Looks at every file that the manifest makes, and at those that the record names and the manifest makes no longer.
fn look_at_all(work: &Work, record: &Record, store: &Store) -> Result<BTreeMap<String, Looked>> {
    let captures = record.captures().map(|recorded| (&recorded.name, true));
    let captures = work.orders.iter().map(|order| (&order.name, true)).chain(captures);
    let media = record.outputs().map(|recorded| (&recorded.name, false));
    let media = work.outputs.iter().map(|output| (&output.name, false)).chain(media);
    let mut looked = BTreeMap::new();
    for (name, is_capture) in media.chain(captures) {
        if looked.contains_key(name) || work.others.contains(name) {
            continue;
        }
        let found = match is_capture {
            true => capture::look_at(work, name, store, record),
            false => look_at(work, name, store)?,
        };
        looked.insert(name.clone(), found);
    }
    Ok(looked)
}

/// What there is under a name.
fn look_at(work: &Work, name: &str, store: &Store) -> Result<Looked> {
    let output = work.outputs.iter().find(|output| output.name == name);
    match path_of(work, name) {
        Some(path) => look::look(&path, name, output, store),
        None => Ok(Looked::outside()),
    }
}

/// Where an output with this name is; none for one that only the record names, and that it may not speak for.
fn path_of(work: &Work, name: &str) -> Option<Utf8PathBuf> {
    match work.outputs.iter().find(|output| output.name == name) {
        Some(output) => Some(output.path.clone()),
        None => recorded_path(work, name),
    }
}

/// Fails if a file to be written is a link: a rename would take its place, and what it leads to would stay as it is.
fn refuse_links(work: &Work) -> Result<()> {
    let outputs = work.outputs.iter().map(|output| output.path.as_path());
    let orders = work.orders.iter().map(|order| order.path.as_path());
    outputs.chain(orders).chain([work.record]).try_for_each(open::refuse_link)
}

fn refuse_strangers(work: &Work, plan: &Plan) -> Result<()> {
    let stranger = |change: &&Change| change.in_the_way && change.action != Action::Delete;
    match plan.changes.iter().find(stranger) {
        Some(change) if !work.force => {
            let name = &change.name;
            Err(Error::new(format!("`{name}` is there already, and tsmedia did not make it")).help(format!(
                "move `{name}` away, choose another `path` in `[{}]`, or use `--force` to replace it",
                if work.orders.is_empty() { "output" } else { "capture" }
            )))
        }
        _ => Ok(()),
    }
}

/// What can't be read is better said now than after hours of copying what is before it.
fn refuse_unreadable(work: &Work, plan: &Plan) -> Result<()> {
    let is_built = |output: &&Output| {
        let is_its = |change: &&Change| change.name == output.name;
        plan.changes.iter().find(is_its).is_some_and(|change| change.action != Action::Keep)
    };
    for output in work.outputs.iter().filter(is_built) {
        for (_, content) in output.root.files() {
            let Content::Source(source) = content else { continue };
            for file in source.files() {
                access(file.path.as_std_path(), Access::READ_OK)
                    .map_err(|error| Error::io("reading", &file.path, error.into()).help("make it readable"))?;
            }
        }
    }
    Ok(())
}

/// Writes an output and takes it into record and memo.
fn build(
    output: &Output,
    store: &mut Store,
    record: &mut Record,
    work: &Work,
    progress: &Progress,
) -> Result<(Built, u64)> {
    let known = store.known(work.asked());
    let draft = output.draft(&known)?;
    let written = write::write(draft, &output.path, &known, &work.means, progress)?;
    drop(known);
    let write::Written { sealed, stat, digests, n_read } = written;
    record.put(output, &sealed);
    let (name, id, len) = (output.name.clone(), sealed.id, sealed.layout.len());
    // A large medium's layout has as much room as all that is remembered.
    drop(sealed);
    for (source, digests) in digests {
        store.remember(&source, digests);
    }
    store.remember_finished(&output.name, stat, id, kept(output));
    Ok((Built { name, id, len }, n_read))
}

/// What is kept of the secrets of an output.
fn kept(output: &Output) -> Option<Digest> {
    output.secrets().and_then(|secrets| output.under_veil(secrets))
}

/// Takes a finished output into record and memo, if it is not there; says whether it had to. `looked` is what the file
/// system said of it when it was found to be as it should be.
fn remember_kept(output: &Output, looked: Option<Stat>, store: &mut Store, record: &mut Record) -> Result<bool> {
    let stat = unchanged(&output.path, looked)?;
    let known = store.finished(&output.name);
    if let Some((known, id, secrets)) = known
        && known == stat
        && record
            .get(&output.name)
            .is_some_and(|recorded| recorded.id == id && recorded.secrets == output.kept_secrets())
        && secrets == kept(output)
    {
        // The values may be others all the same: then they came to the same bytes.
        return Ok(record.renew_values(output));
    }
    let known = store.known(output.form.asked());
    let sealed = output.draft(&known)?.seal_known(&known)?;
    drop(known);
    store.remember_finished(&output.name, stat, sealed.id, kept(output));
    record.put(output, &sealed);
    Ok(true)
}

/// Fails if another file bears a name than the one that was looked at: it may have been hours ago.
fn refuse_replaced(path: &Utf8Path, looked: Option<Stat>) -> Result<()> {
    match open::identity(path) == looked.map(|stat| (stat.device, stat.inode)) {
        true => Ok(()),
        false => Err(Error::new(format!("another process put a file at `{path}` meanwhile"))
            .of_kind(ErrorKind::Stale)
            .help("look at what it is, then run it again")),
    }
}

/// What the file system says of a file, which has to be the one that was looked at: it may have been hours ago.
fn unchanged(path: &Utf8Path, looked: Option<Stat>) -> Result<Stat> {
    let metadata = fs::symlink_metadata(path).map_err(|error| Error::io("looking at", path, error))?;
    let stat = Stat::of(&metadata);
    if looked == Some(stat) {
        return Ok(stat);
    }
    Err(Error::new(format!("another process wrote `{path}` meanwhile"))
        .of_kind(ErrorKind::Stale)
        .help("run it again when it is done"))
}

/// Removes the file of an output that no manifest makes any more, if it is the recorded one, and forgets it.
fn delete(change: &Change, store: &mut Store, record: &mut Record, work: &Work) -> Result<()> {
    let recorded = record.get(&change.name).map(|recorded| recorded.id);
    let found = look_at(work, &change.name, store)?;
    if let Some(path) = path_of(work, &change.name).filter(|_| found.claim == Claim::Made)
        && matches!(found.existing, Existing::Medium { id, .. } if Some(id) == recorded)
    {
        work.means.disk.remove(&path).map_err(|error| Error::io("removing", &path, error))?;
    }
    store.forget_finished(&change.name);
    record.remove(&change.name);
    Ok(())
}

#[cfg(test)]
mod tests;
