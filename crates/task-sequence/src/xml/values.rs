//! Conversion between values of keys and texts in the XML.

use crate::catalog::{Choice, Key, ValueType};
use crate::read::table::is_package;
use crate::read::values::is_variable;
use crate::{Value, Values, Variable};

use super::script;

/// Variable that follows from the values of a step.
#[derive(Debug)]
pub struct StepVariable {
    /// Variable in the XML.
    pub variable: Variable,
    /// Tells whether it follows from a value that is set, rather than a default.
    pub is_set: bool,
}

/// Returns the value of a key in the XML, or its default if that is written.
pub fn text_or_default(key: &Key, values: &Values) -> Option<String> {
    match values.get(key.name) {
        Some(value) => Some(to_text(key, value)),
        None => written_default(key, values),
    }
}

/// Returns the default of a key if it is written, which may depend on the other values of the step.
fn written_default(key: &Key, values: &Values) -> Option<String> {
    match key.name {
        "continue-on-install-error" if key.is_optional && values.contains_key("base-variable") => default(key),
        _ if key.is_optional => None,
        "boot-disk" if crate::text(values, "style") == Some("mbr") => Some("false".into()),
        _ => default(key),
    }
}

/// Returns `true` if a text in the XML is the default of a key. The case of choices is ignored.
pub fn is_default(key: &Key, values: &Values, raw: &str) -> bool {
    let is_word = matches!(key.value_type, ValueType::Choice(_));
    let is_it = |default: String| default == raw || is_word && default.eq_ignore_ascii_case(raw);
    written_default(key, values).is_some_and(is_it)
}

/// Returns the default of a key in the XML.
pub fn default(key: &Key) -> Option<String> {
    let default = key.default?;
    Some(match &key.value_type {
        ValueType::Choice(choices) => choices.iter().find(|choice| choice.name == default)?.xml.to_owned(),
        _ => default.to_owned(),
    })
}

fn to_text(key: &Key, value: &Value) -> String {
    let numbers = |numbers: &[i64]| numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    match (value, &key.value_type) {
        (Value::Text(name), ValueType::Choice(choices)) => {
            choices.iter().find(|choice| choice.name == name).map_or(name.as_str(), |choice| choice.xml).to_owned()
        }
        (Value::Text(text), _) if key.property == script::PROPERTY => script::encode(text),
        (Value::Text(text), _) => text.clone(),
        (Value::Integer(number), _) => number.to_string(),
        (Value::Boolean(truth), _) => truth.to_string(),
        (Value::Texts(texts), _) => texts.join(","),
        (Value::Integers(all), _) => numbers(all),
        // Exports contain no secrets (R147); `write_with_secrets` inserts them for media. Maps and tables are arrays.
        (Value::Secret(_) | Value::Map(_) | Value::Tables(_), _) => String::new(),
    }
}

/// Parses a text in the XML as the value of a key; `None` if that value would be written
/// differently.
pub fn parse_value(key: &Key, raw: &str) -> Option<Value> {
    let value = match &key.value_type {
        ValueType::Text(_) if key.property == script::PROPERTY => Value::Text(script::decode(raw)?),
        ValueType::Text(at_most) => Value::Text(raw.chars().count().le(at_most).then(|| raw.to_owned())?),
        ValueType::Application => Value::Text((1..=1024).contains(&raw.chars().count()).then(|| raw.to_owned())?),
        ValueType::Integer(least, most) => {
            let number = raw.parse().ok()?;
            Value::Integer((*least..=*most).contains(&number).then_some(number)?)
        }
        ValueType::Boolean => Value::Boolean(raw.parse().ok()?),
        ValueType::Choice(choices) => {
            let is_it = |choice: &&Choice| choice.xml.eq_ignore_ascii_case(raw);
            return Some(Value::Text(choices.iter().find(is_it)?.name.to_owned()));
        }
        ValueType::Package => Value::Text(is_package(raw).then(|| raw.to_owned())?),
        ValueType::Variable => Value::Text(is_variable(raw).then(|| raw.to_owned())?),
        ValueType::Texts => Value::Texts(raw.split(',').map(str::to_owned).collect()),
        ValueType::Packages => {
            let all: Vec<_> = raw.split(',').map(str::to_owned).collect();
            Value::Texts(all.iter().all(|one| is_package(one)).then_some(all)?)
        }
        ValueType::Integers => Value::Integers(raw.split(',').map(|one| one.parse().ok()).collect::<Option<_>>()?),
        ValueType::Secret | ValueType::Map | ValueType::Tables(_) => return None,
    };
    (to_text(key, &value) == raw).then_some(value)
}
