//! Front-end of the files that authors write or commit: manifests, task sequences and fact files in TOML, site files in
//! JSON.
//!
//! A text becomes a tree with places ([`toml`], [`json`], [`spanned`]); each string is rendered ([`template`]); the result is
//! checked against a JSON Schema ([`schema_errors`]). Every step adds its problems, each at the author's own line and
//! with the name that was probably meant ([`suggestions`]).

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
