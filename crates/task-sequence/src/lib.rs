//! Task sequences, in Configuration Manager's words: steps and groups in one ordered tree, with conditions.
//!
//! A sequence is read from a file ([`read`]) like a manifest: TOML whose strings are rendered for a site, with places
//! for complaints. What a step may say stands in the [`catalog`]. A sequence may also come from elsewhere (an export of
//! the console); it then has no places.

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
mod started;
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
pub use read::{is_one, is_one_at, read};
pub use schema::schema;
pub use started::needs_windows;
pub use write::write;

/// A task sequence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sequence {
    /// Its name: 1 to 50 characters (R74).
    pub name: String,
    /// What it is for: 512 characters at most (R74).
    pub description: String,
    /// The package ID of its boot image, if it says one.
    pub boot_image: Option<String>,
    /// Version of its XML if it is not the current one ([`xml::VERSION`]), kept as it was imported.
    pub xml_version: Option<String>,
    /// Steps and groups, in their order.
    pub steps: Vec<Step>,
    /// References that no step makes, kept as they were imported.
    pub references: Vec<xml::Reference>,
    /// Variables of the whole sequence that no step of it makes, kept as they were imported.
    pub variables: Vec<Variable>,
    /// References and variables of the whole sequence that steps make, and that the import did not have.
    pub omitted: Vec<String>,
    /// Where each part of it was written.
    pub written: Written,
}

/// A step, or a group of steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its name: 1 to 50 characters (R75). Groups and steps may share names.
    pub name: String,
    /// What it is for: 255 characters at most (R75).
    pub description: String,
    /// Whether it is passed over.
    pub is_disabled: bool,
    /// Whether the sequence goes on when it fails.
    pub continues_on_error: bool,
    /// What has to hold for it to run.
    pub condition: Option<Condition>,
    /// What it does.
    pub body: Body,
    /// Attributes of its element that are not as tsmedia would write them, kept as they were imported.
    pub attributes: BTreeMap<String, String>,
    /// Where each part of it was written.
    pub written: Written,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Runs other steps.
    Group(Vec<Step>),
    /// Runs a program of the engine.
    Action(Box<Action>),
    /// A step of a class that the catalog does not have, kept as it was exported.
    Foreign(Box<Foreign>),
}

/// A step that does something by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// Its type.
    pub kind: &'static catalog::Kind,
    /// What it says, by the names of its type's keys.
    pub values: Values,
    /// After how many minutes it is stopped: 1 to 999 (R110); never unless said.
    pub timeout: Option<i64>,
    /// Which exit codes are a success; those of its type unless said.
    pub success_codes: Option<Vec<i64>>,
    /// How often it is tried again: 0 to 5 (R114); as its type has it unless said.
    pub retries: Option<i64>,
    /// The command line that the engine runs, if it is not the one that its type and values make.
    pub command: Option<String>,
    /// Variables of it that the catalog does not have, kept as they were exported.
    pub variables: Vec<Variable>,
    /// Variables with defaults, and switches of the command line, that the import did not have.
    pub omitted: Vec<String>,
}

/// A step of a class that the catalog does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Its class, with its prefix; empty for an element that is no step.
    pub class: String,
    /// The whole element, if it is no step.
    pub xml: Option<String>,
    /// The command line that the engine runs.
    pub command: String,
    /// Where it runs.
    pub environment: catalog::Environment,
    /// Its variables, those without a value included; `None` if it has no list of variables.
    pub variables: Option<Vec<Variable>>,
}

/// A variable of a step as the XML has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The variable of the task sequence.
    pub name: String,
    /// The property of the class.
    pub property: String,
    /// Whether it is marked as hidden.
    pub is_hidden: bool,
    /// Its value.
    pub value: String,
}

/// What a step says, by name.
pub type Values = BTreeMap<&'static str, Value>;

/// What a key of a step says.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text: of `Text`, `Package`, `Application`, `Variable`, and the name of a `Choice`.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// A reference to what nobody may read.
    Secret(SecretRef),
    /// Several texts.
    Texts(Vec<String>),
    /// Several whole numbers.
    Integers(Vec<i64>),
    /// Names with a value each, in their order; no name twice.
    Map(Vec<(String, String)>),
    /// Several tables.
    Tables(Vec<Values>),
}

/// Where a part of a sequence was written, for complaints. It decides nothing: all of them are equal.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// The header of the table; nothing for what nobody wrote.
    whole: Option<Place>,
    /// Its values, by their keys. `partitions/0/size` is the size of the first partition.
    parts: BTreeMap<String, Place>,
}

impl PartialEq for Written {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Written {
    /// The header.
    pub fn whole(&self) -> Option<Place> {
        self.whole.clone()
    }

    /// The value of a key, or the header where it does not say it.
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
    /// What it does by itself, if it is no group.
    pub fn action(&self) -> Option<&Action> {
        match &self.body {
            Body::Action(action) => Some(action),
            Body::Group(_) | Body::Foreign(_) => None,
        }
    }

    /// Where it runs, if it is no group.
    pub fn environment(&self) -> Option<catalog::Environment> {
        match &self.body {
            Body::Group(_) => None,
            Body::Action(action) => Some(action.kind.environment),
            Body::Foreign(foreign) => Some(foreign.environment),
        }
    }

    /// The steps in it, if it is a group.
    pub fn children(&self) -> &[Step] {
        match &self.body {
            Body::Group(steps) => steps,
            Body::Action(_) | Body::Foreign(_) => &[],
        }
    }
}

impl Action {
    /// Whether it is a step of this type.
    pub fn is(&self, kind: &str) -> bool {
        self.kind.name == kind
    }

    /// The text that a key says.
    pub fn text(&self, key: &str) -> Option<&str> {
        text(&self.values, key)
    }

    /// The whole number that a key says.
    pub fn integer(&self, key: &str) -> Option<i64> {
        match self.values.get(key) {
            Some(Value::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    /// What a key that is `true` or `false` says, or what holds if it says nothing.
    pub fn is_set(&self, key: &str) -> bool {
        match self.values.get(key) {
            Some(Value::Boolean(truth)) => *truth,
            _ => self.kind.key(key).is_some_and(|key| key.default == Some("true")),
        }
    }

    /// The tables that a key says.
    pub fn tables(&self, key: &str) -> &[Values] {
        match self.values.get(key) {
            Some(Value::Tables(tables)) => tables,
            _ => &[],
        }
    }

    /// The content that it needs: package IDs and applications, in the order of its keys.
    pub fn content(&self) -> Vec<String> {
        let mut ids = Vec::new();
        for key in self.kind.keys {
            match (&key.form, self.values.get(key.name)) {
                (catalog::Form::Package, Some(Value::Text(id))) if !self.is("run-task-sequence") => {
                    ids.push(id.clone())
                }
                (catalog::Form::Packages, Some(Value::Texts(packages))) => ids.extend_from_slice(packages),
                (catalog::Form::Tables(_), Some(Value::Tables(tables))) if self.is("install-application") => {
                    ids.extend(tables.iter().filter_map(|table| text(table, "id")).map(str::to_owned));
                }
                _ => {}
            }
        }
        ids
    }

    /// The exit codes that are a success.
    pub fn success_codes(&self) -> &[i64] {
        self.success_codes.as_deref().unwrap_or(self.kind.success_codes)
    }
}

/// The text that a key of a table says.
pub fn text<'a>(values: &'a Values, key: &str) -> Option<&'a str> {
    match values.get(key) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// The exit code that a command line says itself: `cmd /c exit 1`.
pub fn said_exit_code(command: &str) -> Option<i64> {
    let words: Vec<_> = command.split_whitespace().map(str::to_lowercase).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["cmd" | "cmd.exe", "/c", "exit", code] | ["cmd" | "cmd.exe", "/c", "exit", "/b", code] => code.parse().ok(),
        _ => None,
    }
}

impl Sequence {
    /// How many steps it has, groups not counted.
    pub fn n_steps(&self) -> usize {
        self.walk().iter().filter(|(_, step)| !matches!(step.body, Body::Group(_))).count()
    }

    /// Every step and group, in the order of the file, each with the groups around it, the outermost first.
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

    /// The steps and groups that are not disabled, nor in a group that is.
    pub fn enabled(&self) -> Vec<&Step> {
        let is_enabled = |(around, step): &(Vec<&Step>, &Step)| !around.iter().chain([step]).any(|one| one.is_disabled);
        self.walk().into_iter().filter(is_enabled).map(|(_, step)| step).collect()
    }

    /// What steps say by secrets: the step, its key and the reference, in the order of steps and of the keys of their
    /// types.
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
