//! The language server: what `check` finds while a file is being written, and what can be written.
//!
//! It speaks the Language Server Protocol 3.17 over two streams. Buffers of the editor are read in place of files
//! ([`authoring::file::with_overlay`]), so that the checks are those of `check`. Nothing is written, no secret is
//! fetched by a command, and no content of a medium is read beyond what `check` looks at.
//!
//! Diagnostics come from the parser and the rules. Completion, hovers and definitions have to work in a text that is
//! half written, so they go by a tolerant [scanner](scan) and the schemas.
//!
//! Messages are values of `serde_json`: the server needs about thirty fields of the protocol, and a crate for all of its
//! types would be the largest part of it.

mod checker;
mod completion;
mod diagnostics;
mod hover;
mod navigation;
mod scan;
mod schema;
mod server;
mod sources;
mod symbols;
mod text;
mod transport;
mod uri;
mod variables;

use std::io::{BufRead, Write};

use crate::error::Result;
use crate::project::Environment;
use crate::resolve::secrets::Secrets;

/// What the server takes from its process.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Returns everything outside of manifests that decides what they mean.
    pub environment: fn() -> Result<Environment>,
    /// Returns the secrets of the environment.
    pub secrets: fn() -> Secrets,
}

/// Serves an editor until it ends the server; `true` if it shut it down before.
///
/// # Errors
///
/// Writing to `output` failed.
pub fn run(settings: Settings, input: impl BufRead + Send + 'static, output: &mut impl Write) -> Result<bool> {
    server::run(settings, input, output)
}
