//! What the schema finds wrong with a rendered file, in words an author can act on.
//!
//! The validator only says where something is wrong; what would be right is read from the schema at that place.

use serde_json::Value as Json;

use crate::problem::{Place, Problem};

use super::conversions::conversion;
use super::dialect::Dialect;
use super::doc::{Doc, dotted};
use super::error::{Error, Result};
use super::schema;
use super::secret_ref as secret;
use super::spanned::escape;
use super::suggestions::{nearest, one_of};

/// Checks rendered files of one dialect.
#[derive(Debug)]
pub struct Checker<D> {
    dialect: D,
    schema: Json,
    validator: jsonschema::Validator,
}

impl<D: Dialect> Checker<D> {
    /// A checker for files of a dialect.
    ///
    /// # Errors
    ///
    /// The dialect's schema is not a valid one.
    pub fn new(dialect: D) -> Result<Self> {
        let schema = dialect.schema();
        let validator = jsonschema::draft7::new(&schema)
            .map_err(|error| Error::Schema { name: dialect.name(), cause: error.to_string() })?;
        Ok(Self { dialect, schema, validator })
    }

    /// Everything that the schema finds wrong, with the rules of the field that it breaks.
    pub fn check(&self, doc: Doc<'_>) -> Vec<Problem> {
        use jsonschema::error::ValidationErrorKind as Kind;
        let mut problems = Vec::new();
        let mut seen = Vec::new();
        for pointer in &doc.spans.dates {
            // An unknown key is complained of as such, whatever its value.
            if !self.dialect.takes_date(pointer) && schema::at(&self.schema, pointer).is_some() {
                seen.push(pointer.clone());
                problems.push(self.wrong(doc, pointer));
            }
        }
        // A key that is missing because it is misspelled is one mistake, told at the misspelled key.
        let mut misspelled = Vec::new();
        for error in self.validator.iter_errors(doc.json) {
            let pointer = error.instance_path().as_str();
            if let Kind::AdditionalProperties { unexpected } = error.kind() {
                for key in unexpected {
                    misspelled.extend(nearest(key, self.keys(pointer)).map(|near| format!("{pointer}/{near}")));
                    problems.push(self.unknown(doc, pointer, key));
                }
            }
        }
        for error in self.validator.iter_errors(doc.json) {
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
                        problems.push(self.missing(doc, pointer, key).with_rule(rule));
                    }
                }
                _ if seen.iter().any(|seen| seen == pointer) => {}
                _ => {
                    seen.push(pointer.to_owned());
                    let wrong = self.wrong(doc, pointer);
                    let rule = self.dialect.rule(pointer).or(wrong.rule);
                    problems.push(wrong.with_rule(rule));
                }
            }
        }
        self.secrets(doc, doc.json, "", &mut problems);
        problems
    }

    /// What is wrong with references to secrets, wherever the schema has them.
    fn secrets(&self, doc: Doc<'_>, value: &Json, pointer: &str, problems: &mut Vec<Problem>) {
        let schema = schema::at(&self.schema, pointer);
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
            self.secrets(doc, value, &format!("{pointer}/{key}"), problems);
        }
    }

    fn keys(&self, pointer: &str) -> Vec<&str> {
        let properties = schema::at(&self.schema, pointer).and_then(|schema| schema["properties"].as_object());
        properties.map(|map| map.keys().map(String::as_str).collect()).unwrap_or_default()
    }

    fn unknown(&self, doc: Doc<'_>, pointer: &str, key: &str) -> Problem {
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
            Some(near) => format!("did you mean `{near}`? {table} takes {list}"),
            None => match self.home_of(key).filter(|home| *home != pointer) {
                Some(home) => format!("`{key}` belongs under {}", self.table_name(&home)),
                None => format!("{table} takes {list}"),
            },
        });
        problem
    }

    /// The table that has a key of this name, if exactly one does.
    fn home_of(&self, key: &str) -> Option<String> {
        let mut homes = vec![String::new()];
        homes.extend(self.keys("").iter().map(|table| format!("/{table}")));
        homes.extend(self.dialect.nested_tables().iter().map(|table| (*table).to_owned()));
        homes.retain(|home| {
            let is_list = schema::at(&self.schema, home).is_some_and(|schema| schema["type"] == "array");
            let home = if is_list { format!("{home}/0") } else { home.clone() };
            self.keys(&home).contains(&key)
        });
        <[String; 1]>::try_from(homes).ok().map(|[home]| home)
    }

    fn missing(&self, doc: Doc<'_>, pointer: &str, key: &str) -> Problem {
        let wanted = schema::at(&self.schema, &format!("{pointer}/{key}"));
        let is_table = wanted.is_some_and(|schema| schema["type"] == "object") && !self.dialect.is_json();
        let what = wanted.map(purpose).unwrap_or_default();
        let mut place = doc.place(pointer);
        let root = doc.root();
        if place.source != root.source {
            // The table is a profile's; what it lacks is for the manifest to say.
            place = root;
        }
        let advice = self.dialect.advice(&dotted(&format!("{pointer}/{key}")), &Json::Null).filter(|_| is_table);
        let help = advice.unwrap_or_else(|| match is_table {
            true => format!("add a table `[{key}]`: {what}"),
            false => format!("write `{}`: {what}", self.pair(key, wanted)),
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

    fn wrong(&self, doc: Doc<'_>, pointer: &str) -> Problem {
        let value = doc.json.pointer(pointer).unwrap_or(&Json::Null);
        let place = doc.place(pointer);
        let name = dotted(pointer);
        let last = name.rsplit('.').next().unwrap_or(&name);
        let Some(schema) = schema::at(&self.schema, pointer) else {
            return Problem::error(format!("`{name}` is not right")).at(place, "");
        };
        if secret::is_schema_of_one(schema) && !value.is_object() {
            return secret::literal(doc, pointer);
        }
        if may_be_secret(schema) && value.is_object() {
            let keys = unknown_keys(value);
            let mut problem = Problem::error(format!("`{name}` does not say where a secret is found: {keys}"));
            let others = value.as_object().into_iter().flat_map(|table| table.keys());
            let others = others.filter(|key| !secret::KEYS.contains(&key.as_str()));
            problem.hidden = others.map(|key| doc.place(&format!("{pointer}/{}", escape(key)))).collect();
            return problem
                .at(place, "")
                .help(format!("write `{last} = {{ env = \"NAME\" }}`, or `file` or `command`"));
        }
        let is_date = doc.spans.dates.iter().any(|date| date == pointer);
        let kinds = kinds(schema);
        if is_date || !kinds.contains(&kind(value)) {
            let found = if is_date { "a date" } else { kind_words(value) };
            let is_item = pointer.rsplit('/').next().is_some_and(|part| part.parse::<usize>().is_ok());
            let mut message = format!("`{name}` must be {}, not {found}", expected(schema));
            if self.dialect.is_json() {
                message = message.replace("a table", "an object").replace("of tables", "of objects");
                message = if is_item { format!("an entry of {message}") } else { message };
            }
            let mut problem = Problem::error(message).at(place.clone(), "");
            problem.help = match self.dialect.is_json() && is_item {
                true => Some(match self.keys(pointer)[..] {
                    [] => "write it in double quotes".to_owned(),
                    ref keys => {
                        format!("write `{{ … }}` with {}", one_of(keys.iter().copied()).replace(" or ", " and "))
                    }
                }),
                false => self.conversion(doc, &name, schema, value, &place, is_date),
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
            let help = format!("it can be {}", one_of(numbers.iter().map(String::as_str)));
            return Problem::error(format!("`{value}` cannot be `{name}`")).at(place, "").help(help);
        }
        if let Some(words) = schema["patternErrorMessage"].as_str() {
            let mut problem = Problem::error(format!("`{text}` cannot be `{name}`: {words}")).at(place, "");
            problem.help = Some(match self.corrected(schema, text) {
                Some(right) => format!("did you mean `{right}`?"),
                None => format!("write it like `{}`", self.pair(last, Some(schema))),
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
                    let pair = self.pair(last, Some(&least_as));
                    let help = format!("this version of tsmedia knows `{pair}` only");
                    return Problem::error(format!("`{name}` must be {least}, not {value}")).at(place, "").help(help);
                }
                (Some(number), Some(least), _) if number < least as f64 => {
                    format!("`{name}` is {value}, and {least} is the least it can be")
                }
                (Some(_), _, Some(most)) => format!("`{name}` is {value}, and {most} is the most it can be"),
                _ => format!("`{name}` is not right"),
            }
        };
        let help = format!("write it like `{}`: {}", self.pair(last, Some(schema)), purpose(schema));
        Problem::error(message).at(place, "").help(help)
    }

    /// The problem of a text that is none of those which a value can be.
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
            Some(near) => format!("did you mean `{near}`? it can be {list}{last}"),
            None => format!("it can be {list}{last}"),
        });
        Problem::error(format!("`{text}` cannot be `{name}`")).help(help)
    }

    /// The same text in capitals or without spaces around it, if that would be right.
    fn corrected(&self, schema: &Json, text: &str) -> Option<String> {
        let validator = jsonschema::draft7::new(schema).ok()?;
        [text.trim().to_owned(), text.trim().to_uppercase()]
            .into_iter()
            .find(|candidate| validator.is_valid(&Json::from(candidate.as_str())))
    }

    /// A text as a list of what items may be: of the nearest of their words, if they have some.
    fn listed(&self, items: &Json, text: &str, raw: &str) -> String {
        let words = constants(items);
        if words.is_empty() {
            return format!("[{raw}]");
        }
        let parts = text.split([',', ';', ' ', '+', '/']).map(str::trim).filter(|part| !part.is_empty());
        let meant: Vec<_> = parts.map(|part| nearest(part, words.iter().copied()).unwrap_or(part)).collect();
        format!("[{}]", meant.iter().map(|part| format!("\"{part}\"")).collect::<Vec<_>>().join(", "))
    }

    /// How to write what was probably meant by a value of the wrong type.
    fn conversion(
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
        let wants = kinds(schema);
        let is_template = super::template::is_template(raw);
        if self.dialect.is_json() {
            return Some(format!("write it like `{}`", self.pair(last, Some(schema))));
        }
        let advice = self.dialect.advice(name, value).or_else(|| conversion(last, &wants, value, raw));
        if advice.is_some() {
            return advice;
        }
        match value {
            Json::String(text) if wants.contains(&"array") && schema["items"]["type"] != "object" && !is_template => {
                Some(format!("write a list: `{last} = {}`", self.listed(&schema["items"], text, raw)))
            }
            Json::Array(items) if items.len() == 1 && !constants(schema).is_empty() && items[0].is_string() => {
                let text = items[0].as_str().unwrap_or_default();
                let meant = nearest(text, constants(schema)).unwrap_or(text);
                Some(format!("there is only one: `{last} = \"{meant}\"`"))
            }
            Json::Object(_) if wants == ["array"] && raw.starts_with('[') => {
                Some(format!("write `[[{name}]]`, once for each"))
            }
            Json::Array(_) if wants == ["object"] && raw.starts_with("[[") => {
                Some(format!("write `[{name}]`: there is only one"))
            }
            _ if wants == ["object"] && !name.contains('.') && schema.get("examples").is_none() => {
                Some(format!("write a line `[{name}]`, and its keys below"))
            }
            _ if is_date => Some(format!("write it in quotes: `{last} = \"{raw}\"`")),
            _ => Some(format!("write it like `{}`", self.pair(last, Some(schema)))),
        }
    }

    /// A key with the example of its value, in the syntax of the file.
    fn pair(&self, key: &str, schema: Option<&Json>) -> String {
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

/// Returns the first sentence of a description, to follow a colon.
fn purpose(schema: &Json) -> String {
    let description = schema["description"].as_str().unwrap_or_default();
    lower_first(description.split_once(". ").map_or(description, |(first, _)| first).trim_end_matches('.'))
}

/// Returns a text with a small first letter, unless it begins with an acronym such as `WIM` or `URLs`.
fn lower_first(text: &str) -> String {
    if text.chars().take(2).filter(|c| c.is_uppercase()).count() == 2 {
        return text.into();
    }
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}

/// The JSON types that a schema allows.
fn kinds(schema: &Json) -> Vec<&str> {
    if let Some(kind) = schema["type"].as_str() {
        return vec![kind];
    }
    if let Some(kinds) = schema["type"].as_array() {
        return kinds.iter().filter_map(Json::as_str).collect();
    }
    let mut found: Vec<&str> = Vec::new();
    for key in ["anyOf", "oneOf"] {
        found.extend(schema[key].as_array().into_iter().flatten().flat_map(kinds));
    }
    if let Some(constant) = schema.get("const") {
        found.push(kind(constant));
    }
    found.dedup();
    found
}

/// The keys of a table that no reference to a secret has.
fn unknown_keys(table: &Json) -> String {
    let keys = table.as_object().into_iter().flat_map(|table| table.keys());
    let unknown: Vec<_> =
        keys.filter(|key| !secret::KEYS.contains(&key.as_str())).map(|key| format!("`{key}`")).collect();
    match unknown[..] {
        [] => "one of its values is not right".into(),
        _ => format!("there is no key {}", unknown.join(" or ")),
    }
}

/// Whether a reference to a secret is one of the ways to write a value.
fn may_be_secret(schema: &Json) -> bool {
    secret::is_schema_of_one(schema) || schema["anyOf"].as_array().is_some_and(|any| any.iter().any(may_be_secret))
}

fn kind(value: &Json) -> &'static str {
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

fn kind_words(value: &Json) -> &'static str {
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

/// What a schema allows, in words.
fn expected(schema: &Json) -> String {
    let values = constants(schema);
    if !values.is_empty() && schema.get("anyOf").is_none() {
        return format!("the text {}", one_of(values));
    }
    let words: Vec<String> = kinds(schema)
        .iter()
        .map(|kind| match *kind {
            "boolean" => "`true` or `false`".into(),
            "integer" => "a whole number".into(),
            "number" => "a number".into(),
            "array" if schema["items"]["type"] == "object" => "a list of tables".into(),
            "array" => "a list".into(),
            "object" => "a table".into(),
            _ => "text".into(),
        })
        .collect();
    words.join(" or ")
}

/// The values of an enum, and those with names among other ways to write a value.
fn constants(schema: &Json) -> Vec<&str> {
    let mut found: Vec<_> = schema["const"].as_str().into_iter().collect();
    for key in ["anyOf", "oneOf"] {
        found.extend(schema[key].as_array().into_iter().flatten().flat_map(constants));
    }
    found
}

/// The values of an enum of numbers.
fn numbers(schema: &Json) -> Vec<String> {
    let mut found: Vec<_> = schema["const"].as_i64().map(|number| number.to_string()).into_iter().collect();
    for key in ["anyOf", "oneOf"] {
        found.extend(schema[key].as_array().into_iter().flatten().flat_map(numbers));
    }
    found
}

/// A value as TOML has it within a line.
fn inline(value: &Json) -> String {
    match value {
        Json::Object(map) => {
            let entries: Vec<_> = map.iter().map(|(key, value)| format!("{key} = {}", inline(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// A value to be typed as it stands.
fn example(schema: Option<&Json>) -> String {
    let Some(schema) = schema else { return "…".into() };
    if let Some(example) = schema["examples"].as_array().and_then(|examples| examples.first()) {
        return inline(example);
    }
    match (constants(schema).first(), kinds(schema).first()) {
        (Some(value), _) => format!("\"{value}\""),
        (None, Some(&"boolean")) => "true".into(),
        (None, Some(&"integer")) => schema["minimum"].as_i64().unwrap_or(1).to_string(),
        (None, Some(&"array")) => "[ … ]".into(),
        (None, Some(&"object")) => "{ … }".into(),
        _ => "\"…\"".into(),
    }
}
