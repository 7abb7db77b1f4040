//! Where a command speaks: data to standard output, all else to standard error, as wide and as colourful as the
//! terminal takes it. All of it passes [`foreign_text`] here or on a [`Page`], so nothing else is ever printed raw.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use camino::Utf8Path;
use clap::error::{ContextKind, ContextValue};
use terminal_size::{Height, Width, terminal_size_of};

use super::{Outcome, bar, signals};
use crate::error::{Error, Result};
use crate::foreign_text;
use crate::problem::{Problem, Problems};
use crate::progress::{Audience, Progress};
use crate::report::{self, Look, Page};
use crate::write;

/// Standard output and standard error, and what they can show.
#[derive(Clone)]
pub(super) struct Screen {
    /// Whether the user asked for JSON.
    pub json: bool,
    look: Look,
    is_terminal: bool,
    /// The columns of standard output and of standard error, where they are known.
    widths: [Option<usize>; 2],
    progress: Arc<Progress>,
    /// Set once anything was printed as data.
    has_data: Arc<AtomicBool>,
}

/// Text in lines that would be narrower than this is for the terminal to break.
const MIN_WIDTH: usize = 40;
/// Problems are not wider than this.
const MAX_WIDTH: usize = 120;

/// The lines of a page, broken where it is known how wide they may be.
fn in_width(page: &Page, width: Option<usize>) -> String {
    width.map_or_else(|| page.to_string(), |width| page.wrapped(width))
}

/// Writes to standard error.
fn say_raw(text: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Says what is wrong with the command line. Of what it quotes, nothing controls the terminal.
pub(super) fn say_usage(mut error: clap::Error) {
    let quoted = error.context().filter_map(|(kind, value)| match value {
        ContextValue::String(text) => {
            Some((kind, foreign_text::line(text).into_owned())).filter(|(_, safe)| safe != text)
        }
        _ => None,
    });
    for (kind, safe) in quoted.collect::<Vec<_>>() {
        error.insert(kind, ContextValue::String(safe));
        // Tips quote the same, in a form that can't be looked into.
        error.remove(ContextKind::Suggested);
    }
    let text = error.render().to_string();
    match foreign_text::lines(&text) {
        // In colour, if there may be any.
        safe if safe == text => drop(error.print()),
        safe => say_raw(&safe),
    }
}

impl Screen {
    /// The screen of this process.
    pub fn of_process(json: bool) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        // As in the help: of what is no terminal, COLUMNS says how wide it is.
        let columns = || std::env::var("COLUMNS").ok()?.parse::<usize>().ok();
        let of = |size: Option<(Width, Height)>| size.map(|(width, _)| usize::from(width.0)).or_else(columns);
        let widths = [of(terminal_size_of(io::stdout())), of(terminal_size_of(io::stderr()))];
        let widths = widths.map(|width| width.map(|width| width.max(MIN_WIDTH)));
        let look = Look {
            colour: is_terminal && !is_dumb && !is_set("NO_COLOR"),
            unicode: !is_dumb,
            width: widths[1].unwrap_or(Look::default().width).min(MAX_WIDTH),
        };
        Self { json, look, is_terminal, widths, progress: Arc::default(), has_data: Arc::default() }
    }

    /// How far the command has come.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// The columns of standard output, where they are known.
    pub fn width(&self) -> Option<usize> {
        self.widths[0]
    }

    /// Writes to standard output. A reader that has seen enough is no failure.
    fn write_data(&self, text: &str) -> Result<Outcome> {
        self.has_data.store(true, Ordering::Relaxed);
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::new("writing to standard output").because(error))
            }
            _ => Ok(Outcome::Done),
        }
    }

    /// Prints data for people.
    pub fn data(&self, page: &Page) -> Result<Outcome> {
        self.write_data(&in_width(page, self.widths[0]))
    }

    /// Prints a document in a language of its own, such as TOML or SVG. What is foreign in it is escaped as that language
    /// does it; what is not is shown as an escape.
    pub fn document(&self, text: &str) -> Result<Outcome> {
        self.write_data(&foreign_text::lines(text))
    }

    /// Prints a value as JSON.
    pub fn json(&self, value: &serde_json::Value) -> Result<Outcome> {
        self.write_data(&foreign_text::json(&format!("{value:#}\n")))
    }

    /// Prints one of many values as a line of JSON.
    pub fn json_line(&self, value: &serde_json::Value) -> Result<Outcome> {
        self.write_data(&foreign_text::json(&format!("{value}\n")))
    }

    /// Says a line.
    pub fn say(&self, text: &str) {
        self.say_page(&Page::of_line(text));
    }

    /// Says lines.
    pub fn say_page(&self, page: &Page) {
        say_raw(&in_width(page, self.widths[1]));
    }

    /// Says what is wrong with manifests, if anything is.
    pub fn problems(&self, problems: &Problems) {
        say_raw(&foreign_text::styled(&report::graphical(problems, self.look)));
    }

    /// Says what is not as it should be, and goes on.
    pub fn warning(&self, error: &Error) {
        self.say_page(&report::warning(error));
    }

    /// Tells of the journal that a patch left beside a medium which is whole under its name.
    pub fn tell_of_journal(&self, medium: &Utf8Path) {
        if write::has_journal(medium) {
            self.warning(
                &Error::new(format!(
                    "the journal of a patch is beside `{medium}`, which has its name and is read as it is"
                ))
                .help("`tsmedia apply MANIFEST`, with the manifest that makes the medium, removes the journal"),
            );
        }
    }

    /// Says why the command failed.
    pub fn error(&self, error: &Error) {
        self.say_page(&report::failure(error));
    }

    /// Says why the command failed, also as data if that was asked for and nothing was printed: who reads the JSON of a
    /// command that failed finds an error in it.
    pub fn failed(&self, error: &Error) {
        self.error(error);
        if self.json && !self.has_data.load(Ordering::Relaxed) {
            let mut problems = Problems::default();
            problems.add(Problem::from(error));
            let _ = self.json(&report::json(&problems));
        }
    }

    /// From now on Ctrl-C, SIGTERM and SIGHUP ask for an end instead of making one.
    pub fn heed_interrupt(&self) {
        signals::heed(&self.progress);
    }

    /// Whoever shows long deeds among others: where there is no bar, a line says what takes minutes.
    pub fn audience(&self) -> Audience {
        let screen = self.clone();
        Audience::new(move |doing, is_long, deed| {
            if is_long && !screen.is_terminal {
                screen.say(doing);
            }
            screen.watch(doing, deed);
        })
    }

    /// Does a long deed, showing how far it has come. Ctrl-C asks it to stop.
    pub fn watch<T>(&self, doing: &str, deed: impl FnOnce(&Progress) -> T) -> T {
        self.heed_interrupt();
        self.progress.start(0);
        self.progress.on("");
        let terminal = self.is_terminal.then(|| self.widths[1].unwrap_or(self.look.width));
        bar::watch(doing, &self.progress, terminal, |line| self.say(line), deed)
    }
}
