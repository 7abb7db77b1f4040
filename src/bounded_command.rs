//! Runs commands whose output is bounded, such as those that sign or keep credentials.

use std::io::{self, Read as _, Write as _};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use zeroize::Zeroizing;

/// Runs a command with an input. Returns its exit status and its standard output, which is wiped from memory when dropped;
/// `None` if that has more than `max_len` bytes, and the command was ended.
///
/// # Errors
///
/// If the command can't be started, or its output can't be read.
pub fn run(
    command: &mut Command,
    input: &[u8],
    max_len: usize,
) -> io::Result<Option<(ExitStatus, Zeroizing<Vec<u8>>)>> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (printed, is_long) = thread::scope(|scope| {
        // A command that does not read its input shows in its output or exit status.
        scope.spawn(move || stdin.is_some_and(|mut stdin| stdin.write_all(input).is_ok()));
        let mut printed = Zeroizing::new(Vec::new());
        let limit = max_len as u64 + 1;
        let read = stdout.map_or(Ok(0), |stdout| stdout.take(limit).read_to_end(&mut printed));
        let is_long = printed.len() > max_len;
        if is_long || read.is_err() {
            // It may go on printing, and never read its input.
            let _ = child.kill();
        }
        (read.map(|_| printed), is_long)
    });
    let status = child.wait()?;
    let printed = printed?;
    Ok((!is_long).then_some((status, printed)))
}
