//! Detects Git LFS pointers, and returns the error for one in place of a file.

use camino::Utf8Path;

use crate::error::Error;

pub use authoring::git_lfs::*;

/// Returns the error for a pointer at `path`.
pub fn error(path: &Utf8Path) -> Error {
    Error::new(format!("`{path}` is a Git LFS pointer, not the file itself")).help(help(path))
}
