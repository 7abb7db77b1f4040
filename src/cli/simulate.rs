//! `tsmedia simulate`: runs task sequences on computers described by fact files.

use camino::Utf8PathBuf;
use clap::Args;

use super::file_kind::{self, FileKind};
use super::help::MANIFEST;
use super::screen::Screen;
use super::{Outcome, parse_var, project};
use crate::error::{Error, Result};
use crate::inputs::Inputs;
use crate::manifest::{self, Kind, Loaded, Options, Rendered, task_sequence};
use crate::problem::Problems;
use crate::project::DEFAULT_MANIFEST;
use crate::report::{self, Page, simulated};
use crate::resolve::Resolver;
use crate::sequence::{self, Sequence};
use crate::simulate::{self, FactFile, Medium, Trace, Unmet, simulate};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Manifest, or a task sequence file.
    #[arg(value_name = "FILE", default_value = DEFAULT_MANIFEST)]
    file: Utf8PathBuf,
    /// Fact file; repeat for several computers.
    #[arg(long = "facts", value_name = "FILE", required = true)]
    facts: Vec<Utf8PathBuf>,
    /// Print one table with a row for each step and a column for each run.
    #[arg(long)]
    matrix: bool,
    /// Only this site of the manifest; for a task sequence file, the value of `site.code`.
    #[arg(long, value_name = "CODE", help_heading = MANIFEST)]
    site: Option<String>,
    /// TOML file with template values; repeat for several.
    #[arg(long = "vars", value_name = "FILE", help_heading = MANIFEST)]
    vars_files: Vec<Utf8PathBuf>,
    /// Template value; takes precedence over files.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_var, help_heading = MANIFEST)]
    vars: Vec<(String, String)>,
}

/// Simulated run of a task sequence on one computer.
struct SimulatedRun {
    name: String,
    site: Option<String>,
    sequence: String,
    trace: Trace,
    /// `true` if the fact file states expectations.
    is_test: bool,
    unmet: Vec<Unmet>,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let kinds = [FileKind::Manifest, FileKind::Sequence, FileKind::OtherToml];
    file_kind::expect(&arguments.file, &kinds, "a manifest or a task sequence")?;
    for facts in &arguments.facts {
        file_kind::expect(facts, &[FileKind::Facts, FileKind::OtherToml], "a fact file")?;
    }
    let mut problems = Problems::default();
    // A file that can't be read counts as a manifest, and loading it reports the error.
    let is_sequence = sequence::is_sequence_file(&arguments.file);
    let runs =
        if is_sequence { run_sequence(arguments, &mut problems) } else { run_manifest(arguments, &mut problems) };
    problems.drop_notes();
    screen.report_problems(&problems);
    let runs = runs?;
    if problems.has_errors() {
        return Ok(Outcome::ProblemsFound);
    }
    print_runs(&runs, arguments.matrix, screen)
}

/// Runs a task sequence file once for each fact file.
fn run_sequence(arguments: &Arguments, problems: &mut Problems) -> Result<Vec<SimulatedRun>> {
    let mut inputs = Inputs::default();
    let sequence = task_sequence::read_standalone(&arguments.file, &arguments.options(), problems, &mut inputs)?;
    let files = arguments.read_facts(problems, &mut inputs)?;
    let media: Vec<_> = files.iter().filter_map(|file| simulate::medium_of_facts(file, problems)).collect();
    if let Some(sequence) = &sequence {
        files.iter().for_each(|file| simulate::check_names(&[sequence], file, problems));
    }
    let Some(sequence) = sequence.filter(|_| !problems.has_errors()) else { return Ok(Vec::new()) };
    check_unique_names(&files)?;
    Ok(files.iter().zip(&media).map(|(file, medium)| SimulatedRun::new(&sequence, None, file, medium)).collect())
}

/// Runs the task sequence of each site of a manifest once for each fact file.
fn run_manifest(arguments: &Arguments, problems: &mut Problems) -> Result<Vec<SimulatedRun>> {
    let mut inputs = Inputs::default();
    let path = &arguments.file;
    let loaded = manifest::load_with_inputs(path, &arguments.options(), problems, &mut inputs)?;
    let rendered = match loaded {
        Loaded::Media(rendered) => rendered,
        Loaded::Captures(_) => {
            return Err(Error::new(format!("`{path}` describes captures, which have no task sequence"))
                .help("name the manifest of a medium, or a task sequence file"));
        }
    };
    let files = arguments.read_facts(problems, &mut inputs)?;
    if problems.has_errors() {
        return Ok(Vec::new());
    }
    let sequences: Vec<_> = rendered.iter().filter_map(Rendered::sequence).collect();
    if !sequences.is_empty() {
        files.iter().for_each(|file| simulate::check_names(&sequences, file, problems));
    }
    let mut resolver = Resolver::new(project::secrets().only_present());
    let mut runs = Vec::new();
    for rendered in &rendered {
        let Some(sequence) = rendered.sequence() else { return Err(no_sequence(rendered)) };
        let supplied = match resolver.supplied(rendered, problems).transpose() {
            Ok(supplied) => supplied,
            Err(found) => {
                found.into_iter().for_each(|problem| problems.add(problem));
                None
            }
        };
        for file in &files {
            let Some(medium) = simulate::medium_of_manifest(rendered, supplied.as_ref(), file, problems) else {
                continue;
            };
            runs.push(SimulatedRun::new(sequence, rendered.site.clone(), file, &medium));
        }
    }
    if !problems.has_errors() {
        check_unique_names(&files)?;
    }
    Ok(runs)
}

fn no_sequence(rendered: &Rendered) -> Error {
    let path = &rendered.path;
    match rendered.manifest.media.kind {
        Kind::Bootable => Error::new(format!("`{path}` builds bootable media, which contain no task sequence"))
            .help("name the task sequence file, and set `media = \"bootable\"` in the fact file"),
        _ => Error::new(format!("`{path}` has no task sequence"))
            .help("add `[task-sequence]` with `file = \"sequences/deploy.toml\"`, or name the task sequence file"),
    }
}

fn check_unique_names(files: &[FactFile]) -> Result<()> {
    let names: Vec<_> = files.iter().map(|file| &file.facts.name).collect();
    match names.iter().enumerate().find_map(|(at, name)| names[..at].contains(name).then_some(name)) {
        Some(twice) => {
            let name = twice.as_deref().unwrap_or_default();
            Err(Error::new(format!("two fact files have the name `{name}`")).help("change `name` in one of them"))
        }
        None => Ok(()),
    }
}

impl Arguments {
    fn options(&self) -> Options {
        let sites = self.site.iter().cloned().collect();
        Options { vars_files: self.vars_files.clone(), vars: self.vars.clone(), sites, ..Options::default() }
    }

    fn read_facts(&self, problems: &mut Problems, inputs: &mut Inputs) -> Result<Vec<FactFile>> {
        let mut files = Vec::new();
        for path in &self.facts {
            files.extend(simulate::read(path, problems, inputs)?);
        }
        Ok(files)
    }
}

impl SimulatedRun {
    fn new(sequence: &Sequence, site: Option<String>, file: &FactFile, medium: &Medium) -> Self {
        let trace = simulate(sequence, &file.facts, medium);
        let unmet = file.facts.expect.as_ref().map(|expect| expect.unmet(&trace)).unwrap_or_default();
        let name = file.facts.name.clone().unwrap_or_default();
        let is_test = file.facts.expect.is_some();
        Self { name, site, sequence: sequence.name.clone(), trace, is_test, unmet }
    }

    /// Returns the name with the site.
    fn title(&self) -> String {
        match &self.site {
            Some(site) => format!("{} ({site})", self.name),
            None => self.name.clone(),
        }
    }
}

fn print_runs(runs: &[SimulatedRun], as_matrix: bool, screen: &Screen) -> Result<Outcome> {
    let titles: Vec<_> = runs.iter().map(SimulatedRun::title).collect();
    if screen.json {
        let json = |run: &SimulatedRun| {
            let mut json = simulated::trace_json(&run.name, &run.trace, &run.unmet);
            json["site"] = run.site.clone().into();
            json["sequence"] = run.sequence.clone().into();
            json
        };
        screen.print_json(&serde_json::json!({ "runs": runs.iter().map(json).collect::<Vec<_>>() }))?;
    } else if as_matrix {
        let traces: Vec<_> = runs.iter().map(|run| &run.trace).collect();
        screen.print_page(&simulated::matrix(&titles, &traces, screen.width()))?;
    } else {
        let mut page = Page::default();
        for (n, (title, run)) in titles.iter().zip(runs).enumerate() {
            if n > 0 {
                page.gap();
            }
            page.append(simulated::trace(title, &run.trace));
        }
        screen.print_page(&page)?;
    }
    let n_unmet = runs.iter().filter(|run| !run.unmet.is_empty()).count();
    if n_unmet == 0 {
        let n_tests = runs.iter().filter(|run| run.is_test).count();
        if n_tests > 0 {
            screen.status(&format!("{} as expected", report::counted(n_tests, "run")));
        }
        return Ok(Outcome::Done);
    }
    if !screen.json {
        let unmet = titles.iter().zip(runs).filter(|(_, run)| !run.unmet.is_empty());
        unmet.for_each(|(title, run)| screen.error_page(&simulated::unmet(title, &run.unmet)));
    }
    Ok(Outcome::ProblemsFound)
}
