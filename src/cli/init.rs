//! `tsmedia init`: a manifest or a task sequence to start from, with the schema that editors complete it from.

use std::io::Write;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, ValueEnum};

use super::Outcome;
use super::screen::Screen;
use crate::error::{Error, Result};
use crate::manifest::{self, suggest::join};
use crate::project::DEFAULT_MANIFEST;
use crate::sequence;
use crate::write::open;

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
    /// Name of its file.
    fn file_name(self) -> String {
        format!("{}.toml", self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default())
    }

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
    let mut written = Vec::new();
    if let Some(template) = arguments.template {
        let path = folder.join(template.file_name());
        write(&path, template.text(), SEQUENCE_SCHEMA_FILE, &sequence::schema(), &mut written)?;
        say(&written, &[], &path, screen);
        return Ok(Outcome::Done);
    }
    let (text, template, files): (_, _, &[&str]) = match arguments.kind {
        Template::Capture => {
            (include_str!("init/capture.toml"), Some(SequenceTemplate::CaptureOnly), &["images/boot.wim"])
        }
        Template::Bootable => (include_str!("init/bootable.toml"), None, &["images/boot.wim"]),
        Template::Prestaged => {
            (include_str!("init/prestaged.toml"), None, &["images/boot.wim", "images/install-en-US.wim"])
        }
        Template::StandAlone => (
            include_str!("init/stand-alone.toml"),
            Some(SequenceTemplate::InstallExistingImage),
            &["images/boot.wim", "images/install-en-US.wim", "packages/client", "drivers"],
        ),
    };
    let manifest = folder.join(DEFAULT_MANIFEST);
    write(&manifest, text, SCHEMA_FILE, &manifest::editor_schema(), &mut written)?;
    if let Some(template) = template {
        let path = folder.join(template.file_name());
        // One that is there is what the manifest means.
        if path.symlink_metadata().is_err() {
            write(&path, template.text(), SEQUENCE_SCHEMA_FILE, &sequence::schema(), &mut written)?;
        }
    }
    say(&written, files, &manifest, screen);
    Ok(Outcome::Done)
}

/// Writes a file to start from, and a schema beside it unless there is one.
fn write(path: &Utf8Path, text: &str, schema_name: &str, schema: &str, written: &mut Vec<Utf8PathBuf>) -> Result<()> {
    let folder = path.parent().unwrap_or(Utf8Path::new("."));
    open::create_folders(folder).map_err(|error| Error::io("making", folder, error))?;
    create(path, text)?;
    written.push(path.to_owned());
    let beside = folder.join(schema_name);
    if beside.symlink_metadata().is_err() {
        create(&beside, schema)?;
        written.push(beside);
    }
    Ok(())
}

/// Says what was written, what it needs besides, and what comes next.
fn say(written: &[Utf8PathBuf], files: &[&str], path: &Utf8Path, screen: &Screen) {
    let quoted = |names: Vec<&str>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    screen.say(&format!("wrote {}", join(&quoted(written.iter().map(|path| path.as_str()).collect()), "and")));
    let check = match path.as_str() {
        "./media.toml" => "tsmedia check".into(),
        path => format!("tsmedia check {}", path.trim_start_matches("./")),
    };
    let needs = match files {
        [] => String::new(),
        files => format!(" and files ({})", join(&quoted(files.to_vec()), "and")),
    };
    screen.say(&format!("put in your own values{needs}, then type `{check}`"));
}

/// Writes a file that must not be there yet.
pub(super) fn create(path: &Utf8Path, text: &str) -> Result<()> {
    open::create_new(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        let failed = Error::io("writing", path, error);
        if path.exists() { failed.help("move the file away, or start in another folder") } else { failed }
    })
}
