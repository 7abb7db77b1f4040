//! Runs a task sequence on a [`Machine`].
//!
//! The semantics are those of Configuration Manager's task sequence engine as its documentation has them: conditions,
//! continue-on-error, restarts, exit codes, the environment that a step needs. What steps do to a computer is the
//! machine's business; what its programs are not known to do, they do with success.

mod conditions;
mod machine;
mod medium;
mod run;
mod variables;

use crate::catalog::Environment;

pub use conditions::short_hive;
pub use machine::{Computer, Ending, FileState, Machine, Start};
pub use medium::{Content, Launch, Medium, Started};
pub use run::run;
pub use variables::Variables;

/// What happened.
#[derive(Clone, Debug)]
pub struct Trace {
    /// What happened to each step, in the order of the run. A step that is tried again is there again.
    pub entries: Vec<Entry>,
    /// How the sequence ended.
    pub end: End,
    /// The variables at the end.
    pub variables: Variables,
    /// The system that ran at the end.
    pub environment: Environment,
}

/// What happened to a step or group.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The names of the groups around it, and its own.
    pub path: Vec<String>,
    /// Whether it is a group.
    pub is_group: bool,
    /// The system in which it stood.
    pub environment: Environment,
    /// How it ended.
    pub outcome: Outcome,
    /// What else it did, in its order.
    pub effects: Vec<Effect>,
}

impl Entry {
    /// Its own name.
    pub fn name(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }
}

/// How a step or group ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did what it should; of a group, that it was entered.
    Ran {
        /// The exit code, of a step that runs a program of the author's.
        exit_code: Option<i64>,
    },
    /// It was passed over.
    Skipped(
        /// Why.
        String,
    ),
    /// It failed.
    Failed {
        /// Why.
        why: String,
        /// Where the sequence goes on.
        then: Then,
    },
}

/// Where a sequence goes on after a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// With what follows: the step itself continues on error.
    Next,
    /// Behind the group of this name, which continues on error.
    Behind(String),
    /// Nowhere: no group around it continues on error, or the failure is of a kind that ends every sequence.
    End,
}

/// What a step did besides ending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A variable got a value.
    Set {
        /// Its name.
        name: String,
        /// Its value; nothing if it is deleted.
        value: Option<String>,
    },
    /// The computer restarted.
    Restart {
        /// Into which system.
        into: Environment,
        /// Why.
        why: String,
    },
    /// Content was needed.
    Content {
        /// The package ID, or the name of an application.
        id: String,
        /// Where it came from.
        from: Source,
    },
    /// It was tried again.
    Retry {
        /// Why.
        why: String,
    },
}

/// Where content comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The medium.
    Medium,
    /// A distribution point.
    Network,
}

/// How a sequence ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// All its steps were done with.
    Success,
    /// A failure ended it.
    Failure {
        /// The step.
        step: String,
        /// Why.
        why: String,
    },
}

/// The system's name in messages and fact files.
pub fn name(environment: Environment) -> &'static str {
    match environment {
        Environment::WindowsPe => "Windows PE",
        Environment::FullOs => "full OS",
        Environment::Any => "any system",
    }
}
