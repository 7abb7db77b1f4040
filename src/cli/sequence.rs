//! `tsmedia sequence`: task sequences of the console as files of a repository, and back.

mod entries;
mod import;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Subcommand};

use super::file_kind;
use super::screen::Screen;
use super::{Outcome, parse_var};
use crate::error::{Error, Result};
use crate::foreign_text;
use crate::inputs::Inputs;
use crate::manifest::{self, task_sequence};
use crate::problem::Problems;
use crate::project::refuse_input;
use crate::report;
use crate::sequence::{self, Sequence};
use crate::write::{DiskOps, open, replace};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make files of exported task sequences.
    ///
    /// Reads the `.zip` that the console exports, a ZIP archive of such files, `object.xml`, and the XML of one sequence,
    /// in UTF-8, UTF-16 or the encoding that it declares. If an archive holds sequences that can't be read, the others
    /// are imported, and the exit code is 1.
    Import(import::Arguments),
    /// Make Configuration Manager's XML of a task sequence file.
    Export(ExportArguments),
    /// Draw a task sequence: a tree, or a picture for a review.
    Show(ShowArguments),
}

#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    #[command(flatten)]
    file: FileArguments,
    /// The file to write.
    #[arg(short, long, value_name = "OUT.XML")]
    out: Option<Utf8PathBuf>,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    #[command(flatten)]
    file: FileArguments,
    /// Draw it as a picture (SVG).
    #[arg(long, conflicts_with = "mermaid")]
    svg: bool,
    /// Draw it as a flow chart in the language of Mermaid.
    #[arg(long)]
    mermaid: bool,
}

/// A task sequence file, and what its templates know.
#[derive(Debug, Args)]
pub(super) struct FileArguments {
    /// The task sequence file.
    #[arg(value_name = "FILE")]
    pub file: Utf8PathBuf,
    /// The site that templates are rendered for.
    #[arg(long, value_name = "CODE")]
    pub site: Option<String>,
    /// A TOML file of template values.
    #[arg(long = "vars", value_name = "FILE")]
    pub vars_files: Vec<Utf8PathBuf>,
    /// A template value, nearer than those of any file.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_var)]
    pub vars: Vec<(String, String)>,
}

pub(super) fn run(command: &Command, screen: &Screen) -> Result<Outcome> {
    match command {
        Command::Import(arguments) => import::run(arguments, screen),
        Command::Export(arguments) => export(arguments, screen),
        Command::Show(arguments) => show(arguments, screen),
    }
}

/// Reads a task sequence file. Nothing if something is wrong with it, which has been said.
pub(super) fn read(arguments: &FileArguments, screen: &Screen) -> Result<Option<Sequence>> {
    read_noting(arguments, &mut Inputs::default(), screen)
}

fn read_noting(arguments: &FileArguments, inputs: &mut Inputs, screen: &Screen) -> Result<Option<Sequence>> {
    file_kind::expect_sequence(&arguments.file)?;
    let mut problems = Problems::default();
    let options = manifest::Options {
        vars_files: arguments.vars_files.clone(),
        vars: arguments.vars.clone(),
        sites: arguments.site.iter().cloned().collect(),
        ..manifest::Options::default()
    };
    let sequence = task_sequence::read_standalone(&arguments.file, &options, &mut problems, inputs)?;
    manifest::warn_unused_vars(&options, &mut problems);
    if problems.has_errors() && screen.json {
        screen.json(&report::json(&problems))?;
    } else {
        screen.problems(&problems);
    }
    Ok(sequence)
}

/// Fails if a file is there that may not be replaced.
fn refuse_existing(path: &Utf8Path, force: bool) -> Result<()> {
    open::refuse_link(path)?;
    if !force && path.symlink_metadata().is_ok() {
        return Err(Error::new(format!("`{path}` is there already")).help("move it away, or replace it with `--force`"));
    }
    Ok(())
}

/// Writes a file whole or not at all. A file that is there stays, unless it may be replaced.
fn put(path: &Utf8Path, text: &str, force: bool) -> Result<()> {
    refuse_existing(path, force)?;
    replace(&DiskOps::default(), path, text.as_bytes())
}

fn show(arguments: &ShowArguments, screen: &Screen) -> Result<Outcome> {
    let Some(sequence) = read(&arguments.file, screen)? else { return Ok(Outcome::Wrong) };
    match (arguments.svg, arguments.mermaid) {
        (true, _) => screen.document(&report::sequence::svg(&sequence)),
        (_, true) => screen.document(&report::sequence::mermaid(&sequence)),
        _ if screen.json => screen.json(&report::sequence::tree_json(&sequence)),
        _ => screen.data(&report::sequence::tree(&sequence)),
    }
}

fn export(arguments: &ExportArguments, screen: &Screen) -> Result<Outcome> {
    let mut inputs = Inputs::default();
    let Some(sequence) = read_noting(&arguments.file, &mut inputs, screen)? else { return Ok(Outcome::Wrong) };
    let xml = sequence::xml::write(&sequence)?;
    let xml = foreign_text::xml(&xml);
    match &arguments.out {
        Some(path) => {
            refuse_input(path, &inputs)?;
            put(path, &xml, arguments.force)?;
            screen.say(&format!("wrote `{path}`: `{}`, {} bytes", sequence.name, xml.len()));
            Ok(Outcome::Done)
        }
        None => screen.document(&format!("{xml}\n")),
    }
}
