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
//! A place is a function of what the volume holds, so that a rebuild after a small change finds most of it in place:
//!
//! 1. The head, up to sector 257, never moves: ISO 9660 descriptors (16), the UDF volume descriptor sequence (32) and
//!    its reserve (48), the integrity descriptor (64), the boot catalog (68), the path tables (72, or else in a region
//!    behind sector 259 whose size is a power of two), the anchor (256), the UDF file set (257).
//! 2. Files of 1 MiB and more: those of a larger power of two before those of a smaller, then by path. So nothing
//!    smaller moves them, and growing seldom changes their order.
//! 3. The boot images that are no files of the tree (one that is has its place there), then all other files that come
//!    from a source, folder by folder in the order of the tree.
//! 4. ISO 9660 folders, Joliet folders, UDF folders and the UDF file entries. They start at a multiple of a generous
//!    power of two, so that the growth of a file seldom moves them. They are behind the data because their own growth
//!    would otherwise move all of it, at the cost that a disc can't be read through a pipe. UDF comes last because
//!    7-Zip takes what follows the last UDF structure or file as foreign, unless it is zero or the anchor.
//! 5. Files that we made ([`Content::Bytes`](crate::content::Content::Bytes)), such as lists of digests: they change
//!    with everything else. Then 150 empty sectors for readers that fetch ahead; the second anchor is the last sector.
//!
//! Files of 64 KiB and more start at multiples of 4,096 bytes, so that a file system can share their blocks.
//! Whatever is not written is zero.

mod bytes;
mod catalog;
mod ecma119;
mod name;
mod place;
mod places;
mod read;
mod sheet;
mod tree;
mod udf;
mod unicode;

#[cfg(test)]
mod tests;

pub use read::{BootProgram, Disagreement, Disc, File, Label, Part, Structure, read};

use crate::error::Result;
use crate::layout::Layout;
use crate::volume::Volume;

/// The disc image of a volume.
pub fn layout(volume: &Volume) -> Result<Layout> {
    place::layout(volume)
}

/// Bytes in a sector, and in a logical block of every file system on it.
const SECTOR: u64 = 2_048;

/// The sectors that so many bytes fill.
fn sectors(len: u64) -> u64 {
    len.div_ceil(SECTOR)
}
