//! Compares captures with those of the commit.
//!
//! The sizes and times of a source in the view say nothing: it has links in place of unchanged files. So a source differs
//! if Git lists a changed file in it. Whatever Git does not track is the same on both sides.

use std::collections::BTreeMap;
use std::fs;

use camino::Utf8Path;

use super::compare::{ComparisonRun, plan_target};
use super::digests::KnownDigests;
use super::{BaseManifest, Baseline};
use crate::digest::Digest;
use crate::error::Result;
use crate::plan::{Action, ExistingFile, FileChange, FileStatus, MediumChange, PlannedChange, Reason};
use crate::project::Project;
use crate::record::{Record, RecordedCapture};
use crate::target::{CaptureRequest, CaptureSource, SourceSnapshot, Target};

/// Changed files of sources, by the title of the source.
type ChangedFiles = BTreeMap<String, Vec<FileChange>>;

impl ComparisonRun<'_> {
    /// Compares the captures of a manifest.
    pub(super) fn add_captures(&mut self, project: &Project, base: Option<&BaseManifest>) -> Result<()> {
        let old = base.map_or_else(Vec::new, |base| captures_of(base, &self.options.sites));
        let new: Vec<_> = project.targets().iter().filter_map(|target| Some((target, target.capture()?))).collect();
        for (target, request) in &new {
            let before = old.iter().find(|(old, _)| old.name == target.name);
            let change = match before {
                Some((_, before)) => self.baseline.compare_captures(target, [*before, *request])?,
                None => plan_target(target, &KnownDigests::default(), &Record::default(), ExistingFile::Missing, None)?,
            };
            self.add_capture(project.manifest(), target, change);
        }
        for (target, _) in old.iter().filter(|(old, _)| new.iter().all(|(new, _)| new.name != old.name)) {
            self.add_removed_capture(project.manifest(), target);
        }
        Ok(())
    }

    /// Notes the captures of a manifest that is gone.
    pub(super) fn add_removed_captures(&mut self, base: &BaseManifest) {
        for (target, _) in captures_of(base, &self.options.sites) {
            self.add_removed_capture(&base.manifest, target);
        }
    }

    fn add_removed_capture(&mut self, manifest: &Utf8Path, target: &Target) {
        self.add_capture(
            manifest,
            target,
            PlannedChange::new(&target.name, Action::Delete, 0, vec![Reason::Unclaimed]),
        );
    }

    fn add_capture(&mut self, manifest: &Utf8Path, target: &Target, change: PlannedChange) {
        let (site, kind) = (target.site().map(str::to_owned), target.kind().to_owned());
        self.media.push(MediumChange::of_target(manifest, Some(target), PlannedChange { site, kind, ..change }));
    }
}

/// Captures of the commit for the chosen sites.
fn captures_of<'a>(base: &'a BaseManifest, sites: &[String]) -> Vec<(&'a Target, &'a CaptureRequest)> {
    let targets = base.project.iter().flat_map(Project::targets);
    let captures = targets.filter_map(|target| Some((target, target.capture()?)));
    let is_chosen = |target: &Target| {
        sites.is_empty() || target.site().is_some_and(|site| sites.iter().any(|chosen| chosen == site))
    };
    captures.filter(|(target, _)| is_chosen(target)).collect()
}

impl Baseline {
    /// Plans a capture whose earlier state is known.
    fn compare_captures(&self, target: &Target, [old, new]: [&CaptureRequest; 2]) -> Result<PlannedChange> {
        let (old, changed_files) = self.with_comparable_sources(old, new);
        let recorded = RecordedCapture::new(target, &old, String::new(), 0);
        let existing = ExistingFile::Medium { id: recorded.id, secrets: None, len: recorded.len };
        let mut record = Record::default();
        record.put_capture(recorded);
        let mut change = plan_target(target, &KnownDigests::default(), &record, existing, None)?;
        // A device may have changed, but not by this commit.
        change.reasons.retain(|reason| !matches!(reason, Reason::Device(_)));
        if change.reasons.is_empty() {
            return Ok(PlannedChange::new(&target.name, Action::Keep, 0, Vec::new()));
        }
        for reason in &mut change.reasons {
            if let Reason::Entry(entry) = reason
                && let Some(files) = entry.title.as_ref().and_then(|title| changed_files.get(title))
            {
                entry.files.clone_from(files);
            }
        }
        Ok(change)
    }

    /// Returns the capture of the commit with snapshots that differ from those of the work tree only where files
    /// changed, and these files.
    fn with_comparable_sources(&self, old: &CaptureRequest, new: &CaptureRequest) -> (CaptureRequest, ChangedFiles) {
        let (mut old, mut changed_files) = (old.clone(), ChangedFiles::new());
        for source in old.sources.iter_mut().chain(&mut old.update_from) {
            let Some(now) = new.all_sources().find(|now| now.title == source.title) else { continue };
            let files = self.changed_files(now);
            source.seen = snapshot_before(&now.seen, &files);
            if !files.is_empty() {
                changed_files.insert(source.title.clone(), files);
            }
        }
        (old, changed_files)
    }

    /// Lists the changed files of a source, by their paths in it.
    fn changed_files(&self, source: &CaptureSource) -> Vec<FileChange> {
        let top = &self.view.mirror.original;
        let path = source.path.canonicalize_utf8().ok();
        let Some(source) = path.as_deref().and_then(|path| path.strip_prefix(top).ok()) else { return Vec::new() };
        let len = |path: &Utf8Path| fs::symlink_metadata(path).ok().map(|metadata| metadata.len());
        let changed = self.changes.files.iter().filter(|(path, _)| path.starts_with(source));
        let change = changed.map(|(path, committed)| {
            let within = path.strip_prefix(source).ok().filter(|within| *within != "");
            let within = within.map_or_else(|| path.file_name().unwrap_or_default(), Utf8Path::as_str);
            let old = committed.as_ref().map(|_| len(&self.view.path(path)).unwrap_or_default());
            FileChange { path: within.to_owned(), from: None, old, new: len(&top.join(path)) }
        });
        change.collect()
    }
}

/// Returns the snapshot of a source before some files changed.
fn snapshot_before(now: &SourceSnapshot, files: &[FileChange]) -> SourceSnapshot {
    let mut before = *now;
    for file in files {
        match file.status() {
            FileStatus::Added => before.n_files = before.n_files.saturating_sub(1),
            FileStatus::Removed => before.n_files += 1,
            FileStatus::Changed | FileStatus::Moved => {}
        }
        before.len = (before.len + file.old.unwrap_or(0)).saturating_sub(file.new.unwrap_or(0));
        before.listing = Digest::hash(format!("{} {file:?}", before.listing).as_bytes());
    }
    before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_before_a_change_has_the_files_and_the_length_of_then() {
        let listing = Digest::hash(b"listing");
        let now = SourceSnapshot { n_files: 3, len: 100, listing, stats: listing, newest_ns: 0, is_device: false };
        assert_eq!(snapshot_before(&now, &[]), now);
        let file = |old, new| FileChange { path: "a".into(), from: None, old, new };
        let before = snapshot_before(&now, &[file(None, Some(30)), file(Some(5), None), file(Some(7), Some(9))]);
        assert_eq!((before.n_files, before.len), (3, 73));
        assert_ne!(before.listing, now.listing);
    }
}
