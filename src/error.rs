//! The world's failures: one at a time, with its cause.
//!
//! What the author got wrong in a manifest is a [`Problem`](crate::problem::Problem) instead: there are many of
//! those, and each has a line to underline.

use std::fmt;
use std::io;

use camino::Utf8Path;

use crate::problem::Problem;

/// The result of whatever can fail for a reason outside the manifest.
pub type Result<T> = std::result::Result<T, Error>;

/// What sort of failure it is: callers match on it, and the exit code follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The user asked for an end.
    Interrupted,
    /// Another process holds what is needed.
    Locked,
    /// An input changed after it was looked at: a second run may do.
    Stale,
    /// The operating system refused an operation.
    Io,
    /// The input can't be used as it is.
    Invalid,
}

/// What went wrong, why, and what the user can do about it.
///
/// The message is a lower-case fragment that fits after "cannot go on: ", without a final stop.
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
    /// An error with nothing below it, of the kind [`ErrorKind::Invalid`].
    pub fn new(message: impl Into<String>) -> Self {
        let (kind, message) = (ErrorKind::Invalid, message.into());
        Self { kind, message, items: Vec::new(), cause: None, help: None, subject: None }
    }

    /// The error of work that the user interrupted.
    pub fn interrupted() -> Self {
        Self::new("interrupted").of_kind(ErrorKind::Interrupted)
    }

    /// A failed operation on a file; `doing` is a present participle such as "reading".
    pub fn io(doing: &str, path: &Utf8Path, cause: io::Error) -> Self {
        Self::new(format!("{doing} `{path}`")).because(cause)
    }

    /// Sets the kind.
    pub fn of_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// Adds the error that led to this one, and takes its kind.
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

    /// The same error with advice: what would be right, or a command to type.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into().into_boxed_str());
        self
    }

    /// The same error of one of several things that were wanted at once: its path among them.
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into().into_boxed_str());
        self
    }

    /// The same error with what its message is about, a line each.
    pub fn with_items(mut self, items: impl IntoIterator<Item = String>) -> Self {
        self.items.extend(items);
        self
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message without its items.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the message is about, a line each.
    pub fn items(&self) -> &[String] {
        &self.items
    }

    /// Which of the things that were wanted at once it is of, if it is of one.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The message and those of the errors that led to it, in one line.
    pub fn with_causes(&self) -> String {
        let mut line = self.message.clone();
        let mut cause = std::error::Error::source(self);
        while let Some(because) = cause {
            line += &format!(": {because}");
            cause = because.source();
        }
        line
    }

    /// The advice, if there is any.
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

/// A failure at no line of an author's, with all that led to it.
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

/// A layout's or reader's error, in the same words.
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

/// An error of the front-end, in the same words.
impl From<authoring::Error> for Error {
    fn from(error: authoring::Error) -> Self {
        let message = error.to_string();
        match error {
            authoring::Error::Read { cause, .. } => Self::new(message).because(cause),
            authoring::Error::Schema { cause, .. } => Self::new(message).because(cause),
        }
    }
}

/// Returns the advice of an error that led to another, if it has any.
pub fn advice_of<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a str> {
    cause
        .downcast_ref::<Error>()
        .and_then(Error::advice)
        .or_else(|| cause.downcast_ref::<disc_layout::Error>().and_then(disc_layout::Error::help))
}

/// An error of a task sequence, in the same words.
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
            (Error::new("held by process 12").of_kind(ErrorKind::Locked), ErrorKind::Locked),
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
