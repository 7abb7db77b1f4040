//! Layouts of discs, volumes and disks: the position of every byte, before any is written.
//!
//! A format is a pure function from a [`Volume`](volume::Volume), a tree of files and their contents, to a
//! [`Layout`](layout::Layout): extents of bytes in memory and of existing files, in ascending order. It opens no file
//! and writes nothing. The same volume always yields the same bytes: no clock, randomness or hash table order is
//! involved. Files are read when the layout is written, and checked to be unchanged.
//!
//! Paths are UTF-8 text with `/` as separator. Names are restricted to those that Windows allows.

pub mod content;
pub mod date;
pub mod decode;
pub mod digest;
pub mod error;
pub mod fat;
pub mod file_system;
pub mod firmware;
pub mod iso;
pub mod layout;
pub mod layout_reader;
pub mod limits;
pub mod little_endian;
pub mod ntfs;
pub mod partitions;
pub mod slack;
pub mod source;
pub mod tree;
pub mod volume;
pub mod volume_entry;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;

pub use error::{Error, Result};
