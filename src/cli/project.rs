//! Loads manifests for commands, with the environment, the clock and progress reports.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::SystemTime;

use camino::Utf8PathBuf;

use super::ManifestArguments;
use super::file_kind;
use super::screen::Screen;
use crate::date::Date;
use crate::error::{Error, Result};
use crate::inputs::Inputs;
use crate::manifest::Draft;
use crate::problem::{Problem, Problems, Severity};
use crate::progress::ProgressReporter;
use crate::project::{self, Environment, Project, Request};
use crate::report;
use crate::resolve::Clock;
use crate::resolve::secrets::Secrets;
use crate::size::Size;
use crate::store::DEFAULT_LIMIT;

/// Environment variable with the size limit of the cache's objects.
const CACHE_LIMIT: &str = "TSMEDIA_CACHE_LIMIT";

/// Environment variable with the folder of the cache.
const CACHE_DIR: &str = "TSMEDIA_CACHE_DIR";
/// Value of `--cache-dir`, set before a command runs.
static GIVEN_CACHE_DIR: OnceLock<Utf8PathBuf> = OnceLock::new();

/// Sets the value of `--cache-dir`.
pub(super) fn set_cache_dir(folder: Utf8PathBuf) {
    let _ = GIVEN_CACHE_DIR.set(folder);
}

/// Returns the folder of the cache that the command line or the environment names.
pub(super) fn cache_dir() -> Option<Utf8PathBuf> {
    let named = || std::env::var(CACHE_DIR).ok().filter(|folder| !folder.is_empty()).map(Utf8PathBuf::from);
    GIVEN_CACHE_DIR.get().cloned().or_else(named)
}

impl From<&ManifestArguments> for Request {
    fn from(arguments: &ManifestArguments) -> Self {
        Self { manifests: arguments.manifests.clone(), options: arguments.options(), keep_going: false }
    }
}

/// Loads manifests and renders them for each chosen site as far as possible.
pub(super) fn render(arguments: &ManifestArguments, problems: &mut Problems) -> Result<Vec<Draft>> {
    arguments.manifests.iter().try_for_each(|path| file_kind::expect_manifest(path))?;
    project::render_drafts(&arguments.into(), problems, &mut Inputs::default())
}

/// Loads manifests and resolves everything they name. Reports the problems; returns `None` if there are errors.
pub(super) fn load(arguments: &ManifestArguments, screen: &Screen) -> Result<Option<Vec<Project>>> {
    let loaded = load_with_inputs(arguments, false, &mut Inputs::default(), screen)?;
    Ok(loaded.map(|loaded| loaded.projects))
}

/// Manifests without errors, and the paths of the others.
pub(super) struct LoadedProjects {
    pub projects: Vec<Project>,
    pub failed: Vec<Utf8PathBuf>,
}

/// Loads manifests like [`load`], and adds every file they depend on to `inputs`. With `keep_going`, a manifest with errors
/// is left out, unless all have some.
pub(super) fn load_with_inputs(
    arguments: &ManifestArguments,
    keep_going: bool,
    inputs: &mut Inputs,
    screen: &Screen,
) -> Result<Option<LoadedProjects>> {
    let mut problems = Problems::default();
    let request = request(arguments, keep_going, &mut problems)?;
    let mut projects = resolve_request(&request, &mut secrets(), &mut problems, inputs, screen)?;
    if report_problems(&mut problems, screen) {
        return Ok(Some(LoadedProjects { projects, failed: Vec::new() }));
    }
    let failed = failed(&problems, &arguments.manifests);
    projects.retain(|project| failed.iter().all(|path| path != project.manifest()));
    if projects.is_empty() || !keep_going {
        return Ok(None);
    }
    Ok(Some(LoadedProjects { projects, failed }))
}

/// Reports the problems of manifests. Returns `true` if there are no errors.
pub(super) fn report_problems(problems: &mut Problems, screen: &Screen) -> bool {
    // Only `check` shows notes.
    problems.drop_notes();
    screen.report_problems(problems);
    !problems.has_errors()
}

/// Returns the request for manifests. With `keep_going`, those that are other files become problems and are left out.
fn request(arguments: &ManifestArguments, keep_going: bool, problems: &mut Problems) -> Result<Request> {
    let mut manifests = Vec::new();
    for path in &arguments.manifests {
        match file_kind::expect_manifest(path) {
            Err(error) if keep_going => {
                problems.enter(path.as_str(), None);
                problems.add(Problem::from(&error));
            }
            found => {
                found?;
                manifests.push(path.clone());
            }
        }
    }
    problems.enter("", None);
    Ok(Request { manifests, options: arguments.options(), keep_going })
}

/// Returns the files that have errors: all of them if an error is about none.
pub(super) fn failed(problems: &Problems, files: &[Utf8PathBuf]) -> Vec<Utf8PathBuf> {
    let mut failed = BTreeSet::new();
    for problem in problems.sorted().into_iter().filter(|problem| problem.severity == Severity::Error) {
        let origins = problem.origins.iter().map(|origin| origin.manifest.as_str());
        let labels = problem.labels.iter().map(|(place, _)| problems.source(place.source).name.as_str());
        let names: Vec<_> = if problem.origins.is_empty() { labels.collect() } else { origins.collect() };
        let mut named = files.iter().filter(|file| names.contains(&file.as_str())).peekable();
        if named.peek().is_none() {
            return files.to_vec();
        }
        failed.extend(named);
    }
    files.iter().filter(|file| failed.contains(file)).cloned().collect()
}

/// Names the files that failed, after a command that kept going.
pub(super) fn print_failed(failed: &[Utf8PathBuf], n_files: usize, screen: &Screen) {
    let names: Vec<_> = failed.iter().map(|file| format!("`{file}`")).collect();
    screen.status(&format!("failed: {} of {}: {}", failed.len(), report::counted(n_files, "file"), names.join(", ")));
}

/// Loads manifests for `check`, and leaves printing the problems to the caller. Writes nothing, not even to the cache.
/// Certificates and media that expire within `failing_within` seconds are errors.
pub(super) fn resolve(
    arguments: &ManifestArguments,
    keep_going: bool,
    failing_within: Option<u64>,
    problems: &mut Problems,
) -> Result<Vec<Project>> {
    let environment = environment(failing_within, ProgressReporter::default())?;
    let request = request(arguments, keep_going, problems)?;
    Project::check(&request, &environment, secrets(), problems, &mut Inputs::default())
}

/// Loads manifests and adds every file they depend on to `inputs`, also if there are errors. Updates the cache. Uses the
/// secrets in `secrets`, and adds those it fetches.
pub(super) fn resolve_with_inputs(
    arguments: &ManifestArguments,
    secrets: &mut Secrets,
    problems: &mut Problems,
    inputs: &mut Inputs,
    screen: &Screen,
) -> Result<Vec<Project>> {
    arguments.manifests.iter().try_for_each(|path| file_kind::expect_manifest(path))?;
    resolve_request(&arguments.into(), secrets, problems, inputs, screen)
}

fn resolve_request(
    request: &Request,
    secrets: &mut Secrets,
    problems: &mut Problems,
    inputs: &mut Inputs,
    screen: &Screen,
) -> Result<Vec<Project>> {
    let environment = environment(None, screen.reporter())?;
    let projects = Project::load(request, &environment, secrets, problems, inputs);
    // After Ctrl-C, a failed read is an interruption, not a fault of the manifest.
    screen.progress().check_cancelled()?;
    projects
}

/// Warns of journals beside the media that do not belong to this cache.
pub(super) fn warn_of_foreign_journals(project: &Project, screen: &Screen) -> Result<()> {
    project.foreign_journals()?.iter().for_each(|warning| screen.print_warning(warning));
    Ok(())
}

/// Returns the resolver of secrets, with the environment of this process.
pub(super) fn secrets() -> Secrets {
    Secrets::new(|name| std::env::var_os(name))
}

/// Returns the clock for checks of expiry dates. `SOURCE_DATE_EPOCH` sets it, so that old sources can be built again; but
/// `--expires-within` always uses the real clock.
fn clock(failing_within: Option<u64>) -> Clock {
    let real = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let set = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    Clock { now: set.filter(|_| failing_within.is_none()).unwrap_or_else(real), failing_within }
}

/// Returns the settings of the environment that affect how manifests are resolved.
pub(super) fn environment(failing_within: Option<u64>, reporter: ProgressReporter) -> Result<Environment> {
    let (source_date, cache_limit) = (source_date()?, cache_limit()?);
    Ok(Environment { source_date, cache_limit, cache_dir: cache_dir(), clock: clock(failing_within), reporter })
}

/// Returns the size limit of the cache's objects.
pub(super) fn cache_limit() -> Result<Size> {
    let Some(limit) = std::env::var_os(CACHE_LIMIT) else { return Ok(DEFAULT_LIMIT) };
    let limit = limit.to_string_lossy();
    limit.parse().map_err(|error| Error::new(format!("invalid `{CACHE_LIMIT}`: `{limit}`")).because(error))
}

/// Returns the date of media whose manifests have none: `SOURCE_DATE_EPOCH`, or 1980-01-01.
pub(super) fn source_date() -> Result<Date> {
    let Some(epoch) = std::env::var_os("SOURCE_DATE_EPOCH") else { return Ok(Date::EARLIEST) };
    let seconds = epoch.to_str().and_then(|text| text.parse().ok());
    seconds.and_then(Date::from_unix).ok_or_else(|| {
        Error::new(format!("invalid `SOURCE_DATE_EPOCH`: `{}`", epoch.to_string_lossy()))
            .help("set it to seconds since 1970, for a date between 1980 and 2099")
    })
}
