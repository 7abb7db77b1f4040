//! Generates JSON Schemas of authors' files from types (draft-07, which every TOML language server
//! supports).
//!
//! Schemas are inlined, without references, so that editors find the documentation of every key.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};

/// A JSON Schema that is compiled once, for all files of a dialect.
#[derive(Debug)]
pub struct CompiledSchema {
    schema: Json,
    validator: jsonschema::Validator,
}

impl CompiledSchema {
    /// Compiles a schema generated from types.
    ///
    /// # Panics
    ///
    /// If the schema is invalid, which is a mistake in the types.
    pub fn new(schema: Json) -> Self {
        let validator = jsonschema::draft7::new(&schema).expect("schemas of types are valid");
        Self { schema, validator }
    }

    /// Returns the schema itself.
    pub fn json(&self) -> &Json {
        &self.schema
    }

    /// Returns all violations of the schema in a file.
    pub fn errors<'a>(&'a self, file: &'a Json) -> jsonschema::ErrorIterator<'a> {
        self.validator.iter_errors(file)
    }
}

/// Returns the schema of a type.
pub fn generate<T: JsonSchema>() -> Json {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    tidy(&mut schema, "");
    schema
}

/// Returns a schema for editors as text, with the identifier `id`.
pub fn to_text(mut schema: Json, id: &str) -> String {
    let mut named = Map::new();
    named.insert("$schema".into(), json!("http://json-schema.org/draft-07/schema#"));
    named.insert("$id".into(), json!(id));
    for (key, value) in schema.as_object_mut().map(std::mem::take).unwrap_or_default() {
        named.entry(key).or_insert(value);
    }
    let text = serde_json::to_string_pretty(&Json::Object(named)).unwrap_or_default();
    text + "\n"
}

/// Returns the schema of documented constants: an `enum` with its values and their documentation.
///
/// The documentation is also part of the description, since only taplo shows that of single values.
/// It is an `enum` because taplo offers each alternative of a `oneOf` as a separate completion.
pub fn documented_enum<'a>(values: impl IntoIterator<Item = (Json, &'a str)>, description: &str) -> Json {
    let (values, docs): (Vec<_>, Vec<_>) = values.into_iter().unzip();
    let lines = values.iter().zip(&docs).map(|(value, doc)| match value {
        Json::String(text) => format!("- `{text}`: {doc}"),
        other => format!("- `{other}`: {doc}"),
    });
    let list = lines.collect::<Vec<_>>().join("\n");
    json!({
        "enum": values,
        "description": format!("{description}\n\n{list}").trim_start(),
        "x-taplo": { "docs": { "main": description, "enumValues": docs } },
    })
}

/// Returns the schema of an object of several kinds, as a chain of `if`, `then` and `else`. Each
/// case is a condition and its schema.
///
/// Editors mark the exact mistake in such a chain, but the whole object for a `oneOf`.
/// `additionalProperties` in every link keeps tombi from treating the links as closed.
pub fn if_chain(cases: Vec<(Json, Json)>, otherwise: Json) -> Json {
    let open = |mut schema: Json| {
        if let Json::Object(map) = &mut schema {
            map.entry("additionalProperties").or_insert(json!(true));
        }
        schema
    };
    cases.into_iter().rev().fold(
        otherwise,
        |rest, (condition, then)| json!({ "if": open(condition), "then": open(then), "else": open(rest) }),
    )
}

/// Returns the schema of an object with only these keys, of any value.
pub fn closed_object<'a>(keys: impl IntoIterator<Item = &'a str>) -> Json {
    let properties: Map<_, _> = keys.into_iter().map(|key| (key.to_owned(), json!(true))).collect();
    json!({ "properties": properties, "additionalProperties": false })
}

/// Returns the schema of the value at a JSON pointer; `None` if the schema does not describe it.
pub fn find<'a>(schema: &'a Json, pointer: &str) -> Option<&'a Json> {
    pointer.split('/').skip(1).try_fold(schema, |schema, part| {
        let key = part.replace("~1", "/").replace("~0", "~");
        let property = schema.get("properties").and_then(|properties| properties.get(&key));
        let any = || schema.get("additionalProperties").filter(|schema| **schema != false);
        property.or_else(|| schema.get("items")).or_else(any)
    })
}

/// Removes artefacts of the generator, and sets the title of each key to its full name.
fn tidy(schema: &mut Json, name: &str) {
    let Json::Object(map) = schema else { return };
    // Optional keys are left out; TOML has no null.
    if let Some(Json::Array(types)) = map.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            map.insert("type".into(), only);
        }
    }
    if let Some(Json::Array(any)) = map.get_mut("anyOf") {
        any.retain(|one| one != &json!({ "type": "null" }));
        if let [only] = any.as_mut_slice() {
            let only = only.take();
            map.remove("anyOf");
            for (key, value) in only.as_object().cloned().unwrap_or_default() {
                map.entry(key).or_insert(value);
            }
        }
    }
    if map.get("default").is_some_and(Json::is_null) {
        map.remove("default");
    }
    if let Some(Json::String(description)) = map.get_mut("description") {
        // Editors would keep the line breaks of doc comments, so keep only paragraphs.
        let paragraphs: Vec<_> = description.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
        *description = paragraphs.join("\n\n");
    }
    if map.get("type").is_some_and(|kind| kind == "integer") {
        map.remove("format");
    }
    if !name.is_empty() && map.contains_key("description") && !map.contains_key("const") {
        map.insert("title".into(), json!(name));
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(Json::Array(all)) = map.get_mut(key) {
            all.iter_mut().for_each(|one| tidy(one, ""));
        }
    }
    if let Some(items) = map.get_mut("items") {
        tidy(items, name);
    }
    if let Some(Json::Object(properties)) = map.get_mut("properties") {
        for (key, property) in properties {
            let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
            tidy(property, &name);
        }
    }
}
