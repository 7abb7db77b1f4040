//! README and `docs/` can be trusted: commands run and print what the pages show, manifests are valid, links resolve.
//!
//! Pages are plain Markdown with a few conventions:
//!
//! - ` ```console `: a line `tsmedia …` is run and must succeed. A line `$ …` is run, and the lines after it are its
//!   output, compared whole. Other lines (`bash …`, `cargo …`) are for readers only.
//! - ` ```console fails `: the commands must fail.
//! - `<!-- run: … -->` runs a command that readers don't see, such as one that puts a stand-in in its place.
//! - `<!-- file: PATH -->` writes the next block to a file. Manifests and task sequences are checked right away, and
//!   must be valid; those of `<!-- file with mistakes: PATH -->` must not.
//! - Other `toml` blocks are fragments, and validated against the schema of their kind.
//!
//! The blocks of a page run in order, in a folder with the examples, their images and the schemas.
//! `UPDATE=1 cargo test --test it -- docs::` rewrites the outputs; `PAGE=guides/capture` limits a run to pages whose
//! path contains the text.

mod commands;
mod links;
mod manifests;
mod messages;
mod page;
mod prose;
mod site_files;
