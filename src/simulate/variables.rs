//! The variables of a task sequence: the case of their names does not count.

use std::collections::BTreeMap;

/// Variables by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, (String, String)>);

impl Variables {
    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(&name.to_lowercase()).map(|(_, value)| value.as_str())
    }

    /// Sets a variable; an empty value deletes it.
    pub fn set(&mut self, name: &str, value: &str) {
        match value {
            "" => drop(self.0.remove(&name.to_lowercase())),
            value => drop(self.0.insert(name.to_lowercase(), (name.to_owned(), value.to_owned()))),
        }
    }

    /// All of them, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.values().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A text with each `%name%` replaced by the value of that variable. What is no variable stays, since the command
    /// interpreter has variables of its own.
    pub fn expand(&self, text: &str) -> String {
        let (mut expanded, mut rest) = (String::new(), text);
        while let Some(start) = rest.find('%') {
            let (before, after) = (&rest[..start], &rest[start + 1..]);
            expanded += before;
            match after.find('%').map(|end| (&after[..end], &after[end + 1..])) {
                Some((name, behind)) if self.get(name).is_some() => {
                    expanded += self.get(name).unwrap_or_default();
                    rest = behind;
                }
                _ => {
                    expanded.push('%');
                    rest = after;
                }
            }
        }
        expanded + rest
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
    }
}
