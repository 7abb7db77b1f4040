//! Reads the boot catalog (El Torito 1.0, section 2). Only the first sector of a longer catalog is read.

use std::io::{Read, Seek};

use super::super::SECTOR;
use super::source::DiscReader;
use super::{BootProgram, IsoPart};
use crate::error::{Error, Result};
use crate::little_endian::{u16_at, u32_at};

/// Reads the boot programs from the catalog in a sector.
pub fn programs(source: &mut DiscReader<impl Read + Seek>, sector: u64) -> Result<Vec<BootProgram>> {
    let catalog = source.sector("the boot catalog", sector)?;
    source.note(IsoPart::BootCatalog, sector * SECTOR, SECTOR);
    let mut slots = catalog.chunks_exact(32);
    let validation = slots.next().unwrap_or_default();
    let sum = (0..32).step_by(2).fold(0u16, |sum, at| sum.wrapping_add(u16_at(validation, at)));
    if validation[0] != 1 || u16_at(validation, 30) != 0xAA55 || sum != 0 {
        return Err(Error::damaged("the boot catalog doesn't start with a valid validation entry"));
    }
    let mut programs = Vec::new();
    let mut add = |slot: &[u8], platform: u8| -> Result<()> {
        let is_bootable = match slot[0] {
            0x88 => true,
            0x00 => false,
            other => {
                return Err(Error::damaged(format!("the boot catalog has an entry of the unknown kind {other:#04x}")));
            }
        };
        let offset = u64::from(u32_at(slot, 8)) * SECTOR;
        source.range("a boot program", offset, 1)?;
        programs.push(BootProgram { platform, is_bootable, n_sectors: u16_at(slot, 6), offset });
        Ok(())
    };
    add(slots.next().unwrap_or_default(), validation[1])?;
    while let Some(header) = slots.next() {
        let is_last = match header[0] {
            0x90 => false,
            0x91 => true,
            _ => break,
        };
        for _ in 0..u16_at(header, 2) {
            let Some(slot) = slots.next() else { return Err(Error::damaged("the boot catalog ends within a section")) };
            add(slot, header[1])?;
            if slot[1] & 0x20 != 0 {
                return Err(Error::unsupported("the boot catalog has extensions of entries, which are not supported"));
            }
        }
        if is_last {
            break;
        }
    }
    Ok(programs)
}
