//! The command line: reads arguments, the environment, the clock and the terminal, and nobody else does.
//!
//! Every command is a view of one value of the pipeline. Data goes to standard output, everything else to standard
//! error. Exit codes: 0 done, 1 failed, 2 something to do (`plan --detailed-exitcode`), 64 wrong usage,
//! 130 interrupted.

mod apply;
mod bar;
mod cache;
mod capture;
mod certificate;
mod check;
mod diff;
mod file_kind;
mod import;
mod init;
mod inspect;
mod lsp;
mod password;
mod plan;
mod project;
mod render;
mod saved;
mod screen;
mod sequence;
mod signals;
mod simulate;
mod verify;
mod watch;
mod write;

use std::io::Write as _;
use std::process::ExitCode;

use camino::Utf8PathBuf;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::error::{self, Result};
use crate::manifest;
use crate::project::BuildOptions;

use screen::Screen;

const AFTER_HELP: &str = "\
Start with `tsmedia init`; then `check`, `plan` and `apply` the manifest.

Exit codes: 0 done; 1 failed, a wrong manifest included; 2 something to do (`plan
--detailed-exitcode`); 64 wrong usage; 130 interrupted.";

/// Builds Windows deployment media from a manifest.
#[derive(Debug, Parser)]
#[command(name = "tsmedia", version, max_term_width = 100, arg_required_else_help = true, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print data as JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a manifest to start from.
    Init(init::Arguments),
    /// Write a manifest that builds a finished medium again.
    Import(import::Arguments),
    /// Say everything that is wrong with manifests.
    Check(check::Arguments),
    /// Print manifests as they are after profiles and templates, for each site.
    Render(ManifestArguments),
    /// Say what apply would do, and why.
    Plan(plan::Arguments),
    /// Build the media that are not up to date, or do what a saved plan says.
    Apply(apply::Arguments),
    /// Build the media anew whenever what they are made of changes.
    Watch(watch::Arguments),
    /// Say what two media differ in: manifests, records or finished ones.
    Diff(diff::Arguments),
    /// Show what a medium holds, how it starts, and where things are on it.
    Inspect(inspect::Arguments),
    /// Check every byte of a medium against the digests that it carries.
    Verify(verify::Arguments),
    /// Put a finished medium on a USB stick.
    Write(write::Arguments),
    /// Make a WIM file of folders, volumes or disks.
    Capture(capture::Arguments),
    /// Run a task sequence without a target, and say what would happen.
    Simulate(simulate::Arguments),
    /// Make files of exported task sequences, and XML of such files.
    #[command(subcommand)]
    Sequence(sequence::Command),
    /// Print the certificate that a medium presents to management points, to register it at the site.
    Certificate(ManifestArguments),
    /// Show what the cache holds, or empty it.
    Cache(cache::Arguments),
    /// Print the JSON Schema of the manifest or another file, for editors.
    Schema {
        /// Kind of file.
        #[arg(value_name = "OF", default_value = "manifest")]
        of: SchemaOf,
    },
    /// Serve editors: problems as you type, completion, documentation, definitions and fixes.
    Lsp,
    /// Print a generated page of the manual, in Markdown.
    #[command(hide = true)]
    Reference {
        /// The page.
        page: ReferencePage,
    },
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// What a schema describes.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum SchemaOf {
    /// The manifest.
    Manifest,
    /// A task sequence.
    Sequence,
    /// A fact file of `simulate`.
    Facts,
    /// A content library.
    Library,
    /// A site file, which `data` of a site names.
    Site,
}

/// A generated page of the manual.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ReferencePage {
    /// `docs/reference/rules.md`.
    Rules,
    /// `docs/reference/steps.md`.
    Steps,
}

/// Which manifests, for which sites, with which template values.
#[derive(Debug, Clone, Args)]
struct ManifestArguments {
    /// The manifests.
    #[arg(value_name = "MANIFEST", default_value = "media.toml")]
    manifests: Vec<Utf8PathBuf>,
    /// Only this site (repeat it for several).
    #[arg(long = "site", value_name = "CODE")]
    sites: Vec<String>,
    /// A TOML file of template values.
    #[arg(long = "vars", value_name = "FILE")]
    vars_files: Vec<Utf8PathBuf>,
    /// A template value, nearer than those of any file.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_var)]
    vars: Vec<(String, String)>,
}

/// How media are built.
#[derive(Debug, Args)]
struct BuildArguments {
    /// Replace files at the outputs' paths that tsmedia did not make.
    #[arg(long)]
    force: bool,
    /// Build what changed anew, and never by changing the medium that is there.
    #[arg(long)]
    no_patch: bool,
}

impl BuildArguments {
    fn options(&self) -> BuildOptions {
        BuildOptions { force: self.force, no_patch: self.no_patch }
    }
}

impl ManifestArguments {
    fn options(&self) -> manifest::Options {
        let (vars_files, vars, sites) = (self.vars_files.clone(), self.vars.clone(), self.sites.clone());
        manifest::Options { vars_files, vars, sites, ..Default::default() }
    }
}

fn parse_var(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".into()),
    }
}

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Done,
    /// The command did its work and found something wrong, and has said so.
    Wrong,
    /// `plan --detailed-exitcode` found something to do.
    Changes,
    /// A signal ended what has no end of its own.
    Interrupted,
    /// The arguments make no sense together, and it was said why.
    WrongUsage,
}

const WRONG_USAGE: u8 = 64;
const INTERRUPTED: u8 = 130;

/// Runs the command line and says how it ended.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are errors to clap, but not to the shell.
            let code = if error.use_stderr() { WRONG_USAGE } else { 0 };
            let is_unknown = error.kind() == ErrorKind::InvalidSubcommand;
            screen::say_usage(error);
            if is_unknown {
                let _ = write!(std::io::stderr(), "{}", commands(std::env::args().nth(1).as_deref()));
            }
            return code.into();
        }
    };
    let screen = Screen::of_process(cli.json);
    signals::survive_file_size_limit();
    match run(cli.command, &screen) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Wrong) => ExitCode::FAILURE,
        Ok(Outcome::Changes) => 2.into(),
        Ok(Outcome::Interrupted) => INTERRUPTED.into(),
        Ok(Outcome::WrongUsage) => WRONG_USAGE.into(),
        Err(error) if error.kind() == error::ErrorKind::Interrupted => {
            screen.error(&error);
            INTERRUPTED.into()
        }
        Err(error) => {
            screen.failed(&error);
            ExitCode::FAILURE
        }
    }
}

/// The commands below one that has some, or all of them, for who has typed another.
fn commands(below: Option<&str>) -> String {
    let cli = Cli::command();
    let command = below.and_then(|name| cli.find_subcommand(name)).filter(|command| command.has_subcommands());
    let commands = command.unwrap_or(&cli).get_subcommands().filter(|command| !command.is_hide_set());
    let names: Vec<_> = commands.map(|command| command.get_name()).collect();
    format!("\nThere is {}.\n", manifest::suggest::one_of(names).replace(" or ", " and "))
}

fn run(command: Command, screen: &Screen) -> Result<Outcome> {
    match command {
        Command::Init(arguments) => init::run(&arguments, screen),
        Command::Check(arguments) => check::run(&arguments, screen),
        Command::Render(arguments) => render::run(&arguments, screen),
        Command::Plan(arguments) => plan::run(&arguments, screen),
        Command::Apply(arguments) => apply::run(&arguments, screen),
        Command::Watch(arguments) => watch::run(&arguments, screen),
        Command::Diff(arguments) => diff::run(&arguments, screen),
        Command::Inspect(arguments) => inspect::run(&arguments, screen),
        Command::Verify(arguments) => verify::run(&arguments, screen),
        Command::Write(arguments) => write::run(&arguments, screen),
        Command::Capture(arguments) => capture::run(&arguments, screen),
        Command::Simulate(arguments) => simulate::run(&arguments, screen),
        Command::Import(arguments) => import::run(&arguments, screen),
        Command::Sequence(command) => sequence::run(&command, screen),
        Command::Certificate(arguments) => certificate::run(&arguments, screen),
        Command::Cache(arguments) => cache::run(&arguments, screen),
        Command::Schema { of: SchemaOf::Manifest } => screen.document(&manifest::editor_schema()),
        Command::Schema { of: SchemaOf::Sequence } => screen.document(&crate::sequence::schema()),
        Command::Reference { page: ReferencePage::Rules } => screen.document(&crate::report::rules_reference()),
        Command::Reference { page: ReferencePage::Steps } => screen.document(&crate::report::steps_reference()),
        Command::Schema { of: SchemaOf::Library } => screen.document(&manifest::library_schema()),
        Command::Schema { of: SchemaOf::Facts } => screen.document(&crate::simulate::editor_schema()),
        Command::Schema { of: SchemaOf::Site } => screen.document(&manifest::site_file_schema()),
        Command::Lsp => lsp::run(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tsmedia", &mut script);
            screen.document(&String::from_utf8_lossy(&script))
        }
    }
}
