//! `tsmedia inspect`: shows the contents and the layout of a medium, WIM file, boot store, boot program or encrypted file
//! of a medium.

mod container;
pub(super) mod details;
mod layout;
mod prompt;
mod stores;

use std::collections::BTreeMap;
use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use super::Outcome;
use super::file_kind::{self, FileKind};
use super::password::{self, PasswordLocation};
use super::report_file::ReportFile;
use super::screen::Screen;
use crate::device;
use crate::error::{Error, Result};
use crate::format::bcd::BcdStore;
use crate::format::boot_program::BootProgram;
use crate::format::regf::{Hive, MAGIC};
use crate::format::revocations::Revocations;
use crate::format::wim::header::PIPABLE_MAGIC;
use crate::format::wim::{Wim, WimImageFacts};
use crate::format::windows::{self, WindowsFacts};
use crate::import::MediumOutline;
use crate::limits::{self, MAX_BOOT_STORE_LEN, MAX_PROGRAM_LEN};
use crate::output::{Listing, ParsedMedium, WIM_MAGIC, starts_with};
use crate::report::html::{self, MediumReport};
use crate::report::{self, DocumentKind};
use crate::resolve::ForeignMedium;
use crate::secret::Secret;
use crate::verify::programs::read_programs;

/// Headings of options.
const LAYOUT: &str = "Layout of a medium";
const ENCRYPTED: &str = "Encrypted files";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Medium, WIM file, boot store (BCD), EFI program, `Variables.dat` or `Policy.xml`.
    medium: Utf8PathBuf,
    /// Medium to compare the layout with.
    #[arg(requires = "layout")]
    other: Option<Utf8PathBuf>,
    /// List every file.
    #[arg(long)]
    files: bool,
    /// Show the layout: which bytes belong to which files.
    #[arg(long, conflicts_with = "files", help_heading = LAYOUT)]
    layout: bool,
    /// Also draw the layout as a picture (SVG).
    #[arg(long, value_name = "FILE", requires = "layout", help_heading = LAYOUT)]
    svg: Option<Utf8PathBuf>,
    /// Also write a page about the medium (HTML).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["layout", "files"])]
    html: Option<Utf8PathBuf>,
    /// Media password: `env:NAME` or `file:PATH`.
    #[arg(long, value_name = "WHERE", value_parser = password::parse, help_heading = ENCRYPTED)]
    password_from: Option<PasswordLocation>,
    /// Show the values of variables, including secrets.
    #[arg(long, help_heading = ENCRYPTED)]
    values: bool,
}

impl Arguments {
    /// Returns the kind of JSON document that the command prints.
    pub fn document(&self) -> DocumentKind {
        if self.layout { DocumentKind::Layout } else { DocumentKind::Inspect }
    }
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
    if let Some(target) = &arguments.html {
        ReportFile::Html.check_name(target)?;
        file_kind::expect_medium(path)?;
    }
    if container::is_container(path) {
        return container::run(path, arguments, screen);
    }
    let kinds = [FileKind::DiscImage, FileKind::DiskImage, FileKind::Wim, FileKind::Hive, FileKind::Program];
    file_kind::expect(path, &kinds, "a medium, a WIM file, a boot store or a boot program")?;
    let mut file = device::open(path)?;
    screen.warn_of_journal(path);
    if starts_with(&mut file, MAGIC).map_err(|error| Error::io("reading", path, error))? {
        return inspect_boot_store(&mut file, path, screen);
    }
    let mut begins = |magic: &[u8; 8]| starts_with(&mut file, magic).map_err(|error| Error::io("reading", path, error));
    let is_wim = begins(WIM_MAGIC)? || begins(&PIPABLE_MAGIC)?;
    if starts_with(&mut file, b"MZ").map_err(|error| Error::io("reading", path, error))? {
        return inspect_program(path, screen);
    }
    let parsed = ParsedMedium::read(&mut file).map_err(|error| Error::new(format!("reading `{path}`")).because(error));
    // A WIM file may be a prestaged medium of tsmedia, which has a seal, or any other image.
    let is_medium = |parsed: &ParsedMedium| Listing::from(parsed).seal.is_some();
    if is_wim && !parsed.as_ref().is_ok_and(is_medium) {
        let wim = Wim::open(path)?;
        let details = wim_details(&wim)?;
        return match screen.json {
            true => screen.print_json(&report::inspected(path, &report::wim_json(&wim, &details))),
            false => screen.print_page(&report::wim(&wim, &details)),
        };
    }
    let parsed = parsed?;
    let details = details::read_details(&parsed, &mut file);
    let outline = outline(arguments)?;
    if let Some(target) = &arguments.html {
        let medium = MediumReport {
            name: path.as_str(),
            parsed: &parsed,
            details: &details,
            programs: &read_programs(&mut file, &parsed),
            revocations: &Revocations::default(),
        };
        ReportFile::Html.write(target, &html::medium(&medium, &outline).to_html())?;
        screen.status(&format!("wrote `{target}`"));
    }
    if screen.json {
        let mut json = report::parsed_medium_json(&parsed, &details);
        report::add_outline_json(&mut json, &outline);
        screen.print_json(&report::inspected(path, &json))
    } else {
        let mut page = report::parsed_medium(&parsed, &details, arguments.files);
        report::add_outline(&mut page, &outline);
        screen.print_page(&page)
    }
}

/// Reads the content and task sequences of a medium; empty if its files can't be read, which `verify` reports.
fn outline(arguments: &Arguments) -> Result<MediumOutline> {
    let Ok(medium) = ForeignMedium::open(&arguments.medium) else {
        return Ok(MediumOutline { sequences: Some(Vec::new()), ..MediumOutline::default() });
    };
    let password = arguments.password_from.as_ref().map(password::read).transpose()?;
    MediumOutline::read(&medium, password.as_ref().and_then(Secret::text))
}

/// Reads the parts of a WIM file beyond its header and XML.
fn wim_details(wim: &Wim) -> Result<report::WimDetails> {
    let incompatibilities = wim.incompatibilities()?;
    let windows = windows_pe_images(wim)?;
    let structure = wim.structure()?;
    let mut missing = BTreeMap::new();
    for index in 1..=wim.facts().n_images {
        missing.extend(structure.missing_contents(index)?.map(|found| (index, found)));
    }
    Ok(report::WimDetails { incompatibilities, windows, missing })
}

/// Reads the version and drivers of Windows in boot images, by index. Images of an installed Windows are skipped: reading
/// their hives takes long.
fn windows_pe_images(wim: &Wim) -> Result<BTreeMap<u32, WindowsFacts>> {
    let is_windows_pe = |image: &WimImageFacts| {
        wim.facts().boot_index == Some(image.index) || image.edition.as_deref() == Some("WindowsPE")
    };
    let images = wim.images().into_iter().filter(is_windows_pe);
    images.map(|image| Ok((image.index, windows::read(wim, image.index)?))).collect()
}

fn inspect_boot_store(file: &mut impl Read, path: &Utf8Path, screen: &Screen) -> Result<Outcome> {
    let mut bytes = Vec::new();
    file.take(MAX_BOOT_STORE_LEN + 1).read_to_end(&mut bytes).map_err(|error| Error::io("reading", path, error))?;
    if bytes.len() as u64 > MAX_BOOT_STORE_LEN {
        return Err(Error::new(format!("`{path}` is not a boot store: it is a registry hive of more than 16 MiB")));
    }
    let read = Hive::read(&bytes).and_then(|hive| Ok((BcdStore::read(&hive)?, hive.is_dirty())));
    let (store, is_dirty) = read.map_err(|error| Error::new(format!("reading `{path}`")).because(error))?;
    if screen.json {
        screen.print_json(&report::inspected(path, &report::boot_store_json(&store, is_dirty)))
    } else {
        screen.print_page(&report::boot_store(&store, is_dirty))
    }
}

/// Prints the version and the signatures of a boot program.
fn inspect_program(path: &Utf8Path, screen: &Screen) -> Result<Outcome> {
    let bytes = limits::read(path, MAX_PROGRAM_LEN).map_err(|error| Error::io("reading", path, error))?;
    let program = BootProgram::read(&bytes);
    let program = program.map_err(|why| Error::new(format!("`{path}` can't be read as a program: {why}")))?;
    if screen.json {
        screen.print_json(&report::inspected(path, &report::program_json(&program)))
    } else {
        screen.print_page(&report::program(&program))
    }
}
