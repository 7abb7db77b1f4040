//! What users see: whole transcripts of the real program, and what it leaves behind.
//!
//! Transcripts are in `tests/cli/snapshots`. After a change that is meant, `INSTA_UPDATE=always cargo test --test cli`
//! writes them anew; read them before they are committed.

// Clippy knows tests by their functions; what these call is test as well.
#![allow(clippy::unwrap_used)]

#[path = "cli/archive.rs"]
mod archive;
#[allow(dead_code, reason = "the tests of the format use the rest")]
#[path = "certificates/authority.rs"]
mod authority;
#[path = "cli/boot_image.rs"]
mod boot_image;
#[path = "cli/boot_store.rs"]
mod boot_store;
#[path = "cli/bounds.rs"]
mod bounds;
#[path = "cli/build.rs"]
mod build;
#[path = "cli/cache.rs"]
mod cache;
#[path = "cli/capture.rs"]
mod capture;
#[path = "cli/capture_volumes.rs"]
mod capture_volumes;
#[path = "cli/captured.rs"]
mod captured;
#[path = "cli/carried.rs"]
mod carried;
#[path = "cli/certificates.rs"]
mod certificates;
#[path = "cli/data.rs"]
mod data;
#[allow(dead_code, reason = "the other tests use the rest")]
#[path = "cli/desk.rs"]
mod desk;
#[path = "cli/diff.rs"]
mod diff;
#[path = "cli/fit.rs"]
mod fit;
#[path = "cli/foreign.rs"]
mod foreign;
#[path = "cli/hostile.rs"]
mod hostile;
#[path = "cli/interrupt.rs"]
mod interrupt;
#[path = "cli/large_files.rs"]
mod large_files;
#[path = "cli/layout.rs"]
mod layout;
#[path = "cli/manifests.rs"]
mod manifests;
#[path = "cli/medium.rs"]
mod medium;
#[path = "cli/outputs.rs"]
mod outputs;
#[path = "cli/prestaged.rs"]
mod prestaged;
#[allow(dead_code, clippy::duplicate_mod, reason = "the unit tests use the rest, and another test has it too")]
#[path = "../src/format/pe/made.rs"]
mod program;
#[path = "cli/prompt.rs"]
mod prompt;
#[path = "cli/reasons.rs"]
mod reasons;
#[path = "cli/saved.rs"]
mod saved;
#[path = "cli/secrets.rs"]
mod secrets;
#[path = "cli/secure_boot.rs"]
mod secure_boot;
#[path = "cli/sequence.rs"]
mod sequence;
#[path = "cli/sets.rs"]
mod sets;
#[allow(dead_code, reason = "the unit tests use the rest")]
#[path = "../src/format/authenticode/made.rs"]
mod signers;
#[path = "cli/simulate.rs"]
mod simulate;
#[path = "cli/solid.rs"]
mod solid;
#[path = "cli/speech.rs"]
mod speech;
#[path = "cli/watch.rs"]
mod watch;
#[path = "cli/write.rs"]
mod write;
#[path = "cli/wrong_files.rs"]
mod wrong_files;
