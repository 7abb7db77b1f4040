//! Shows the progress of long work: as a bar on a terminal, as a line every 30 seconds in logs.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::foreign_text;
use crate::progress::Progress;
use crate::size::Size;

/// Time between two updates of the bar.
const FRAME: Duration = Duration::from_millis(100);
/// Time before the first line and between two lines.
const LINE: Duration = Duration::from_secs(30);
/// Time over which speed is averaged.
const WINDOW: Duration = Duration::from_secs(15);
/// Time before a speed is shown.
const MIN_WINDOW: Duration = Duration::from_secs(2);
/// Columns of a terminal that is wide enough for the speed.
const WITH_SPEED: usize = 100;
/// Columns reserved for the bar itself.
const BAR: usize = 12;

/// Runs `work` and shows its progress: as a bar if `terminal` has a number of columns, else in lines passed to `say`.
pub(super) fn with_bar<T>(
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
                let (done, total) = progress.counts();
                pace.record(now, done, total);
                let subject = progress.subject();
                match &bar {
                    Some((bar, width)) => {
                        let words = if total > 0 { pace.summary(*width >= WITH_SPEED) } else { String::new() };
                        // The subject gets the columns that the other parts leave.
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
                        say(&format!("{}: {percent} %, {}", named(doing, &subject), pace.summary(true)));
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

/// Joins an activity and its subject, which may be empty.
fn named(doing: &str, subject: &str) -> String {
    if subject.is_empty() { doing.to_owned() } else { format!("{doing} {subject}") }
}

/// Shortens a name to its last `room` characters; empty if fewer than 8 would be left. The end of a path says more than
/// its first folders.
fn shortened(name: &str, room: usize) -> String {
    const MIN: usize = 8;
    match name.chars().count() {
        n_chars if n_chars <= room => name.to_owned(),
        _ if room < MIN => String::new(),
        n_chars => "…".chars().chain(name.chars().skip(n_chars + 1 - room)).collect(),
    }
}

/// Speed of the work, and the remaining time.
#[derive(Default)]
struct Pace {
    /// Bytes done at points of time, during the last [`WINDOW`].
    seen: VecDeque<(Instant, u64)>,
    done: u64,
    total: u64,
}

impl Pace {
    fn record(&mut self, now: Instant, done: u64, total: u64) {
        // The counter starts over with each subject.
        if done < self.done {
            self.seen.clear();
        }
        (self.done, self.total) = (done, total);
        self.seen.push_back((now, done));
        // Keep one entry older than the window, so that the speed covers all of it.
        while self.seen.len() > 2 && now.duration_since(self.seen[1].0) >= WINDOW {
            self.seen.pop_front();
        }
    }

    /// Returns bytes per second; `None` during the first two seconds, and if no bytes were done.
    fn speed(&self) -> Option<f64> {
        let (first, last) = (self.seen.front()?, self.seen.back()?);
        let time = last.0.duration_since(first.0);
        let n_bytes = last.1 - first.1;
        (time >= MIN_WINDOW && n_bytes > 0).then(|| n_bytes as f64 / time.as_secs_f64())
    }

    /// Returns the bytes done and in total, the remaining time and, if wanted, the speed.
    fn summary(&self, with_speed: bool) -> String {
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

/// Formats a time in its two largest units.
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
        pace.record(at(0), 0, 10 * GB);
        pace.record(at(1), GB / 10, 10 * GB);
        assert_eq!(pace.summary(true), "100 MB of 10.0 GB");
        pace.record(at(10), GB, 10 * GB);
        assert_eq!(pace.summary(true), "1.00 GB of 10.0 GB, 100 MB/s, 1 min 30 s left");
        for second in 11..=60 {
            pace.record(at(second), GB + (second - 10) * GB / 100, 10 * GB);
        }
        assert_eq!(pace.summary(true), "1.50 GB of 10.0 GB, 10.0 MB/s, 14 min 10 s left");
        assert_eq!(pace.summary(false), "1.50 GB of 10.0 GB, 14 min 10 s left");
        // A new subject starts from zero.
        pace.record(at(61), 0, GB);
        assert_eq!(pace.summary(true), "0 B of 1.00 GB");
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
