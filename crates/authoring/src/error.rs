//! Errors outside an author's control; mistakes in their files are
//! [`Problem`](crate::problem::Problem)s.

use std::fmt;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

/// Result of operations that can fail outside an author's control.
pub type Result<T> = std::result::Result<T, Error>;

/// An author's file can't be read or checked at all.
#[derive(Debug)]
pub enum Error {
    /// A file can't be read.
    Read {
        /// Path of the file.
        path: Utf8PathBuf,
        /// Underlying error.
        cause: io::Error,
    },
}

impl Error {
    /// Creates the error for a file that can't be read.
    pub fn read(path: &Utf8Path, cause: io::Error) -> Self {
        Self::Read { path: path.to_owned(), cause }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, .. } => write!(f, "reading `{path}`"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { cause, .. } => Some(cause),
        }
    }
}
