//! `tsmedia import`: creates a manifest and its files from a finished medium.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde_json::json;

use super::Outcome;
use super::init::create;
use super::password::{self, PasswordLocation};
use super::screen::Screen;
use crate::error::{Error, Result};
use crate::import::{self, ImportedProject, PasswordSource};
use crate::report;
use crate::secret::Secret;
use crate::write::open;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Medium: an ISO file, an image of a USB stick, a WIM file, or a folder with the files of one.
    #[arg(value_name = "MEDIUM")]
    medium: Utf8PathBuf,
    /// Folder of the new project; by default, the name of the medium.
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<Utf8PathBuf>,
    /// Password of the medium: `env:NAME` or `file:PATH`.
    #[arg(long, value_name = "WHERE", value_parser = password::parse)]
    password_from: Option<PasswordLocation>,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let medium = &arguments.medium;
    let folder = match &arguments.out {
        Some(folder) => folder.clone(),
        None => default_folder(medium)?,
    };
    refuse_medium(medium, &folder)?;
    let password = arguments.password_from.as_ref().map(password::read).transpose()?;
    let source = arguments.password_from.as_ref().map(|from| match from {
        PasswordLocation::Env(name) => PasswordSource::Env(name.clone()),
        PasswordLocation::File(path) => PasswordSource::File(path.into()),
    });
    let imported = import::import(medium, &folder, password.as_ref().and_then(Secret::text), source.as_ref())?;
    write(&imported, &folder)?;
    let paths: Vec<_> = imported.files.iter().map(|(path, _)| folder.join(path)).collect();
    if screen.json {
        return screen.print_json(&json!({ "files": paths, "unknown": imported.unknown }));
    }
    for path in &paths {
        let sequence = imported.sequences.iter().find(|one| folder.join(&one.path) == *path);
        screen.status(&match sequence {
            Some(one) => {
                let steps = report::counted(one.sequence.n_steps(), "step");
                format!("wrote `{path}`: the task sequence `{}` with {steps}", one.sequence.name)
            }
            None => format!("wrote `{path}`"),
        });
    }
    for sentence in &imported.unknown {
        screen.print_warning(&Error::new(sentence.trim_end_matches('.').to_owned()));
    }
    screen.status(&format!("next: run `tsmedia check {}`", folder.join("media.toml")));
    Ok(Outcome::Done)
}

/// Returns the default folder of the project: the name of the medium, in the current folder.
fn default_folder(medium: &Utf8Path) -> Result<Utf8PathBuf> {
    let stem = if medium.is_dir() { medium.file_name() } else { medium.file_stem() };
    let name = stem.filter(|name| !name.is_empty()).map(|name| match medium.is_dir() {
        true => format!("{name}-project"),
        false => name.to_owned(),
    });
    let name =
        name.ok_or_else(|| Error::new(format!("`{medium}` has no name")).help("choose a folder with `--out`"))?;
    match Utf8Path::new(&name).symlink_metadata() {
        Ok(_) => Err(Error::new(format!("`{name}` already exists")).help("choose another folder with `--out`")),
        Err(_) => Ok(name.into()),
    }
}

/// Fails if the project would be inside the medium.
fn refuse_medium(medium: &Utf8Path, folder: &Utf8Path) -> Result<()> {
    let Ok(medium) = medium.canonicalize_utf8() else { return Ok(()) };
    let existing = folder.ancestors().find_map(|folder| match folder.as_str() {
        "" => Utf8Path::new(".").canonicalize_utf8().ok(),
        _ => folder.canonicalize_utf8().ok(),
    });
    match existing.is_some_and(|folder| folder.starts_with(&medium)) {
        true => Err(Error::new(format!("the project folder `{folder}` is inside the medium"))
            .help("choose a folder outside the medium with `--out`")),
        false => Ok(()),
    }
}

/// Writes the files of the project; fails if one exists.
fn write(imported: &ImportedProject, folder: &Utf8Path) -> Result<()> {
    for (path, text) in &imported.files {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        open::create_folders(parent).map_err(|error| Error::io("making", parent, error))?;
        create(&path, text)?;
    }
    Ok(())
}
