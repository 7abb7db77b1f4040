//! Formats: pure functions from a [`Volume`](crate::volume::Volume) to a [`Layout`](crate::layout::Layout), and
//! readers of what others (and we) wrote.

pub use disc_layout::{fat, file_system, iso, ntfs, partitions, volume_entry};
use disc_layout::{slack, tree};

mod asn1;
pub mod authenticode;
pub mod bcd;
pub mod boot_program;
pub mod certificate;
pub mod inf;
pub mod media_variables_file;
pub mod medium_tree;
pub mod overlay_filter;
pub mod pe;
pub mod regf;
pub mod revocations;
pub mod signing_key;
pub mod stick;
pub mod virtual_disk;
pub mod wim;
pub mod windows;
pub mod zip;
