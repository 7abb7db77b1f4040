//! What expires, by a clock that is handed in: it decides what is complained of, and never a byte.

use super::clock::Clock;
use super::request::Request;
use crate::date;
use crate::problem::{Problem, Problems};
use crate::rule::Rule;

const DAY: u64 = 86_400;
/// What ends within so many seconds is warned of.
const WARNED_WITHIN: u64 = 30 * DAY;

/// Complains of what is valid from the one moment to the other and is not now, or not for long: at a JSON pointer.
pub(super) fn check_validity(
    request: &Request<'_>,
    what: &str,
    valid: (u64, u64),
    pointer: &str,
    rule: Rule,
    problems: &mut Problems,
) {
    let Some(Clock { now, failing_within }) = request.clock else { return };
    let (start, end) = valid;
    let (days_ago, days_left) = (now.saturating_sub(end) / DAY, end.saturating_sub(now) / DAY);
    let help = "make a new one, and build the medium anew";
    let (problem, words) = if end < now {
        (Problem::new(rule, format!("{what} expired on {}", date::day(end))), ago(days_ago))
    } else if now < start {
        let problem = Problem::new(rule, format!("{what} is not valid before {}", date::day(start)));
        (problem, left((start - now) / DAY))
    } else if failing_within.is_some_and(|within| end - now <= within) {
        (Problem::new(Rule::ExpiresWithinLimit, format!("{what} expires on {}", date::day(end))), left(days_left))
    } else if end - now <= WARNED_WITHIN {
        (Problem::new(Rule::ExpiresSoon, format!("{what} expires on {}", date::day(end))), left(days_left))
    } else {
        return;
    };
    problems.add(problem.at(request.place(pointer), words).help(help));
}

/// Complains of a stand-alone medium that may not be used for long.
pub(super) fn check_medium_expiry(request: &Request<'_>, problems: &mut Problems) {
    let at = |pointer: &str| request.rendered.value().pointer(pointer)?.as_str().and_then(crate::manifest::moment);
    let Some(end) = at("/media/expires") else { return };
    // That it may not be used yet is what its author wants.
    check_validity(request, "the medium", (0, end.unix()), "/media/expires", Rule::ExpiredMedium, problems);
}

fn ago(days: u64) -> String {
    match days {
        0 => "today".into(),
        1 => "yesterday".into(),
        days => format!("{days} days ago"),
    }
}

fn left(days: u64) -> String {
    match days {
        0 => "within a day".into(),
        1 => "in 1 day".into(),
        days => format!("in {days} days"),
    }
}
