//! Applies a plan: makes one target after another, and records each as soon as it is finished.
//!
//! The next run picks up whatever a killed run left undone, since finished files identify themselves. A lock in the
//! cache keeps a second run out. [`survey`] makes the plan that `plan` shows and [`apply`] starts from.

mod capture;
mod deletion;
mod existing_output;
mod locked;
mod medium;
mod moved_outputs;
mod patch;
mod saved_plan;

use std::collections::BTreeMap;
use std::fs;

use camino::Utf8Path;

use crate::capture::Captured;
use crate::content::Stat;
use crate::digest::DigestKinds;
use crate::error::{Error, ErrorKind, Result};
use crate::output::Sealed;
use crate::plan::saved::SavedManifest;
use crate::plan::{self, Action, Plan, PlannedChange};
use crate::progress::Progress;
use crate::record::{Record, RecordWriter, Recorded, RecordedMedium};
use crate::store::{Lock, Store};
use crate::target::{self, Recipe, Target};
use crate::write::{self, Journal, WriteOptions, open};

pub use deletion::{Deletion, find_deletions, without_deletions};
use existing_output::{FoundOutput, look_at, path_of};
pub use locked::LockedSource;
use moved_outputs::MovedOutputs;
use patch::{Patcher, recover};
pub use saved_plan::{find_stale, survey_to_save};

/// Targets of one manifest, with the paths of its record and folder, and the options of the run.
#[derive(Clone, Debug)]
pub struct ApplyContext<'a> {
    /// Targets to make.
    pub targets: &'a [Target],
    /// Names of further targets of the manifest that are left alone this time.
    pub others: &'a [String],
    /// Content to compare with `tsmedia.lock` before anything is built.
    pub locked: &'a [LockedSource],
    /// Folder of the manifest, which names of targets are relative to.
    pub base: &'a Utf8Path,
    /// Path of the record beside the manifest.
    pub record: &'a Utf8Path,
    /// Path of sysfs.
    pub sysfs: &'a Utf8Path,
    /// Options for writing.
    pub options: WriteOptions,
    /// `true` to replace files that tsmedia did not make.
    pub force: bool,
    /// `true` to rebuild what changed and never patch it.
    pub no_patch: bool,
    /// `true` to delete also the files that need [consent](find_deletions); otherwise they and their records stay.
    pub deletes: bool,
}

impl ApplyContext<'_> {
    /// Kinds of digests that the targets need.
    fn digest_kinds(&self) -> DigestKinds {
        let mut media = self.targets.iter().filter_map(Target::medium);
        if media.any(|output| output.form.digest_kinds() == DigestKinds::Sha1Too) {
            DigestKinds::Sha1Too
        } else {
            DigestKinds::Lists
        }
    }
}

/// Result of a run.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// Plan that was applied.
    pub plan: Plan,
    /// Captured WIM files by name, with what happened to their sources.
    pub captured: Vec<(String, Captured)>,
    /// Number of source bytes that were read rather than copied by the kernel.
    pub n_read: u64,
}

impl Applied {
    /// Sets the manifest of all changes.
    pub fn with_manifest(self, manifest: &Utf8Path) -> Self {
        Self { plan: self.plan.with_manifest(manifest), ..self }
    }
}

/// Makes a plan. Reads sources whose digests are needed but not known, and stores these in the cache. Writes nothing
/// else.
pub fn survey(work: &ApplyContext, store: &mut Store, progress: &Progress) -> Result<Plan> {
    survey_record(work, &Record::load_or_empty(work.record)?.0, store, progress)
}

/// Makes a plan like [`survey`], from a record that was read before.
pub fn survey_record(work: &ApplyContext, record: &Record, store: &mut Store, progress: &Progress) -> Result<Plan> {
    let (Decided { plan, .. }, n_read) = decide(work, store, record, &Patcher::default(), progress)?;
    if n_read > 0 {
        // Best effort: a plan does not need the cache.
        let _ = store.save(&work.options.disk);
    }
    Ok(plan)
}

/// Makes a plan and applies it.
///
/// # Errors
///
/// Before anything is written, if another run is active, a target has an error, or a file that tsmedia did not make is
/// in the way. After that, at the first target that fails; targets before it are finished.
pub fn apply(work: &ApplyContext, store: &mut Store, progress: &Progress) -> Result<Applied> {
    apply_if(work, None, store, progress)
}

/// Applies a saved plan, or does nothing if it is out of date; [`find_stale`] returns the reasons.
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
    let _lock = Lock::take(store.folder(), &format!("building `{}`", names.join("`, `")))?;
    // Damage was already reported when the manifest was loaded.
    let (record, _) = Record::load_or_empty(work.record)?;
    let n_recovered = recover(work, store, &record, progress)?;
    let patcher = Patcher::default();
    let (Decided { plan, looked, moved }, n_read) = decide_and_read(work, store, &record, &patcher, progress)?;
    if let Some(planned) = planned {
        saved_plan::check(work, planned, store, &record, &plan)?;
    }
    let plan = match work.deletes {
        true => plan,
        false => without_deletions(plan, &deletion::unconfirmed(work, &record, store)?),
    };
    refuse_strangers(work, &plan)?;
    refuse_unreadable(work, &plan)?;
    store.start_reading();
    let writer = RecordWriter::new(work.record, &work.options.disk);
    let applied = Applied { n_read, ..Applied::default() };
    let mut run = ApplyRun { work, store, record, writer, patcher, progress, applied };
    let mut plan = plan;
    let carried_out = run.carry_out_all(&mut plan, &moved, looked);
    // Also after a failure: users commit the record of finished outputs.
    let finished = run.writer.finish(&run.record);
    let is_saved = carried_out?;
    finished?;
    if (n_read > 0 || n_recovered > 0) && !is_saved {
        run.store.save(&work.options.disk)?;
    }
    Ok(Applied { plan, ..run.applied })
}

/// State that changes while a plan is applied.
struct ApplyRun<'a> {
    work: &'a ApplyContext<'a>,
    store: &'a mut Store,
    record: Record,
    writer: RecordWriter<'a>,
    patcher: Patcher,
    progress: &'a Progress,
    applied: Applied,
}

impl ApplyRun<'_> {
    /// Applies all changes. Returns `false` if there was nothing to record. `looked` are the files that they are based
    /// on, by name.
    fn carry_out_all(
        &mut self,
        plan: &mut Plan,
        moved: &MovedOutputs,
        mut looked: BTreeMap<String, FoundOutput>,
    ) -> Result<bool> {
        self.rename(moved, &mut looked)?;
        let mut is_saved = false;
        for change in &mut plan.changes {
            self.progress.check_cancelled()?;
            self.progress.set_subject(&change.name);
            let stat = looked.get(&change.name).and_then(|looked| looked.stat);
            is_saved |= self.carry_out(change, stat)?;
        }
        Ok(is_saved)
    }

    /// Applies the planned change of one target and records it. Returns `false` if there was nothing to record.
    /// `looked` is the metadata of its file when the plan was made.
    fn carry_out(&mut self, change: &mut PlannedChange, looked: Option<Stat>) -> Result<bool> {
        let mut journal = None;
        let is_news = match (change.action, target::find(self.work.targets, &change.name)) {
            (Action::Keep | Action::Rename, Some(target)) => self.keep(target, looked)?,
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
            self.writer.save_target(&self.record, &change.name)?;
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

    /// Makes a target. Returns the journal of a patch, to be settled once the record and the cache are saved.
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

    /// Deletes the file of a target that the manifest no longer makes, if it is the recorded one, and forgets the
    /// target.
    fn delete(&mut self, name: &str) -> Result<()> {
        if let Some(Deletion { path, .. }) = deletion::find_deletion(self.work, name, self.store, &self.record)? {
            self.work.options.disk.remove(&path).map_err(|error| Error::io("removing", &path, error))?;
        }
        self.store.forget_finished(name);
        self.record.remove(name);
        Ok(())
    }
}

/// Makes a plan whose patches start from digests of content that was read. Returns the number of bytes read too.
fn decide_and_read(
    work: &ApplyContext,
    store: &mut Store,
    record: &Record,
    patcher: &Patcher,
    progress: &Progress,
) -> Result<(Decided, u64)> {
    let mut n_read = 0;
    loop {
        let (decided, n_unknown) = decide(work, store, record, patcher, progress)?;
        n_read += n_unknown + locked::verify(work, &decided.plan, store, progress)?;
        let (n_known, is_as_known) = locked::verify_known(work, &decided.plan, store, progress)?;
        n_read += n_known;
        if is_as_known {
            return Ok((decided, n_read));
        }
    }
}

/// Plan, and the files that it is based on.
struct Decided {
    plan: Plan,
    looked: BTreeMap<String, FoundOutput>,
    /// Media to rename before anything else. The plan is made as if they were renamed already.
    moved: MovedOutputs,
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
    let moved = moved_outputs::find(work, record, store)?;
    let renamed = moved_outputs::renamed_record(record, &moved)?;
    let record = renamed.as_ref().unwrap_or(record);
    let mut looked = look_at_all(work, record, store)?;
    for (name, moved) in &moved {
        looked.insert(name.clone(), moved_outputs::look(work, name, moved, store)?);
    }
    let found = |name: &str| looked.get(name).copied().unwrap_or(FoundOutput::missing());
    // Planning finds digests that it needs and doesn't have. They are computed, and planning starts again: with one
    // digest known, others may be needed, such as those of files inside a boot image.
    loop {
        let unknown = {
            let store = &*store;
            let patching = |target: &Target, sealed: Sealed, recorded: &RecordedMedium| {
                let stat = found(&target.name).stat;
                let path = moved.get(&target.name).map_or(&target.path, |moved| &moved.old_path);
                patcher.cost((target, path), stat, sealed, recorded, work)
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
                let mut plan = plan::plan(&inputs)?;
                moved_outputs::mark(&mut plan, &moved);
                return Ok((Decided { plan, looked, moved }, n_read));
            }
            unknown
        };
        let unknown = store.without_known_content(unknown, work.digest_kinds());
        if !unknown.is_empty() {
            store.hash(&unknown, work.digest_kinds(), &work.options, progress)?;
        }
        n_read += unknown.iter().map(|file| file.len()).sum::<u64>();
    }
}

/// Examines the files of all targets, and of recorded targets that the manifest no longer makes.
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

/// Fails if a file to be written is a link: renaming would replace the link and leave its target unchanged.
fn refuse_links(work: &ApplyContext) -> Result<()> {
    let targets = work.targets.iter().map(|target| target.path.as_path());
    targets.chain([work.record]).try_for_each(open::refuse_link)
}

fn refuse_strangers(work: &ApplyContext, plan: &Plan) -> Result<()> {
    let stranger = |change: &&PlannedChange| change.in_the_way && change.action != Action::Delete;
    match plan.changes.iter().find(stranger) {
        Some(change) if !work.force => {
            let target = target::find(work.targets, &change.name);
            let is_capture = target.is_some_and(Target::is_capture);
            let name = target.map_or(change.name.as_str(), |target| target.path.as_str());
            Err(Error::new(format!("`{name}` already exists and was not made by tsmedia")).help(format!(
                "move `{name}` away, choose another `path` in `[{}]`, or replace it with `--force`",
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

/// Fails if the file was replaced since it was examined, which may have been hours ago.
fn refuse_replaced(path: &Utf8Path, looked: Option<Stat>) -> Result<()> {
    match open::identity(path) == looked.map(|stat| (stat.device, stat.inode)) {
        true => Ok(()),
        false => Err(Error::new(format!("another process created or replaced `{path}`"))
            .with_kind(ErrorKind::Stale)
            .help("check what it is, then try again")),
    }
}

/// Metadata of a file. Fails if it changed since the file was examined, which may have been hours ago.
fn unchanged(path: &Utf8Path, looked: Option<Stat>) -> Result<Stat> {
    let metadata = fs::symlink_metadata(path).map_err(|error| Error::io("looking at", path, error))?;
    let stat = Stat::from_metadata(&metadata);
    if looked == Some(stat) {
        return Ok(stat);
    }
    Err(write::modified(path))
}

#[cfg(test)]
mod tests;
