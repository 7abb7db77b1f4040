//! `tsmedia check`: reports all problems, each at the line that causes it.

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, ValueEnum};

use super::project;
use super::screen::Screen;
use super::{ManifestArguments, Outcome};
use crate::error::{Error, Result};
use crate::manifest::{self, Kind, suggest, task_sequence};
use crate::output::Output;
use crate::problem::Problems;
use crate::report;
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
    /// Explain a rule, such as `weak-password` or `R52`; without one, list all rules.
    #[arg(long, value_name = "RULE", num_args = 0..=1)]
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
    let mut problems = Problems::default();
    // One list: problems of manifests are added to those of task sequences and printed with them.
    let options = arguments.manifests.options();
    let mut n_steps = Vec::new();
    for path in &sequences {
        let found =
            task_sequence::check_standalone(path, &options, arguments.media_kind.map(Kind::from), &mut problems)?;
        n_steps.push(found.map_or(0, |sequence| sequence.n_steps()));
    }
    if manifests.is_empty() {
        manifest::warn_unused_vars(&options, &mut problems);
        print_problems(&problems, screen)?;
        if problems.has_errors() {
            return Ok(Outcome::ProblemsFound);
        }
        return print_sequences(&sequences, &n_steps, &problems, screen);
    }
    let manifests = manifests.into_iter().cloned().collect();
    let expires_within = arguments.expires_within;
    let arguments = &ManifestArguments { manifests, ..arguments.manifests.clone() };
    let projects = project::resolve(arguments, expires_within, &mut problems)?;
    print_problems(&problems, screen)?;
    if problems.has_errors() {
        return Ok(Outcome::ProblemsFound);
    }
    print_sequences(&sequences, &n_steps, &problems, screen)?;
    let verdict = verdict(&problems);
    for (manifest, project) in arguments.manifests.iter().zip(&projects) {
        let outputs: Vec<_> = project.media().map(|(_, output)| output).collect();
        if !project.awaited().is_empty() {
            let files: Vec<_> = project.awaited().iter().map(|file| format!("`{file}`")).collect();
            screen.status(&format!(
                "no errors in `{manifest}` so far; check it again once {} is captured",
                files.join(", ")
            ));
            continue;
        }
        if project.is_capture() {
            let files = report::counted(project.targets().len(), "WIM file");
            screen.status(&format!("{verdict} in `{manifest}`: it captures {files}"));
            continue;
        }
        // A media set counts as one medium, so count its first discs.
        let is_first = |output: &&&Output| output.disc.as_ref().is_none_or(|disc| disc.number == 1);
        let mut media = match outputs.iter().filter(is_first).count() {
            1 => "1 medium".to_owned(),
            n => format!("{n} media"),
        };
        if outputs.iter().any(|output| output.disc.is_some()) {
            media += &format!(" on {}", report::counted(outputs.len(), "disc"));
        }
        screen.status(&format!("{verdict} in `{manifest}`: it builds {media}"));
    }
    Ok(Outcome::Done)
}

/// Prints the problems, and the rules whose severity was lowered.
fn print_problems(problems: &Problems, screen: &Screen) -> Result<()> {
    if screen.json {
        screen.print_json(&report::json(problems))?;
    } else {
        screen.print_problems(problems);
    }
    problems.lowerings().iter().for_each(|lowering| screen.status(&report::lowering(lowering)));
    Ok(())
}

fn verdict(problems: &Problems) -> &'static str {
    if problems.sorted().is_empty() { "no problems" } else { "no errors" }
}

fn print_sequences(paths: &[&Utf8PathBuf], n_steps: &[usize], problems: &Problems, screen: &Screen) -> Result<Outcome> {
    for (path, n_steps) in paths.iter().zip(n_steps) {
        let path: &Utf8Path = path;
        let steps = report::counted(*n_steps, "step");
        screen.status(&format!("{} in `{path}`: a task sequence with {steps}", verdict(problems)));
    }
    Ok(Outcome::Done)
}

fn explain(name: Option<&str>, screen: &Screen) -> Result<Outcome> {
    let Some(name) = name else {
        return match screen.json {
            true => screen.print_json(&report::rules_json()),
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
        true => screen.print_json(&report::rule_json(rule)),
        false => screen.print_page(&report::rule(rule)),
    }
}
