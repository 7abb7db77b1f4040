//! Compares media with those of an earlier commit, for pull requests.
//!
//! Neither the finished media nor the record are needed: the manifests of both sides are loaded, and the media of the
//! commit are laid out as if they had been built. The plan that leads from those to the media of the work tree is the
//! effect of the change, with the usual reasons and costs.

mod captures;
mod compare;
mod digests;
mod git;
mod locked;
mod view;

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::inputs::Inputs;
use crate::manifest::Options;
use crate::paths::folder_of;
use crate::plan::{Action, MediumChange, Plan};
use crate::problem::{Problems, Severity};
use crate::progress::Progress;
use crate::project::{Environment, Project, Request};
use crate::resolve::secrets::Secrets;
use authoring::mirror::with_mirror;

pub use compare::CompareOptions;
use git::{Changes, Repository};
use view::View;

/// Commit that manifests are compared with.
#[derive(Debug)]
pub struct Baseline {
    reference: String,
    commit: String,
    changes: Changes,
    view: View,
    /// Manifests as given, with their paths in the view.
    manifests: Vec<(Utf8PathBuf, Utf8PathBuf)>,
}

/// Manifest of the commit, loaded.
#[derive(Debug)]
pub struct BaseManifest {
    /// Path of the manifest in the work tree, as given.
    manifest: Utf8PathBuf,
    /// Targets, or the reason why they can't be read.
    project: std::result::Result<Project, String>,
}

/// Effect of a change on media.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// Reference that was given.
    pub reference: String,
    /// Commit that the media are compared with.
    pub commit: String,
    /// Media of both sides.
    pub media: Vec<MediumChange>,
    /// Assumptions and omissions.
    pub caveats: Vec<Caveat>,
}

/// Assumption or omission of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caveat {
    /// The manifest of the commit can't be read, so its media were not compared.
    UnreadBase {
        /// Path of the manifest, as given.
        manifest: Utf8PathBuf,
        /// Reason.
        why: String,
        /// Number of media of the manifest in the work tree.
        n_media: usize,
    },
    /// Media that were not compared, because they need a secret to be read.
    NeedsSecrets(Vec<String>),
    /// Secrets were not read. The number of media that depend on them.
    SecretsAssumed(usize),
    /// The manifest needs a WIM file that is not captured yet.
    Awaits {
        /// Path of the manifest, as given.
        manifest: Utf8PathBuf,
        /// File to capture.
        file: Utf8PathBuf,
    },
    /// Git LFS object that this clone does not have: path, and length in bytes. The file counts as changed.
    MissingLargeFile(Utf8PathBuf, u64),
    /// Changed submodule, whose files are those of the work tree on both sides.
    Submodule(Utf8PathBuf),
}

impl Comparison {
    /// Returns `true` if no medium changes.
    pub fn is_empty(&self) -> bool {
        self.media.iter().all(|medium| medium.change.action == Action::Keep)
    }

    /// Returns the planned changes.
    pub fn plan(&self) -> Plan {
        Plan { changes: self.media.iter().map(|medium| medium.change.clone()).collect() }
    }
}

impl Baseline {
    /// Finds the merge base of `reference` and the current commit, and prepares its files. `manifests` are paths of
    /// manifests in the work tree, which need not exist any more.
    pub fn open(reference: &str, manifests: &[Utf8PathBuf]) -> Result<Self> {
        // The folder of a removed manifest may be gone too.
        let existing = |path: &Utf8PathBuf| folder_of(path).ancestors().find(|it| it.is_dir()).map(Utf8Path::to_owned);
        let start = manifests.first().and_then(existing).unwrap_or_else(|| ".".into());
        let repository = Repository::containing(&start)?;
        let commit = repository.merge_base(reference)?;
        let changes = repository.changes_since(&commit)?;
        let mut within = Vec::new();
        for manifest in manifests {
            let folder = folder_of(manifest);
            let folder = folder.canonicalize_utf8().or_else(|_| absolute(folder))?;
            let path = folder.join(manifest.file_name().unwrap_or_default());
            let path = path.strip_prefix(&repository.top).map_err(|_| {
                let top = &repository.top;
                Error::new(format!("`{manifest}` is outside of the repository `{top}`"))
                    .help("give manifests of one repository")
            })?;
            within.push((manifest.clone(), path.to_owned()));
        }
        let paths: Vec<_> = within.iter().map(|(_, path)| path.clone()).collect();
        let view = View::create(&repository, &changes, &paths)?;
        Ok(Self { reference: reference.to_owned(), commit, changes, view, manifests: within })
    }

    /// Returns `true` if the commit has this manifest.
    pub fn has(&self, manifest: &Utf8Path) -> bool {
        let found = self.manifests.iter().find(|(given, _)| given == manifest);
        found.is_some_and(|(_, path)| self.view.path(path).is_file())
    }

    /// Adds the manifests that the change removes below the folder that contains all given manifests. `is_manifest`
    /// tells manifests from other TOML files.
    pub fn add_removed(&mut self, is_manifest: impl Fn(&Utf8Path) -> bool) {
        let folders = self.manifests.iter().map(|(_, path)| path.parent().unwrap_or("".into()));
        let common =
            folders.map(Utf8Path::to_owned).reduce(|one, other| common_folder(&one, &other)).unwrap_or_default();
        let given: BTreeSet<_> = self.manifests.iter().map(|(_, path)| path.clone()).collect();
        let top = &self.view.mirror.original;
        let is_removed = |path: &Utf8PathBuf| {
            path.extension() == Some("toml")
                && path.starts_with(&common)
                && !given.contains(path)
                && !top.join(path).exists()
        };
        let committed = self.changes.files.iter().filter_map(|(path, file)| file.as_ref().map(|_| path));
        let removed = committed.filter(|path| is_removed(path) && is_manifest(&self.view.path(path)));
        let removed: Vec<_> = removed.map(|path| (path.clone(), path.clone())).collect();
        self.manifests.extend(removed);
    }

    /// Loads the manifests of the commit. One with mistakes does not fail: it can't be compared. Secrets that
    /// were already fetched are reused.
    pub fn load(
        &self,
        options: &Options,
        environment: &Environment,
        secrets: &mut Secrets,
        progress: &Progress,
    ) -> Result<Vec<BaseManifest>> {
        let existing: Vec<_> = self.manifests.iter().filter(|(given, _)| self.has(given)).collect();
        let vars_files = options.vars_files.iter().map(|file| self.in_view(file)).collect();
        let options = Options { vars_files, ..options.clone() };
        let mut load = |paths: &[&(Utf8PathBuf, Utf8PathBuf)], options: &Options| {
            let manifests = paths.iter().map(|(_, path)| self.view.path(path)).collect();
            let request = Request { manifests, options: options.clone(), keep_going: false };
            let projects = with_mirror(self.view.mirror.clone(), || load(&request, environment, secrets));
            progress.check_cancelled()?;
            match projects {
                Err(error) if error.kind() == ErrorKind::Interrupted => Err(error),
                projects => Ok(projects),
            }
        };
        let read = |((manifest, _), project): (&&(Utf8PathBuf, Utf8PathBuf), Project)| BaseManifest {
            manifest: manifest.clone(),
            project: Ok(project),
        };
        if existing.is_empty() {
            return Ok(Vec::new());
        }
        if let Ok(projects) = load(&existing, &options)? {
            return Ok(existing.iter().zip(projects).map(read).collect());
        }
        // Load each by itself, to know which can't be read. It may also not have a chosen site yet.
        let every_site = Options { sites: Vec::new(), ..options.clone() };
        let mut loaded = Vec::new();
        for one in &existing {
            let project = match load(&[one], &options)? {
                Err(_) if !options.sites.is_empty() => load(&[one], &every_site)?,
                project => project,
            };
            let project =
                project.and_then(|projects| projects.into_iter().next().ok_or_else(|| Error::new("it has no targets")));
            let project = project.map_err(|error| self.without_view(&error.with_causes()));
            loaded.push(BaseManifest { manifest: one.0.clone(), project });
        }
        Ok(loaded)
    }

    /// Returns the path in the view for a file of the work tree, and any other path unchanged.
    fn in_view(&self, path: &Utf8Path) -> Utf8PathBuf {
        let canonical = path.canonicalize_utf8().or_else(|_| absolute(path));
        let within =
            canonical.ok().and_then(|path| Some(path.strip_prefix(&self.view.mirror.original).ok()?.to_owned()));
        within.map_or_else(|| path.to_owned(), |path| self.view.path(&path))
    }

    /// Replaces the temporary folder in a message.
    fn without_view(&self, message: &str) -> String {
        message.replace(&format!("{}/", self.view.mirror.folder), "")
    }
}

/// Loads manifests. Fails with the first error of any.
fn load(request: &Request, environment: &Environment, secrets: &mut Secrets) -> Result<Vec<Project>> {
    let mut problems = Problems::default();
    let projects = Project::load(request, environment, secrets, &mut problems, &mut Inputs::default())?;
    match problems.sorted().into_iter().find(|problem| problem.severity == Severity::Error) {
        Some(problem) => Err(Error::new(problem.message.clone())),
        None => Ok(projects),
    }
}

fn absolute(path: &Utf8Path) -> Result<Utf8PathBuf> {
    camino::absolute_utf8(path).map_err(|error| Error::io("finding", path, error))
}

/// Returns the longest path that both paths start with.
fn common_folder(one: &Utf8Path, other: &Utf8Path) -> Utf8PathBuf {
    let parts = one.components().zip(other.components()).take_while(|(one, other)| one == other);
    parts.map(|(part, _)| part).collect()
}
