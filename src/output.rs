//! One file to make: everything that decides its bytes, but for the digests of sources that nobody has read yet.

use camino::Utf8PathBuf;

use crate::size::Size;
use crate::volume::{BootEntry, Date, Folder};

/// A medium as one file.
#[derive(Clone, Debug)]
pub struct Output {
    /// Where it is put.
    pub path: Utf8PathBuf,
    /// The same as its author sees it: relative to the manifest, or absolute. What the record and messages call it.
    pub name: String,
    /// What it says of itself in `tsmedia/medium.toml`, in this order: key and value.
    pub description: Vec<(&'static str, String)>,
    /// The volume label.
    pub label: String,
    /// Every time on the medium.
    pub date: Date,
    /// What the medium holds, but for its lists of digests.
    pub root: Folder,
    /// How it starts.
    pub boot: Vec<BootEntry>,
    /// The most bytes that it may have.
    pub capacity: Option<Size>,
    /// The content entries of the manifest, in its order.
    pub entries: Vec<Entry>,
}

/// A content entry of the manifest: the unit in which plans and records speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the manifest calls it, such as ``package `BER00021` ``.
    pub title: String,
    /// The folder or file on the medium, from its root.
    pub path: String,
}
