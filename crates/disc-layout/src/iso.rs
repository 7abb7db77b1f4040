//! Disc images: UDF 1.02 (ECMA-167 2nd edition, OSTA UDF 1.02), ISO 9660 level 3 (ECMA-119) and Joliet over the same
//! file extents, started by El Torito.
//!
//! UDF has the full names and is what Windows reads. ISO 9660 and Joliet are for firmware and other readers, with
//! shortened names where necessary. Not supported: Rock Ridge, sectors other than 2,048 bytes, multiple sessions,
//! attributes and links. Two rules are relaxed as in `genisoimage -joliet-long -D`: Joliet names have up to 103
//! characters (the specification allows 64), and folders may be nested deeper than eight levels (ECMA-119 6.8.2.1).
//!
//! # Layout
//!
//! Positions follow from the contents of the volume alone, so a patched disc is identical to a rebuilt one, and a small
//! change leaves nearly everything in place. From the first sector on:
//!
//! 1. The head, up to sector 257, never moves: ISO 9660 descriptors (16), the UDF volume descriptor sequence (32) and
//!    its reserve (48), the integrity descriptor (64), the boot catalog (68), the path tables (72, or else in a region
//!    after sector 264 whose size is a power of two), the anchor (256), the UDF file set (257), and from sector 259
//!    one sector for each file entry that the boot sector of Windows discs reads: the root folder, `boot`,
//!    `boot\bootfix.bin`, `boot\bootmgr`, `bootmgr`. They change only when these files move.
//! 2. Files that come from sources, and boot images that are not a file of the tree.
//! 3. ISO 9660 folders, Joliet folders, UDF folders and the other UDF file entries, aligned to a generous power of
//!    two, so that a growing file seldom moves them. They follow the data because their own growth would otherwise
//!    move all of it, at the cost that a disc can't be read through a pipe. UDF comes last because 7-Zip reports data
//!    after the last UDF structure or file, unless it is zero or the anchor.
//! 4. Files made by tsmedia ([`Content::Bytes`](crate::content::Content::Bytes)), such as lists of digests, which
//!    change with everything else. Then 150 empty sectors for readers that read ahead, and the second anchor in the
//!    last sector.
//!
//! The items in each of 2 to 4 are arranged in the same way:
//!
//! * A **slot** is the room of a single item or of a region. Slots of a larger power of two precede those of a smaller
//!   one; within a power of two, they are in the order of the tree. So no item is ever moved by one of a smaller power
//!   of two: a large image by no package, a large package by no small one. Files of 1 MiB and more, boot images, and
//!   files made by tsmedia have slots of their own.
//! * A **region** contains the rest of one part of the volume (a package or a driver package; see
//!   [`Volume::parts`](crate::volume::Volume::parts)), in the order of the tree. Items that belong to no part form a
//!   region too.
//! * A **group** is a run of items in a region. A hash of each path decides whether a group starts there, on average
//!   at every 32nd path, so that an added or removed file affects no other group. Files of 64 KiB and more are groups
//!   of their own. Groups form larger groups of 32, and these once more.
//! * **Slack** is the room left by rounding up: the length of a group to an eighth of its power of two, the length of
//!   a larger group, a slot or all items of a kind to a thirty-second, and all of them to 4,096 bytes. A change moves
//!   what follows in its group; if the group has no room left, what follows in the next larger one; and so on. Items
//!   move by multiples of 4,096 bytes, which some file systems do without copying.
//!
//! Slack makes up 1 to 5 percent of usual discs, and 8 percent of a disc with only small files. A disc that would
//! exceed its capacity has none ([`Slack::None`]): everything is in the same order without gaps, except that files of
//! 64 KiB and more are still aligned to 4,096 bytes. Unused bytes are zero.
//!
//! # Requirements of boot programs
//!
//! Observed with the genuine file: `etfsboot.com`, the boot sector of Windows discs, reads UDF if sector 256 contains
//! an anchor. It looks for `\BOOT\BOOTFIX.BIN` (and waits for a key press if it exists), and for `BOOTMGR` in `\BOOT`
//! and in the root folder. It stores the sectors of the file set and of file entries in 16 bits, and those of contents
//! in 32. A file entry must have the tag 261, less than 64 KiB of extended attributes and exactly one short allocation
//! descriptor. The boot managers that it starts (10.0.19041, 10.0.22621) read discs of 4.58 GB (BIOS) and of 5.65 GB
//! (UEFI) with all other entries after the data.
//!
//! Known from published sources:
//!
//! * In ISO 9660, `etfsboot.com` does not find names with a version (Microsoft's article 931708), so these discs start
//!   through UDF or not at all.
//! * SeaBIOS and EDK2 use 32-bit positions of the boot record and the boot catalog, and read one sector of the catalog.
//!   SeaBIOS starts the initial entry if the validation entry is for platform 0; EDK2 ignores platform and order.
//! * In UEFI, a sector count of 0 or 1 means that an EFI boot image extends to the end of the disc (specification 2.11,
//!   13.3.2.1), which EDK2 takes from ISO 9660's volume space size. So images of 32 MiB and more can be started.
//! * Old BIOSes load at most 2,048 bytes of a boot sector (FreeBSD's `cdboot`); `etfsboot.com` has 4,096, and Windows
//!   discs request all of it.
//!
//! Inferred: other versions of `etfsboot.com` behave like the one that was observed, and the root folder may be as long
//! as on real discs; no limit is known. Tests start discs of 400 MB and 5 GB under SeaBIOS and OVMF with stand-ins that
//! have the same limits, and read both file systems with GRUB.

mod bytes;
mod catalog;
mod ecma119;
mod emitter;
mod name;
mod place;
mod places;
mod read;
pub mod size_bound;
mod udf;
mod unicode;

#[cfg(test)]
mod tests;

pub use read::{BootProgram, Disagreement, DiscLabel, IsoDisc, IsoPart, IsoStructure, VolumeEntry, is_disc, read};

use crate::error::Result;
use crate::layout::{Layout, Slack};
use crate::volume::Volume;

/// Lays out the disc image of a volume.
pub fn layout(volume: &Volume, slack: Slack) -> Result<Layout> {
    place::layout(volume, slack)
}

/// Length in bytes of a sector, and of a logical block of every file system on a disc.
const SECTOR: u64 = 2_048;

/// Number of sectors for `len` bytes.
fn sectors(len: u64) -> u64 {
    len.div_ceil(SECTOR)
}
