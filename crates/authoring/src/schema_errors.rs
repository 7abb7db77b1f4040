//! Converts schema violations in a rendered file to problems with help.
//!
//! The validator only says where something is wrong; the help is derived from the schema at that
//! place.

use serde_json::Value as Json;

use crate::problem::{Place, Problem};

use super::conversions::conversion_help;
use super::dialect::Dialect;
use super::doc::{Doc, dotted};
use super::schema::{self, CompiledSchema};
use super::secret_ref as secret;
use super::spanned::escape;
use super::suggestions::{nearest, one_of};

/// Checks rendered files of one dialect.
#[derive(Debug)]
pub struct SchemaChecker<D> {
    dialect: D,
    schema: &'static CompiledSchema,
}

impl<D: Dialect> SchemaChecker<D> {
    /// Creates a checker for files of a dialect.
    pub fn new(dialect: D) -> Self {
        let schema = dialect.schema();
        Self { dialect, schema }
    }

    /// Returns all schema violations, with the rules they break.
    pub fn check(&self, doc: Doc<'_>) -> Vec<Problem> {
        use jsonschema::error::ValidationErrorKind as Kind;
        let mut problems = Vec::new();
        let mut seen = Vec::new();
        for pointer in &doc.spans.dates {
            // Unknown keys are reported as such, whatever their values.
            if !self.dialect.takes_date(pointer) && schema::find(self.schema.json(), pointer).is_some() {
                seen.push(pointer.clone());
                problems.push(self.wrong_value(doc, pointer));
            }
        }
        // A key missing because of a misspelling is one mistake, reported at the misspelled key.
        let mut misspelled = Vec::new();
        for error in self.schema.errors(doc.json) {
            let pointer = error.instance_path().as_str();
            if let Kind::AdditionalProperties { unexpected } = error.kind() {
                for key in unexpected {
                    misspelled.extend(nearest(key, self.keys(pointer)).map(|near| format!("{pointer}/{near}")));
                    problems.push(self.unknown_key(doc, pointer, key));
                }
            }
        }
        for error in self.schema.errors(doc.json) {
            let pointer = error.instance_path().as_str();
            if doc.spans.is_hole(pointer) {
                continue;
            }
            match error.kind() {
                Kind::AdditionalProperties { .. } => {}
                Kind::Required { property } => {
                    let key = property.as_str().unwrap_or_default();
                    let missing = format!("{pointer}/{key}");
                    if !misspelled.contains(&missing) {
                        let rule = self.dialect.rule(&missing);
                        problems.push(self.missing_key(doc, pointer, key).with_rule(rule));
                    }
                }
                _ if seen.iter().any(|seen| seen == pointer) => {}
                _ => {
                    seen.push(pointer.to_owned());
                    let wrong = self.wrong_value(doc, pointer);
                    let rule = self.dialect.rule(pointer).or(wrong.rule);
                    problems.push(wrong.with_rule(rule));
                }
            }
        }
        self.check_secrets(doc, doc.json, "", &mut problems);
        problems
    }

    /// Checks references to secrets wherever the schema allows them.
    fn check_secrets(&self, doc: Doc<'_>, value: &Json, pointer: &str, problems: &mut Vec<Problem>) {
        let schema = schema::find(self.schema.json(), pointer);
        let children: Vec<_> = match value {
            Json::Object(map) if schema.is_some_and(may_be_secret) => {
                let is_known = map.keys().all(|key| secret::KEYS.contains(&key.as_str()));
                return problems.extend(secret::check(doc, pointer, value).filter(|_| is_known));
            }
            Json::Object(map) => map.iter().map(|(key, value)| (escape(key).to_string(), value)).collect(),
            Json::Array(items) => items.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
            _ => return,
        };
        for (key, value) in children {
            self.check_secrets(doc, value, &format!("{pointer}/{key}"), problems);
        }
    }

    fn keys(&self, pointer: &str) -> Vec<&str> {
        let properties = schema::find(self.schema.json(), pointer).and_then(|schema| schema["properties"].as_object());
        properties.map(|map| map.keys().map(String::as_str).collect()).unwrap_or_default()
    }

    fn unknown_key(&self, doc: Doc<'_>, pointer: &str, key: &str) -> Problem {
        let place = doc.key(&format!("{pointer}/{}", escape(key)));
        if pointer.is_empty()
            && let Some(problem) = self.dialect.foreign_key(doc, key)
        {
            return problem;
        }
        let table = self.table_name(pointer);
        let keys = self.keys(pointer);
        let list = one_of(keys.iter().copied()).replace(" or ", " and ");
        let mut problem = Problem::error(format!("{table} has no key `{key}`")).at(place, "");
        problem.help = Some(match nearest(key, keys) {
            Some(near) => format!("did you mean `{near}`? The keys of {table} are {list}"),
            None => match self.table_with_key(key).filter(|home| *home != pointer) {
                Some(home) => format!("`{key}` belongs under {}", self.table_name(&home)),
                None => format!("the keys of {table} are {list}"),
            },
        });
        problem
    }

    /// Returns the table that has a key of this name, if it is unique.
    fn table_with_key(&self, key: &str) -> Option<String> {
        let mut homes = vec![String::new()];
        homes.extend(self.keys("").iter().map(|table| format!("/{table}")));
        homes.extend(self.dialect.nested_tables().iter().map(|table| (*table).to_owned()));
        // The keys of a list are those of its entries.
        homes.retain(|home| {
            let is_list = schema::find(self.schema.json(), home).is_some_and(|schema| schema["type"] == "array");
            let home = if is_list { format!("{home}/0") } else { home.clone() };
            self.keys(&home).contains(&key)
        });
        <[String; 1]>::try_from(homes).ok().map(|[home]| home)
    }

    fn missing_key(&self, doc: Doc<'_>, pointer: &str, key: &str) -> Problem {
        let wanted = schema::find(self.schema.json(), &format!("{pointer}/{key}"));
        let is_table = wanted.is_some_and(|schema| schema["type"] == "object") && !self.dialect.is_json();
        let what = wanted.map(purpose).unwrap_or_default();
        let mut place = doc.place(pointer);
        let root = doc.root();
        if place.source != root.source {
            // The table is in a profile, but the manifest has to supply the missing key.
            place = root;
        }
        let advice = self.dialect.advice(&dotted(&format!("{pointer}/{key}")), &Json::Null).filter(|_| is_table);
        let help = advice.unwrap_or_else(|| match is_table {
            true => format!("add `[{key}]`: {what}"),
            false => format!("write `{}`: {what}", self.example_pair(key, wanted)),
        });
        let message = if is_table && pointer.is_empty() {
            format!("{} has no `[{key}]`", self.dialect.name())
        } else if pointer.is_empty() {
            format!("{} has no `{key}`", self.dialect.name())
        } else {
            format!("{} needs `{key}`", self.table_name(pointer))
        };
        Problem::error(message).at(place, "").help(help)
    }

    fn wrong_value(&self, doc: Doc<'_>, pointer: &str) -> Problem {
        let value = doc.json.pointer(pointer).unwrap_or(&Json::Null);
        let place = doc.place(pointer);
        let name = dotted(pointer);
        let last = name.rsplit('.').next().unwrap_or(&name);
        let Some(schema) = schema::find(self.schema.json(), pointer) else {
            return Problem::error(format!("`{name}` is invalid")).at(place, "");
        };
        // Secrets come first: every other message could quote the value.
        if secret::is_reference_schema(schema) && !value.is_object() {
            return secret::literal_problem(doc, pointer);
        }
        if may_be_secret(schema) && value.is_object() {
            let keys = unknown_keys(value);
            let mut problem = Problem::error(format!("`{name}` is not a valid reference to a secret: {keys}"));
            let others = value.as_object().into_iter().flat_map(|table| table.keys());
            let others = others.filter(|key| !secret::KEYS.contains(&key.as_str()));
            problem.hidden = others.map(|key| doc.place(&format!("{pointer}/{}", escape(key)))).collect();
            return problem
                .at(place, "")
                .help(format!("write `{last} = {{ env = \"NAME\" }}`, or use `file` or `command`"));
        }
        // JSON has no dates: TOML ones arrive as texts, which would pass for texts here.
        let is_date = doc.spans.dates.iter().any(|date| date == pointer);
        let kinds = allowed_types(schema);
        if is_date || !kinds.contains(&json_type(value)) {
            let found = if is_date { "a date" } else { type_label(value) };
            let is_item = pointer.rsplit('/').next().is_some_and(|part| part.parse::<usize>().is_ok());
            let mut message = format!("`{name}` must be {}, not {found}", expected_label(schema));
            if self.dialect.is_json() {
                message = message.replace("a table", "an object").replace("of tables", "of objects");
                message = if is_item { format!("an entry of {message}") } else { message };
            }
            let mut problem = Problem::error(message).at(place.clone(), "");
            problem.help = match self.dialect.is_json() && is_item {
                true => Some(match self.keys(pointer)[..] {
                    [] => "add double quotes".to_owned(),
                    ref keys => {
                        format!("write `{{ … }}` with {}", one_of(keys.iter().copied()).replace(" or ", " and "))
                    }
                }),
                false => self.type_help(doc, &name, schema, value, &place, is_date),
            };
            return problem;
        }
        let text = value.as_str().unwrap_or_default();
        let values = constants(schema);
        if !values.is_empty() {
            return self.wrong_constant(&name, text, schema, &values).at(place, "");
        }
        let numbers = numbers(schema);
        if !numbers.is_empty() {
            let help = format!("use one of {}", one_of(numbers.iter().map(String::as_str)));
            return Problem::error(format!("`{value}` is not a valid value of `{name}`")).at(place, "").help(help);
        }
        if let Some(words) = schema["patternErrorMessage"].as_str() {
            let mut problem =
                Problem::error(format!("`{text}` is not a valid value of `{name}`: {words}")).at(place, "");
            problem.help = Some(match self.corrected_text(schema, text) {
                Some(right) => format!("did you mean `{right}`?"),
                None => format!("write a value such as `{}`", self.example_pair(last, Some(schema))),
            });
            return problem;
        }
        let message = if value.as_str() == Some("") {
            format!("`{name}` is empty")
        } else if value.as_array().is_some_and(Vec::is_empty) {
            format!("`{name}` is an empty list")
        } else {
            match (value.as_f64(), schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
                (Some(_), Some(least), Some(most)) if least == most => {
                    let least_as = serde_json::json!({ "const": least, "examples": [least] });
                    let pair = self.example_pair(last, Some(&least_as));
                    let help = format!("write `{pair}`; this version of tsmedia supports no other");
                    return Problem::error(format!("`{name}` must be {least}, not {value}")).at(place, "").help(help);
                }
                (Some(number), Some(least), _) if number < least as f64 => {
                    format!("`{name}` is {value}; the minimum is {least}")
                }
                (Some(_), _, Some(most)) => format!("`{name}` is {value}; the maximum is {most}"),
                _ => format!("`{name}` is invalid"),
            }
        };
        let help = format!("write a value such as `{}`: {}", self.example_pair(last, Some(schema)), purpose(schema));
        Problem::error(message).at(place, "").help(help)
    }

    /// Returns the problem of a text that is not among the allowed values.
    fn wrong_constant(&self, name: &str, text: &str, schema: &Json, values: &[&str]) -> Problem {
        let (list, last) = match schema["anyOf"]
            .as_array()
            .and_then(|any| any.iter().find_map(|one| one["patternErrorMessage"].as_str()))
        {
            Some(words) => {
                (values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", "), format!(" or {words}"))
            }
            None => (one_of(values.iter().copied()), String::new()),
        };
        let advice = self.dialect.advice(name, &Json::from(text));
        let help = advice.unwrap_or_else(|| match nearest(text, values.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? Allowed values: {list}{last}"),
            None => format!("use {list}{last}"),
        });
        Problem::error(format!("`{text}` is not a valid value of `{name}`")).help(help)
    }

    /// Returns the text in capitals, or without surrounding spaces, if that is valid.
    fn corrected_text(&self, schema: &Json, text: &str) -> Option<String> {
        let validator = jsonschema::draft7::new(schema).ok()?;
        [text.trim().to_owned(), text.trim().to_uppercase()]
            .into_iter()
            .find(|candidate| validator.is_valid(&Json::from(candidate.as_str())))
    }

    /// Converts a text to a list of valid items, replacing each part by the most similar allowed
    /// value.
    fn as_list(&self, items: &Json, text: &str, raw: &str) -> String {
        let words = constants(items);
        if words.is_empty() {
            return format!("[{raw}]");
        }
        let parts = text.split([',', ';', ' ', '+', '/']).map(str::trim).filter(|part| !part.is_empty());
        let meant: Vec<_> = parts.map(|part| nearest(part, words.iter().copied()).unwrap_or(part)).collect();
        format!("[{}]", meant.iter().map(|part| format!("\"{part}\"")).collect::<Vec<_>>().join(", "))
    }

    /// Returns help for a value of the wrong type: how to write the intended value.
    fn type_help(
        &self,
        doc: Doc<'_>,
        name: &str,
        schema: &Json,
        value: &Json,
        place: &Place,
        is_date: bool,
    ) -> Option<String> {
        let raw = doc.raw(place);
        let last = name.rsplit('.').next().unwrap_or(name);
        let wants = allowed_types(schema);
        let is_template = super::template::is_template(raw);
        if self.dialect.is_json() {
            return Some(format!("write a value such as `{}`", self.example_pair(last, Some(schema))));
        }
        let advice = self.dialect.advice(name, value).or_else(|| conversion_help(last, &wants, value, raw));
        if advice.is_some() {
            return advice;
        }
        match value {
            Json::String(text) if wants.contains(&"array") && schema["items"]["type"] != "object" && !is_template => {
                Some(format!("write a list: `{last} = {}`", self.as_list(&schema["items"], text, raw)))
            }
            Json::Array(items) if items.len() == 1 && !constants(schema).is_empty() && items[0].is_string() => {
                let text = items[0].as_str().unwrap_or_default();
                let meant = nearest(text, constants(schema)).unwrap_or(text);
                Some(format!("write a single value: `{last} = \"{meant}\"`"))
            }
            Json::Object(_) if wants == ["array"] && raw.starts_with('[') => {
                Some(format!("write `[[{name}]]` once per entry"))
            }
            Json::Array(_) if wants == ["object"] && raw.starts_with("[[") => {
                Some(format!("write `[{name}]`; it can occur only once"))
            }
            _ if wants == ["object"] && !name.contains('.') && schema.get("examples").is_none() => {
                Some(format!("write a line `[{name}]`, with its keys below"))
            }
            _ if is_date => Some(format!("add quotes: `{last} = \"{raw}\"`")),
            _ => Some(format!("write a value such as `{}`", self.example_pair(last, Some(schema)))),
        }
    }

    /// Formats a key with an example value, in the syntax of the file.
    fn example_pair(&self, key: &str, schema: Option<&Json>) -> String {
        match schema.and_then(|schema| schema["examples"].as_array()?.first()) {
            Some(example) if self.dialect.is_json() => format!("\"{key}\": {example}"),
            _ if self.dialect.is_json() => format!("\"{key}\": {}", example(schema)),
            _ => format!("{key} = {}", example(schema)),
        }
    }

    fn table_name(&self, pointer: &str) -> String {
        table_name(pointer, self.dialect.name(), self.dialect.is_json())
    }
}

fn table_name(pointer: &str, whole: &str, is_json: bool) -> String {
    let name = dotted(pointer);
    let is_item = pointer.rsplit('/').next().is_some_and(|part| part.parse::<usize>().is_ok());
    match name.as_str() {
        "" => whole.into(),
        _ if is_json && is_item => format!("an entry of `{name}`"),
        _ if is_json => format!("`{name}`"),
        _ if is_item => format!("`[[{name}]]`"),
        _ if name.contains('.') => format!("`{name}`"),
        _ => format!("`[{name}]`"),
    }
}

/// Returns the first sentence of a description, to be placed after a colon.
fn purpose(schema: &Json) -> String {
    let description = schema["description"].as_str().unwrap_or_default();
    lower_first(description.split_once(". ").map_or(description, |(first, _)| first).trim_end_matches('.'))
}

/// Returns a text with its first letter in lower case, unless it starts with an acronym such as
/// `WIM` or `URLs`.
fn lower_first(text: &str) -> String {
    if text.chars().take(2).filter(|c| c.is_uppercase()).count() == 2 {
        return text.into();
    }
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}

/// Returns the JSON types that a schema allows.
fn allowed_types(schema: &Json) -> Vec<&str> {
    if let Some(kind) = schema["type"].as_str() {
        return vec![kind];
    }
    if let Some(kinds) = schema["type"].as_array() {
        return kinds.iter().filter_map(Json::as_str).collect();
    }
    let mut found: Vec<&str> = Vec::new();
    for key in ["anyOf", "oneOf"] {
        found.extend(schema[key].as_array().into_iter().flatten().flat_map(allowed_types));
    }
    if let Some(constant) = schema.get("const") {
        found.push(json_type(constant));
    }
    found.dedup();
    found
}

/// Describes the keys of a table that references to secrets don't have.
fn unknown_keys(table: &Json) -> String {
    let keys = table.as_object().into_iter().flat_map(|table| table.keys());
    let unknown: Vec<_> =
        keys.filter(|key| !secret::KEYS.contains(&key.as_str())).map(|key| format!("`{key}`")).collect();
    match unknown[..] {
        [] => "one of its values is invalid".into(),
        _ => format!("unknown key {}", unknown.join(" or ")),
    }
}

/// Returns `true` if a value may be a reference to a secret.
fn may_be_secret(schema: &Json) -> bool {
    secret::is_reference_schema(schema) || schema["anyOf"].as_array().is_some_and(|any| any.iter().any(may_be_secret))
}

fn json_type(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

fn type_label(value: &Json) -> &'static str {
    match value {
        Json::Null => "nothing",
        Json::Bool(true) => "`true`",
        Json::Bool(false) => "`false`",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a table",
    }
}

/// Describes the types that a schema allows.
fn expected_label(schema: &Json) -> String {
    let values = constants(schema);
    if !values.is_empty() && schema.get("anyOf").is_none() {
        return format!("the text {}", one_of(values));
    }
    let words: Vec<String> = allowed_types(schema)
        .iter()
        .map(|kind| match *kind {
            "boolean" => "`true` or `false`".into(),
            "integer" => "an integer".into(),
            "number" => "a number".into(),
            "array" if schema["items"]["type"] == "object" => "a list of tables".into(),
            "array" => "a list".into(),
            "object" => "a table".into(),
            _ => "text".into(),
        })
        .collect();
    words.join(" or ")
}

/// Returns the constants that a schema allows, including those among other alternatives.
fn constants(schema: &Json) -> Vec<&str> {
    let mut found: Vec<_> = schema["const"].as_str().into_iter().collect();
    for key in ["anyOf", "oneOf"] {
        found.extend(schema[key].as_array().into_iter().flatten().flat_map(constants));
    }
    found
}

/// Returns the numeric constants that a schema allows.
fn numbers(schema: &Json) -> Vec<String> {
    let mut found: Vec<_> = schema["const"].as_i64().map(|number| number.to_string()).into_iter().collect();
    for key in ["anyOf", "oneOf"] {
        found.extend(schema[key].as_array().into_iter().flatten().flat_map(numbers));
    }
    found
}

/// Formats a value as TOML on one line.
pub fn inline_toml(value: &Json) -> String {
    match value {
        Json::Object(map) => {
            let entries: Vec<_> = map.iter().map(|(key, value)| format!("{key} = {}", inline_toml(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(inline_toml).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// Returns an example value to be typed as is.
fn example(schema: Option<&Json>) -> String {
    let Some(schema) = schema else { return "…".into() };
    if let Some(example) = schema["examples"].as_array().and_then(|examples| examples.first()) {
        return inline_toml(example);
    }
    match (constants(schema).first(), allowed_types(schema).first()) {
        (Some(value), _) => format!("\"{value}\""),
        (None, Some(&"boolean")) => "true".into(),
        (None, Some(&"integer")) => schema["minimum"].as_i64().unwrap_or(1).to_string(),
        (None, Some(&"array")) => "[ … ]".into(),
        (None, Some(&"object")) => "{ … }".into(),
        _ => "\"…\"".into(),
    }
}
