//! The JSON Schema of the manifest, made from its types (draft-07, which every TOML language server reads).
//!
//! There are two: the full one, for values that have been rendered, and the editor's, in which a value may also be
//! text with a template in it. Both are written out without references, so that documentation stands where an
//! editor looks for it.

use std::collections::BTreeSet;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value as Json, json};

use authoring::schema::{self, of, to_text};

use super::Sort;
use super::model::{CaptureManifest, Library, LoweredTo, Manifest};
use super::rules;
use crate::rule::Rule;

/// The identity of the editor's schema.
const ID: &str = "urn:tsmedia:schema:media:1";
/// What a string with a template in it looks like.
const TEMPLATE: &str = r"\{[{%]";

/// The kinds of media, by which keys are taken or not.
const KINDS: [&str; 4] = ["capture", "bootable", "prestaged", "stand-alone"];

/// The schema of a rendered manifest.
pub fn full(sort: Sort) -> Json {
    let mut schema = match sort {
        Sort::Medium => of::<Manifest>(),
        Sort::Capture => of::<CaptureManifest>(),
    };
    schema["title"] = json!("tsmedia manifest");
    schema
}

/// Schema of `media.rules`: a property for each rule that can be lowered, which editors complete.
///
/// Other names are accepted here, since rules also have numbers and `check` has better messages.
pub fn lowerable_rules(generator: &mut SchemaGenerator) -> Schema {
    let lowered_to = generator.subschema_for::<LoweredTo>().to_value();
    let rules = Rule::all().into_iter().filter(|rule| rule.is_lowerable());
    let property = |rule: Rule| {
        let mut property = lowered_to.clone();
        property["description"] = json!(format!("{}: {}", rule.code(), rule.title()));
        (rule.slug().to_owned(), property)
    };
    let properties: Map<_, _> = rules.map(property).collect();
    json_schema!({ "type": "object", "properties": properties, "additionalProperties": lowered_to })
}

/// The schema that editors use, as text.
///
/// It is one for both sorts of manifest, with the tables of both: editors offer nothing of what stands below an `if`.
/// The `if` closes it for what the manifest is of.
pub fn editor() -> String {
    let (mut schema, capture) = (full(Sort::Medium), full(Sort::Capture));
    // A base supplies them, and a site file the code.
    drop_required(&mut schema["properties"]["sites"]["items"], "code");
    drop_required(&mut schema, "boot");
    drop_required(&mut schema["properties"]["boot"], "image");
    let of_captures = schema::closed(keys(&capture));
    for (key, table) in capture["properties"].as_object().into_iter().flatten() {
        if schema["properties"].get(key).is_none() {
            schema["properties"][key] = table.clone();
        }
    }
    relax_properties(&mut schema, true);
    leave_holes(&mut schema);
    close_by_kind(&mut schema, of_captures);
    for (table, key) in
        [("media", "source-date"), ("media", "valid-from"), ("media", "expires"), ("capture", "source-date")]
    {
        take_dates(&mut schema["properties"][table]["properties"][key]);
    }
    take_true(&mut schema["properties"]["media"]["properties"]["unknown-computers"]);
    let site = &mut schema["properties"]["sites"]["items"]["properties"]["certificate"].take();
    for certificate in [&mut schema["properties"]["certificate"], site] {
        for key in ["start", "expires"] {
            take_dates(&mut certificate["properties"]["self-signed"]["properties"][key]);
        }
    }
    schema["properties"]["sites"]["items"]["properties"]["certificate"] = site.take();
    to_text(schema, ID)
}

/// The identity of the editor's schema of content libraries.
const LIBRARY_ID: &str = "urn:tsmedia:schema:library:1";

/// The schema of a content library whose templates are not rendered.
pub fn library() -> Json {
    let mut schema = of::<Library>();
    schema["title"] = json!("tsmedia content library");
    relax_properties(&mut schema, true);
    schema
}

/// The schema of content libraries that editors use, as text.
pub fn library_editor() -> String {
    to_text(library(), LIBRARY_ID)
}

/// Has a schema of an object do without a key.
fn drop_required(schema: &mut Json, key: &str) {
    if let Some(Json::Array(required)) = schema.get_mut("required") {
        required.retain(|name| name != key);
        if required.is_empty() {
            schema.as_object_mut().map(|map| map.remove("required"));
        }
    }
}

fn keys(schema: &Json) -> impl Iterator<Item = &str> {
    schema["properties"].as_object().into_iter().flatten().map(|(key, _)| key.as_str())
}

/// Closes the manifest, and tables with keys that only some kinds of media have, by the kind of the medium. A profile,
/// which may have no kind, takes all keys.
fn close_by_kind(schema: &mut Json, of_captures: Json) {
    let refused = |kind: &str| {
        let pointers = rules::refused_keys(kind).into_iter();
        pointers.map(|pointer| pointer.trim_start_matches('/').to_owned()).collect::<Vec<_>>()
    };
    let all: BTreeSet<_> = KINDS.iter().flat_map(|kind| refused(kind)).collect();
    let tables: BTreeSet<_> = all.iter().filter_map(|path| Some(path.split_once('/')?.0)).collect();
    let closed = |refused: &[String]| {
        let is_taken = |path: &str| !refused.iter().any(|refused| refused == path);
        let mut closed = schema::closed(keys(schema).filter(|key| is_taken(key)));
        for table in &tables {
            let own = keys(&schema["properties"][table]).filter(|key| is_taken(&format!("{table}/{key}")));
            closed["properties"][table] = schema::closed(own);
        }
        closed
    };
    let of_kind = |kind: &&str| {
        let media =
            json!({ "properties": { "kind": { "const": kind } }, "required": ["kind"], "additionalProperties": true });
        let condition = json!({ "properties": { "media": media }, "required": ["media"] });
        (condition, closed(&refused(kind)))
    };
    let mut cases = vec![(json!({ "required": ["capture"] }), of_captures)];
    cases.extend(KINDS.iter().map(of_kind));
    let chain = schema::chain(cases, closed(&[]));
    for table in &tables {
        schema["properties"][table]["additionalProperties"] = json!(true);
    }
    schema["additionalProperties"] = json!(true);
    for (key, value) in chain.as_object().into_iter().flatten() {
        schema[key] = value.clone();
    }
}

/// Lets every value that has rules of its own be a template as well; tables with headers stay tables.
fn relax_properties(schema: &mut Json, is_root: bool) {
    if let Some(Json::Object(properties)) = schema.get_mut("properties") {
        for (key, property) in properties {
            // They are read before anything is rendered.
            if ["manifest-version", "library-version", "profile"].contains(&key.as_str()) {
                describe_text(property);
                continue;
            }
            let is_table = property.get("type").is_some_and(|kind| kind == "object");
            match is_root && is_table {
                true => relax_properties(property, false),
                false => relax(property),
            }
        }
    }
}

/// Lets `true` stand in place of a table, which is filled in before the full schema applies.
fn take_true(schema: &mut Json) {
    if let Some(Json::Array(types)) = schema.get_mut("type") {
        types.push(json!("boolean"));
    }
}

/// Some language servers tell the dates of TOML from its strings, by the format that a schema names.
fn take_dates(schema: &mut Json) {
    let Json::Object(map) = schema else { return };
    let mut text = Map::new();
    for key in ["type", "pattern", "patternErrorMessage"] {
        text.extend(map.remove(key).map(|value| (key.to_owned(), value)));
    }
    text.extend(map.get("description").map(|words| ("description".to_owned(), words.clone())));
    let mut any = vec![Json::Object(text.clone())];
    any.extend(["date", "date-time", "date-time-local"].map(|format| {
        text.insert("format".into(), json!(format));
        Json::Object(text.clone())
    }));
    map.insert("anyOf".into(), Json::Array(any));
}

/// What a manifest lacks may come from a profile, and a profile may lack anything. Entries of lists are whole.
fn leave_holes(schema: &mut Json) {
    if let Json::Object(map) = schema {
        map.remove("required");
        for key in ["properties", "anyOf"] {
            match map.get_mut(key) {
                Some(Json::Object(properties)) => properties.values_mut().for_each(leave_holes),
                Some(Json::Array(all)) => all.iter_mut().for_each(leave_holes),
                _ => {}
            }
        }
    }
}

fn relax(schema: &mut Json) {
    let is = |schema: &Json, kind: &str| schema.get("type").is_some_and(|found| found == kind);
    if is(schema, "object") {
        relax_properties(schema, false);
    }
    if is(schema, "array") {
        let items = &mut schema["items"];
        if is(items, "object") {
            return relax_properties(items, false);
        }
        relax(items);
    }
    let Json::Object(map) = schema else { return };
    // One schema with two types where that will do: editors offer each alternative of an `anyOf` as a key of its own.
    match map.get("type").and_then(Json::as_str).map(str::to_owned).as_deref() {
        Some("string") => {
            if let Some(Json::String(pattern)) = map.get_mut("pattern") {
                *pattern = format!("{pattern}|{TEMPLATE}");
            }
        }
        Some(kind) => {
            map.insert("type".into(), json!([kind, "string"]));
            map.insert("pattern".into(), json!(TEMPLATE));
        }
        None => relax_alternatives(map),
    }
}

/// Documents the plain text among several ways to write a value as the key itself: taplo shows nothing else of it.
fn describe_text(schema: &mut Json) {
    let description = schema["description"].clone();
    for one in schema.get_mut("anyOf").and_then(Json::as_array_mut).into_iter().flatten() {
        name_values(one, description.as_str().unwrap_or_default());
        if one["type"] == "string" {
            one["description"] = description.clone();
        }
    }
}

/// Adds a template to the ways in which a value can be written.
fn relax_alternatives(map: &mut Map<String, Json>) {
    let template = json!({ "type": "string", "pattern": TEMPLATE, "description": map.get("description") });
    if let Some(names) = map.remove("oneOf") {
        map.insert("anyOf".into(), json!([{ "oneOf": names }]));
    }
    let description = map.get("description").and_then(Json::as_str).unwrap_or_default().to_owned();
    if let Some(Json::Array(any)) = map.get_mut("anyOf") {
        any.iter_mut().for_each(|one| name_values(one, &description));
        any.push(template);
    }
    if let Some(documented) =
        map.get("anyOf").and_then(|any| any[0]["enum"].is_array().then(|| any[0]["description"].clone()))
    {
        map.insert("description".into(), documented);
    }
}

/// Writes values with names as an `enum`, in a list too.
fn name_values(schema: &mut Json, description: &str) {
    if let Some(names) = schema.get("oneOf").and_then(Json::as_array) {
        let named = names.iter().map(|one| (one["const"].clone(), one["description"].as_str().unwrap_or_default()));
        *schema = schema::documented_enum(named, description);
    }
    let items = schema.pointer_mut("/items/anyOf").and_then(Json::as_array_mut);
    items.into_iter().flatten().for_each(|one| name_values(one, description));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_documents_every_key_and_every_enum_value() {
        fn walk(schema: &Json, name: &str, n_keys: &mut usize) {
            for (key, property) in schema["properties"].as_object().into_iter().flatten() {
                let name = format!("{name}.{key}");
                for needed in ["title", "description"] {
                    assert!(property[needed].is_string(), "{name} has no {needed}: {property}");
                }
                *n_keys += 1;
                walk(property, &name, n_keys);
            }
            for one in ["anyOf", "oneOf"].iter().flat_map(|key| schema[*key].as_array().into_iter().flatten()) {
                if one.get("const").is_some() {
                    assert!(one["description"].is_string(), "{name}: {one}");
                }
                walk(one, name, n_keys);
            }
            assert!(schema.get("enum").is_none(), "{name}: enum values without documentation");
            assert!(schema.get("$ref").is_none(), "{name}");
            if let Some(items) = schema.get("items") {
                walk(items, name, n_keys);
            }
        }
        for (sort, least) in [(Sort::Medium, 30), (Sort::Capture, 15)] {
            let mut n_keys = 0;
            walk(&full(sort), "", &mut n_keys);
            assert!(n_keys > least, "{n_keys}");
        }
    }

    #[test]
    fn both_schemas_are_valid_ones() {
        let editor: Json = serde_json::from_str(&editor()).unwrap();
        for schema in [full(Sort::Medium), full(Sort::Capture), editor] {
            jsonschema::draft7::meta::validate(&schema).unwrap();
        }
    }
}
