//! Output of commands: data to standard output, everything else to standard error, in the width and colours of the
//! terminal. All text is escaped by [`foreign_text`], here or in [`Page`], so that names in foreign files can't control
//! the terminal.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use camino::Utf8Path;
use clap::ColorChoice;
use clap::error::{ContextKind, ContextValue};
use serde_json::Value as Json;
use terminal_size::{Height, Width, terminal_size_of};

use super::{Outcome, bar, signals};
use crate::error::{Error, Result};
use crate::foreign_text;
use crate::problem::{Problem, Problems, Severity};
use crate::progress::{Progress, ProgressReporter};
use crate::report::{self, DocumentKind, Page, TextStyle};
use crate::write;

/// Standard output and standard error of the process, with their widths and colours.
#[derive(Clone)]
pub(super) struct Screen {
    /// `true` with `--json`.
    pub json: bool,
    /// `true` with `--quiet`: only data and errors are printed.
    quiet: bool,
    style: TextStyle,
    is_terminal: bool,
    /// Columns of standard output and standard error, if known.
    widths: [Option<usize>; 2],
    progress: Arc<Progress>,
    /// Set once anything was written to standard output.
    has_data: Arc<AtomicBool>,
    /// Kind of JSON document that the command prints.
    document: DocumentKind,
    /// Problems for the next JSON document.
    problems: Arc<Mutex<Vec<Json>>>,
}

/// Minimum columns of a line; in narrower terminals, the terminal breaks lines.
const MIN_WIDTH: usize = 40;
/// Maximum columns of problems.
const MAX_WIDTH: usize = 120;

/// Returns the lines of a page, wrapped if the width is known.
fn in_width(page: &Page, width: Option<usize>) -> String {
    width.map_or_else(|| page.to_string(), |width| page.wrapped(width))
}

/// Writes to standard error. Errors are ignored: there is no other place to report them.
fn write_stderr(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Prints an error of the command line, with control characters in quoted arguments escaped.
pub(super) fn print_usage_error(mut error: clap::Error) {
    let quoted = error.context().filter_map(|(kind, value)| match value {
        ContextValue::String(text) => {
            Some((kind, foreign_text::line(text).into_owned())).filter(|(_, safe)| safe != text)
        }
        _ => None,
    });
    for (kind, safe) in quoted.collect::<Vec<_>>() {
        error.insert(kind, ContextValue::String(safe));
        // Suggestions quote the argument too, as styled text that can't be escaped here.
        error.remove(ContextKind::Suggested);
    }
    let text = error.render().to_string();
    match foreign_text::lines(&text) {
        // clap decides on colours itself.
        safe if safe == text => drop(error.print()),
        safe => write_stderr(&safe),
    }
}

/// Returns the value of `--color` in arguments that are not parsed yet, for errors and help of the parser itself.
pub(super) fn color_argument(arguments: impl Iterator<Item = OsString>) -> ColorChoice {
    let mut arguments = arguments.map(|argument| argument.to_string_lossy().into_owned()).take_while(|it| it != "--");
    let mut choice = None;
    while let Some(argument) = arguments.next() {
        choice = match argument.strip_prefix("--color") {
            Some("") => arguments.next().and_then(|value| value.parse().ok()),
            Some(value) => value.strip_prefix('=').and_then(|value| value.parse().ok()),
            None => choice,
        };
    }
    choice.unwrap_or_default()
}

/// Returns `true` if text for people has colours. `--color` goes before `NO_COLOR`, which goes before `CLICOLOR_FORCE` and
/// `CLICOLOR` (<https://bixense.com/clicolors/>), as in clap, which prints the help.
fn use_color(choice: ColorChoice, is_terminal: bool, env: impl Fn(&str) -> Option<OsString>) -> bool {
    let is_set = |name| env(name).is_some_and(|value| !value.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if is_set("NO_COLOR") => false,
        ColorChoice::Auto if is_set("CLICOLOR_FORCE") && env("CLICOLOR_FORCE").is_some_and(|value| value != "0") => {
            true
        }
        ColorChoice::Auto => is_terminal && env("CLICOLOR").is_none_or(|value| value != "0"),
    }
}

impl Screen {
    /// Returns the screen of this process.
    pub fn for_process(json: bool, quiet: bool, color: ColorChoice, document: DocumentKind) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        // Without a terminal, COLUMNS sets the width, as it does for the help.
        let columns = || std::env::var("COLUMNS").ok()?.parse::<usize>().ok();
        let of = |size: Option<(Width, Height)>| size.map(|(width, _)| usize::from(width.0)).or_else(columns);
        let widths = [of(terminal_size_of(io::stdout())), of(terminal_size_of(io::stderr()))];
        let widths = widths.map(|width| width.map(|width| width.max(MIN_WIDTH)));
        let style = TextStyle {
            colour: use_color(color, is_terminal && !is_dumb, |name| std::env::var_os(name)),
            unicode: !is_dumb,
            width: widths[1].unwrap_or(TextStyle::default().width).min(MAX_WIDTH),
        };
        let (progress, has_data, problems) = Default::default();
        Self { json, quiet, style, is_terminal, widths, progress, has_data, document, problems }
    }

    /// Returns the progress of the command.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// Returns the columns of standard output, if known.
    pub fn width(&self) -> Option<usize> {
        self.widths[0]
    }

    /// Writes to standard output. A closed pipe is not an error.
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

    /// Prints a page to standard output.
    pub fn print_page(&self, page: &Page) -> Result<Outcome> {
        self.write_data(&in_width(page, self.widths[0]))
    }

    /// Prints a document, such as TOML or SVG. Foreign text in it must be escaped in its own syntax; any control character
    /// left is replaced.
    pub fn print_document(&self, text: &str) -> Result<Outcome> {
        self.write_data(&foreign_text::lines(text))
    }

    /// Prints the result of the command as JSON, with the problems so far.
    pub fn print_json(&self, result: &Json) -> Result<Outcome> {
        let document = report::document(self.document, self.take_problems(), result);
        self.write_data(&foreign_text::json(&format!("{document:#}\n")))
    }

    /// Prints a result as one line of JSON, for commands that print several.
    pub fn print_json_line(&self, result: &Json) -> Result<Outcome> {
        let document = report::document(self.document, self.take_problems(), result);
        self.write_data(&foreign_text::json(&format!("{document}\n")))
    }

    /// Prints JSON in a format of others, without the envelope.
    pub fn print_value(&self, value: &Json) -> Result<Outcome> {
        self.write_data(&foreign_text::json(&format!("{value:#}\n")))
    }

    /// Prints JSON in a format of others as one line.
    pub fn print_value_line(&self, value: &Json) -> Result<Outcome> {
        self.write_data(&foreign_text::json(&format!("{value}\n")))
    }

    fn take_problems(&self) -> Vec<Json> {
        self.problems.lock().map(|mut problems| std::mem::take(&mut *problems)).unwrap_or_default()
    }

    /// Adds problems to the next JSON document, unless it has them already.
    pub fn collect_problems(&self, problems: &Problems) {
        if let Ok(collected) = self.problems.lock().map_err(drop).as_mut() {
            for problem in report::json(problems) {
                if !collected.contains(&problem) {
                    collected.push(problem);
                }
            }
        }
    }

    /// Adds an error to the next JSON document.
    pub fn collect_error(&self, error: &Error) {
        self.collect(Problem::from(error));
    }

    fn collect(&self, problem: Problem) {
        let mut problems = Problems::default();
        problems.add(problem);
        self.collect_problems(&problems);
    }

    /// Prints a line to standard error.
    pub fn status(&self, text: &str) {
        self.status_page(&Page::of_line(text));
    }

    /// Prints a page to standard error.
    pub fn status_page(&self, page: &Page) {
        if !self.quiet {
            self.error_page(page);
        }
    }

    /// Prints a page that belongs to an error, also with `--quiet`.
    pub fn error_page(&self, page: &Page) {
        write_stderr(&in_width(page, self.widths[1]));
    }

    /// Prints problems to standard error and adds them to the JSON document. With `--json`, errors are only in the document.
    pub fn report_problems(&self, problems: &Problems) {
        self.collect_problems(problems);
        if !(self.json && problems.has_errors()) {
            self.print_problems(problems);
        }
    }

    fn print_problems(&self, problems: &Problems) {
        let mut errors = problems.clone();
        if self.quiet {
            errors.keep_errors();
        }
        let problems = &errors;
        write_stderr(&foreign_text::styled(&report::graphical(problems, self.style)));
    }

    /// Prints a warning.
    pub fn print_warning(&self, error: &Error) {
        self.collect(Problem { severity: Severity::Warning, ..Problem::from(error) });
        self.status_page(&report::warning(error));
    }

    /// Warns if an interrupted patch left its journal beside a medium.
    pub fn warn_of_journal(&self, medium: &Utf8Path) {
        if write::has_journal(medium) {
            self.print_warning(
                &Error::new(format!(
                    "an interrupted patch left its journal beside `{medium}`; the medium is read as it is"
                ))
                .help("run `tsmedia apply` with the manifest of the medium to finish or undo the patch"),
            );
        }
    }

    /// Prints an error with its causes and help.
    pub fn print_error(&self, error: &Error) {
        self.collect_error(error);
        self.error_page(&report::failure(error));
    }

    /// Ends the output of a command. With `--json` and no data printed yet, prints a document without a result.
    pub fn finish(&self) {
        let has_problems = || self.problems.lock().is_ok_and(|problems| !problems.is_empty());
        let is_due = self.json && !self.has_data.load(Ordering::Relaxed);
        if is_due && (!matches!(self.document, DocumentKind::Other(_)) || has_problems()) {
            let _ = self.print_json(&Json::Null);
        }
    }

    /// Makes Ctrl-C, SIGTERM and SIGHUP cancel the work instead of killing the process.
    pub fn catch_interrupts(&self) {
        signals::catch(&self.progress);
    }

    /// Returns a reporter that shows long-running work: as a bar on a terminal; elsewhere, as a line for work of minutes.
    pub fn reporter(&self) -> ProgressReporter {
        let screen = self.clone();
        ProgressReporter::new(move |doing, is_long, work| {
            if is_long && !screen.is_terminal {
                screen.status(doing);
            }
            screen.with_progress(doing, work);
        })
    }

    /// Runs `work` and shows its progress. Ctrl-C cancels it.
    pub fn with_progress<T>(&self, doing: &str, work: impl FnOnce(&Progress) -> T) -> T {
        self.catch_interrupts();
        self.progress.start(0);
        self.progress.set_subject("");
        let terminal = (self.is_terminal && !self.quiet).then(|| self.widths[1].unwrap_or(self.style.width));
        bar::with_bar(doing, &self.progress, terminal, |line| self.status(line), work)
    }
}
