//! Doing what a plan says: one target after the other, each recorded as soon as it is finished.
//!
//! Whatever a killed run left undone, the next one sees and does: the finished files say themselves what they are.
//! A lock in `.tsmedia` keeps a second run out. [`survey`] is what `plan` shows and what [`apply`] starts from.

mod capture;
mod existing_output;
mod lock;
mod medium;
mod patch;
mod saved;

use std::collections::BTreeMap;
use std::fs;

use camino::Utf8Path;

use crate::capture::Captured;
use crate::content::Stat;
use crate::digest::DigestKinds;
use crate::error::{Error, ErrorKind, Result};
use crate::output::Sealed;
use crate::plan::saved::SavedManifest;
use crate::plan::{self, Action, Claim, Plan, PlannedChange};
use crate::progress::Progress;
use crate::record::{Record, Recorded, RecordedFile, RecordedMedium};
use crate::store::Store;
use crate::target::{self, Recipe, Target};
use crate::write::{self, Journal, WriteOptions, open};

use existing_output::{FoundOutput, look_at, path_of};
pub use lock::Lock;
use patch::{Patcher, recover};
pub use saved::{moved, survey_to_save};

/// The targets of one manifest, and where what is known of them is kept.
#[derive(Clone, Debug)]
pub struct ApplyContext<'a> {
    /// The targets to make.
    pub targets: &'a [Target],
    /// The names of targets that the manifest makes too and that are left alone this time.
    pub others: &'a [String],
    /// The folder that the targets' names are relative to: the manifest's.
    pub base: &'a Utf8Path,
    /// The record, beside the manifest.
    pub record: &'a Utf8Path,
    /// Where the system describes its devices.
    pub sysfs: &'a Utf8Path,
    /// How they are written.
    pub options: WriteOptions,
    /// Whether files that tsmedia did not make may be replaced.
    pub force: bool,
    /// Whether what changed may be built anew only, and never patched.
    pub no_patch: bool,
}

impl ApplyContext<'_> {
    /// The digests of sources that the targets need.
    fn digest_kinds(&self) -> DigestKinds {
        let mut media = self.targets.iter().filter_map(Target::medium);
        if media.any(|output| output.form.digest_kinds() == DigestKinds::Sha1Too) {
            DigestKinds::Sha1Too
        } else {
            DigestKinds::Lists
        }
    }
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// What there was to do.
    pub plan: Plan,
    /// The WIM files that were captured, by name, with what became of their sources.
    pub captured: Vec<(String, Captured)>,
    /// How many bytes of sources were read by us rather than copied by the kernel.
    pub n_read: u64,
}

/// What there is to do. Reads sources whose digests decide it and are not known, and remembers them in the cache;
/// nothing else is written.
pub fn survey(work: &ApplyContext, store: &mut Store, progress: &Progress) -> Result<Plan> {
    let (record, _) = Record::load_or_empty(work.record)?;
    let (Decided { plan, .. }, n_read) = decide(work, store, &record, &Patcher::default(), progress)?;
    if n_read > 0 {
        // A plan is none the worse for a cache that can't be written.
        let _ = store.save(&work.options.disk);
    }
    Ok(plan)
}

/// Does what there is to do.
///
/// # Errors
///
/// Before anything is written when another run is at work, when something is wrong with any target, or when a file
/// that tsmedia did not make is in the way. After that at the first target that fails; those before it are finished.
pub fn apply(work: &ApplyContext, store: &mut Store, progress: &Progress) -> Result<Applied> {
    apply_if(work, None, store, progress)
}

/// Does what a saved plan says, or nothing if it holds no more: ask [`moved`] for the reasons.
pub fn apply_saved(
    work: &ApplyContext,
    planned: &SavedManifest,
    store: &mut Store,
    progress: &Progress,
) -> Result<Applied> {
    apply_if(work, Some(planned), store, progress)
}

fn apply_if(
    work: &ApplyContext,
    planned: Option<&SavedManifest>,
    store: &mut Store,
    progress: &Progress,
) -> Result<Applied> {
    let names: Vec<_> = work.targets.iter().map(|target| target.name.as_str()).collect();
    let _lock = Lock::take(store.root(), &format!("building `{}`", names.join("`, `")))?;
    // That it is damaged was told when the manifest was loaded.
    let (record, _) = Record::load_or_empty(work.record)?;
    let n_recovered = recover(work, store, &record, progress)?;
    let patcher = Patcher::default();
    let (Decided { plan, looked }, n_read) = decide(work, store, &record, &patcher, progress)?;
    if let Some(planned) = planned {
        saved::check(work, planned, store, &record, &plan)?;
    }
    refuse_strangers(work, &plan)?;
    refuse_unreadable(work, &plan)?;
    store.start_reading();
    let mut run =
        ApplyRun { work, store, record, patcher, progress, applied: Applied { n_read, ..Applied::default() } };
    let mut plan = plan;
    let mut is_saved = false;
    for change in &mut plan.changes {
        progress.check_cancelled()?;
        progress.set_subject(&change.name);
        let stat = looked.get(&change.name).and_then(|looked| looked.stat);
        is_saved |= run.carry_out(change, stat)?;
    }
    if (n_read > 0 || n_recovered > 0) && !is_saved {
        run.store.save(&work.options.disk)?;
    }
    Ok(Applied { plan, ..run.applied })
}

/// Everything that is changed while a plan is done.
struct ApplyRun<'a> {
    work: &'a ApplyContext<'a>,
    store: &'a mut Store,
    record: Record,
    patcher: Patcher,
    progress: &'a Progress,
    applied: Applied,
}

impl ApplyRun<'_> {
    /// Does what is to be done with one target and records it; `false` if there was nothing to record. `looked` is what
    /// the file system said of its file when the plan was made.
    fn carry_out(&mut self, change: &mut PlannedChange, looked: Option<Stat>) -> Result<bool> {
        let mut journal = None;
        let is_news = match (change.action, target::find(self.work.targets, &change.name)) {
            (Action::Keep, Some(target)) => self.keep(target, looked)?,
            (Action::Create | Action::Patch | Action::Rebuild, Some(target)) => {
                journal = self.make(target, change, looked)?;
                true
            }
            (Action::Delete, _) => {
                self.delete(&change.name)?;
                true
            }
            (_, None) => false,
        };
        if is_news {
            self.record.save(self.work.record, &self.work.options.disk)?;
            self.store.save(&self.work.options.disk)?;
        }
        journal.map_or(Ok(()), Journal::settle)?;
        Ok(is_news)
    }

    fn keep(&mut self, target: &Target, looked: Option<Stat>) -> Result<bool> {
        match &target.recipe {
            Recipe::Medium(output) => medium::keep(self, target, output, looked),
            Recipe::Capture(request) => capture::keep(self, target, request, looked),
        }
    }

    /// Makes a target. Returns the journal of a patch, which is settled when record and cache are saved.
    fn make(&mut self, target: &Target, change: &mut PlannedChange, looked: Option<Stat>) -> Result<Option<Journal>> {
        match &target.recipe {
            Recipe::Medium(output) => {
                refuse_replaced(&target.path, looked)?;
                if change.action == Action::Patch
                    && let Some(journal) = patch::patch(self, target, output, looked)?
                {
                    return Ok(journal);
                }
                self.applied.n_read += medium::build(self, target, output)?;
            }
            Recipe::Capture(request) => {
                let captured = capture::make(self, target, request)?;
                (change.len, change.n_write, change.n_capture) = (captured.len, captured.len, None);
                self.applied.captured.push((target.name.clone(), captured));
            }
        }
        Ok(None)
    }

    /// Removes the file of a target that no manifest makes any more, if it is the recorded one, and forgets it.
    fn delete(&mut self, name: &str) -> Result<()> {
        let found = look_at(self.work, name, self.store, &self.record)?;
        let is_ours = self.record.get(name).is_some_and(|recorded| found.existing.is_recorded(recorded));
        if let Some(path) = path_of(self.work, name).filter(|_| is_ours && found.claim == Claim::Made) {
            self.work.options.disk.remove(&path).map_err(|error| Error::io("removing", &path, error))?;
        }
        self.store.forget_finished(name);
        self.record.remove(name);
        Ok(())
    }
}

/// A plan, and what was found under the names that it decides on.
struct Decided {
    plan: Plan,
    looked: BTreeMap<String, FoundOutput>,
}

fn decide(
    work: &ApplyContext,
    store: &mut Store,
    record: &Record,
    patcher: &Patcher,
    progress: &Progress,
) -> Result<(Decided, u64)> {
    let mut n_read = 0;
    refuse_links(work)?;
    let looked = look_at_all(work, record, store)?;
    let found = |name: &str| looked.get(name).copied().unwrap_or(FoundOutput::missing());
    loop {
        let unknown = {
            let store = &*store;
            let patching = |target: &Target, sealed: Sealed, recorded: &RecordedMedium, files: &[RecordedFile]| {
                let stat = found(&target.name).stat;
                patcher.cost(target, stat, sealed, recorded, files, work)
            };
            let inputs = plan::Inputs {
                targets: work.targets,
                others: work.others,
                digests: &store.known(work.digest_kinds()),
                record,
                existing: &|name| found(name).existing,
                claim: &|name| found(name).claim,
                is_cut_off: &|name| found(name).is_cut_off,
                patching: if work.no_patch { None } else { Some(&patching) },
            };
            let unknown = plan::to_hash(&inputs)?;
            if unknown.is_empty() {
                return Ok((Decided { plan: plan::plan(&inputs)?, looked }, n_read));
            }
            unknown
        };
        store.start_reading();
        let digests = write::hash(&unknown, work.digest_kinds(), &work.options, progress)?;
        for (file, digests) in unknown.iter().zip(digests) {
            n_read += file.len();
            store.remember(file, digests);
        }
    }
}

/// Looks at every file that the manifest makes, and at those that the record names and the manifest makes no longer.
fn look_at_all(work: &ApplyContext, record: &Record, store: &Store) -> Result<BTreeMap<String, FoundOutput>> {
    let targets = work.targets.iter().map(|target| target.name.as_str());
    let names = targets.chain(record.targets().map(Recorded::name));
    let mut looked = BTreeMap::new();
    for name in names.filter(|name| !work.others.iter().any(|other| other == name)) {
        if !looked.contains_key(name) {
            looked.insert(name.to_owned(), look_at(work, name, store, record)?);
        }
    }
    Ok(looked)
}

/// Fails if a file to be written is a link: a rename would take its place, and what it leads to would stay as it is.
fn refuse_links(work: &ApplyContext) -> Result<()> {
    let targets = work.targets.iter().map(|target| target.path.as_path());
    targets.chain([work.record]).try_for_each(open::refuse_link)
}

fn refuse_strangers(work: &ApplyContext, plan: &Plan) -> Result<()> {
    let stranger = |change: &&PlannedChange| change.in_the_way && change.action != Action::Delete;
    match plan.changes.iter().find(stranger) {
        Some(change) if !work.force => {
            let name = &change.name;
            let is_capture = target::find(work.targets, name).is_some_and(Target::is_capture);
            Err(Error::new(format!("`{name}` is there already, and tsmedia did not make it")).help(format!(
                "move `{name}` away, choose another `path` in `[{}]`, or use `--force` to replace it",
                if is_capture { "capture" } else { "output" }
            )))
        }
        _ => Ok(()),
    }
}

fn refuse_unreadable(work: &ApplyContext, plan: &Plan) -> Result<()> {
    for change in plan.changes.iter().filter(|change| change.action != Action::Keep) {
        let output = target::find(work.targets, &change.name).and_then(Target::medium);
        output.map_or(Ok(()), medium::refuse_unreadable)?;
    }
    Ok(())
}

/// Fails if another file bears a name than the one that was looked at: it may have been hours ago.
fn refuse_replaced(path: &Utf8Path, looked: Option<Stat>) -> Result<()> {
    match open::identity(path) == looked.map(|stat| (stat.device, stat.inode)) {
        true => Ok(()),
        false => Err(Error::new(format!("another process put a file at `{path}` meanwhile"))
            .with_kind(ErrorKind::Stale)
            .help("look at what it is, then run it again")),
    }
}

/// What the file system says of a file, which has to be the one that was looked at: it may have been hours ago.
fn unchanged(path: &Utf8Path, looked: Option<Stat>) -> Result<Stat> {
    let metadata = fs::symlink_metadata(path).map_err(|error| Error::io("looking at", path, error))?;
    let stat = Stat::from_metadata(&metadata);
    if looked == Some(stat) {
        return Ok(stat);
    }
    Err(Error::new(format!("another process wrote `{path}` meanwhile"))
        .with_kind(ErrorKind::Stale)
        .help("run it again when it is done"))
}

#[cfg(test)]
mod tests;
