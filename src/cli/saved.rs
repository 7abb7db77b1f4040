//! Reads and writes saved plans. A saved plan contains the arguments it was made with; they replace those of `apply`.
//!
//! Paths in a saved plan are relative to the folder it was made in. Apply it there, or in the same folder of another
//! checkout; the file itself may be anywhere.

use std::fs;
use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};
use clap::CommandFactory;
use clap::error::ErrorKind;

use super::file_kind::FileKind;
use super::screen::print_usage_error;
use super::{Cli, ManifestArguments, Outcome};
use crate::error::{Error, Result};
use crate::foreign_text;
use crate::limits;
use crate::plan::saved::{SavedManifest, SavedPlan};
use crate::write::{DiskOps, open, replace};

/// Input of `apply`.
pub(super) enum ApplyInput<'a> {
    Manifests,
    SavedPlan(&'a Utf8Path),
    /// Saved plan together with arguments that it excludes; the error message.
    Both(String),
}

/// Finds out from the content of the files whether the arguments name manifests or a saved plan.
pub(super) fn find_input(arguments: &ManifestArguments) -> Result<ApplyInput<'_>> {
    let ManifestArguments { manifests, sites, vars_files, vars } = arguments;
    let is_one = |path: &&Utf8PathBuf| is_saved_plan(path) && FileKind::from_path(path) != FileKind::Record;
    let Some(path) = manifests.iter().find(is_one) else { return Ok(ApplyInput::Manifests) };
    if manifests.len() > 1 {
        return Ok(ApplyInput::Both(format!("the saved plan `{path}` can't be applied together with other files")));
    }
    let given = [("--site", sites.is_empty()), ("--vars", vars_files.is_empty()), ("--var", vars.is_empty())];
    Ok(match given.iter().find(|(_, is_empty)| !is_empty) {
        Some((option, _)) => ApplyInput::Both(format!("the saved plan `{path}` can't be combined with `{option}`")),
        None => ApplyInput::SavedPlan(path),
    })
}

/// Prints an error about the arguments of `apply` in the form of clap's own.
pub(super) fn wrong_usage(message: &str) -> Outcome {
    let mut cli = Cli::command();
    cli.build();
    if let Some(apply) = cli.find_subcommand_mut("apply") {
        print_usage_error(apply.error(ErrorKind::ArgumentConflict, foreign_text::line(message)));
    }
    Outcome::WrongUsage
}

/// Returns whether a file is a saved plan, even a damaged one. `false` if it can't be read: loading it as a manifest
/// reports the error.
pub(super) fn is_saved_plan(path: &Utf8Path) -> bool {
    start(path).is_some_and(|start| SavedPlan::looks_like_one(&start))
}

/// Reads the first 512 bytes of a file.
fn start(path: &Utf8Path) -> Option<Vec<u8>> {
    let mut start = Vec::new();
    limits::open(path).ok()?.take(512).read_to_end(&mut start).ok()?;
    Some(start)
}

/// Fails unless `path` is free, empty, or a saved plan, even a damaged one.
pub(super) fn refuse_to_replace(path: &Utf8Path) -> Result<()> {
    let is_one = |start: Vec<u8>| start.is_empty() || String::from_utf8_lossy(&start).contains("\"plan-version\"");
    open::refuse_link(path)?;
    if fs::symlink_metadata(path).is_err() || start(path).is_some_and(is_one) {
        return Ok(());
    }
    Err(Error::new(format!("`{path}` exists and is not a saved plan"))
        .help("choose another name, or move the file away"))
}

/// Saves a plan.
pub(super) fn save(
    path: &Utf8Path,
    arguments: &ManifestArguments,
    no_patch: bool,
    manifests: Vec<SavedManifest>,
) -> Result<()> {
    let ManifestArguments { sites, vars_files, vars, .. } = arguments;
    let saved = SavedPlan::new(sites.clone(), vars_files.clone(), vars.clone(), no_patch, manifests);
    replace(&DiskOps::default(), path, saved.to_json()?.as_bytes())
}

/// Reads a saved plan.
pub(super) fn read(path: &Utf8Path) -> Result<SavedPlan> {
    let text = limits::read_text(path, limits::MAX_RECORD_LEN).map_err(|error| Error::io("reading", path, error))?;
    SavedPlan::parse(&text, path)
}

/// Reads a saved plan to apply it.
pub(super) fn load(path: &Utf8Path) -> Result<SavedPlan> {
    let saved = read(path)?;
    let mut files = saved.manifests.iter().map(|of| &of.manifest).chain(&saved.vars_files);
    match files.find(|file| !file.exists()) {
        None => Ok(saved),
        Some(file) => {
            Err(Error::new(format!("the saved plan `{path}` was made with `{file}`, which does not exist here"))
                .help("apply it in the folder it was made in, or in the same folder of another checkout"))
        }
    }
}

/// Returns the arguments that a saved plan was made with.
pub(super) fn arguments(saved: &SavedPlan) -> ManifestArguments {
    let manifests: Vec<Utf8PathBuf> = saved.manifests.iter().map(|of| of.manifest.clone()).collect();
    let SavedPlan { sites, vars_files, vars, .. } = saved;
    ManifestArguments { manifests, sites: sites.clone(), vars_files: vars_files.clone(), vars: vars.clone() }
}
