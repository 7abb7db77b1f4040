//! Shows how far long work has come: a bar on a terminal, and elsewhere a line now and then, for logs.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::foreign_text;
use crate::progress::Progress;
use crate::size::Size;

/// Time between two looks at the work.
const FRAME: Duration = Duration::from_millis(100);
/// Time between two lines, and before the first.
const LINE: Duration = Duration::from_secs(30);
/// Speed is that of so much time; before a part of it has passed, none is told.
const WINDOW: Duration = Duration::from_secs(15);
const MIN_WINDOW: Duration = Duration::from_secs(2);
/// Columns in which speed finds room, too.
const WITH_SPEED: usize = 100;
/// Columns that are left to the bar itself.
const BAR: usize = 12;

/// Does long work and shows how far it has come: on a terminal of so many columns, or in lines that `say` says.
pub(super) fn watch<T>(
    doing: &str,
    progress: &Progress,
    terminal: Option<usize>,
    say: impl Fn(&str) + Sync,
    work: impl FnOnce(&Progress) -> T,
) -> T {
    let bar = terminal.map(|width| (bar(), width));
    let is_done = AtomicBool::new(false);
    let result = thread::scope(|scope| {
        let shown = scope.spawn(|| {
            let mut pace = Pace::default();
            let mut next_line = Instant::now() + LINE;
            while !is_done.load(Ordering::Acquire) {
                let now = Instant::now();
                let (done, total) = progress.state();
                pace.note(now, done, total);
                let subject = progress.subject();
                match &bar {
                    Some((bar, width)) => {
                        let words = if total > 0 { pace.words(*width >= WITH_SPEED) } else { String::new() };
                        let room = width.saturating_sub(words.len() + BAR + doing.len() + 1);
                        bar.set_prefix(foreign_text::line(&named(doing, &shortened(&subject, room))).into_owned());
                        if total > 0 {
                            bar.set_length(total);
                            bar.set_position(done);
                            bar.set_message(words);
                        }
                        bar.tick();
                    }
                    None if now >= next_line && total > 0 => {
                        let percent = done.saturating_mul(100) / total;
                        say(&format!("{}: {percent} %, {}", named(doing, &subject), pace.words(true)));
                        next_line = now + LINE;
                    }
                    None => {}
                }
                thread::park_timeout(FRAME);
            }
        });
        let result = work(progress);
        is_done.store(true, Ordering::Release);
        shown.thread().unpark();
        result
    });
    if let Some((bar, _)) = bar {
        bar.finish_and_clear();
    }
    result
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    match ProgressStyle::with_template("{prefix} {wide_bar} {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Joins the work and the name of what it is done to, if that is known.
fn named(doing: &str, subject: &str) -> String {
    if subject.is_empty() { doing.to_owned() } else { format!("{doing} {subject}") }
}

/// The end of a name that is too long, which tells more than its folders; nothing where that would be too short.
fn shortened(name: &str, room: usize) -> String {
    const MIN: usize = 8;
    match name.chars().count() {
        n_chars if n_chars <= room => name.to_owned(),
        _ if room < MIN => String::new(),
        n_chars => "…".chars().chain(name.chars().skip(n_chars + 1 - room)).collect(),
    }
}

/// Speed of work, and the time that is left.
#[derive(Default)]
struct Pace {
    /// When so many bytes were done, of the last [`WINDOW`].
    seen: VecDeque<(Instant, u64)>,
    done: u64,
    total: u64,
}

impl Pace {
    fn note(&mut self, now: Instant, done: u64, total: u64) {
        // It was started again, with something else.
        if done < self.done {
            self.seen.clear();
        }
        (self.done, self.total) = (done, total);
        self.seen.push_back((now, done));
        while self.seen.len() > 2 && now.duration_since(self.seen[1].0) >= WINDOW {
            self.seen.pop_front();
        }
    }

    /// Bytes in a second; `None` while that is not known.
    fn speed(&self) -> Option<f64> {
        let (first, last) = (self.seen.front()?, self.seen.back()?);
        let time = last.0.duration_since(first.0);
        let n_bytes = last.1 - first.1;
        (time >= MIN_WINDOW && n_bytes > 0).then(|| n_bytes as f64 / time.as_secs_f64())
    }

    /// What is done, perhaps how fast, and how long the rest will take.
    fn words(&self, with_speed: bool) -> String {
        let done = format!("{} of {}", Size(self.done), Size(self.total));
        match self.speed() {
            None => done,
            Some(speed) => {
                let left = self.total.saturating_sub(self.done) as f64 / speed;
                let speed = if with_speed { format!("{}/s, ", Size(speed as u64)) } else { String::new() };
                format!("{done}, {speed}{} left", time(left as u64))
            }
        }
    }
}

/// A time in its two largest units.
fn time(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: u64 = 1_000_000_000;

    #[test]
    fn speed_and_the_time_that_is_left_are_those_of_the_last_seconds() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut pace = Pace::default();
        pace.note(at(0), 0, 10 * GB);
        pace.note(at(1), GB / 10, 10 * GB);
        assert_eq!(pace.words(true), "100 MB of 10.0 GB");
        pace.note(at(10), GB, 10 * GB);
        assert_eq!(pace.words(true), "1.00 GB of 10.0 GB, 100 MB/s, 1 min 30 s left");
        for second in 11..=60 {
            pace.note(at(second), GB + (second - 10) * GB / 100, 10 * GB);
        }
        assert_eq!(pace.words(true), "1.50 GB of 10.0 GB, 10.0 MB/s, 14 min 10 s left");
        assert_eq!(pace.words(false), "1.50 GB of 10.0 GB, 14 min 10 s left");
        // What comes next is something else.
        pace.note(at(61), 0, GB);
        assert_eq!(pace.words(true), "0 B of 1.00 GB");
    }

    #[test]
    fn times_have_two_units_and_long_names_their_end() {
        assert_eq!(
            [0, 59, 60, 3_599, 3_600, 90_000].map(time),
            ["0 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "25 h 0 min"]
        );
        assert_eq!(
            [17, 16, 8, 7].map(|room| shortened("out/win11-BER.iso", room)),
            ["out/win11-BER.iso", "…t/win11-BER.iso", "…BER.iso", ""]
        );
        assert_eq!(named("building", "a.iso"), "building a.iso");
    }
}
