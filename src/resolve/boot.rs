//! Finds the files that start a medium, in the boot image or in a folder.
//!
//! BIOS requires a boot sector (`etfsboot.com`), `bootmgr`, `boot\bcd` and `boot\boot.sdi`. UEFI
//! requires `EFI\BOOT\BOOT<arch>.EFI`, `EFI\Microsoft\Boot\BCD` and `boot\boot.sdi`. Optional files
//! are taken if found: fonts, memory testers, `bootmgr.efi`, `boot.stl` and `bootfix.bin` (the key
//! prompt of a BIOS). Boot stores (`bcd`) are copied unchanged; missing ones are written, or all of
//! them if the manifest says so.
//!
//! UEFI starts a disc from a FAT volume. Microsoft's (`efisys.bin`) holds a program that continues
//! from the disc itself. If there is none, a volume with the `EFI` folder is made. Programs that
//! search all volumes find the disc from there. Microsoft's boot manager does not: it treats that
//! volume as the boot device and reports `\sources\boot.wim` as missing. [`BootNote::MadeEfiImage`]
//! reports this.

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

/// Source of boot files.
#[derive(Clone, Copy, Debug)]
pub enum BootSource<'a> {
    /// An image of Windows PE or Windows in a WIM file.
    Image {
        /// WIM file.
        wim: &'a KnownWim,
        /// Index of the image, from 1.
        index: u32,
    },
    /// A folder on a medium, such as the root of a Windows ISO.
    Medium {
        /// The folder that holds `boot` and `efi`.
        folder: &'a Folder,
        /// Boot images in the disc's catalog, used if the folder has no `etfsboot.com` or
        /// `efisys.bin`.
        records: &'a [(Firmware, Content)],
        /// Boot image and index, as for [`BootSource::Folder`].
        image: Option<(&'a KnownWim, u32)>,
    },
    /// The `Media` folder of the Windows ADK, or an extracted Windows ISO.
    Folder {
        /// The folder that holds `boot` and `efi`.
        folder: &'a Utf8Path,
        /// Boot image and index, which may supply `boot.sdi` and `boot.stl` that the folder lacks.
        image: Option<(&'a KnownWim, u32)>,
    },
}

/// Boot settings of a medium.
#[derive(Clone, Debug)]
pub struct BootOptions {
    /// Processor architecture of the boot image.
    pub architecture: Architecture,
    /// Firmware types that the medium must start from.
    pub firmware: Vec<Firmware>,
    /// Authority that signed the boot programs.
    pub secure_boot_ca: SecureBootCa,
    /// Source of the boot stores; `None` writes those that are missing.
    pub store: Option<BootStore>,
    /// Starting waits for a key press.
    pub prompt: bool,
    /// Date of generated files: FAT volume and boot stores.
    pub date: Date,
}

/// The files that start a medium.
#[derive(Clone, Debug)]
pub struct BootFiles {
    /// Files by their paths on the medium, sorted.
    pub files: Vec<(String, Content)>,
    /// Entries of the boot catalog, BIOS before UEFI as on Microsoft's discs.
    pub entries: Vec<BootEntry>,
    /// EFI boot image of the catalog; `None` if it was generated from the `EFI` folder.
    pub efi_image: Option<Content>,
    /// The EFI boot image waits for a key press, judging by its name.
    pub prompts_under_uefi: bool,
    /// Deviations from the boot settings, and facts worth knowing.
    pub notes: Vec<BootNote>,
}

/// A remark on the boot files found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BootNote {
    /// The EFI boot image was generated from the `EFI` folder because none was found.
    MadeEfiImage,
    /// Only the EFI boot image with (`true`) or without (`false`) a prompt was found, contrary to
    /// the settings.
    EfiPrompts(bool),
    /// A prompt was requested, but `bootfix.bin` is missing.
    NoBiosPrompt,
    /// Boot stores were generated: `true` if requested, `false` if missing.
    BuiltStores(Vec<&'static str>, bool),
}

impl fmt::Display for BootNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MadeEfiImage => f.write_str(
                "no EFI boot image (`efisys.bin`) was found, so one is made from the `EFI` folder; \
                 Microsoft's boot manager can't continue to the disc from it",
            ),
            Self::EfiPrompts(true) => f.write_str(
                "UEFI will wait for a key press: the boot files have `efisys.bin`, but no `efisys_noprompt.bin`",
            ),
            Self::EfiPrompts(false) => f.write_str(
                "UEFI will not wait for a key press: the boot files have `efisys_noprompt.bin`, but no `efisys.bin`",
            ),
            Self::NoBiosPrompt => {
                f.write_str("BIOS will not wait for a key press: the boot files have no `bootfix.bin`")
            }
            Self::BuiltStores(paths, is_asked) => {
                let paths = paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(" and ");
                let why = if *is_asked { "" } else { " because the boot files have none" };
                write!(
                    f,
                    "tsmedia writes {paths}{why}; such stores were tested only with boot managers of Windows 10 and 11 \
                     for x64 in virtual machines"
                )
            }
        }
    }
}

impl BootNote {
    /// Returns the help for a remark that may be unintended.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::MadeEfiImage => Some(
                "add `efisys.bin` to the boot files: it is in `efi\\microsoft\\boot` of an extracted Windows ISO \
                 and in the ADK's `Oscdimg` folder",
            ),
            Self::EfiPrompts(true) => {
                Some("add `efisys_noprompt.bin` to the boot files, or write `prompt = true` in `[boot]`")
            }
            Self::EfiPrompts(false) | Self::NoBiosPrompt => {
                Some("write `prompt = false` in `[boot]` if this is intended")
            }
            Self::BuiltStores(_, false) => Some(
                "write `store = \"built\"` in `[boot]` if this is intended, or use boot files with a store: those of \
                 an extracted Windows ISO or of the ADK's `Media` folder",
            ),
            Self::BuiltStores(_, true) => None,
        }
    }
}

/// Error of [`find_boot_files`].
#[derive(Debug)]
pub enum NoBootFiles {
    /// The folder holds no boot files; the name is that of a subfolder that does.
    NotMedia(Option<String>),
    /// Required files are missing.
    Missing(Vec<MissingBootFile>),
    /// BIOS does not exist on this architecture.
    NoBios(Architecture),
    /// A symbolic link leads out of the folder, or to one of its own parents.
    BadLink {
        /// Path of the link.
        link: Utf8PathBuf,
        /// Target of the link.
        target: Utf8PathBuf,
    },
    /// The name of a file is invalid on the medium, or differs from another only in case.
    Misplaced {
        /// Path on the medium.
        path: String,
        /// Reason.
        why: Misplaced,
    },
    /// A file can't be read.
    Failed(Error),
}

impl From<Error> for NoBootFiles {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A required boot file that was not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingBootFile {
    /// Path on the medium, or name.
    pub file: String,
    /// Firmware that requires it.
    pub firmware: Firmware,
    /// Places that were searched.
    pub looked_at: Vec<String>,
    /// Usual sources, as help text.
    pub usual: &'static str,
}

impl fmt::Display for MissingBootFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is missing, which {} needs", self.file, self.firmware)
    }
}

/// Returns the sibling folders of a boot file folder in which `copype` puts boot records.
pub fn sibling_folders(folder: &Utf8Path) -> impl Iterator<Item = Utf8PathBuf> {
    folder::BESIDE.iter().map(move |place| folder.join(place))
}

/// Finds the files that start a medium.
pub fn find_boot_files(source: BootSource, wanted: &BootOptions) -> Result<BootFiles, NoBootFiles> {
    let has_bios = !matches!(wanted.architecture, Architecture::Arm | Architecture::Arm64);
    if wanted.firmware.contains(&Firmware::Bios) && !has_bios {
        return Err(NoBootFiles::NoBios(wanted.architecture));
    }
    let found = match source {
        BootSource::Image { wim, index } => image::find(wim, index, wanted)?,
        BootSource::Folder { image, .. } | BootSource::Medium { image, .. } => {
            let mut found = match source {
                BootSource::Folder { folder, .. } => folder::find(folder, wanted)?,
                BootSource::Medium { folder, records, .. } => folder::find_on_medium(folder, records, wanted)?,
                BootSource::Image { .. } => Candidates::default(),
            };
            // Fall back to the boot image for files that are independent of the boot programs.
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
    let missing = find_missing(&root, found.boot_sector.is_some(), wanted, &found.looked_at);
    if !missing.is_empty() {
        return Err(NoBootFiles::Missing(missing));
    }
    let mut entries = Vec::new();
    if let Some(boot_sector) = found.boot_sector.filter(|_| wanted.firmware.contains(&Firmware::Bios)) {
        if boot_sector.is_empty() || boot_sector.len() > MAX_BOOT_SECTOR_LEN {
            return Err(NoBootFiles::Failed(boot_sector_len_error(boot_sector.len())));
        }
        entries.push(BootEntry { firmware: Firmware::Bios, image: Layout::from(&boot_sector) });
        if wanted.prompt && root.get(BOOTFIX).is_none() {
            notes.push(BootNote::NoBiosPrompt);
        }
    }
    let is_uefi = wanted.firmware.contains(&Firmware::Uefi);
    let (efi_image, prompts) = found.efi_image.filter(|_| is_uefi).unzip();
    let prompts_under_uefi = prompts.unwrap_or(false);
    if is_uefi {
        notes.extend(prompts.filter(|prompts| *prompts != wanted.prompt).map(BootNote::EfiPrompts));
        let image = match &efi_image {
            Some(image) if image.len() < MIN_FAT_LEN => {
                return Err(NoBootFiles::Failed(efi_image_len_error(image.len())));
            }
            Some(image) => Layout::from(image),
            None => {
                notes.push(BootNote::MadeEfiImage);
                make_efi_image(&root, wanted.date)?
            }
        };
        entries.push(BootEntry { firmware: Firmware::Uefi, image });
    }
    let files = root.files().into_iter().map(|(path, content)| (path, content.clone())).collect();
    Ok(BootFiles { files, entries, efi_image, prompts_under_uefi, notes })
}

/// Writes the boot stores that are missing, or all of them if the settings say so.
fn add_stores(root: &mut Folder, wanted: &BootOptions) -> Result<Option<BootNote>, NoBootFiles> {
    let backslashes = |path: &str| format!("\\{}", path.replace('/', "\\"));
    let (boot_image, boot_sdi) = (backslashes(BOOT_IMAGE_PATH), backslashes(BOOT_SDI));
    let mut built = Vec::new();
    for (firmware, path) in STORES {
        // A folder at that path is reported as a conflict when the store is inserted.
        let is_there = matches!(root.get(path), Some(Node::File(_)));
        let is_built = match wanted.store {
            Some(BootStore::Built) => true,
            Some(BootStore::Files) => false,
            None => !is_there,
        };
        if !wanted.firmware.contains(&firmware) || !is_built {
            continue;
        }
        let store =
            bcd::windows_pe_store(&bcd::WindowsPeBoot { firmware, boot_image: &boot_image, boot_sdi: &boot_sdi });
        let content = Content::bytes(store.to_bytes(wanted.date)?);
        root.replace_or_insert(path, content).map_err(|why| NoBootFiles::Misplaced { path: path.to_owned(), why })?;
        built.push(path);
    }
    Ok((!built.is_empty()).then(|| BootNote::BuiltStores(built, wanted.store == Some(BootStore::Built))))
}

/// Boot files found in one source, not yet checked.
#[derive(Default)]
struct Candidates {
    /// Files with their paths on the medium.
    files: Vec<(String, Content)>,
    /// `etfsboot.com`.
    boot_sector: Option<Content>,
    /// `efisys.bin` or a variant, with `true` if it waits for a key press.
    efi_image: Option<(Content, bool)>,
    /// Places searched for a required file, by its name or its path on the medium.
    looked_at: Vec<(String, Vec<String>)>,
}

impl Candidates {
    /// Adds the files and the searched places of another source.
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
/// Path of the boot store that each firmware's boot manager opens.
pub const STORES: [(Firmware, &str); 2] = [(Firmware::Bios, BIOS_STORE), (Firmware::Uefi, EFI_STORE)];
pub(super) const BOOT_SDI: &str = "boot/boot.sdi";
/// Microsoft's media script places it beside the UEFI store since 2026-03; without it, boot fails
/// with 0xc0430001 (KB5094126).
const BOOT_STL: &str = "efi/microsoft/boot/boot.stl";
pub(super) const BOOTFIX: &str = "boot/bootfix.bin";
const BOOT_SECTOR: &str = "etfsboot.com";

/// Bytes that a BIOS loads from a disc: eight sectors of 512 bytes.
const MAX_BOOT_SECTOR_LEN: u64 = 4_096;

fn boot_sector_len_error(len: u64) -> Error {
    Error::new(format!("`{BOOT_SECTOR}` has {len} bytes; a BIOS loads 1 to {MAX_BOOT_SECTOR_LEN} bytes"))
        .help("take the file from `boot` of an extracted Windows ISO or from the ADK's `Oscdimg` folder")
}

/// Smallest FAT volume: a boot sector, a table, a root folder and a cluster.
const MIN_FAT_LEN: u64 = 4 * 512;

fn efi_image_len_error(len: u64) -> Error {
    Error::new(format!("the EFI boot image (`efisys.bin`) has {len} bytes, too few for a FAT volume")).help(
        "take the file from `efi\\microsoft\\boot` of an extracted Windows ISO or from the ADK's `Oscdimg` folder",
    )
}

/// Path of the boot program that UEFI starts from removable media (UEFI specification, 3.5.1.1).
fn efi_program(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X64 => "efi/boot/bootx64.efi",
        Architecture::X86 => "efi/boot/bootia32.efi",
        Architecture::Arm64 => "efi/boot/bootaa64.efi",
        Architecture::Arm => "efi/boot/bootarm.efi",
    }
}

/// Names of the EFI boot image in order of preference, each with `true` if it waits for a key
/// press.
fn efi_image_names(wanted: &BootOptions, suffix: &str) -> [(String, bool); 2] {
    let name = |prompt: bool| (format!("efisys{}{suffix}.bin", if prompt { "" } else { "_noprompt" }), prompt);
    [name(wanted.prompt), name(!wanted.prompt)]
}

fn find_missing(
    root: &Folder,
    has_sector: bool,
    wanted: &BootOptions,
    looked_at: &[(String, Vec<String>)],
) -> Vec<MissingBootFile> {
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
        let is_known = missing.iter().any(|known: &MissingBootFile| known.file == file);
        if wanted.firmware.contains(&firmware) && !is_there && !is_known {
            let looked_at = looked_at.iter().find(|(of, _)| of == file).map(|(_, at)| at.clone()).unwrap_or_default();
            missing.push(MissingBootFile { file: file.to_owned(), firmware, looked_at, usual });
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

/// Lays out a FAT volume that holds the `EFI` folder of the medium.
fn make_efi_image(root: &Folder, date: Date) -> Result<Layout, NoBootFiles> {
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
        id: Digest::hash(listing.as_bytes()),
        date,
        root: efi,
        parts: Vec::new(),
        boot: Vec::new(),
    };
    Ok(fat::layout(&volume).map_err(Error::from)?)
}
