//! What most commands begin with: manifests loaded, resolved and checked, with the record and cache beside each.

use std::collections::BTreeSet;
use std::mem;
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};

use super::ManifestArguments;
use super::file_kind;
use super::screen::Screen;
use super::written::WrittenFiles;
use crate::apply::Work;
use crate::date::Date;
use crate::error::{Error, Result};
use crate::inputs::Inputs;
use crate::manifest::{self, Loaded};
use crate::output::Output;
use crate::problem::{Problem, Problems, Severity};
use crate::record::Record;
use crate::report;
use crate::resolve::secrets::Secrets;
use crate::resolve::{Clock, Resolver};
use crate::size::Size;
use crate::store::{DEFAULT_LIMIT, Objects, Store};
use crate::target::Target;
use crate::write::{self, Means, Unsettled};

/// The manifest of a folder, where none is named.
pub(super) const DEFAULT_MANIFEST: &str = "media.toml";

/// The cache beside a manifest.
const CACHE: &str = ".tsmedia";

/// The variable of the environment that says how large a cache may become.
const CACHE_LIMIT: &str = "TSMEDIA_CACHE_LIMIT";

/// A manifest, with all that it makes for the chosen sites.
pub(super) struct Project {
    folder: Utf8PathBuf,
    manifest: Utf8PathBuf,
    record: Utf8PathBuf,
    targets: Vec<Target>,
    others: Vec<String>,
    awaited: BTreeSet<Utf8PathBuf>,
}

impl Project {
    fn new(manifest: &Utf8Path, made: Made, sites: &[String], problems: &mut Problems) -> Self {
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
        let Made { targets, awaited } = made;
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

    /// Tells of journals beside the outputs that this cache did not begin: nothing in them is believed.
    pub fn tell_of_foreign_journals(&self, store: &Store, screen: &Screen) {
        for (target, _) in self.media() {
            let key = store.journal_key(&target.name);
            if matches!(write::unsettled(&target.path, key.as_ref()), Ok(Some(Unsettled::Foreign))) {
                let (name, manifest) = (&target.name, &self.manifest);
                screen.warning(
                    &Error::new(format!("the journal beside `{name}` is ignored: this cache did not begin that patch"))
                        .help(format!(
                            "`tsmedia apply {manifest}` removes it, and builds `{name}` anew unless it is whole there"
                        )),
                );
            }
        }
    }

    /// What there is to plan or to do.
    pub fn work(&self, force: bool, no_patch: bool) -> Work<'_> {
        Work {
            targets: &self.targets,
            sysfs: Utf8Path::new("/sys"),
            others: &self.others,
            base: &self.folder,
            record: &self.record,
            means: Means::default(),
            force,
            no_patch,
        }
    }
}

/// What a manifest makes.
#[derive(Default)]
struct Made {
    targets: Vec<Target>,
    awaited: BTreeSet<Utf8PathBuf>,
}

/// Loads manifests and renders them for each chosen site.
pub(super) fn render(arguments: &ManifestArguments, problems: &mut Problems) -> Result<Vec<Loaded>> {
    render_noting(arguments, problems, &mut Inputs::default())
}

fn render_noting(arguments: &ManifestArguments, problems: &mut Problems, inputs: &mut Inputs) -> Result<Vec<Loaded>> {
    arguments.manifests.iter().try_for_each(|path| file_kind::expect_manifest(path))?;
    let options = arguments.options();
    arguments.manifests.iter().for_each(|manifest| inputs.note(manifest));
    let manifests = arguments.manifests.iter();
    let loaded: Result<Vec<_>> =
        manifests.map(|manifest| manifest::load_noting(manifest, &options, problems, inputs)).collect();
    manifest::warn_of_unused(&options, problems);
    loaded
}

/// Loads manifests and finds everything that they name. Warnings are said; if there is an error, all of it is said
/// and there is nothing to go on with.
pub(super) fn load(arguments: &ManifestArguments, screen: &Screen) -> Result<Option<Vec<Project>>> {
    load_noting(arguments, &mut Inputs::default(), screen)
}

/// Loads manifests and finds everything that they name, noting what all of it depends on.
pub(super) fn load_noting(
    arguments: &ManifestArguments,
    inputs: &mut Inputs,
    screen: &Screen,
) -> Result<Option<Vec<Project>>> {
    let mut problems = Problems::default();
    let projects = resolve_noting(arguments, &mut secrets(), &mut problems, inputs, screen)?;
    // What is worth knowing is for `check` to say, not for every run.
    problems.drop_notes();
    if problems.has_errors() && screen.json {
        screen.json(&report::json(&problems))?;
    } else {
        screen.problems(&problems);
    }
    Ok((!problems.has_errors()).then_some(projects))
}

/// The same, with what is wrong for the caller to say; nothing is written, not even to the cache. What ends within so
/// many seconds is an error, if it is said.
pub(super) fn resolve(
    arguments: &ManifestArguments,
    failing_within: Option<u64>,
    problems: &mut Problems,
) -> Result<Vec<Project>> {
    let mut resolver = Resolver::new(secrets().only_present());
    resolver.use_clock(clock(failing_within));
    resolver.lay_out();
    resolve_with(&mut resolver, arguments, problems, &mut Inputs::default(), Objects::read_only)
}

/// The same, noting what all of it depends on, also where something is wrong; the cache remembers what was learnt, and
/// the secrets are those that were fetched already, and then all of them.
pub(super) fn resolve_noting(
    arguments: &ManifestArguments,
    secrets: &mut Secrets,
    problems: &mut Problems,
    inputs: &mut Inputs,
    screen: &Screen,
) -> Result<Vec<Project>> {
    let mut resolver = Resolver::new(mem::take(secrets));
    resolver.use_clock(clock(None));
    resolver.use_audience(screen.audience());
    let projects = resolve_with(&mut resolver, arguments, problems, inputs, |cache| cache);
    inputs.extend(resolver.inputs());
    resolver.remember();
    *secrets = resolver.into_secrets();
    // What was stopped is no fault of the manifest.
    screen.progress().go_on()?;
    projects
}

fn resolve_with(
    resolver: &mut Resolver,
    arguments: &ManifestArguments,
    problems: &mut Problems,
    inputs: &mut Inputs,
    opened: impl Fn(Objects) -> Objects,
) -> Result<Vec<Project>> {
    let date = source_date()?;
    let limit = cache_limit()?;
    let mut projects = Vec::new();
    arguments.manifests.iter().for_each(|manifest| inputs.leave_out(cache_beside(manifest)));
    let all = render_noting(arguments, problems, inputs)?;
    for (manifest, loaded) in arguments.manifests.iter().zip(&all) {
        if let Loaded::Captures(rendered) = loaded {
            for rendered in rendered {
                resolver.expect(&rendered.path.with_file_name(&rendered.manifest.capture.path), manifest);
            }
        }
    }
    let mut written = WrittenFiles::default();
    for (at, (manifest, loaded)) in arguments.manifests.iter().zip(all).enumerate() {
        let cache = cache_beside(manifest);
        resolver.use_veil_of(&cache);
        resolver.use_cache(opened(Objects::open(&cache, limit, &Means::default().disk)));
        let mut made = Made::default();
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
            place.is_some_and(|place| rendered.iter().all(|rendered| !rendered.is_own(place)))
        };
        let found = manifest::once_for_all_sites(problems.take_since(mark), is_shared);
        found.into_iter().for_each(|problem| problems.add(problem));
        let place = rendered.first().map(|first| first.place(""));
        place.into_iter().for_each(|place| written.add_record(&Record::path_beside(manifest), &place, at));
        made.awaited = resolver.take_awaited();
        projects.push(Project::new(manifest, made, &arguments.sites, problems));
    }
    inputs.extend(resolver.inputs());
    let outputs: Vec<_> = projects.iter().flat_map(|project| project.media().map(|(_, output)| output)).collect();
    written.check_each_other(problems);
    written.check_inputs(inputs, &outputs, problems);
    Ok(projects)
}

/// Secrets, of which those in the environment are found in ours.
pub(super) fn secrets() -> Secrets {
    Secrets::new(|name| std::env::var_os(name))
}

/// When it is: `SOURCE_DATE_EPOCH` where it is set, so that what was built once can be built again; who asks for what
/// ends within some time means the real one.
fn clock(failing_within: Option<u64>) -> Clock {
    let real = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let said = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    Clock { now: said.filter(|_| failing_within.is_none()).unwrap_or_else(real), failing_within }
}

/// Fails for a manifest that needs what another has yet to capture.
pub(super) fn refuse_awaiting(project: &Project) -> Result<()> {
    match project.awaited.first() {
        None => Ok(()),
        Some(file) => Err(Error::new(format!("`{}` needs `{file}`, which is not captured yet", project.manifest))
            .help("name the manifest that captures it as well: `tsmedia apply` does it first")),
    }
}

/// The folder of a manifest.
pub(super) fn folder(manifest: &Utf8Path) -> &Utf8Path {
    manifest.parent().filter(|folder| *folder != "").unwrap_or(".".into())
}

/// The cache beside a manifest.
pub(super) fn cache_beside(manifest: &Utf8Path) -> Utf8PathBuf {
    folder(manifest).join(CACHE)
}

/// How many bytes the objects of a cache may have.
pub(super) fn cache_limit() -> Result<Size> {
    let Some(limit) = std::env::var_os(CACHE_LIMIT) else { return Ok(DEFAULT_LIMIT) };
    let limit = limit.to_string_lossy();
    limit.parse().map_err(|error| Error::new(format!("`{CACHE_LIMIT}` is `{limit}`")).because(error))
}

/// The date of media whose manifests give none.
pub(super) fn source_date() -> Result<Date> {
    let Some(epoch) = std::env::var_os("SOURCE_DATE_EPOCH") else { return Ok(Date::EARLIEST) };
    let seconds = epoch.to_str().and_then(|text| text.parse().ok());
    seconds.and_then(Date::from_unix).ok_or_else(|| {
        Error::new(format!("`SOURCE_DATE_EPOCH` is `{}`", epoch.to_string_lossy()))
            .help("give it as seconds since 1970, between 1980 and 2099")
    })
}
