//! tsmedia builds task sequence media, the discs that start and deploy Windows where the network cannot,
//! from a manifest in Git.
//!
//! # The pipeline
//!
//! ```text
//! manifest ──► media ──► plan ──► layout ──► write ──► record
//!   what the    what it    what to   where each   the one    what was
//!   author      means,     do, and   byte goes    place that built, and
//!   wrote       by digest  why       (pure)       makes bytes from what
//! ```
//!
//! Each step is one function of the value before it. Reading happens in the first two, writing in the last
//! two; `plan` and `layout` are pure. Every command is a view of one of these values.
//!
//! # The layers
//!
//! A module uses only the layers below its own; `tests/it/layers.rs` holds this table.
//!
//! | layer | modules |
//! |---|---|
//! | command line | `cli`, `lsp`, `report` |
//! | deeds | `apply`, `capture`, `verify`, `gather`, `watch`, `device`, `simulate`, `project`, `import` |
//! | decision | `plan`, `record`, `diff`, `map` |
//! | meaning | `manifest`, `sequence`, `resolve`, `media`, `target` |
//! | bytes | `write`, `patch`, `output`, `format`, `store` |
//! | words | `problem`, `error`, `digest`, `size`, `file_identity`, `foreign_text`, `git_lfs`, `inputs`, `limits`, `merge_conflict`, `progress`, `rule`, `secret`, `shell` |
//!
//! Below all of them is the crate `disc-layout`, whose modules are used as `crate::layout`, `crate::volume` and so on.
//!
//! Below them are crates: [`authoring`], the front-end of all files that authors write, and [`task_sequence`], which knows
//! nothing of media but their kinds.
//!
//! Only `report`, `cli` and `lsp` print, and only `cli` reads the environment, the clock and the terminal.

pub use authoring::{inputs, merge_conflict, problem, rule, shell, size};
pub use disc_layout::{content, date, firmware, layout, source, volume};

pub mod apply;
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
pub mod git_lfs;
pub mod import;
pub mod limits;
pub mod lsp;
pub mod manifest;
pub mod map;
pub mod media;
pub mod output;
pub mod patch;
pub mod plan;
pub mod progress;
pub mod project;
pub mod record;
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
