//! Trace of a run: the outcome of each step, in the order of the run.

use super::variables::Variables;
use crate::catalog::Environment;

/// Trace of a run.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Entries of steps and groups in the order of the run. A step that runs several times has
    /// several entries.
    pub entries: Vec<TraceEntry>,
    /// End of the task sequence.
    pub end: SequenceEnd,
    /// Variables at the end.
    pub variables: Variables,
    /// System that runs at the end.
    pub environment: Environment,
    /// Runs with steps whose conditions are unknown.
    pub alternatives: Vec<Alternative>,
    /// Number of steps with unknown conditions for which no alternative was run, since there are
    /// too many.
    pub n_unexplored: usize,
}

/// Run with a step whose condition is unknown.
#[derive(Clone, Debug)]
pub struct Alternative {
    /// Names of the groups around the step, and of the step itself.
    pub path: Vec<String>,
    /// Reason why the condition is unknown.
    pub why: String,
    /// Trace of the run, in which the step runs.
    pub trace: Trace,
}

/// Step or group in a trace.
#[derive(Clone, Debug)]
pub struct TraceEntry {
    /// Index in [`Sequence::walk`](crate::Sequence::walk).
    pub step: usize,
    /// Names of the groups around it, and its own.
    pub path: Vec<String>,
    /// Tells whether it is a group.
    pub is_group: bool,
    /// System that was running.
    pub environment: Environment,
    /// Outcome of the step or group.
    pub outcome: Outcome,
    /// Effects in order.
    pub effects: Vec<Effect>,
}

impl TraceEntry {
    /// Returns the name of the step or group.
    pub fn name(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }
}

/// Outcome of a step or group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Succeeded, or, for a group, was entered.
    Ran {
        /// Exit code, for a step that runs a program of the author.
        exit_code: Option<i64>,
    },
    /// Skipped.
    Skipped(
        /// Reason.
        String,
    ),
    /// May or may not run. The run continues without it.
    Unknown(
        /// Unknown part, and the fact to add.
        String,
    ),
    /// Failed.
    Failed {
        /// Reason.
        why: String,
        /// Point at which the sequence continues.
        then: AfterFailure,
    },
}

/// Point at which a sequence continues after a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// Next step: the failed step continues on error.
    Next,
    /// After the group of this name, which continues on error.
    AfterGroup(String),
    /// Nowhere: no group around the step continues on error, or the failure is fatal.
    End,
}

/// Effect of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Sets a variable.
    Set {
        /// Name of the variable.
        name: String,
        /// Value; `None` if the variable is deleted.
        value: Option<String>,
    },
    /// Makes the value of a variable unknown.
    Forget {
        /// Name of the variable.
        name: String,
        /// Unknown part, and the fact to add.
        why: String,
    },
    /// Leaves something about the step unknown.
    Open {
        /// Unknown part, and the fact to add.
        why: String,
        /// Part of the run that depends on it.
        of: Uncertainty,
    },
    /// Depends on whether another step runs, which is unknown.
    Depends {
        /// Name of the other step.
        on: String,
    },
    /// Restarts the computer.
    Restart {
        /// System that is started.
        into: Environment,
        /// Reason.
        why: String,
    },
    /// Uses content.
    Content {
        /// Package ID, or name of an application.
        id: String,
        /// Source of the content.
        from: ContentSource,
    },
    /// Runs the step again.
    Retry {
        /// Reason.
        why: String,
    },
}

/// Part of a run that depends on something unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncertainty {
    /// End of the step.
    End,
    /// Content of the step.
    Content,
    /// Anything else, which no fact can settle.
    Rest,
}

/// Source of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContentSource {
    /// Medium.
    Medium,
    /// Distribution point.
    Network,
}

/// End of a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SequenceEnd {
    /// All steps were completed.
    Success,
    /// A failure ended the sequence.
    Failure {
        /// Names of the groups around the failed step, and of the step itself.
        step: String,
        /// Reason.
        why: String,
    },
}

/// Returns the name of a system for messages and fact files.
pub fn environment_name(environment: Environment) -> &'static str {
    match environment {
        Environment::WindowsPe => "Windows PE",
        Environment::FullOs => "full OS",
        Environment::Any => "any system",
    }
}
