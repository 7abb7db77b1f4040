//! The prompts of a finished disc: as a medium of tsmedia states them, and of others by comparison with known files.
//!
//! The boot sector of Windows discs asks if there is a `boot\bootfix.bin`. An EFI boot image asks or does not as the file
//! does that it is the same as: discs of Windows carry `efisys.bin` and `efisys_noprompt.bin`, and the programs in both
//! as `cdboot.efi` and `cdboot_noprompt.efi`. Where nothing of that is there, nothing is said.

use std::io::Cursor;

use crate::format::boot_program;
use crate::format::fat;
use crate::format::iso::BootProgram;
use crate::layout::Region;
use crate::limits::{MAX_EFISYS_FILES, MAX_EFISYS_LEN};
use crate::output::{ListedFile, Listing, ParsedMedium, Prompt, ReadSeek};

/// The platforms of the boot catalog.
const BIOS: u8 = 0x00;
const UEFI: u8 = 0xEF;

/// For each boot program, in the order of the boot catalog: `true` if it asks for a key, `None` if that can't be told.
pub(super) fn of(
    parsed: &ParsedMedium,
    description: &[(String, String)],
    image: &mut dyn ReadSeek,
) -> Vec<Option<bool>> {
    let said = Prompt::from_description(description);
    let (files, end) = (Listing::from(parsed).files, parsed.len());
    let prompts = parsed.boot().iter().map(|program| match (program.platform, said) {
        (BIOS, Some(said)) => Some(said.bios),
        (UEFI, Some(said)) => Some(said.uefi),
        (BIOS, None) => bios(&files),
        (UEFI, None) => uefi(program, end, &files, image),
        _ => None,
    });
    prompts.collect()
}

/// Only the boot sector of Windows discs starts a `bootmgr`.
fn bios(files: &[ListedFile]) -> Option<bool> {
    let has = |path: &str| files.iter().any(|file| file.path.eq_ignore_ascii_case(path));
    (has("bootmgr") || has("boot/bootmgr")).then(|| has("boot/bootfix.bin"))
}

fn uefi(program: &BootProgram, end: u64, files: &[ListedFile], image: &mut dyn ReadSeek) -> Option<bool> {
    let named = |stem: &str| -> Vec<(&ListedFile, bool)> {
        let files = files.iter().filter_map(|file| {
            let name = file.path.rsplit('/').next()?.to_ascii_lowercase();
            let rest = name.strip_prefix(stem)?;
            let is_one = file.len > 0 && file.len <= MAX_EFISYS_LEN && !rest.is_empty();
            is_one.then(|| (file, !rest.starts_with("_noprompt")))
        });
        files.take(MAX_EFISYS_FILES).collect()
    };
    let (volumes, programs) = (named("efisys"), named("cdboot"));
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
        let own = started(&volume)?;
        for (file, prompts) in programs {
            if file.len == own.len() as u64 && file.read_bytes(image, MAX_EFISYS_LEN).ok()? == own {
                same.push(prompts);
            }
        }
    }
    // Stand-ins may be the same under both names.
    same.dedup();
    if let [prompts] = same[..] { Some(prompts) } else { None }
}

/// The program that firmware starts from a FAT volume.
fn started(volume: &[u8]) -> Option<Vec<u8>> {
    let files = fat::read(&mut Cursor::new(volume), 0..volume.len() as u64).ok()?.files;
    let file = files
        .into_iter()
        .find(|file| !file.is_folder && boot_program::removable_media_architecture(&file.path).is_some())?;
    let extents = file.extents.iter().map(|extent| volume.get(extent.start as usize..extent.end as usize));
    let mut bytes = extents.collect::<Option<Vec<_>>>()?.concat();
    bytes.truncate(usize::try_from(file.len).ok()?);
    Some(bytes)
}
