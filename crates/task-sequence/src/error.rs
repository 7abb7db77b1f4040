//! Failures to read or write a sequence; what authors got wrong is a [`Problem`](authoring::problem::Problem).

use std::fmt;

/// Result of reading or writing a sequence.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of another library.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a sequence can't be read or written.
#[derive(Debug)]
pub enum Error {
    /// An author's file can't be read.
    File(authoring::Error),
    /// The text is not well-formed XML.
    Malformed(Cause),
    /// The document exceeds one of the [`limits`](crate::limits).
    TooLarge(String),
    /// The document is not a task sequence that this version reads, or one that XML can't hold.
    Unsupported {
        /// The fact.
        message: String,
        /// What would be right.
        help: Option<String>,
    },
    /// A named part can't be read or written.
    Within {
        /// What can't be done with which part.
        message: String,
        /// Why.
        cause: Box<Error>,
    },
    /// The archive of an export can't be read.
    Archive(Cause),
}

impl Error {
    /// A document that is not a task sequence of this version.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::Unsupported { message: message.into(), help: None }
    }

    /// Adds what would be right, where the error takes it.
    pub fn help(mut self, words: impl Into<String>) -> Self {
        if let Self::Unsupported { help, .. } = &mut self {
            *help = Some(words.into());
        }
        self
    }

    /// The error of the part that this one is in.
    pub fn within(self, message: impl Into<String>) -> Self {
        Self::Within { message: message.into(), cause: Box::new(self) }
    }

    /// Text that is not well-formed XML.
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
