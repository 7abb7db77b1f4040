//! Checks the files of a workspace in the background: each manifest with everything it refers to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use authoring::file::{Overlay, overlay_path, with_overlay};
use camino::Utf8PathBuf;

use super::Settings;
use super::diagnostics::{Findings, findings, unreadable};
use super::sources::{DocumentKind, SourceFile, Workspace};
use crate::error::Result;
use crate::inputs::Inputs;
use crate::manifest::{Options, task_sequence};
use crate::problem::Problems;
use crate::project::{Project, Request};
use crate::sequence;
use crate::sequence::rules::{self, MediumContext};
use crate::simulate;

/// Request to check a workspace.
#[derive(Debug)]
pub struct CheckJob {
    /// Folders to search for files.
    pub workspace: Workspace,
    /// Open buffers.
    pub buffers: Overlay,
    /// Files that changed since the last job; `None` if any file may have.
    pub changed: Option<BTreeSet<PathBuf>>,
}

/// Results for a file, with the files they depend on.
struct CheckedFile {
    inputs: BTreeSet<PathBuf>,
    findings: Findings,
}

/// Checks files, and keeps the results for those that did not change.
pub struct Checker {
    settings: Settings,
    checked: BTreeMap<PathBuf, CheckedFile>,
}

impl Checker {
    /// Returns a checker without results.
    pub fn new(settings: Settings) -> Self {
        Self { settings, checked: BTreeMap::new() }
    }

    /// Checks the files that changed, and returns the findings of the whole workspace.
    pub fn run(&mut self, job: &CheckJob) -> Findings {
        let mut paths = job.workspace.toml_files();
        paths.extend(job.buffers.keys().cloned());
        let files: Vec<_> = paths.iter().filter_map(|path| SourceFile::read(path, &job.buffers)).collect();
        let is_stale = |path: &Path, checked: Option<&CheckedFile>| match (checked, &job.changed) {
            (Some(checked), Some(changed)) => {
                changed.contains(path) || checked.inputs.iter().any(|input| changed.contains(input))
            }
            _ => true,
        };
        let mut roots = BTreeSet::new();
        let is_root = |file: &&SourceFile| {
            file.kind == DocumentKind::Manifest && file.scan.entry(0, "manifest-version").is_some()
        };
        for file in files.iter().filter(is_root) {
            self.refresh(file, job, &is_stale);
            roots.insert(file.path.clone());
        }
        // Task sequences of manifests were checked with them; all others are checked by themselves.
        let used: BTreeSet<_> = self.checked.values().flat_map(|checked| &checked.inputs).cloned().collect();
        for file in files.iter().filter(|file| !used.contains(&file.path)) {
            let is_alone = match file.kind {
                DocumentKind::Sequence => sequence::is_sequence_text(&file.text),
                kind => kind == DocumentKind::Facts,
            };
            if is_alone {
                self.refresh(file, job, &is_stale);
                roots.insert(file.path.clone());
            }
        }
        self.checked.retain(|path, _| roots.contains(path));
        let mut all = Findings::new();
        for (path, found) in self.checked.values().flat_map(|checked| &checked.findings) {
            let here = all.entry(path.clone()).or_default();
            // Manifests that share a file report the same findings in it; keep each once.
            here.extend(found.iter().filter(|one| !here.contains(one)).cloned().collect::<Vec<_>>());
        }
        all
    }

    fn refresh(&mut self, file: &SourceFile, job: &CheckJob, is_stale: &impl Fn(&Path, Option<&CheckedFile>) -> bool) {
        if !is_stale(&file.path, self.checked.get(&file.path)) {
            return;
        }
        let Ok(path) = Utf8PathBuf::try_from(file.path.clone()) else { return };
        let (mut problems, mut inputs) = (Problems::default(), Inputs::default());
        let result = with_overlay(job.buffers.clone(), || self.check(file.kind, path, &mut problems, &mut inputs));
        let mut found = findings(&problems, &file.path);
        if let Err(error) = result {
            found.entry(file.path.clone()).or_default().push(unreadable(&error.to_string()));
        }
        let mut inputs: BTreeSet<_> =
            inputs.paths().map(|path| overlay_path(path.as_std_path())).filter(|path| *path != file.path).collect();
        if let Some(before) = self.checked.get(&file.path).filter(|_| problems.has_errors()) {
            // An error may have kept the manifest from loading some inputs: keep the old ones too, or fixing one of them
            // would not start another check.
            inputs.extend(before.inputs.iter().cloned());
        }
        self.checked.insert(file.path.clone(), CheckedFile { inputs, findings: found });
    }

    fn check(&self, kind: DocumentKind, path: Utf8PathBuf, problems: &mut Problems, inputs: &mut Inputs) -> Result<()> {
        let options = Options::default();
        match kind {
            DocumentKind::Manifest => {
                let environment = (self.settings.environment)()?;
                let secrets = (self.settings.secrets)();
                let request = Request { manifests: vec![path], options, keep_going: false };
                Project::check(&request, &environment, secrets, problems, inputs).map(drop)
            }
            DocumentKind::Sequence => {
                if let Some(sequence) = task_sequence::read_standalone(&path, &options, problems, inputs)? {
                    rules::check(&sequence, &MediumContext::default())
                        .into_iter()
                        .for_each(|problem| problems.add(problem));
                }
                Ok(())
            }
            DocumentKind::Facts => simulate::read(&path, problems, inputs).map(drop),
            // Checked with the manifests that refer to it.
            DocumentKind::Library | DocumentKind::Other => Ok(()),
        }
    }
}
