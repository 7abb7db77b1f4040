//! Failures of the world; what authors got wrong is a [`Problem`](crate::problem::Problem).

use std::fmt;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

/// Result of what can fail for a reason outside the author's files.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an author's file can't be read or checked at all.
#[derive(Debug)]
pub enum Error {
    /// Reading a file failed.
    Read {
        /// Path of the file.
        path: Utf8PathBuf,
        /// The failure.
        cause: io::Error,
    },
    /// The JSON Schema of a dialect is not a valid one.
    Schema {
        /// Name of the dialect's files.
        name: &'static str,
        /// The validator's words.
        cause: String,
    },
}

impl Error {
    /// A failure to read a file.
    pub fn read(path: &Utf8Path, cause: io::Error) -> Self {
        Self::Read { path: path.to_owned(), cause }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, .. } => write!(f, "reading `{path}`"),
            Self::Schema { name, .. } => write!(f, "the schema of {name} is not valid"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { cause, .. } => Some(cause),
            Self::Schema { .. } => None,
        }
    }
}
