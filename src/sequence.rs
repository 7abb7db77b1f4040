//! Task sequences: the crate [`task_sequence`], and what media and archives carry of them.

pub mod export;
pub mod policy;
pub mod share;

pub use task_sequence::*;
