//! `tsmedia inspect`: what a finished medium, a WIM file, a boot store, a boot program or an encrypted file of a medium
//! holds, and where.

mod container;
mod layout;
mod prompt;
mod stores;

use std::collections::BTreeMap;
use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use super::Outcome;
use super::file_kind::{self, FileKind};
use super::password::{self, PasswordFrom};
use super::screen::Screen;
use crate::device;
use crate::error::{Error, Result};
use crate::format::bcd::BcdStore;
use crate::format::boot_program::BootProgram;
use crate::format::regf::{Hive, MAGIC};
use crate::format::wim::header::PIPABLE_MAGIC;
use crate::format::wim::{Wim, WimImageFacts};
use crate::format::windows::{self, WindowsFacts};
use crate::limits::{self, MAX_BOOT_STORE_LEN, MAX_BOOTSTRAP_LEN, MAX_PROGRAM_LEN};
use crate::media::data::{self, Bootstrap};
use crate::output::{Listing, ParsedMedium, ReadSeek, WIM_MAGIC, starts_with};
use crate::report;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A disc image, a WIM file, a boot store (BCD), a boot program, or the `Variables.dat` of a medium.
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
    /// Where the password of a `Variables.dat` is found: `env:NAME` or `file:PATH`.
    #[arg(long, value_name = "WHERE", value_parser = password::parse)]
    password_from: Option<PasswordFrom>,
    /// Show the values of variables too, secrets among them.
    #[arg(long)]
    values: bool,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    if arguments.layout {
        [Some(&arguments.medium), arguments.other.as_ref()]
            .into_iter()
            .flatten()
            .try_for_each(|path| file_kind::expect_medium(path))?;
        return layout::run(arguments, screen);
    }
    let path = &arguments.medium;
    if container::is_one(path) {
        return container::run(path, arguments, screen);
    }
    let kinds = [FileKind::DiscImage, FileKind::DiskImage, FileKind::Wim, FileKind::Hive, FileKind::Program];
    file_kind::expect(path, &kinds, "a medium, a WIM file, a boot store or a boot program")?;
    let mut file = device::open(path)?;
    screen.tell_of_journal(path);
    if starts_with(&mut file, MAGIC).map_err(|error| Error::io("reading", path, error))? {
        return boot_store(&mut file, path, screen);
    }
    let mut begins = |magic: &[u8; 8]| starts_with(&mut file, magic).map_err(|error| Error::io("reading", path, error));
    let is_wim = begins(WIM_MAGIC)? || begins(&PIPABLE_MAGIC)?;
    if starts_with(&mut file, b"MZ").map_err(|error| Error::io("reading", path, error))? {
        return program(path, screen);
    }
    let parsed = ParsedMedium::read(&mut file).map_err(|error| Error::new(format!("reading `{path}`")).because(error));
    let is_medium = |parsed: &ParsedMedium| Listing::from(parsed).seal.is_some();
    if is_wim && !parsed.as_ref().is_ok_and(is_medium) {
        let wim = Wim::open(path)?;
        let details = details(&wim)?;
        return match screen.json {
            true => screen.json(&report::wim_json(&wim, &details)),
            false => screen.data(&report::wim(&wim, &details)),
        };
    }
    let parsed = parsed?;
    let medium = Listing::from(&parsed).medium(&mut file);
    let description = medium.map(|medium| medium.description).unwrap_or_default();
    let said = report::Said {
        prompts: prompt::of(&parsed, &description, &mut file),
        description,
        stores: stores::of(&parsed, &mut file),
        asks_for_password: bootstrap(&parsed, &mut file).and_then(|bootstrap| bootstrap.requires_password()),
    };
    if screen.json {
        screen.json(&report::parsed_medium_json(&parsed, &said))
    } else {
        screen.data(&report::parsed_medium(&parsed, &said, arguments.files))
    }
}

/// What a medium tells the client in clear.
fn bootstrap(parsed: &ParsedMedium, image: &mut dyn ReadSeek) -> Option<Bootstrap> {
    let files = Listing::from(parsed).files;
    let file = files.iter().find(|file| file.path.eq_ignore_ascii_case(data::BOOTSTRAP_FILE))?;
    Bootstrap::read(&file.read_bytes(image, MAX_BOOTSTRAP_LEN).ok()?)
}

/// Reads more of a WIM file than its header and its XML.
fn details(wim: &Wim) -> Result<report::WimDetails> {
    let incompatibilities = wim.incompatibilities()?;
    let windows = windows_pe(wim)?;
    let structure = wim.structure()?;
    let mut missing = BTreeMap::new();
    for index in 1..=wim.facts().n_images {
        missing.extend(structure.missing_contents(index)?.map(|found| (index, found)));
    }
    Ok(report::WimDetails { incompatibilities, windows, missing })
}

/// What the images say of their Windows that a computer starts from: in those of an installed Windows there is much more
/// to read, and nothing of that is asked.
fn windows_pe(wim: &Wim) -> Result<BTreeMap<u32, WindowsFacts>> {
    let is_windows_pe = |image: &WimImageFacts| {
        wim.facts().boot_index == Some(image.index) || image.edition.as_deref() == Some("WindowsPE")
    };
    let images = wim.images().into_iter().filter(is_windows_pe);
    images.map(|image| Ok((image.index, windows::read(wim, image.index)?))).collect()
}

fn boot_store(file: &mut impl Read, path: &Utf8Path, screen: &Screen) -> Result<Outcome> {
    let mut bytes = Vec::new();
    file.take(MAX_BOOT_STORE_LEN + 1).read_to_end(&mut bytes).map_err(|error| Error::io("reading", path, error))?;
    if bytes.len() as u64 > MAX_BOOT_STORE_LEN {
        return Err(Error::new(format!("`{path}` is a registry hive of more than 16 MiB, and no boot store")));
    }
    let read = Hive::read(&bytes).and_then(|hive| Ok((BcdStore::read(&hive)?, hive.is_dirty())));
    let (store, is_dirty) = read.map_err(|error| Error::new(format!("reading `{path}`")).because(error))?;
    if screen.json {
        screen.json(&report::boot_store_json(&store, is_dirty))
    } else {
        screen.data(&report::boot_store(&store, is_dirty))
    }
}

/// What a boot program is, and who signed it.
fn program(path: &Utf8Path, screen: &Screen) -> Result<Outcome> {
    let bytes = limits::read(path, MAX_PROGRAM_LEN).map_err(|error| Error::io("reading", path, error))?;
    let program = BootProgram::read(&bytes);
    let program = program.map_err(|why| Error::new(format!("`{path}` can't be read as a program: {why}")))?;
    if screen.json { screen.json(&report::program_json(&program)) } else { screen.data(&report::program(&program)) }
}
