//! Runs a task sequence on a [`Machine`].
//!
//! The semantics are those of Configuration Manager's task sequence engine as its documentation has them: conditions,
//! continue-on-error, restarts, exit codes, the environment that a step needs. What steps do to a computer is the
//! machine's business; what its programs are not known to do, they do with success.
//!
//! Unknown values stay unknown (Kleene's logic of three values). A step whose condition is not known is passed over;
//! the sequence is then run again with that step, and what differs between the runs is not known either.

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
mod work;

pub use crate::started::{Launch, Started};
pub use computer::Computer;
pub use conditions::short_hive;
pub use explore::run;
pub use machine::{Ending, FileState, Found, Machine, Start};
pub use medium::{Content, Medium};
pub use trace::{Alternative, Doubt, Effect, End, Entry, Outcome, Source, Then, Trace, name};
pub use variables::Variables;
pub use wmi::Row;
