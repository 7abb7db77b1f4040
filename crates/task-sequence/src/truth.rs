//! Three-valued logic after Kleene: true, false, or not known.

/// Truth of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It is not known, for this reason.
    Unknown(String),
}

impl Truth {
    /// Conjunction: false if one part is false, else not known if one part is not known. No parts at all are true.
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

    /// Disjunction: true if one part is true, else not known if one part is not known. No parts at all are false.
    pub fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let negated: Vec<_> = parts.into_iter().map(Self::negated).collect();
        Self::all(negated).negated()
    }

    /// Negation; what is not known stays so.
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
