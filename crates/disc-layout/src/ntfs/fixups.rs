//! Fixups: the last two bytes of each 512 of a record or page are kept in its header, and an update sequence number
//! stands in their place, so that a write that was cut off shows.

use crate::little_endian::u16_at;

/// The sectors that update sequence numbers protect, whatever the sectors of the disk are.
pub const STRIDE: usize = 512;

/// Puts the last two bytes of each 512 back, which an update sequence number stands for. False if one is another: then
/// the record was written in part.
pub fn apply(record: &mut [u8]) -> bool {
    let (at, n) = (usize::from(u16_at(record, 4)), usize::from(u16_at(record, 6)));
    if n == 0 || at + 2 * n > record.len() || (n - 1) * STRIDE > record.len() {
        return false;
    }
    let numbers = record[at..at + 2 * n].to_vec();
    for (sector, saved) in record.chunks_exact_mut(STRIDE).zip(numbers[2..].chunks_exact(2)) {
        let end = &mut sector[STRIDE - 2..];
        if end != &numbers[..2] {
            return false;
        }
        end.copy_from_slice(saved);
    }
    true
}

/// Puts the update sequence number back at the end of each 512 bytes, where [`apply`] took it.
pub fn restore(bytes: &mut [u8]) {
    let (at, n) = (usize::from(u16_at(bytes, 4)), usize::from(u16_at(bytes, 6)));
    for stride in 0..n.saturating_sub(1) {
        let (end, kept) = ((stride + 1) * STRIDE - 2, at + 2 + 2 * stride);
        bytes.copy_within(end..end + 2, kept);
        bytes.copy_within(at..at + 2, end);
    }
}
