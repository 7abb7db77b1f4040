//! Formats a finished medium or a WIM file.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::bcd::MediumBootStore;
use super::{Page, counted};
use crate::format::bcd::BcdStore;
use crate::format::iso::{BootProgram, IsoDisc};
use crate::format::partitions::PartitionScheme;
use crate::format::stick::Stick;
use crate::format::volume_entry::VolumeEntry;
use crate::format::wim::uncompressed::UncompressedWim;
use crate::format::wim::{Incompatibility, MissingContents, Wim};
use crate::format::windows::WindowsFacts;
use crate::output::{Listing, ParsedMedium, lists};
use crate::size::Size;

/// Maximum number of files listed that differ between the file systems of a disc.
const MAX_DISAGREEMENTS: usize = 10;

/// Details read from the files of a finished medium.
#[derive(Debug, Default)]
pub struct MediumDetails {
    /// Keys and values of its `medium.toml`.
    pub description: Vec<(String, String)>,
    /// Boot stores.
    pub stores: Vec<MediumBootStore>,
    /// `true` if the medium prompts for a password; `None` if unknown.
    pub asks_for_password: Option<bool>,
    /// For each boot program, `true` if it prompts for a key; `None` if unknown.
    pub prompts: Vec<Option<bool>>,
}

impl MediumDetails {
    /// Returns the rows for boot stores and the password.
    fn rows(&self) -> Vec<(String, String)> {
        let mut rows: Vec<_> = self.stores.iter().map(store_row).collect();
        rows.extend(self.asks_for_password.map(|is_asked| {
            let text = if is_asked { "required at boot" } else { "none: anyone can read the settings for the client" };
            ("password".to_owned(), text.to_owned())
        }));
        rows
    }
}

/// Formats a finished medium, with every file if `with_files` is set.
pub fn parsed_medium(parsed: &ParsedMedium, details: &MediumDetails, with_files: bool) -> Page {
    let mut page = table(&rows(parsed, details));
    if with_files {
        page.gap();
        for file in Listing::from(parsed).files {
            page.row(format!("{:>14}  ", file.len), &file.path);
        }
    }
    page
}

/// Returns the facts about a finished medium, each with its key.
pub(super) fn rows(parsed: &ParsedMedium, details: &MediumDetails) -> Vec<(String, String)> {
    match parsed {
        ParsedMedium::Disc(disc) => disc_rows(disc, details),
        ParsedMedium::Wim(wim) => stored_rows(wim, details),
        ParsedMedium::Stick(stick) => stick_rows(stick, details),
    }
}

/// Returns a finished medium as JSON.
pub fn parsed_medium_json(parsed: &ParsedMedium, details: &MediumDetails) -> Json {
    let mut json = match parsed {
        ParsedMedium::Disc(disc) => disc_json(disc, details),
        ParsedMedium::Wim(wim) => stored_json(wim, &details.description),
        ParsedMedium::Stick(stick) => stick_json(stick, &details.description),
    };
    json["boot-stores"] = details.stores.iter().map(store_json).collect();
    json["asks-for-password"] = json!(details.asks_for_password);
    json
}

/// Returns a row for a boot store.
fn store_row(found: &MediumBootStore) -> (String, String) {
    let state = match &found.read {
        Ok(store) => store.default_entry().map_or_else(|| "no default entry".into(), |started| started.to_string()),
        Err(error) => format!("can't be read: {error}"),
    };
    ("boot store".into(), format!("{}: {}: {state}", found.firmware, found.path))
}

fn store_json(found: &MediumBootStore) -> Json {
    let started = found.read.as_ref().ok().and_then(BcdStore::default_entry);
    json!({
        "platform": found.firmware.to_string(),
        "path": found.path,
        "error": found.read.as_ref().err().map(ToString::to_string),
        "starts": started.map(|started| json!({
            "device": started.device.map(|device| device.to_string()),
            "program": started.program,
            "ramdisk-sdi": started.sdi.map(|(_, path)| path),
        })),
    })
}

fn disc_rows(disc: &IsoDisc, details: &MediumDetails) -> Vec<(String, String)> {
    let systems = [("UDF", disc.udf.is_some()), ("ISO 9660", disc.iso.is_some()), ("Joliet", disc.joliet.is_some())];
    let systems: Vec<_> = systems.into_iter().filter_map(|(name, is_there)| is_there.then_some(name)).collect();
    let mut rows = vec![
        ("form".to_owned(), format!("disc image, {}: {}", Size(disc.len), systems.join(", "))),
        ("volume label".to_owned(), disc.label.best().to_owned()),
    ];
    // The prompt is shown with the boot programs.
    let is_row = |(key, _): &&(String, String)| key != "label" && key != lists::PROMPT;
    rows.extend(details.description.iter().filter(is_row).cloned());
    if disc.boot.is_empty() {
        rows.push(("boot".to_owned(), "no boot catalog".to_owned()));
    }
    // A medium without details has no prompts: pad with unknown ones, so that no boot program is lost.
    let prompts = details.prompts.iter().copied().chain(std::iter::repeat(None));
    rows.extend(disc.boot.iter().zip(prompts).map(|(program, prompt)| ("boot".to_owned(), boot(program, prompt))));
    rows.extend(details.rows());
    rows.push(("holds".to_owned(), file_counts(disc.files())));
    rows.extend(disc.disagreements().iter().take(MAX_DISAGREEMENTS).map(|it| ("mismatch".to_owned(), it.to_string())));
    rows
}

fn stick_rows(stick: &Stick, details: &MediumDetails) -> Vec<(String, String)> {
    let Stick { partition, scheme, n_bits, cluster_len, .. } = stick;
    let scheme = scheme_name(*scheme);
    let ntfs = if stick.second.is_some() { " and NTFS" } else { "" };
    let mut rows = vec![
        ("form".to_owned(), format!("USB stick image, {}: {scheme}, FAT{n_bits}{ntfs}", Size(stick.len))),
        ("volume label".to_owned(), stick.label.clone()),
    ];
    rows.extend(details.description.iter().filter(|(key, _)| !STRUCTURE_KEYS.contains(&key.as_str())).cloned());
    let active = if partition.is_active { ", active" } else { "" };
    let place = format!("{} bytes at byte {}", partition.len, partition.offset);
    rows.push((
        "partition".to_owned(),
        format!("{}{active}: {place}, clusters of {cluster_len} bytes", partition.kind),
    ));
    rows.extend(stick.second.iter().map(|(partition, cluster_len)| {
        let place = format!("{} bytes at byte {}", partition.len, partition.offset);
        ("partition".to_owned(), format!("{}: {place}, clusters of {cluster_len} bytes", partition.kind))
    }));
    rows.extend(stick.damage.map(|damage| ("damaged".to_owned(), damage.to_owned())));
    rows.extend(boot_programs(&stick.files).map(|path| ("boot".to_owned(), format!("UEFI: {path}"))));
    rows.extend(details.rows());
    rows.push(("holds".to_owned(), file_counts(&stick.files)));
    rows
}

/// Keys of the description that repeat what the structures of a stick say.
const STRUCTURE_KEYS: [&str; 3] = ["label", "format", "partition-table"];

fn scheme_name(scheme: PartitionScheme) -> &'static str {
    match scheme {
        PartitionScheme::Mbr => "MBR",
        PartitionScheme::Gpt => "GPT",
    }
}

/// Returns the default boot programs of UEFI, one for each architecture (UEFI 3.5.1.1).
fn boot_programs(files: &[VolumeEntry]) -> impl Iterator<Item = &str> {
    let paths = files.iter().filter(|file| !file.is_folder).map(|file| file.path.as_str());
    paths.filter(|path| {
        let path = path.to_ascii_lowercase();
        path.strip_prefix("efi/boot/boot").is_some_and(|rest| rest.ends_with(".efi"))
    })
}

fn file_counts(files: &[VolumeEntry]) -> String {
    let n_folders = files.iter().filter(|file| file.is_folder).count();
    let bytes = Size(files.iter().map(|file| file.len).sum());
    [counted(files.len() - n_folders, "file"), counted(n_folders, "folder"), bytes.to_string()].join(", ")
}

fn stick_json(stick: &Stick, description: &[(String, String)]) -> Json {
    json!({
        "form": "usb",
        "len": stick.len,
        "label": stick.label,
        "partition-table": scheme_name(stick.scheme).to_lowercase(),
        "partition": {
            "offset": stick.partition.offset,
            "len": stick.partition.len,
            "type": stick.partition.kind.to_string(),
            "active": stick.partition.is_active,
        },
        "second-partition": stick.second.as_ref().map(|(partition, cluster_len)| {
            json!({
                "offset": partition.offset,
                "len": partition.len,
                "type": partition.kind.to_string(),
                "cluster": cluster_len,
            })
        }),
        "fat": stick.n_bits,
        "cluster": stick.cluster_len,
        "damage": stick.damage,
        "description": description.iter().cloned().collect::<BTreeMap<_, _>>(),
        "boot": boot_programs(&stick.files).map(|path| json!({ "platform": "UEFI", "path": path })).collect::<Vec<_>>(),
        "files": files_json(&stick.files),
    })
}

fn files_json(files: &[VolumeEntry]) -> Vec<Json> {
    let files = files.iter().filter(|file| !file.is_folder).map(|file| {
        let extents: Vec<_> = file.extents.iter().map(|extent| [extent.start, extent.end - extent.start]).collect();
        json!({ "path": file.path, "len": file.len, "extents": extents })
    });
    files.collect()
}

fn disc_json(disc: &IsoDisc, details: &MediumDetails) -> Json {
    let prompts = details.prompts.iter().copied().chain(std::iter::repeat(None));
    let boot = disc.boot.iter().zip(prompts).map(|(program, prompt)| {
        json!({
            "platform": program.firmware(),
            "bootable": program.is_bootable,
            "sectors": program.n_sectors,
            "offset": program.offset,
            "prompt": prompt,
        })
    });
    json!({
        "form": "iso",
        "len": disc.len,
        "label": disc.label.best(),
        "id": disc.id,
        "description": details.description.iter().cloned().collect::<BTreeMap<_, _>>(),
        "boot": boot.collect::<Vec<_>>(),
        "files": files_json(disc.files()),
    })
}

fn stored_rows(wim: &UncompressedWim, details: &MediumDetails) -> Vec<(String, String)> {
    let files: Vec<_> = wim.files.iter().filter(|file| !file.is_folder).collect();
    let n_folders = wim.files.len() - files.len();
    let bytes = Size(files.iter().map(|file| file.len).sum());
    let mut rows = vec![
        ("form".to_owned(), format!("WIM file, {}: one image, uncompressed", Size(wim.len))),
        ("name".to_owned(), wim.label.clone()),
    ];
    rows.extend(details.description.iter().filter(|(key, _)| key != "name").cloned());
    rows.extend(details.rows());
    let holds = [counted(files.len(), "file"), counted(n_folders, "folder"), bytes.to_string()];
    rows.push(("holds".to_owned(), holds.join(", ")));
    rows
}

fn stored_json(wim: &UncompressedWim, description: &[(String, String)]) -> Json {
    let files = wim.files.iter().filter(|file| !file.is_folder).map(|file| {
        let extents: Vec<_> = file.place.iter().map(|place| [place.start, place.end - place.start]).collect();
        json!({ "path": file.path, "len": file.len, "extents": extents })
    });
    json!({
        "form": "wim",
        "len": wim.len,
        "label": wim.label,
        "description": description.iter().cloned().collect::<BTreeMap<_, _>>(),
        "boot": [],
        "files": files.collect::<Vec<_>>(),
    })
}

fn boot(program: &BootProgram, prompt: Option<bool>) -> String {
    let not = if program.is_bootable { "" } else { ", marked as not bootable" };
    let BootProgram { n_sectors, offset, .. } = program;
    let prompt = match prompt {
        Some(true) => ", prompts for a key",
        Some(false) => ", no key prompt",
        None => "",
    };
    format!("{}: {n_sectors} sectors of 512 bytes at byte {offset}{not}{prompt}", program.firmware())
}

/// Details of a WIM file beyond its header and XML.
#[derive(Clone, Debug)]
pub struct WimDetails {
    /// Properties that Microsoft's tools may not support.
    pub incompatibilities: Vec<Incompatibility>,
    /// Windows in bootable images, by index.
    pub windows: BTreeMap<u32, WindowsFacts>,
    /// File contents missing from the file, by index of the image.
    pub missing: BTreeMap<u32, MissingContents>,
}

/// Formats a WIM file.
pub fn wim(wim: &Wim, details: &WimDetails) -> Page {
    let facts = wim.facts();
    let started = match facts.boot_index {
        Some(index) => format!("boots image {index}"),
        None => "not bootable".into(),
    };
    let mut rows = vec![
        ("form", format!("WIM file, compression: {}, {started}", facts.compression)),
        ("holds", counted(facts.n_images as usize, "image")),
    ];
    rows.extend(details.incompatibilities.iter().map(|found| ("caution", format!("the file {found}"))));
    for image in wim.images() {
        let mut words = vec![image.name.unwrap_or_else(|| "(no name)".into())];
        words.extend(image.architecture.map(|architecture| architecture.to_string()));
        words.extend(image.version.map(|version| version.to_string()));
        words.extend(image.edition);
        words.extend(image.language);
        rows.push(("image", format!("{}: {}", image.index, words.join(", "))));
        rows.extend(details.missing.get(&image.index).map(|missing| {
            let MissingContents { n_missing, n_contents, example } = missing;
            ("missing", format!("{n_missing} of {n_contents} file contents, such as `{example}`"))
        }));
        rows.extend(details.windows.get(&image.index).into_iter().flat_map(super::windows::rows));
    }
    table(&rows.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Vec<_>>())
}

/// Returns a WIM file as JSON.
pub fn wim_json(wim: &Wim, details: &WimDetails) -> Json {
    let facts = wim.facts();
    let images = wim.images().into_iter().map(|image| {
        json!({
            "index": image.index,
            "name": image.name,
            "description": image.description,
            "architecture": image.architecture.map(|architecture| architecture.to_string()),
            "version": image.version.map(|version| version.to_string()),
            "edition": image.edition,
            "language": image.language,
            "missing-contents": details.missing.get(&image.index),
            "windows": details.windows.get(&image.index).map(super::windows::json),
        })
    });
    json!({
        "form": "wim",
        "compression": facts.compression.to_string(),
        "incompatibilities": details.incompatibilities,
        "boot-index": facts.boot_index,
        "images": images.collect::<Vec<_>>(),
    })
}

/// Maximum width of the keys of a table; media can have keys of any length.
const MAX_KEY: usize = 24;

/// Formats rows of keys and values, with the values aligned.
pub(super) fn table(rows: &[(String, String)]) -> Page {
    let width = rows.iter().map(|(key, _)| key.len()).max().unwrap_or(0).min(MAX_KEY);
    let mut page = Page::default();
    rows.iter().for_each(|(key, value)| page.row(format!("{key:width$}  "), value));
    page
}
