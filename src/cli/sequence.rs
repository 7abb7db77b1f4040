//! `tsmedia sequence`: imports, exports and draws task sequences.

mod import;
mod manifest_entries;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Subcommand};

use super::file_kind;
use super::help::{MANIFEST, SEQUENCE_EXPORT, SEQUENCE_IMPORT, SEQUENCE_SHOW};
use super::screen::Screen;
use super::{Outcome, parse_var};
use crate::error::{Error, Result};
use crate::foreign_text;
use crate::inputs::Inputs;
use crate::manifest::{self, task_sequence};
use crate::problem::Problems;
use crate::project::refuse_input;
use crate::report::{self, DocumentKind};
use crate::sequence::{self, Sequence};
use crate::write::{DiskOps, open, replace};

#[derive(Debug, Subcommand)]
pub(super) enum SequenceCommand {
    /// Convert exported task sequences to TOML files.
    ///
    /// Reads the `.zip` that the console exports, a ZIP archive of such files, `object.xml`, the XML of one task sequence
    /// (in UTF-8, UTF-16 or the encoding it declares), and deployment shares of the Microsoft Deployment Toolkit.
    #[command(after_long_help = SEQUENCE_IMPORT)]
    Import(import::Arguments),
    /// Convert a task sequence file to Configuration Manager's XML.
    #[command(after_long_help = SEQUENCE_EXPORT)]
    Export(ExportArguments),
    /// Draw a task sequence as a tree, an SVG picture or a Mermaid chart.
    #[command(after_long_help = SEQUENCE_SHOW)]
    Show(ShowArguments),
}

impl SequenceCommand {
    /// Returns the kind of JSON document that the command prints.
    pub fn document(&self) -> DocumentKind {
        match self {
            Self::Import(_) => DocumentKind::SequenceImport,
            Self::Export(_) => DocumentKind::Other("sequence export"),
            Self::Show(_) => DocumentKind::SequenceShow,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    #[command(flatten)]
    file: FileArguments,
    /// File to write; by default, standard output.
    #[arg(short, long, value_name = "OUT.XML")]
    out: Option<Utf8PathBuf>,
    /// Replace an existing file.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    #[command(flatten)]
    file: FileArguments,
    /// Print a picture (SVG).
    #[arg(long, conflicts_with = "mermaid")]
    svg: bool,
    /// Print a flow chart for Mermaid.
    #[arg(long)]
    mermaid: bool,
}

// No doc comment: clap would take it for the description of the commands that flatten this.
#[derive(Debug, Args)]
pub(super) struct FileArguments {
    /// Task sequence file.
    #[arg(value_name = "FILE")]
    pub file: Utf8PathBuf,
    /// Site whose values templates use.
    #[arg(long, value_name = "CODE", help_heading = MANIFEST)]
    pub site: Option<String>,
    /// TOML file with template values; repeat for several.
    #[arg(long = "vars", value_name = "FILE", help_heading = MANIFEST)]
    pub vars_files: Vec<Utf8PathBuf>,
    /// Template value; takes precedence over files.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_var, help_heading = MANIFEST)]
    pub vars: Vec<(String, String)>,
}

pub(super) fn run(command: &SequenceCommand, screen: &Screen) -> Result<Outcome> {
    match command {
        SequenceCommand::Import(arguments) => import::run(arguments, screen),
        SequenceCommand::Export(arguments) => export(arguments, screen),
        SequenceCommand::Show(arguments) => show(arguments, screen),
    }
}

/// Reads a task sequence file; `None` if it has errors, which were printed.
pub(super) fn read(arguments: &FileArguments, screen: &Screen) -> Result<Option<Sequence>> {
    read_with_inputs(arguments, &mut Inputs::default(), screen)
}

fn read_with_inputs(arguments: &FileArguments, inputs: &mut Inputs, screen: &Screen) -> Result<Option<Sequence>> {
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
    screen.report_problems(&problems);
    Ok(sequence)
}

/// Fails if the file exists, unless `force` is set.
fn refuse_existing(path: &Utf8Path, force: bool) -> Result<()> {
    open::refuse_link(path)?;
    if !force && path.symlink_metadata().is_ok() {
        return Err(Error::new(format!("`{path}` already exists")).help("move it away, or replace it with `--force`"));
    }
    Ok(())
}

/// Writes a file atomically; replaces an existing one only with `force`.
fn write_file(path: &Utf8Path, text: &str, force: bool) -> Result<()> {
    refuse_existing(path, force)?;
    replace(&DiskOps::default(), path, text.as_bytes())
}

fn show(arguments: &ShowArguments, screen: &Screen) -> Result<Outcome> {
    let Some(sequence) = read(&arguments.file, screen)? else { return Ok(Outcome::ProblemsFound) };
    match (arguments.svg, arguments.mermaid) {
        (true, _) => screen.print_document(&report::sequence::svg(&sequence)),
        (_, true) => screen.print_document(&report::sequence::mermaid(&sequence)),
        _ if screen.json => screen.print_json(&report::sequence::tree_json(&sequence)),
        _ => screen.print_page(&report::sequence::tree(&sequence)),
    }
}

fn export(arguments: &ExportArguments, screen: &Screen) -> Result<Outcome> {
    let mut inputs = Inputs::default();
    let Some(sequence) = read_with_inputs(&arguments.file, &mut inputs, screen)? else {
        return Ok(Outcome::ProblemsFound);
    };
    let xml = sequence::xml::write(&sequence)?;
    let xml = foreign_text::xml(&xml);
    match &arguments.out {
        Some(path) => {
            refuse_input(path, &inputs)?;
            write_file(path, &xml, arguments.force)?;
            screen.status(&format!("wrote `{path}`: `{}`, {} bytes", sequence.name, xml.len()));
            Ok(Outcome::Done)
        }
        None => screen.print_document(&format!("{xml}\n")),
    }
}
