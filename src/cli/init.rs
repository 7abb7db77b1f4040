//! `tsmedia init`: a manifest or a task sequence to start from, with the schema that editors complete it from.

use std::fs;
use std::io::Write;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, ValueEnum};

use super::screen::Screen;
use super::{Outcome, project};
use crate::error::{Error, Result};
use crate::manifest;
use crate::sequence;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder of the manifest, or of the task sequence; made if it isn't there.
    #[arg(default_value = ".")]
    folder: Utf8PathBuf,
    /// The kind of medium.
    #[arg(long, value_enum, default_value_t = Template::StandAlone)]
    kind: Template,
    /// Write this task sequence in place of a manifest.
    #[arg(long, value_enum, conflicts_with = "kind")]
    template: Option<SequenceTemplate>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Template {
    /// Captures a reference machine.
    Capture,
    /// Starts a deployment; everything else comes from the network.
    Bootable,
    /// Is put on disks before they are delivered.
    Prestaged,
    /// Deploys without a network.
    StandAlone,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SequenceTemplate {
    /// Builds a reference machine and captures it.
    BuildAndCapture,
    /// Installs an image on a computer.
    InstallExistingImage,
    /// Captures a machine that is ready.
    CaptureOnly,
    /// Installs an image and keeps what users have.
    Refresh,
}

impl SequenceTemplate {
    fn text(self) -> &'static str {
        match self {
            Self::BuildAndCapture => include_str!("init/sequences/build-and-capture.toml"),
            Self::InstallExistingImage => include_str!("init/sequences/install-existing-image.toml"),
            Self::CaptureOnly => include_str!("init/sequences/capture-only.toml"),
            Self::Refresh => include_str!("init/sequences/refresh.toml"),
        }
    }
}

/// The schema beside the manifest, so that editors complete it without a network.
const SCHEMA_FILE: &str = "media.schema.json";
/// The schema beside a task sequence.
const SEQUENCE_SCHEMA_FILE: &str = "sequence.schema.json";

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let folder = &arguments.folder;
    if let Some(template) = arguments.template {
        let name = template.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let path = folder.join(format!("{name}.toml"));
        return write(&path, template.text(), SEQUENCE_SCHEMA_FILE, &sequence::schema(), screen);
    }
    let text = match arguments.kind {
        Template::Capture => include_str!("init/capture.toml"),
        Template::Bootable => include_str!("init/bootable.toml"),
        Template::Prestaged => include_str!("init/prestaged.toml"),
        Template::StandAlone => include_str!("init/stand-alone.toml"),
    };
    let manifest = folder.join(project::DEFAULT_MANIFEST);
    write(&manifest, text, SCHEMA_FILE, &manifest::editor_schema(), screen)
}

/// Writes a file to start from, and a schema beside it unless there is one.
fn write(path: &Utf8Path, text: &str, schema_name: &str, schema: &str, screen: &Screen) -> Result<Outcome> {
    let folder = path.parent().unwrap_or(Utf8Path::new("."));
    fs::create_dir_all(folder).map_err(|error| Error::io("making", folder, error))?;
    create(path, text)?;
    let beside = folder.join(schema_name);
    if !beside.exists() {
        create(&beside, schema)?;
    }
    screen.say(&format!("wrote `{path}` and `{beside}`"));
    let check = match path.as_str() {
        "./media.toml" => "tsmedia check".into(),
        path => format!("tsmedia check {}", path.trim_start_matches("./")),
    };
    screen.say(&format!("put in your own values, then type `{check}`"));
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
