//! Asks before finished files are deleted.

use std::io::{self, BufRead, IsTerminal, Write};

use super::screen::Screen;
use crate::apply::Deletion;
use crate::error::{Error, Result};
use crate::report::{self, Page};
use crate::size::Size;

/// Number of files that are listed before the question.
const MAX_LISTED: usize = 10;

/// Command that asks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    Apply,
    /// `destroy`, which has listed the files already.
    Destroy,
}

/// Fails unless the files may be deleted: with `--yes`, or after a yes at the terminal.
pub(super) fn confirm(deletions: &[Deletion], yes: bool, asking: Asking, screen: &Screen) -> Result<()> {
    let Some(first) = deletions.first().filter(|_| !yes) else { return Ok(()) };
    let files = report::counted(deletions.len(), "finished file");
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        let subject = match deletions.len() {
            1 => format!("the finished file `{}`", first.path),
            n => format!("{n} finished files, such as `{}`,", first.path),
        };
        return Err(Error::new(format!("{subject} would be deleted without confirmation; nothing was changed")).help(
            match asking {
                Asking::Apply => "give `--yes` to delete without a question, or apply a saved plan that was reviewed",
                Asking::Destroy => "give `--yes` to delete without a question",
            },
        ));
    }
    if asking == Asking::Apply {
        let mut page = Page::of_line(format!("{files} will be deleted:"));
        deletions.iter().take(MAX_LISTED).for_each(|it| page.line(format!("  {} ({})", it.path, Size(it.len))));
        if deletions.len() > MAX_LISTED {
            page.line(format!("  and {} more", deletions.len() - MAX_LISTED));
        }
        screen.error_page(&page);
    }
    eprint_question("Delete them? [y/N] ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(|error| Error::new("reading the answer").because(error))?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Error::new(format!("{files} would be deleted, which was declined; nothing was changed"))
            .help("to keep a file, move it to another folder, or put it back into the manifest")),
    }
}

/// Prints a question without ending the line.
fn eprint_question(question: &str) {
    let mut out = io::stderr().lock();
    let _ = out.write_all(question.as_bytes()).and_then(|()| out.flush());
}
