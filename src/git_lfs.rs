//! Git LFS pointers, and the error for one where a file belongs.

use camino::Utf8Path;

use crate::error::Error;

pub use authoring::git_lfs::*;

/// The error for a pointer at `path`.
pub fn error(path: &Utf8Path) -> Error {
    Error::new(format!("`{path}` is a Git LFS pointer, not the file itself")).help(help(path))
}
