//! Where a command speaks: data to standard output, all else to standard error, as wide and as colourful as the
//! terminal takes it.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Outcome;
use crate::error::{Error, Result};
use crate::problem::{Problem, Problems};
use crate::progress::{Audience, Progress};
use crate::report::{self, Look};

/// Standard output and standard error, and what they can show.
#[derive(Clone)]
pub(super) struct Screen {
    /// Whether the user asked for JSON.
    pub json: bool,
    look: Look,
    is_terminal: bool,
    progress: Arc<Progress>,
    /// Whether anything was printed as data.
    has_data: Arc<AtomicBool>,
}

/// How often a progress bar is drawn anew.
const FRAME: Duration = Duration::from_millis(100);

impl Screen {
    /// The screen of this process.
    pub fn of_process(json: bool) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let width = terminal_size::terminal_size_of(io::stderr()).map_or(100, |(width, _)| usize::from(width.0));
        let look = Look {
            colour: is_terminal && !is_dumb && !is_set("NO_COLOR"),
            unicode: !is_dumb,
            width: width.clamp(40, 120),
        };
        Self { json, look, is_terminal, progress: Arc::default(), has_data: Arc::default() }
    }

    /// How far the command has come.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// Prints data. A reader that has seen enough is no failure.
    pub fn data(&self, text: &str) -> Result<Outcome> {
        self.has_data.store(true, Ordering::Relaxed);
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::new("writing to standard output").because(error))
            }
            _ => Ok(Outcome::Done),
        }
    }

    /// Prints a value as JSON.
    pub fn json(&self, value: &serde_json::Value) -> Result<Outcome> {
        self.data(&format!("{value:#}\n"))
    }

    /// Prints one of many values as a line of JSON.
    pub fn json_line(&self, value: &serde_json::Value) -> Result<Outcome> {
        self.data(&format!("{value}\n"))
    }

    /// Says a line.
    pub fn say(&self, text: &str) {
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Says what is wrong with manifests, if anything is.
    pub fn problems(&self, problems: &Problems) {
        let _ = write!(io::stderr(), "{}", report::graphical(problems, self.look));
    }

    /// Says what is not as it should be, and goes on.
    pub fn warning(&self, error: &Error) {
        let _ = write!(io::stderr(), "{}", report::failure(error).replacen("error:", "warning:", 1));
    }

    /// Says why the command failed.
    pub fn error(&self, error: &Error) {
        let _ = write!(io::stderr(), "{}", report::failure(error));
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

    /// From now on Ctrl-C asks for an end instead of making one.
    pub fn heed_interrupt(&self) {
        let progress = Arc::clone(&self.progress);
        // A second handler in one process is refused; the first one does the same.
        let _ = ctrlc::set_handler(move || progress.cancel());
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
        if !self.is_terminal {
            return deed(&self.progress);
        }
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}") {
            bar.set_style(style);
        }
        bar.set_message(doing.to_owned());
        let is_done = AtomicBool::new(false);
        let result = thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Ordering::Acquire) {
                    let (done, total) = self.progress.state();
                    if total > 0 {
                        bar.set_length(total);
                        bar.set_position(done);
                    }
                    thread::park_timeout(FRAME);
                }
            });
            let result = deed(&self.progress);
            is_done.store(true, Ordering::Release);
            result
        });
        bar.finish_and_clear();
        result
    }
}
