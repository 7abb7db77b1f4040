//! `tsmedia simulate`: runs a task sequence without a target.

use camino::Utf8PathBuf;
use clap::Args;

use super::screen::Screen;
use super::{Outcome, parse_var};
use crate::error::{Error, Result};
use crate::inputs::Inputs;
use crate::manifest;
use crate::problem::Problems;
use crate::report::{self, simulated};
use crate::sequence;
use crate::simulate::{self, simulate};

const AFTER_HELP: &str = "\
A fact file says what the sequence is started from, what the computer is, and how steps end:

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
    /// The sequence file.
    #[arg(value_name = "SEQUENCE")]
    sequence: Utf8PathBuf,
    /// A fact file (repeat it for several computers).
    #[arg(long = "facts", value_name = "FILE", required = true)]
    facts: Vec<Utf8PathBuf>,
    /// Show what becomes of each step in each run as a table, in place of the runs.
    #[arg(long)]
    matrix: bool,
    /// What templates of the sequence know as `site.code`.
    #[arg(long, value_name = "CODE")]
    site: Option<String>,
    /// A TOML file of template values.
    #[arg(long = "vars", value_name = "FILE")]
    vars_files: Vec<Utf8PathBuf>,
    /// A template value, nearer than those of any file.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_var)]
    vars: Vec<(String, String)>,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let mut problems = Problems::default();
    let mut inputs = Inputs::default();
    let options = manifest::Options {
        vars_files: arguments.vars_files.clone(),
        vars: arguments.vars.clone(),
        sites: arguments.site.iter().cloned().collect(),
    };
    let context = manifest::context_without(&options, &mut problems, &mut inputs)?;
    let sequence = match context {
        Some(context) => sequence::read(&arguments.sequence, &context, &mut problems, &mut inputs)?,
        None => None,
    };
    let mut all_facts = Vec::new();
    for path in &arguments.facts {
        all_facts.extend(simulate::read(path, &mut problems, &mut inputs)?);
    }
    if problems.has_errors() && screen.json {
        screen.json(&report::json(&problems))?;
    } else {
        screen.problems(&problems);
    }
    let Some(sequence) = sequence.filter(|_| !problems.has_errors()) else { return Ok(Outcome::Wrong) };
    let names: Vec<_> = all_facts.iter().map(|facts| facts.name.clone().unwrap_or_default()).collect();
    if let Some(twice) = names.iter().enumerate().find_map(|(at, name)| names[..at].contains(name).then_some(name)) {
        return Err(Error::new(format!("two fact files are called `{twice}`")).help("give one of them another `name`"));
    }
    let traces: Vec<_> = all_facts.iter().map(|facts| simulate(&sequence, facts)).collect();
    let unmet: Vec<_> = all_facts
        .iter()
        .zip(&traces)
        .map(|(facts, trace)| facts.expect.as_ref().map(|expect| expect.unmet(trace)).unwrap_or_default())
        .collect();
    if screen.json {
        let runs = names.iter().zip(&traces).zip(&unmet);
        let runs: Vec<_> = runs.map(|((name, trace), unmet)| simulated::trace_json(name, trace, unmet)).collect();
        screen.json(&serde_json::json!({ "sequence": sequence.name, "runs": runs }))?;
    } else if arguments.matrix {
        screen.data(&simulated::matrix(&names, &traces))?;
    } else {
        let runs: Vec<_> = names.iter().zip(&traces).map(|(name, trace)| simulated::trace(name, trace)).collect();
        screen.data(&runs.join("\n"))?;
    }
    if unmet.iter().all(Vec::is_empty) {
        let n_tests = all_facts.iter().filter(|facts| facts.expect.is_some()).count();
        if n_tests > 0 {
            screen.say(&format!("{} as expected", report::counted(n_tests, "run")));
        }
        return Ok(Outcome::Done);
    }
    if !screen.json {
        names.iter().zip(&unmet).for_each(|(name, unmet)| screen.say(simulated::unmet(name, unmet).trim_end()));
    }
    Ok(Outcome::Wrong)
}
