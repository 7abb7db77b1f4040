//! Comparison of a property with a constant.

use std::cmp::Ordering;

use super::{Comparison, Constant, Property};
use crate::pattern::{Piece, lower, matches};
use crate::truth::Truth;

/// Compares a property with a constant.
pub fn compare(name: &str, property: &Property, comparison: Comparison, constant: &Constant) -> Truth {
    let unknown = |why: &str| Truth::Unknown(format!("{why} (`{name}`)"));
    match (property, constant) {
        (Property::Unknown(why), _) => Truth::Unknown(why.clone()),
        (Property::List(items), _) => match &items[..] {
            [] => compare(name, &Property::Null, comparison, constant),
            [only] => compare(name, only, comparison, constant),
            // A list is a value, so it is not `NULL`.
            _ if *constant == Constant::Null => against_null(false, comparison).unwrap_or_else(|| unknown(ORDER)),
            _ => unknown("WQL does not compare lists"),
        },
        (Property::Null, Constant::Null) => against_null(true, comparison).unwrap_or_else(|| unknown(ORDER)),
        (_, Constant::Null) => against_null(false, comparison).unwrap_or_else(|| unknown(ORDER)),
        (Property::Null, _) if comparison == Comparison::NotEqual => {
            unknown("WQL does not document comparisons with a missing value")
        }
        // A missing value matches no other comparison.
        (Property::Null, _) => Truth::False,
        (Property::Text(text), Constant::Text(other)) if comparison == Comparison::Like => match parse_pattern(other) {
            Ok(pattern) => matches(text, &pattern).into(),
            Err(why) => unknown(&why),
        },
        (_, _) if comparison == Comparison::Like => unknown("`LIKE` only compares texts"),
        (Property::Text(text), constant) => match text_order(text, &constant.to_text(), comparison) {
            Some(order) => comparison.fits(order).into(),
            None => unknown(ORDER),
        },
        (Property::Number(number), constant) => match constant.to_number() {
            #[expect(clippy::cast_precision_loss, reason = "no property counts to 2⁵³")]
            Some(other) => comparison.fits((*number as f64).partial_cmp(&other).unwrap_or(Ordering::Equal)).into(),
            None => unknown("a number can't be compared with a text"),
        },
        (Property::Boolean(is_true), constant) => match constant.to_boolean() {
            Some(other) => comparison.fits(is_true.cmp(&other)).into(),
            None => unknown("a boolean can't be compared with another type"),
        },
    }
}

const ORDER: &str = "WQL does not document the order of these values";

/// Compares a value with `NULL`; `None` if the operator has no meaning for it.
fn against_null(is_null: bool, comparison: Comparison) -> Option<Truth> {
    match comparison {
        Comparison::Equal => Some(is_null.into()),
        Comparison::NotEqual => Some((!is_null).into()),
        _ => None,
    }
}

/// Returns the order of two texts; `None` if they are numbers or versions whose numerical order
/// differs from the alphabetical one.
fn text_order(left: &str, right: &str, comparison: Comparison) -> Option<Ordering> {
    let by_letters = left.chars().map(lower).cmp(right.chars().map(lower));
    let is_about_order = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    let numbers = |text: &str| text.split('.').map(|part| part.trim().parse::<u64>().ok()).collect::<Option<Vec<_>>>();
    match (numbers(left), numbers(right)) {
        (Some(left), Some(right)) if is_about_order && left.cmp(&right) != by_letters => None,
        _ => Some(by_letters),
    }
}

impl Comparison {
    fn fits(self, order: Ordering) -> bool {
        match self {
            Self::Equal | Self::Like => order == Ordering::Equal,
            Self::NotEqual => order != Ordering::Equal,
            Self::Less => order == Ordering::Less,
            Self::LessEqual => order != Ordering::Greater,
            Self::Greater => order == Ordering::Greater,
            Self::GreaterEqual => order != Ordering::Less,
        }
    }
}

impl Constant {
    fn to_text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Boolean(is_true) => if *is_true { "TRUE" } else { "FALSE" }.to_owned(),
        }
    }

    fn to_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Self::Null | Self::Boolean(_) => None,
        }
    }

    fn to_boolean(&self) -> Option<bool> {
        match (self, self.to_number()) {
            (Self::Boolean(is_true), _) => Some(*is_true),
            (_, Some(0.0)) => Some(false),
            (_, Some(1.0 | -1.0)) => Some(true),
            (Self::Text(text), _) if text.eq_ignore_ascii_case("true") => Some(true),
            (Self::Text(text), _) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }
}

/// Parses a pattern of `LIKE`.
///
/// # Errors
///
/// Fails if a set has no closing bracket.
pub fn parse_pattern(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        pieces.push(match c {
            '%' => Piece::Many,
            '_' => Piece::One,
            '[' => {
                let set = rest.as_str();
                // A closing bracket directly after the opening one, or after `^`, is a member of the set.
                let from = usize::from(set.starts_with('^'));
                let from = from + usize::from(set[from..].starts_with(']'));
                let end = set[from..].find(']').ok_or("a set of `LIKE` has no closing `]`")? + from;
                rest = set[end + 1..].chars();
                parse_set(&set[..end])
            }
            c => Piece::literal(c),
        });
    }
    Ok(pieces)
}

fn parse_set(text: &str) -> Piece {
    let members = text.strip_prefix('^');
    let (is_negated, members) = (members.is_some(), members.unwrap_or(text));
    let members: Vec<char> = members.chars().map(lower).collect();
    let (mut ranges, mut at) = (Vec::new(), 0);
    while at < members.len() {
        match members[at..] {
            [first, '-' | '=', last, ..] => {
                ranges.push((first, last));
                at += 3;
            }
            [only, ..] => {
                ranges.push((only, only));
                at += 1;
            }
            [] => break,
        }
    }
    Piece::Set { is_negated, ranges }
}
