//! Errors outside of manifests: content that no medium can hold, invalid WIM files, folders that can't be written. Each
//! message names the path and the line of the manifest, and no unfinished file remains.
//!
//! Transcripts are in `tests/it/bad_input/snapshots`. `INSTA_UPDATE=always cargo test --test it bad_input::` rewrites
//! them.

mod content;
mod places;
mod wim;
