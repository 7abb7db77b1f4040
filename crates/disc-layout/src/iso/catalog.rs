//! El Torito 1.0: the boot record and the boot catalog, from which firmware starts the disc.
//!
//! The first boot program is the initial entry; every other one has a section of its own. BIOS programs use no disk
//! emulation, and their first 4,096 bytes are loaded. For UEFI images, the catalog records the size.

use super::SECTOR;
use super::bytes::FieldBuffer;
use crate::error::{Details, Error, Result};
use crate::firmware::Firmware;
use crate::volume::BootEntry;

/// Maximum number of boot programs (2.2 to 2.4): after the validation and initial entries, each takes two slots of 32
/// bytes.
const MAX_PROGRAMS: usize = 1 + (SECTOR as usize / 32 - 2) / 2;

/// Number of virtual sectors of 512 bytes that a BIOS loads.
const BIOS_SECTORS: u16 = 8;

/// Formats the boot record for sector 17 (2.0, figure 7).
pub fn boot_record(catalog: u64) -> Vec<u8> {
    let mut sector = FieldBuffer::zeroed(SECTOR as usize);
    sector.put(1, b"CD001");
    sector.u8(6, 1); // version
    sector.put(7, b"EL TORITO SPECIFICATION");
    sector.le32(71, catalog as u32); // the first sector of the catalog
    sector.into_vec()
}

/// Fails if the catalog can't hold the boot programs, or one is empty.
pub fn check(boot: &[BootEntry]) -> Result<()> {
    if boot.len() > MAX_PROGRAMS {
        let n_programs = boot.len();
        return Err(Error::BadBootEntry(Details::new(format!(
            "the disc has {n_programs} boot programs; a boot catalog holds {MAX_PROGRAMS}"
        ))));
    }
    match boot.iter().find(|entry| entry.image.is_empty()) {
        Some(entry) => Err(Error::BadBootEntry(Details::new(format!("the {} boot program is empty", entry.firmware)))),
        None => Ok(()),
    }
}

/// Room of a boot program in bytes. Firmware reads as many sectors as the catalog says.
pub fn room(entry: &BootEntry) -> u64 {
    match entry.firmware {
        Firmware::Bios => entry.image.len().max(u64::from(BIOS_SECTORS) * 512),
        Firmware::Uefi => entry.image.len(),
    }
}

/// Formats the boot catalog for programs that start at these sectors.
pub fn catalog(boot: &[BootEntry], sectors: &[u64]) -> Vec<u8> {
    let mut catalog = FieldBuffer::zeroed(SECTOR as usize);
    let Some(initial) = boot.first() else { return catalog.into_vec() };
    // 2.1: validation entry.
    catalog.u8(0, 1); // header
    catalog.u8(1, platform_id(initial.firmware));
    catalog.le16(30, 0xAA55); // key bytes
    let sum = catalog.as_slice()[..32]
        .chunks_exact(2)
        .fold(0u16, |sum, word| sum.wrapping_add(u16::from_le_bytes([word[0], word[1]])));
    catalog.le16(28, sum.wrapping_neg()); // makes the sum of all words zero
    put_entry(&mut catalog, 32, initial, sectors[0]);
    for (n, (entry, sector)) in boot.iter().zip(sectors).enumerate().skip(1) {
        let at = 64 * n;
        // 2.3: section header.
        catalog.u8(at, if n + 1 == boot.len() { 0x91 } else { 0x90 }); // the last one, or more follow
        catalog.u8(at + 1, platform_id(entry.firmware));
        catalog.le16(at + 2, 1); // section entries
        put_entry(&mut catalog, at + 32, entry, *sector);
    }
    catalog.into_vec()
}

/// Writes an initial or section entry (2.2, 2.4).
fn put_entry(catalog: &mut FieldBuffer, at: usize, entry: &BootEntry, sector: u64) {
    catalog.u8(at, 0x88); // bootable; media type 0: no emulation, load segment 0: the usual one
    let n_sectors = match entry.firmware {
        Firmware::Bios => BIOS_SECTORS,
        // UEFI 2.11, 13.3.2.1: 0 and 1 mean "to the end of the disc". The FAT volume itself has the length.
        Firmware::Uefi => u16::try_from(entry.image.len().div_ceil(512)).unwrap_or(1),
    };
    catalog.le16(at + 6, n_sectors);
    catalog.le32(at + 8, sector as u32); // load RBA
}

fn platform_id(firmware: Firmware) -> u8 {
    match firmware {
        Firmware::Bios => 0,
        Firmware::Uefi => 0xEF,
    }
}
