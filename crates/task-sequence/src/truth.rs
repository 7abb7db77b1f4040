//! Three-valued logic after Kleene: true, false or unknown.

/// Truth of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Truth {
    /// True.
    True,
    /// False.
    False,
    /// Unknown, with the reason.
    Unknown(String),
}

impl Truth {
    /// Returns the conjunction: false if a part is false, else unknown if a part is unknown. True
    /// without parts.
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut unknown = None;
        for part in parts {
            match part {
                Self::False => return Self::False,
                Self::Unknown(_) if unknown.is_none() => unknown = Some(part),
                Self::True | Self::Unknown(_) => {}
            }
        }
        unknown.unwrap_or(Self::True)
    }

    /// Returns the disjunction: true if a part is true, else unknown if a part is unknown. False
    /// without parts.
    pub fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let negated: Vec<_> = parts.into_iter().map(Self::negated).collect();
        Self::all(negated).negated()
    }

    /// Returns the negation. Unknown stays unknown.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            unknown @ Self::Unknown(_) => unknown,
        }
    }
}

impl From<bool> for Truth {
    fn from(is_true: bool) -> Self {
        if is_true { Self::True } else { Self::False }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_part_matters_only_if_the_others_do_not_decide() {
        let unknown = || Truth::Unknown("?".into());
        assert_eq!(Truth::all([]), Truth::True);
        assert_eq!(Truth::all([unknown(), Truth::True]), unknown());
        assert_eq!(Truth::all([unknown(), Truth::False]), Truth::False);
        assert_eq!(Truth::any([]), Truth::False);
        assert_eq!(Truth::any([unknown(), Truth::False]), unknown());
        assert_eq!(Truth::any([unknown(), Truth::True]), Truth::True);
        assert_eq!(unknown().negated(), unknown());
    }
}
