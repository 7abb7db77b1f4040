//! `tsmedia plan`: what apply would do, and why.

use camino::Utf8PathBuf;
use clap::Args;

use super::screen::Screen;
use super::{ManifestArguments, Outcome, project, saved};
use crate::apply;
use crate::error::Result;
use crate::plan::Plan;
use crate::plan::saved::SavedManifest;
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
    /// Save the plan, for `tsmedia apply FILE`.
    #[arg(long, value_name = "FILE")]
    out: Option<Utf8PathBuf>,
    /// Name every file, however many there are.
    #[arg(short, long)]
    verbose: bool,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    if let Some(path) = &arguments.out {
        saved::refuse_to_replace(path)?;
    }
    let Some(projects) = project::load(&arguments.manifests, screen)? else { return Ok(Outcome::Wrong) };
    let mut whole = Plan::default();
    let mut to_save = Vec::new();
    for (project, manifest) in projects.iter().zip(&arguments.manifests.manifests) {
        let mut store = project.open_store()?;
        let work = project.work(false, arguments.no_patch);
        let plan = match arguments.out {
            None => screen.watch("reading", |progress| apply::survey(&work, &mut store, progress))?,
            Some(_) => {
                let both = screen.watch("reading", |progress| apply::survey_to_save(&work, &mut store, progress));
                let (plan, outputs) = both?;
                to_save.push(SavedManifest { manifest: manifest.clone(), outputs });
                plan
            }
        };
        whole.changes.extend(plan.changes);
    }
    if let Some(path) = &arguments.out {
        saved::save(path, &arguments.manifests, arguments.no_patch, to_save)?;
    }
    if screen.json {
        screen.json(&report::plan::json(&whole))?;
    } else {
        let n_lines = (!arguments.verbose).then_some(report::SCREEN);
        screen.data(&report::plan::text(&whole, n_lines))?;
    }
    if let Some(path) = &arguments.out {
        screen.say(&format!("saved: `tsmedia apply {path}` does it"));
    }
    let is_done = whole.is_all_keep() || !arguments.detailed_exitcode;
    Ok(if is_done { Outcome::Done } else { Outcome::Changes })
}
