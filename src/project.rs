//! Manifests with their targets: loaded, resolved and checked, with the record and cache beside each.
//!
//! This is the entry point of the engine: [`Project::load`], then [`plan`](Project::plan) and
//! [`apply`](ProjectPlan::apply). The environment, the clock and progress reports are passed in; see [`Environment`].

mod certificate;
mod lock_file;
mod locked_content;
mod origin;
mod written_files;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::mem;
use std::rc::Rc;

use camino::{Utf8Path, Utf8PathBuf};

use crate::apply::{self, Applied, ApplyContext, Deletion, LockedSource};
use crate::content::{Content, SourceFile};
use crate::date::Date;
use crate::error::{Error, Result};
use crate::gather;
use crate::inputs::Inputs;
use crate::layout::Layout;
use crate::manifest::{self, Draft, Loaded, suggest};
use crate::output::Output;
use crate::paths::folder_of;
use crate::plan;
use crate::plan::saved::{SavedManifest, StaleTarget};
use crate::problem::{Problem, Problems, Severity};
use crate::progress::{Progress, ProgressReporter};
use crate::record::Record;
use crate::resolve::secrets::Secrets;
use crate::resolve::{Clock, Resolver};
use crate::size::Size;
use crate::store::{Cache, CacheFolder, Caches, Store};
use crate::target::{Target, TargetFacts};
use crate::write::{self, Unsettled, WriteOptions};
use authoring::mirror;

pub use certificate::certificate;
pub use lock_file::{LockChange, LockChanges, LockRequest, change_lock, lock_content};
pub use origin::origin;

use locked_content::LockedContent;
use written_files::WrittenFiles;
pub use written_files::refuse_input;

/// Name of the manifest if none is given.
pub const DEFAULT_MANIFEST: &str = "media.toml";

/// Manifests to load, with the sites and template values to use.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Paths of the manifests, as given.
    pub manifests: Vec<Utf8PathBuf>,
    /// Sites and template values.
    pub options: manifest::Options,
    /// `true` to load the other manifests if one can't be read. Its error becomes a problem.
    pub keep_going: bool,
}

/// Inputs other than manifests and their files.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Date of media whose manifests set none.
    pub source_date: Date,
    /// Length in bytes that the objects of a cache may have.
    pub cache_limit: Size,
    /// Folder of the cache. `None` for `.tsmedia` at the root of the repository of each manifest.
    pub cache_dir: Option<Utf8PathBuf>,
    /// The time used for expiry checks.
    pub clock: Clock,
    /// Shows long work.
    pub reporter: ProgressReporter,
}

impl Environment {
    /// Caches of the manifests, none of them open.
    fn caches(&self) -> Caches {
        Caches::new(self.cache_dir.as_deref(), self.cache_limit)
    }
}

/// Options for making targets.
#[derive(Clone, Copy, Debug, Default)]
pub struct BuildOptions {
    /// `true` to replace files that tsmedia did not make.
    pub force: bool,
    /// `true` to rebuild what changed and never patch it.
    pub no_patch: bool,
    /// `true` to delete also the files that need [consent](Project::find_deletions); otherwise they stay.
    pub deletes: bool,
}

/// Manifest with its targets for the selected sites.
#[derive(Debug)]
pub struct Project {
    folder: Utf8PathBuf,
    manifest: Utf8PathBuf,
    record: Utf8PathBuf,
    /// Record as it was when the manifest was loaded, until it is used.
    loaded_record: RefCell<Option<Box<Record>>>,
    targets: Vec<Target>,
    others: Vec<String>,
    awaited: BTreeSet<Utf8PathBuf>,
    cache: Cache,
    /// Content of the run that has to be compared with `tsmedia.lock` before anything is built.
    locked: Rc<[LockedSource]>,
    sites: Vec<String>,
    unresolved: Vec<String>,
}

/// Plan of a project.
#[derive(Debug)]
pub struct ProjectPlan<'a> {
    project: &'a Project,
    options: BuildOptions,
    store: Store,
    /// Planned changes.
    pub plan: plan::Plan,
}

impl ProjectPlan<'_> {
    /// Applies the plan and records each target as soon as it is finished. Plans again under the lock, since another
    /// run may have made changes.
    pub fn apply(mut self, progress: &Progress) -> Result<Applied> {
        let applied = apply::apply(&self.project.work(self.options), &mut self.store, progress)?;
        Ok(applied.with_manifest(&self.project.manifest))
    }
}

impl Project {
    /// Loads manifests and resolves everything that they refer to. Mistakes become problems. `inputs` collects all
    /// files that the result depends on, even if there are mistakes. Secrets that were already fetched are reused.
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
        let projects = resolve(&mut resolver, request, environment, environment.caches(), problems, inputs);
        inputs.extend(&resolver.inputs());
        resolver.remember();
        *secrets = resolver.into_secrets();
        projects
    }

    /// Loads manifests like [`load`](Self::load), and lays every medium out. Writes nothing, not even to the cache, and
    /// uses only secrets that are present.
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
        resolve(&mut resolver, request, environment, environment.caches().read_only(), problems, inputs)
    }

    fn new(
        manifest: &Utf8Path,
        made: ManifestOutputs,
        cache: Cache,
        sites: &[String],
        problems: &mut Problems,
    ) -> Self {
        let folder = folder_of(manifest).to_owned();
        let record = Record::path_beside(manifest);
        // If only some sites are selected, the outputs of the others must not count as removed from the manifest.
        let is_other = |site: Option<&String>| !sites.is_empty() && site.is_none_or(|site| !sites.contains(site));
        // A record affects what there is to do, but never whether a manifest is valid.
        let loaded = Record::load_or_empty(&record);
        let is_usable = loaded.is_ok();
        let (recorded, fault) = loaded.unwrap_or_else(|fault| (Record::default(), Some(fault)));
        if let Some(fault) = fault {
            let mut problem = Problem { severity: Severity::Warning, ..Problem::from(&fault) };
            problem.message += match recorded.targets().len() {
                0 => ": its media count as not recorded",
                _ => ": the first side is used",
            };
            problems.add(problem);
        }
        let others = recorded.targets().filter(|recorded| is_other(recorded.site()));
        let others = others.map(|recorded| recorded.name().to_owned()).collect();
        let ManifestOutputs { targets, awaited, unresolved, sites } = made;
        let (manifest, locked) = (manifest.to_owned(), Rc::from([]));
        let loaded_record = RefCell::new(is_usable.then(|| Box::new(recorded)));
        Self { manifest, folder, record, loaded_record, targets, others, awaited, unresolved, cache, locked, sites }
    }

    /// Returns projects that have no targets, so that applying them deletes the finished media of the selected sites. Only
    /// the records are read; the manifests may be wrong or gone. Captured WIM files are left alone.
    ///
    /// # Errors
    ///
    /// There is neither a manifest nor a record, or no record has a selected site.
    pub fn without_targets(request: &Request, environment: &Environment, problems: &mut Problems) -> Result<Vec<Self>> {
        let sites = &request.options.sites;
        let mut caches = environment.caches();
        let mut projects = Vec::new();
        let mut known = Vec::new();
        for manifest in &request.manifests {
            let record = Record::path_beside(manifest);
            if !manifest.exists() && !record.exists() {
                return Err(Error::new(format!("there is neither `{manifest}` nor its record `{record}`")));
            }
            let mut project = Self::new(manifest, ManifestOutputs::default(), caches.open(manifest), sites, problems);
            let (recorded, _) = Record::load_or_empty(&record)?;
            let captures = recorded.targets().filter(|recorded| recorded.capture().is_some());
            project.others.extend(captures.map(|recorded| recorded.name().to_owned()));
            known.extend(recorded.targets().filter_map(|recorded| recorded.site().cloned()));
            projects.push(project);
        }
        if let Some(unknown) = sites.iter().find(|site| !known.contains(site)) {
            let error = Error::new(format!("no finished medium of the site `{unknown}` is recorded"));
            return Err(match suggest::nearest(unknown, known.iter().map(String::as_str)) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error,
            });
        }
        Ok(projects)
    }

    /// Path of the manifest, as given.
    pub fn manifest(&self) -> &Utf8Path {
        &self.manifest
    }

    /// Selected sites of the manifest, errors or not; empty if it has none, or none could be read.
    pub fn sites(&self) -> &[String] {
        &self.sites
    }

    /// Path of the record beside the manifest.
    pub fn record(&self) -> &Utf8Path {
        &self.record
    }

    /// Progress message while its inputs are read.
    pub fn reading(&self) -> String {
        format!("reading the inputs of {}", self.manifest)
    }

    /// Targets of the manifest.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Media among the targets.
    pub fn media(&self) -> impl Iterator<Item = (&Target, &Output)> {
        self.targets.iter().filter_map(|target| Some((target, target.medium()?)))
    }

    /// Files that its media are made from, once for each medium and path.
    pub fn source_files(&self) -> impl Iterator<Item = &SourceFile> {
        let contents = self.media().flat_map(|(_, output)| output.root.files());
        contents.flat_map(|(_, content)| match content {
            Content::Source(source) => source.files(),
            Content::Bytes(_) => &[],
        })
    }

    /// Returns `true` if it captures WIM files; it then has no other targets.
    pub fn is_capture(&self) -> bool {
        self.targets.iter().any(Target::is_capture)
    }

    /// WIM files that it needs and that another manifest has yet to capture. Nothing can be built before.
    pub fn awaited(&self) -> &BTreeSet<Utf8PathBuf> {
        &self.awaited
    }

    /// Names of media that are missing from the targets: they have errors, await a capture, or have a base that can't be
    /// read without secrets.
    pub fn unresolved(&self) -> &[String] {
        &self.unresolved
    }

    /// Fails if the manifest captures. `what` is the rest of the message, such as "only media can be verified".
    pub fn refuse_captures(&self, what: &str) -> Result<()> {
        match self.is_capture() {
            false => Ok(()),
            true => Err(Error::new(format!("`{}` captures WIM files, and {what}", self.manifest))
                .help("run `tsmedia plan` to see what there is to do")),
        }
    }

    /// Folder of the cache.
    pub fn cache(&self) -> &CacheFolder {
        self.cache.folder()
    }

    /// Opens the cache, whose digests are shared by all projects of a run.
    pub fn open_store(&self) -> Store {
        self.cache.store()
    }

    /// Warnings about journals beside the media that this cache did not create, and that are therefore ignored.
    pub fn foreign_journals(&self) -> Result<Vec<Error>> {
        if !self.targets.iter().any(|target| write::has_journal(&target.path)) {
            return Ok(Vec::new());
        }
        let store = self.open_store();
        let is_foreign = |target: &&Target| {
            let key = store.journal_key(&target.name);
            let unsettled = write::unsettled(&target.path, key.as_ref());
            !target.is_capture() && matches!(unsettled, Ok(Some(Unsettled::Foreign)))
        };
        let warning = |target: &Target| {
            let (name, manifest) = (&target.path, &self.manifest);
            Error::new(format!("the journal beside `{name}` is ignored, since it was not created with this cache"))
                .help(format!(
                    "run `tsmedia apply {manifest}` to remove it, and to rebuild `{name}` if it is incomplete"
                ))
        };
        Ok(self.targets.iter().filter(is_foreign).map(warning).collect())
    }

    /// Fails if it needs a WIM file that another manifest has yet to capture.
    pub fn refuse_awaiting(&self) -> Result<()> {
        match self.awaited.first() {
            None => Ok(()),
            Some(file) => Err(Error::new(format!("`{}` needs `{file}`, which is not captured yet", self.manifest))
                .help("give the manifest that captures it too; `tsmedia apply` captures first")),
        }
    }

    /// Makes a plan.
    pub fn plan(&self, options: BuildOptions, progress: &Progress) -> Result<ProjectPlan<'_>> {
        let mut store = self.open_store();
        // The record was just read, and that of many media is long.
        let record = match self.loaded_record.take() {
            Some(record) => record,
            None => Box::new(Record::load_or_empty(&self.record)?.0),
        };
        let plan = apply::survey_record(&self.work(options), &record, &mut store, progress)?;
        let plan = plan.with_manifest(&self.manifest);
        Ok(ProjectPlan { project: self, options, store, plan })
    }

    /// Makes a plan with every digest known, so that it can be saved.
    pub fn plan_to_save(&self, options: BuildOptions, progress: &Progress) -> Result<(plan::Plan, SavedManifest)> {
        let (plan, saved) =
            apply::survey_to_save(&self.work(options), &self.manifest, &mut self.open_store(), progress)?;
        Ok((plan.with_manifest(&self.manifest), saved))
    }

    /// Lays a medium out as it will be. Sources whose digests are not known are read.
    pub fn planned_layout(&self, output: &Output, progress: &Progress) -> Result<Layout> {
        gather::layout(output, &mut self.open_store(), &WriteOptions::default(), progress)
    }

    /// Lists the targets for which a saved plan is out of date.
    pub fn find_stale(
        &self,
        saved: &SavedManifest,
        options: BuildOptions,
        progress: &Progress,
    ) -> Result<Vec<StaleTarget>> {
        apply::find_stale(&self.work(options), saved, &mut self.open_store(), progress)
    }

    /// Lists the finished files that [`apply`](Self::apply) deletes only with consent.
    pub fn find_deletions(&self) -> Result<Vec<Deletion>> {
        apply::find_deletions(&self.work(BuildOptions::default()), &self.open_store())
    }

    /// Makes a plan and applies it.
    pub fn apply(&self, options: BuildOptions, progress: &Progress) -> Result<Applied> {
        // It is read again under the lock.
        drop(self.loaded_record.take());
        let applied = apply::apply(&self.work(options), &mut self.open_store(), progress)?;
        Ok(applied.with_manifest(&self.manifest))
    }

    /// Applies a saved plan, or does nothing if it is out of date.
    pub fn apply_saved(&self, saved: &SavedManifest, options: BuildOptions, progress: &Progress) -> Result<Applied> {
        drop(self.loaded_record.take());
        let applied = apply::apply_saved(&self.work(options), saved, &mut self.open_store(), progress)?;
        Ok(applied.with_manifest(&self.manifest))
    }

    fn work(&self, BuildOptions { force, no_patch, deletes }: BuildOptions) -> ApplyContext<'_> {
        ApplyContext {
            targets: &self.targets,
            sysfs: Utf8Path::new("/sys"),
            others: &self.others,
            locked: &self.locked,
            base: &self.folder,
            record: &self.record,
            options: WriteOptions::default(),
            force,
            no_patch,
            deletes,
        }
    }
}

/// Targets of a manifest, and the files that it awaits.
#[derive(Default)]
struct ManifestOutputs {
    targets: Vec<Target>,
    awaited: BTreeSet<Utf8PathBuf>,
    unresolved: Vec<String>,
    sites: Vec<String>,
}

/// Loads manifests and renders them for each selected site.
pub fn render(request: &Request, problems: &mut Problems, inputs: &mut Inputs) -> Result<Vec<Loaded>> {
    request.manifests.iter().for_each(|manifest| inputs.note(manifest));
    manifest::load_several(&request.manifests, &request.options, request.keep_going, problems, inputs)
}

/// Loads manifests and renders them for each selected site as far as possible.
pub fn render_drafts(request: &Request, problems: &mut Problems, inputs: &mut Inputs) -> Result<Vec<Draft>> {
    manifest::load_drafts(&request.manifests, &request.options, problems, inputs)
}

fn resolve(
    resolver: &mut Resolver,
    request: &Request,
    environment: &Environment,
    mut caches: Caches,
    problems: &mut Problems,
    inputs: &mut Inputs,
) -> Result<Vec<Project>> {
    let date = environment.source_date;
    let mut projects = Vec::new();
    let opened: Vec<_> = request.manifests.iter().map(|manifest| caches.open(&mirror::original(manifest))).collect();
    opened.iter().for_each(|cache| inputs.exclude(cache.folder().path().to_owned()));
    let locked_content = LockedContent::open(&opened, problems, inputs);
    let all = render(request, problems, inputs)?;
    // Captures are announced before any medium is resolved: a medium may use a file that an earlier or later manifest
    // captures in the same run, and that need not exist yet.
    for (manifest, loaded) in request.manifests.iter().zip(&all) {
        if let Loaded::Captures(rendered) = loaded {
            for rendered in rendered {
                resolver.expect_capture(&rendered.path.with_file_name(&rendered.manifest.capture.path), manifest);
            }
        }
    }
    let mut written = WrittenFiles::default();
    for (at, ((manifest, loaded), cache)) in request.manifests.iter().zip(all).zip(opened).enumerate() {
        resolver.use_cache(&cache);
        problems.enter(manifest.as_str(), None);
        let sites = match &loaded {
            Loaded::Media(rendered) => rendered.iter().filter_map(|rendered| rendered.site.clone()).collect(),
            Loaded::Captures(rendered) => rendered.iter().filter_map(|rendered| rendered.site.clone()).collect(),
        };
        let mut made = ManifestOutputs { sites, ..ManifestOutputs::default() };
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
        // Problems found for each site are merged below, if they come from a file other than the manifest, such as a
        // task sequence that all sites share.
        let (mark, mark_lowerings) = (problems.mark(), problems.lowerings.mark());
        for rendered in &rendered {
            let place = rendered.place("/output/path");
            problems.enter(manifest.as_str(), rendered.site.as_deref());
            let mark_here = problems.mark();
            let media = resolver.resolve(rendered, date, problems);
            rendered.hide_accepted(mark_here, problems);
            match media {
                Some(media) => {
                    let facts =
                        TargetFacts { sequence: rendered.shared_sequence(), expiries: resolver.take_expiries() };
                    for mut target in media.targets() {
                        target.facts = facts.clone();
                        let is_disc = target.medium().is_some_and(|output| output.disc.is_some());
                        written.add_output(&target.name, &target.path, is_disc, &place, at);
                        made.targets.push(target);
                    }
                }
                None => {
                    let name = &rendered.manifest.output.path;
                    written.add_output(name, &rendered.path.with_file_name(name), false, &place, at);
                    made.unresolved.push(name.clone());
                }
            }
        }
        problems.enter(manifest.as_str(), None);
        let is_shared = |problem: &Problem| {
            let place = problem.labels.first().map(|(place, _)| place);
            place.is_some_and(|place| rendered.iter().all(|rendered| !rendered.is_in_manifest(place)))
        };
        let found = manifest::merge_shared_problems(problems.take_since(mark), is_shared);
        found.into_iter().for_each(|problem| problems.add(problem));
        let place = rendered.first().map(|first| first.place(""));
        place.into_iter().for_each(|place| written.add_record(&Record::path_beside(manifest), &place, at));
        made.awaited = resolver.take_awaited();
        // Files that were not examined may break an accepted rule.
        if made.awaited.is_empty() && request.options.sites.is_empty() && !problems.has_errors() {
            manifest::note_unraised_rules(&rendered, mark_lowerings, problems);
        }
        projects.push(Project::new(manifest, made, cache, &request.options.sites, problems));
    }
    problems.enter("", None);
    inputs.extend(&resolver.inputs());
    let outputs: Vec<_> = projects.iter().flat_map(|project| project.media().map(|(_, output)| output)).collect();
    // Only now are all outputs known, those of other manifests included.
    written.check_each_other(problems);
    written.check_inputs(inputs, &outputs, problems);
    let locked = locked_content.check(&projects, inputs, problems);
    projects.iter_mut().for_each(|project| project.locked = Rc::clone(&locked));
    Ok(projects)
}
