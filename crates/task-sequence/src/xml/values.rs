//! Values of keys as texts of the XML, and back.

use crate::catalog::{Choice, Form, Key};
use crate::read::table::is_package;
use crate::read::values::is_variable;
use crate::{Value, Values, Variable};

use super::script;

/// A variable that follows from the values of a step.
#[derive(Debug)]
pub struct Own {
    /// The variable.
    pub variable: Variable,
    /// Follows from a value that is set, not from a default.
    pub is_set: bool,
}

/// The value of a key in the XML, or its default if that is written.
pub fn text_or_default(key: &Key, values: &Values) -> Option<String> {
    match values.get(key.name) {
        Some(value) => Some(text(key, value)),
        None => default_beside(key, values),
    }
}

/// The default of a key that is written, beside the other values of its step.
fn default_beside(key: &Key, values: &Values) -> Option<String> {
    match key.name {
        "continue-on-install-error" if key.is_optional && values.contains_key("base-variable") => default(key),
        _ if key.is_optional => None,
        "boot-disk" if crate::text(values, "style") == Some("mbr") => Some("false".into()),
        _ => default(key),
    }
}

/// Returns whether a text of the XML is the value of a key that is not set. Case does not tell words apart.
pub fn holds_anyway(key: &Key, values: &Values, said: &str) -> bool {
    let is_word = matches!(key.form, Form::Choice(_));
    let is_it = |default: String| default == said || is_word && default.eq_ignore_ascii_case(said);
    default_beside(key, values).is_some_and(is_it)
}

/// Returns the value of a key that is not set, as the XML has it.
pub fn default(key: &Key) -> Option<String> {
    let default = key.default?;
    Some(match &key.form {
        Form::Choice(choices) => choices.iter().find(|choice| choice.name == default)?.xml.to_owned(),
        _ => default.to_owned(),
    })
}

fn text(key: &Key, value: &Value) -> String {
    let numbers = |numbers: &[i64]| numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    match (value, &key.form) {
        (Value::Text(name), Form::Choice(choices)) => {
            choices.iter().find(|choice| choice.name == name).map_or(name.as_str(), |choice| choice.xml).to_owned()
        }
        (Value::Text(text), _) if key.property == script::PROPERTY => script::encoded(text),
        (Value::Text(text), _) => text.clone(),
        (Value::Integer(number), _) => number.to_string(),
        (Value::Boolean(truth), _) => truth.to_string(),
        (Value::Texts(texts), _) => texts.join(","),
        (Value::Integers(all), _) => numbers(all),
        // The XML has no secrets: the engine gets them another way (R147).
        (Value::Secret(_) | Value::Map(_) | Value::Tables(_), _) => String::new(),
    }
}

/// Returns the value of a key that a text of the XML stands for; `None` if no value of the key is written that way.
pub fn value(key: &Key, said: &str) -> Option<Value> {
    let value = match &key.form {
        Form::Text(_) if key.property == script::PROPERTY => Value::Text(script::decoded(said)?),
        Form::Text(at_most) => Value::Text(said.chars().count().le(at_most).then(|| said.to_owned())?),
        Form::Application => Value::Text((1..=1024).contains(&said.chars().count()).then(|| said.to_owned())?),
        Form::Integer(least, most) => {
            let number = said.parse().ok()?;
            Value::Integer((*least..=*most).contains(&number).then_some(number)?)
        }
        Form::Boolean => Value::Boolean(said.parse().ok()?),
        Form::Choice(choices) => {
            let is_it = |choice: &&Choice| choice.xml.eq_ignore_ascii_case(said);
            return Some(Value::Text(choices.iter().find(is_it)?.name.to_owned()));
        }
        Form::Package => Value::Text(is_package(said).then(|| said.to_owned())?),
        Form::Variable => Value::Text(is_variable(said).then(|| said.to_owned())?),
        Form::Texts => Value::Texts(said.split(',').map(str::to_owned).collect()),
        Form::Packages => {
            let all: Vec<_> = said.split(',').map(str::to_owned).collect();
            Value::Texts(all.iter().all(|one| is_package(one)).then_some(all)?)
        }
        Form::Integers => Value::Integers(said.split(',').map(|one| one.parse().ok()).collect::<Option<_>>()?),
        Form::Secret | Form::Map | Form::Tables(_) => return None,
    };
    (text(key, &value) == said).then_some(value)
}
