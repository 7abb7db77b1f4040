//! The JSON Schema of the manifest, made from its types (draft-07, which every TOML language server reads).
//!
//! There are two: the full one, for values that have been rendered, and the editor's, in which a value may also be
//! text with a template in it. Both are written out without references, so that documentation stands where an
//! editor looks for it.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};

use super::Sort;
use super::model::{CaptureManifest, Manifest};

/// The identity of the editor's schema.
const ID: &str = "urn:tsmedia:schema:media:1";
/// What a string with a template in it looks like.
const TEMPLATE: &str = r"\{[{%]";

/// The schema of a rendered manifest.
pub fn full(sort: Sort) -> Json {
    let mut schema = match sort {
        Sort::Medium => of::<Manifest>(),
        Sort::Capture => of::<CaptureManifest>(),
    };
    schema["title"] = json!("tsmedia manifest");
    schema
}

/// The schema of a type, in which every value is what the type says.
pub fn of<T: JsonSchema>() -> Json {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    tidy(&mut schema, "");
    schema
}

/// The schema that editors use, as text.
///
/// It is one for both sorts of manifest, with the tables of both: editors offer nothing of what stands below an `if`.
pub fn editor() -> String {
    let (mut schema, capture) = (full(Sort::Medium), full(Sort::Capture));
    for (key, table) in capture["properties"].as_object().into_iter().flatten() {
        if schema["properties"].get(key).is_none() {
            schema["properties"][key] = table.clone();
        }
    }
    relax_properties(&mut schema, true);
    leave_holes(&mut schema);
    for (table, key) in
        [("media", "source-date"), ("media", "valid-from"), ("media", "expires"), ("capture", "source-date")]
    {
        take_dates(&mut schema["properties"][table]["properties"][key]);
    }
    let site = &mut schema["properties"]["sites"]["items"]["properties"]["certificate"].take();
    for certificate in [&mut schema["properties"]["certificate"], site] {
        for key in ["start", "expires"] {
            take_dates(&mut certificate["properties"]["self-signed"]["properties"][key]);
        }
    }
    schema["properties"]["sites"]["items"]["properties"]["certificate"] = site.take();
    let mut named = Map::new();
    named.insert("$schema".into(), json!("http://json-schema.org/draft-07/schema#"));
    named.insert("$id".into(), json!(ID));
    for (key, value) in schema.as_object_mut().map(std::mem::take).unwrap_or_default() {
        named.entry(key).or_insert(value);
    }
    let text = serde_json::to_string_pretty(&Json::Object(named)).unwrap_or_default();
    text + "\n"
}

/// Takes out what the generator writes for its own sake, and gives each key its full name as the title.
fn tidy(schema: &mut Json, name: &str) {
    let Json::Object(map) = schema else { return };
    // An optional key may be left out; TOML has no null to write instead.
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
        // The lines of a comment are no lines to an editor; its paragraphs are.
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

/// Lets every value that has rules of its own be a template as well; tables with headers stay tables.
fn relax_properties(schema: &mut Json, is_root: bool) {
    if let Some(Json::Object(properties)) = schema.get_mut("properties") {
        for (key, property) in properties {
            // Both are read before anything is rendered.
            if ["manifest-version", "profile"].contains(&key.as_str()) {
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
    if let Some(Json::Array(any)) = map.get_mut("anyOf") {
        any.push(template);
    }
}

/// The schema of the value at a JSON pointer, if the manifest knows it.
pub fn at<'a>(schema: &'a Json, pointer: &str) -> Option<&'a Json> {
    pointer.split('/').skip(1).try_fold(schema, |schema, part| {
        let key = part.replace("~1", "/").replace("~0", "~");
        let property = schema.get("properties").and_then(|properties| properties.get(&key));
        let any = || schema.get("additionalProperties").filter(|schema| **schema != false);
        property.or_else(|| schema.get("items")).or_else(any)
    })
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
