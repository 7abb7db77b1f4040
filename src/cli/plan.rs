//! `tsmedia plan`: what apply would do, and why.

use clap::Args;

use super::screen::Screen;
use super::{ManifestArguments, Outcome, project};
use crate::apply;
use crate::error::Result;
use crate::plan::Plan;
use crate::report;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    manifests: ManifestArguments,
    /// End with 2 if there is something to do.
    #[arg(long)]
    detailed_exitcode: bool,
    /// Plan to build what changed anew, and never by changing the medium that is there.
    #[arg(long)]
    no_patch: bool,
    /// Name every file, however many there are.
    #[arg(short, long)]
    verbose: bool,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let Some(projects) = project::load(&arguments.manifests, screen)? else { return Ok(Outcome::Wrong) };
    let mut whole = Plan::default();
    for project in &projects {
        let mut store = project.open_store()?;
        let work = project.work(false, arguments.no_patch);
        let plan = screen.watch("reading", |progress| apply::survey(&work, &mut store, progress))?;
        whole.changes.extend(plan.changes);
    }
    if screen.json {
        screen.json(&report::plan::json(&whole))?;
    } else {
        let n_lines = (!arguments.verbose).then_some(report::SCREEN);
        screen.data(&report::plan::text(&whole, n_lines))?;
    }
    let is_done = whole.is_all_keep() || !arguments.detailed_exitcode;
    Ok(if is_done { Outcome::Done } else { Outcome::Changes })
}
