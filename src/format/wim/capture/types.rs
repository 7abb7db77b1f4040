//! Values that captures take and return.

use camino::Utf8Path;

/// How contents are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    None,
    /// XPRESS: fast, and larger.
    Xpress,
    /// LZX: what Windows itself uses.
    Lzx,
    /// LZMS, many files together: smallest, slow, and nothing boots from it.
    Solid,
}

/// Which files are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exclusions<'a> {
    /// Those that Windows' own capture leaves out: page files, what hibernation writes, recycle bins, restore points.
    Windows,
    /// Those that a file lists, in the format of `wimcapture --config` and DISM's `WimScript.ini`.
    File(&'a Utf8Path),
    /// None.
    None,
}

/// A file or folder that was left out, with all that is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// From the root of the source.
    pub path: String,
    /// Why.
    pub why: WhyLeftOut,
}

/// Why a file was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyLeftOut {
    /// The list of exclusions has it.
    Listed,
    /// It is of a kind that WIM files can't hold: encrypted, or a socket, pipe or device.
    Unsupported,
    /// Its contents are not on the volume.
    Placeholder,
}

/// Marks of a file or folder of a new image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// `FILE_ATTRIBUTE_…`.
    pub flags: u32,
    /// `IO_REPARSE_TAG_…` of a reparse point; 0 for all else.
    pub reparse_tag: u32,
    /// `true` if it has a reparse point, and contents that are, at least in part, nowhere on its NTFS volume.
    pub is_hollow: bool,
}
