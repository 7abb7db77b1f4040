//! What steps say, read by the keys of the catalog.

use crate::catalog::{Choice, Form, Key};
use crate::{Value, Values};
use authoring::SecretRef;
use authoring::problem::Problem;
use authoring::rule::Rule;
use authoring::spanned::{Node, Value as Raw};
use authoring::suggestions::{nearest, one_of};

use super::is_hole;
use super::table::{Reading, is_package};

impl Reading<'_> {
    /// What a table says of keys. What must be said and isn't is complained of.
    pub fn values(&mut self, keys: &'static [Key]) -> Values {
        let mut values = Values::new();
        for key in keys {
            match self.has(key.name) {
                true => values.extend(self.value(key).map(|value| (key.name, value))),
                false if key.is_required => {
                    let purpose = key.doc.trim_end_matches('.').to_owned();
                    self.missing(key.name, &example(&key.form), &lower(&purpose));
                }
                false => {}
            }
        }
        values
    }

    fn value(&mut self, key: &'static Key) -> Option<Value> {
        let name = key.name;
        // What else is wrong with a reference is not what its rule is about.
        let has_limits = !matches!(key.form, Form::Package | Form::Packages | Form::Tables(_));
        self.rule = rule_in(key.doc).filter(|_| has_limits);
        let value = self.value_of(key, name);
        self.rule = None;
        value
    }

    fn value_of(&mut self, key: &'static Key, name: &'static str) -> Option<Value> {
        match key.form {
            Form::Text(at_most) => self.text(name, at_most).map(Value::Text),
            Form::Integer(least, most) => self.integer(name, (least, most)).map(Value::Integer),
            Form::Boolean => self.boolean(name).map(Value::Boolean),
            Form::Choice(choices) => self.choice(name, choices).map(Value::Text),
            Form::Package => self.package(name).map(Value::Text),
            Form::Application => self.required_text(name, 1024, "\"ScopeId_…/Application_…\"").map(Value::Text),
            Form::Variable => self.variable(name).map(Value::Text),
            Form::Secret => self.secret(name).map(Value::Secret),
            Form::Texts => self
                .each(name, |reading, node| match &node.value {
                    Raw::String(text) => Some(text.clone()),
                    _ => reading.wrong(name, node, "a list of texts", "[\"…\"]"),
                })
                .map(Value::Texts),
            Form::Packages => self
                .each(name, |reading, node| match node.as_str() {
                    Some(text) if is_package(text) => Some(text.to_owned()),
                    Some(text) => reading.no_package(name, text, node, "[\"BER00010\"]"),
                    None => reading.wrong(name, node, "a list of package IDs", "[\"BER00010\"]"),
                })
                .map(Value::Texts),
            Form::Integers => self
                .each(name, |reading, node| match node.value {
                    Raw::Integer(number) => Some(number),
                    _ => reading.wrong(name, node, "a list of whole numbers", "[0, 3010]"),
                })
                .map(Value::Integers),
            Form::Map => self.map(name).map(Value::Map),
            Form::Tables(keys) => Some(Value::Tables(self.tables(name, keys))),
        }
    }

    /// Each value of a list; nothing if one of them is wrong.
    fn each<T>(&mut self, key: &str, mut read: impl FnMut(&mut Self, &Node) -> Option<T>) -> Option<Vec<T>> {
        let nodes = self.list(key);
        let n_nodes = nodes.len();
        let values: Vec<_> = nodes.iter().filter_map(|node| read(self, node)).collect();
        (values.len() == n_nodes).then_some(values)
    }

    pub fn choice(&mut self, key: &str, choices: &[Choice]) -> Option<String> {
        self.one_of(key, &choices.iter().map(|choice| choice.name).collect::<Vec<_>>())
    }

    /// Text that is one of a few words.
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
        self.complain(Problem::error(format!("`{key}` must be {list}, not `{text}`")).at(place, "").help(help));
        None
    }

    /// The name of a variable (R65).
    fn variable(&mut self, key: &str) -> Option<String> {
        let text = self.text(key, 256)?;
        if is_variable(&text) {
            return Some(text);
        }
        let place = self.table.get(key)?.place.clone();
        let message = format!("`{text}` cannot be the name of a variable");
        let help = "use letters, digits, `_` and `-`";
        self.complain(Problem::new(Rule::InvalidVariableName, message).at(place, "").help(help));
        None
    }

    fn secret(&mut self, key: &str) -> Option<SecretRef> {
        let node = self.get(key)?;
        if is_hole(node) {
            return None;
        }
        match serde_json::from_value::<SecretRef>(node.to_json()) {
            Ok(reference) if node.as_table().is_some() => {
                let ways = [reference.env.is_some(), reference.file.is_some(), reference.command.is_some()];
                if ways.iter().filter(|is_said| **is_said).count() != 1 {
                    let message = match ways.contains(&true) {
                        true => format!("`{key}` says several places, and a secret is found in one"),
                        false => format!("`{key}` does not say where the secret is found"),
                    };
                    let help = format!("write `{key} = {{ env = \"NAME\" }}`, or `file` or `command` alone");
                    self.complain(Problem::new(Rule::LiteralSecret, message).at(node.place.clone(), "").help(help));
                    return None;
                }
                if reference.env.as_deref() == Some("") {
                    let problem = Problem::new(
                        Rule::MissingExportedSecret,
                        format!("`{key}` has to be filled in: an export carries no secrets"),
                    );
                    let help =
                        format!("write `{key} = {{ env = \"NAME\" }}`, or `file` or `command` in place of `env`");
                    self.complain(problem.at(node.place.clone(), "").help(help));
                }
                Some(reference)
            }
            _ => {
                let message = match node.as_str() {
                    Some(_) => format!("`{key}` is a secret, and secrets are never literal"),
                    None => format!("`{key}` must be a reference to a secret"),
                };
                let help = format!("write `{key} = {{ env = \"NAME\" }}`, or `file` or `command` in place of `env`");
                self.complain(Problem::new(Rule::LiteralSecret, message).at(node.place.clone(), "").help(help).hide());
                None
            }
        }
    }

    pub fn map(&mut self, key: &str) -> Option<Vec<(String, String)>> {
        let node = self.get(key)?;
        let Some(table) = node.as_table() else {
            return self.wrong(key, node, "a table", "{ Name = \"value\" }");
        };
        let mut map = Vec::new();
        for entry in &table.0 {
            match &entry.node.value {
                Raw::String(text) => map.push((entry.name.clone(), text.clone())),
                _ => self.wrong(&entry.name, &entry.node, "text", "\"…\"")?,
            }
        }
        Some(map)
    }

    fn tables(&mut self, key: &str, keys: &'static [Key]) -> Vec<Values> {
        let nodes = self.list(key);
        let mut tables = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let place = format!("{}{key}/{index}", self.prefix);
            self.written.parts.insert(place.clone(), node.place.clone());
            let what = format!("an entry of `{key}`");
            let Some(mut table) = Reading::new(node, &what, self.written, self.problems) else { continue };
            table.prefix = format!("{place}/");
            tables.push(table.values(keys));
            table.finish(&keys.iter().map(|key| key.name).collect::<Vec<_>>());
        }
        tables
    }
}

/// The rule on the limits of a key, which its documentation names last: `R82` of `(R79, R82)`.
fn rule_in(doc: &str) -> Option<Rule> {
    let list = doc.rsplit('(').next()?.split(')').next()?;
    Rule::parse(list.rsplit(", ").next()?)
}

/// Whether a text can be the name of a variable (R65).
pub fn is_variable(text: &str) -> bool {
    let is_right = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    (1..=256).contains(&text.len()) && text.chars().all(is_right)
}

/// A value to be typed as it stands.
fn example(form: &Form) -> String {
    let example = match form {
        Form::Choice(choices) => return format!("\"{}\"", choices.first().map_or("…", |choice| choice.name)),
        Form::Text(_) | Form::Application => "\"…\"",
        Form::Integer(..) => "1",
        Form::Boolean => "true",
        Form::Package => "\"BER00010\"",
        Form::Secret => "{ env = \"NAME\" }",
        Form::Variable => "\"Name\"",
        Form::Texts => "[\"…\"]",
        Form::Packages => "[\"BER00010\"]",
        Form::Integers => "[0, 3010]",
        Form::Map => "{ Name = \"value\" }",
        Form::Tables(_) => "[{ … }]",
    };
    example.into()
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
