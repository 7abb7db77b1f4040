//! `tsmedia apply`: builds the media that are not up to date.

use camino::Utf8Path;
use clap::Args;

use super::project::Project;
use super::saved::Named;
use super::screen::Screen;
use super::{BuildArguments, ManifestArguments, Outcome, project, saved};
use crate::apply;
use crate::error::{Error, Result};
use crate::plan::saved::{Saved, SavedManifest};
use crate::plan::{Action, Plan};
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
        Named::Saved(path) => Some(path),
        Named::Both(message) => return Ok(saved::wrong_usage(&message)),
    };
    let saved = path.map(saved::load).transpose()?;
    let of_saved = saved.as_ref().map(saved::arguments);
    let Some(projects) = project::load(of_saved.as_ref().unwrap_or(&arguments.manifests), screen)? else {
        return Ok(Outcome::Wrong);
    };
    let no_patch = arguments.build.no_patch || saved.as_ref().is_some_and(|saved| saved.no_patch);
    if let (Some(path), Some(saved)) = (path, &saved) {
        refuse_moved(path, saved, &projects, arguments, screen)?;
    }
    let mut planned = saved.iter().flat_map(|saved| &saved.manifests);
    let mut whole = Plan::default();
    for project in &projects {
        let mut store = project.open_store()?;
        let work = project.work(arguments.build.force, no_patch);
        let planned = planned.next();
        let applied = screen.watch("building", |progress| match planned {
            Some(SavedManifest { outputs, .. }) => apply::apply_saved(&work, outputs, &mut store, progress),
            None => apply::apply(&work, &mut store, progress),
        })?;
        say(&applied.plan, screen);
        whole.changes.extend(applied.plan.changes);
    }
    if let Some(path) = path.filter(|_| whole.is_all_keep()) {
        screen.say(&format!("nothing is left to do of the saved plan `{path}`"));
    }
    if screen.json {
        screen.json(&report::plan::json(&whole))?;
    }
    Ok(Outcome::Done)
}

/// The lines that follow what has moved: an empty one, and the failure with its help.
const N_VERDICT: usize = 3;

/// Fails, and says in what, if a saved plan holds no more.
fn refuse_moved(
    path: &Utf8Path,
    saved: &Saved,
    projects: &[Project],
    arguments: &Arguments,
    screen: &Screen,
) -> Result<()> {
    let mut moved = Vec::new();
    for (project, SavedManifest { outputs, .. }) in projects.iter().zip(&saved.manifests) {
        let mut store = project.open_store()?;
        let work = project.work(arguments.build.force, arguments.build.no_patch);
        moved.extend(screen.watch("reading", |progress| apply::moved(&work, outputs, &mut store, progress))?);
    }
    if moved.is_empty() {
        return Ok(());
    }
    if screen.json {
        screen.json(&report::moved_json(&moved))?;
    } else {
        let n_lines = (!arguments.verbose).then_some(report::SCREEN - N_VERDICT);
        screen.say(report::moved(&moved, n_lines).trim_start_matches('\n'));
    }
    let n_moved = report::counted(moved.len(), "output");
    Err(Error::new(format!("the saved plan `{path}` holds no more for {n_moved}; nothing was written"))
        .help("save it again with `tsmedia plan --out`, and look at what it says"))
}

/// One line for each output: what was done to it.
pub(super) fn say(plan: &Plan, screen: &Screen) {
    for change in &plan.changes {
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
