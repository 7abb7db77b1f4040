//! Errors of layouts and readers, grouped by what a caller can do about them.

use std::fmt;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

/// Result of a layout or a reader.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Reason why a volume can't be laid out or a medium can't be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file can't be opened or read.
    Io {
        /// Failed operation as a present participle, such as "reading the boot sector at byte 0".
        doing: String,
        /// Error of the operating system.
        cause: io::Error,
    },
    /// A source changed after it was added to the volume.
    Changed {
        /// Path of the source.
        path: Utf8PathBuf,
    },
    /// The data is in another format.
    NotRecognized(Details),
    /// A structure contradicts itself or another one, or is truncated.
    Damaged(Details),
    /// A structure is valid, but of a kind that this crate can't read.
    Unsupported(Details),
    /// The format can't hold a file, folder or volume of this size.
    TooLarge(Details),
    /// The input exceeds a limit for untrusted input (see [`limits`](crate::limits)).
    OverLimit(Details),
    /// The format can't hold a name or label, or it is not valid on Windows.
    BadName(Details),
    /// The boot catalog has no room, or a boot program is empty.
    BadBootEntry(Details),
}

/// Message, path, help and cause of an [`Error`].
#[derive(Debug)]
pub struct Details {
    message: String,
    path: Option<String>,
    help: Option<&'static str>,
    cause: Option<Box<Error>>,
}

impl Details {
    /// Creates details from a message: a lower-case fragment without a final full stop.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), path: None, help: None, cause: None }
    }

    /// Adds the path of the file or folder on the volume.
    pub(crate) fn path(self, path: impl Into<String>) -> Self {
        Self { path: Some(path.into()), ..self }
    }

    /// Adds help in the imperative.
    pub(crate) fn help(self, help: &'static str) -> Self {
        Self { help: Some(help), ..self }
    }

    /// Adds the underlying error.
    pub(crate) fn because(self, cause: Error) -> Self {
        Self { cause: Some(Box::new(cause)), ..self }
    }
}

impl Error {
    pub(crate) fn io(doing: impl Into<String>, cause: io::Error) -> Self {
        Self::Io { doing: doing.into(), cause }
    }

    pub(crate) fn io_at(doing: &str, path: &Utf8Path, cause: io::Error) -> Self {
        Self::io(format!("{doing} `{path}`"), cause)
    }

    pub(crate) fn damaged(message: impl Into<String>) -> Self {
        Self::Damaged(Details::new(message))
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::Unsupported(Details::new(message))
    }

    pub(crate) fn over_limit(message: impl Into<String>) -> Self {
        Self::OverLimit(Details::new(message))
    }

    pub(crate) fn bad_name(message: impl Into<String>) -> Self {
        Self::BadName(Details::new(message))
    }

    fn details(&self) -> Option<&Details> {
        match self {
            Self::Io { .. } | Self::Changed { .. } => None,
            Self::NotRecognized(details)
            | Self::Damaged(details)
            | Self::Unsupported(details)
            | Self::TooLarge(details)
            | Self::OverLimit(details)
            | Self::BadName(details)
            | Self::BadBootEntry(details) => Some(details),
        }
    }

    /// Path on the volume of the file or folder concerned, if there is one.
    pub fn path(&self) -> Option<&str> {
        self.details()?.path.as_deref()
    }

    /// Help in the imperative.
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Changed { .. } => Some("try again when no other process is writing to it"),
            error => error.details()?.help,
        }
    }

    /// Takes the underlying error.
    pub fn into_cause(self) -> Option<Box<dyn std::error::Error + Send + Sync>> {
        match self {
            Self::Io { cause, .. } => Some(cause.into()),
            Self::Changed { .. } => None,
            Self::NotRecognized(details)
            | Self::Damaged(details)
            | Self::Unsupported(details)
            | Self::TooLarge(details)
            | Self::OverLimit(details)
            | Self::BadName(details)
            | Self::BadBootEntry(details) => details.cause.map(|cause| cause as _),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, .. } => f.write_str(doing),
            Self::Changed { path } => write!(f, "`{path}` changed while the medium was being built"),
            error => f.write_str(error.details().map_or("", |details| &details.message)),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { cause, .. } => Some(cause),
            error => error.details()?.cause.as_ref().map(|cause| &**cause as _),
        }
    }
}
