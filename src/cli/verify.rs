//! `tsmedia verify`: every byte of a medium against the digests that it carries, and against its manifest.

use std::fs::File;

use camino::Utf8PathBuf;
use clap::Args;

use super::Outcome;
use super::screen::Screen;
use crate::error::{Error, Result};
use crate::output::DISC;
use crate::report;
use crate::verify::verify;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The medium.
    medium: Utf8PathBuf,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let path = &arguments.medium;
    let mut file = File::open(path).map_err(|error| Error::io("opening", path, error))?;
    let verified = screen.watch("verifying", |progress| {
        let listing = (DISC.read)(&mut file)?;
        verify(&mut file, &listing, progress)
    });
    let verified = verified.map_err(|error| Error::new(format!("verifying `{path}`")).because(error))?;
    if screen.json {
        screen.json(&report::verified_json(&verified))?;
    } else {
        for fault in &verified.faults {
            screen.data(&format!("{}\n", report::fault(fault)))?;
        }
        let files = report::counted(verified.files.len(), "file");
        match verified.faults.len() {
            0 => screen.say(&format!("sound: all of {files} on `{path}` ({})", verified.label)),
            n => screen.say(&format!("not sound: {} with the {files} on `{path}`", report::counted(n, "fault"))),
        }
    }
    Ok(if verified.faults.is_empty() { Outcome::Done } else { Outcome::Wrong })
}
