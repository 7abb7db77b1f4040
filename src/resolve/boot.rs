//! The files that start a medium, out of the boot image itself or out of a folder.
//!
//! For BIOS: boot sector (`etfsboot.com`), `bootmgr`, `boot\bcd` and `boot\boot.sdi` are required. For UEFI:
//! `EFI\BOOT\BOOT<arch>.EFI`, `EFI\Microsoft\Boot\BCD` and `boot\boot.sdi`. Fonts, memory testers, `bootmgr.efi`,
//! `boot.stl` and `bootfix.bin` (the prompt of a BIOS) are taken where they are found. The boot stores (`bcd`) are taken
//! unaltered, or written here where there are none or the author wants it so.
//!
//! UEFI starts a disc from a FAT volume. Microsoft's (`efisys.bin`) holds a program that goes on from the disc itself.
//! Where there is none, one is made that holds the `EFI` folder. Firmware starts the boot program in it, and programs
//! that look over all volumes find the disc. Microsoft's boot manager does not: for it that volume is the boot device,
//! and `sources\boot.wim` is not in it, so it will report a missing file. [`Note::MadeEfiImage`] says when this is so.

mod folder;
mod image;

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};

use crate::content::Content;
use crate::date::Date;
use crate::digest::Digest;
use crate::error::Error;
use crate::firmware::Firmware;
use crate::format::bcd;
use crate::format::fat;
use crate::format::wim::Architecture;
use crate::layout::Layout;
use crate::manifest::{BOOT_IMAGE_PATH, BootStore, SecureBootCa};
use crate::volume::{BootEntry, Folder, Misplaced, Node, Volume};

use super::wim::KnownWim;

/// Where boot files are looked for.
#[derive(Clone, Copy, Debug)]
pub enum BootSource<'a> {
    /// An image in a WIM file: one of Windows PE, or of Windows.
    Image {
        /// The file.
        wim: &'a KnownWim,
        /// Which image in it.
        index: u32,
    },
    /// A folder on a medium, such as the root of a Windows ISO.
    Medium {
        /// The folder.
        folder: &'a Folder,
        /// The boot images in the catalog of the disc, for a folder without `etfsboot.com` and `efisys.bin`.
        records: &'a [(Firmware, Content)],
        /// The boot image and its index: as for a folder of this machine.
        image: Option<(&'a KnownWim, u32)>,
    },
    /// The `Media` folder of the Windows ADK, or an extracted Windows ISO.
    Folder {
        /// The folder.
        folder: &'a Utf8Path,
        /// The boot image and its index: a `boot.sdi` and a `boot.stl` that are not in the folder may be in there.
        image: Option<(&'a KnownWim, u32)>,
    },
}

/// How a medium is to start.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The processors that it is for.
    pub architecture: Architecture,
    /// The firmware that it starts from.
    pub firmware: Vec<Firmware>,
    /// Who signed its boot programs.
    pub secure_boot_ca: SecureBootCa,
    /// Where its boot stores come from; unless said, those are written that are not there.
    pub store: Option<BootStore>,
    /// Whether starting waits for a key.
    pub prompt: bool,
    /// The date of what has to be made: a FAT volume, boot stores.
    pub date: Date,
}

/// What starts a medium.
#[derive(Clone, Debug)]
pub struct BootFiles {
    /// Files with their paths on the medium, in the order of the paths.
    pub files: Vec<(String, Content)>,
    /// The entries of the boot catalog: BIOS before UEFI, as discs from Microsoft have it.
    pub entries: Vec<BootEntry>,
    /// The EFI boot image of the catalog, unless it was made of files that are here.
    pub efi_image: Option<Content>,
    /// `true` if that image waits for a key, going by its name.
    pub prompts_under_uefi: bool,
    /// What is not quite as it was wanted, or worth knowing.
    pub notes: Vec<Note>,
}

/// What the author should know of the boot files found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// No EFI boot image was found, so one was made of the `EFI` folder.
    MadeEfiImage,
    /// Only the EFI boot image with (true) or without (false) a prompt was found, and the other one was wanted.
    EfiPrompts(bool),
    /// A prompt was wanted, and there is no `bootfix.bin` to make it.
    NoBiosPrompt,
    /// These boot stores were written, because it was asked for (true) or because there were none.
    BuiltStores(Vec<&'static str>, bool),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MadeEfiImage => f.write_str(
                "no EFI boot image (`efisys.bin`) was found, so one was made of the `EFI` folder; \
                 Microsoft's boot manager can't go on to the disc from it",
            ),
            Self::EfiPrompts(true) => {
                f.write_str("UEFI will wait for a key: there is an `efisys.bin`, but no `efisys_noprompt.bin`")
            }
            Self::EfiPrompts(false) => {
                f.write_str("UEFI will not wait for a key: there is an `efisys_noprompt.bin`, but no `efisys.bin`")
            }
            Self::NoBiosPrompt => f.write_str("BIOS will not wait for a key: there is no `bootfix.bin`"),
            Self::BuiltStores(paths, is_asked) => {
                let paths = paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(" and ");
                let why = if *is_asked { "" } else { ", since the boot files bring none" };
                write!(
                    f,
                    "{paths} will be written by tsmedia{why}; boot managers of Windows 10 and 11 for x64 have started \
                     from such stores in virtual machines, others have not been tried"
                )
            }
        }
    }
}

impl Note {
    /// What to do about it, where it was not meant.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::MadeEfiImage => Some(
                "put an `efisys.bin` with the boot files: it is in `efi\\microsoft\\boot` of an extracted Windows ISO \
                 and in the ADK's `Oscdimg` folder",
            ),
            Self::EfiPrompts(true) => {
                Some("put an `efisys_noprompt.bin` with the boot files, or write `prompt = true`")
            }
            Self::EfiPrompts(false) | Self::NoBiosPrompt => Some("write `prompt = false` in `[boot]` if that is meant"),
            Self::BuiltStores(_, false) => Some(
                "write `store = \"built\"` in `[boot]` if that is meant, or take boot files that hold a store: those of \
                 an extracted Windows ISO or of the ADK's `Media` folder",
            ),
            Self::BuiltStores(_, true) => None,
        }
    }
}

/// Why there are no boot files.
#[derive(Debug)]
pub enum NoBootFiles {
    /// The folder holds nothing that a medium starts from; perhaps one in it does, of this name.
    NotMedia(Option<String>),
    /// Required files were not found.
    Missing(Vec<Missing>),
    /// A BIOS can't start a medium for these processors.
    NoBios(Architecture),
    /// A symbolic link leads out of the folder, or to a folder that it lies in.
    BadLink {
        /// The link.
        link: Utf8PathBuf,
        /// Where it leads.
        target: Utf8PathBuf,
    },
    /// A file has a name that the medium can't hold, or one that differs from another only in case.
    Misplaced {
        /// Its path on the medium.
        path: String,
        /// Why it can't be there.
        why: Misplaced,
    },
    /// Something could not be read.
    Failed(Error),
}

impl From<Error> for NoBootFiles {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A required file that was not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What it is on the medium, or what it is called.
    pub file: String,
    /// The firmware that needs it.
    pub firmware: Firmware,
    /// Where it was looked for.
    pub looked_at: Vec<String>,
    /// Where it is usually found.
    pub usual: &'static str,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, which {} needs, is not there", self.file, self.firmware)
    }
}

/// The folders beside one of boot files in which boot records are looked for.
pub fn beside(folder: &Utf8Path) -> impl Iterator<Item = Utf8PathBuf> {
    folder::BESIDE.iter().map(move |place| folder.join(place))
}

/// Finds the files that start a medium.
pub fn boot_files(source: BootSource, wanted: &Wanted) -> Result<BootFiles, NoBootFiles> {
    let has_bios = !matches!(wanted.architecture, Architecture::Arm | Architecture::Arm64);
    if wanted.firmware.contains(&Firmware::Bios) && !has_bios {
        return Err(NoBootFiles::NoBios(wanted.architecture));
    }
    let found = match source {
        BootSource::Image { wim, index } => image::find(wim, index, wanted)?,
        BootSource::Folder { image, .. } | BootSource::Medium { image, .. } => {
            let mut found = match source {
                BootSource::Folder { folder, .. } => folder::find(folder, wanted)?,
                BootSource::Medium { folder, records, .. } => folder::find_in(folder, records, wanted)?,
                BootSource::Image { .. } => Candidates::default(),
            };
            let has_sdi = found.files.iter().any(|(path, _)| path.eq_ignore_ascii_case(BOOT_SDI));
            if let Some((wim, index)) = image.filter(|_| !has_sdi) {
                found.add(image::boot_sdi(wim, index)?);
            }
            let has_stl = found.files.iter().any(|(path, _)| path.eq_ignore_ascii_case(BOOT_STL));
            if let Some((wim, index)) = image.filter(|_| !has_stl && wanted.firmware.contains(&Firmware::Uefi)) {
                found.add(image::boot_stl(wim, index)?);
            }
            found
        }
    };
    let mut root = Folder::default();
    for (path, content) in found.files {
        root.insert(&path, content).map_err(|why| NoBootFiles::Misplaced { path, why })?;
    }
    let mut notes = Vec::from_iter(add_stores(&mut root, wanted)?);
    let missing = missing(&root, found.boot_sector.is_some(), wanted, &found.looked_at);
    if !missing.is_empty() {
        return Err(NoBootFiles::Missing(missing));
    }
    let mut entries = Vec::new();
    if let Some(boot_sector) = found.boot_sector.filter(|_| wanted.firmware.contains(&Firmware::Bios)) {
        if boot_sector.is_empty() || boot_sector.len() > MAX_BOOT_SECTOR_LEN {
            return Err(NoBootFiles::Failed(wrong_boot_sector(boot_sector.len())));
        }
        entries.push(BootEntry { firmware: Firmware::Bios, image: Layout::from(&boot_sector) });
        if wanted.prompt && root.get(BOOTFIX).is_none() {
            notes.push(Note::NoBiosPrompt);
        }
    }
    let is_uefi = wanted.firmware.contains(&Firmware::Uefi);
    let (efi_image, prompts) = found.efi_image.filter(|_| is_uefi).unzip();
    let prompts_under_uefi = prompts.unwrap_or(false);
    if is_uefi {
        notes.extend(prompts.filter(|prompts| *prompts != wanted.prompt).map(Note::EfiPrompts));
        let image = match &efi_image {
            Some(image) if image.len() < MIN_FAT_LEN => return Err(NoBootFiles::Failed(wrong_efi_image(image.len()))),
            Some(image) => Layout::from(image),
            None => {
                notes.push(Note::MadeEfiImage);
                made_efi_image(&root, wanted.date)?
            }
        };
        entries.push(BootEntry { firmware: Firmware::Uefi, image });
    }
    let files = root.files().into_iter().map(|(path, content)| (path, content.clone())).collect();
    Ok(BootFiles { files, entries, efi_image, prompts_under_uefi, notes })
}

/// Writes the boot stores that are wanted and not there, or wanted anew.
fn add_stores(root: &mut Folder, wanted: &Wanted) -> Result<Option<Note>, NoBootFiles> {
    let backslashes = |path: &str| format!("\\{}", path.replace('/', "\\"));
    let (boot_image, boot_sdi) = (backslashes(BOOT_IMAGE_PATH), backslashes(BOOT_SDI));
    let mut built = Vec::new();
    for (firmware, path) in STORES {
        let is_there = matches!(root.get(path), Some(Node::File(_)));
        let is_built = match wanted.store {
            Some(BootStore::Built) => true,
            Some(BootStore::Files) => false,
            None => !is_there,
        };
        if !wanted.firmware.contains(&firmware) || !is_built {
            continue;
        }
        let store = bcd::store(&bcd::Start { firmware, boot_image: &boot_image, boot_sdi: &boot_sdi });
        let content = Content::bytes(store.to_bytes(wanted.date)?);
        if !root.replace(path, content.clone()) {
            root.insert(path, content).map_err(|why| NoBootFiles::Misplaced { path: path.to_owned(), why })?;
        }
        built.push(path);
    }
    Ok((!built.is_empty()).then(|| Note::BuiltStores(built, wanted.store == Some(BootStore::Built))))
}

/// What a source holds, not yet judged.
#[derive(Default)]
struct Candidates {
    /// Files with their paths on the medium.
    files: Vec<(String, Content)>,
    /// `etfsboot.com`.
    boot_sector: Option<Content>,
    /// `efisys.bin` or its like, and whether it waits for a key.
    efi_image: Option<(Content, bool)>,
    /// Where required files were looked for, by the path on the medium or the name, if not just at that path.
    looked_at: Vec<(String, Vec<String>)>,
}

impl Candidates {
    /// Takes what another source has, where it has been looked for included.
    fn add(&mut self, other: Self) {
        self.files.extend(other.files);
        for (file, places) in other.looked_at {
            self.looked_at.push((file.clone(), [vec![file], places].concat()));
        }
    }
}

const BOOTMGR: &str = "bootmgr";
const BOOTMGR_EFI: &str = "bootmgr.efi";
const BIOS_STORE: &str = "boot/bcd";
const EFI_STORE: &str = "efi/microsoft/boot/bcd";
/// Where each firmware's boot manager looks for its boot store.
pub const STORES: [(Firmware, &str); 2] = [(Firmware::Bios, BIOS_STORE), (Firmware::Uefi, EFI_STORE)];
pub(super) const BOOT_SDI: &str = "boot/boot.sdi";
/// Microsoft's script for media puts it beside the store of UEFI since 2026-03, and KB5094126 names 0xc0430001 as what
/// follows where it is missing.
const BOOT_STL: &str = "efi/microsoft/boot/boot.stl";
pub(super) const BOOTFIX: &str = "boot/bootfix.bin";
const BOOT_SECTOR: &str = "etfsboot.com";

/// What a BIOS loads of a disc: eight sectors of 512 bytes.
const MAX_BOOT_SECTOR_LEN: u64 = 4_096;

fn wrong_boot_sector(len: u64) -> Error {
    Error::new(format!("`{BOOT_SECTOR}` has {len} bytes, and a BIOS loads from 1 to {MAX_BOOT_SECTOR_LEN}"))
        .help("take the file from `boot` of an extracted Windows ISO or from the ADK's `Oscdimg` folder")
}

/// Less is no FAT volume: it has a boot sector, a table, a root folder and a cluster.
const MIN_FAT_LEN: u64 = 4 * 512;

fn wrong_efi_image(len: u64) -> Error {
    Error::new(format!("the EFI boot image (`efisys.bin`) has {len} bytes, which is no FAT volume")).help(
        "take the file from `efi\\microsoft\\boot` of an extracted Windows ISO or from the ADK's `Oscdimg` folder",
    )
}

/// Where UEFI looks for a boot program on a removable medium (UEFI specification, 3.5.1.1).
fn efi_program(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X64 => "efi/boot/bootx64.efi",
        Architecture::X86 => "efi/boot/bootia32.efi",
        Architecture::Arm64 => "efi/boot/bootaa64.efi",
        Architecture::Arm => "efi/boot/bootarm.efi",
    }
}

/// The names of the EFI boot image in the order of preference, each with whether it prompts.
fn efi_image_names(wanted: &Wanted, suffix: &str) -> [(String, bool); 2] {
    let name = |prompt: bool| (format!("efisys{}{suffix}.bin", if prompt { "" } else { "_noprompt" }), prompt);
    [name(wanted.prompt), name(!wanted.prompt)]
}

fn missing(root: &Folder, has_sector: bool, wanted: &Wanted, looked_at: &[(String, Vec<String>)]) -> Vec<Missing> {
    const STORE: &str = "`boot` and `EFI\\Microsoft\\Boot` of an extracted Windows ISO or of the ADK's `Media` folder, \
                         or `Windows\\Boot\\DVD` in the boot image; or leave out `store` to have one written";
    const SDI: &str = "`boot` of an extracted Windows ISO or of the ADK's `Media` folder, `Windows\\Boot\\DVD` in the \
                       boot image, or `sms\\boot` in a boot image of Configuration Manager";
    const PROGRAM: &str = "the root of an extracted Windows ISO or of the ADK's `Media` folder, \
                           or `Windows\\Boot` in the boot image";
    const SECTOR: &str = "`boot` of an extracted Windows ISO, the ADK's `Oscdimg` folder, `bootbins` of `copype`, \
                          or `sms\\bin\\x64` in a boot image of Configuration Manager";
    let has_file = |path: &str| matches!(root.get(path), Some(Node::File(_)));
    let mut missing = Vec::new();
    let mut require = |file: &str, firmware: Firmware, is_there: bool, usual: &'static str| {
        let is_known = missing.iter().any(|known: &Missing| known.file == file);
        if wanted.firmware.contains(&firmware) && !is_there && !is_known {
            let looked_at = looked_at.iter().find(|(of, _)| of == file).map(|(_, at)| at.clone()).unwrap_or_default();
            missing.push(Missing { file: file.to_owned(), firmware, looked_at, usual });
        }
    };
    require(BOOT_SECTOR, Firmware::Bios, has_sector, SECTOR);
    require(BOOTMGR, Firmware::Bios, has_file(BOOTMGR), PROGRAM);
    require(BIOS_STORE, Firmware::Bios, has_file(BIOS_STORE), STORE);
    require(BOOT_SDI, Firmware::Bios, has_file(BOOT_SDI), SDI);
    let program = efi_program(wanted.architecture);
    require(program, Firmware::Uefi, has_file(program), PROGRAM);
    require(EFI_STORE, Firmware::Uefi, has_file(EFI_STORE), STORE);
    require(BOOT_SDI, Firmware::Uefi, has_file(BOOT_SDI), SDI);
    missing
}

/// A FAT volume that holds the `EFI` folder of the medium.
fn made_efi_image(root: &Folder, date: Date) -> Result<Layout, NoBootFiles> {
    let mut efi = Folder::default();
    let mut listing = String::new();
    for (path, content) in root.files() {
        let is_efi = path.split_once('/').is_some_and(|(folder, _)| folder.eq_ignore_ascii_case("efi"));
        if is_efi {
            listing.push_str(&format!("{path} {}\n", content.len()));
            efi.insert(&path, content.clone()).map_err(|why| NoBootFiles::Misplaced { path, why })?;
        }
    }
    // Files on disk are not read here, so the serial number of the volume comes from names and lengths.
    let volume = Volume {
        label: "EFI BOOT".into(),
        id: Digest::of(listing.as_bytes()),
        date,
        root: efi,
        parts: Vec::new(),
        boot: Vec::new(),
    };
    Ok(fat::layout(&volume).map_err(Error::from)?)
}
