//! Completion in shells: the script that registers it, and values that depend on manifests.
//!
//! The script runs tsmedia with the words of the command line and the variable [`VAR`]; see [`clap_complete::env`].

use std::env;
use std::ffi::OsStr;
use std::io::Write;

use camino::{Utf8Path, Utf8PathBuf};
use clap_complete::Shell;
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::{CompleteEnv, Shells};

use super::help;
use crate::error::{Error, Result};
use crate::inputs::Inputs;
use crate::manifest::{self, Options};
use crate::problem::Problems;
use crate::project::DEFAULT_MANIFEST;
use crate::rule::Rule;

/// Environment variable with the name of the shell that asks for completions.
const VAR: &str = "TSMEDIA_COMPLETE";

/// Prints completions and exits, if a shell asks for them.
pub(super) fn answer_shell() {
    CompleteEnv::with_factory(help::command).var(VAR).bin("tsmedia").complete();
}

/// Returns the script that registers completion in a shell.
///
/// # Errors
///
/// The shell is not supported.
pub(super) fn script(shell: Shell) -> Result<String> {
    let name = shell.to_string();
    let shells = Shells::builtins();
    let completer = shells.completer(&name).ok_or_else(|| Error::new(format!("no completion for `{name}`")))?;
    let mut script = Vec::new();
    let written = completer.write_registration(VAR, "tsmedia", "tsmedia", "tsmedia", &mut script);
    written.and_then(|()| writeln!(script)).map_err(|error| Error::new("writing the script").because(error))?;
    Ok(format!("{}\n", String::from_utf8_lossy(&script).trim()))
}

/// Completes the code of a site.
pub(super) fn sites(current: &OsStr) -> Vec<CompletionCandidate> {
    candidates(current, load_manifests().known_sites.codes())
}

/// Completes the name of a template value, with the `=` before its value.
pub(super) fn vars(current: &OsStr) -> Vec<CompletionCandidate> {
    let options = load_manifests();
    let used = options.used.borrow();
    candidates(current, used.iter().filter_map(|name| name.strip_prefix("vars.")).map(|name| format!("{name}=")))
}

/// Completes the name of a rule, with its title.
pub(super) fn rules(current: &OsStr) -> Vec<CompletionCandidate> {
    let start = current.to_string_lossy().to_lowercase();
    let rules = Rule::all().into_iter().filter(|rule| rule.slug().starts_with(&start));
    rules.map(|rule| CompletionCandidate::new(rule.slug()).help(Some(rule.title().into()))).collect()
}

fn candidates(current: &OsStr, names: impl IntoIterator<Item = String>) -> Vec<CompletionCandidate> {
    let start = current.to_string_lossy();
    let names = names.into_iter().filter(|name| name.starts_with(&*start) && !name.chars().any(char::is_control));
    names.map(CompletionCandidate::new).collect()
}

/// Reads the manifests of the command line being completed, or the default one. Mistakes in them are ignored.
fn load_manifests() -> Options {
    let words = env::args().skip_while(|word| word != "--").skip(2);
    let is_manifest = |path: &Utf8PathBuf| path.extension() == Some("toml") && path.is_file();
    let mut manifests: Vec<_> = words.map(Utf8PathBuf::from).filter(is_manifest).collect();
    if manifests.is_empty() && Utf8Path::new(DEFAULT_MANIFEST).is_file() {
        manifests.push(DEFAULT_MANIFEST.into());
    }
    let options = Options::default();
    // An error leaves fewer candidates; the command itself reports it.
    let _ = manifest::load_several(&manifests, &options, false, &mut Problems::default(), &mut Inputs::default());
    options
}
