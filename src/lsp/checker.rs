//! Checks the files of a workspace in the background: each manifest with all that it uses.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use authoring::file::{Overlay, overlay_path, with_overlay};
use camino::Utf8PathBuf;

use super::Settings;
use super::diagnostics::{Findings, findings, unreadable};
use super::sources::{FileKind, SourceFile, Workspace};
use crate::error::Result;
use crate::inputs::Inputs;
use crate::manifest::{Options, task_sequence};
use crate::problem::Problems;
use crate::project::{Project, Request};
use crate::sequence;
use crate::sequence::rules::{self, MediumContext};
use crate::simulate;

/// What to check.
#[derive(Debug)]
pub struct Job {
    /// Where files are looked for.
    pub workspace: Workspace,
    /// The open buffers.
    pub buffers: Overlay,
    /// Files that changed since the last job; `None` if any file may have.
    pub changed: Option<BTreeSet<PathBuf>>,
}

/// A file that is checked by itself, with what it depends on.
struct Checked {
    inputs: BTreeSet<PathBuf>,
    findings: Findings,
}

/// Checks files, and remembers what was found in those that did not change.
pub struct Checker {
    settings: Settings,
    checked: BTreeMap<PathBuf, Checked>,
}

impl Checker {
    /// Returns a checker that has checked nothing.
    pub fn new(settings: Settings) -> Self {
        Self { settings, checked: BTreeMap::new() }
    }

    /// Checks what changed, and returns everything that is found in the workspace.
    pub fn run(&mut self, job: &Job) -> Findings {
        let mut paths = job.workspace.toml_files();
        paths.extend(job.buffers.keys().cloned());
        let files: Vec<_> = paths.iter().filter_map(|path| SourceFile::read(path, &job.buffers)).collect();
        let is_stale = |path: &Path, checked: Option<&Checked>| match (checked, &job.changed) {
            (Some(checked), Some(changed)) => {
                changed.contains(path) || checked.inputs.iter().any(|input| changed.contains(input))
            }
            _ => true,
        };
        let mut roots = BTreeSet::new();
        let is_root =
            |file: &&SourceFile| file.kind == FileKind::Manifest && file.scan.entry(0, "manifest-version").is_some();
        for file in files.iter().filter(is_root) {
            self.refresh(file, job, &is_stale);
            roots.insert(file.path.clone());
        }
        // Sequences of manifests are checked with them; others, and those that are open, by themselves.
        let used: BTreeSet<_> = self.checked.values().flat_map(|checked| &checked.inputs).cloned().collect();
        for file in files.iter().filter(|file| !used.contains(&file.path)) {
            let is_alone = match file.kind {
                FileKind::Sequence => sequence::is_sequence_text(&file.text),
                kind => kind == FileKind::Facts,
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
            // Manifests that share a file find the same in it.
            here.extend(found.iter().filter(|one| !here.contains(one)).cloned().collect::<Vec<_>>());
        }
        all
    }

    fn refresh(&mut self, file: &SourceFile, job: &Job, is_stale: &impl Fn(&Path, Option<&Checked>) -> bool) {
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
            // A manifest with a mistake in it may not get as far as what it names.
            inputs.extend(before.inputs.iter().cloned());
        }
        self.checked.insert(file.path.clone(), Checked { inputs, findings: found });
    }

    fn check(&self, kind: FileKind, path: Utf8PathBuf, problems: &mut Problems, inputs: &mut Inputs) -> Result<()> {
        let options = Options::default();
        match kind {
            FileKind::Manifest => {
                let environment = (self.settings.environment)()?;
                let secrets = (self.settings.secrets)();
                let request = Request { manifests: vec![path], options };
                Project::check(&request, &environment, secrets, problems, inputs).map(drop)
            }
            FileKind::Sequence => {
                if let Some(sequence) = task_sequence::read_standalone(&path, &options, problems, inputs)? {
                    rules::check(&sequence, &MediumContext::default())
                        .into_iter()
                        .for_each(|problem| problems.add(problem));
                }
                Ok(())
            }
            FileKind::Facts => simulate::read(&path, problems, inputs).map(drop),
            // It is checked with the manifests that name it.
            FileKind::Library | FileKind::Other => Ok(()),
        }
    }
}
