//! Finds boot files in an image of a WIM file: where Windows keeps them for discs (`Windows\Boot`),
//! and where Configuration Manager adds them to its boot images (`sms`).

use crate::content::Content;
use crate::error::Error;
use crate::firmware::Firmware;
use crate::format::wim::Architecture;
use crate::limits::MAX_BOOT_FILE_LEN;
use crate::manifest::SecureBootCa;

use super::super::wim::KnownWim;
use super::{
    BIOS_STORE, BOOT_SDI, BOOT_SECTOR, BOOT_STL, BOOTFIX, BOOTMGR, BOOTMGR_EFI, BootOptions, Candidates, EFI_STORE,
    efi_image_names, efi_program,
};

pub(super) fn find(wim: &KnownWim, index: u32, wanted: &BootOptions) -> Result<Candidates, Error> {
    let mut search = ImageSearch { wim, index, found: Candidates::default() };
    let has = |firmware| wanted.firmware.contains(&firmware);
    let sms = match wanted.architecture {
        Architecture::X86 => "sms/bin/i386",
        Architecture::X64 => "sms/bin/x64",
        Architecture::Arm | Architecture::Arm64 => "sms/bin/arm64",
    };
    let is_2023 = wanted.secure_boot_ca == SecureBootCa::Ca2023;
    search.file(BOOT_SDI, &BOOT_SDI_PLACES)?;
    if has(Firmware::Bios) {
        search.file(BOOTMGR, &["Windows/Boot/PCAT/bootmgr"])?;
        search.file(BIOS_STORE, &["Windows/Boot/DVD/PCAT/BCD"])?;
        search.file("boot/memtest.exe", &["Windows/Boot/PCAT/memtest.exe"])?;
        if wanted.prompt {
            search.file(BOOTFIX, &["Windows/Boot/DVD/PCAT/bootfix.bin", &format!("{sms}/bootfix.bin")])?;
        }
        let places = ["Windows/Boot/DVD/PCAT/etfsboot.com".to_owned(), format!("{sms}/etfsboot.com")];
        search.found.boot_sector = search.first(BOOT_SECTOR, &places)?.map(|(_, content)| content);
    }
    if has(Firmware::Uefi) {
        // The programs of both authorities lie side by side; never take one for the other.
        let (folder, suffix) = if is_2023 { ("Windows/Boot/EFI_EX", "_EX") } else { ("Windows/Boot/EFI", "") };
        search.file(efi_program(wanted.architecture), &[&format!("{folder}/bootmgfw{suffix}.efi")])?;
        search.file(BOOTMGR_EFI, &[&format!("{folder}/bootmgr{suffix}.efi")])?;
        search.file(BOOT_STL, &BOOT_STL_PLACES)?;
        search.file("efi/microsoft/boot/memtest.efi", &[&format!("{folder}/memtest{suffix}.efi")])?;
        search.file(EFI_STORE, &["Windows/Boot/DVD/EFI/BCD", "Windows/Boot/DVD_EX/EFI/BCD"])?;
        search.efi_image(wanted, sms)?;
    }
    search.fonts(is_2023, has(Firmware::Bios), has(Firmware::Uefi))?;
    Ok(search.found)
}

const BOOT_SDI_PLACES: [&str; 3] =
    ["Windows/Boot/DVD/PCAT/boot.sdi", "Windows/Boot/DVD/EFI/boot.sdi", "sms/boot/boot.sdi"];

/// One file serves the programs of both authorities.
const BOOT_STL_PLACES: [&str; 1] = ["Windows/Boot/EFI/boot.stl"];

/// Finds only `boot.stl`.
pub(super) fn boot_stl(wim: &KnownWim, index: u32) -> Result<Candidates, Error> {
    let mut search = ImageSearch { wim, index, found: Candidates::default() };
    search.file(BOOT_STL, &BOOT_STL_PLACES)?;
    Ok(search.found)
}

/// Finds only `boot.sdi`, the start of every RAM disk.
pub(super) fn boot_sdi(wim: &KnownWim, index: u32) -> Result<Candidates, Error> {
    let mut search = ImageSearch { wim, index, found: Candidates::default() };
    search.file(BOOT_SDI, &BOOT_SDI_PLACES)?;
    Ok(search.found)
}

struct ImageSearch<'a> {
    wim: &'a KnownWim,
    index: u32,
    found: Candidates,
}

impl ImageSearch<'_> {
    fn extract(&self, path: &str) -> Result<Option<Content>, Error> {
        self.wim.extract(self.index, path, MAX_BOOT_FILE_LEN)
    }

    /// Returns the first of several files that exists, with its position in `places`.
    fn first(&mut self, what: &str, places: &[String]) -> Result<Option<(usize, Content)>, Error> {
        for (n, place) in places.iter().enumerate() {
            if let Some(content) = self.extract(place)? {
                return Ok(Some((n, content)));
            }
        }
        self.found.looked_at.push((what.to_owned(), places.to_vec()));
        Ok(None)
    }

    fn file(&mut self, path: &str, places: &[&str]) -> Result<(), Error> {
        let places: Vec<_> = places.iter().map(|place| (*place).to_owned()).collect();
        if let Some((_, content)) = self.first(path, &places)? {
            self.found.files.push((path.to_owned(), content));
        }
        Ok(())
    }

    /// Finds the EFI boot image. The preferred kind in any language wins over the other kind.
    fn efi_image(&mut self, wanted: &BootOptions, sms: &str) -> Result<(), Error> {
        let is_2023 = wanted.secure_boot_ca == SecureBootCa::Ca2023;
        let (folder, suffix) = if is_2023 { ("Windows/Boot/DVD_EX/EFI", "_EX") } else { ("Windows/Boot/DVD/EFI", "") };
        let mut languages: Vec<_> =
            self.wim.names(self.index, folder)?.into_iter().filter(|name| name.contains('-')).collect();
        // They differ only in the text of the prompt. English first, so that adding a language
        // changes nothing.
        languages.sort_by_key(|name| (!name.eq_ignore_ascii_case("en-US"), name.to_ascii_lowercase()));
        for (name, prompts) in efi_image_names(wanted, suffix) {
            let mut places: Vec<_> = languages.iter().map(|language| format!("{folder}/{language}/{name}")).collect();
            if !is_2023 {
                places.push(format!("{sms}/{name}"));
            }
            if let Some((_, content)) = self.first(&name, &places)? {
                self.found.efi_image = Some((content, prompts));
                return Ok(());
            }
        }
        Ok(())
    }

    /// Adds the fonts. They only affect the look of text, so those of the other authority will do.
    fn fonts(&mut self, is_2023: bool, bios: bool, uefi: bool) -> Result<(), Error> {
        let folders =
            if is_2023 { &["Windows/Boot/FONTS_EX", "Windows/Boot/Fonts"][..] } else { &["Windows/Boot/Fonts"] };
        for folder in folders {
            let names = self.wim.names(self.index, folder)?;
            for name in &names {
                let Some(content) = self.extract(&format!("{folder}/{name}"))? else { continue };
                let plain = without_ex(name);
                let places = [("boot/fonts", bios), ("efi/microsoft/boot/fonts", uefi)];
                for (place, _) in places.into_iter().filter(|(_, is_wanted)| *is_wanted) {
                    self.found.files.push((format!("{place}/{plain}"), content.clone()));
                }
            }
            if !names.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// Removes the suffix `_EX`: `segoe_slboot_EX.ttf` is `segoe_slboot.ttf` on the medium.
fn without_ex(name: &str) -> String {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    match stem.len().checked_sub(3).and_then(|at| stem.get(at..).map(|end| (at, end))) {
        Some((at, end)) if end.eq_ignore_ascii_case("_EX") => format!("{}.{extension}", &stem[..at]),
        _ => name.to_owned(),
    }
}
