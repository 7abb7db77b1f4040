//! Expiry checks. The clock is passed in, and affects only problems, never bytes.

use super::clock::Clock;
use super::request::MediumRequest;
use crate::date;
use crate::problem::{Problem, Problems};
use crate::rule::Rule;
use crate::target::Expiry;

const DAY: u64 = 86_400;
/// Warning period before expiry in seconds.
const WARNED_WITHIN: u64 = 30 * DAY;

/// Notes a period of validity, in seconds since 1970, and reports one that has not started, has ended
/// or is about to end.
pub(super) fn check_validity(
    request: &MediumRequest<'_>,
    what: &str,
    valid: (u64, u64),
    pointer: &str,
    rule: Rule,
    problems: &mut Problems,
) {
    let (start, end) = valid;
    request.notes.expiries.borrow_mut().push(Expiry { what: what.to_owned(), until: end });
    let Some(Clock { now, failing_within }) = request.clock else { return };
    let (n_ago, n_left) = (now.saturating_sub(end) / DAY, end.saturating_sub(now) / DAY);
    let help = "renew it, then rebuild the medium";
    let (problem, words) = if end < now {
        (Problem::new(rule, format!("{what} expired on {}", date::day(end))), days_ago(n_ago))
    } else if now < start {
        let problem = Problem::new(rule, format!("{what} is not valid before {}", date::day(start)));
        (problem, days_left((start - now) / DAY))
    } else if failing_within.is_some_and(|within| end - now <= within) {
        (Problem::new(Rule::ExpiresWithinLimit, format!("{what} expires on {}", date::day(end))), days_left(n_left))
    } else if end - now <= WARNED_WITHIN {
        (Problem::new(Rule::ExpiresSoon, format!("{what} expires on {}", date::day(end))), days_left(n_left))
    } else {
        return;
    };
    problems.add(problem.at(request.place(pointer), words).help(help));
}

/// Reports a stand-alone medium that has expired or is about to.
pub(super) fn check_medium_expiry(request: &MediumRequest<'_>, problems: &mut Problems) {
    let at = |pointer: &str| request.rendered.value().pointer(pointer)?.as_str().and_then(crate::manifest::parse_date);
    let Some(end) = at("/media/expires") else { return };
    // A start in the future is the author's decision, so it is not checked.
    check_validity(request, "the medium", (0, end.unix()), "/media/expires", Rule::ExpiredMedium, problems);
}

fn days_ago(days: u64) -> String {
    match days {
        0 => "today".into(),
        1 => "yesterday".into(),
        days => format!("{days} days ago"),
    }
}

fn days_left(days: u64) -> String {
    match days {
        0 => "within a day".into(),
        1 => "in 1 day".into(),
        days => format!("in {days} days"),
    }
}
