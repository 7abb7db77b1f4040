//! Policies of media that carry their task sequence: those that tsmedia writes, and those that a
//! site returned.

mod returned;
mod write;

pub use returned::{ReturnedPolicies, read_returned};
pub use task_sequence::policy::{PROGRAM, Policy, PolicyInstance, TASK_SEQUENCE, read};
pub use write::{needs_site, replace_sequence, write};
