//! Steps that are made of what a step of the toolkit says.

use crate::catalog::{self, Form, Key};
use crate::read::values::is_variable;
use crate::xml::{MAX_DESCRIPTION, MAX_NAME, NAMELESS};
use crate::{Action, Body, Step, Value, Values, is_package};
use authoring::SecretRef;

/// A step of the catalog that is being made. Keys that the catalog lacks and values that a key can't hold are left out.
pub struct Draft {
    action: Action,
}

impl Draft {
    /// Begins a step of a type. `None` if the catalog lacks the type.
    pub fn new(kind: &str) -> Option<Self> {
        let kind = catalog::named(kind)?;
        let (values, variables, omitted) = (Values::new(), Vec::new(), Vec::new());
        let (timeout, success_codes, retries, command) = (None, None, None, None);
        Some(Self { action: Action { kind, values, timeout, success_codes, retries, command, variables, omitted } })
    }

    /// Sets a key from the text of the toolkit.
    pub fn set(mut self, key: &str, text: &str) -> Self {
        if let Some(key) = self.action.kind.key(key)
            && let Some(value) = value(key, text)
        {
            self.action.values.insert(key.name, value);
        }
        self
    }

    /// Sets the script of a step, lines and all.
    pub fn script(mut self, script: &str) -> Self {
        if let Some(key) = self.action.kind.key("script") {
            self.action.values.insert(key.name, Value::Text(script.to_owned()));
        }
        self
    }

    /// Sets a key to a list of tables.
    pub fn tables(mut self, key: &str, tables: Vec<Values>) -> Self {
        if let Some(key) = self.action.kind.key(key) {
            self.action.values.insert(key.name, Value::Tables(tables));
        }
        self
    }

    /// Sets a key to a secret that an environment variable holds.
    pub fn secret(mut self, key: &str, variable: &str) -> Self {
        if let Some(key) = self.action.kind.key(key) {
            let reference = SecretRef { env: Some(variable.to_owned()), file: None, command: None };
            self.action.values.insert(key.name, Value::Secret(reference));
        }
        self
    }

    /// Sets the exit codes that are a success, as the toolkit lists them.
    pub fn success_codes(mut self, list: &str) -> Self {
        let codes: Option<Vec<i64>> =
            list.split([' ', ',', ';']).filter(|code| !code.is_empty()).map(|code| code.parse().ok()).collect();
        let is_own = |codes: &Vec<i64>| !codes.is_empty() && codes != self.action.kind.success_codes;
        self.action.success_codes = codes.filter(is_own);
        self
    }

    /// Returns `true` if a key has a value.
    pub fn has(&self, key: &str) -> bool {
        self.action.values.contains_key(key)
    }

    /// Returns `true` if any key has a value.
    pub fn has_any(&self) -> bool {
        !self.action.values.is_empty()
    }

    /// Finishes the step.
    pub fn step(self, name: &str, description: &str) -> Step {
        step(name, description, Body::Action(Box::new(self.action)))
    }
}

/// A step without conditions. Names and descriptions are cut to what a site stores.
pub fn step(name: &str, description: &str, body: Body) -> Step {
    let name = if name.trim().is_empty() { NAMELESS } else { name };
    Step {
        name: name.chars().take(MAX_NAME).collect(),
        description: description.chars().take(MAX_DESCRIPTION).collect(),
        is_disabled: false,
        continues_on_error: false,
        condition: None,
        body,
        attributes: Default::default(),
        written: Default::default(),
    }
}

/// The values of a table, of pairs of key and text.
pub fn table(keys: &'static [Key], pairs: &[(&str, &str)]) -> Values {
    let mut values = Values::new();
    for (name, text) in pairs {
        let key = keys.iter().find(|key| key.name == *name);
        values.extend(key.and_then(|key| Some((key.name, value(key, text)?))));
    }
    values
}

/// The keys of the tables that a key of a type holds.
pub fn keys_of_tables(kind: &str, key: &str) -> &'static [Key] {
    match catalog::named(kind).and_then(|kind| kind.key(key)).map(|key| &key.form) {
        Some(Form::Tables(keys)) => keys,
        _ => &[],
    }
}

/// The value of a text. Words and booleans are taken in either case; empty texts say nothing.
fn value(key: &Key, text: &str) -> Option<Value> {
    let text = text.trim();
    // What holds anyway need not be said.
    if text.is_empty() || !key.is_required && key.default.is_some_and(|default| default.eq_ignore_ascii_case(text)) {
        return None;
    }
    Some(match &key.form {
        Form::Text(at_most) => Value::Text((text.chars().count() <= *at_most).then(|| text.to_owned())?),
        Form::Application => Value::Text(text.to_owned()),
        Form::Integer(least, most) => {
            let number = text.parse().ok()?;
            Value::Integer((*least..=*most).contains(&number).then_some(number)?)
        }
        Form::Boolean => match text.to_lowercase().as_str() {
            "true" | "yes" | "1" => Value::Boolean(true),
            "false" | "no" | "0" => Value::Boolean(false),
            _ => return None,
        },
        Form::Choice(choices) => {
            let is_it = |choice: &&catalog::Choice| {
                choice.name.eq_ignore_ascii_case(text) || choice.xml.eq_ignore_ascii_case(text)
            };
            Value::Text(choices.iter().find(is_it)?.name.to_owned())
        }
        Form::Package => Value::Text(is_package(text).then(|| text.to_owned())?),
        Form::Variable => Value::Text(is_variable(text).then(|| text.to_owned())?),
        Form::Texts => Value::Texts(text.split([',', ';']).map(|part| part.trim().to_owned()).collect()),
        _ => return None,
    })
}
