//! `tsmedia destroy`: deletes the finished media of manifests.

use camino::Utf8PathBuf;
use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::confirm::{self, Asking};
use super::help::MANIFEST;
use super::screen::Screen;
use super::{Outcome, apply, completions, project};
use crate::error::Result;
use crate::manifest;
use crate::plan::Plan;
use crate::problem::Problems;
use crate::project::{BuildOptions, Project, Request};
use crate::report;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Manifests, which may be wrong or gone: only their records are read.
    #[arg(value_name = "MANIFEST", default_value = "media.toml")]
    manifests: Vec<Utf8PathBuf>,
    /// Only this site; repeat for several.
    #[arg(long = "site", value_name = "CODE", help_heading = MANIFEST, add = ArgValueCompleter::new(completions::sites))]
    sites: Vec<String>,
    /// Delete without a question.
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let options = manifest::Options { sites: arguments.sites.clone(), ..manifest::Options::default() };
    let request = Request { manifests: arguments.manifests.clone(), options, keep_going: false };
    let environment = project::environment(None, screen.reporter())?;
    let mut problems = Problems::default();
    let projects = Project::without_targets(&request, &environment, &mut problems)?;
    screen.report_problems(&problems);
    let build = BuildOptions { deletes: true, ..BuildOptions::default() };
    let mut preview = Plan::default();
    let mut deletions = Vec::new();
    for project in &projects {
        let planned = screen.with_progress(&project.reading(), |progress| project.plan(build, progress))?;
        preview.changes.extend(planned.plan.changes);
        deletions.extend(project.find_deletions()?);
    }
    if !arguments.yes && !preview.changes.is_empty() {
        screen.error_page(&report::destroy_preview(&preview));
    }
    confirm::confirm(&deletions, arguments.yes, Asking::Destroy, screen)?;
    let mut done = Plan::default();
    for project in &projects {
        let applied = screen.with_progress("deleting", |progress| project.apply(build, progress))?;
        apply::print_applied(&applied, screen);
        done.changes.extend(applied.plan.changes);
    }
    if done.changes.is_empty() {
        screen.status("nothing to do: no finished media are recorded");
    }
    if screen.json {
        screen.print_json(&report::plan::json(&done, &[]))?;
    }
    Ok(Outcome::Done)
}
