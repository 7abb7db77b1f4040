//! Comparison operators of conditions, shared by simulated runs and reachability.
//!
//! The documentation names the operators, but says little about how they order texts. Here integers
//! and versions are ordered by number, everything else alphabetically, ignoring case;
//! [`is_certainly_ordered`] tells whether the order is beyond doubt.

use std::cmp::Ordering;

use super::condition::Operator;
use super::pattern::{Piece, matches};

impl Operator {
    /// Returns `true` if the comparison is true.
    ///
    /// A value that does not exist is compared like an empty one, except by [`Operator::Exists`]
    /// and [`Operator::NotExists`].
    pub fn holds(self, left: Option<&str>, right: &str) -> bool {
        let text = left.unwrap_or_default();
        let order = || order(text, right);
        match self {
            Self::Exists => left.is_some(),
            Self::NotExists => left.is_none(),
            Self::Equals => order() == Ordering::Equal,
            Self::NotEquals => order() != Ordering::Equal,
            Self::Greater => order() == Ordering::Greater,
            Self::GreaterEqual => order() != Ordering::Less,
            Self::Less => order() == Ordering::Less,
            Self::LessEqual => order() != Ordering::Greater,
            Self::Like => is_like(text, right),
            Self::NotLike => !is_like(text, right),
        }
    }
}

/// Returns `true` if the order of two texts is certain: both are integers.
pub fn is_certainly_ordered(left: &str, right: &str) -> bool {
    [left, right].iter().all(|text| text.trim().parse::<i64>().is_ok())
}

/// Orders integers and versions by number, everything else alphabetically, ignoring case.
fn order(left: &str, right: &str) -> Ordering {
    let numbers = |text: &str| text.split('.').map(|part| part.trim().parse::<i64>().ok()).collect::<Option<Vec<_>>>();
    match (numbers(left), numbers(right)) {
        (Some(mut left), Some(mut right)) => {
            let len = left.len().max(right.len());
            left.resize(len, 0);
            right.resize(len, 0);
            left.cmp(&right)
        }
        _ => left.to_lowercase().cmp(&right.to_lowercase()),
    }
}

/// Returns `true` if a text matches a pattern with the wildcards `*` and `?`, ignoring case.
pub fn is_like(text: &str, pattern: &str) -> bool {
    let piece = |c| match c {
        '*' => Piece::Many,
        '?' => Piece::One,
        c => Piece::literal(c),
    };
    matches(text, &pattern.chars().map(piece).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_compare_as_numbers_versions_and_text() {
        let says = |left, operator: Operator, right| operator.holds(Some(left), right);
        assert!(says("TRUE", Operator::Equals, "true"));
        assert!(says("10", Operator::Greater, "9"));
        assert!(says("10.0.22621", Operator::GreaterEqual, "10.0.9200.1"));
        assert!(says("b", Operator::Greater, "a"));
        assert!(Operator::NotEquals.holds(None, "FullMedia"));
        assert!(!Operator::Exists.holds(None, ""));
        assert!(is_certainly_ordered(" 10", "9") && !is_certainly_ordered("10.0", "9"));
    }

    #[test]
    fn patterns_fit_as_those_of_file_names_do() {
        let fits = [
            ("*", ""),
            ("**", ""),
            ("a*c", "abbc"),
            ("?b", "ab"),
            ("*surface*", "A Surface B"),
            ("*a*b", "aaab"),
            ("lat*74?0", "Latitude 7420"),
        ];
        fits.iter().for_each(|(pattern, text)| assert!(is_like(text, pattern), "{pattern} {text}"));
        for (pattern, text) in [("?", ""), ("a*c", "ab"), ("a", "ab"), ("", "a"), ("lat*75?0", "Latitude 7420")] {
            assert!(!is_like(text, pattern), "{pattern} {text}");
        }
    }
}
