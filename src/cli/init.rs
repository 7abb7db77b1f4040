//! `tsmedia init`: a manifest to start from, with the schema that editors complete it from.

use std::fs;
use std::io::Write;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, ValueEnum};

use super::screen::Screen;
use super::{Outcome, project};
use crate::error::{Error, Result};
use crate::manifest;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder of the manifest; made if it isn't there.
    #[arg(default_value = ".")]
    folder: Utf8PathBuf,
    /// The kind of medium.
    #[arg(long, value_enum, default_value_t = Template::StandAlone)]
    kind: Template,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Template {
    /// Starts a deployment; everything else comes from the network.
    Bootable,
    /// Is put on disks before they are delivered.
    Prestaged,
    /// Deploys without a network.
    StandAlone,
}

/// The schema beside the manifest, so that editors complete it without a network.
const SCHEMA_FILE: &str = "media.schema.json";

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let folder = &arguments.folder;
    let text = match arguments.kind {
        Template::Bootable => include_str!("init/bootable.toml"),
        Template::Prestaged => include_str!("init/prestaged.toml"),
        Template::StandAlone => include_str!("init/stand-alone.toml"),
    };
    fs::create_dir_all(folder).map_err(|error| Error::io("making", folder, error))?;
    let manifest = folder.join(project::DEFAULT_MANIFEST);
    create(&manifest, text)?;
    let schema = folder.join(SCHEMA_FILE);
    if !schema.exists() {
        create(&schema, &manifest::editor_schema())?;
    }
    screen.say(&format!("wrote `{manifest}` and `{schema}`"));
    let check = match folder.as_str() {
        "." => "tsmedia check".into(),
        _ => format!("tsmedia check {manifest}"),
    };
    screen.say(&format!("put in your own paths, then type `{check}`"));
    Ok(Outcome::Done)
}

/// Writes a file that must not be there yet.
fn create(path: &Utf8Path, text: &str) -> Result<()> {
    let file = fs::OpenOptions::new().write(true).create_new(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        let failed = Error::io("writing", path, error);
        if path.exists() { failed.help("move the file away, or start in another folder") } else { failed }
    })
}
