//! The `tsmedia` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    tsmedia::cli::main()
}
