//! Detects the prompts of a finished disc ("Press any key to boot from CD or DVD").
//!
//! Media of tsmedia state their prompts. For other discs: the BIOS boot sector of Windows prompts if `boot\bootfix.bin`
//! exists. The EFI boot image is compared with files on the disc: Windows discs contain `efisys.bin` and
//! `efisys_noprompt.bin`, and the programs in them as `cdboot.efi` and `cdboot_noprompt.efi`.

use std::io::Cursor;

use crate::format::boot_program;
use crate::format::fat;
use crate::format::iso::BootProgram;
use crate::layout::Region;
use crate::limits::{MAX_EFISYS_FILES, MAX_EFISYS_LEN};
use crate::output::{ListedFile, Listing, ParsedMedium, Prompt, ReadSeek};

/// Platform IDs of the boot catalog (El Torito 2.1, UEFI 13.3.2.1).
const BIOS: u8 = 0x00;
const UEFI: u8 = 0xEF;

/// Returns whether each boot program prompts for a key, in the order of the boot catalog; `None` if unknown.
pub(super) fn find_prompts(
    parsed: &ParsedMedium,
    description: &[(String, String)],
    image: &mut dyn ReadSeek,
) -> Vec<Option<bool>> {
    let stated = Prompt::from_description(description);
    let (files, end) = (Listing::from(parsed).files, parsed.len());
    let prompts = parsed.boot().iter().map(|program| match (program.platform, stated) {
        (BIOS, Some(stated)) => Some(stated.bios),
        (UEFI, Some(stated)) => Some(stated.uefi),
        (BIOS, None) => bios_prompt(&files),
        (UEFI, None) => uefi_prompt(program, end, &files, image),
        _ => None,
    });
    prompts.collect()
}

/// Returns whether the BIOS boot sector prompts; `None` without a `bootmgr`, which only that of Windows starts.
fn bios_prompt(files: &[ListedFile]) -> Option<bool> {
    let has = |path: &str| files.iter().any(|file| file.path.eq_ignore_ascii_case(path));
    (has("bootmgr") || has("boot/bootmgr")).then(|| has("boot/bootfix.bin"))
}

fn uefi_prompt(program: &BootProgram, end: u64, files: &[ListedFile], image: &mut dyn ReadSeek) -> Option<bool> {
    let named = |stem: &str| -> Vec<(&ListedFile, bool)> {
        let files = files.iter().filter_map(|file| {
            let name = file.path.rsplit('/').next()?.to_ascii_lowercase();
            let rest = name.strip_prefix(stem)?;
            // A name like `efisys.bin` has an extension at least; an empty file would match any boot image.
            let is_one = file.len > 0 && file.len <= MAX_EFISYS_LEN && !rest.is_empty();
            is_one.then(|| (file, !rest.starts_with("_noprompt")))
        });
        files.take(MAX_EFISYS_FILES).collect()
    };
    let (volumes, programs) = (named("efisys"), named("cdboot"));
    // The boot catalog of a UEFI image often states a wrong length (Windows writes 1 sector), so read as much as the longest
    // candidate has.
    let longest = volumes.iter().map(|(file, _)| file.len).max().or(program.loaded_len()).unwrap_or(MAX_EFISYS_LEN);
    let len = longest.min(MAX_EFISYS_LEN).min(end.saturating_sub(program.offset));
    let places = vec![Region { offset: program.offset, len }];
    let volume =
        ListedFile { path: "the EFI boot image".into(), len, places }.read_bytes(image, MAX_EFISYS_LEN).ok()?;
    let mut same = Vec::new();
    for (file, prompts) in volumes {
        if volume.starts_with(&file.read_bytes(image, MAX_EFISYS_LEN).ok()?) {
            same.push(prompts);
        }
    }
    if same.is_empty() {
        // The image may have been rebuilt around the original program.
        let own = default_boot_program(&volume)?;
        for (file, prompts) in programs {
            if file.len == own.len() as u64 && file.read_bytes(image, MAX_EFISYS_LEN).ok()? == own {
                same.push(prompts);
            }
        }
    }
    // Both files may be equal, as placeholders in tests are; then the prompt is unknown.
    same.dedup();
    if let [prompts] = same[..] { Some(prompts) } else { None }
}

/// Returns the bytes of the program that UEFI firmware starts by default from a FAT volume.
fn default_boot_program(volume: &[u8]) -> Option<Vec<u8>> {
    let files = fat::read(&mut Cursor::new(volume), 0..volume.len() as u64).ok()?.files;
    let file = files
        .into_iter()
        .find(|file| !file.is_folder && boot_program::removable_media_architecture(&file.path).is_some())?;
    let extents = file.extents.iter().map(|extent| volume.get(extent.start as usize..extent.end as usize));
    let mut bytes = extents.collect::<Option<Vec<_>>>()?.concat();
    bytes.truncate(usize::try_from(file.len).ok()?);
    Some(bytes)
}
