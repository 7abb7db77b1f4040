//! Finds finished media whose path changed in the manifest, and renames them instead of building them again.
//!
//! A medium is renamed only if the record and the cache prove that this manifest made it, and if it is clear which new
//! path it belongs to. What else changed is patched afterwards, as if it had always had its new path.
//!
//! All files are renamed before anything is built, and the record is saved right after. If a run is interrupted in between,
//! the next one finds a medium that identifies itself at the new path, and adopts it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};

use super::existing_output::{FoundOutput, look_at_moved};
use super::{ApplyContext, ApplyRun, look_at, path_of};
use crate::content::Stat;
use crate::error::{Error, ErrorKind, Result};
use crate::output::Output;
use crate::plan::{Action, Claim, Plan};
use crate::record::{Record, Recorded, RecordedMedium};
use crate::store::Store;
use crate::target::{self, Target};
use crate::write;

/// Finished media to rename, by their new names.
pub(super) type MovedOutputs = BTreeMap<String, MovedOutput>;

/// Finished medium to rename.
#[derive(Clone, Debug)]
pub(super) struct MovedOutput {
    /// Name in the record.
    pub old_name: String,
    /// Path of the file.
    pub old_path: Utf8PathBuf,
}

/// Site, kind, number of the disc, and file extension: what a medium and its renamed version have in common.
type Likeness<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>, Option<&'a str>);

fn likeness_of_recorded(recorded: &RecordedMedium) -> Likeness<'_> {
    let value = |key: &str| recorded.description.get(key).map(String::as_str);
    (value("site"), value("kind"), value("disc"), Utf8Path::new(&recorded.name).extension())
}

fn likeness<'a>(target: &'a Target, output: &'a Output) -> Likeness<'a> {
    let value = |key: &str| output.description.iter().find(|(own, _)| *own == key).map(|(_, value)| value.as_str());
    (value("site"), value("kind"), value("disc"), target.path.extension())
}

/// Finds the media to rename: those at a path that the manifest no longer has, each with the only new path for such a
/// medium.
pub(super) fn find(work: &ApplyContext, record: &Record, store: &Store) -> Result<MovedOutputs> {
    let is_new = |target: &&Target| record.get(&target.name).is_none() && fs::symlink_metadata(&target.path).is_err();
    let new: Vec<_> =
        work.targets.iter().filter(is_new).filter_map(|target| Some((target, target.medium()?))).collect();
    if new.is_empty() {
        return Ok(MovedOutputs::new());
    }
    let is_left =
        |name: &str| target::find(work.targets, name).is_some() || work.others.iter().any(|other| other == name);
    let mut old = Vec::new();
    for recorded in record.media().filter(|recorded| !is_left(&recorded.name)) {
        let found = look_at(work, &recorded.name, store, record)?;
        let is_ours = found.existing.is_recorded(&Recorded::Medium(recorded.clone())) && found.claim == Claim::Made;
        if let (true, Some(path)) = (is_ours && !found.is_cut_off, path_of(work, &recorded.name)) {
            old.push((recorded, path));
        }
    }
    let mut moved = MovedOutputs::new();
    for (target, output) in &new {
        let likeness = likeness(target, output);
        let mut alike = old.iter().filter(|(recorded, _)| likeness_of_recorded(recorded) == likeness);
        let n_new = new.iter().filter(|(target, output)| self::likeness(target, output) == likeness).count();
        let (Some((recorded, path)), None, 1) = (alike.next(), alike.next(), n_new) else { continue };
        if is_on_one_device(path, &target.path) {
            let moved_output = MovedOutput { old_name: recorded.name.clone(), old_path: path.clone() };
            moved.insert(target.name.clone(), moved_output);
        }
    }
    Ok(moved)
}

/// Returns `true` if a file can be renamed to a path, whose folder may not exist yet.
fn is_on_one_device(old: &Utf8Path, new: &Utf8Path) -> bool {
    let device = |path: &Utf8Path| fs::metadata(if path == "" { ".".into() } else { path }).ok().map(|it| it.dev());
    let folder = new.ancestors().skip(1).find_map(device);
    folder.is_some() && folder == device(old)
}

/// Returns the record with the new names; `None` if nothing is renamed.
pub(super) fn renamed_record(record: &Record, moved: &MovedOutputs) -> Result<Option<Record>> {
    if moved.is_empty() {
        return Ok(None);
    }
    let mut renamed = record.clone();
    moved.iter().try_for_each(|(name, moved)| renamed.rename(&moved.old_name, name))?;
    Ok(Some(renamed))
}

/// Examines the file that will get the name of a target.
pub(super) fn look(work: &ApplyContext, name: &str, moved: &MovedOutput, store: &Store) -> Result<FoundOutput> {
    look_at_moved(work, name, &moved.old_name, &moved.old_path, store)
}

/// Marks the changes of renamed media in a plan. If nothing else changes, renaming is all there is to do.
pub(super) fn mark(plan: &mut Plan, moved: &MovedOutputs) {
    for change in &mut plan.changes {
        let Some(moved) = moved.get(&change.name) else { continue };
        change.renamed_from = Some(moved.old_path.clone());
        if change.action == Action::Keep {
            change.action = Action::Rename;
        }
    }
}

impl ApplyRun<'_> {
    /// Renames files and records that.
    ///
    /// # Errors
    ///
    /// If a file was replaced since it was examined, or its new path is taken.
    pub(super) fn rename(&mut self, moved: &MovedOutputs, looked: &mut BTreeMap<String, FoundOutput>) -> Result<()> {
        for (name, MovedOutput { old_name, old_path }) in moved {
            let Some(target) = target::find(self.work.targets, name) else { continue };
            let stat = |path: &Utf8Path| fs::symlink_metadata(path).ok().map(|it| Stat::from_metadata(&it));
            let found = looked.get_mut(name);
            let before = found.as_ref().and_then(|found| found.stat);
            if before.is_none() || stat(old_path) != before {
                return Err(Error::new(format!("another process modified `{old_path}`"))
                    .with_kind(ErrorKind::Stale)
                    .help("wait until that process is done, then try again"));
            }
            write::rename_new(&self.work.options.disk, old_path, &target.path)?;
            let after = stat(&target.path);
            found.into_iter().for_each(|found| found.stat = after);
            if let (Some((_, id, secrets)), Some(after)) = (self.store.finished(old_name), after) {
                self.store.remember_finished(name, after, id, secrets);
            }
            self.store.forget_finished(old_name);
            self.record.rename(old_name, name)?;
        }
        if !moved.is_empty() {
            self.writer.save(&self.record)?;
            self.store.save(&self.work.options.disk)?;
        }
        Ok(())
    }
}
