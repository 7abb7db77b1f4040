//! `tsmedia apply`: builds the media that are not up to date.

use camino::Utf8Path;
use clap::Args;

use super::saved::Named;
use super::screen::Screen;
use super::{BuildArguments, ManifestArguments, Outcome, project, saved};
use crate::apply::Applied;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::saved::SavedPlan;
use crate::plan::{Action, Plan};
use crate::project::Project;
use crate::report;
use crate::size::Size;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    manifests: ManifestArguments,
    #[command(flatten)]
    build: BuildArguments,
    /// Name every file in which a saved plan holds no more.
    #[arg(short, long)]
    verbose: bool,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let path = match saved::named_in(&arguments.manifests)? {
        Named::Manifests => None,
        Named::SavedPlan(path) => Some(path),
        Named::Both(message) => return Ok(saved::wrong_usage(&message)),
    };
    let saved = path.map(saved::load).transpose()?;
    let manifests = of_saved_or(saved.as_ref(), arguments);
    let Some(mut projects) = project::load(&manifests, screen)? else { return Ok(Outcome::Wrong) };
    let mut options = arguments.build.options();
    options.no_patch |= saved.as_ref().is_some_and(|saved| saved.no_patch);
    if let (Some(path), Some(saved)) = (path, &saved) {
        refuse_moved(path, saved, &projects, arguments, screen)?;
    }
    let mut whole = Plan::default();
    let mut is_captured = false;
    // What is captured may be on the media that the other manifests make.
    for is_capturing in [true, false] {
        if !is_capturing && is_captured {
            let Some(anew) = project::load(&manifests, screen)? else { return Ok(Outcome::Wrong) };
            projects = anew;
        }
        for (at, project) in projects.iter().enumerate() {
            if project.is_capture() != is_capturing {
                continue;
            }
            project.refuse_awaiting()?;
            project::tell_of_foreign_journals(project, screen)?;
            let planned = saved.as_ref().and_then(|saved| saved.manifests.get(at));
            let doing = if is_capturing { "capturing" } else { "building" };
            let applied = screen.watch(doing, |progress| match planned {
                Some(planned) => project.apply_saved(planned, options, progress),
                None => project.apply(options, progress),
            })?;
            is_captured |= !applied.captured.is_empty();
            say(&applied, screen);
            whole.changes.extend(applied.plan.changes);
        }
    }
    if let Some(path) = path.filter(|_| whole.is_up_to_date()) {
        screen.say(&format!("nothing is left to do of the saved plan `{path}`"));
    }
    if screen.json {
        screen.json(&report::plan::json(&whole))?;
    }
    Ok(Outcome::Done)
}

/// What was asked for: by the saved plan, or else by the command line.
fn of_saved_or(saved: Option<&SavedPlan>, arguments: &Arguments) -> ManifestArguments {
    match saved {
        Some(saved) => saved::arguments(saved),
        None => arguments.manifests.clone(),
    }
}

/// The lines that follow what has moved: an empty one, and the failure with its help.
const N_VERDICT: usize = 3;

/// Fails, and says in what, if a saved plan holds no more.
fn refuse_moved(
    path: &Utf8Path,
    saved: &SavedPlan,
    projects: &[Project],
    arguments: &Arguments,
    screen: &Screen,
) -> Result<()> {
    let mut moved = Vec::new();
    for (project, planned) in projects.iter().zip(&saved.manifests) {
        let options = arguments.build.options();
        moved.extend(screen.watch(&project.reading(), |progress| project.moved(planned, options, progress))?);
    }
    if moved.is_empty() {
        return Ok(());
    }
    if screen.json {
        screen.json(&report::moved_json(&moved))?;
    } else {
        let n_lines = (!arguments.verbose).then_some(report::SCREEN - N_VERDICT);
        let mut page = report::moved(&moved, n_lines).trimmed();
        page.gap();
        screen.say_page(&page);
    }
    let n_moved = report::counted(moved.len(), "output");
    Err(Error::new(format!("the saved plan `{path}` holds no more for {n_moved}; nothing was written"))
        .of_kind(ErrorKind::Stale)
        .help("save it again with `tsmedia plan --out`, and look at what it says"))
}

/// One line for each output: what was done to it; and of what was captured, what came of its sources.
pub(super) fn say(applied: &Applied, screen: &Screen) {
    for change in &applied.plan.changes {
        if let Some((_, captured)) = applied.captured.iter().find(|(name, _)| *name == change.name) {
            screen.say_page(&report::images(captured));
        }
        let done = match change.action {
            Action::Keep => "kept",
            Action::Create => "created",
            Action::Patch => "patched",
            Action::Rebuild => "rebuilt",
            Action::Delete if change.in_the_way => "forgotten",
            Action::Delete => "deleted",
        };
        screen.say(&format!("{done:9} {} ({})", change.name, Size(change.len)));
    }
}
