//! Construction of steps from values of the toolkit.

use crate::catalog::{self, Key, ValueType};
use crate::read::values::is_variable;
use crate::xml::{MAX_DESCRIPTION, MAX_NAME, NAMELESS};
use crate::{Action, Body, Step, Value, Values, is_package};
use authoring::SecretRef;

/// Step of the catalog under construction. Unknown keys and invalid values are ignored.
pub struct Draft {
    action: Action,
}

impl Draft {
    /// Starts a step of a type. Returns `None` if the catalog lacks the type.
    pub fn new(kind: &str) -> Option<Self> {
        let kind = catalog::find(kind)?;
        let (values, variables, omitted) = (Values::new(), Vec::new(), Vec::new());
        let (timeout, success_codes, retries, command) = (None, None, None, None);
        Some(Self { action: Action { kind, values, timeout, success_codes, retries, command, variables, omitted } })
    }

    /// Sets a key from a text of the toolkit.
    pub fn set(mut self, key: &str, text: &str) -> Self {
        if let Some(key) = self.action.kind.key(key)
            && let Some(value) = parse_value(key, text)
        {
            self.action.values.insert(key.name, value);
        }
        self
    }

    /// Sets the script of a step, with its line breaks.
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

    /// Sets a key to a secret in an environment variable.
    pub fn secret(mut self, key: &str, variable: &str) -> Self {
        if let Some(key) = self.action.kind.key(key) {
            let reference = SecretRef { env: Some(variable.to_owned()), file: None, command: None };
            self.action.values.insert(key.name, Value::Secret(reference));
        }
        self
    }

    /// Sets the exit codes that count as success, from a list of the toolkit.
    pub fn success_codes(mut self, list: &str) -> Self {
        let codes: Option<Vec<i64>> =
            list.split([' ', ',', ';']).filter(|code| !code.is_empty()).map(|code| code.parse().ok()).collect();
        let is_own = |codes: &Vec<i64>| !codes.is_empty() && codes != self.action.kind.success_codes;
        self.action.success_codes = codes.filter(is_own);
        self
    }

    /// Returns `true` if a key is set.
    pub fn has(&self, key: &str) -> bool {
        self.action.values.contains_key(key)
    }

    /// Returns `true` if any key is set.
    pub fn has_any(&self) -> bool {
        !self.action.values.is_empty()
    }

    /// Finishes the step.
    pub fn step(self, name: &str, description: &str) -> Step {
        step(name, description, Body::Action(Box::new(self.action)))
    }
}

/// Creates a step without conditions. Its name and description are truncated to the length that a
/// site stores.
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
        places: Default::default(),
    }
}

/// Creates a table from pairs of keys and texts.
pub fn table(keys: &'static [Key], pairs: &[(&str, &str)]) -> Values {
    let mut values = Values::new();
    for (name, text) in pairs {
        let key = keys.iter().find(|key| key.name == *name);
        values.extend(key.and_then(|key| Some((key.name, parse_value(key, text)?))));
    }
    values
}

/// Returns the keys of the tables in a list.
pub fn table_keys(kind: &str, key: &str) -> &'static [Key] {
    match catalog::find(kind).and_then(|kind| kind.key(key)).map(|key| &key.value_type) {
        Some(ValueType::Tables(keys)) => keys,
        _ => &[],
    }
}

/// Parses the text of a value. Case is ignored; an empty text or the default is `None`.
fn parse_value(key: &Key, text: &str) -> Option<Value> {
    let text = text.trim();
    // Defaults are not written.
    if text.is_empty() || !key.is_required && key.default.is_some_and(|default| default.eq_ignore_ascii_case(text)) {
        return None;
    }
    Some(match &key.value_type {
        ValueType::Text(at_most) => Value::Text((text.chars().count() <= *at_most).then(|| text.to_owned())?),
        ValueType::Application => Value::Text(text.to_owned()),
        ValueType::Integer(least, most) => {
            let number = text.parse().ok()?;
            Value::Integer((*least..=*most).contains(&number).then_some(number)?)
        }
        ValueType::Boolean => match text.to_lowercase().as_str() {
            "true" | "yes" | "1" => Value::Boolean(true),
            "false" | "no" | "0" => Value::Boolean(false),
            _ => return None,
        },
        ValueType::Choice(choices) => {
            let is_it = |choice: &&catalog::Choice| {
                choice.name.eq_ignore_ascii_case(text) || choice.xml.eq_ignore_ascii_case(text)
            };
            Value::Text(choices.iter().find(is_it)?.name.to_owned())
        }
        ValueType::Package => Value::Text(is_package(text).then(|| text.to_owned())?),
        ValueType::Variable => Value::Text(is_variable(text).then(|| text.to_owned())?),
        ValueType::Texts => Value::Texts(text.split([',', ';']).map(|part| part.trim().to_owned()).collect()),
        _ => return None,
    })
}
