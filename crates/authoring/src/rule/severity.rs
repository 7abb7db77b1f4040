//! Severity of a rule, and of the problems that break it.

use std::fmt;

/// How serious a problem is; errors stop the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing is built before it is fixed.
    Error,
    /// The medium can be built; the author probably did not mean it.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// All severities, the most serious first.
    pub const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Note];

    /// Returns the severity as a word: `error`, `warning` or `note`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.word())
    }
}
