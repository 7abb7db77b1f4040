//! Boot programs of a finished medium: their signers, and whether Secure Boot would start them.
//!
//! Covers the programs in the tree of files, and on a disc also those in the FAT volume that its boot catalog names for
//! UEFI, unless they are the same.

use std::io::{self, Read, SeekFrom};

use super::{MediumFault, Verified};
use crate::format::authenticode::SignatureState;
use crate::format::boot_program::{self, BootProgram};
use crate::format::fat;
use crate::format::revocations::Revocations;
use crate::layout::Region;
use crate::limits::MAX_PROGRAM_LEN;
use crate::output::{Listing, ParsedMedium, ReadSeek};

/// Boot program of a medium.
#[derive(Clone, Debug)]
pub struct Program {
    /// Path, on the medium or in the EFI boot image.
    pub path: String,
    /// `true` if it is in the EFI boot image.
    pub is_in_boot_image: bool,
    /// The parsed program, or the reason why it is not one, as a fragment about "it".
    pub read: Result<BootProgram, String>,
}

/// Platform ID of UEFI in a boot catalog.
const UEFI: u8 = 0xEF;

/// Adds the boot programs of a medium to the result, and a fault for each that Secure Boot refuses.
pub fn add(verified: &mut Verified, image: &mut dyn ReadSeek, parsed: &ParsedMedium, revocations: &Revocations) {
    let programs = read_programs(image, parsed);
    verified.faults.extend(programs.iter().filter_map(|program| {
        let why = program.refused(revocations)?;
        Some(MediumFault::Refused { path: program.name(), why })
    }));
    verified.programs = programs;
}

/// Reads the boot programs of a medium.
pub fn read_programs(image: &mut dyn ReadSeek, parsed: &ParsedMedium) -> Vec<Program> {
    let mut programs = Vec::new();
    for file in Listing::from(parsed).files.iter().filter(|file| boot_program::is_boot_program(&file.path)) {
        programs.push(Program {
            path: file.path.clone(),
            is_in_boot_image: false,
            read: read(image, &file.places, file.len),
        });
    }
    programs.sort_by(|one, other| one.path.cmp(&other.path));
    for place in parsed.boot().iter().filter(|entry| entry.platform == UEFI) {
        // The volume records its own length; that in the catalog is often wrong.
        let Ok(volume) = fat::read(&mut &mut *image, place.offset..parsed.len()) else { continue };
        for file in volume.files.iter().filter(|file| !file.is_folder && boot_program::is_boot_program(&file.path)) {
            let places =
                file.extents.iter().map(|extent| Region { offset: extent.start, len: extent.end - extent.start });
            let read = read(image, &places.collect::<Vec<_>>(), file.len);
            let is_same = |other: &Program| other.path.eq_ignore_ascii_case(&file.path) && other.read == read;
            if !programs.iter().any(is_same) {
                programs.push(Program { path: file.path.clone(), is_in_boot_image: true, read });
            }
        }
    }
    programs
}

impl Program {
    /// Name for messages.
    pub fn name(&self) -> String {
        if self.is_in_boot_image { format!("{} in the EFI boot image", self.path) } else { self.path.clone() }
    }

    /// Reason why Secure Boot does not start a program. `None` for unsigned programs, which were never meant for it.
    pub fn refused(&self, revocations: &Revocations) -> Option<String> {
        let read = self.read.as_ref().ok()?;
        if let Some(meant) =
            boot_program::removable_media_architecture(&self.path).filter(|meant| read.architecture != Some(*meant))
        {
            return Some(format!("it is for {}, but {meant} firmware looks for that name", read.processors()));
        }
        if let Some(revoked) = read.revoked_by(revocations) {
            return Some(format!("it is revoked: {revoked}"));
        }
        let mut first = None;
        for signature in read.signatures() {
            let why = match signature.map(|signature| signature.state) {
                Ok(SignatureState::Good | SignatureState::Unchecked(_)) => return None,
                Ok(SignatureState::Altered) => "it was modified after it was signed".into(),
                Ok(SignatureState::Forged(why)) => format!("its signature is invalid: {why}"),
                Err(why) => format!("its signature can't be read: {why}"),
            };
            first.get_or_insert(why);
        }
        first
    }
}

fn read(image: &mut dyn ReadSeek, places: &[Region], len: u64) -> Result<BootProgram, String> {
    if len > MAX_PROGRAM_LEN {
        return Err("it is too long for a boot program".into());
    }
    let bytes = bytes(image, places, len).map_err(|error| format!("it can't be read: {error}"))?;
    BootProgram::read(&bytes).map_err(|why| why.to_string())
}

fn bytes(image: &mut dyn ReadSeek, places: &[Region], len: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for place in places {
        image.seek(SeekFrom::Start(place.offset))?;
        let left = len - bytes.len() as u64;
        (&mut *image).take(place.len.min(left)).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 == len { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
