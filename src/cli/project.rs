//! What most commands begin with: manifests loaded as the environment, the clock and the screen have it.

use std::time::SystemTime;

use super::ManifestArguments;
use super::file_kind;
use super::screen::Screen;
use crate::date::Date;
use crate::error::{Error, Result};
use crate::inputs::Inputs;
use crate::manifest::Loaded;
use crate::problem::Problems;
use crate::progress::Audience;
use crate::project::{self, Environment, Project, Request};
use crate::report;
use crate::resolve::Clock;
use crate::resolve::secrets::Secrets;
use crate::size::Size;
use crate::store::DEFAULT_LIMIT;

/// The variable of the environment that says how large a cache may become.
const CACHE_LIMIT: &str = "TSMEDIA_CACHE_LIMIT";

impl From<&ManifestArguments> for Request {
    fn from(arguments: &ManifestArguments) -> Self {
        Self { manifests: arguments.manifests.clone(), options: arguments.options() }
    }
}

/// Loads manifests and renders them for each chosen site.
pub(super) fn render(arguments: &ManifestArguments, problems: &mut Problems) -> Result<Vec<Loaded>> {
    arguments.manifests.iter().try_for_each(|path| file_kind::expect_manifest(path))?;
    project::render(&arguments.into(), problems, &mut Inputs::default())
}

/// Loads manifests and finds everything that they name. Warnings are said; if there is an error, all of it is said
/// and there is nothing to go on with.
pub(super) fn load(arguments: &ManifestArguments, screen: &Screen) -> Result<Option<Vec<Project>>> {
    load_with_inputs(arguments, &mut Inputs::default(), screen)
}

/// Loads manifests and finds everything that they name, noting what all of it depends on.
pub(super) fn load_with_inputs(
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

/// Loads manifests, with what is wrong for the caller to say; nothing is written, not even to the cache. What ends within
/// so many seconds is an error, if it is said.
pub(super) fn resolve(
    arguments: &ManifestArguments,
    failing_within: Option<u64>,
    problems: &mut Problems,
) -> Result<Vec<Project>> {
    let environment = environment(failing_within, Audience::default())?;
    arguments.manifests.iter().try_for_each(|path| file_kind::expect_manifest(path))?;
    Project::check(&arguments.into(), &environment, secrets(), problems, &mut Inputs::default())
}

/// Loads manifests, noting what all of it depends on, also where something is wrong; the cache remembers what was learnt,
/// and the secrets are those that were fetched already, and then all of them.
pub(super) fn resolve_noting(
    arguments: &ManifestArguments,
    secrets: &mut Secrets,
    problems: &mut Problems,
    inputs: &mut Inputs,
    screen: &Screen,
) -> Result<Vec<Project>> {
    let environment = environment(None, screen.audience())?;
    arguments.manifests.iter().try_for_each(|path| file_kind::expect_manifest(path))?;
    let projects = Project::load(&arguments.into(), &environment, secrets, problems, inputs);
    // What was stopped is no fault of the manifest.
    screen.progress().check_cancelled()?;
    projects
}

/// Tells of journals beside the media that this cache did not begin.
pub(super) fn tell_of_foreign_journals(project: &Project, screen: &Screen) -> Result<()> {
    project.foreign_journals()?.iter().for_each(|warning| screen.warning(warning));
    Ok(())
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

/// Everything outside of manifests and their inputs that decides what they mean, as the environment has it.
pub(super) fn environment(failing_within: Option<u64>, audience: Audience) -> Result<Environment> {
    let (source_date, cache_limit) = (source_date()?, cache_limit()?);
    Ok(Environment { source_date, cache_limit, clock: clock(failing_within), audience })
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
