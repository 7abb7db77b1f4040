//! Runs `git` in repositories that may come from anyone: no hook, file system monitor or external diff runs.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::thread;

use camino::Utf8Path;

use crate::error::{Error, Result};

/// Settings of every call.
const SETTINGS: [&str; 6] =
    ["--no-optional-locks", "--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"];
/// Environment variables that would make Git work on another repository, or run other programs.
const UNSET: [&str; 10] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_EXTERNAL_DIFF",
    "GIT_DIFF_OPTS",
    "GIT_LITERAL_PATHSPECS",
    "GIT_TRACE",
];

/// Returns a call of Git in a folder.
pub fn command(folder: &Utf8Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    if folder != "" {
        command.arg("-C").arg(folder);
    }
    command.args(SETTINGS).args(arguments);
    for name in UNSET {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").env("GIT_PAGER", "cat");
    command
}

/// Runs a command without input.
pub fn run(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().map_err(not_started)
}

/// Runs a command with an input.
pub fn run_with(command: &mut Command, input: Vec<u8>) -> Result<Output> {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(not_started)?;
    let stdin = child.stdin.take();
    thread::scope(|scope| {
        // A failure shows in the exit status.
        scope.spawn(move || stdin.is_some_and(|mut stdin| stdin.write_all(&input).is_ok()));
        child.wait_with_output().map_err(|error| Error::new("running `git`").because(error))
    })
}

fn not_started(error: std::io::Error) -> Error {
    Error::new("`git` can't be started").because(error).help("install Git: `--base` reads the base from it")
}
