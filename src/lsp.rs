//! Language server: diagnostics, completion, hovers, definitions, references and quick fixes.
//!
//! Speaks the Language Server Protocol 3.17 over two streams. Buffers of the editor are read in place of files
//! ([`authoring::file::with_overlay`]), so diagnostics are those of `check`. The server writes no files, runs no commands
//! to fetch secrets, and reads no content of media that `check` does not read.
//!
//! Diagnostics come from the parser and the rules. Completion, hovers and definitions must work in half-written text, so
//! they use a tolerant [scanner](scan) and the schemas.
//!
//! Messages are values of `serde_json`: the server needs about thirty fields of the protocol, and a crate with all types
//! would be larger than the server.

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

/// The server's access to the environment of its process, and its options.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Returns the settings that affect how manifests are resolved.
    pub environment: fn() -> Result<Environment>,
    /// Returns the secrets of the environment.
    pub secrets: fn() -> Secrets,
    /// Address of the manual that hovers link to.
    pub manual: Option<String>,
}

/// Serves an editor until it sends `exit` or closes the input. Returns `true` if it sent `shutdown` before.
///
/// # Errors
///
/// Writing to `output` failed.
pub fn run(settings: Settings, input: impl BufRead + Send + 'static, output: &mut impl Write) -> Result<bool> {
    server::run(settings, input, output)
}
