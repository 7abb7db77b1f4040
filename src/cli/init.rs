//! `tsmedia init`: writes a manifest or a task sequence from a template, and the schema for editors.

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
    /// Folder to write to; created if it doesn't exist.
    #[arg(default_value = ".")]
    folder: Utf8PathBuf,
    /// Kind of medium.
    #[arg(long, value_enum, default_value_t = MediumTemplate::StandAlone)]
    kind: MediumTemplate,
    /// Write this task sequence instead of a manifest.
    #[arg(long, value_enum, conflicts_with = "kind")]
    template: Option<SequenceTemplate>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MediumTemplate {
    /// Captures a reference computer to a WIM file.
    Capture,
    /// Starts a deployment from distribution points.
    Bootable,
    /// Is applied to disks before delivery; the task sequence comes from the site.
    Prestaged,
    /// Deploys without a network.
    StandAlone,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SequenceTemplate {
    /// Builds a reference computer and captures it.
    BuildAndCapture,
    /// Installs an image.
    InstallExistingImage,
    /// Captures a reference computer that is already set up.
    CaptureOnly,
    /// Installs an image and keeps user data.
    Refresh,
}

impl SequenceTemplate {
    /// Returns the name of the file.
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

/// Schema written beside a manifest, so that editors complete it offline.
const SCHEMA_FILE: &str = "media.schema.json";
/// Schema written beside a task sequence.
const SEQUENCE_SCHEMA_FILE: &str = "sequence.schema.json";

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let folder = &arguments.folder;
    let mut written = Vec::new();
    if let Some(template) = arguments.template {
        let path = folder.join(template.file_name());
        write(&path, template.text(), SEQUENCE_SCHEMA_FILE, &sequence::schema(), &mut written)?;
        print_next_steps(&written, &[], &path, screen);
        return Ok(Outcome::Done);
    }
    let (text, template, files): (_, _, &[&str]) = match arguments.kind {
        MediumTemplate::Capture => {
            (include_str!("init/capture.toml"), Some(SequenceTemplate::CaptureOnly), &["images/boot.wim"])
        }
        MediumTemplate::Bootable => (include_str!("init/bootable.toml"), None, &["images/boot.wim"]),
        MediumTemplate::Prestaged => {
            (include_str!("init/prestaged.toml"), None, &["images/boot.wim", "images/install-en-US.wim"])
        }
        MediumTemplate::StandAlone => (
            include_str!("init/stand-alone.toml"),
            Some(SequenceTemplate::InstallExistingImage),
            &["images/boot.wim", "images/install-en-US.wim", "packages/client", "drivers"],
        ),
    };
    let manifest = folder.join(DEFAULT_MANIFEST);
    write(&manifest, text, SCHEMA_FILE, &manifest::editor_schema(), &mut written)?;
    if let Some(template) = template {
        let path = folder.join(template.file_name());
        // Keep an existing file: the manifest refers to it by this name.
        if path.symlink_metadata().is_err() {
            write(&path, template.text(), SEQUENCE_SCHEMA_FILE, &sequence::schema(), &mut written)?;
        }
    }
    print_next_steps(&written, files, &manifest, screen);
    Ok(Outcome::Done)
}

/// Writes a template, and its schema beside it unless that exists.
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

/// Prints the files written, the files to add, and the next command.
fn print_next_steps(written: &[Utf8PathBuf], files: &[&str], path: &Utf8Path, screen: &Screen) {
    let quoted = |names: Vec<&str>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    screen.status(&format!("wrote {}", join(&quoted(written.iter().map(|path| path.as_str()).collect()), "and")));
    let check = match path.as_str() {
        "./media.toml" => "tsmedia check".into(),
        path => format!("tsmedia check {}", path.trim_start_matches("./")),
    };
    let needs = match files {
        [] => String::new(),
        files => format!(", add {}", join(&quoted(files.to_vec()), "and")),
    };
    screen.status(&format!("next: edit the values{needs}, then run `{check}`"));
}

/// Writes a new file; fails if it exists.
pub(super) fn create(path: &Utf8Path, text: &str) -> Result<()> {
    open::create_new(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        let failed = Error::io("writing", path, error);
        if path.exists() { failed.help("move the file away, or choose another folder") } else { failed }
    })
}
