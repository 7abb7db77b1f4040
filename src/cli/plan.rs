//! `tsmedia plan`: what apply would do, and why.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use clap::Args;

use super::screen::Screen;
use super::{ManifestArguments, Outcome, project, saved};
use crate::content::Content;
use crate::error::{Error, Result};
use crate::inputs::Inputs;
use crate::plan::Plan;
use crate::project::{BuildOptions, Project, refuse_input};
use crate::report;
use crate::target::Target;

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
    let mut inputs = Inputs::default();
    let loaded = project::load_with_inputs(&arguments.manifests, &mut inputs, screen)?;
    let Some(projects) = loaded else { return Ok(Outcome::Wrong) };
    if let Some(path) = &arguments.out {
        projects.iter().for_each(|project| inputs.note_output(project.record()));
        refuse_input(path, &inputs)?;
    }
    let mut whole = Plan::default();
    let mut to_save = Vec::new();
    for project in &projects {
        if !project.awaited().is_empty() {
            continue;
        }
        project::tell_of_foreign_journals(project, screen)?;
        let options = BuildOptions { force: false, no_patch: arguments.no_patch };
        let plan = match arguments.out {
            None => screen.watch(&project.reading(), |progress| project.plan(options, progress))?.plan,
            Some(_) => {
                let (plan, saved) =
                    screen.watch(&project.reading(), |progress| project.plan_to_save(options, progress))?;
                to_save.push(saved);
                plan
            }
        };
        whole.changes.extend(plan.changes);
    }
    let waiting = waiting(&projects, &whole);
    if let (Some(_), Some(first)) = (&arguments.out, waiting.first()) {
        return Err(Error::new(format!("what is to be done can't be saved: {first}"))
            .help("save one plan for what is captured, and when that is done another for the media"));
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
    waiting.iter().for_each(|line| screen.say(line));
    if let Some(path) = &arguments.out {
        screen.say(&format!("saved: `tsmedia apply {path}` does it"));
    }
    let is_done = whole.is_up_to_date() || !arguments.detailed_exitcode;
    Ok(if is_done { Outcome::Done } else { Outcome::Changes })
}

/// What is to be captured first, before it is known what becomes of media that it is on.
fn waiting(projects: &[Project], whole: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    let is_made = |name: &str| whole.changes.iter().any(|change| change.name == name && change.n_capture.is_some());
    let captures = projects.iter().flat_map(Project::targets).filter(|target| is_made(&target.name));
    let place = |target: &Target| Some((target.path.canonicalize_utf8().ok()?, target.path.clone()));
    let captures: BTreeMap<_, _> = captures.filter_map(place).collect();
    for project in projects {
        let manifest = project.manifest();
        if let Some(file) = project.awaited().first() {
            lines.push(format!("`{manifest}` is planned when `{file}` is captured"));
            continue;
        }
        let files = project.media().flat_map(|(_, output)| output.root.files());
        let sources = files.filter_map(|(_, content)| match content {
            Content::Source(source) => source.path().canonicalize_utf8().ok(),
            Content::Bytes(_) => None,
        });
        if let Some(file) = sources.into_iter().find_map(|source| captures.get(&source)) {
            lines.push(format!("`{manifest}` is planned with `{file}` as it is now, which is captured anew"));
        }
    }
    lines
}
