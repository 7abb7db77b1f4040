//! `tsmedia lsp`: runs the language server on standard input and output.

use std::io::{self, BufReader};

use clap::Args;

use super::{Outcome, project};
use crate::error::Result;
use crate::lsp::{self, Settings};
use crate::progress::ProgressReporter;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Link hovers to the manual at this address.
    #[arg(long, value_name = "URL")]
    manual: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let settings = Settings {
        environment: || project::environment(None, ProgressReporter::default()),
        secrets: project::secrets,
        manual: arguments.manual.clone(),
    };
    // `Stdin` without its lock: the reading thread still waits for input when the server ends.
    let is_shut_down = lsp::run(settings, BufReader::new(io::stdin()), &mut io::stdout())?;
    Ok(if is_shut_down { Outcome::Done } else { Outcome::ProblemsFound })
}
