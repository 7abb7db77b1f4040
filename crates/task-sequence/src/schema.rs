//! JSON Schema (draft-07) of sequence files for editors, generated from the catalog.
//!
//! Every value may also be a string with a template. [`super::read`] checks files with better
//! messages than a schema validator's.

use authoring::schema;
use serde_json::{Map, Value as Json, json};

use super::catalog::common::{ACTION_KEYS, COMMON_KEYS, FOREIGN_KEYS, SEQUENCE_KEYS};
use super::catalog::{self, Choice, Key, ValueType};
use super::condition::Operator;
use super::read::VERSION;
use super::read::conditions::{COMBINED, TESTS};

/// `$id` of the schema.
const ID: &str = "urn:tsmedia:schema:sequence:1";
/// Pattern that a string with a template matches.
const TEMPLATE: &str = r"\{[{%]";

/// Returns the schema as text: `schemas/sequence.schema.json`.
pub fn schema() -> String {
    let steps = json!({ "type": "array", "items": { "$ref": "#/definitions/step" }, "description": "Steps and groups, in the order in which they run." });
    let kept = table(&SEQUENCE_KEYS);
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": ID,
        "title": "tsmedia task sequence",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "sequence-version": { "const": VERSION, "description": "Version of the file format; always 1." },
            "name": text("Name of the task sequence: 1 to 50 characters (R74).", 50),
            "description": text("Description of the task sequence: at most 512 characters (R74).", 512),
            "boot-image": package("Package ID of the boot image that the task sequence starts, such as `ABC00001`."),
            "steps": steps,
            "references": kept["references"],
            "variables": kept["variables"],
            "omitted": kept["omitted"],
            "xml-version": kept["xml-version"],
        },
        "definitions": { "step": step(&step_types(&steps)), "condition": condition() },
    });
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// Type of step in the schema.
struct StepType {
    name: &'static str,
    doc: &'static str,
    required: Vec<&'static str>,
    properties: Map<String, Json>,
}

impl StepType {
    fn new(name: &'static str, doc: &'static str, required: &[&'static str], own: Map<String, Json>) -> Self {
        let mut properties: Map<_, _> = COMMON_KEYS
            .into_iter()
            .map(|(name, words)| {
                let form = match name {
                    "type" => json!(true),
                    "condition" => json!({ "$ref": "#/definitions/condition" }),
                    "name" => text(words, 100),
                    "description" => text(words, 255),
                    "attributes" => form(&ValueType::Map, words),
                    _ => form(&ValueType::Boolean, words),
                };
                (name.to_owned(), form)
            })
            .collect();
        properties.extend(own);
        Self { name, doc, required: ["type"].into_iter().chain(required.iter().copied()).collect(), properties }
    }
}

fn step_types(steps: &Json) -> Vec<StepType> {
    let group = json!({ "steps": steps });
    let include = json!({ "file": text("File with the `[[steps]]` to insert here, relative to this file.", 4096) });
    let mut types = vec![
        StepType::new("group", "Groups steps under one name, condition and error handling.", &["name"], object(&group)),
        StepType::new("include", "Inserts the steps of another file here.", &["file"], object(&include)),
        StepType::new(
            "foreign",
            "Keeps a step of an unknown class as it was imported.",
            &["name"],
            table(&FOREIGN_KEYS),
        ),
    ];
    types[1].properties.retain(|key, _| ["type", "when", "file"].contains(&key.as_str()));
    types.extend(catalog::kinds().map(|kind| {
        let mut own = table(kind.keys);
        own.extend(table(&ACTION_KEYS));
        let mut required = vec!["name"];
        required.extend(kind.keys.iter().filter(|key| key.is_required).map(|key| key.name));
        StepType::new(kind.name, kind.doc, &required, own)
    }));
    types
}

fn object(json: &Json) -> Map<String, Json> {
    json.as_object().cloned().unwrap_or_default()
}

/// Builds the schema of a step: one object with the keys of all types, and a chain of conditions
/// that closes it for each type.
///
/// Language servers complete keys from the object, and report the keys that the chain rejects.
fn step(types: &[StepType]) -> Json {
    let names = types.iter().map(|kind| (json!(kind.name), kind.doc));
    let mut properties = Map::new();
    properties.insert("type".into(), schema::documented_enum(names, COMMON_KEYS[0].1));
    for key in types.iter().flat_map(|kind| kind.properties.keys()) {
        if !properties.contains_key(key) {
            properties.insert(key.clone(), of_all_types(types, key));
        }
    }
    let of_type = |kind: &StepType| {
        let own = |(key, form): (&String, &Json)| {
            // The object already accepts these values, so the chain need not repeat the schema.
            let is_own = key != "type" && !same_values(form, &properties[key]);
            (key.clone(), if is_own { form.clone() } else { json!(true) })
        };
        let condition = json!({ "properties": { "type": { "const": kind.name } }, "required": ["type"] });
        let own: Map<_, _> = kind.properties.iter().map(own).collect();
        (condition, json!({ "required": kind.required, "properties": own, "additionalProperties": false }))
    };
    let cases = types.iter().map(of_type).collect();
    let mut step = json!({
        "type": "object",
        "description": "Step, group, or the steps of another file.",
        "additionalProperties": true,
        "required": ["type"],
        "properties": properties,
    });
    add(&mut step, schema::if_chain(cases, schema::closed_object(properties.keys().map(String::as_str))));
    step
}

/// Adds the keywords of one schema to another.
fn add(schema: &mut Json, more: Json) {
    if let (Json::Object(schema), Json::Object(more)) = (schema, more) {
        for (key, value) in more {
            schema.entry(key).or_insert(value);
        }
    }
}

/// Builds the schema of a key for a step of any type, with the documentation of each type.
fn of_all_types(types: &[StepType], key: &str) -> Json {
    let mut forms: Vec<(&Json, Vec<&str>)> = Vec::new();
    for kind in types {
        let Some(form) = kind.properties.get(key) else { continue };
        match forms.iter_mut().find(|(known, _)| *known == form) {
            Some((_, kinds)) => kinds.push(kind.name),
            None => forms.push((form, vec![kind.name])),
        }
    }
    // All types that have the key describe it in the same words.
    if let [(form, _)] = forms[..] {
        return form.clone();
    }
    let documented = |(form, kinds): &(&Json, Vec<&str>)| {
        let kinds: Vec<_> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
        format!("{}: {}", kinds.join(", "), form["description"].as_str().unwrap_or_default())
    };
    let description = forms.iter().map(documented).collect::<Vec<_>>().join("\n\n");
    let mut distinct: Vec<Json> = Vec::new();
    for (form, _) in forms {
        if !distinct.iter().any(|known| same_values(known, form)) {
            distinct.push(form.clone());
        }
    }
    let mut schema = match <[Json; 1]>::try_from(distinct) {
        Ok([only]) => only,
        Err(several) => json!({ "anyOf": several }),
    };
    if let Json::Object(map) = &mut schema {
        // Defaults differ between types, so the merged key has none.
        map.remove("default");
        map.insert("description".into(), json!(description));
    }
    schema
}

/// Returns `true` if two schemas accept the same values, regardless of their descriptions.
fn same_values(one: &Json, other: &Json) -> bool {
    let bare = |schema: &Json| {
        let mut schema = object(schema);
        ["description", "default"].iter().for_each(|key| drop(schema.remove(*key)));
        schema
    };
    bare(one) == bare(other)
}

fn table(keys: &[Key]) -> Map<String, Json> {
    let property = |key: &Key| {
        let mut schema = form(&key.value_type, key.doc);
        if let Some(default) = key.default {
            schema["default"] = match key.value_type {
                ValueType::Boolean | ValueType::Integer(..) => default.parse().unwrap_or_else(|_| json!(default)),
                _ => json!(default),
            };
        }
        (key.name.to_owned(), schema)
    };
    keys.iter().map(property).collect()
}

fn text(doc: &str, at_most: usize) -> Json {
    json!({ "type": "string", "maxLength": at_most, "description": doc })
}

fn package(doc: &str) -> Json {
    json!({ "type": "string", "pattern": format!("^[A-Z0-9]{{3}}[0-9A-F]{{5}}$|{TEMPLATE}"), "description": doc })
}

/// Builds the schema of a value of type `kind` that may also be a template.
fn or_template(kind: &str, doc: &str) -> Json {
    json!({ "type": [kind, "string"], "pattern": TEMPLATE, "description": doc })
}

fn choices(choices: impl Iterator<Item = (&'static str, &'static str)>, doc: &str) -> Json {
    let names = schema::documented_enum(choices.map(|(name, doc)| (json!(name), doc)), doc);
    let description = names["description"].clone();
    json!({
        "anyOf": [names, { "type": "string", "pattern": TEMPLATE, "description": doc }],
        "description": description,
    })
}

fn form(form: &ValueType, doc: &str) -> Json {
    match form {
        ValueType::Text(at_most) => text(doc, *at_most),
        ValueType::Application => text(doc, 1024),
        ValueType::Integer(least, most) => {
            let mut schema = or_template("integer", doc);
            schema["minimum"] = json!(least);
            schema["maximum"] = json!(most);
            schema
        }
        ValueType::Boolean => or_template("boolean", doc),
        ValueType::Choice(all) => choices(all.iter().map(|Choice { name, doc, .. }| (*name, *doc)), doc),
        ValueType::Package => package(doc),
        ValueType::Variable => {
            let pattern = format!("^[A-Za-z0-9_-]{{1,256}}$|{TEMPLATE}");
            json!({ "type": "string", "pattern": pattern, "description": doc })
        }
        ValueType::Secret => secret(doc),
        ValueType::Texts => json!({ "type": "array", "items": { "type": "string" }, "description": doc }),
        ValueType::Packages => {
            json!({ "type": "array", "items": package("Package ID, such as `ABC00001`."), "description": doc })
        }
        ValueType::Integers => {
            json!({ "type": "array", "items": or_template("integer", "Integer."), "description": doc })
        }
        ValueType::Map => json!({ "type": "object", "additionalProperties": { "type": "string" }, "description": doc }),
        ValueType::Tables(keys) => {
            let required: Vec<_> = keys.iter().filter(|key| key.is_required).map(|key| key.name).collect();
            json!({
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": required,
                    "properties": table(keys),
                },
                "description": doc,
            })
        }
    }
}

/// Builds the schema of a reference to a secret, which names one of three sources.
fn secret(doc: &str) -> Json {
    json!({
        "type": "object",
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {
            "env": text("Environment variable that contains the secret.", 1024),
            "file": text("File that contains the secret.", 4096),
            "command": {
                "type": "array",
                "minItems": 1,
                "items": { "type": "string" },
                "description": "Program and its arguments; its standard output is the secret.",
            },
        },
        "description": doc,
    })
}

/// Builds the schema of a condition: one object with the keys of all tests, and a chain of
/// conditions that closes it for each test.
fn condition() -> Json {
    let parts =
        |doc: &str| json!({ "type": "array", "items": { "$ref": "#/definitions/condition" }, "description": doc });
    let mut properties = Map::new();
    let mut cases = Vec::new();
    let mut case = |name: &str, others: &[&str]| {
        cases.push((
            json!({ "required": [name] }),
            schema::closed_object([name].into_iter().chain(others.iter().copied())),
        ));
    };
    for (name, doc) in COMBINED {
        properties.insert(name.to_owned(), parts(doc));
        case(name, &[]);
    }
    for (name, doc, others) in TESTS {
        properties.insert(name.to_owned(), of_test(name, doc));
        for other in others {
            properties.entry(*other).or_insert_with(|| of_test(other, ""));
        }
        case(name, others);
    }
    let mut otherwise = schema::closed_object(properties.keys().map(String::as_str));
    otherwise["minProperties"] = json!(1);
    let mut condition = json!({
        "type": "object",
        "description": "Condition that must be true for the step or group to run.",
        "additionalProperties": true,
        "properties": properties,
    });
    add(&mut condition, schema::if_chain(cases, otherwise));
    condition
}

/// Builds the schema of a key of a test.
fn of_test(name: &str, doc: &str) -> Json {
    let operators = || Operator::ALL.iter().map(|(_, name, _, doc)| (*name, *doc));
    match name {
        "operator" => choices(operators(), "Comparison operator. Default: `equals` with a `value`, `exists` without."),
        "version-operator" | "modified-operator" => choices(operators(), "Comparison operator. Default: `equals`."),
        "type" => choices(
            [
                ("REG_SZ", "Text."),
                ("REG_EXPAND_SZ", "Text with environment variables, such as `%ProgramFiles%`."),
                ("REG_DWORD", "32-bit integer."),
            ]
            .into_iter(),
            "Type of the registry value.",
        ),
        "any-version" => {
            form(&ValueType::Boolean, "Accept any version of the product, instead of the one in `version`.")
        }
        "os" => form(&ValueType::Texts, doc),
        "os-language" => form(&ValueType::Integer(1, 0xffff), doc),
        "properties" => form(&ValueType::Map, "Properties as they were imported, each with its value."),
        "value" => text("Value to compare with. For `registry`, the name of the registry value.", catalog::MAX_VALUE),
        "data" => text("Data to compare the registry value with.", catalog::MAX_VALUE),
        "namespace" => text("WMI namespace. Default: `root\\cimv2`.", 1024),
        "version" => text("Version to compare with, such as `10.0.19045`.", 255),
        "modified" => text("Time of the last change to compare with.", 255),
        "upgrade-code" => text("Upgrade code of the MSI product.", 255),
        "name" => text("Name of the MSI product.", 1024),
        _ => text(doc, 1 << 16),
    }
}
