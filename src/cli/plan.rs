//! `tsmedia plan`: shows what `apply` would do, and why.

mod html;

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use clap::Args;

use super::help::BUILD;
use super::report_file::ReportFile;
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
    /// Exit with 2 if there are changes to apply.
    #[arg(long)]
    detailed_exitcode: bool,
    /// Plan to rebuild instead of patching existing media.
    #[arg(long, help_heading = BUILD)]
    no_patch: bool,
    /// Save the plan to a file for `tsmedia apply FILE`.
    #[arg(long, value_name = "FILE")]
    out: Option<Utf8PathBuf>,
    /// Also write a page about the plan and its media (HTML).
    #[arg(long, value_name = "FILE")]
    html: Option<Utf8PathBuf>,
    /// List every changed file.
    #[arg(short, long)]
    verbose: bool,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    if let Some(path) = &arguments.out {
        saved::refuse_to_replace(path)?;
    }
    if let Some(path) = &arguments.html {
        ReportFile::Html.check_name(path)?;
    }
    let mut inputs = Inputs::default();
    let loaded = project::load_with_inputs(&arguments.manifests, &mut inputs, screen)?;
    let Some(projects) = loaded else { return Ok(Outcome::ProblemsFound) };
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
        project::warn_of_foreign_journals(project, screen)?;
        let options = BuildOptions { no_patch: arguments.no_patch, ..BuildOptions::default() };
        let plan = match arguments.out {
            None => screen.with_progress(&project.reading(), |progress| project.plan(options, progress))?.plan,
            Some(_) => {
                let (plan, saved) =
                    screen.with_progress(&project.reading(), |progress| project.plan_to_save(options, progress))?;
                to_save.push(saved);
                plan
            }
        };
        whole.changes.extend(plan.changes);
    }
    let waiting = pending_captures(&projects, &whole);
    if let (Some(_), Some(first)) = (&arguments.out, waiting.first()) {
        return Err(Error::new(format!("the plan can't be saved: {first}"))
            .help("save and apply a plan for the captures first, then another one for the media"));
    }
    if let Some(path) = &arguments.out {
        saved::save(path, &arguments.manifests, arguments.no_patch, to_save)?;
    }
    if let Some(path) = &arguments.html {
        html::write(path, &whole, &projects, screen)?;
    }
    if screen.json {
        screen.print_json(&report::plan::json(&whole))?;
    } else {
        let n_lines = (!arguments.verbose).then_some(report::SCREEN_LINES);
        screen.print_page(&report::plan::text(&whole, n_lines))?;
    }
    waiting.iter().for_each(|line| screen.status(line));
    if let Some(path) = &arguments.out {
        screen.status(&format!("saved the plan; apply it with `tsmedia apply {path}`"));
    }
    let is_done = whole.is_up_to_date() || !arguments.detailed_exitcode;
    Ok(if is_done { Outcome::Done } else { Outcome::ChangesPending })
}

/// Returns a line for each manifest whose media depend on a pending capture.
fn pending_captures(projects: &[Project], whole: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    // Compare real paths: the manifest of a medium may name the captured file in another way.
    let is_made = |name: &str| whole.changes.iter().any(|change| change.name == name && change.n_capture.is_some());
    let captures = projects.iter().flat_map(Project::targets).filter(|target| is_made(&target.name));
    let place = |target: &Target| Some((target.path.canonicalize_utf8().ok()?, target.path.clone()));
    let captures: BTreeMap<_, _> = captures.filter_map(place).collect();
    for project in projects {
        let manifest = project.manifest();
        if let Some(file) = project.awaited().first() {
            lines.push(format!("`{manifest}` can't be planned before `{file}` is captured"));
            continue;
        }
        let files = project.media().flat_map(|(_, output)| output.root.files());
        let sources = files.filter_map(|(_, content)| match content {
            Content::Source(source) => source.path().canonicalize_utf8().ok(),
            Content::Bytes(_) => None,
        });
        if let Some(file) = sources.into_iter().find_map(|source| captures.get(&source)) {
            lines.push(format!("`{manifest}` is planned with the present `{file}`, which will be captured again"));
        }
    }
    lines
}
