//! `tsmedia simulate`: runs a task sequence, or the one of a manifest, without a target.

use camino::Utf8PathBuf;
use clap::Args;

use super::file_kind::{self, FileKind};
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

const AFTER_HELP: &str = "\
Of a manifest, the task sequence of each site is run: from a medium of its kind, with
its variables and its content. Secrets are not read.

A fact file says what the computer is and how steps end; beside a sequence file, also
what the sequence is started from. A step is marked `?` if the facts do not tell whether
it runs, and names the fact to add; the run goes on without it.

  facts-version = 1
  media = \"stand-alone\"
  firmware = \"uefi\"

  [[step]]
  name = \"Install VPN\"
  exit-codes = [1]

  [expect]
  result = \"failure\"

Where something is expected and does not come, the command fails with exit code 1.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// The manifest, or a sequence file by itself.
    #[arg(value_name = "FILE", default_value = DEFAULT_MANIFEST)]
    file: Utf8PathBuf,
    /// A fact file (repeat it for several computers).
    #[arg(long = "facts", value_name = "FILE", required = true)]
    facts: Vec<Utf8PathBuf>,
    /// Show what becomes of each step in each run as a table, in place of the runs.
    #[arg(long)]
    matrix: bool,
    /// Only this site of the manifest; what templates of a sequence file know as `site.code`.
    #[arg(long, value_name = "CODE")]
    site: Option<String>,
    /// A TOML file of template values.
    #[arg(long = "vars", value_name = "FILE")]
    vars_files: Vec<Utf8PathBuf>,
    /// A template value, nearer than those of any file.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_var)]
    vars: Vec<(String, String)>,
}

/// A sequence by the facts about a computer.
struct Run {
    name: String,
    site: Option<String>,
    sequence: String,
    trace: Trace,
    /// Whether the facts expect something of it.
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
    // What can't be read is complained of where it is read.
    let is_sequence = sequence::is_sequence_file(&arguments.file);
    let runs = if is_sequence { of_sequence(arguments, &mut problems) } else { of_manifest(arguments, &mut problems) };
    problems.drop_notes();
    if problems.has_errors() && screen.json {
        screen.json(&report::json(&problems))?;
    } else {
        screen.problems(&problems);
    }
    let runs = runs?;
    if problems.has_errors() {
        return Ok(Outcome::Wrong);
    }
    say(&runs, arguments.matrix, screen)
}

/// The runs of a sequence file by itself.
fn of_sequence(arguments: &Arguments, problems: &mut Problems) -> Result<Vec<Run>> {
    let mut inputs = Inputs::default();
    let sequence = task_sequence::read_standalone(&arguments.file, &arguments.options(), problems, &mut inputs)?;
    let files = arguments.read_facts(problems, &mut inputs)?;
    let media: Vec<_> = files.iter().filter_map(|file| simulate::medium_of_facts(file, problems)).collect();
    if let Some(sequence) = &sequence {
        files.iter().for_each(|file| simulate::check_names(&[sequence], file, problems));
    }
    let Some(sequence) = sequence.filter(|_| !problems.has_errors()) else { return Ok(Vec::new()) };
    unlike_names(&files)?;
    Ok(files.iter().zip(&media).map(|(file, medium)| Run::new(&sequence, None, file, medium)).collect())
}

/// The runs of a manifest: of each site by each fact file.
fn of_manifest(arguments: &Arguments, problems: &mut Problems) -> Result<Vec<Run>> {
    let mut inputs = Inputs::default();
    let path = &arguments.file;
    let loaded = manifest::load_with_inputs(path, &arguments.options(), problems, &mut inputs)?;
    let rendered = match loaded {
        Loaded::Media(rendered) => rendered,
        Loaded::Captures(_) => {
            return Err(Error::new(format!("`{path}` captures, and has no task sequence to simulate"))
                .help("name the manifest of a medium, or a sequence file"));
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
            runs.push(Run::new(sequence, rendered.site.clone(), file, &medium));
        }
    }
    if !problems.has_errors() {
        unlike_names(&files)?;
    }
    Ok(runs)
}

fn no_sequence(rendered: &Rendered) -> Error {
    let path = &rendered.path;
    match rendered.manifest.media.kind {
        Kind::Bootable => Error::new(format!("`{path}` makes bootable media, which carry no task sequence"))
            .help("name the sequence file, and say `media = \"bootable\"` in the fact file"),
        _ => Error::new(format!("`{path}` names no task sequence"))
            .help("add `[task-sequence]` with `file = \"sequences/deploy.toml\"`, or name the sequence file"),
    }
}

fn unlike_names(files: &[FactFile]) -> Result<()> {
    let names: Vec<_> = files.iter().map(|file| &file.facts.name).collect();
    match names.iter().enumerate().find_map(|(at, name)| names[..at].contains(name).then_some(name)) {
        Some(twice) => {
            let name = twice.as_deref().unwrap_or_default();
            Err(Error::new(format!("two fact files are called `{name}`")).help("give one of them another `name`"))
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

impl Run {
    fn new(sequence: &Sequence, site: Option<String>, file: &FactFile, medium: &Medium) -> Self {
        let trace = simulate(sequence, &file.facts, medium);
        let unmet = file.facts.expect.as_ref().map(|expect| expect.unmet(&trace)).unwrap_or_default();
        let name = file.facts.name.clone().unwrap_or_default();
        let is_test = file.facts.expect.is_some();
        Self { name, site, sequence: sequence.name.clone(), trace, is_test, unmet }
    }

    /// What it is called in texts.
    fn title(&self) -> String {
        match &self.site {
            Some(site) => format!("{} ({site})", self.name),
            None => self.name.clone(),
        }
    }
}

fn say(runs: &[Run], as_matrix: bool, screen: &Screen) -> Result<Outcome> {
    let titles: Vec<_> = runs.iter().map(Run::title).collect();
    if screen.json {
        let json = |run: &Run| {
            let mut json = simulated::trace_json(&run.name, &run.trace, &run.unmet);
            json["site"] = run.site.clone().into();
            json["sequence"] = run.sequence.clone().into();
            json
        };
        screen.json(&serde_json::json!({ "runs": runs.iter().map(json).collect::<Vec<_>>() }))?;
    } else if as_matrix {
        let traces: Vec<_> = runs.iter().map(|run| &run.trace).collect();
        screen.data(&simulated::matrix(&titles, &traces, screen.width()))?;
    } else {
        let mut page = Page::default();
        for (n, (title, run)) in titles.iter().zip(runs).enumerate() {
            if n > 0 {
                page.gap();
            }
            page.append(simulated::trace(title, &run.trace));
        }
        screen.data(&page)?;
    }
    let n_unmet = runs.iter().filter(|run| !run.unmet.is_empty()).count();
    if n_unmet == 0 {
        let n_tests = runs.iter().filter(|run| run.is_test).count();
        if n_tests > 0 {
            screen.say(&format!("{} as expected", report::counted(n_tests, "run")));
        }
        return Ok(Outcome::Done);
    }
    if !screen.json {
        let unmet = titles.iter().zip(runs).filter(|(_, run)| !run.unmet.is_empty());
        unmet.for_each(|(title, run)| screen.say_page(&simulated::unmet(title, &run.unmet)));
    }
    Ok(Outcome::Wrong)
}
