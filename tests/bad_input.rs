//! What goes wrong outside the manifest: content that no medium can hold, WIM files that are none, folders that can't
//! be written. Each is told with its path and the author's line, and leaves nothing half-made.
//!
//! Transcripts are in `tests/bad_input/snapshots`; `INSTA_UPDATE=always cargo test --test bad_input` writes them anew.

// Clippy knows tests by their functions; what these call is test as well.
#![allow(clippy::unwrap_used)]

#[path = "bad_input/content.rs"]
mod content;
#[allow(dead_code, reason = "the other tests use the rest")]
#[path = "cli/desk.rs"]
mod desk;
#[path = "bad_input/places.rs"]
mod places;
#[path = "bad_input/wim.rs"]
mod wim;
