//! File allocation table ("FAT Data Structure"): the next cluster of the same file, for each cluster.

use super::FatRun;
use super::geometry::{FatGeometry, MEDIA, Width};

/// Formats the first `len` bytes of a table in which each run is one chain.
pub(super) fn table(geometry: &FatGeometry, len: u64, runs: impl Iterator<Item = FatRun>) -> Vec<u8> {
    let width = geometry.shape.width;
    // FAT32 entries have 28 bits; the upper four stay zero.
    let end: u32 = match width {
        Width::Fat12 => 0xFFF,
        Width::Fat16 => 0xFFFF,
        Width::Fat32 => 0x0FFF_FFFF,
    };
    let mut bytes = vec![0; len as usize];
    let mut put = |number: u64, value: u32| match width {
        Width::Fat12 => {
            // Two entries share three bytes; the even one has the lower twelve bits.
            let at = (number * 3 / 2) as usize;
            if number.is_multiple_of(2) {
                bytes[at] = value as u8;
                bytes[at + 1] |= (value >> 8) as u8;
            } else {
                bytes[at] |= (value << 4) as u8;
                bytes[at + 1] = (value >> 4) as u8;
            }
        }
        Width::Fat16 => bytes[number as usize * 2..][..2].copy_from_slice(&(value as u16).to_le_bytes()),
        Width::Fat32 => bytes[number as usize * 4..][..4].copy_from_slice(&value.to_le_bytes()),
    };
    // The upper bits of the second entry mark the volume as cleanly unmounted.
    put(0, end & !0xFF | u32::from(MEDIA));
    put(1, end);
    for run in runs {
        let last = run.start.after(run.n_clusters - 1).number();
        (run.start.number()..last).for_each(|number| put(number, number as u32 + 1));
        put(last, end);
    }
    bytes
}
