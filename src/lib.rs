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
//! | command line | `cli`, `report` |
//! | deeds | `apply`, `capture`, `verify`, `gather`, `watch`, `device`, `simulate` |
//! | decision | `plan`, `record`, `diff`, `map` |
//! | meaning | `manifest`, `sequence`, `resolve`, `media` |
//! | bytes | `write`, `patch`, `output`, `format`, `volume`, `layout`, `source`, `content`, `store` |
//! | words | `authoring`, `problem`, `error`, `digest`, `size`, `date`, `file_identity`, `firmware`, `foreign_text`, `git_lfs`, `inputs`, `limits`, `merge_conflict`, `progress`, `rule`, `secret`, `shell` |
//!
//! Only `report` and `cli` print, and only `cli` reads the environment, the clock and the terminal.

pub mod apply;
pub mod authoring;
pub mod capture;
pub mod cli;
pub mod content;
pub mod date;
pub mod device;
pub mod diff;
pub mod digest;
pub mod error;
pub mod file_identity;
pub mod firmware;
pub mod foreign_text;
pub mod format;
pub mod gather;
pub mod git_lfs;
pub mod inputs;
pub mod layout;
pub mod limits;
pub mod manifest;
pub mod map;
pub mod media;
pub mod merge_conflict;
pub mod output;
pub mod patch;
pub mod plan;
pub mod problem;
pub mod progress;
pub mod record;
pub mod report;
pub mod resolve;
pub mod rule;
pub mod secret;
pub mod sequence;
pub mod shell;
pub mod simulate;
pub mod size;
pub mod source;
pub mod store;
pub mod verify;
pub mod volume;
pub mod watch;
pub mod write;
