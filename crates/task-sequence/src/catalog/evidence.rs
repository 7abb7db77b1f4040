//! Evidence for the XML names in the catalog.

use std::fmt;

use super::observed::{OBSERVED, ObservedClass};
use super::{Key, StepKind, ValueType};

/// Evidence for the XML form of a step or of one of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Seen in exports of consoles, this many times.
    Seen(u32),
    /// Follows from Microsoft's documentation, but was not seen.
    Documented,
    /// Inferred from the names of similar steps or keys.
    Inferred,
}

impl fmt::Display for Evidence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seen(1) => formatter.write_str("seen once"),
            Self::Seen(count) => write!(formatter, "seen {count} times"),
            Self::Documented => formatter.write_str("documented"),
            Self::Inferred => formatter.write_str("inferred"),
        }
    }
}

impl StepKind {
    /// Returns the evidence for the class and its command line.
    pub fn evidence(&self) -> Evidence {
        class(self).map_or(Evidence::Inferred, |class| Evidence::Seen(class.count))
    }

    /// Returns the evidence for the variable of a key.
    ///
    /// A key with a list of tables is as certain as its elements.
    pub fn key_evidence(&self, key: &Key) -> Evidence {
        self.variable_evidence(key.variable(), key)
    }

    /// Returns the evidence for the variables of `key` in the elements of `list`.
    pub fn element_evidence(&self, list: &Key, key: &Key) -> Evidence {
        match list.name {
            // All rules are one XML document in one variable, so their keys have no variables of their own.
            "rules" => self.key_evidence(list),
            _ => self.variable_evidence(&format!("{}#{}", list.variable(), key.variable()), key),
        }
    }

    fn variable_evidence(&self, name: &str, key: &Key) -> Evidence {
        let variables = class(self).map_or(&[][..], |class| class.variables);
        match variables.iter().find(|variable| variable.name == name) {
            Some(variable) => Evidence::Seen(variable.count),
            None if key.is_documented => Evidence::Documented,
            None => Evidence::Inferred,
        }
    }

    /// Lists all keys with their evidence. Keys of elements follow their list, as
    /// `partitions.size`.
    pub fn evidence_of_keys(&self) -> Vec<(String, Evidence)> {
        let mut all = Vec::new();
        for key in self.keys {
            all.push((key.name.to_owned(), self.key_evidence(key)));
            if let ValueType::Tables(keys) = key.value_type {
                let of_element = |own: &Key| (format!("{}.{}", key.name, own.name), self.element_evidence(key, own));
                all.extend(keys.iter().map(of_element));
            }
        }
        all
    }
}

fn class(kind: &StepKind) -> Option<&'static ObservedClass> {
    OBSERVED.iter().find(|class| class.class == kind.class)
}
