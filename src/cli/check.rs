//! `tsmedia check`: everything that is wrong, at the author's own lines.

use clap::Args;

use super::project::{self, Project};
use super::screen::Screen;
use super::{ManifestArguments, Outcome};
use crate::error::Result;
use crate::output::Output;
use crate::problem::Problems;
use crate::report;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    manifests: ManifestArguments,
    /// Fail if a certificate or a medium expires within this time from now, such as `30d` or `8w`.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    expires_within: Option<u64>,
}

/// A number of days or weeks, in seconds.
fn parse_time(text: &str) -> std::result::Result<u64, String> {
    let wrong = || "write days or weeks, such as `30d` or `8w`".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let days = match unit {
        "d" => number,
        "w" => number.checked_mul(7).ok_or_else(wrong)?,
        _ => return Err(wrong()),
    };
    days.checked_mul(86_400).ok_or_else(wrong)
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let Arguments { manifests: arguments, expires_within } = arguments;
    let mut problems = Problems::default();
    let projects = project::resolve(arguments, *expires_within, &mut problems)?;
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
