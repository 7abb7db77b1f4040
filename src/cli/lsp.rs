//! `tsmedia lsp`: the language server, on standard input and output.

use std::io::{self, BufReader};

use super::{Outcome, project};
use crate::error::Result;
use crate::lsp::{self, Settings};
use crate::progress::Audience;

pub(super) fn run() -> Result<Outcome> {
    let settings =
        Settings { environment: || project::environment(None, Audience::default()), secrets: project::secrets };
    // Not locked: the reading thread is left behind at the end.
    let is_shut_down = lsp::run(settings, BufReader::new(io::stdin()), &mut io::stdout())?;
    Ok(if is_shut_down { Outcome::Done } else { Outcome::Wrong })
}
