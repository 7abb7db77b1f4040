//! Task sequences: the crate [`task_sequence`], with archives, deployment shares and policies of
//! media.

pub mod export;
pub mod policy;
pub mod share;

pub use task_sequence::*;
