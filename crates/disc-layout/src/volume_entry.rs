//! Files and folders found by the readers of all file systems.

use std::ops::Range;

/// File or folder of a finished medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeEntry {
    /// Path from the root, separated by `/`.
    pub path: String,
    /// `true` for a folder.
    pub is_folder: bool,
    /// Length in bytes; 0 for a folder.
    pub len: u64,
    /// Ranges of its bytes, counted from the start of the medium. Adjacent ranges are joined; a folder has none.
    pub extents: Vec<Range<u64>>,
}
