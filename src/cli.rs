//! The command line. Only this module reads arguments, the environment, the clock and the terminal.
//!
//! Data goes to standard output, everything else to standard error. Exit codes: 0 success, 1 failure, 2 changes pending
//! (`--detailed-exitcode`), 64 wrong usage, 130 interrupted.

mod apply;
mod attest;
mod bar;
mod cache;
mod capture;
mod certificate;
mod check;
mod completions;
mod confirm;
mod credential_files;
mod destroy;
mod diff;
mod file_kind;
mod help;
mod import;
mod init;
mod inspect;
mod lock;
mod lsp;
mod man;
mod password;
mod plan;
mod project;
mod reference;
mod remote;
mod render;
mod report_file;
mod saved;
mod schema;
mod screen;
mod sequence;
mod show;
mod sign;
mod signals;
mod simulate;
mod verify;
mod watch;
mod write;

use std::io::Write as _;
use std::process::ExitCode;

use camino::Utf8PathBuf;
use clap::error::ErrorKind;
use clap::{ArgAction, Args, ColorChoice, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::engine::ArgValueCompleter;

use crate::error::{self, Result};
use crate::manifest;
use crate::project::BuildOptions;
use crate::report::DocumentKind;

pub use help::command;
use help::{BUILD, GLOBAL, MANIFEST};
use screen::Screen;

/// Build Windows deployment media from a manifest.
///
/// A manifest, by default `media.toml`, describes Configuration Manager task sequence media: stand-alone, bootable,
/// prestaged or capture media. tsmedia checks it, plans what has to change, and builds ISO files, images of USB sticks
/// and WIM files. A medium is rebuilt or patched only if its inputs changed.
#[derive(Debug, Parser)]
#[command(
    name = "tsmedia",
    version,
    max_term_width = 80,
    arg_required_else_help = true,
    disable_help_flag = true,
    disable_version_flag = true,
    after_help = help::FOOTER,
    after_long_help = help::TOP
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print data as JSON.
    #[arg(long, global = true, help_heading = GLOBAL)]
    json: bool,
    /// Use this folder as the cache.
    #[arg(long, global = true, value_name = "FOLDER", help_heading = GLOBAL)]
    cache_dir: Option<Utf8PathBuf>,
    /// Print only data and errors.
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    quiet: bool,
    /// When to use colours: in a terminal, always or never.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_possible_values = true,
        hide_default_value = true, help_heading = GLOBAL)]
    color: ColorChoice,
    /// Print all help; `-h` prints a summary.
    #[arg(short, long, global = true, action = ArgAction::Help, help_heading = GLOBAL)]
    help: Option<bool>,
    /// Print the version.
    #[arg(short = 'V', long, action = ArgAction::Version, help_heading = GLOBAL)]
    version: Option<bool>,
}

/// The commands, in the order of [`help::GROUPS`].
#[derive(Debug, Subcommand)]
enum Command {
    /// Create a manifest or a task sequence from a template.
    #[command(after_long_help = help::INIT)]
    Init(init::Arguments),
    /// Create a manifest from a finished medium.
    ///
    /// Reads media of Configuration Manager, Windows setup or tsmedia, and the Windows PE folders of the ADK. The medium
    /// stays the source of its content, so nothing large is copied. Anything that can't be determined is a comment in the
    /// manifest and a warning.
    #[command(after_long_help = help::IMPORT)]
    Import(import::Arguments),
    /// Report all problems in manifests and task sequences.
    ///
    /// Each problem is shown at the line that causes it. Reads the files that manifests name, and writes nothing.
    #[command(after_long_help = help::CHECK)]
    Check(check::Arguments),
    /// Print manifests with profiles and templates applied.
    ///
    /// Prints the manifest of each site. Secrets are never printed.
    #[command(after_long_help = help::RENDER)]
    Render(ManifestArguments),
    /// Show what `apply` would do, and why.
    ///
    /// Compares each medium with the record of its last build and with the file on disk. Writes nothing but the cache.
    #[command(after_long_help = help::PLAN)]
    Plan(plan::Arguments),
    /// Show a saved plan.
    ///
    /// Prints it as `plan` did, with the actions and reasons of the time it was saved.
    #[command(after_long_help = help::SHOW)]
    Show(show::Arguments),
    /// Build the media that are out of date, or apply a saved plan.
    ///
    /// Each file is written beside the old one and then takes its place, or is patched in place under a journal.
    #[command(after_long_help = help::APPLY)]
    Apply(apply::Arguments),
    /// Delete the finished media of manifests.
    ///
    /// Deletes the files that the records list and that were built with this cache, after a question. Captured WIM files
    /// stay.
    #[command(after_long_help = help::DESTROY)]
    Destroy(destroy::Arguments),
    /// Rebuild media whenever one of their inputs changes.
    #[command(after_long_help = help::WATCH)]
    Watch(watch::Arguments),
    /// Show the contents, boot programs and layout of a medium.
    ///
    /// Also reads WIM files, boot stores (BCD), EFI boot programs, and the `Variables.dat` and `Policy.xml` of a medium.
    #[command(after_long_help = help::INSPECT)]
    Inspect(inspect::Arguments),
    /// Check every byte of a medium against the digests it carries.
    #[command(after_long_help = help::VERIFY)]
    Verify(verify::Arguments),
    /// Write the contents of media, and their origin, as documents.
    ///
    /// Writes an SBOM in SPDX 2.3 and CycloneDX 1.6 beside each medium. With a manifest, also writes the provenance in
    /// SLSA v1: the inputs that the medium was built from, after comparing the medium with the manifest.
    #[command(after_long_help = help::ATTEST)]
    Attest(attest::Arguments),
    /// Sign the documents about media.
    ///
    /// Writes a Sigstore bundle beside each document that `attest` wrote. Works without a network.
    #[command(after_long_help = help::SIGN)]
    Sign(sign::Arguments),
    /// Compare two media, or two task sequences.
    ///
    /// Each side is a manifest, a record or a finished medium; or both are task sequences.
    #[command(after_long_help = help::DIFF)]
    Diff(diff::Arguments),
    /// Write a finished medium to a USB stick.
    ///
    /// A stick with an older build of the medium is updated: only what differs is written. A stick with other data is
    /// refused unless `--erase` names it. Everything written is read back.
    #[command(after_long_help = help::WRITE)]
    Write(write::Arguments),
    /// Print the client certificate of a medium.
    ///
    /// The medium presents it to management points. Register a self-signed one at the site.
    #[command(after_long_help = help::CERTIFICATE)]
    Certificate(ManifestArguments),
    /// Publish a finished medium in a registry or folder.
    ///
    /// The medium travels in chunks along its own contents, and only chunks that the repository lacks are sent. Prints the
    /// digest of the published manifest. Credentials are those of `docker login` and `podman login`.
    #[command(after_long_help = help::PUSH)]
    Push(remote::PushArguments),
    /// Fetch a published medium, or update an older one to it.
    ///
    /// Only chunks that the medium on disk lacks are fetched, and each is compared with its digest. An older medium is
    /// patched under a journal or replaced, and stays whole if the transfer fails. The next run goes on where it stopped.
    #[command(after_long_help = help::PULL)]
    Pull(remote::PullArguments),
    /// Keep a folder of media up to date with a repository.
    ///
    /// Each tag becomes a file, such as `win11-BER.iso`. Media whose tag has not moved are not read.
    #[command(after_long_help = help::SYNC)]
    Sync(remote::SyncArguments),
    /// Import, export or draw task sequences.
    #[command(subcommand, after_long_help = help::SEQUENCE)]
    Sequence(sequence::SequenceCommand),
    /// Simulate a task sequence on a computer described by a fact file.
    #[command(after_long_help = help::SIMULATE)]
    Simulate(simulate::Arguments),
    /// Capture folders, volumes or disks into a WIM file.
    #[command(after_long_help = help::CAPTURE)]
    Capture(capture::Arguments),
    /// Lock the sizes and digests of large content.
    ///
    /// Writes `tsmedia.lock` at the root of the repository. A locked file that changes is an error until the lock is
    /// updated, so a pull request shows the change.
    #[command(after_long_help = help::LOCK)]
    Lock(lock::Arguments),
    /// Show, limit or clear the cache.
    ///
    /// The cache is the folder given with `--cache-dir`, or `.tsmedia` at the root of the manifest's repository: the nearest
    /// folder with `.git` or `tsmedia.toml`, or the folder of the manifest. It holds digests and intermediate files, all
    /// of which can be computed again.
    #[command(after_long_help = help::CACHE)]
    Cache(cache::Arguments),
    /// Print the JSON Schema of a file format or of JSON output.
    #[command(after_long_help = help::SCHEMA)]
    Schema(schema::Arguments),
    /// Run the language server for editors.
    ///
    /// Speaks the Language Server Protocol over standard input and output: diagnostics, completion, hovers, definitions,
    /// references and quick fixes.
    #[command(after_long_help = help::LSP)]
    Lsp(lsp::Arguments),
    /// Print a completion script for a shell.
    #[command(after_long_help = help::COMPLETIONS)]
    Completions {
        /// Shell.
        shell: clap_complete::Shell,
    },
    /// Write man pages to a folder.
    #[command(after_long_help = help::MAN)]
    Man(man::Arguments),
    /// Print a generated page of the manual, in Markdown.
    #[command(hide = true)]
    Reference {
        /// Page.
        page: reference::ReferencePage,
    },
}

// No doc comments on structs that commands flatten: clap would take them for the description of the command.
#[derive(Debug, Clone, Args)]
struct ManifestArguments {
    /// Manifests.
    #[arg(value_name = "MANIFEST", default_value = "media.toml")]
    manifests: Vec<Utf8PathBuf>,
    /// Only this site; repeat for several.
    #[arg(long = "site", value_name = "CODE", help_heading = MANIFEST, add = ArgValueCompleter::new(completions::sites))]
    sites: Vec<String>,
    /// TOML file with template values; repeat for several.
    #[arg(long = "vars", value_name = "FILE", help_heading = MANIFEST)]
    vars_files: Vec<Utf8PathBuf>,
    /// Template value; takes precedence over files.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_var, help_heading = MANIFEST,
        add = ArgValueCompleter::new(completions::vars))]
    vars: Vec<(String, String)>,
}

#[derive(Debug, Args)]
struct BuildArguments {
    /// Replace files that tsmedia did not make.
    #[arg(long, help_heading = BUILD)]
    force: bool,
    /// Rebuild instead of patching existing media.
    #[arg(long, help_heading = BUILD)]
    no_patch: bool,
    /// Delete finished files of removed sites without a question.
    #[arg(long, help_heading = BUILD)]
    yes: bool,
}

impl BuildArguments {
    fn options(&self) -> BuildOptions {
        BuildOptions { force: self.force, no_patch: self.no_patch, deletes: self.yes }
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

impl Command {
    /// Returns the kind of JSON document that the command prints.
    fn document(&self) -> DocumentKind {
        match self {
            Self::Init(_) => DocumentKind::Other("init"),
            Self::Import(_) => DocumentKind::Import,
            Self::Check(arguments) => arguments.document(),
            Self::Render(_) => DocumentKind::Render,
            Self::Plan(_) => DocumentKind::Plan,
            Self::Show(_) => DocumentKind::Show,
            Self::Apply(_) => DocumentKind::Apply,
            Self::Destroy(_) => DocumentKind::Destroy,
            Self::Watch(_) => DocumentKind::Watch,
            Self::Inspect(arguments) => arguments.document(),
            Self::Verify(_) => DocumentKind::Verify,
            Self::Attest(_) => DocumentKind::Attest,
            Self::Sign(_) => DocumentKind::Sign,
            Self::Diff(_) => DocumentKind::Diff,
            Self::Write(_) => DocumentKind::Write,
            Self::Push(_) => DocumentKind::Push,
            Self::Pull(_) => DocumentKind::Pull,
            Self::Sync(_) => DocumentKind::Sync,
            Self::Certificate(_) => DocumentKind::Certificate,
            Self::Sequence(command) => command.document(),
            Self::Simulate(_) => DocumentKind::Simulate,
            Self::Capture(_) => DocumentKind::Capture,
            Self::Lock(_) => DocumentKind::Lock,
            Self::Cache(_) => DocumentKind::Cache,
            Self::Man(_) => DocumentKind::Other("man"),
            Self::Schema(_) => DocumentKind::Other("schema"),
            Self::Lsp(_) => DocumentKind::Other("lsp"),
            Self::Completions { .. } => DocumentKind::Other("completions"),
            Self::Reference { .. } => DocumentKind::Other("reference"),
        }
    }
}

/// Outcome of a command that ran without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Done,
    /// The command found problems and has reported them.
    ProblemsFound,
    /// `--detailed-exitcode` found changes to apply, or differences.
    ChangesPending,
    /// A signal ended a command that runs until it is stopped.
    Interrupted,
    /// The arguments contradict each other; the error was reported.
    WrongUsage,
}

const CHANGES_PENDING: u8 = 2;
const WRONG_USAGE: u8 = 64;
const INTERRUPTED: u8 = 130;

/// Runs the command line and returns the exit code.
pub fn main() -> ExitCode {
    completions::answer_shell();
    let parsed = command().color(screen::color_argument(std::env::args_os())).try_get_matches_from(std::env::args_os());
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            // clap reports help and version as errors that go to standard output.
            let code = if error.use_stderr() { WRONG_USAGE } else { 0 };
            let is_unknown = error.kind() == ErrorKind::InvalidSubcommand;
            screen::print_usage_error(error);
            if is_unknown {
                let _ = write!(std::io::stderr(), "{}", commands(std::env::args().nth(1).as_deref()));
            }
            return code.into();
        }
    };
    let screen = Screen::for_process(cli.json, cli.quiet, cli.color, cli.command.document());
    cli.cache_dir.into_iter().for_each(project::set_cache_dir);
    signals::survive_file_size_limit();
    let code = match run(cli.command, &screen) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::ProblemsFound) => ExitCode::FAILURE,
        Ok(Outcome::ChangesPending) => CHANGES_PENDING.into(),
        Ok(Outcome::Interrupted) => return INTERRUPTED.into(),
        Ok(Outcome::WrongUsage) => return WRONG_USAGE.into(),
        Err(error) => {
            screen.print_error(&error);
            if error.kind() == error::ErrorKind::Interrupted {
                return INTERRUPTED.into();
            }
            ExitCode::FAILURE
        }
    };
    screen.finish();
    code
}

/// Lists the commands that can follow `parent`, or all commands: help for a misspelt one.
fn commands(parent: Option<&str>) -> String {
    let cli = Cli::command();
    let command = parent.and_then(|name| cli.find_subcommand(name)).filter(|command| command.has_subcommands());
    let commands = command.unwrap_or(&cli).get_subcommands().filter(|command| !command.is_hide_set());
    let names: Vec<_> = commands.map(|command| command.get_name()).collect();
    format!("\nCommands: {}\n", names.join(", "))
}

fn run(command: Command, screen: &Screen) -> Result<Outcome> {
    match command {
        Command::Init(arguments) => init::run(&arguments, screen),
        Command::Check(arguments) => check::run(&arguments, screen),
        Command::Render(arguments) => render::run(&arguments, screen),
        Command::Plan(arguments) => plan::run(&arguments, screen),
        Command::Show(arguments) => show::run(&arguments, screen),
        Command::Apply(arguments) => apply::run(&arguments, screen),
        Command::Destroy(arguments) => destroy::run(&arguments, screen),
        Command::Watch(arguments) => watch::run(&arguments, screen),
        Command::Diff(arguments) => diff::run(&arguments, screen),
        Command::Inspect(arguments) => inspect::run(&arguments, screen),
        Command::Verify(arguments) => verify::run(&arguments, screen),
        Command::Attest(arguments) => attest::run(&arguments, screen),
        Command::Sign(arguments) => sign::run(&arguments, screen),
        Command::Write(arguments) => write::run(&arguments, screen),
        Command::Push(arguments) => remote::push(&arguments, screen),
        Command::Pull(arguments) => remote::pull(&arguments, screen),
        Command::Sync(arguments) => remote::sync(&arguments, screen),
        Command::Capture(arguments) => capture::run(&arguments, screen),
        Command::Simulate(arguments) => simulate::run(&arguments, screen),
        Command::Import(arguments) => import::run(&arguments, screen),
        Command::Sequence(command) => sequence::run(&command, screen),
        Command::Certificate(arguments) => certificate::run(&arguments, screen),
        Command::Lock(arguments) => lock::run(&arguments, screen),
        Command::Cache(arguments) => cache::run(&arguments, screen),
        Command::Reference { page } => screen.print_document(&page.text()),
        Command::Schema(arguments) => schema::run(&arguments, screen),
        Command::Lsp(arguments) => lsp::run(&arguments),
        Command::Completions { shell } => screen.print_document(&completions::script(shell)?),
        Command::Man(arguments) => man::run(&arguments, screen),
    }
}
