//! Manifests with all that they make: loaded, resolved and checked, with the record and cache beside each.
//!
//! This is where the engine is entered: [`Project::load`], then [`plan`](Project::plan) and [`apply`](ProjectPlan::apply). The
//! environment, the clock and whoever shows progress are handed in: see [`Environment`].

mod certificate;
mod written_files;

use std::collections::BTreeSet;
use std::mem;

use camino::{Utf8Path, Utf8PathBuf};

use crate::apply::{self, Applied, ApplyContext};
use crate::date::Date;
use crate::error::{Error, Result};
use crate::inputs::Inputs;
use crate::manifest::{self, Loaded};
use crate::output::Output;
use crate::plan;
use crate::plan::saved::{SavedManifest, StaleTarget};
use crate::problem::{Problem, Problems, Severity};
use crate::progress::{Progress, ProgressReporter};
use crate::record::Record;
use crate::resolve::secrets::Secrets;
use crate::resolve::{Clock, Resolver};
use crate::size::Size;
use crate::store::{Objects, Store};
use crate::target::Target;
use crate::write::{self, Unsettled, WriteOptions};

pub use certificate::certificate;

use written_files::WrittenFiles;
pub use written_files::refuse_input;

/// The manifest of a folder, where none is named.
pub const DEFAULT_MANIFEST: &str = "media.toml";

/// The cache beside a manifest.
const CACHE: &str = ".tsmedia";

/// Manifests to load, for which sites and with which template values.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The manifests, as they were named.
    pub manifests: Vec<Utf8PathBuf>,
    /// The sites and template values.
    pub options: manifest::Options,
}

/// Everything outside of manifests and their inputs that decides what they mean.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The date of media whose manifests give none.
    pub source_date: Date,
    /// Length in bytes that the objects of a cache may have.
    pub cache_limit: Size,
    /// The time used for expiry checks.
    pub clock: Clock,
    /// Shows long work.
    pub reporter: ProgressReporter,
}

/// How targets are made.
#[derive(Clone, Copy, Debug, Default)]
pub struct BuildOptions {
    /// `true` to replace files that tsmedia did not make.
    pub force: bool,
    /// `true` to build what changed anew, and never patch it.
    pub no_patch: bool,
}

/// A manifest, with all that it makes for the chosen sites.
#[derive(Debug)]
pub struct Project {
    folder: Utf8PathBuf,
    manifest: Utf8PathBuf,
    record: Utf8PathBuf,
    targets: Vec<Target>,
    others: Vec<String>,
    awaited: BTreeSet<Utf8PathBuf>,
}

/// What there is to do for a project.
#[derive(Debug)]
pub struct ProjectPlan<'a> {
    project: &'a Project,
    options: BuildOptions,
    store: Store,
    /// One change for each target.
    pub plan: plan::Plan,
}

impl ProjectPlan<'_> {
    /// Does what there is to do, and records each target as soon as it is finished. What has to be done is decided
    /// again under the lock: another run may have been faster.
    pub fn apply(mut self, progress: &Progress) -> Result<Applied> {
        apply::apply(&self.project.work(self.options), &mut self.store, progress)
    }
}

impl Project {
    /// Loads manifests, and resolves everything that they name; what is wrong becomes problems. `inputs` notes what all of
    /// it depends on, also where something is wrong. Secrets that were fetched already are taken as they are.
    pub fn load(
        request: &Request,
        environment: &Environment,
        secrets: &mut Secrets,
        problems: &mut Problems,
        inputs: &mut Inputs,
    ) -> Result<Vec<Self>> {
        let mut resolver = Resolver::new(mem::take(secrets));
        resolver.use_clock(environment.clock);
        resolver.use_reporter(environment.reporter.clone());
        let projects = resolve(&mut resolver, request, environment, problems, inputs, |cache| cache);
        inputs.extend(&resolver.inputs());
        resolver.remember();
        *secrets = resolver.into_secrets();
        projects
    }

    /// Loads manifests as [`load`](Self::load) does, and lays every medium out. Nothing is written, not even to the
    /// cache, and only secrets that are there are looked at.
    pub fn check(
        request: &Request,
        environment: &Environment,
        secrets: Secrets,
        problems: &mut Problems,
        inputs: &mut Inputs,
    ) -> Result<Vec<Self>> {
        let mut resolver = Resolver::new(secrets.only_present());
        resolver.use_clock(environment.clock);
        resolver.lay_out();
        resolve(&mut resolver, request, environment, problems, inputs, Objects::read_only)
    }

    fn new(manifest: &Utf8Path, made: ManifestOutputs, sites: &[String], problems: &mut Problems) -> Self {
        let folder = folder(manifest).to_owned();
        let record = Record::path_beside(manifest);
        // Where some sites are chosen, outputs of the others must not be taken for outputs of none.
        let is_other = |site: Option<&String>| !sites.is_empty() && site.is_none_or(|site| !sites.contains(site));
        // A record decides what there is to do, and never whether a manifest is right.
        let (recorded, fault) = Record::load_or_empty(&record).unwrap_or_else(|fault| (Record::default(), Some(fault)));
        if let Some(fault) = fault {
            let mut problem = Problem { severity: Severity::Warning, ..Problem::from(&fault) };
            problem.message += ": its media count as not recorded";
            problems.add(problem);
        }
        let others = recorded.targets().filter(|recorded| is_other(recorded.site()));
        let others = others.map(|recorded| recorded.name().to_owned()).collect();
        let ManifestOutputs { targets, awaited } = made;
        Self { manifest: manifest.to_owned(), folder, record, targets, others, awaited }
    }

    /// The manifest, as it was named.
    pub fn manifest(&self) -> &Utf8Path {
        &self.manifest
    }

    /// The record beside the manifest.
    pub fn record(&self) -> &Utf8Path {
        &self.record
    }

    /// What is said while its inputs are read.
    pub fn reading(&self) -> String {
        format!("reading the inputs of {}", self.manifest)
    }

    /// The targets that it makes.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// The media among them.
    pub fn media(&self) -> impl Iterator<Item = (&Target, &Output)> {
        self.targets.iter().filter_map(|target| Some((target, target.medium()?)))
    }

    /// `true` if it captures WIM files: then it makes nothing else.
    pub fn is_capture(&self) -> bool {
        self.targets.iter().any(Target::is_capture)
    }

    /// The WIM files that it needs and that another manifest has yet to capture: it makes nothing before.
    pub fn awaited(&self) -> &BTreeSet<Utf8PathBuf> {
        &self.awaited
    }

    /// Fails for a manifest that captures; `what` says what is done with media only.
    pub fn refuse_captures(&self, what: &str) -> Result<()> {
        match self.is_capture() {
            false => Ok(()),
            true => Err(Error::new(format!("`{}` captures, and {what}", self.manifest))
                .help("`tsmedia plan` says what there is to do for it")),
        }
    }

    /// The folder of the cache beside it.
    pub fn cache(&self) -> Utf8PathBuf {
        self.folder.join(CACHE)
    }

    /// The cache beside it.
    pub fn open_store(&self) -> Result<Store> {
        Ok(Store::open(&self.cache())?.of_record(&self.record))
    }

    /// Warnings of journals beside the media that this cache did not begin: nothing in them is believed.
    pub fn foreign_journals(&self) -> Result<Vec<Error>> {
        if !self.targets.iter().any(|target| write::has_journal(&target.path)) {
            return Ok(Vec::new());
        }
        let store = self.open_store()?;
        let is_foreign = |target: &&Target| {
            let key = store.journal_key(&target.name);
            let unsettled = write::unsettled(&target.path, key.as_ref());
            !target.is_capture() && matches!(unsettled, Ok(Some(Unsettled::Foreign)))
        };
        let warning = |target: &Target| {
            let (name, manifest) = (&target.name, &self.manifest);
            Error::new(format!("the journal beside `{name}` is ignored: this cache did not begin that patch")).help(
                format!("`tsmedia apply {manifest}` removes it, and builds `{name}` anew unless it is whole there"),
            )
        };
        Ok(self.targets.iter().filter(is_foreign).map(warning).collect())
    }

    /// Fails if it needs what another manifest has yet to capture.
    pub fn refuse_awaiting(&self) -> Result<()> {
        match self.awaited.first() {
            None => Ok(()),
            Some(file) => Err(Error::new(format!("`{}` needs `{file}`, which is not captured yet", self.manifest))
                .help("name the manifest that captures it as well: `tsmedia apply` does it first")),
        }
    }

    /// Decides what there is to do, and why.
    pub fn plan(&self, options: BuildOptions, progress: &Progress) -> Result<ProjectPlan<'_>> {
        let mut store = self.open_store()?;
        let plan = apply::survey(&self.work(options), &mut store, progress)?;
        Ok(ProjectPlan { project: self, options, store, plan })
    }

    /// Decides what there is to do, with every digest known, so that it can be saved.
    pub fn plan_to_save(&self, options: BuildOptions, progress: &Progress) -> Result<(plan::Plan, SavedManifest)> {
        apply::survey_to_save(&self.work(options), &self.manifest, &mut self.open_store()?, progress)
    }

    /// The targets for which a saved plan is out of date.
    pub fn moved(&self, saved: &SavedManifest, options: BuildOptions, progress: &Progress) -> Result<Vec<StaleTarget>> {
        apply::moved(&self.work(options), saved, &mut self.open_store()?, progress)
    }

    /// Does what there is to do.
    pub fn apply(&self, options: BuildOptions, progress: &Progress) -> Result<Applied> {
        apply::apply(&self.work(options), &mut self.open_store()?, progress)
    }

    /// Does what a saved plan says, or nothing if it is out of date.
    pub fn apply_saved(&self, saved: &SavedManifest, options: BuildOptions, progress: &Progress) -> Result<Applied> {
        apply::apply_saved(&self.work(options), saved, &mut self.open_store()?, progress)
    }

    fn work(&self, BuildOptions { force, no_patch }: BuildOptions) -> ApplyContext<'_> {
        ApplyContext {
            targets: &self.targets,
            sysfs: Utf8Path::new("/sys"),
            others: &self.others,
            base: &self.folder,
            record: &self.record,
            options: WriteOptions::default(),
            force,
            no_patch,
        }
    }
}

/// What a manifest makes.
#[derive(Default)]
struct ManifestOutputs {
    targets: Vec<Target>,
    awaited: BTreeSet<Utf8PathBuf>,
}

/// Loads manifests, and renders them for each chosen site.
pub fn render(request: &Request, problems: &mut Problems, inputs: &mut Inputs) -> Result<Vec<Loaded>> {
    request.manifests.iter().for_each(|manifest| inputs.note(manifest));
    let manifests = request.manifests.iter();
    let loaded: Result<Vec<_>> =
        manifests.map(|manifest| manifest::load_with_inputs(manifest, &request.options, problems, inputs)).collect();
    manifest::warn_unused_vars(&request.options, problems);
    loaded
}

fn resolve(
    resolver: &mut Resolver,
    request: &Request,
    environment: &Environment,
    problems: &mut Problems,
    inputs: &mut Inputs,
    opened: impl Fn(Objects) -> Objects,
) -> Result<Vec<Project>> {
    let (date, limit) = (environment.source_date, environment.cache_limit);
    let mut projects = Vec::new();
    request.manifests.iter().for_each(|manifest| inputs.exclude(cache_beside(manifest)));
    let all = render(request, problems, inputs)?;
    for (manifest, loaded) in request.manifests.iter().zip(&all) {
        if let Loaded::Captures(rendered) = loaded {
            for rendered in rendered {
                resolver.expect_capture(&rendered.path.with_file_name(&rendered.manifest.capture.path), manifest);
            }
        }
    }
    let mut written = WrittenFiles::default();
    for (at, (manifest, loaded)) in request.manifests.iter().zip(all).enumerate() {
        let cache = cache_beside(manifest);
        resolver.use_veil_of(&cache);
        resolver.use_cache(opened(Objects::open(&cache, limit, &WriteOptions::default().disk)));
        let mut made = ManifestOutputs::default();
        let rendered = match loaded {
            Loaded::Media(rendered) => rendered,
            Loaded::Captures(rendered) => {
                for it in &rendered {
                    let name = &it.manifest.capture.path;
                    written.add_capture(name, &it.path.with_file_name(name), &it.place("/capture/path"), at);
                }
                let place = rendered.first().map(|first| first.place(""));
                place.into_iter().for_each(|place| written.add_record(&Record::path_beside(manifest), &place, at));
                made.targets = rendered.iter().filter_map(|it| resolver.resolve_capture(it, date, problems)).collect();
                Vec::new()
            }
        };
        let mark = problems.mark();
        for rendered in &rendered {
            let place = rendered.place("/output/path");
            match resolver.resolve(rendered, date, problems) {
                Some(media) => {
                    for target in media.targets() {
                        let is_disc = target.medium().is_some_and(|output| output.disc.is_some());
                        written.add_output(&target.name, &target.path, is_disc, &place, at);
                        made.targets.push(target);
                    }
                }
                None => {
                    let name = &rendered.manifest.output.path;
                    written.add_output(name, &rendered.path.with_file_name(name), false, &place, at);
                }
            }
        }
        let is_shared = |problem: &Problem| {
            let place = problem.labels.first().map(|(place, _)| place);
            place.is_some_and(|place| rendered.iter().all(|rendered| !rendered.is_in_manifest(place)))
        };
        let found = manifest::merge_shared_problems(problems.take_since(mark), is_shared);
        found.into_iter().for_each(|problem| problems.add(problem));
        let place = rendered.first().map(|first| first.place(""));
        place.into_iter().for_each(|place| written.add_record(&Record::path_beside(manifest), &place, at));
        made.awaited = resolver.take_awaited();
        projects.push(Project::new(manifest, made, &request.options.sites, problems));
    }
    inputs.extend(&resolver.inputs());
    let outputs: Vec<_> = projects.iter().flat_map(|project| project.media().map(|(_, output)| output)).collect();
    written.check_each_other(problems);
    written.check_inputs(inputs, &outputs, problems);
    Ok(projects)
}

/// The folder of a manifest.
fn folder(manifest: &Utf8Path) -> &Utf8Path {
    manifest.parent().filter(|folder| *folder != "").unwrap_or(".".into())
}

/// The cache beside a manifest.
pub fn cache_beside(manifest: &Utf8Path) -> Utf8PathBuf {
    folder(manifest).join(CACHE)
}
