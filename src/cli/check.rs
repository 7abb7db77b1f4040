//! `tsmedia check`: reports all problems, each at the line that causes it.

mod format;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, ValueEnum};
use clap_complete::engine::ArgValueCompleter;

use format::CheckFormat;

use super::completions;
use super::project;
use super::screen::Screen;
use super::{ManifestArguments, Outcome};
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{self, Kind, suggest, task_sequence};
use crate::output::Output;
use crate::problem::{Problem, Problems};
use crate::project::Project;
use crate::report::{self, DocumentKind};
use crate::rule::Rule;
use crate::sequence;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    manifests: ManifestArguments,
    /// Fail if a certificate or a medium expires within this time, such as `30d` or `8w`.
    ///
    /// Counts from the real date, even if `SOURCE_DATE_EPOCH` is set.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    expires_within: Option<u64>,
    /// Kind of medium that task sequences given by themselves are checked for.
    #[arg(long, value_name = "KIND")]
    media_kind: Option<MediaKindArgument>,
    /// Print the problems in the format of a code forge or a test report.
    ///
    /// Paths start at the root of the Git repository, or else at the current folder.
    #[arg(long, value_name = "FORMAT", conflicts_with_all = ["explain", "json"])]
    format: Option<CheckFormat>,
    /// Check the other manifests if one can't be read.
    #[arg(long)]
    keep_going: bool,
    /// Explain a rule, such as `weak-password` or `R52`; without one, list all rules.
    #[arg(long, value_name = "RULE", num_args = 0..=1, add = ArgValueCompleter::new(completions::rules))]
    explain: Option<Option<String>>,
}

/// Parses a number of days or weeks, such as `30d`; returns seconds.
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

/// Kind of medium given with `--media-kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MediaKindArgument {
    Capture,
    Bootable,
    Prestaged,
    StandAlone,
}

impl From<MediaKindArgument> for Kind {
    fn from(kind: MediaKindArgument) -> Self {
        match kind {
            MediaKindArgument::Capture => Self::Capture,
            MediaKindArgument::Bootable => Self::Bootable,
            MediaKindArgument::Prestaged => Self::Prestaged,
            MediaKindArgument::StandAlone => Self::StandAlone,
        }
    }
}

impl Arguments {
    /// Returns the kind of JSON document that the command prints.
    pub fn document(&self) -> DocumentKind {
        if self.explain.is_some() { DocumentKind::Rules } else { DocumentKind::Check }
    }
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    if let Some(rule) = &arguments.explain {
        return explain(rule.as_deref(), screen);
    }
    // A file that can't be read counts as a manifest, and loading it reports the error.
    let is_sequence = |path: &&Utf8PathBuf| sequence::is_sequence_file(path);
    let (sequences, manifests): (Vec<_>, Vec<_>) = arguments.manifests.manifests.iter().partition(is_sequence);
    if let (true, Some(path)) = (arguments.media_kind.is_some(), manifests.first()) {
        return Err(Error::new(format!("`{path}` is a manifest, whose `media.kind` can't be overridden"))
            .help("use `--media-kind` only with task sequence files"));
    }
    let (mut checked, mut problems) = (Checked::default(), Problems::default());
    let result = check(arguments, &sequences, manifests, &mut checked, &mut problems);
    let Some(format) = arguments.format else {
        result?;
        let files = &arguments.manifests.manifests;
        return finish(&problems, &checked, arguments.keep_going.then_some(files), screen);
    };
    match result {
        Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
        Err(error) => {
            screen.print_error(&error);
            problems.add(Problem::from(&error));
        }
        Ok(()) => {}
    }
    format::print(format, &problems, &arguments.manifests.manifests, &checked.projects, screen)?;
    screen.status(&report::summary(&problems).unwrap_or_else(|| "no problems".into()));
    Ok(if problems.has_errors() { Outcome::ProblemsFound } else { Outcome::Done })
}

/// Checked files and media.
#[derive(Default)]
struct Checked {
    /// Task sequence files, with the number of their steps.
    sequences: Vec<(Utf8PathBuf, usize)>,
    projects: Vec<Project>,
}

/// Checks task sequences and manifests. Their problems are in one list.
fn check(
    arguments: &Arguments,
    sequences: &[&Utf8PathBuf],
    manifests: Vec<&Utf8PathBuf>,
    checked: &mut Checked,
    problems: &mut Problems,
) -> Result<()> {
    let options = arguments.manifests.options();
    for path in sequences.iter().copied() {
        problems.enter(path.as_str(), None);
        let found = task_sequence::check_standalone(path, &options, arguments.media_kind.map(Kind::from), problems)?;
        checked.sequences.push((path.clone(), found.map_or(0, |sequence| sequence.n_steps())));
    }
    problems.enter("", None);
    if manifests.is_empty() {
        manifest::warn_unused_vars(&options, problems);
        return Ok(());
    }
    let manifests = manifests.into_iter().cloned().collect();
    let manifests = ManifestArguments { manifests, ..arguments.manifests.clone() };
    checked.projects = project::resolve(&manifests, arguments.keep_going, arguments.expires_within, problems)?;
    Ok(())
}

/// Prints the problems and a verdict. If there are errors, the verdict is about the other files, and only with
/// `--keep-going`, which passes all `files`.
fn finish(
    problems: &Problems,
    checked: &Checked,
    files: Option<&Vec<Utf8PathBuf>>,
    screen: &Screen,
) -> Result<Outcome> {
    if screen.json {
        screen.collect_problems(problems);
        screen.print_json(&report::checked_json(&checked.projects, &checked.sequences, problems.lowerings.list()))?;
    } else {
        screen.report_problems(problems);
    }
    problems.lowerings.list().iter().for_each(|lowering| screen.status(&report::lowering(lowering)));
    let failed = match (problems.has_errors(), files) {
        (false, _) => Vec::new(),
        (true, Some(files)) => project::failed(problems, files),
        (true, None) => return Ok(Outcome::ProblemsFound),
    };
    let sound = checked.projects.iter().filter(|project| failed.iter().all(|path| path != project.manifest()));
    let (ready, waiting): (Vec<_>, Vec<_>) = sound.partition(|project| project.awaited().is_empty());
    for project in waiting {
        let files: Vec<_> = project.awaited().iter().map(|file| format!("`{file}`")).collect();
        let (manifest, files) = (project.manifest(), files.join(", "));
        screen.status(&format!("no errors in `{manifest}` so far; check it again once {files} is captured"));
    }
    let sequences: Vec<_> = checked.sequences.iter().filter(|(path, _)| !failed.contains(path)).collect();
    let sound = CheckedFiles::new(&sequences, &ready);
    if sound.n_files() > 0 {
        screen.status(&sound.summary(problems));
    }
    if problems.has_errors() {
        project::print_failed(&failed, files.map_or(0, Vec::len), screen);
        return Ok(Outcome::ProblemsFound);
    }
    Ok(Outcome::Done)
}

/// Files without errors, and what they describe.
#[derive(Default)]
struct CheckedFiles<'a> {
    paths: Vec<&'a Utf8Path>,
    n_manifests: usize,
    n_media: usize,
    /// Discs of media sets, or 0 if there are no sets.
    n_discs: usize,
    n_captures: usize,
    n_steps: usize,
}

impl<'a> CheckedFiles<'a> {
    /// Counts task sequences with their steps, and the outputs of projects.
    fn new(sequences: &[&'a (Utf8PathBuf, usize)], projects: &[&'a Project]) -> Self {
        let n_steps = sequences.iter().map(|(_, n_steps)| n_steps).sum();
        let mut files = Self { n_manifests: projects.len(), n_steps, ..Self::default() };
        files.paths.extend(projects.iter().map(|project| project.manifest()));
        files.paths.extend(sequences.iter().map(|(path, _)| path.as_path()));
        let outputs: Vec<_> = projects.iter().flat_map(|project| project.media()).map(|(_, output)| output).collect();
        // A media set counts as one medium, so count its first discs.
        let is_first = |output: &&&Output| output.disc.as_ref().is_none_or(|disc| disc.number == 1);
        files.n_media = outputs.iter().filter(is_first).count();
        files.n_discs = if outputs.iter().any(|output| output.disc.is_some()) { outputs.len() } else { 0 };
        files.n_captures = projects.iter().flat_map(|project| project.targets()).count() - outputs.len();
        files
    }

    fn n_files(&self) -> usize {
        self.paths.len()
    }

    /// Returns the result in one line, such as ``no problems in `media.toml`: it builds 2 media``.
    fn summary(&self, problems: &Problems) -> String {
        let verdict = if problems.sorted().is_empty() { "no problems" } else { "no errors" };
        let n_sequences = self.n_files() - self.n_manifests;
        let steps = format!("a task sequence with {}", report::counted(self.n_steps, "step"));
        let one = self.n_files() == 1;
        let mut made = Vec::new();
        if self.n_media > 0 {
            let media = report::counted(self.n_media, "medium");
            let discs = format!(" on {}", report::counted(self.n_discs, "disc"));
            made.push(format!("{} {media}{}", verb(one, "build"), if self.n_discs > 0 { &discs } else { "" }));
        }
        if self.n_captures > 0 {
            made.push(format!("{} {}", verb(one, "capture"), report::counted(self.n_captures, "WIM file")));
        }
        let made = made.join(", ");
        match &self.paths[..] {
            [path] if n_sequences == 1 => format!("{verdict} in `{path}`: {steps}"),
            [path] => format!("{verdict} in `{path}`: it {made}"),
            _ => {
                let counts = [(self.n_manifests, "manifest"), (n_sequences, "task sequence")];
                let counts = counts.into_iter().filter(|(n, _)| *n > 0);
                let files: Vec<_> = counts.map(|(n, noun)| report::counted(n, noun)).collect();
                let made = if made.is_empty() { String::new() } else { format!(": they {made}") };
                format!("{verdict} in {}{made}", files.join(" and "))
            }
        }
    }
}

/// Returns the form of a verb for one thing or several.
fn verb(one: bool, verb: &str) -> String {
    if one { format!("{verb}s") } else { verb.to_owned() }
}

fn explain(name: Option<&str>, screen: &Screen) -> Result<Outcome> {
    let Some(name) = name else {
        return match screen.json {
            true => screen.print_json(&report::rules_json(&Rule::all())),
            false => screen.print_page(&report::rules()),
        };
    };
    let Some(rule) = Rule::parse(name) else {
        let help = match suggest::nearest(name, Rule::all().into_iter().map(Rule::slug)) {
            Some(near) => format!("did you mean `{near}`? `tsmedia check --explain` lists all rules"),
            None => "`tsmedia check --explain` lists all rules".into(),
        };
        return Err(Error::new(format!("there is no rule `{name}`")).help(help));
    };
    match screen.json {
        true => screen.print_json(&report::rules_json(&[rule])),
        false => screen.print_page(&report::rule(rule)),
    }
}
