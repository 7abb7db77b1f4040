//! `tsmedia plan`: shows what `apply` would do, and why.

mod base;
mod html;

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};

use super::help::{BUILD, CHANGE};
use super::project::LoadedProjects;
use super::report_file::ReportFile;
use super::screen::Screen;
use super::{ManifestArguments, Outcome, project, saved};
use crate::error::{Error, Result};
use crate::file_identity::FileIdentity;
use crate::inputs::Inputs;
use crate::plan::jobs::{self, JobUnit};
use crate::plan::{MediumChange, Plan};
use crate::project::{BuildOptions, Project, refuse_input};
use crate::report::markdown::{Comment, comment};
use crate::report::{self, matrix};
use crate::target::{self, Target};

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
    /// Plan the other manifests if one has errors.
    #[arg(long, conflicts_with = "out")]
    keep_going: bool,
    /// Print jobs that share the work, as the matrix of a pipeline.
    #[arg(long, value_name = "SYSTEM", conflicts_with_all = ["json", "out"], help_heading = JOBS)]
    matrix: Option<MatrixSystem>,
    /// Maximum number of jobs.
    #[arg(long, value_name = "N", default_value_t = MAX_JOBS, value_parser = jobs, requires = "matrix", help_heading = JOBS)]
    max_jobs: usize,
    /// Work that stays in one job.
    #[arg(long, value_name = "UNIT", default_value = "medium", requires = "matrix", help_heading = JOBS)]
    by: UnitArgument,
    /// List every changed file.
    #[arg(short, long)]
    verbose: bool,
    /// Format of the plan.
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        hide_default_value = true,
        conflicts_with = "json",
        help_heading = CHANGE
    )]
    format: OutputFormat,
    /// Name of the comment, if a pull request has several from tsmedia.
    #[arg(long, value_name = "NAME", value_parser = parse_comment_name, help_heading = CHANGE)]
    comment_name: Option<String>,
    /// Compare with the commit where the change began, as `git diff REF...` does.
    #[arg(
        long,
        value_name = "REF",
        conflicts_with_all = ["out", "html", "matrix", "keep_going"],
        help_heading = CHANGE
    )]
    base: Option<String>,
    /// Read no secret; what depends on secrets counts as unchanged.
    #[arg(long, requires = "base", help_heading = CHANGE)]
    without_secrets: bool,
}

/// Format of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    /// Text for a terminal.
    #[default]
    Text,
    /// Comment for a pull request; nothing if there is nothing to do.
    Markdown,
}

/// Parses the name of a comment, which is written in an HTML comment.
fn parse_comment_name(text: &str) -> std::result::Result<String, String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '_' | '/' | '-');
    match !text.is_empty() && text.chars().all(is_allowed) && !text.contains("--") && !text.ends_with('-') {
        true => Ok(text.to_owned()),
        false => Err("use letters, digits, spaces, `.`, `_`, `/` and single `-`".into()),
    }
}

/// Heading of the options for parallel jobs.
const JOBS: &str = "Parallel jobs";
/// Maximum number of jobs of a matrix of GitHub Actions.
const MAX_JOBS: usize = 256;

fn jobs(text: &str) -> std::result::Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=MAX_JOBS).contains(number));
    number.ok_or_else(|| format!("write a number between 1 and {MAX_JOBS}"))
}

/// System that runs the jobs.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum MatrixSystem {
    /// `strategy.matrix` of GitHub Actions.
    Github,
    /// Child pipeline of GitLab, whose jobs extend `.tsmedia-apply`.
    Gitlab,
    /// `strategy.matrix` of Azure Pipelines.
    Azure,
}

/// Unit of work given with `--by`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum UnitArgument {
    /// Media of one manifest and site.
    Medium,
    /// Media of one site.
    Site,
}

impl Arguments {
    /// Prints the jobs of a plan.
    fn print_matrix(&self, system: MatrixSystem, plan: &Plan, screen: &Screen) -> Result<Outcome> {
        let unit = match self.by {
            UnitArgument::Medium => JobUnit::Medium,
            UnitArgument::Site => JobUnit::Site,
        };
        let jobs = jobs::distribute(jobs::work(plan), unit, self.max_jobs);
        let ManifestArguments { vars_files, vars, .. } = &self.manifests;
        let files = vars_files.iter().flat_map(|file| ["--vars".to_owned(), file.to_string()]);
        let values = vars.iter().flat_map(|(name, value)| ["--var".to_owned(), format!("{name}={value}")]);
        let mut options: Vec<_> = files.chain(values).collect();
        options.extend(self.no_patch.then(|| "--no-patch".to_owned()));
        match system {
            // One line, for a variable of a step.
            MatrixSystem::Github => screen.print_value_line(&matrix::github(&jobs, &options)),
            MatrixSystem::Azure => screen.print_value_line(&matrix::azure(&jobs, &options)),
            MatrixSystem::Gitlab => screen.print_value(&matrix::gitlab(&jobs, &options)),
        }
    }
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    if let Some(reference) = &arguments.base {
        return base::run(reference, arguments, screen);
    }
    if let Some(path) = &arguments.out {
        saved::refuse_to_replace(path)?;
    }
    if let Some(path) = &arguments.html {
        ReportFile::Html.check_name(path)?;
    }
    let mut inputs = Inputs::default();
    let loaded = project::load_with_inputs(&arguments.manifests, arguments.keep_going, &mut inputs, screen)?;
    let Some(LoadedProjects { projects, failed }) = loaded else { return Ok(Outcome::ProblemsFound) };
    if let Some(path) = &arguments.out {
        projects.iter().for_each(|project| inputs.note_output(project.record()));
        refuse_input(path, &inputs)?;
    }
    let mut whole = Plan::default();
    let mut media = Vec::new();
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
        media.extend(plan.changes.iter().map(|change| {
            let target = target::find(project.targets(), &change.name);
            MediumChange::of_target(project.manifest(), target, change.clone())
        }));
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
    if let Some(system) = arguments.matrix {
        arguments.print_matrix(system, &whole, screen)?;
        screen.status(&report::plan::summary(&whole));
    } else if screen.json {
        screen.print_json(&report::plan::json(&whole, &failed))?;
    } else if arguments.format == OutputFormat::Markdown {
        let name = arguments.comment_name.as_deref();
        let text = comment(&Comment { media: &media, comparison: None, notes: &waiting, name });
        text.map_or(Ok(Outcome::Done), |text| screen.print_document(&text))?;
    } else {
        let n_lines = (!arguments.verbose).then_some(report::SCREEN_LINES);
        screen.print_page(&report::plan::text(&whole, n_lines))?;
    }
    waiting.iter().for_each(|line| screen.status(line));
    if let Some(path) = &arguments.out {
        screen.status(&format!("saved the plan; apply it with `tsmedia apply {path}`"));
    }
    if !failed.is_empty() {
        project::print_failed(&failed, arguments.manifests.manifests.len(), screen);
        return Ok(Outcome::ProblemsFound);
    }
    // The program ends here, and freeing every file of large media one by one takes time.
    std::mem::forget(projects);
    let is_done = whole.is_up_to_date() || !arguments.detailed_exitcode;
    Ok(if is_done { Outcome::Done } else { Outcome::ChangesPending })
}

/// Returns a line for each manifest whose media depend on a pending capture.
fn pending_captures(projects: &[Project], whole: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    // Compare inodes: the manifest of a medium may name the captured file in another way.
    let is_made = |name: &str| whole.changes.iter().any(|change| change.name == name && change.n_capture.is_some());
    let captures = projects.iter().flat_map(Project::targets).filter(|target| is_made(&target.name));
    let inode = |target: &Target| Some((FileIdentity::of(&target.path).inode()?, target.path.clone()));
    let captures: BTreeMap<_, _> = captures.filter_map(inode).collect();
    for project in projects {
        let manifest = project.manifest();
        if let Some(file) = project.awaited().first() {
            lines.push(format!("`{manifest}` can't be planned before `{file}` is captured"));
            continue;
        }
        if captures.is_empty() {
            continue;
        }
        let mut files = project.source_files();
        if let Some(file) = files.find_map(|file| captures.get(&(file.stat.device, file.stat.inode))) {
            lines.push(format!("`{manifest}` is planned with the present `{file}`, which will be captured again"));
        }
    }
    lines
}
