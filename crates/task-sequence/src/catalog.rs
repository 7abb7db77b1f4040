//! Catalog of step types: names, keys, the environment they run in, and their form in XML.
//!
//! This table is the single description of steps: the schema for editors, the checks of a sequence
//! file, the XML and the simulator all read it. Names and command lines are those that consoles
//! write ([`observed`]), or else those of the server WMI classes `SMS_TaskSequence_*`; [`Evidence`]
//! tells which. Limits are those of Microsoft's documentation of steps and variables.

pub mod common;
mod disks;
mod drivers;
mod evidence;
mod general;
mod images;
pub mod observed;
mod settings;
mod software;
mod state;

pub use evidence::Evidence;

/// System that a step needs to run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Environment {
    /// Windows PE only.
    WindowsPe,
    /// The full operating system only.
    FullOs,
    /// Both systems.
    Any,
}

/// A type of step.
#[derive(Debug)]
pub struct StepKind {
    /// Name in a sequence file: the noun of the step's cmdlet, such as `restart-computer`.
    pub name: &'static str,
    /// Name in the task sequence editor.
    pub title: &'static str,
    /// WMI class without the prefix `SMS_TaskSequence_`.
    pub class: &'static str,
    /// Purpose in a sentence or two.
    pub doc: &'static str,
    /// System that the step runs in.
    pub environment: Environment,
    /// Template of the command line that the engine runs.
    ///
    /// `{key}` inserts the value of a key. `[…]` is kept only if every key named in it is set,
    /// `[?key:…]` only if that key is set, and `[~…]` only if an older console wrote the step.
    /// `%…%` is a variable that the engine expands.
    pub command: &'static str,
    /// Exit codes that count as success unless the step sets `success-codes`.
    pub success_codes: &'static [i64],
    /// Keys of this type, besides those that every step has.
    pub keys: &'static [Key],
}

/// Key of a step.
#[derive(Debug)]
pub struct Key {
    /// Name in a sequence file.
    pub name: &'static str,
    /// Description, with limits and unit.
    pub doc: &'static str,
    /// Type of the value.
    pub value_type: ValueType,
    /// Property of the WMI class.
    pub property: &'static str,
    /// Task sequence variable; `None` if it is named like the property.
    pub variable: Option<&'static str>,
    /// Marks the variable as hidden in the XML.
    pub is_hidden: bool,
    /// Makes the step invalid without the key.
    pub is_required: bool,
    /// Default value, written as in TOML.
    pub default: Option<&'static str>,
    /// Keeps the variable out of the XML unless the key is set, even if it has a default.
    pub is_optional: bool,
    /// Marks a variable that follows from Microsoft's documentation of the class or of variables.
    pub is_documented: bool,
}

/// Type of a value.
#[derive(Debug)]
pub enum ValueType {
    /// Text of at most this many characters.
    Text(usize),
    /// Integer with its minimum and maximum.
    Integer(i64, i64),
    /// `true` or `false`.
    Boolean,
    /// One of several names.
    Choice(&'static [Choice]),
    /// ID of a package, image, driver package or task sequence.
    Package,
    /// Name or ID of an application.
    Application,
    /// Reference to a secret.
    Secret,
    /// Name of a task sequence variable.
    Variable,
    /// List of texts.
    Texts,
    /// List of package IDs.
    Packages,
    /// List of integers.
    Integers,
    /// Table of names and values.
    Map,
    /// Array of tables.
    Tables(&'static [Key]),
}

/// Named value of a key.
#[derive(Debug)]
pub struct Choice {
    /// Name in a sequence file.
    pub name: &'static str,
    /// Value in the XML.
    pub xml: &'static str,
    /// Description.
    pub doc: &'static str,
}

/// Class of the step that runs another task sequence.
const SUBSEQUENCE: &str = "SubTasksequence";

impl Environment {
    /// Value of the attribute `runIn`.
    pub fn attribute(self) -> &'static str {
        match self {
            Self::WindowsPe => "WinPE",
            Self::FullOs => "FullOS",
            Self::Any => "WinPEandFullOS",
        }
    }
}

/// Maximum length of a variable's value, in characters (R67).
pub const MAX_VALUE: usize = 4000;

/// Iterates over all types of steps, grouped as in the editor's menu.
pub fn kinds() -> impl Iterator<Item = &'static StepKind> {
    [general::KINDS, disks::KINDS, images::KINDS, settings::KINDS, drivers::KINDS, software::KINDS, state::KINDS]
        .into_iter()
        .flatten()
}

/// Finds a type of step by its name.
pub fn find(name: &str) -> Option<&'static StepKind> {
    kinds().find(|kind| kind.name == name)
}

/// Finds a type of step by its class, without the prefix `SMS_TaskSequence_`.
pub fn find_by_class(class: &str) -> Option<&'static StepKind> {
    kinds().find(|kind| kind.class == class)
}

/// Compares types by their names, which are unique.
impl PartialEq for StepKind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl StepKind {
    /// Finds a key by its name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// Name of the XML element.
    pub fn element(&self) -> &'static str {
        if self.class == SUBSEQUENCE { "subtasksequence" } else { "step" }
    }

    /// Value of the attribute `runIn`; child sequences have none.
    pub fn runs_in(&self) -> Option<&'static str> {
        match self.class {
            SUBSEQUENCE => None,
            // Consoles write both environments, although the step has no effect outside of Windows PE.
            "ApplyNetworkSettingsAction" => Some(Environment::Any.attribute()),
            _ => Some(self.environment.attribute()),
        }
    }

    /// Number of retries if `retries` is not set.
    pub fn retries(&self) -> i64 {
        match self.class {
            "InstallApplicationAction" | "InstallUpdateAction" => 2,
            _ => 0,
        }
    }
}

impl Key {
    const fn new(name: &'static str, property: &'static str, value_type: ValueType, doc: &'static str) -> Self {
        Self {
            name,
            doc,
            value_type,
            property,
            variable: None,
            is_hidden: false,
            is_required: false,
            default: None,
            is_optional: false,
            is_documented: false,
        }
    }

    /// Task sequence variable of the key.
    pub fn variable(&self) -> &'static str {
        self.variable.unwrap_or(self.property)
    }

    const fn in_variable(mut self, variable: &'static str) -> Self {
        self.variable = Some(variable);
        self
    }

    const fn hidden(mut self) -> Self {
        self.is_hidden = true;
        self
    }

    const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    const fn with_default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    const fn optional(mut self) -> Self {
        self.is_optional = true;
        self
    }

    const fn documented(mut self) -> Self {
        self.is_documented = true;
        self
    }
}

const fn choice(name: &'static str, xml: &'static str, doc: &'static str) -> Choice {
    Choice { name, xml, doc }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_documented() {
        fn check(of: &str, keys: &[Key]) {
            for (index, key) in keys.iter().enumerate() {
                assert!(keys[..index].iter().all(|other| other.name != key.name), "{of}: `{}` twice", key.name);
                assert!(key.doc.ends_with('.'), "{of}: `{}` has no doc", key.name);
                assert!(key.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{of}");
                match key.value_type {
                    ValueType::Tables(keys) => check(key.name, keys),
                    ValueType::Choice(choices) => {
                        assert!(key.default.is_none_or(|default| choices.iter().any(|one| one.name == default)));
                        assert!(choices.iter().all(|choice| choice.doc.ends_with('.')), "{of}: `{}`", key.name);
                    }
                    _ => {}
                }
            }
        }
        let all: Vec<_> = kinds().collect();
        for (index, kind) in all.iter().enumerate() {
            let is_new = |other: &&StepKind| other.name != kind.name && other.class != kind.class;
            assert!(all[..index].iter().all(is_new), "`{}` twice", kind.name);
            assert!(kind.doc.ends_with('.'), "`{}` has no doc", kind.name);
            check(kind.name, kind.keys);
            // These keys belong to every step.
            let every =
                common::COMMON_KEYS.iter().map(|common| common.0).chain(common::ACTION_KEYS.iter().map(|key| key.name));
            for name in every {
                assert!(kind.key(name).is_none(), "{}: `{name}` is every step's", kind.name);
            }
        }
        assert_eq!(all.len(), 36);
    }
}
