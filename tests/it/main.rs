//! Integration tests of the library and the program.

// Clippy knows tests by their functions; what these call is test as well.
#![allow(clippy::unwrap_used)]

mod bad_input;
mod boot;
mod boot_files;
mod build_cost;
mod certificates;
mod check_readers;
mod circles;
mod cli;
mod comment;
mod contents;
mod deterministic;
mod diagnostics;
mod docs;
mod editors;
mod examples;
mod fat;
mod fixtures;
mod iso_memory;
mod iso_readers;
mod language;
mod layers;
mod lsp;
mod manifest_mutations;
mod manifest_values;
mod output_schemas;
mod patched;
mod pipelines;
mod reference_pages;
mod remote;
mod scripting_reference;
mod wim;
