//! Variables of a task sequence, whose names are not case-sensitive.

use std::collections::BTreeMap;

use crate::condition::Operator;
use crate::read_only::{ValueSource, find, is_reserved};
use crate::truth::Truth;

/// Placeholder for a secret value.
pub const HIDDEN: &str = "********";

/// Variables by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    known: BTreeMap<String, VariableEntry>,
    /// Reason why variables that were never set may have a value; `None` if they can't.
    open_world: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct VariableEntry {
    /// Name as it was last written.
    name: String,
    content: VariableContent,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum VariableContent {
    Text(String),
    Unset,
    Secret,
    Unknown {
        may_be: PossibleValues,
        /// Reason, with the fact to add.
        why: String,
        /// Tells whether the value became unknown during the run.
        is_by_run: bool,
    },
}

/// Possible values of an unknown variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PossibleValues {
    /// Any value, or none.
    Anything,
    /// Any value.
    Present,
    /// Any value except this one.
    Not(String),
    /// One of these values, or none for `None`.
    OneOf(Vec<Option<String>>),
}

/// Text in which variables were replaced by their values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expanded {
    /// Text; a variable with an unknown value is left in place.
    pub text: String,
    /// Reason why the text is unknown; `None` if it is known.
    pub unknown: Option<String>,
    /// Tells whether the text contains a secret.
    pub is_secret: bool,
}

impl Variables {
    /// Returns the value of a variable, or [`HIDDEN`] for a secret; `None` if it is not set or
    /// unknown.
    pub fn get(&self, name: &str) -> Option<&str> {
        match &self.known.get(&name.to_lowercase())?.content {
            VariableContent::Text(value) => Some(value),
            VariableContent::Secret => Some(HIDDEN),
            VariableContent::Unset | VariableContent::Unknown { .. } => None,
        }
    }

    /// Returns the reason why the value of a variable is unknown; `None` if it is known.
    pub fn unknown_reason(&self, name: &str) -> Option<String> {
        match self.known.get(&name.to_lowercase()).map(|variable| &variable.content) {
            Some(VariableContent::Text(_) | VariableContent::Unset) => None,
            Some(VariableContent::Secret) => {
                Some(format!("`{name}` is a secret; add `variables.{name}` to give it a value"))
            }
            Some(VariableContent::Unknown { why, .. }) => Some(why.clone()),
            None if is_reserved(name) => {
                Some(format!("`{name}` is not a documented variable; add `variables.{name}` if it has a value"))
            }
            None => self.open_world.as_ref().map(|why| format!("`{name}` is not known: {why}")),
        }
    }

    /// Compares a variable with a text.
    pub fn compare(&self, name: &str, operator: Operator, right: &str) -> Truth {
        // An unknown value may still decide the comparison, if all possible values agree.
        let Some(why) = self.unknown_reason(name) else { return operator.holds(self.get(name), right).into() };
        let may_be = match self.known.get(&name.to_lowercase()).map(|variable| &variable.content) {
            Some(VariableContent::Unknown { may_be, .. }) => may_be,
            Some(VariableContent::Secret) => &PossibleValues::Present,
            _ => &PossibleValues::Anything,
        };
        let known = match may_be {
            PossibleValues::Anything => None,
            PossibleValues::Present | PossibleValues::Not(_) if operator.tests_existence() => {
                Some(operator == Operator::Exists)
            }
            PossibleValues::Not(never) if Operator::Equals.holds(Some(never), right) => match operator {
                Operator::Equals => Some(false),
                Operator::NotEquals => Some(true),
                _ => None,
            },
            PossibleValues::Present | PossibleValues::Not(_) => None,
            PossibleValues::OneOf(values) => {
                let mut outcomes = values.iter().map(|value| operator.holds(value.as_deref(), right));
                outcomes.next().filter(|first| outcomes.all(|other| other == *first))
            }
        };
        known.map_or(Truth::Unknown(why), Truth::from)
    }

    /// Returns all possible values of a variable, with `None` for no value. Returns `None` if they
    /// can't be listed.
    pub fn possible_values(&self, name: &str) -> Option<Vec<Option<String>>> {
        match self.known.get(&name.to_lowercase()).map(|variable| &variable.content) {
            Some(VariableContent::Text(value)) => Some(vec![Some(value.clone())]),
            Some(VariableContent::Unknown { may_be: PossibleValues::OneOf(values), .. }) => Some(values.clone()),
            Some(VariableContent::Unset) => Some(vec![None]),
            None if !is_reserved(name) && self.open_world.is_none() => Some(vec![None]),
            _ => None,
        }
    }

    /// Sets a variable. An empty value deletes it.
    pub fn set(&mut self, name: &str, value: &str) {
        let content = if value.is_empty() { VariableContent::Unset } else { VariableContent::Text(value.to_owned()) };
        self.put(name, content);
    }

    /// Sets a variable to a secret value.
    pub fn hide(&mut self, name: &str) {
        self.put(name, VariableContent::Secret);
    }

    /// Makes the value of a variable unknown from the start.
    pub fn leave_open(&mut self, name: &str, may_be: PossibleValues, why: String) {
        self.put(name, VariableContent::Unknown { may_be, why, is_by_run: false });
    }

    /// Makes the value of a variable unknown during the run.
    pub fn forget(&mut self, name: &str, may_be: PossibleValues, why: String) {
        self.put(name, VariableContent::Unknown { may_be, why, is_by_run: true });
    }

    /// Makes all variables unknown that were never set.
    pub fn open_world(&mut self, why: String) {
        self.open_world = Some(why);
    }

    fn put(&mut self, name: &str, content: VariableContent) {
        self.known.insert(name.to_lowercase(), VariableEntry { name: name.to_owned(), content });
    }

    /// Iterates over all variables with a value, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.known.values().filter_map(|variable| Some((variable.name.as_str(), self.get(&variable.name)?)))
    }

    /// Iterates over all variables that a step made unknown, with the reasons, sorted by name.
    pub fn iter_unknown(&self) -> impl Iterator<Item = (&str, &str)> {
        self.known.values().filter_map(|variable| match &variable.content {
            VariableContent::Unknown { why, is_by_run: true, .. } => Some((variable.name.as_str(), why.as_str())),
            _ => None,
        })
    }

    /// Describes the value of a variable.
    pub fn describe(&self, name: &str) -> String {
        let quoted = |value: &String| format!("`{value}`");
        match self.known.get(&name.to_lowercase()).map(|variable| &variable.content) {
            Some(VariableContent::Text(value)) => return format!("`{name}` is `{value}`"),
            Some(VariableContent::Secret | VariableContent::Unknown { may_be: PossibleValues::Present, .. }) => {
                return format!("`{name}` is set");
            }
            Some(VariableContent::Unknown { may_be: PossibleValues::Not(never), .. }) => {
                return format!("`{name}` is not `{never}`");
            }
            Some(VariableContent::Unknown { may_be: PossibleValues::OneOf(values), .. }) => {
                let words = values.iter().map(|value| value.as_ref().map_or_else(|| "not set".to_owned(), quoted));
                return format!("`{name}` is {}", words.collect::<Vec<_>>().join(" or "));
            }
            _ => {}
        }
        let is_explicit = self.known.contains_key(&name.to_lowercase());
        match (self.unknown_reason(name), find(name).map(|row| row.source)) {
            (Some(why), _) => why,
            (None, Some(ValueSource::Step(kind))) => format!("`{name}` is not set; a step of type `{kind}` sets it"),
            (None, _) if is_explicit => format!("`{name}` is not set"),
            (None, _) => format!("`{name}` is not set by the medium, the facts or a step"),
        }
    }

    /// Replaces each `%name%` with the value of that variable.
    ///
    /// Other names stay, since the command interpreter has variables of its own.
    pub fn expand(&self, text: &str) -> Expanded {
        let (mut expanded, mut rest) = (String::new(), text);
        let (mut unknown, mut is_secret) = (None, false);
        while let Some(start) = rest.find('%') {
            let (before, after) = (&rest[..start], &rest[start + 1..]);
            expanded += before;
            // A percent sign that does not start a variable, as in `100%`, stays as it is.
            let named = after.find('%').map(|end| (&after[..end], &after[end + 1..]));
            let is_variable = |name: &str| is_reserved(name) || self.known.contains_key(&name.to_lowercase());
            let named = named.filter(|(name, _)| is_variable(name));
            match named.map(|(name, after)| (name, after, self.get(name), self.unknown_reason(name))) {
                Some((name, after_name, value, why)) if value.is_some() || why.is_some() => {
                    // A variable can have the placeholder as its real value, and is then known.
                    is_secret |= value == Some(HIDDEN) && why.is_some();
                    expanded += &value.map_or_else(|| format!("%{name}%"), str::to_owned);
                    unknown = unknown.or(why);
                    rest = after_name;
                }
                _ => {
                    expanded.push('%');
                    rest = after;
                }
            }
        }
        Expanded { text: expanded + rest, unknown, is_secret }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_depend_on_case_and_texts_are_expanded() {
        let mut variables = Variables::default();
        variables.set("OSDComputerName", "PC-1");
        variables.set("osdcomputername", "PC-2");
        assert_eq!(variables.iter().collect::<Vec<_>>(), [("osdcomputername", "PC-2")]);
        assert_eq!(variables.expand("100% of %OSDCOMPUTERNAME%, %TEMP%").text, "100% of PC-2, %TEMP%");
        variables.set("OSDComputerName", "");
        assert_eq!(variables.get("OSDComputerName"), None);
        assert_eq!(variables.describe("OSDComputerName"), "`OSDComputerName` is not set");
        assert_eq!(variables.describe("Other"), "`Other` is not set by the medium, the facts or a step");
        variables.hide("Password");
        assert_eq!(variables.get("password"), Some(HIDDEN));
        assert!(variables.expand("/p:%PASSWORD%").is_secret);
        assert_eq!(variables.expand("%OSDComputerName% 5%").unknown, None);
        variables.set("Password", "known");
        assert_eq!(variables.unknown_reason("Password"), None);
    }

    #[test]
    fn an_unknown_variable_compares_as_far_as_its_values_are_known() {
        let mut variables = Variables::default();
        let one_of =
            |values: &[&str]| PossibleValues::OneOf(values.iter().map(|value| Some((*value).to_owned())).collect());
        variables.leave_open("Any", PossibleValues::Anything, "any".into());
        variables.leave_open("There", PossibleValues::Present, "there".into());
        variables.leave_open("Code", PossibleValues::Not("0".into()), "code".into());
        variables.leave_open("Mode", one_of(&["UFD", "UFD+FORMAT"]), "mode".into());
        variables.leave_open("Uefi", PossibleValues::OneOf(vec![None, Some("false".into())]), "uefi".into());
        let says = |name: &str, operator, right| match variables.compare(name, operator, right) {
            Truth::True => "yes".to_owned(),
            Truth::False => "no".to_owned(),
            Truth::Unknown(why) => why,
        };
        assert_eq!(says("any", Operator::Exists, ""), "any");
        assert_eq!(says("there", Operator::Exists, ""), "yes");
        assert_eq!(says("there", Operator::NotExists, ""), "no");
        assert_eq!(says("there", Operator::Equals, "x"), "there");
        assert_eq!(says("code", Operator::Equals, "0"), "no");
        assert_eq!(says("code", Operator::NotEquals, "0"), "yes");
        assert_eq!(says("code", Operator::Equals, "1"), "code");
        assert_eq!(says("code", Operator::NotEquals, "1"), "code");
        assert_eq!(says("code", Operator::Greater, "0"), "code");
        assert_eq!(says("mode", Operator::Like, "UFD*"), "yes");
        assert_eq!(says("mode", Operator::Equals, "UFD"), "mode");
        assert_eq!(says("mode", Operator::Equals, "DVD"), "no");
        assert_eq!(says("uefi", Operator::NotEquals, "true"), "yes");
        assert_eq!(says("uefi", Operator::Exists, ""), "uefi");
        assert_eq!(
            says("_Odd", Operator::Exists, ""),
            "`_Odd` is not a documented variable; add `variables._Odd` if it has a value"
        );
        assert_eq!(variables.expand("a %there% b").unknown.as_deref(), Some("there"));
        assert_eq!(variables.expand("a %there% b").text, "a %there% b");
    }
}
