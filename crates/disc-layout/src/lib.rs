//! Layouts of discs, volumes and disks: where each byte goes, before any is written.
//!
//! A format is a pure function from a [`Volume`](volume::Volume), a tree of files and their contents, to a
//! [`Layout`](layout::Layout): extents of bytes in memory and of existing files, in ascending order. Making one opens no
//! file and writes nothing; the same volume yields the same bytes, without clock, randomness or order of a hash table.
//! Files are read while the layout is written, and the source is checked to be what it was.
//!
//! Paths are text throughout, and names are those that Windows can hold.

pub mod content;
pub mod date;
pub mod decode;
pub mod digest;
pub mod error;
pub mod fat;
pub mod file_system;
pub mod firmware;
pub mod found;
pub mod iso;
pub mod layout;
pub mod limits;
pub mod little_endian;
pub mod ntfs;
pub mod partitions;
pub mod slack;
pub mod source;
pub mod tree;
pub mod volume;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;

pub use error::{Error, Result};
