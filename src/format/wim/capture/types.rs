//! Types for options and results of a capture.

use camino::Utf8Path;

/// Compression of the contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentCompression {
    /// Uncompressed.
    None,
    /// XPRESS: fast, but larger.
    Xpress,
    /// LZX, the default in Windows.
    Lzx,
    /// LZMS, many files together: smallest and slow, and not bootable.
    Solid,
}

/// Files to leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exclusions<'a> {
    /// Files that Windows leaves out: page files, hibernation files, recycle bins, restore points.
    Windows,
    /// Files listed in the format of `wimcapture --config` and DISM's `WimScript.ini`.
    File(&'a Utf8Path),
    /// No files.
    None,
}

/// A file or folder that was left out with its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Path from the root of the source.
    pub path: String,
    /// Reason.
    pub why: WhyLeftOut,
}

/// Reason for leaving out a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyLeftOut {
    /// Listed in the exclusions.
    Listed,
    /// Not supported by WIM files: encrypted, or a socket, pipe or device.
    Unsupported,
    /// Its contents are not on the volume.
    Placeholder,
}

/// Attributes of a file or folder in a new image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// `FILE_ATTRIBUTE_…`.
    pub flags: u32,
    /// `IO_REPARSE_TAG_…` of a reparse point, or 0.
    pub reparse_tag: u32,
    /// `true` for a reparse point whose contents are, at least partly, not on its NTFS volume.
    pub is_hollow: bool,
}
