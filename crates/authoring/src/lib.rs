//! Front end for files that authors write or commit: manifests, task sequences and fact files in
//! TOML, and site files in JSON.
//!
//! A text is parsed into a tree with places ([`toml`], [`json`], [`spanned`]); strings are rendered
//! ([`template`]); the result is checked against a JSON Schema ([`schema_errors`]). Every step
//! reports its problems at the author's line, and suggests the intended name ([`suggestions`]).

pub mod conversions;
pub mod dialect;
pub mod doc;
pub mod error;
pub mod file;
pub mod git_lfs;
pub mod inputs;
pub mod json;
pub mod limits;
pub mod merge_conflict;
pub mod mirror;
mod near_miss;
mod nesting;
pub mod problem;
pub mod rule;
pub mod schema;
pub mod schema_errors;
pub mod secret_names;
pub mod secret_ref;
pub mod shell;
pub mod size;
pub mod spanned;
pub mod suggestions;
pub mod template;
mod template_errors;
pub mod toml;
pub mod values;

pub use dialect::Dialect;
pub use error::{Error, Result};
pub use secret_ref::SecretRef;
