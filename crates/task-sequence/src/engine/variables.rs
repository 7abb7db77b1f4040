//! The variables of a task sequence: the case of their names does not count.

use std::collections::BTreeMap;

/// What is shown in place of a value that nobody may read.
pub const HIDDEN: &str = "********";

/// Variables by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, Variable>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Variable {
    /// Its name, as whoever set it last wrote it.
    name: String,
    value: String,
    /// Whether its value is not known, but that there is one.
    is_hidden: bool,
}

impl Variables {
    /// The value of a variable, or [`HIDDEN`].
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(&name.to_lowercase()).map(|variable| variable.value.as_str())
    }

    /// Whether it is there and its value is not known.
    pub fn is_hidden(&self, name: &str) -> bool {
        self.0.get(&name.to_lowercase()).is_some_and(|variable| variable.is_hidden)
    }

    /// Sets a variable; an empty value deletes it.
    pub fn set(&mut self, name: &str, value: &str) {
        let variable = Variable { name: name.to_owned(), value: value.to_owned(), is_hidden: false };
        match value {
            "" => drop(self.0.remove(&name.to_lowercase())),
            _ => drop(self.0.insert(name.to_lowercase(), variable)),
        }
    }

    /// Sets a variable to a value that nobody may read.
    pub fn hide(&mut self, name: &str) {
        let variable = Variable { name: name.to_owned(), value: HIDDEN.to_owned(), is_hidden: true };
        self.0.insert(name.to_lowercase(), variable);
    }

    /// All of them, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.values().map(|variable| (variable.name.as_str(), variable.value.as_str()))
    }

    /// A text with each `%name%` replaced by the value of that variable. What is no variable stays, since the command
    /// interpreter has variables of its own.
    pub fn expand(&self, text: &str) -> String {
        self.expanded(text).0
    }

    /// Whether a text names a variable whose value is not known, so that nobody knows what it becomes.
    pub fn takes_hidden(&self, text: &str) -> bool {
        self.expanded(text).1
    }

    fn expanded(&self, text: &str) -> (String, bool) {
        let (mut expanded, mut rest, mut takes_hidden) = (String::new(), text, false);
        while let Some(start) = rest.find('%') {
            let (before, after) = (&rest[..start], &rest[start + 1..]);
            expanded += before;
            match after.find('%').map(|end| (&after[..end], &after[end + 1..])) {
                Some((name, behind)) if self.get(name).is_some() => {
                    expanded += self.get(name).unwrap_or_default();
                    takes_hidden |= self.is_hidden(name);
                    rest = behind;
                }
                _ => {
                    expanded.push('%');
                    rest = after;
                }
            }
        }
        (expanded + rest, takes_hidden)
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
        assert_eq!(variables.expand("100% of %OSDCOMPUTERNAME%, %TEMP%"), "100% of PC-2, %TEMP%");
        variables.set("OSDComputerName", "");
        assert_eq!(variables.get("OSDComputerName"), None);
        variables.hide("Password");
        assert_eq!(variables.get("password"), Some(HIDDEN));
        assert!(variables.takes_hidden("/p:%PASSWORD%") && !variables.takes_hidden("%OSDComputerName% 5%"));
        variables.set("Password", "known");
        assert!(!variables.is_hidden("Password"));
    }
}
