//! The variables of a task sequence: the case of their names does not count.

use std::collections::BTreeMap;

use crate::condition::Operator;
use crate::read_only::{Source, find, is_reserved};
use crate::truth::Truth;

/// Shown in place of a secret value.
pub const HIDDEN: &str = "********";

/// Variables by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    known: BTreeMap<String, Variable>,
    /// Reason why variables that nothing set may be set, if they may.
    open_world: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Variable {
    /// Its name as it was last written.
    name: String,
    content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Text(String),
    Unset,
    Secret,
    Unknown {
        may_be: MayBe,
        /// Reason, with the fact that would tell.
        why: String,
        /// It became unknown in the run.
        is_by_run: bool,
    },
}

/// Values that an unknown variable may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MayBe {
    /// Any value, or none.
    Anything,
    /// Any value.
    Present,
    /// Any value but this one.
    Not(String),
    /// One of these values, or none for `None`.
    OneOf(Vec<Option<String>>),
}

/// A text whose variables were replaced by their values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expanded {
    /// The text; a variable of unknown value stays as it was written.
    pub text: String,
    /// Reason why the text is not known, if it is not.
    pub unknown: Option<String>,
    /// A secret is in it.
    pub is_secret: bool,
}

impl Variables {
    /// The value of a variable, or [`HIDDEN`] for a secret; `None` if it is not set or not known.
    pub fn get(&self, name: &str) -> Option<&str> {
        match &self.known.get(&name.to_lowercase())?.content {
            Content::Text(value) => Some(value),
            Content::Secret => Some(HIDDEN),
            Content::Unset | Content::Unknown { .. } => None,
        }
    }

    /// Reason why the value of a variable is not known, if it is not.
    pub fn unknown(&self, name: &str) -> Option<String> {
        match self.known.get(&name.to_lowercase()).map(|variable| &variable.content) {
            Some(Content::Text(_) | Content::Unset) => None,
            Some(Content::Secret) => {
                Some(format!("`{name}` is a secret; `variables` of the fact file may give it a value"))
            }
            Some(Content::Unknown { why, .. }) => Some(why.clone()),
            None if is_reserved(name) => {
                Some(format!("`{name}` is not a documented variable; add `variables.{name}` if it has a value"))
            }
            None => self.open_world.as_ref().map(|why| format!("`{name}` is not known: {why}")),
        }
    }

    /// Compares a variable with a text.
    pub fn compare(&self, name: &str, operator: Operator, right: &str) -> Truth {
        let Some(why) = self.unknown(name) else { return operator.holds(self.get(name), right).into() };
        let may_be = match self.known.get(&name.to_lowercase()).map(|variable| &variable.content) {
            Some(Content::Unknown { may_be, .. }) => may_be,
            Some(Content::Secret) => &MayBe::Present,
            _ => &MayBe::Anything,
        };
        let known = match may_be {
            MayBe::Anything => None,
            MayBe::Present | MayBe::Not(_) if operator.is_about_presence() => Some(operator == Operator::Exists),
            MayBe::Not(never) if Operator::Equals.holds(Some(never), right) => match operator {
                Operator::Equals => Some(false),
                Operator::NotEquals => Some(true),
                _ => None,
            },
            MayBe::Present | MayBe::Not(_) => None,
            MayBe::OneOf(values) => {
                let mut outcomes = values.iter().map(|value| operator.holds(value.as_deref(), right));
                outcomes.next().filter(|first| outcomes.all(|other| other == *first))
            }
        };
        known.map_or(Truth::Unknown(why), Truth::from)
    }

    /// All values that a variable may have, `None` for none; `None` if that is not known.
    pub fn possible(&self, name: &str) -> Option<Vec<Option<String>>> {
        match self.known.get(&name.to_lowercase()).map(|variable| &variable.content) {
            Some(Content::Text(value)) => Some(vec![Some(value.clone())]),
            Some(Content::Unknown { may_be: MayBe::OneOf(values), .. }) => Some(values.clone()),
            Some(Content::Unset) => Some(vec![None]),
            None if !is_reserved(name) && self.open_world.is_none() => Some(vec![None]),
            _ => None,
        }
    }

    /// Sets a variable; an empty value deletes it.
    pub fn set(&mut self, name: &str, value: &str) {
        let content = if value.is_empty() { Content::Unset } else { Content::Text(value.to_owned()) };
        self.put(name, content);
    }

    /// Sets a variable to a secret value.
    pub fn hide(&mut self, name: &str) {
        self.put(name, Content::Secret);
    }

    /// Makes the value of a variable unknown from the start.
    pub fn leave_open(&mut self, name: &str, may_be: MayBe, why: String) {
        self.put(name, Content::Unknown { may_be, why, is_by_run: false });
    }

    /// Makes the value of a variable unknown.
    pub fn forget(&mut self, name: &str, may_be: MayBe, why: String) {
        self.put(name, Content::Unknown { may_be, why, is_by_run: true });
    }

    /// Makes all variables unknown that nothing has set.
    pub fn open_world(&mut self, why: String) {
        self.open_world = Some(why);
    }

    fn put(&mut self, name: &str, content: Content) {
        self.known.insert(name.to_lowercase(), Variable { name: name.to_owned(), content });
    }

    /// All that have a value, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.known.values().filter_map(|variable| Some((variable.name.as_str(), self.get(&variable.name)?)))
    }

    /// All whose value a step made unknown, with the reason, sorted by name.
    pub fn iter_unknown(&self) -> impl Iterator<Item = (&str, &str)> {
        self.known.values().filter_map(|variable| match &variable.content {
            Content::Unknown { why, is_by_run: true, .. } => Some((variable.name.as_str(), why.as_str())),
            _ => None,
        })
    }

    /// Value of a variable, in words.
    pub fn describe(&self, name: &str) -> String {
        let quoted = |value: &String| format!("`{value}`");
        match self.known.get(&name.to_lowercase()).map(|variable| &variable.content) {
            Some(Content::Text(value)) => return format!("`{name}` is `{value}`"),
            Some(Content::Secret | Content::Unknown { may_be: MayBe::Present, .. }) => {
                return format!("`{name}` is set");
            }
            Some(Content::Unknown { may_be: MayBe::Not(never), .. }) => return format!("`{name}` is not `{never}`"),
            Some(Content::Unknown { may_be: MayBe::OneOf(values), .. }) => {
                let words = values.iter().map(|value| value.as_ref().map_or_else(|| "not set".to_owned(), quoted));
                return format!("`{name}` is {}", words.collect::<Vec<_>>().join(" or "));
            }
            _ => {}
        }
        let is_explicit = self.known.contains_key(&name.to_lowercase());
        match (self.unknown(name), find(name).map(|row| row.source)) {
            (Some(why), _) => why,
            (None, Some(Source::Step(kind))) => format!("`{name}` is not set; a step of type `{kind}` sets it"),
            (None, _) if is_explicit => format!("`{name}` is not set"),
            (None, _) => format!("`{name}` is not set by the medium, the facts or a step"),
        }
    }

    /// Replaces each `%name%` by the value of that variable. A name that is not a variable stays, since the command
    /// interpreter has variables of its own.
    pub fn expand(&self, text: &str) -> Expanded {
        let (mut expanded, mut rest) = (String::new(), text);
        let (mut unknown, mut is_secret) = (None, false);
        while let Some(start) = rest.find('%') {
            let (before, after) = (&rest[..start], &rest[start + 1..]);
            expanded += before;
            let named = after.find('%').map(|end| (&after[..end], &after[end + 1..]));
            let is_variable = |name: &str| is_reserved(name) || self.known.contains_key(&name.to_lowercase());
            let named = named.filter(|(name, _)| is_variable(name));
            match named.map(|(name, after)| (name, after, self.get(name), self.unknown(name))) {
                Some((name, after_name, value, why)) if value.is_some() || why.is_some() => {
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
        assert_eq!(variables.unknown("Password"), None);
    }

    #[test]
    fn an_unknown_variable_compares_as_far_as_its_values_are_known() {
        let mut variables = Variables::default();
        let one_of = |values: &[&str]| MayBe::OneOf(values.iter().map(|value| Some((*value).to_owned())).collect());
        variables.leave_open("Any", MayBe::Anything, "any".into());
        variables.leave_open("There", MayBe::Present, "there".into());
        variables.leave_open("Code", MayBe::Not("0".into()), "code".into());
        variables.leave_open("Mode", one_of(&["UFD", "UFD+FORMAT"]), "mode".into());
        variables.leave_open("Uefi", MayBe::OneOf(vec![None, Some("false".into())]), "uefi".into());
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
