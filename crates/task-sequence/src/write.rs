//! Writer of sequence files that [`read`](super::read) reads.
//!
//! Steps follow each other under headers that show their depth. Short conditions are on one line,
//! scripts keep their lines. Secrets to fill in have a comment. Text that looks like a template is
//! escaped.

use std::collections::BTreeMap;

use super::catalog::common::COMMON_KEYS;
use super::catalog::{Environment, Key, ValueType};
use super::condition::{Condition, Operator, Test};
use super::read::VERSION;
use super::{Action, Body, Foreign, Sequence, Step, Value, Values, Variable};
use authoring::SecretRef;
use authoring::template::escape_templates;

/// Maximum length of a line with a condition or list, in characters.
const MAX_LINE: usize = 100;
/// Comment at a secret that was not exported.
const FILL_IN: &str = "fill in: exports contain no secrets (R147)";

/// Writes a sequence as a file. `names` are names of packages by ID, for comments.
pub fn write(sequence: &Sequence, names: &BTreeMap<String, String>) -> String {
    let mut writer = Writer { text: String::new(), names };
    writer.line("sequence-version", &VERSION.to_string());
    writer.line("name", &string(&sequence.name));
    if !sequence.description.is_empty() {
        writer.line("description", &string(&sequence.description));
    }
    if let Some(image) = &sequence.boot_image {
        writer.package("boot-image", image);
    }
    if let Some(version) = &sequence.xml_version {
        writer.line("xml-version", &string(version));
    }
    if !sequence.references.is_empty() {
        let references: Vec<_> = sequence.references.iter().map(ToString::to_string).collect();
        writer.list("references", &strings(&references));
    }
    writer.variables(&sequence.variables);
    writer.omitted(&sequence.omitted);
    writer.steps(&sequence.steps, "steps");
    writer.text
}

struct Writer<'a> {
    text: String,
    names: &'a BTreeMap<String, String>,
}

impl Writer<'_> {
    fn line(&mut self, key: &str, value: &str) {
        self.text += &format!("{key} = {value}\n");
    }

    fn package(&mut self, key: &str, id: &str) {
        let comment = match self.names.get(id) {
            Some(name) => format!(" # {}", name.lines().next().unwrap_or_default()),
            None => String::new(),
        };
        self.line(key, &format!("{}{comment}", string(id)));
    }

    /// Writes a list on one line, or one line per value if it is too long.
    fn list(&mut self, key: &str, values: &[String]) {
        let short = format!("[{}]", values.join(", "));
        if key.len() + 3 + short.chars().count() <= MAX_LINE && !short.contains('\n') {
            return self.line(key, &short);
        }
        let lines: String = values.iter().map(|value| format!("    {value},\n")).collect();
        self.line(key, &format!("[\n{lines}]"));
    }

    fn variables(&mut self, variables: &[Variable]) {
        if variables.is_empty() {
            return;
        }
        let table = |variable: &Variable| {
            let hidden = if variable.is_hidden { ", hidden = true" } else { "" };
            let [name, property, value] =
                [&variable.name, &variable.property, &variable.value].map(|text| string(text));
            format!("{{ name = {name}, property = {property}, value = {value}{hidden} }}")
        };
        let lines: String = variables.iter().map(|variable| format!("    {},\n", table(variable))).collect();
        self.line("variables", &format!("[\n{lines}]"));
    }

    fn steps(&mut self, steps: &[Step], path: &str) {
        for step in steps {
            self.step(step, path);
        }
    }

    fn step(&mut self, step: &Step, path: &str) {
        let kind = match &step.body {
            Body::Group(_) => "group",
            Body::Action(action) => action.kind.name,
            Body::Foreign(_) => "foreign",
        };
        self.text += &format!("\n[[{path}]]\n");
        self.line("type", &string(kind));
        self.line("name", &string(&step.name));
        if !step.description.is_empty() {
            self.line("description", &string(&step.description));
        }
        if step.is_disabled {
            self.line("disabled", "true");
        }
        if step.continues_on_error {
            self.line("continue-on-error", "true");
        }
        if let Some(condition) = &step.condition {
            self.line("condition", &condition_text(condition, "condition = ".len(), 0));
        }
        match &step.body {
            Body::Group(_) => {}
            Body::Action(action) => self.action(action),
            Body::Foreign(foreign) => self.foreign(foreign),
        }
        if !step.attributes.is_empty() {
            let pairs: Vec<_> = step.attributes.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            self.line(COMMON_KEYS[7].0, &map(&pairs));
        }
        self.steps(step.children(), &format!("{path}.steps"));
    }

    fn action(&mut self, action: &Action) {
        for key in action.kind.keys {
            let Some(value) = action.values.get(key.name) else { continue };
            match value {
                Value::Text(id) if matches!(key.value_type, ValueType::Package) => self.package(key.name, id),
                // Exports don't contain secrets; the author has to name where each one is.
                Value::Secret(reference) if reference.env.as_deref() == Some("") => {
                    self.line(key.name, &format!("{} # {FILL_IN}", secret(reference)));
                }
                Value::Texts(texts) => self.list(key.name, &strings(texts)),
                Value::Tables(tables) => {
                    let ValueType::Tables(keys) = key.value_type else { continue };
                    let lines: String = tables.iter().map(|values| format!("    {},\n", table(keys, values))).collect();
                    let list = if tables.is_empty() { "[]".into() } else { format!("[\n{lines}]") };
                    self.line(key.name, &list);
                }
                value => self.line(key.name, &value_text(value)),
            }
        }
        if let Some(minutes) = action.timeout {
            self.line("timeout", &minutes.to_string());
        }
        if let Some(codes) = &action.success_codes {
            self.line("success-codes", &value_text(&Value::Integers(codes.clone())));
        }
        if let Some(retries) = action.retries {
            self.line("retries", &retries.to_string());
        }
        if let Some(command) = &action.command {
            self.line("command", &string(command));
        }
        self.variables(&action.variables);
        self.omitted(&action.omitted);
    }

    fn omitted(&mut self, names: &[String]) {
        if !names.is_empty() {
            self.list("omitted", &strings(names));
        }
    }

    fn foreign(&mut self, foreign: &Foreign) {
        self.text += "# Kept as it is: tsmedia does not know this type of step.\n";
        match &foreign.xml {
            Some(xml) => self.line("xml", &string(xml)),
            None => self.line("class", &string(&foreign.class)),
        }
        if !foreign.command.is_empty() {
            self.line("command", &string(&foreign.command));
        }
        match foreign.environment {
            Environment::WindowsPe => self.line("runs-in", "\"windows-pe\""),
            Environment::FullOs => self.line("runs-in", "\"full-os\""),
            Environment::Any => {}
        }
        match &foreign.variables {
            Some(variables) if variables.is_empty() => self.line("variables", "[]"),
            Some(variables) => self.variables(variables),
            None => {}
        }
    }
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Text(text) => string(text),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Secret(reference) => secret(reference),
        Value::Texts(texts) => format!("[{}]", strings(texts).join(", ")),
        Value::Integers(numbers) => {
            format!("[{}]", numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
        Value::Map(pairs) => map(pairs),
        // Tables are written by `table`, which knows the order of their keys.
        Value::Tables(_) => "[]".into(),
    }
}

fn table(keys: &[Key], values: &Values) -> String {
    let pairs = keys.iter().filter_map(|key| Some(format!("{} = {}", key.name, value_text(values.get(key.name)?))));
    match pairs.collect::<Vec<_>>().join(", ") {
        empty if empty.is_empty() => "{}".into(),
        pairs => format!("{{ {pairs} }}"),
    }
}

fn secret(reference: &SecretRef) -> String {
    let way = match (&reference.env, &reference.file, &reference.command) {
        (Some(env), _, _) => format!("env = {}", string(env)),
        (_, Some(file), _) => format!("file = {}", string(file)),
        (_, _, command) => format!("command = [{}]", strings(command.as_deref().unwrap_or_default()).join(", ")),
    };
    format!("{{ {way} }}")
}

fn map(pairs: &[(String, String)]) -> String {
    let pair = |(name, value): &(String, String)| format!("{} = {}", key_text(name), string(value));
    match pairs.iter().map(pair).collect::<Vec<_>>().join(", ") {
        empty if empty.is_empty() => "{}".into(),
        pairs => format!("{{ {pairs} }}"),
    }
}

/// Formats a key, in quotes if necessary.
fn key_text(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match !key.is_empty() && key.chars().all(is_bare) {
        true => key.to_owned(),
        false => basic(key),
    }
}

/// Formats a condition on one line, or with one line per part if it is too long.
fn condition_text(condition: &Condition, column: usize, depth: usize) -> String {
    let short = condition_line(condition);
    if column + short.chars().count() <= MAX_LINE {
        return short;
    }
    let (key, parts) = match condition {
        Condition::All(parts) => ("all", parts),
        Condition::Any(parts) => ("any", parts),
        Condition::None(parts) => ("none", parts),
        Condition::Test(_) => return short,
    };
    let indent = "    ".repeat(depth + 1);
    let part = |part: &Condition| format!("{indent}{},\n", condition_text(part, indent.len() + 1, depth + 1));
    format!("{{ {key} = [\n{}{}] }}", parts.iter().map(part).collect::<String>(), "    ".repeat(depth))
}

fn condition_line(condition: &Condition) -> String {
    let combined = |key: &str, parts: &[Condition]| {
        format!("{{ {key} = [{}] }}", parts.iter().map(condition_line).collect::<Vec<_>>().join(", "))
    };
    match condition {
        Condition::All(parts) => combined("all", parts),
        Condition::Any(parts) => combined("any", parts),
        Condition::None(parts) => combined("none", parts),
        Condition::Test(test) => test_text(test),
    }
}

fn test_text(test: &Test) -> String {
    let mut pairs: Vec<(&str, String)> = Vec::new();
    match test {
        Test::Variable { name, operator, value } => {
            pairs.push(("variable", string(name)));
            operator_pairs(&mut pairs, *operator, "value", value);
        }
        Test::Registry { key, value, kind, operator, data } => {
            pairs.push(("registry", string(key)));
            if !value.is_empty() {
                pairs.push(("value", string(value)));
            }
            if kind != "REG_SZ" {
                pairs.push(("type", string(kind)));
            }
            operator_pairs(&mut pairs, *operator, "data", data);
        }
        Test::File { path, version, modified } => {
            pairs.push(("file", string(path)));
            compared_pairs(&mut pairs, "version", "version-operator", version.as_ref());
            compared_pairs(&mut pairs, "modified", "modified-operator", modified.as_ref());
        }
        Test::Folder { path, modified } => {
            pairs.push(("folder", string(path)));
            compared_pairs(&mut pairs, "modified", "modified-operator", modified.as_ref());
        }
        Test::Wmi { namespace, query } => {
            pairs.push(("wmi", string(query)));
            if namespace != "root\\cimv2" {
                pairs.push(("namespace", string(namespace)));
            }
        }
        Test::Software { product_code, upgrade_code, name, version, is_any_version } => {
            pairs.push(("software", string(product_code)));
            for (key, text) in [("upgrade-code", upgrade_code), ("name", name), ("version", version)] {
                if !text.is_empty() {
                    pairs.push((key, string(text)));
                }
            }
            if *is_any_version {
                pairs.push(("any-version", "true".into()));
            }
        }
        Test::OsVersion(names) => pairs.push(("os", format!("[{}]", strings(names).join(", ")))),
        Test::OsLanguage(language) => pairs.push(("os-language", language.to_string())),
        Test::Foreign { class, properties } => {
            pairs.push(("class", string(class)));
            pairs.push(("properties", map(properties)));
        }
    }
    let pairs: Vec<_> = pairs.into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// Adds an operator and its value, omitting defaults.
fn operator_pairs(pairs: &mut Vec<(&'static str, String)>, operator: Operator, key: &'static str, value: &str) {
    if !matches!(operator, Operator::Exists | Operator::Equals) {
        pairs.push(("operator", string(operator.name())));
    }
    if !operator.tests_existence() {
        pairs.push((key, string(value)));
    }
}

fn compared_pairs(
    pairs: &mut Vec<(&'static str, String)>,
    key: &'static str,
    operator_key: &'static str,
    compared: Option<&(Operator, String)>,
) {
    let Some((operator, value)) = compared else { return };
    pairs.push((key, string(value)));
    if *operator != Operator::Equals {
        pairs.push((operator_key, string(operator.name())));
    }
}

fn strings(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| string(text)).collect()
}

/// Formats a text with the quotes that need the least escaping.
fn string(text: &str) -> String {
    let text = &escape_templates(text);
    let is_plain = |c: char| !c.is_control() || c == '\t';
    let is_multiline = text.contains('\n');
    if is_multiline && text.chars().all(|c| is_plain(c) || c == '\n') && !text.contains("'''") && !text.ends_with('\'')
    {
        return format!("'''\n{text}'''");
    }
    if is_multiline {
        return multiline(text);
    }
    // Paths and command lines are easier to read without escapes.
    let is_literal = text.contains(['\\', '"']) && text.chars().all(is_plain);
    if is_literal && !text.contains('\'') {
        return format!("'{text}'");
    }
    // Command lines with both kinds of quotes stay readable, and can be copied.
    if is_literal && !text.contains("'''") && !text.ends_with('\'') {
        return format!("'''{text}'''");
    }
    basic(text)
}

/// Formats a text in double quotes.
fn basic(text: &str) -> String {
    let mut quoted = String::from("\"");
    text.chars().for_each(|c| quoted += &escaped(c));
    quoted + "\""
}

/// Formats a text in triple double quotes, with its line breaks.
fn multiline(text: &str) -> String {
    let mut quoted = String::from("\"\"\"\n");
    for c in text.chars() {
        match c {
            '\n' => quoted.push('\n'),
            c => quoted += &escaped(c),
        }
    }
    quoted + "\"\"\""
}

fn escaped(c: char) -> String {
    match c {
        '"' => "\\\"".into(),
        '\\' => "\\\\".into(),
        '\n' => "\\n".into(),
        '\r' => "\\r".into(),
        '\t' => "\\t".into(),
        c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
        c => c.into(),
    }
}
