//! Disc images: UDF 1.02 (ECMA-167 2nd edition, OSTA UDF 1.02), ISO 9660 level 3 (ECMA-119) and Joliet over the same
//! file extents, started by El Torito.
//!
//! UDF carries the names, and it is what Windows reads; ISO 9660 and Joliet are there for firmware and other readers,
//! with shortened names where they need them. Not supported: Rock Ridge, other sector sizes than 2,048 bytes, multiple
//! sessions, attributes, links. Two rules are bent as `genisoimage -joliet-long -D` bends them: Joliet names have up to
//! 103 characters (the specification: 64), and folders may be deeper than the eight levels of ECMA-119 6.8.2.1.
//!
//! # Where things are put
//!
//! A place follows from what the volume holds and from nothing else, so that a patched disc is the same as one that
//! is made anew; and a small change leaves nearly everything where it was. From the first sector on:
//!
//! 1. The head, up to sector 257, never moves: ISO 9660 descriptors (16), the UDF volume descriptor sequence (32) and
//!    its reserve (48), the integrity descriptor (64), the boot catalog (68), the path tables (72, or else in a region
//!    behind sector 264 whose size is a power of two), the anchor (256), the UDF file set (257), and from sector 259 on
//!    one sector for each file entry that the boot sector of Windows discs reads: the root folder, `boot`,
//!    `boot\bootfix.bin`, `boot\bootmgr`, `bootmgr`. They change only when these files move.
//! 2. The files that come from sources, and boot images that are no file of the tree.
//! 3. ISO 9660 folders, Joliet folders, UDF folders and the other UDF file entries. They start at a multiple of a
//!    generous power of two, so that the growth of a file seldom moves them. They are behind the data because their own
//!    growth would otherwise move all of it, at the cost that a disc can't be read through a pipe. UDF comes last
//!    because 7-Zip takes what follows the last UDF structure or file as foreign, unless it is zero or the anchor.
//! 4. Files that we made ([`Content::Bytes`](crate::content::Content::Bytes)), such as lists of digests: they change
//!    with everything else. Then 150 empty sectors for readers that fetch ahead; the second anchor is the last sector.
//!
//! Each of the kinds of things in 2 to 4 is arranged in the same way:
//!
//! * A **slot** is the room of one thing alone, or of one region. Slots of a larger power of two come before those of
//!   a smaller, and then in the order of the tree. So nothing is ever moved by anything of a smaller power of two: a
//!   large image by no package, a large package by no small one. Files of 1 MiB and more, the boot images and each file
//!   that we made have slots of their own.
//! * A **region** is what one part of the volume (a package, a driver package; see
//!   [`Volume::parts`](crate::volume::Volume::parts)) has of all the rest, in the order of the tree. What belongs to no
//!   part is a region, too.
//! * A **group** is a run of things in a region. Where one starts is decided by a hash of a path alone, on average at
//!   every 32nd path, so that a file that comes or goes changes no other group. Files of 64 KiB and more are groups of
//!   their own. Groups are in groups of 32, and these once more.
//! * **Slack** is the room that rounding up leaves: a group's length to an eighth of its power of two, that of a group
//!   of groups, of a slot and of all things of a kind to a thirty-second, and every one to 4,096 bytes. So a change
//!   moves what follows in its group; with a group that has no room left, what follows in the next larger one; and so
//!   on. What moves, moves by a multiple of 4,096 bytes, which some file systems do without copying.
//!
//! Slack is 1 to 5 percent of usual discs, and 8 of one that holds nothing but small files. A disc that would be too
//! long for its medium has none ([`Slack::None`]): then everything is in the same order without gaps, except that files
//! of 64 KiB and more start at multiples of 4,096 bytes here as well. Whatever is not written is zero.
//!
//! # What boot programs ask of a disc
//!
//! Seen of the genuine file: `etfsboot.com`, the boot sector of Windows discs, reads UDF where sector 256 holds an
//! anchor. It looks for `\BOOT\BOOTFIX.BIN` (and asks for a key if it is there), and for `BOOTMGR` in `\BOOT` and in
//! the root folder. Sectors of the file set and of file entries have 16 bits in it; those of contents have 32. A file
//! entry is to have the tag 261, less than 64 KiB of extended attributes and exactly one short allocation descriptor.
//! The boot managers that start then (10.0.19041, 10.0.22621) read discs of 4.58 GB (BIOS) and of 5.65 GB (UEFI) with
//! all other entries behind the data.
//!
//! Known from published sources:
//!
//! * By ISO 9660 `etfsboot.com` finds no name that has a version (Microsoft's article 931708), so discs like ours start
//!   by UDF or not at all.
//! * SeaBIOS and EDK2 read the boot record and the boot catalog with 32 bits, and of the catalog one sector. SeaBIOS
//!   starts the initial entry, if the validation entry is for platform 0; EDK2 goes by neither platform nor order.
//! * UEFI takes a sector count of 0 or 1 as an EFI boot image that goes on to the end of the disc (specification 2.11,
//!   13.3.2.1), which EDK2 takes from ISO 9660's volume space size; so images of 32 MiB and more can be started.
//! * Old BIOSes load no more than 2,048 bytes of a boot sector (FreeBSD's `cdboot`); `etfsboot.com` has 4,096, and
//!   Windows discs ask for all of it.
//!
//! Inferred: that other versions of `etfsboot.com` read as the one that was seen, and that the root folder may be as
//! long as those of real discs; nothing is known of a limit. Tests start discs of 400 MB and of 5 GB under SeaBIOS and
//! OVMF with stand-ins that have the same limits, and have GRUB read both file systems.

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

/// The disc image of a volume.
pub fn layout(volume: &Volume, slack: Slack) -> Result<Layout> {
    place::layout(volume, slack)
}

/// Bytes in a sector, and in a logical block of every file system on it.
const SECTOR: u64 = 2_048;

/// The sectors that so many bytes fill.
fn sectors(len: u64) -> u64 {
    len.div_ceil(SECTOR)
}
