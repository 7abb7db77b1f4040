//! Builds Configuration Manager task sequence media, which start and deploy Windows, from a manifest in Git.
//!
//! # Pipeline
//!
//! ```text
//! media.toml ──load──► Rendered ──resolve──► Target ──plan──► Plan ──apply──► file ──► record
//!              manifest           resolve     target   plan         apply      write     record
//!              authoring                                            layout
//! ```
//!
//! [`project::Project`] is the entry point. Each step is a function of the value before it: the first two read files, the
//! last two write them. `docs/contributing/architecture.md` describes the steps, and follows a file and a variable
//! through them.
//!
//! # Layers
//!
//! A module uses only modules of its own layer and the layers below it; `tests/it/layers.rs` checks this table.
//!
//! | layer | modules |
//! |---|---|
//! | command line | `cli`, `lsp`, `report` |
//! | deeds | `apply`, `attestation`, `baseline`, `capture`, `verify`, `gather`, `watch`, `device`, `simulate`, `project`, `import`, `remote` |
//! | decision | `plan`, `record`, `diff`, `map` |
//! | meaning | `manifest`, `sequence`, `resolve`, `media`, `target` |
//! | bytes | `write`, `patch`, `output`, `format`, `store` |
//! | words | `bounded_command`, `problem`, `error`, `digest`, `size`, `file_identity`, `foreign_text`, `git`, `git_lfs`, `inputs`, `limits`, `merge_conflict`, `paths`, `progress`, `rule`, `secret`, `shell` |
//!
//! Below them are three crates, some of whose modules are re-exported here, such as `crate::layout` and `crate::problem`:
//!
//! - [`disc_layout`]: layouts of discs, volumes and partition tables;
//! - [`authoring`]: TOML with spans, templates, problems and rules, for all files that authors write;
//! - [`task_sequence`]: task sequence files, their XML, rules and simulation.
//!
//! Only `report`, `cli` and `lsp` format output, and only `cli` reads the environment, the clock and the terminal.

pub use authoring::{inputs, merge_conflict, problem, rule, shell, size};
pub use disc_layout::{content, date, firmware, layout, source, volume};

pub mod apply;
pub mod attestation;
pub mod baseline;
mod bounded_command;
pub mod capture;
pub mod cli;
pub mod device;
pub mod diff;
pub mod digest;
pub mod error;
pub mod file_identity;
pub mod foreign_text;
pub mod format;
pub mod gather;
pub mod git;
pub mod git_lfs;
pub mod import;
pub mod limits;
pub mod lsp;
pub mod manifest;
pub mod map;
pub mod media;
pub mod output;
pub mod patch;
pub mod paths;
pub mod plan;
pub mod progress;
pub mod project;
pub mod record;
pub mod remote;
pub mod report;
pub mod resolve;
pub mod secret;
pub mod sequence;
pub mod simulate;
pub mod store;
pub mod target;
pub mod verify;
pub mod watch;
pub mod write;
