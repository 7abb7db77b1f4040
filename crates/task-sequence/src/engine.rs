//! Engine that runs a task sequence on a [`Machine`].
//!
//! It follows the documentation of Configuration Manager's task sequence engine: conditions,
//! continue-on-error, restarts, exit codes, and the environment that a step needs. The machine
//! decides what steps do to the computer; programs without known results succeed.
//!
//! Unknown values stay unknown (Kleene's three-valued logic). A step with an unknown condition is
//! skipped; the sequence is then run again with that step, and everything that differs between the
//! runs becomes unknown.

mod actions;
mod computer;
mod conditions;
mod content;
mod dynamic;
mod explore;
mod machine;
mod medium;
mod readiness;
mod run;
mod start;
mod state;
mod trace;
mod variables;
mod wmi;

pub use crate::start_source::{LaunchDevice, StartSource};
pub use computer::Computer;
pub use conditions::short_hive;
pub use explore::run;
pub use machine::{FileState, Lookup, Machine, ProgramResult, StartState};
pub use medium::{Medium, MediumContent};
pub use trace::{
    AfterFailure, Alternative, ContentSource, Effect, Outcome, SequenceEnd, Trace, TraceEntry, Uncertainty,
    environment_name,
};
pub use variables::Variables;
pub use wmi::WmiRow;
