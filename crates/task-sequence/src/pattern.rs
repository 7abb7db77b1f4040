//! Patterns with wildcards, regardless of case: those of task sequence conditions (`*`, `?`) and of WQL (`%`, `_`, `[…]`).

/// Part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Any characters, or none.
    Many,
    /// Any one character.
    One,
    /// This character, in lower case.
    Char(char),
    /// One character of a set of ranges, or one that is in none of them.
    Set {
        /// Whether the character must be in none of the ranges.
        is_negated: bool,
        /// First and last character of each range, in lower case.
        ranges: Vec<(char, char)>,
    },
}

impl Piece {
    /// Piece that stands for a character regardless of case.
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

/// Lower case of a character, if that is one character.
pub fn lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(only), None) => only,
        _ => c,
    }
}

/// Returns `true` if a whole text fits a pattern. Takes at most as many steps as the product of their lengths.
pub fn matches(text: &str, pattern: &[Piece]) -> bool {
    let text: Vec<char> = text.chars().map(lower).collect();
    let (mut at, mut in_pattern) = (0, 0);
    // Place of the last `Many`, and the text from which it may take one more character.
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
