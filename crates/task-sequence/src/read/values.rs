//! Values of steps, read according to the keys of the catalog.

use crate::catalog::{Choice, Key, ValueType};
use crate::{Value, Values};
use authoring::SecretRef;
use authoring::problem::Problem;
use authoring::rule::Rule;
use authoring::spanned::{Node, Value as Raw};

use super::has_failed;
use super::table::{TableReader, is_package};

/// Reads the values of keys. Missing required keys are reported.
pub fn values(reader: &mut TableReader, keys: &'static [Key]) -> Values {
    let mut values = Values::new();
    for key in keys {
        match reader.has(key.name) {
            true => values.extend(value(reader, key).map(|value| (key.name, value))),
            false if key.is_required => {
                let purpose = key.doc.trim_end_matches('.').to_owned();
                reader.add_missing(key.name, &example(&key.value_type), &lower(&purpose));
            }
            false => {}
        }
    }
    values
}

fn value(reader: &mut TableReader, key: &'static Key) -> Option<Value> {
    let name = key.name;
    // The rules of references are not about their syntax.
    let has_limits = !matches!(key.value_type, ValueType::Package | ValueType::Packages | ValueType::Tables(_));
    reader.rule = rule_in(key.doc).filter(|_| has_limits);
    let value = value_of(reader, key, name);
    reader.rule = None;
    value
}

fn value_of(reader: &mut TableReader, key: &'static Key, name: &'static str) -> Option<Value> {
    match key.value_type {
        ValueType::Text(at_most) => reader.text(name, at_most).map(Value::Text),
        ValueType::Integer(least, most) => reader.integer(name, (least, most)).map(Value::Integer),
        ValueType::Boolean => reader.boolean(name).map(Value::Boolean),
        ValueType::Choice(choices) => choice(reader, name, choices).map(Value::Text),
        ValueType::Package => reader.package(name).map(Value::Text),
        ValueType::Application => reader.required_text(name, 1024, "\"ScopeId_…/Application_…\"").map(Value::Text),
        ValueType::Variable => variable(reader, name).map(Value::Text),
        ValueType::Secret => secret(reader, name).map(Value::Secret),
        ValueType::Texts => each(reader, name, |reader, node| match &node.value {
            Raw::String(text) => Some(text.clone()),
            _ => reader.report_wrong_type(name, node, "a list of texts", "[\"…\"]"),
        })
        .map(Value::Texts),
        ValueType::Packages => each(reader, name, |reader, node| match node.as_str() {
            Some(text) if is_package(text) => Some(text.to_owned()),
            Some(text) => reader.report_invalid_package(name, text, node, "[\"BER00010\"]"),
            None => reader.report_wrong_type(name, node, "a list of package IDs", "[\"BER00010\"]"),
        })
        .map(Value::Texts),
        ValueType::Integers => each(reader, name, |reader, node| match node.value {
            Raw::Integer(number) => Some(number),
            _ => reader.report_wrong_type(name, node, "a list of whole numbers", "[0, 3010]"),
        })
        .map(Value::Integers),
        ValueType::Map => reader.map(name).map(Value::Map),
        ValueType::Tables(keys) => Some(Value::Tables(tables(reader, name, keys))),
    }
}

/// Reads each value of a list; `None` if one of them is invalid.
fn each<T>(
    reader: &mut TableReader,
    key: &str,
    mut read: impl FnMut(&mut TableReader, &Node) -> Option<T>,
) -> Option<Vec<T>> {
    let nodes = reader.list(key);
    let n_nodes = nodes.len();
    let values: Vec<_> = nodes.iter().filter_map(|node| read(reader, node)).collect();
    (values.len() == n_nodes).then_some(values)
}

fn choice(reader: &mut TableReader, key: &str, choices: &[Choice]) -> Option<String> {
    reader.one_of(key, &choices.iter().map(|choice| choice.name).collect::<Vec<_>>())
}

/// Reads the name of a variable (R65).
fn variable(reader: &mut TableReader, key: &str) -> Option<String> {
    let text = reader.text(key, 256)?;
    if is_variable(&text) {
        return Some(text);
    }
    let place = reader.table.get(key)?.place.clone();
    let message = format!("`{text}` is not a valid variable name");
    let help = "use letters, digits, `_` and `-`";
    reader.report(Problem::new(Rule::InvalidVariableName, message).at(place, "").help(help));
    None
}

fn secret(reader: &mut TableReader, key: &str) -> Option<SecretRef> {
    let node = reader.get(key)?;
    if has_failed(node) {
        return None;
    }
    match serde_json::from_value::<SecretRef>(node.to_json()) {
        Ok(reference) if node.as_table().is_some() => {
            let ways = [reference.env.is_some(), reference.file.is_some(), reference.command.is_some()];
            if ways.iter().filter(|is_set| **is_set).count() != 1 {
                let message = match ways.contains(&true) {
                    true => format!("`{key}` names several sources of the secret"),
                    false => format!("`{key}` names no source of the secret"),
                };
                let help = format!("write `{key} = {{ env = \"NAME\" }}`, or only `file` or `command`");
                reader.report(Problem::new(Rule::LiteralSecret, message).at(node.place.clone(), "").help(help));
                return None;
            }
            // Imports write an empty name for a secret to fill in.
            if reference.env.as_deref() == Some("") {
                let problem = Problem::new(
                    Rule::MissingExportedSecret,
                    format!("`{key}` is missing: exports contain no secrets"),
                );
                let help = format!("write `{key} = {{ env = \"NAME\" }}`, or use `file` or `command`");
                reader.report(problem.at(node.place.clone(), "").help(help));
            }
            Some(reference)
        }
        _ => {
            let message = match node.as_str() {
                Some(_) => format!("`{key}` is a secret in plain text"),
                None => format!("`{key}` must be a reference to a secret"),
            };
            let help = format!("write `{key} = {{ env = \"NAME\" }}`, or use `file` or `command`");
            reader.report(Problem::new(Rule::LiteralSecret, message).at(node.place.clone(), "").help(help).hide());
            None
        }
    }
}

fn tables(reader: &mut TableReader, key: &str, keys: &'static [Key]) -> Vec<Values> {
    let nodes = reader.list(key);
    let mut tables = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let place = format!("{}{key}/{index}", reader.prefix);
        reader.places.parts.insert(place.clone(), node.place.clone());
        let what = format!("an entry of `{key}`");
        let Some(mut table) = TableReader::new(node, &what, reader.places, reader.problems) else { continue };
        table.prefix = format!("{place}/");
        tables.push(values(&mut table, keys));
        table.finish(&keys.iter().map(|key| key.name).collect::<Vec<_>>());
    }
    tables
}

/// Returns the rule for the limits of a key, which its description names last: `R82` for `(R79,
/// R82)`.
fn rule_in(doc: &str) -> Option<Rule> {
    let list = doc.rsplit('(').next()?.split(')').next()?;
    Rule::parse(list.rsplit(", ").next()?)
}

/// Returns `true` for a valid name of a variable (R65).
pub fn is_variable(text: &str) -> bool {
    let is_right = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    (1..=256).contains(&text.len()) && text.chars().all(is_right)
}

/// Returns an example value as TOML.
fn example(value_type: &ValueType) -> String {
    let example = match value_type {
        ValueType::Choice(choices) => return format!("\"{}\"", choices.first().map_or("…", |choice| choice.name)),
        ValueType::Text(_) | ValueType::Application => "\"…\"",
        ValueType::Integer(..) => "1",
        ValueType::Boolean => "true",
        ValueType::Package => "\"BER00010\"",
        ValueType::Secret => "{ env = \"NAME\" }",
        ValueType::Variable => "\"Name\"",
        ValueType::Texts => "[\"…\"]",
        ValueType::Packages => "[\"BER00010\"]",
        ValueType::Integers => "[0, 3010]",
        ValueType::Map => "{ Name = \"value\" }",
        ValueType::Tables(_) => "[{ … }]",
    };
    example.into()
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
