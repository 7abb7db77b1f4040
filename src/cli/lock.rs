//! `tsmedia lock`: records sizes and digests of large content in `tsmedia.lock`.

use camino::Utf8PathBuf;
use clap::Args;

use super::project::LoadedProjects;
use super::screen::Screen;
use super::{ManifestArguments, Outcome, project};
use crate::error::Result;
use crate::inputs::Inputs;
use crate::project::{LockChange, LockChanges, LockRequest, change_lock, lock_content};
use crate::report;
use crate::size::Size;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    manifests: ManifestArguments,
    /// Read locked files again, all or these, and replace what changed.
    #[arg(long, value_name = "PATH", num_args = 0.., conflicts_with = "check")]
    update: Option<Vec<Utf8PathBuf>>,
    /// Compare locked files, all or these, and fail if they differ.
    #[arg(long, value_name = "PATH", num_args = 0..)]
    check: Option<Vec<Utf8PathBuf>>,
    /// Smallest file to lock.
    #[arg(long, value_name = "SIZE", default_value = "1MiB", conflicts_with_all = ["update", "check"])]
    min_size: Size,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let is_check = arguments.check.is_some();
    let changed =
        match arguments.update.as_ref().or(arguments.check.as_ref()) {
            Some(only) => {
                let environment = project::environment(None, screen.reporter())?;
                let request = LockRequest { only: only.clone(), is_check };
                vec![screen.with_progress("reading locked content", |progress| {
                    change_lock(&request, &environment, progress)
                })?]
            }
            None => {
                let mut inputs = Inputs::default();
                let loaded = project::load_with_inputs(&arguments.manifests, false, &mut inputs, screen)?;
                let Some(LoadedProjects { projects, .. }) = loaded else { return Ok(Outcome::ProblemsFound) };
                screen.with_progress("reading content", |progress| {
                    lock_content(&projects, &inputs, arguments.min_size.0, progress)
                })?
            }
        };
    if screen.json {
        screen.print_json(&report::lock_json(&changed))?;
    }
    changed.iter().for_each(|changes| print(changes, is_check, screen));
    let is_same = changed.iter().all(|changes| changes.changes.is_empty());
    Ok(if is_same || !is_check { Outcome::Done } else { Outcome::ProblemsFound })
}

/// Prints a line for each changed file, and one for the lock.
fn print(changes: &LockChanges, is_check: bool, screen: &Screen) {
    for (name, change) in &changes.changes {
        let done = match (change, is_check) {
            (LockChange::Added, _) => "added",
            (LockChange::Changed, false) => "updated",
            (LockChange::Changed, true) => "differs",
            (LockChange::Missing, false) => "removed",
            (LockChange::Missing, true) => "missing",
        };
        screen.status(&format!("{done:9} {name}"));
    }
    let LockChanges { lock, n_files, len, .. } = changes;
    screen.status(&format!("`{lock}` has {} ({})", report::counted(*n_files, "file"), Size(*len)));
}
