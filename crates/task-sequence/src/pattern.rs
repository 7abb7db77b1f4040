//! Patterns with wildcards, ignoring case: those of task sequence conditions (`*`, `?`) and of WQL
//! (`%`, `_`, `[…]`).

/// Element of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Any number of characters.
    Many,
    /// Any one character.
    One,
    /// This character, in lower case.
    Char(char),
    /// One character that is in a set of ranges, or in none of them.
    Set {
        /// Matches characters in none of the ranges.
        is_negated: bool,
        /// First and last character of each range, in lower case.
        ranges: Vec<(char, char)>,
    },
}

impl Piece {
    /// Creates an element that matches a character, ignoring case.
    pub fn literal(c: char) -> Self {
        Self::Char(lower(c))
    }

    fn takes(&self, c: char) -> bool {
        match self {
            Self::Many => false,
            Self::One => true,
            Self::Char(own) => *own == c,
            Self::Set { is_negated, ranges } => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&c)) != *is_negated
            }
        }
    }
}

/// Returns the lower case of a character, if it is a single character.
pub fn lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(only), None) => only,
        _ => c,
    }
}

/// Returns `true` if a whole text matches a pattern.
///
/// Takes at most as many steps as the product of both lengths.
pub fn matches(text: &str, pattern: &[Piece]) -> bool {
    let text: Vec<char> = text.chars().map(lower).collect();
    let (mut at, mut in_pattern) = (0, 0);
    // Position of the last `Many`, and of the text after the characters that it takes. On a mismatch it takes one
    // more, so that backtracking needs no recursion.
    let mut many: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(in_pattern) {
            Some(Piece::Many) => {
                many = Some((in_pattern, at));
                in_pattern += 1;
            }
            Some(piece) if piece.takes(text[at]) => {
                at += 1;
                in_pattern += 1;
            }
            _ => match many {
                Some((place, from)) => {
                    many = Some((place, from + 1));
                    in_pattern = place + 1;
                    at = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[in_pattern..].iter().all(|piece| *piece == Piece::Many)
}
