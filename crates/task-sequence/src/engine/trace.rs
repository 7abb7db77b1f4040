//! Trace of a run: what became of each step, in the order of the run.

use super::variables::Variables;
use crate::catalog::Environment;

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
    /// Runs in which steps whose conditions are not known run, too.
    pub alternatives: Vec<Alternative>,
    /// Number of steps whose conditions are not known and of which no alternative was run, since there are too many.
    pub n_unexplored: usize,
}

/// A run in which a step runs whose condition is not known.
#[derive(Clone, Debug)]
pub struct Alternative {
    /// The names of the groups around the step, and its own.
    pub path: Vec<String>,
    /// What is not known.
    pub why: String,
    /// The run. The step is among those that ran.
    pub trace: Trace,
}

/// What happened to a step or group.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place in [`Sequence::walk`](crate::Sequence::walk).
    pub step: usize,
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
    /// It is not known whether it runs. The run goes on without it.
    Unknown(
        /// What is not known, and which fact would tell.
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
    /// The value of a variable is not known from here on.
    Forget {
        /// Its name.
        name: String,
        /// What is not known, and which fact would tell.
        why: String,
    },
    /// Something about it is not known.
    Open {
        /// What is not known, and which fact would tell.
        why: String,
        /// What of the run depends on it.
        of: Doubt,
    },
    /// What it does depends on whether another step runs, which is not known.
    Depends {
        /// The other step.
        on: String,
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

/// What of a run depends on something that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Its end.
    End,
    /// Its content.
    Content,
    /// Nothing that no fact can settle.
    Rest,
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
