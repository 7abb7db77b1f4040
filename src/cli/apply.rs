//! `tsmedia apply`: builds the media that are not up to date.

use clap::Args;

use super::screen::Screen;
use super::{ManifestArguments, Outcome, project};
use crate::apply;
use crate::error::Result;
use crate::plan::{Action, Plan};
use crate::report;
use crate::size::Size;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    manifests: ManifestArguments,
    /// Replace files at the outputs' paths that tsmedia did not make.
    #[arg(long)]
    force: bool,
    /// Build what changed anew, and never by changing the medium that is there.
    #[arg(long)]
    no_patch: bool,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let Some(projects) = project::load(&arguments.manifests, screen)? else { return Ok(Outcome::Wrong) };
    let mut whole = Plan::default();
    for project in &projects {
        let mut store = project.open_store()?;
        let work = project.work(arguments.force, arguments.no_patch);
        let applied = screen.watch("building", |progress| apply::apply(&work, &mut store, progress))?;
        say(&applied.plan, screen);
        whole.changes.extend(applied.plan.changes);
    }
    if screen.json {
        screen.json(&report::plan::json(&whole))?;
    }
    Ok(Outcome::Done)
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
