//! Errors with a message, a cause, help, and a kind that the exit code follows from.
//!
//! An error ends an operation. Mistakes in manifests are [problems](crate::problem::Problem) instead: all of them are
//! collected, each with the lines that cause it.

use std::fmt;
use std::io;

use camino::Utf8Path;

use crate::problem::Problem;

/// Result of an operation that can fail for a reason outside the manifest.
pub type Result<T> = std::result::Result<T, Error>;

/// Kind of an error. Callers match on it, and the exit code follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The user interrupted the work.
    Interrupted,
    /// Another process holds the lock.
    Locked,
    /// An input changed while it was used; another run may succeed.
    Stale,
    /// The operating system refused an operation.
    Io,
    /// The input is invalid.
    Invalid,
}

/// Error with a message, the cause that led to it, and help for the user.
///
/// The message starts in lower case and has no final stop.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    items: Vec<String>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    help: Option<Box<str>>,
    subject: Option<Box<str>>,
}

impl Error {
    /// Returns an error of the kind [`ErrorKind::Invalid`], without a cause.
    pub fn new(message: impl Into<String>) -> Self {
        let (kind, message) = (ErrorKind::Invalid, message.into());
        Self { kind, message, items: Vec::new(), cause: None, help: None, subject: None }
    }

    /// Returns the error for interrupted work.
    pub fn interrupted() -> Self {
        Self::new("interrupted").with_kind(ErrorKind::Interrupted)
    }

    /// Returns the error for a failed operation on a file. `doing` is a present participle such as "reading".
    pub fn io(doing: &str, path: &Utf8Path, cause: io::Error) -> Self {
        Self::new(format!("{doing} `{path}`")).because(cause)
    }

    /// Sets the kind.
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// Sets the cause, and takes over its kind.
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let cause = cause.into();
        if let Some(error) = cause.downcast_ref::<Self>() {
            self.kind = error.kind;
        } else if let Some(error) = cause.downcast_ref::<disc_layout::Error>() {
            self.kind = error.into();
        } else if cause.is::<io::Error>() {
            self.kind = ErrorKind::Io;
        }
        self.cause = Some(cause);
        self
    }

    /// Sets the help: an instruction, or a command to type.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into().into_boxed_str());
        self
    }

    /// Sets the subject: which of several things processed together, such as a path, the error is about.
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into().into_boxed_str());
        self
    }

    /// Adds items to the message, each printed on a line of its own.
    pub fn with_items(mut self, items: impl IntoIterator<Item = String>) -> Self {
        self.items.extend(items);
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the message without its items.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the items of the message.
    pub fn items(&self) -> &[String] {
        &self.items
    }

    /// Returns the subject, if one was set.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// Returns the message and those of all causes, in one line.
    pub fn with_causes(&self) -> String {
        let mut line = self.message.clone();
        let mut cause = std::error::Error::source(self);
        while let Some(because) = cause {
            line += &format!(": {because}");
            cause = because.source();
        }
        line
    }

    /// Returns the help of this error, without that of its causes.
    pub fn advice(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl From<&disc_layout::Error> for ErrorKind {
    fn from(error: &disc_layout::Error) -> Self {
        match error {
            disc_layout::Error::Io { .. } => Self::Io,
            disc_layout::Error::Changed { .. } => Self::Stale,
            _ => Self::Invalid,
        }
    }
}

/// Converts an error with its causes to a problem without a place.
impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let mut message = error.to_string();
        let mut help = error.advice();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            help = help.or_else(|| advice_of(error));
            cause = error.source();
        }
        let problem = Self::error(message);
        match help {
            Some(help) => problem.help(help),
            None => problem,
        }
    }
}

/// Keeps message, help and cause.
impl From<disc_layout::Error> for Error {
    fn from(error: disc_layout::Error) -> Self {
        Self {
            kind: ErrorKind::from(&error),
            help: error.help().map(Box::from),
            subject: error.path().map(Box::from),
            message: error.to_string(),
            items: Vec::new(),
            cause: error.into_cause(),
        }
    }
}

/// Keeps message and cause.
impl From<authoring::Error> for Error {
    fn from(error: authoring::Error) -> Self {
        let message = error.to_string();
        match error {
            authoring::Error::Read { cause, .. } => Self::new(message).because(cause),
        }
    }
}

/// Returns the help of a cause, if it has any.
pub fn advice_of<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a str> {
    cause
        .downcast_ref::<Error>()
        .and_then(Error::advice)
        .or_else(|| cause.downcast_ref::<disc_layout::Error>().and_then(disc_layout::Error::help))
}

/// Keeps message, help and cause.
impl From<task_sequence::Error> for Error {
    fn from(error: task_sequence::Error) -> Self {
        use task_sequence::Error as Other;
        match error {
            Other::File(error) => error.into(),
            Other::Malformed(cause) => Self::new("the XML is not well-formed").because(cause),
            Other::TooLarge(message) => Self::new(message),
            Other::Unsupported { message, help: Some(help) } => Self::new(message).help(help),
            Other::Unsupported { message, help: None } => Self::new(message),
            Other::Within { message, cause } => Self::new(message).because(Self::from(*cause)),
            Other::Archive(error) => match error.downcast::<Self>() {
                Ok(error) => *error,
                Err(error) => Self::new(error.to_string()),
            },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.items.iter().try_for_each(|item| write!(f, "\n  {item}"))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause.as_ref() as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_kind_of_what_led_to_it() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        for (cause, kind) in [
            (Error::interrupted(), ErrorKind::Interrupted),
            (Error::new("held by process 12").with_kind(ErrorKind::Locked), ErrorKind::Locked),
            (Error::io("writing", "a.iso".into(), full()), ErrorKind::Io),
            (Error::new("no such image"), ErrorKind::Invalid),
        ] {
            assert_eq!(cause.kind(), kind);
            assert_eq!(Error::new("building `a.iso`").because(cause).help("try again").kind(), kind);
        }
        assert_eq!(Error::new("writing").because(full()).kind(), ErrorKind::Io);
        assert_eq!(Error::new("reading").because("a text").kind(), ErrorKind::Invalid);
    }
}
