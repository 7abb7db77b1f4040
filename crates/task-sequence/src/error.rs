//! Errors of reading and writing a sequence. Mistakes of authors are a
//! [`Problem`](authoring::problem::Problem).

use std::fmt;

/// Result of reading or writing a sequence.
pub type Result<T> = std::result::Result<T, Error>;

/// Error of another library.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Error of reading or writing a sequence.
#[derive(Debug)]
pub enum Error {
    /// A file can't be read.
    File(authoring::Error),
    /// The text is not well-formed XML.
    Malformed(Cause),
    /// The document exceeds one of the [`limits`](crate::limits).
    TooLarge(String),
    /// The document is not a task sequence that this version reads, or can't be written as XML.
    Unsupported {
        /// Fact.
        message: String,
        /// Help.
        help: Option<String>,
    },
    /// A named part can't be read or written.
    Within {
        /// Failed operation, with the name of the part.
        message: String,
        /// Error of the part.
        cause: Box<Error>,
    },
    /// The archive of an export can't be read.
    Archive(Cause),
}

impl Error {
    /// Creates an [`Error::Unsupported`].
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::Unsupported { message: message.into(), help: None }
    }

    /// Adds help to an [`Error::Unsupported`].
    pub fn help(mut self, words: impl Into<String>) -> Self {
        if let Self::Unsupported { help, .. } = &mut self {
            *help = Some(words.into());
        }
        self
    }

    /// Wraps the error in an [`Error::Within`] that names the part.
    pub fn within(self, message: impl Into<String>) -> Self {
        Self::Within { message: message.into(), cause: Box::new(self) }
    }

    /// Creates an [`Error::Malformed`].
    pub(crate) fn malformed(cause: impl Into<Cause>) -> Self {
        Self::Malformed(cause.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => write!(f, "{error}"),
            Self::Malformed(_) => f.write_str("the XML is not well-formed"),
            Self::TooLarge(message) | Self::Unsupported { message, .. } | Self::Within { message, .. } => {
                f.write_str(message)
            }
            Self::Archive(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(error) => error.source(),
            Self::Malformed(cause) => Some(cause.as_ref()),
            Self::Within { cause, .. } => Some(cause.as_ref()),
            Self::Archive(error) => error.source(),
            Self::TooLarge(_) | Self::Unsupported { .. } => None,
        }
    }
}

impl From<authoring::Error> for Error {
    fn from(error: authoring::Error) -> Self {
        Self::File(error)
    }
}
