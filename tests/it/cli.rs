//! The program as users see it: transcripts of commands, and the files that they leave.
//!
//! Transcripts are in `tests/it/cli/snapshots`. After an intended change, `INSTA_UPDATE=always cargo test --test it
//! cli::` rewrites them; review them before you commit.

mod base;
mod boot_image;
mod boot_store;
mod bounds;
mod build;
mod cache;
mod capture;
mod capture_volumes;
mod captured;
mod carried;
mod certificates;
mod completions;
mod data;
mod deletions;
mod diff;
mod fit;
mod foreign;
mod hostile;
mod html;
mod import;
mod inside;
mod interrupt;
mod large_files;
mod layout;
mod library;
mod lock;
mod man_pages;
mod manifests;
mod medium;
mod output_options;
mod outputs;
mod policies;
mod prestaged;
mod prestart;
mod prompt;
mod reasons;
mod records;
mod renames;
mod saved;
mod secrets;
mod secure_boot;
mod sequence;
mod sets;
mod several_manifests;
mod shared_cache;
mod simulate;
mod site_files;
mod solid;
mod speech;
mod toolkit;
mod watch;
mod write;
mod wrong_files;
