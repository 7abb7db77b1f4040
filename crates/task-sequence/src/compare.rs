//! How the operators of conditions compare: the one place that knows, for simulated runs and for what can never run.
//!
//! The documentation names the operators and says little of how they order texts. Numbers and versions go by their
//! numbers here, all else by letters without regard to case; [`is_ordered_for_sure`] tells the two apart.

use std::cmp::Ordering;

use super::condition::Operator;
use super::pattern::{Piece, matches};

impl Operator {
    /// Whether a value compares so with another one. One that is not there is as an empty one, but for
    /// [`Operator::Exists`].
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

/// Whether nobody doubts how two texts are ordered: both are whole numbers.
pub fn is_ordered_for_sure(left: &str, right: &str) -> bool {
    [left, right].iter().all(|text| text.trim().parse::<i64>().is_ok())
}

/// Numbers and versions go by their numbers, all else by letters without regard to case.
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

/// Returns `true` if a text fits a pattern in which `*` stands for any characters and `?` for one. Case does not count.
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
        assert!(is_ordered_for_sure(" 10", "9") && !is_ordered_for_sure("10.0", "9"));
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
