//! Formats: pure functions from a [`Volume`](crate::volume::Volume) to a [`Layout`](crate::layout::Layout), and
//! readers of what others (and we) wrote.

pub mod bcd;
pub mod certificate;
pub mod container;
pub mod fat;
pub mod file_system;
pub mod found;
pub mod iso;
pub mod ntfs;
pub mod partitions;
pub mod regf;
pub mod pe;
mod slack;
pub mod stick;
mod tree;
pub mod wim;
