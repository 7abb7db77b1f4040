//! Values of steps, read according to the keys of the catalog.

use crate::catalog::{Choice, Key, ValueType};
use crate::{Value, Values};
use authoring::SecretRef;
use authoring::problem::Problem;
use authoring::rule::Rule;
use authoring::spanned::{Node, Value as Raw};
use authoring::suggestions::{nearest, one_of};

use super::has_failed;
use super::table::{TableReader, is_package};

impl TableReader<'_> {
    /// Reads the values of keys. Missing required keys are reported.
    pub fn values(&mut self, keys: &'static [Key]) -> Values {
        let mut values = Values::new();
        for key in keys {
            match self.has(key.name) {
                true => values.extend(self.value(key).map(|value| (key.name, value))),
                false if key.is_required => {
                    let purpose = key.doc.trim_end_matches('.').to_owned();
                    self.add_missing(key.name, &example(&key.value_type), &lower(&purpose));
                }
                false => {}
            }
        }
        values
    }

    fn value(&mut self, key: &'static Key) -> Option<Value> {
        let name = key.name;
        // The rules of references are not about their syntax.
        let has_limits = !matches!(key.value_type, ValueType::Package | ValueType::Packages | ValueType::Tables(_));
        self.rule = rule_in(key.doc).filter(|_| has_limits);
        let value = self.value_of(key, name);
        self.rule = None;
        value
    }

    fn value_of(&mut self, key: &'static Key, name: &'static str) -> Option<Value> {
        match key.value_type {
            ValueType::Text(at_most) => self.text(name, at_most).map(Value::Text),
            ValueType::Integer(least, most) => self.integer(name, (least, most)).map(Value::Integer),
            ValueType::Boolean => self.boolean(name).map(Value::Boolean),
            ValueType::Choice(choices) => self.choice(name, choices).map(Value::Text),
            ValueType::Package => self.package(name).map(Value::Text),
            ValueType::Application => self.required_text(name, 1024, "\"ScopeId_…/Application_…\"").map(Value::Text),
            ValueType::Variable => self.variable(name).map(Value::Text),
            ValueType::Secret => self.secret(name).map(Value::Secret),
            ValueType::Texts => self
                .each(name, |reader, node| match &node.value {
                    Raw::String(text) => Some(text.clone()),
                    _ => reader.report_wrong_type(name, node, "a list of texts", "[\"…\"]"),
                })
                .map(Value::Texts),
            ValueType::Packages => self
                .each(name, |reader, node| match node.as_str() {
                    Some(text) if is_package(text) => Some(text.to_owned()),
                    Some(text) => reader.report_invalid_package(name, text, node, "[\"BER00010\"]"),
                    None => reader.report_wrong_type(name, node, "a list of package IDs", "[\"BER00010\"]"),
                })
                .map(Value::Texts),
            ValueType::Integers => self
                .each(name, |reader, node| match node.value {
                    Raw::Integer(number) => Some(number),
                    _ => reader.report_wrong_type(name, node, "a list of whole numbers", "[0, 3010]"),
                })
                .map(Value::Integers),
            ValueType::Map => self.map(name).map(Value::Map),
            ValueType::Tables(keys) => Some(Value::Tables(self.tables(name, keys))),
        }
    }

    /// Reads each value of a list; `None` if one of them is invalid.
    fn each<T>(&mut self, key: &str, mut read: impl FnMut(&mut Self, &Node) -> Option<T>) -> Option<Vec<T>> {
        let nodes = self.list(key);
        let n_nodes = nodes.len();
        let values: Vec<_> = nodes.iter().filter_map(|node| read(self, node)).collect();
        (values.len() == n_nodes).then_some(values)
    }

    pub fn choice(&mut self, key: &str, choices: &[Choice]) -> Option<String> {
        self.one_of(key, &choices.iter().map(|choice| choice.name).collect::<Vec<_>>())
    }

    /// Reads a text that has to be one of several words.
    pub fn one_of(&mut self, key: &str, words: &[&str]) -> Option<String> {
        let text = self.text(key, usize::MAX)?;
        if words.contains(&text.as_str()) {
            return Some(text);
        }
        let place = self.table.get(key)?.place.clone();
        let list = one_of(words.iter().copied());
        let help = match nearest(&text, words.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write {list}"),
        };
        self.report(Problem::error(format!("`{key}` must be {list}, not `{text}`")).at(place, "").help(help));
        None
    }

    /// Reads the name of a variable (R65).
    fn variable(&mut self, key: &str) -> Option<String> {
        let text = self.text(key, 256)?;
        if is_variable(&text) {
            return Some(text);
        }
        let place = self.table.get(key)?.place.clone();
        let message = format!("`{text}` is not a valid variable name");
        let help = "use letters, digits, `_` and `-`";
        self.report(Problem::new(Rule::InvalidVariableName, message).at(place, "").help(help));
        None
    }

    fn secret(&mut self, key: &str) -> Option<SecretRef> {
        let node = self.get(key)?;
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
                    self.report(Problem::new(Rule::LiteralSecret, message).at(node.place.clone(), "").help(help));
                    return None;
                }
                // Imports write an empty name for a secret to fill in.
                if reference.env.as_deref() == Some("") {
                    let problem = Problem::new(
                        Rule::MissingExportedSecret,
                        format!("`{key}` is missing: exports contain no secrets"),
                    );
                    let help = format!("write `{key} = {{ env = \"NAME\" }}`, or use `file` or `command`");
                    self.report(problem.at(node.place.clone(), "").help(help));
                }
                Some(reference)
            }
            _ => {
                let message = match node.as_str() {
                    Some(_) => format!("`{key}` is a secret in plain text"),
                    None => format!("`{key}` must be a reference to a secret"),
                };
                let help = format!("write `{key} = {{ env = \"NAME\" }}`, or use `file` or `command`");
                self.report(Problem::new(Rule::LiteralSecret, message).at(node.place.clone(), "").help(help).hide());
                None
            }
        }
    }

    pub fn map(&mut self, key: &str) -> Option<Vec<(String, String)>> {
        let node = self.get(key)?;
        let Some(table) = node.as_table() else {
            return self.report_wrong_type(key, node, "a table", "{ Name = \"value\" }");
        };
        let mut map = Vec::new();
        for entry in &table.0 {
            match &entry.node.value {
                Raw::String(text) => map.push((entry.name.clone(), text.clone())),
                _ => self.report_wrong_type(&entry.name, &entry.node, "text", "\"…\"")?,
            }
        }
        Some(map)
    }

    fn tables(&mut self, key: &str, keys: &'static [Key]) -> Vec<Values> {
        let nodes = self.list(key);
        let mut tables = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let place = format!("{}{key}/{index}", self.prefix);
            self.places.parts.insert(place.clone(), node.place.clone());
            let what = format!("an entry of `{key}`");
            let Some(mut table) = TableReader::new(node, &what, self.places, self.problems) else { continue };
            table.prefix = format!("{place}/");
            tables.push(table.values(keys));
            table.finish(&keys.iter().map(|key| key.name).collect::<Vec<_>>());
        }
        tables
    }
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
