//! Fixups: the last two bytes of every 512 in a record or page are moved to its header and replaced by an update
//! sequence number, so that a partial write is detected.

use crate::little_endian::u16_at;

/// Length of the protected units in bytes, whatever the sector length of the disk.
pub const STRIDE: usize = 512;

/// Restores the last two bytes of every 512. Returns `false` if an update sequence number differs, which means that the
/// record was only partly written.
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

/// Puts the update sequence numbers back that [`apply`] removed.
pub fn restore(bytes: &mut [u8]) {
    let (at, n) = (usize::from(u16_at(bytes, 4)), usize::from(u16_at(bytes, 6)));
    for stride in 0..n.saturating_sub(1) {
        let (end, kept) = ((stride + 1) * STRIDE - 2, at + 2 + 2 * stride);
        bytes.copy_within(end..end + 2, kept);
        bytes.copy_within(at..at + 2, end);
    }
}
