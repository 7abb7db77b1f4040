//! What goes wrong outside the manifest: content that no medium can hold, WIM files that are none, folders that can't
//! be written. Each is told with its path and the author's line, and leaves nothing half-made.
//!
//! Transcripts are in `tests/it/bad_input/snapshots`; `INSTA_UPDATE=always cargo test --test it bad_input::` writes them
//! anew.

mod content;
mod places;
mod wim;
