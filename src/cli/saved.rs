//! Saved plans as files, and as arguments: what they were asked with takes the place of the command line's.
//!
//! Paths in a saved plan are as they were typed, so it is applied in the folder that it was made in, or in the same
//! folder of another checkout; the file itself may be anywhere.

use std::fs;
use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};
use clap::CommandFactory;
use clap::error::ErrorKind;

use super::file_kind::FileKind;
use super::screen::say_usage;
use super::{Cli, ManifestArguments, Outcome};
use crate::error::{Error, Result};
use crate::foreign_text;
use crate::limits;
use crate::plan::saved::{SavedManifest, SavedPlan};
use crate::write::{DiskOps, open, replace};

/// What the arguments of `apply` name.
pub(super) enum Named<'a> {
    Manifests,
    SavedPlan(&'a Utf8Path),
    /// A saved plan and something that does not go with it: what is wrong.
    Both(String),
}

/// What the arguments name, by what the files hold.
pub(super) fn named_in(arguments: &ManifestArguments) -> Result<Named<'_>> {
    let ManifestArguments { manifests, sites, vars_files, vars } = arguments;
    let is_one = |path: &&Utf8PathBuf| is_meant(path) && FileKind::of(path) != FileKind::Record;
    let Some(path) = manifests.iter().find(is_one) else { return Ok(Named::Manifests) };
    if manifests.len() > 1 {
        return Ok(Named::Both(format!("`{path}` is a saved plan, which is applied by itself")));
    }
    let given = [("--site", sites.is_empty()), ("--vars", vars_files.is_empty()), ("--var", vars.is_empty())];
    Ok(match given.iter().find(|(_, is_empty)| !is_empty) {
        Some((option, _)) => Named::Both(format!("`{path}` is a saved plan, which `{option}` can't change any more")),
        None => Named::SavedPlan(path),
    })
}

/// Says what is wrong with the arguments of `apply`, as the command line itself would.
pub(super) fn wrong_usage(message: &str) -> Outcome {
    let mut cli = Cli::command();
    cli.build();
    if let Some(apply) = cli.find_subcommand_mut("apply") {
        say_usage(apply.error(ErrorKind::ArgumentConflict, foreign_text::line(message)));
    }
    Outcome::WrongUsage
}

/// Whether a file is meant to be a saved plan. One that can't be read is for others to complain of.
pub(super) fn is_meant(path: &Utf8Path) -> bool {
    start(path).is_some_and(|start| SavedPlan::looks_like_one(&start))
}

/// The first bytes of a file.
fn start(path: &Utf8Path) -> Option<Vec<u8>> {
    let mut start = Vec::new();
    limits::open(path).ok()?.take(512).read_to_end(&mut start).ok()?;
    Some(start)
}

/// Fails if a saved plan would take the place of anything but a saved plan, whole or not, or an empty file.
pub(super) fn refuse_to_replace(path: &Utf8Path) -> Result<()> {
    let is_one = |start: Vec<u8>| start.is_empty() || String::from_utf8_lossy(&start).contains("\"plan-version\"");
    open::refuse_link(path)?;
    if fs::symlink_metadata(path).is_err() || start(path).is_some_and(is_one) {
        return Ok(());
    }
    Err(Error::new(format!("`{path}` is there already, and is no saved plan"))
        .help("save it under another name, or move what is there away"))
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
pub(super) fn load(path: &Utf8Path) -> Result<SavedPlan> {
    let text = limits::read_text(path, limits::MAX_RECORD_LEN).map_err(|error| Error::io("reading", path, error))?;
    let saved = SavedPlan::parse(&text, path)?;
    let mut files = saved.manifests.iter().map(|of| &of.manifest).chain(&saved.vars_files);
    match files.find(|file| !file.exists()) {
        None => Ok(saved),
        Some(file) => Err(Error::new(format!("`{file}`, which the saved plan `{path}` was made with, is not there"))
            .help("apply it in the folder that it was made in, or in the same folder of another checkout")),
    }
}

/// What a saved plan was asked with.
pub(super) fn arguments(saved: &SavedPlan) -> ManifestArguments {
    let manifests: Vec<Utf8PathBuf> = saved.manifests.iter().map(|of| of.manifest.clone()).collect();
    let SavedPlan { sites, vars_files, vars, .. } = saved;
    ManifestArguments { manifests, sites: sites.clone(), vars_files: vars_files.clone(), vars: vars.clone() }
}
