//! Task sequences of Configuration Manager: an ordered tree of steps and groups, with conditions.
//!
//! [`read`] reads a sequence file as TOML whose strings are rendered for a site, and records the
//! place of each value for messages. [`export`] reads sequences that a console exported, which have
//! no places. The [`catalog`] describes all types of steps.

pub mod catalog;
pub mod compare;
pub mod condition;
pub mod difference;
pub mod encoding;
pub mod engine;
pub mod error;
pub mod export;
pub mod limits;
pub mod mdt;
mod media_kind;
mod pattern;
pub mod policy;
pub mod reach;
mod read;
pub mod read_only;
pub mod rules;
mod schema;
mod start_source;
#[cfg(test)]
mod strategy;
pub mod truth;
pub mod wql;
mod write;
pub mod xml;

use std::collections::BTreeMap;

use authoring::SecretRef;
use authoring::problem::Place;

pub use condition::Condition;
pub use error::{Error, Result};
pub use media_kind::MediaKind;
pub use read::table::is_package;
pub use read::{is_sequence_file, is_sequence_text, read};
pub use schema::schema;
pub use start_source::needs_windows;
pub use write::write;

/// Task sequence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sequence {
    /// Name: 1 to 50 characters (R74).
    pub name: String,
    /// Description: at most 512 characters (R74).
    pub description: String,
    /// Package ID of the boot image, if there is one.
    pub boot_image: Option<String>,
    /// Version of the XML if it differs from [`xml::VERSION`], kept as it was imported.
    pub xml_version: Option<String>,
    /// Steps and groups, in order.
    pub steps: Vec<Step>,
    /// References that belong to no step, kept as they were imported.
    pub references: Vec<xml::Reference>,
    /// Variables of the task sequence that belong to no step, kept as they were imported.
    pub variables: Vec<Variable>,
    /// References and variables that follow from the steps, but that the imported sequence did not
    /// have.
    pub omitted: Vec<String>,
    /// Places of the values in a sequence file.
    pub places: Places,
}

/// Step or group of a task sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Name: 1 to 50 characters (R75). Steps and groups may have equal names.
    pub name: String,
    /// Description: at most 255 characters (R75).
    pub description: String,
    /// Makes the engine skip the step or group.
    pub is_disabled: bool,
    /// Makes the task sequence continue if the step fails.
    pub continues_on_error: bool,
    /// Condition for the step to run.
    pub condition: Option<Condition>,
    /// Action or children of the step.
    pub body: Body,
    /// Attributes of the XML element that differ from those that tsmedia writes, kept as they were
    /// imported.
    pub attributes: BTreeMap<String, String>,
    /// Places of the values in a sequence file.
    pub places: Places,
}

/// Contents of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Group with its children.
    Group(Vec<Step>),
    /// Step of a type in the catalog.
    Action(Box<Action>),
    /// Step of a class that the catalog does not have, kept as it was exported.
    Foreign(Box<Foreign>),
}

/// Step of a type in the catalog.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// Type of step.
    pub kind: &'static catalog::StepKind,
    /// Values of the type's keys, by name.
    pub values: Values,
    /// Time limit in minutes, 1 to 999 (R110); `None` for no limit.
    pub timeout: Option<i64>,
    /// Exit codes that count as success; `None` for those of the type.
    pub success_codes: Option<Vec<i64>>,
    /// Number of retries after a failure, 0 to 5 (R114); `None` for that of the type.
    pub retries: Option<i64>,
    /// Command line that the engine runs, if it differs from the one that follows from the type and
    /// its values.
    pub command: Option<String>,
    /// Variables that the catalog does not have, kept as they were exported.
    pub variables: Vec<Variable>,
    /// Variables with defaults and switches of the command line that the imported step did not
    /// have.
    pub omitted: Vec<String>,
}

/// Step of a class that the catalog does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Class with its prefix; empty for an element that is not a step.
    pub class: String,
    /// XML of the whole element, for an element that is not a step.
    pub xml: Option<String>,
    /// Command line that the engine runs.
    pub command: String,
    /// Environment that the step runs in.
    pub environment: catalog::Environment,
    /// Variables, including those without a value; `None` if the element has no list of variables.
    pub variables: Option<Vec<Variable>>,
}

/// Variable of a step in its XML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Name of the task sequence variable.
    pub name: String,
    /// Property of the WMI class.
    pub property: String,
    /// Marks the variable as hidden.
    pub is_hidden: bool,
    /// Value of the variable.
    pub value: String,
}

/// Values by key.
pub type Values = BTreeMap<&'static str, Value>;

/// Value of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text, or the name of a choice, package, application or variable.
    Text(String),
    /// Integer.
    Integer(i64),
    /// Boolean.
    Boolean(bool),
    /// Reference to a secret.
    Secret(SecretRef),
    /// List of texts.
    Texts(Vec<String>),
    /// List of integers.
    Integers(Vec<i64>),
    /// Names with a value each, in order. Names are unique.
    Map(Vec<(String, String)>),
    /// Array of tables.
    Tables(Vec<Values>),
}

/// Places in a file where a step or sequence and its values are written.
///
/// All are equal, so that comparisons of steps ignore them.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Header of the table; `None` if the step comes from an import.
    whole: Option<Place>,
    /// Places of values by key, such as `partitions/0/size` for the size of the first partition.
    parts: BTreeMap<String, Place>,
}

impl PartialEq for Places {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Places {
    /// Returns the place of the header.
    pub fn whole(&self) -> Option<Place> {
        self.whole.clone()
    }

    /// Returns the place of a value, or of the closest table around it that has one.
    pub fn part(&self, key: &str) -> Option<Place> {
        let mut key = key;
        loop {
            match (self.parts.get(key), key.rfind('/')) {
                (Some(place), _) => return Some(place.clone()),
                (None, Some(at)) => key = &key[..at],
                (None, None) => return self.whole(),
            }
        }
    }
}

impl Step {
    /// Returns the action of a step that is of a type in the catalog.
    pub fn action(&self) -> Option<&Action> {
        match &self.body {
            Body::Action(action) => Some(action),
            Body::Group(_) | Body::Foreign(_) => None,
        }
    }

    /// Returns the environment that a step runs in; `None` for a group.
    pub fn environment(&self) -> Option<catalog::Environment> {
        match &self.body {
            Body::Group(_) => None,
            Body::Action(action) => Some(action.kind.environment),
            Body::Foreign(foreign) => Some(foreign.environment),
        }
    }

    /// Returns the children of a group.
    pub fn children(&self) -> &[Step] {
        match &self.body {
            Body::Group(steps) => steps,
            Body::Action(_) | Body::Foreign(_) => &[],
        }
    }
}

impl Action {
    /// Returns `true` for a step of this type.
    pub fn is(&self, kind: &str) -> bool {
        self.kind.name == kind
    }

    /// Returns the text of a key.
    pub fn text(&self, key: &str) -> Option<&str> {
        text(&self.values, key)
    }

    /// Returns the integer of a key.
    pub fn integer(&self, key: &str) -> Option<i64> {
        match self.values.get(key) {
            Some(Value::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    /// Returns the boolean of a key, or its default.
    pub fn is_set(&self, key: &str) -> bool {
        match self.values.get(key) {
            Some(Value::Boolean(truth)) => *truth,
            _ => self.kind.key(key).is_some_and(|key| key.default == Some("true")),
        }
    }

    /// Returns the tables of a key.
    pub fn tables(&self, key: &str) -> &[Values] {
        match self.values.get(key) {
            Some(Value::Tables(tables)) => tables,
            _ => &[],
        }
    }

    /// Returns the content that the step needs: package IDs and applications, in the order of its
    /// keys.
    pub fn content(&self) -> Vec<String> {
        let mut ids = Vec::new();
        for key in self.kind.keys {
            match (&key.value_type, self.values.get(key.name)) {
                (catalog::ValueType::Package, Some(Value::Text(id))) if !self.is("run-task-sequence") => {
                    ids.push(id.clone())
                }
                (catalog::ValueType::Packages, Some(Value::Texts(packages))) => ids.extend_from_slice(packages),
                (catalog::ValueType::Tables(_), Some(Value::Tables(tables))) if self.is("install-application") => {
                    ids.extend(tables.iter().filter_map(|table| text(table, "id")).map(str::to_owned));
                }
                _ => {}
            }
        }
        ids
    }

    /// Returns the exit codes that count as success.
    pub fn success_codes(&self) -> &[i64] {
        self.success_codes.as_deref().unwrap_or(self.kind.success_codes)
    }
}

/// Returns the text of a key in a table.
pub fn text<'a>(values: &'a Values, key: &str) -> Option<&'a str> {
    match values.get(key) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// Returns the exit code of a command line that does nothing but exit, such as `cmd /c exit 1`.
pub fn literal_exit_code(command: &str) -> Option<i64> {
    let words: Vec<_> = command.split_whitespace().map(str::to_lowercase).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["cmd" | "cmd.exe", "/c", "exit", code] | ["cmd" | "cmd.exe", "/c", "exit", "/b", code] => code.parse().ok(),
        _ => None,
    }
}

impl Sequence {
    /// Returns the number of steps, excluding groups.
    pub fn n_steps(&self) -> usize {
        self.walk().iter().filter(|(_, step)| !matches!(step.body, Body::Group(_))).count()
    }

    /// Returns all steps and groups in the order of the file, each with the groups around it,
    /// outermost first.
    pub fn walk(&self) -> Vec<(Vec<&Step>, &Step)> {
        fn below<'a>(steps: &'a [Step], around: &mut Vec<&'a Step>, found: &mut Vec<(Vec<&'a Step>, &'a Step)>) {
            for step in steps {
                found.push((around.clone(), step));
                around.push(step);
                below(step.children(), around, found);
                around.pop();
            }
        }
        let mut found = Vec::new();
        below(&self.steps, &mut Vec::new(), &mut found);
        found
    }

    /// Returns the steps and groups that are neither disabled nor in a disabled group.
    pub fn enabled(&self) -> Vec<&Step> {
        let is_enabled = |(around, step): &(Vec<&Step>, &Step)| !around.iter().chain([step]).any(|one| one.is_disabled);
        self.walk().into_iter().filter(is_enabled).map(|(_, step)| step).collect()
    }

    /// Returns the secrets of all steps: the step, its key and the reference, in order of steps and
    /// keys.
    pub fn secrets(&self) -> Vec<(&Step, &'static str, &SecretRef)> {
        let mut found = Vec::new();
        for (_, step) in self.walk() {
            let Some(action) = step.action() else { continue };
            found.extend(action.kind.keys.iter().filter_map(|key| match action.values.get(key.name) {
                Some(Value::Secret(reference)) => Some((step, key.name, reference)),
                _ => None,
            }));
        }
        found
    }
}
