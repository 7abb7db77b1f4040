//! `tsmedia inspect`: what a finished medium, or a WIM file, holds, and where.

mod layout;

use std::fs::File;
use std::io::{Read, Seek};

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use super::Outcome;
use super::screen::Screen;
use crate::error::{Error, Result};
use crate::format::iso;
use crate::format::wim::Wim;
use crate::output::Listing;
use crate::report;
use crate::write;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A disc image or a WIM file.
    medium: Utf8PathBuf,
    /// Another medium: what is elsewhere or otherwise on it is marked.
    #[arg(requires = "layout")]
    other: Option<Utf8PathBuf>,
    /// List every file.
    #[arg(long)]
    files: bool,
    /// Show where things are on the medium.
    #[arg(long, conflicts_with = "files")]
    layout: bool,
    /// Draw that as a picture as well.
    #[arg(long, value_name = "FILE", requires = "layout")]
    svg: Option<Utf8PathBuf>,
}

const WIM_MAGIC: &[u8; 8] = b"MSWIM\0\0\0";

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    if arguments.layout {
        return layout::run(arguments, screen);
    }
    let path = &arguments.medium;
    let mut file = write::open(path)?;
    if is_wim(&mut file, path)? {
        let wim = Wim::open(path)?;
        return if screen.json { screen.json(&report::wim_json(&wim)) } else { screen.data(&report::wim(&wim)) };
    }
    let disc = iso::read(&mut file).map_err(|error| Error::new(format!("reading `{path}`")).because(error))?;
    let medium = Listing::from(&disc).medium(&mut file);
    let description = medium.map(|medium| medium.description).unwrap_or_default();
    if screen.json {
        screen.json(&report::disc_json(&disc, &description))
    } else {
        screen.data(&report::disc(&disc, &description, arguments.files))
    }
}

fn is_wim(file: &mut File, path: &Utf8Path) -> Result<bool> {
    let mut magic = [0; WIM_MAGIC.len()];
    let read = file.read(&mut magic).and_then(|_| file.rewind());
    read.map_err(|error| Error::io("reading", path, error))?;
    Ok(&magic == WIM_MAGIC)
}
