//! Finds boot files in a folder: the ADK's `Media` folder or an extracted Windows ISO.
//!
//! `boot`, `efi`, `bootmgr`, `bootmgr.efi` and the language folders are copied unchanged;
//! everything else is ignored. Boot sector and EFI boot image are searched where an ISO has them,
//! at the root, in an `Oscdimg` folder, and where the ADK's `copype` puts them: in `bootbins`
//! (`fwfiles` before 2024) beside its `media` folder. Names are compared without case. Links are
//! followed while they stay in the folder.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use crate::content::{Content, SourceFile, Stat};
use crate::error::Error;
use crate::firmware::Firmware;
use crate::foreign_text::from_utf8;
use crate::git_lfs;
use crate::manifest::SecureBootCa;
use crate::volume::{Folder, Node};
use authoring::file::is_lfs_pointer;
use authoring::mirror::link_targets;

use super::{
    BOOT_SECTOR, BOOTFIX, BOOTMGR, BOOTMGR_EFI, BootOptions, Candidates, NoBootFiles, efi_image_names, efi_program,
};

/// Finds the boot files in a folder of this machine.
pub(super) fn find(folder: &Utf8Path, wanted: &BootOptions) -> Result<Candidates, NoBootFiles> {
    let root = folder.canonicalize_utf8().map_err(|cause| Error::io("opening", folder, cause))?;
    let mut walk = FolderWalk::new(root);
    if !is_media(folder)? {
        let within = list_names(folder)?.into_iter().find(|name| is_media(&folder.join(name)).unwrap_or(false));
        return Err(NoBootFiles::NotMedia(within));
    }
    for name in list_names(folder)? {
        if is_boot_related(&name) {
            walk.take(&folder.join(&name), &name)?;
        }
    }
    let records_beside = records_beside(folder)?;
    Ok(choose(&[walk.files, records_beside].concat(), wanted))
}

/// Finds the boot files in a folder on a medium. `records` are the boot images in the disc's
/// catalog. Their prompt is unknown, so the UEFI one is assumed to match the settings.
pub(super) fn find_on_medium(
    folder: &Folder,
    records: &[(Firmware, Content)],
    wanted: &BootOptions,
) -> Result<Candidates, NoBootFiles> {
    let names = |folder: &Folder| folder.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
    if !names(folder).iter().any(|name| is_boot_folder(name)) {
        let is_media =
            |node: &Node| matches!(node, Node::Folder(below) if names(below).iter().any(|name| is_boot_folder(name)));
        let within = folder.iter().find(|(_, node)| is_media(node)).map(|(name, _)| name.to_string());
        return Err(NoBootFiles::NotMedia(within));
    }
    // Only the first name decides, as everything below `boot` and `efi` is taken.
    let is_boot_related = |path: &str| is_boot_related(path.split('/').next().unwrap_or_default());
    let mut all: Vec<_> = folder.files().into_iter().filter(|(path, _)| is_boot_related(path)).collect();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    let all: Vec<_> = all.into_iter().map(|(path, content)| (path, content.clone())).collect();
    let mut found = choose(&all, wanted);
    let record =
        |of: Firmware| records.iter().find(|(firmware, _)| *firmware == of).map(|(_, content)| content.clone());
    found.boot_sector = found.boot_sector.or_else(|| record(Firmware::Bios));
    if wanted.firmware.contains(&Firmware::Uefi) {
        found.efi_image = found.efi_image.or_else(|| record(Firmware::Uefi).map(|content| (content, wanted.prompt)));
    }
    Ok(found)
}

/// Selects boot files among the files of a folder and those beside it.
fn choose(all: &[(String, Content)], wanted: &BootOptions) -> Candidates {
    let get = |path: &str| all.iter().find(|(at, _)| at.eq_ignore_ascii_case(path)).map(|(_, content)| content.clone());
    let first = |places: &[String]| places.iter().find_map(|place| get(place).map(|content| (place.clone(), content)));

    let mut found = Candidates::default();
    let sector_places = ["boot", "", "Oscdimg", BESIDE[0], BESIDE[1]].map(|folder| join_path(folder, BOOT_SECTOR));
    found.boot_sector = first(&sector_places).map(|(_, content)| content);
    found.looked_at.push((BOOT_SECTOR.to_owned(), sector_places.to_vec()));
    if wanted.firmware.contains(&Firmware::Uefi) {
        let is_2023 = wanted.secure_boot_ca == SecureBootCa::Ca2023;
        let places = |suffix: &str| {
            efi_image_names(wanted, suffix).into_iter().flat_map(|(name, prompts)| {
                ["efi/microsoft/boot", "", "Oscdimg", BESIDE[0], BESIDE[1]]
                    .map(|folder| (join_path(folder, &name), prompts))
            })
        };
        let candidates =
            if is_2023 { places("_EX").chain(places("")).collect() } else { places("").collect::<Vec<_>>() };
        found.efi_image =
            candidates.into_iter().find_map(|(place, prompts)| get(&place).map(|content| (content, prompts)));
    }
    // `bootfix.bin` is the program that prompts, so leave it out if no prompt is wanted.
    let is_on_the_medium = |path: &str| {
        let first = path.split('/').next().unwrap_or_default();
        is_boot_entry(first) && (wanted.prompt || !path.eq_ignore_ascii_case(BOOTFIX))
    };
    found.files = all.iter().filter(|(path, _)| is_on_the_medium(path)).cloned().collect();
    if wanted.firmware.contains(&Firmware::Uefi) && wanted.secure_boot_ca == SecureBootCa::Ca2023 {
        let program = efi_program(wanted.architecture);
        // Without the `_EX` names, `secure_boot` checks the signers of the programs instead.
        for (target, name) in [(program, PROGRAM_2023), (BOOTMGR_EFI, BOOTMGR_2023)] {
            let places = ["", "Oscdimg", BESIDE[0], BESIDE[1]].map(|folder| join_path(folder, name));
            let target = found.files.iter_mut().find(|(path, _)| path.eq_ignore_ascii_case(target));
            if let (Some((_, content)), Some((_, signed))) = (target, first(&places)) {
                *content = signed;
            }
        }
    }
    found
}

/// Returns `true` if an entry at the root of a folder is a boot file or contains some.
fn is_boot_related(name: &str) -> bool {
    is_boot_entry(name) || name.eq_ignore_ascii_case("oscdimg") || is_boot_record(name)
}

fn is_boot_folder(name: &str) -> bool {
    ["boot", "efi"].iter().any(|entry| entry.eq_ignore_ascii_case(name))
}

/// Returns `true` if a folder contains `boot` or `efi`.
fn is_media(folder: &Utf8Path) -> Result<bool, Error> {
    Ok(list_names(folder)?.iter().any(|name| is_boot_folder(name)))
}

/// Folders of `copype`'s boot records, relative to its `media` folder.
pub(super) const BESIDE: [&str; 2] = ["../bootbins", "../fwfiles"];

/// Returns the boot records and programs beside a folder, ignoring everything else there.
fn records_beside(media: &Utf8Path) -> Result<Vec<(String, Content)>, NoBootFiles> {
    let mut records = Vec::new();
    for place in BESIDE {
        let folder = media.join(place);
        if !folder.is_dir() {
            continue;
        }
        let root = folder.canonicalize_utf8().map_err(|cause| Error::io("opening", &folder, cause))?;
        let mut walk = FolderWalk::new(root);
        for name in list_names(&folder)?.into_iter().filter(|name| is_boot_record(name)) {
            walk.take(&folder.join(&name), &join_path(place, &name))?;
        }
        records.extend(walk.files);
    }
    Ok(records)
}

/// Returns `true` for entries of the folder that go on the medium.
fn is_boot_entry(name: &str) -> bool {
    ["boot", "efi", BOOTMGR, BOOTMGR_EFI].iter().any(|entry| entry.eq_ignore_ascii_case(name)) || is_language(name)
}

/// Programs signed by the 2023 authority, as `copype` names them. On the medium they get the usual
/// names.
const PROGRAM_2023: &str = "bootmgfw_EX.efi";
const BOOTMGR_2023: &str = "bootmgr_EX.efi";

/// Returns `true` for files that firmware loads without a file system or under another name; they
/// are not copied to the medium.
fn is_boot_record(name: &str) -> bool {
    let is_program = [PROGRAM_2023, BOOTMGR_2023].iter().any(|program| program.eq_ignore_ascii_case(name));
    let name = name.to_ascii_lowercase();
    is_program || name == BOOT_SECTOR || (name.starts_with("efisys") && name.ends_with(".bin"))
}

/// Returns `true` for language tags such as `de-DE`, `zh-Hans-CN` or `sr-Latn-RS`, the folders in
/// which the ADK keeps texts of boot programs.
fn is_language(name: &str) -> bool {
    let mut parts = name.split('-');
    let is_tag = |part: &str, len: std::ops::RangeInclusive<usize>| {
        len.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    parts.next().is_some_and(|part| is_tag(part, 2..=3))
        && parts.next().is_some_and(|part| is_tag(part, 2..=4))
        && parts.next().is_none_or(|part| is_tag(part, 2..=4))
        && parts.next().is_none()
}

fn join_path(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

struct FolderWalk {
    /// Folders that links may lead to, with links resolved: the root comes first.
    inside: Vec<Utf8PathBuf>,
    /// Folders being listed, with links resolved; a link to one of them would recurse forever.
    open: Vec<Utf8PathBuf>,
    files: Vec<(String, Content)>,
}

impl FolderWalk {
    fn new(root: Utf8PathBuf) -> Self {
        Self { inside: link_targets(root.clone()), open: vec![root], files: Vec::new() }
    }

    fn take(&mut self, path: &Utf8Path, place: &str) -> Result<(), NoBootFiles> {
        let failed = |cause| Error::io("reading", path, cause);
        let mut true_path = None;
        if fs::symlink_metadata(path).map_err(failed)?.is_symlink() {
            let target = path.canonicalize_utf8().map_err(failed)?;
            // `open` catches links to a parent, which would recurse forever.
            if !self.inside.iter().any(|inside| target.starts_with(inside)) || self.open.contains(&target) {
                return Err(NoBootFiles::BadLink { link: path.to_owned(), target });
            }
            true_path = Some(target);
        }
        let metadata = fs::metadata(path).map_err(failed)?;
        if metadata.is_dir() {
            let true_path = match true_path {
                Some(path) => path,
                None => path.canonicalize_utf8().map_err(failed)?,
            };
            self.open.push(true_path);
            for name in list_names(path)? {
                self.take(&path.join(&name), &format!("{place}/{name}"))?;
            }
            self.open.pop();
        } else if metadata.is_file() {
            if is_lfs_pointer(path).map_err(failed)? {
                return Err(git_lfs::error(path).into());
            }
            let source = SourceFile { path: path.to_owned(), stat: Stat::from_metadata(&metadata) };
            self.files.push((place.to_owned(), Content::file(source)));
        } else {
            return Err(Error::new(format!("`{path}` is neither a file nor a folder")).into());
        }
        Ok(())
    }
}

/// Returns the names in a folder, sorted.
fn list_names(folder: &Utf8Path) -> Result<Vec<String>, Error> {
    let failed = |cause| Error::io("reading", folder, cause);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().into_string().map_err(|name| {
            let name = folder.join(from_utf8(name.as_encoded_bytes()));
            Error::new(format!("the name of `{name}` is not UTF-8")).help("rename it")
        });
        names.push(name?);
    }
    names.sort();
    Ok(names)
}
