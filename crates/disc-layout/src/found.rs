//! What readers of finished media find, whatever file system it is in.

use std::ops::Range;

/// A file or folder of a medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The path from the root, its parts separated by `/`.
    pub path: String,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Its length in bytes; 0 for a folder.
    pub len: u64,
    /// Where its bytes are, in bytes from the start of the medium; extents that touch are one. Empty for a folder.
    pub extents: Vec<Range<u64>>,
}
