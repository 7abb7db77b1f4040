//! Every type of step: its name, what it may say, where it runs, and how Configuration Manager writes it.
//!
//! This table is the one description of steps. The schema that editors use, the checks of a sequence file, the XML
//! and the simulator all read it. Names and command lines are those that consoles write ([`seen`]); of options that
//! were not seen, those of the `SMS_TaskSequence_*` server WMI classes. Each entry knows which ([`Evidence`]). Limits
//! are those of the documentation of steps and variables.

pub mod common;
mod disks;
mod drivers;
mod evidence;
mod general;
mod images;
pub mod seen;
mod settings;
mod software;
mod state;

pub use evidence::Evidence;

/// Which system a step needs to run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Environment {
    /// Windows PE only.
    WindowsPe,
    /// The full operating system only.
    FullOs,
    /// Either.
    Any,
}

/// A type of step.
#[derive(Debug)]
pub struct Kind {
    /// What a sequence file calls it: the noun of its cmdlet, such as `restart-computer`.
    pub name: &'static str,
    /// What the task sequence editor calls it.
    pub title: &'static str,
    /// Its class without the prefix `SMS_TaskSequence_`.
    pub class: &'static str,
    /// What it is for, in a sentence or two.
    pub doc: &'static str,
    /// Where it runs.
    pub environment: Environment,
    /// The command line that the engine runs. `{key}` is what a key says; `[…]` is there only if every key named in
    /// it says something, `[?key:…]` only if that key does, `[~…]` unless an older console wrote the step; `%` is what
    /// the class itself has (a variable that the engine puts in).
    pub command: &'static str,
    /// Exit codes that are a success unless the step says otherwise.
    pub success_codes: &'static [i64],
    /// What it may say besides what every step may.
    pub keys: &'static [Key],
}

/// Something that a step says.
#[derive(Debug)]
pub struct Key {
    /// Its name in a sequence file.
    pub name: &'static str,
    /// What it means, with its limits.
    pub doc: &'static str,
    /// How it is written.
    pub form: Form,
    /// The property of the class.
    pub property: &'static str,
    /// The variable of the task sequence; nothing where it is named like the property.
    pub variable: Option<&'static str>,
    /// Whether the variable is marked as hidden in the XML.
    pub is_hidden: bool,
    /// Whether a step can't do without it.
    pub is_required: bool,
    /// What holds if it is not said, as TOML has it.
    pub default: Option<&'static str>,
    /// Left out of the XML unless it is set, even if there is a default.
    pub is_optional: bool,
    /// The variable follows from Microsoft's documentation of the class or of variables.
    pub is_documented: bool,
}

/// How a value is written.
#[derive(Debug)]
pub enum Form {
    /// Text of so many characters at most.
    Text(usize),
    /// A whole number, at least and at most.
    Integer(i64, i64),
    /// `true` or `false`.
    Boolean,
    /// One of several words.
    Choice(&'static [Choice]),
    /// The ID of a package, image, driver package or task sequence.
    Package,
    /// A name or number of an application.
    Application,
    /// Text that nobody may read: a reference to it.
    Secret,
    /// The name of a variable.
    Variable,
    /// A list of texts.
    Texts,
    /// A list of package IDs.
    Packages,
    /// A list of whole numbers.
    Integers,
    /// Names with a value each.
    Map,
    /// A list of tables.
    Tables(&'static [Key]),
}

/// A word that a key may say.
#[derive(Debug)]
pub struct Choice {
    /// In a sequence file.
    pub name: &'static str,
    /// In the XML.
    pub xml: &'static str,
    /// What it means.
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

/// The longest value of a variable, in characters (R67).
pub const MAX_VALUE: usize = 4000;

/// All types of steps, as the editor's menu groups them.
pub fn kinds() -> impl Iterator<Item = &'static Kind> {
    [general::KINDS, disks::KINDS, images::KINDS, settings::KINDS, drivers::KINDS, software::KINDS, state::KINDS]
        .into_iter()
        .flatten()
}

/// The type of step of a name.
pub fn named(name: &str) -> Option<&'static Kind> {
    kinds().find(|kind| kind.name == name)
}

/// The type of step of a class, without its prefix.
pub fn of_class(class: &str) -> Option<&'static Kind> {
    kinds().find(|kind| kind.class == class)
}

/// Types are told apart by their names.
impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Kind {
    /// What it may say under a name.
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
            // Consoles mark it for both, though it does nothing outside of Windows PE.
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
    const fn new(name: &'static str, property: &'static str, form: Form, doc: &'static str) -> Self {
        Self {
            name,
            doc,
            form,
            property,
            variable: None,
            is_hidden: false,
            is_required: false,
            default: None,
            is_optional: false,
            is_documented: false,
        }
    }

    /// The variable that holds it.
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

    const fn or(mut self, default: &'static str) -> Self {
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
                match key.form {
                    Form::Tables(keys) => check(key.name, keys),
                    Form::Choice(choices) => {
                        assert!(key.default.is_none_or(|default| choices.iter().any(|one| one.name == default)));
                        assert!(choices.iter().all(|choice| choice.doc.ends_with('.')), "{of}: `{}`", key.name);
                    }
                    _ => {}
                }
            }
        }
        let all: Vec<_> = kinds().collect();
        for (index, kind) in all.iter().enumerate() {
            let is_new = |other: &&Kind| other.name != kind.name && other.class != kind.class;
            assert!(all[..index].iter().all(is_new), "`{}` twice", kind.name);
            assert!(kind.doc.ends_with('.'), "`{}` has no doc", kind.name);
            check(kind.name, kind.keys);
            // A step says these as well.
            let every =
                common::COMMON.iter().map(|common| common.0).chain(common::OF_ACTIONS.iter().map(|key| key.name));
            for name in every {
                assert!(kind.key(name).is_none(), "{}: `{name}` is every step's", kind.name);
            }
        }
        assert_eq!(all.len(), 36);
    }
}
