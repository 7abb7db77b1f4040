//! The JSON Schema of sequence files for editors, made from the catalog (draft-07).
//!
//! Every value may also be text with a template in it. What a file says is checked by [`super::read`], whose
//! complaints are better than a schema's.

use authoring::schema;
use serde_json::{Map, Value as Json, json};

use super::catalog::common::{COMMON, FOREIGN, KEPT, OF_ACTIONS};
use super::catalog::{self, Choice, Form, Key};
use super::condition::Operator;
use super::read::VERSION;
use super::read::conditions::{COMBINED, TESTS};

/// The identity of the schema.
const ID: &str = "urn:tsmedia:schema:sequence:1";
/// What a string with a template in it looks like.
const TEMPLATE: &str = r"\{[{%]";

/// The schema, as text: `schemas/sequence.schema.json`.
pub fn schema() -> String {
    let steps = json!({ "type": "array", "items": { "$ref": "#/definitions/step" }, "description": "Steps and groups, in their order." });
    let kept = table(&KEPT);
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": ID,
        "title": "tsmedia task sequence",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "sequence-version": { "const": VERSION, "description": "The version of the form of the file. Always 1." },
            "name": text("The name of the task sequence: 1 to 50 characters (R74).", 50),
            "description": text("What it is for: 512 characters at most (R74).", 512),
            "boot-image": package("The package ID of its boot image."),
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

/// A type of step as an editor knows it.
struct StepType {
    name: &'static str,
    doc: &'static str,
    required: Vec<&'static str>,
    properties: Map<String, Json>,
}

impl StepType {
    fn new(name: &'static str, doc: &'static str, required: &[&'static str], own: Map<String, Json>) -> Self {
        let mut properties: Map<_, _> = COMMON
            .into_iter()
            .map(|(name, words)| {
                let form = match name {
                    "type" => json!(true),
                    "condition" => json!({ "$ref": "#/definitions/condition" }),
                    "name" => text(words, 100),
                    "description" => text(words, 255),
                    "attributes" => form(&Form::Map, words),
                    _ => form(&Form::Boolean, words),
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
    let include = json!({ "file": text("The file whose `[[steps]]` stand here, relative to this one.", 4096) });
    let mut types = vec![
        StepType::new("group", "Steps that belong together.", &["name"], object(&group)),
        StepType::new("include", "The steps of another file, in place of this one.", &["file"], object(&include)),
        StepType::new("foreign", "A step that tsmedia does not know, as it was imported.", &["name"], table(&FOREIGN)),
    ];
    types[1].properties.retain(|key, _| ["type", "when", "file"].contains(&key.as_str()));
    types.extend(catalog::kinds().map(|kind| {
        let mut own = table(kind.keys);
        own.extend(table(&OF_ACTIONS));
        let mut required = vec!["name"];
        required.extend(kind.keys.iter().filter(|key| key.is_required).map(|key| key.name));
        StepType::new(kind.name, kind.doc, &required, own)
    }));
    types
}

fn object(json: &Json) -> Map<String, Json> {
    json.as_object().cloned().unwrap_or_default()
}

/// Schema of a step: one object with the keys of all types, and a chain that closes it for each type.
///
/// Servers complete the keys from the object, and mark what the chain refuses.
fn step(types: &[StepType]) -> Json {
    let names = types.iter().map(|kind| (json!(kind.name), kind.doc));
    let mut properties = Map::new();
    properties.insert("type".into(), schema::documented_enum(names, COMMON[0].1));
    for key in types.iter().flat_map(|kind| kind.properties.keys()) {
        if !properties.contains_key(key) {
            properties.insert(key.clone(), of_all_types(types, key));
        }
    }
    let of_type = |kind: &StepType| {
        let own = |(key, form): (&String, &Json)| {
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
        "description": "A step, a group, or the steps of another file.",
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

/// Schema of a key for whichever type a step has, with the documentation of each.
fn of_all_types(types: &[StepType], key: &str) -> Json {
    let mut forms: Vec<(&Json, Vec<&str>)> = Vec::new();
    for kind in types {
        let Some(form) = kind.properties.get(key) else { continue };
        match forms.iter_mut().find(|(known, _)| *known == form) {
            Some((_, kinds)) => kinds.push(kind.name),
            None => forms.push((form, vec![kind.name])),
        }
    }
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
        map.remove("default");
        map.insert("description".into(), json!(description));
    }
    schema
}

/// Returns `true` if two schemas take the same values, whatever they say of them.
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
        let mut schema = form(&key.form, key.doc);
        if let Some(default) = key.default {
            schema["default"] = match key.form {
                Form::Boolean | Form::Integer(..) => default.parse().unwrap_or_else(|_| json!(default)),
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

/// A value that may also be a template.
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

fn form(form: &Form, doc: &str) -> Json {
    match form {
        Form::Text(at_most) => text(doc, *at_most),
        Form::Application => text(doc, 1024),
        Form::Integer(least, most) => {
            let mut schema = or_template("integer", doc);
            schema["minimum"] = json!(least);
            schema["maximum"] = json!(most);
            schema
        }
        Form::Boolean => or_template("boolean", doc),
        Form::Choice(all) => choices(all.iter().map(|Choice { name, doc, .. }| (*name, *doc)), doc),
        Form::Package => package(doc),
        Form::Variable => {
            let pattern = format!("^[A-Za-z0-9_-]{{1,256}}$|{TEMPLATE}");
            json!({ "type": "string", "pattern": pattern, "description": doc })
        }
        Form::Secret => secret(doc),
        Form::Texts => json!({ "type": "array", "items": { "type": "string" }, "description": doc }),
        Form::Packages => json!({ "type": "array", "items": package("A package ID."), "description": doc }),
        Form::Integers => json!({ "type": "array", "items": or_template("integer", "A number."), "description": doc }),
        Form::Map => json!({ "type": "object", "additionalProperties": { "type": "string" }, "description": doc }),
        Form::Tables(keys) => {
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

/// A reference to a secret: one of three ways to get at it.
fn secret(doc: &str) -> Json {
    json!({
        "type": "object",
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {
            "env": text("The variable of the environment that holds it.", 1024),
            "file": text("The file that holds it.", 4096),
            "command": {
                "type": "array",
                "minItems": 1,
                "items": { "type": "string" },
                "description": "A program and its arguments, whose output it is.",
            },
        },
        "description": doc,
    })
}

/// Schema of a condition: one object with the keys of all tests, and a chain that closes it by the test it names.
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
        "description": "What has to hold for the step to run.",
        "additionalProperties": true,
        "properties": properties,
    });
    add(&mut condition, schema::if_chain(cases, otherwise));
    condition
}

/// What a key of a test may be.
fn of_test(name: &str, doc: &str) -> Json {
    let operators = || Operator::ALL.iter().map(|(_, name, _, doc)| (*name, *doc));
    match name {
        "operator" => choices(operators(), "How it compares: `equals` if there is a value, else `exists`."),
        "version-operator" | "modified-operator" => choices(operators(), "How it compares: `equals` unless said."),
        "type" => choices(
            [("REG_SZ", "Text."), ("REG_EXPAND_SZ", "Text with variables."), ("REG_DWORD", "A number.")].into_iter(),
            "The type of the value.",
        ),
        "any-version" => form(&Form::Boolean, "Whether any version of the product will do."),
        "os" => form(&Form::Texts, doc),
        "os-language" => form(&Form::Integer(1, 0xffff), doc),
        "properties" => form(&Form::Map, "Its properties."),
        "value" => {
            text("The value that it is compared with; of the registry, the name of the value.", catalog::MAX_VALUE)
        }
        "data" => text("What the value of the registry is compared with.", catalog::MAX_VALUE),
        "namespace" => text("The namespace; `root\\cimv2` unless said.", 1024),
        "version" => text("The version that it is compared with.", 255),
        "modified" => text("The time that it is compared with.", 255),
        "upgrade-code" => text("The upgrade code of the product.", 255),
        "name" => text("The name of the product.", 1024),
        _ => text(doc, 1 << 16),
    }
}
