//! `tsmedia check`: everything that is wrong, at the author's own lines.

use super::project::{self, Project};
use super::screen::Screen;
use super::{ManifestArguments, Outcome};
use crate::error::Result;
use crate::output::Output;
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
        let outputs = project.outputs();
        if !project.awaited().is_empty() {
            let files: Vec<_> = project.awaited().iter().map(|file| format!("`{file}`")).collect();
            screen.say(&format!(
                "no error in `{manifest}`, as far as it can be seen before {} is captured",
                files.join(", ")
            ));
            continue;
        }
        if !project.orders().is_empty() {
            let files = report::counted(project.orders().len(), "WIM file");
            screen.say(&format!("{verdict} `{manifest}`, which captures {files}"));
            continue;
        }
        let is_first = |output: &&Output| output.disc.as_ref().is_none_or(|disc| disc.number == 1);
        let mut media = match outputs.iter().filter(is_first).count() {
            1 => "1 medium".to_owned(),
            n => format!("{n} media"),
        };
        if outputs.iter().any(|output| output.disc.is_some()) {
            media += &format!(" on {}", report::counted(outputs.len(), "disc"));
        }
        screen.say(&format!("{verdict} `{manifest}`, which makes {media}"));
    }
    Ok(Outcome::Done)
}
