//! The JSON Schema of sequence files for editors, made from the catalog (draft-07).
//!
//! Every value may also be text with a template in it. What a file says is checked by [`super::read`], whose
//! complaints are better than a schema's.

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
        },
        "definitions": { "step": { "oneOf": step_types(&steps) }, "condition": condition() },
    });
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

fn step_types(steps: &Json) -> Vec<Json> {
    let group = json!({ "steps": steps });
    let include = json!({ "file": text("The file whose `[[steps]]` stand here, relative to this one.", 4096) });
    let mut types = vec![
        step("group", "Steps that belong together.", &["name"], object(&group)),
        step("include", "The steps of another file, in place of this one.", &["file"], object(&include)),
        step("foreign", "A step that tsmedia does not know, as it was imported.", &["name"], table(&FOREIGN)),
    ];
    types[1]["properties"] = json!({
        "type": types[1]["properties"]["type"],
        "when": types[1]["properties"]["when"],
        "file": include["file"],
    });
    types.extend(catalog::kinds().map(|kind| {
        let mut own = table(kind.keys);
        own.extend(table(&OF_ACTIONS));
        let mut required = vec!["name"];
        required.extend(kind.keys.iter().filter(|key| key.is_required).map(|key| key.name));
        step(kind.name, kind.doc, &required, own)
    }));
    types
}

fn object(json: &Json) -> Map<String, Json> {
    json.as_object().cloned().unwrap_or_default()
}

fn step(kind: &str, doc: &str, required: &[&str], own: Map<String, Json>) -> Json {
    let mut properties = Map::new();
    for (name, words) in COMMON {
        let form = match name {
            "type" => json!({ "const": kind, "description": doc }),
            "condition" => json!({ "$ref": "#/definitions/condition" }),
            "name" => text(words, 100),
            "description" => text(words, 255),
            "attributes" => form(&Form::Map, words),
            _ => form(&Form::Boolean, words),
        };
        properties.insert(name.into(), form);
    }
    properties.extend(own);
    let required: Vec<_> = ["type"].iter().chain(required).collect();
    json!({
        "title": kind,
        "description": doc,
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
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
    let words: Vec<_> = choices.map(|(name, doc)| json!({ "const": name, "description": doc })).collect();
    json!({ "anyOf": [{ "oneOf": words }, { "type": "string", "pattern": TEMPLATE }], "description": doc })
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
            let pattern = format!("^[A-Za-z_][A-Za-z0-9_-]{{0,255}}$|{TEMPLATE}");
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
    let way = |name: &str, schema: Json| {
        let properties = Map::from_iter([(name.to_owned(), schema)]);
        json!({ "type": "object", "additionalProperties": false, "required": [name], "properties": properties })
    };
    let command = json!({ "type": "array", "minItems": 1, "items": { "type": "string" }, "description": "A program and its arguments, whose output it is." });
    json!({
        "oneOf": [
            way("env", text("The variable of the environment that holds it.", 1024)),
            way("file", text("The file that holds it.", 4096)),
            way("command", command),
        ],
        "description": doc,
    })
}

fn condition() -> Json {
    let parts =
        |doc: &str| json!({ "type": "array", "items": { "$ref": "#/definitions/condition" }, "description": doc });
    let mut forms: Vec<_> = COMBINED
        .iter()
        .map(|(name, doc)| {
            let properties = Map::from_iter([((*name).to_owned(), parts(doc))]);
            json!({ "type": "object", "additionalProperties": false, "required": [name], "properties": properties })
        })
        .collect();
    forms.extend(TESTS.iter().map(|(name, doc, others)| {
        let mut properties = Map::from_iter([((*name).to_owned(), of_test(name, doc))]);
        properties.extend(others.iter().map(|other| ((*other).to_owned(), of_test(other, ""))));
        json!({
            "title": name,
            "description": doc,
            "type": "object",
            "additionalProperties": false,
            "required": [name],
            "properties": properties,
        })
    }));
    json!({ "oneOf": forms, "description": "What has to hold for the step to run." })
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
