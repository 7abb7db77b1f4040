//! `tsmedia apply`: builds the media that are out of date.

use camino::Utf8Path;
use clap::Args;

use super::attest::{attest_built, parse_builder};
use super::confirm::{self, Asking};
use super::help::BUILD;
use super::saved::ApplyInput;
use super::screen::Screen;
use super::{BuildArguments, ManifestArguments, Outcome, project, saved};
use crate::apply::Applied;
use crate::attestation::provenance::LOCAL_BUILDER;
use crate::error::{Error, ErrorKind, Result};
use crate::inputs::Inputs;
use crate::plan::saved::{SavedManifest, SavedPlan};
use crate::plan::{Action, Plan, Reason};
use crate::project::{BuildOptions, Project};
use crate::report;
use crate::size::Size;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    manifests: ManifestArguments,
    #[command(flatten)]
    build: BuildArguments,
    /// Build the media of the other manifests if one fails.
    #[arg(long)]
    keep_going: bool,
    /// Also write contents and provenance beside each medium, as `attest` does.
    #[arg(long, help_heading = BUILD)]
    attest: bool,
    /// URI of the builder in the provenance.
    #[arg(long, value_name = "URI", requires = "attest", default_value = LOCAL_BUILDER, value_parser = parse_builder,
        help_heading = BUILD)]
    builder: String,
    /// List every file in which a saved plan is out of date.
    #[arg(short, long)]
    verbose: bool,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let path = match saved::find_input(&arguments.manifests)? {
        ApplyInput::Manifests => None,
        ApplyInput::SavedPlan(path) => Some(path),
        ApplyInput::Both(message) => return Ok(saved::wrong_usage(&message)),
    };
    let saved = path.map(saved::load).transpose()?;
    let manifests = effective_arguments(saved.as_ref(), arguments);
    let load = || project::load_with_inputs(&manifests, arguments.keep_going, &mut Inputs::default(), screen);
    let Some(mut loaded) = load()? else { return Ok(Outcome::ProblemsFound) };
    let mut options = arguments.build.options();
    // The reviewed plan may have ruled out patches; the command line can only add to that.
    options.no_patch |= saved.as_ref().is_some_and(|saved| saved.no_patch);
    if let (Some(path), Some(saved)) = (path, &saved) {
        refuse_stale_plan(path, saved, &loaded.projects, arguments, screen)?;
    }
    if saved.is_none() {
        let deletions: Result<Vec<_>> = loaded.projects.iter().map(Project::find_deletions).collect();
        confirm::confirm(&deletions?.concat(), arguments.build.yes, Asking::Apply, screen)?;
    }
    // Confirmed above, or by the approval of the saved plan.
    options.deletes = true;
    let mut whole = Plan::default();
    let mut failed = loaded.failed.clone();
    let mut is_captured = false;
    // Captures run first: other manifests may put the new WIM files on their media, and have to see them.
    for is_capturing in [true, false] {
        if !is_capturing && is_captured {
            let Some(reloaded) = load()? else { return Ok(Outcome::ProblemsFound) };
            loaded = reloaded;
            failed.extend(loaded.failed.iter().cloned());
        }
        for project in loaded.projects.iter().filter(|project| project.is_capture() == is_capturing) {
            let planned = saved
                .as_ref()
                .and_then(|saved| saved.manifests.iter().find(|planned| planned.manifest == project.manifest()));
            match build(project, planned, options, screen) {
                Err(error) if arguments.keep_going && error.kind() != ErrorKind::Interrupted => {
                    screen.print_error(&error);
                    failed.push(project.manifest().to_owned());
                }
                applied => {
                    let applied = applied?;
                    is_captured |= !applied.captured.is_empty();
                    print_applied(&applied, screen);
                    whole.changes.extend(applied.plan.changes);
                }
            }
        }
    }
    if arguments.attest {
        let built = loaded.projects.iter().filter(|project| !failed.contains(&project.manifest().to_owned()));
        if !attest_built(built, &whole, &manifests, &arguments.builder, screen)? {
            return Ok(Outcome::ProblemsFound);
        }
    }
    failed.sort();
    failed.dedup();
    if let Some(path) = path.filter(|_| whole.is_up_to_date() && failed.is_empty()) {
        screen.status(&format!("nothing to do: the saved plan `{path}` was applied already"));
    }
    // The line of a single output says as much, and so does the one about a saved plan.
    if whole.changes.len() > 1 && !(path.is_some() && whole.is_up_to_date()) {
        screen.status(&report::plan::applied_summary(&whole));
    }
    if screen.json {
        screen.print_json(&report::plan::json(&whole, &failed))?;
    }
    if !failed.is_empty() {
        project::print_failed(&failed, manifests.manifests.len(), screen);
        return Ok(Outcome::ProblemsFound);
    }
    Ok(Outcome::Done)
}

/// Builds the outputs of one manifest.
fn build(
    project: &Project,
    planned: Option<&SavedManifest>,
    options: BuildOptions,
    screen: &Screen,
) -> Result<Applied> {
    // Only possible if the capture this one waits for is in none of the manifests.
    project.refuse_awaiting()?;
    project::warn_of_foreign_journals(project, screen)?;
    let doing = if project.is_capture() { "capturing" } else { "building" };
    screen.with_progress(doing, |progress| match planned {
        Some(planned) => project.apply_saved(planned, options, progress),
        None => project.apply(options, progress),
    })
}

/// Returns the arguments that a saved plan was made with, or those of the command line.
fn effective_arguments(saved: Option<&SavedPlan>, arguments: &Arguments) -> ManifestArguments {
    match saved {
        Some(saved) => saved::arguments(saved),
        None => arguments.manifests.clone(),
    }
}

/// Lines printed below the differences: an empty one, the error and its help.
const N_ERROR_LINES: usize = 3;

/// Fails and lists the differences if a saved plan is out of date.
fn refuse_stale_plan(
    path: &Utf8Path,
    saved: &SavedPlan,
    projects: &[Project],
    arguments: &Arguments,
    screen: &Screen,
) -> Result<()> {
    let mut moved = Vec::new();
    for (project, planned) in projects.iter().zip(&saved.manifests) {
        let options = arguments.build.options();
        moved.extend(
            screen.with_progress(&project.reading(), |progress| project.find_stale(planned, options, progress))?,
        );
    }
    if moved.is_empty() {
        return Ok(());
    }
    let n_moved = report::counted(moved.len(), "output");
    let error = Error::new(format!("the saved plan `{path}` is out of date for {n_moved}; nothing was written"))
        .with_kind(ErrorKind::Stale)
        .help("save a new plan with `tsmedia plan --out` and review it");
    if screen.json {
        screen.collect_error(&error);
        screen.print_json(&report::with_stale(report::plan::json(&Plan::default(), &[]), &moved))?;
    } else {
        let n_lines = (!arguments.verbose).then_some(report::SCREEN_LINES - N_ERROR_LINES);
        let mut page = report::stale_plan(&moved, n_lines).trimmed();
        page.gap();
        screen.error_page(&page);
    }
    Err(error)
}

/// Prints a line for each output, with the images of captures before it.
pub(super) fn print_applied(applied: &Applied, screen: &Screen) {
    for change in &applied.plan.changes {
        if let Some((_, captured)) = applied.captured.iter().find(|(name, _)| *name == change.name) {
            screen.status_page(&report::images(captured));
        }
        let done = match change.action {
            Action::Keep => "kept",
            Action::Create => "created",
            Action::Rename => "renamed",
            Action::Patch => "patched",
            Action::Rebuild => "rebuilt",
            Action::Delete if change.reasons.contains(&Reason::Unclaimed) => "deleted",
            Action::Delete => "forgotten",
        };
        let from = change.renamed_from.iter().filter(|_| change.action == Action::Rename);
        let from: String = from.map(|from| format!("{from} → ")).collect();
        screen.status(&format!("{done:9} {from}{} ({})", change.path(), Size(change.len)));
    }
}
