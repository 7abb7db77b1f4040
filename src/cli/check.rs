//! `tsmedia check`: everything that is wrong, at the author's own lines.

use super::project::{self, Project};
use super::screen::Screen;
use super::{ManifestArguments, Outcome};
use crate::error::Result;
use crate::problem::Problems;
use crate::report;

pub(super) fn run(arguments: &ManifestArguments, screen: &Screen) -> Result<Outcome> {
    let mut problems = Problems::default();
    let projects = project::resolve(arguments, &mut problems)?;
    if screen.json {
        screen.json(&report::json(&problems))?;
    } else {
        screen.problems(&problems);
    }
    if problems.has_errors() {
        return Ok(Outcome::Wrong);
    }
    for output in projects.iter().flat_map(Project::outputs) {
        // What no line is at fault for: contents that pass the capacity or the limits of the file systems.
        output.draft(&|_| None)?;
    }
    let verdict = if problems.sorted().is_empty() { "nothing is wrong with" } else { "no error in" };
    for (manifest, project) in arguments.manifests.iter().zip(&projects) {
        let media = match project.outputs().len() {
            1 => "1 medium".into(),
            n => format!("{n} media"),
        };
        screen.say(&format!("{verdict} `{manifest}`, which makes {media}"));
    }
    Ok(Outcome::Done)
}
