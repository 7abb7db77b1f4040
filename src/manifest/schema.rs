//! Generates the JSON Schema of the manifest from its types (draft-07, which every TOML language
//! server supports).
//!
//! There are two versions: one for rendered manifests, and one for editors, in which most values
//! may also be strings with templates. Both are inlined, without references, so that editors find
//! the documentation of every key.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use authoring::schema::{self, generate, to_text};

use super::ManifestKind;
use super::model::{CaptureManifest, LibrarySchema, MERGED_LISTS, Manifest, REMOVE};
use super::rules;

/// Identifier of the manifest schema for editors.
const ID: &str = "urn:tsmedia:schema:media:1";
/// Pattern of strings that contain a template.
pub const TEMPLATE_PATTERN: &str = r"\{[{%]";

/// Kinds of media, which determine the allowed keys.
const KINDS: [&str; 4] = ["capture", "bootable", "prestaged", "stand-alone"];

/// Returns the schema of a rendered manifest.
pub fn rendered_schema(manifest_kind: ManifestKind) -> Json {
    let mut schema = match manifest_kind {
        ManifestKind::Medium => generate::<Manifest>(),
        ManifestKind::Capture => generate::<CaptureManifest>(),
    };
    schema["title"] = json!("tsmedia manifest");
    schema
}

/// Returns the manifest schema for editors, as text.
///
/// It has the tables of both manifest kinds, since editors do not complete keys from inside an
/// `if`. The `if` only restricts the keys by manifest kind.
pub fn editor_schema() -> String {
    let (mut schema, capture) = (rendered_schema(ManifestKind::Medium), rendered_schema(ManifestKind::Capture));
    // A base supplies `boot`, and a site file supplies `code`.
    drop_required(&mut schema["properties"]["sites"]["items"], "code");
    drop_required(&mut schema, "boot");
    drop_required(&mut schema["properties"]["boot"], "image");
    // A profile may have the other keys of an entry.
    for list in &MERGED_LISTS {
        let above = list.path.iter().fold(&mut schema, |table, key| &mut table["properties"][*key]);
        if let Some(Json::Array(required)) = above["items"].get_mut("required") {
            required.retain(|key| list.keys.iter().any(|kept| key == kept));
        }
    }
    // One editor schema covers both kinds of manifest, so add the tables that only captures have.
    let of_captures = schema::closed_object(keys(&capture));
    for (key, table) in capture["properties"].as_object().into_iter().flatten() {
        if schema["properties"].get(key).is_none() {
            schema["properties"][key] = table.clone();
        }
    }
    allow_templates(&mut schema, true);
    drop_all_required(&mut schema);
    close_by_kind(&mut schema, of_captures);
    for (table, key) in
        [("media", "source-date"), ("media", "valid-from"), ("media", "expires"), ("capture", "source-date")]
    {
        allow_dates(&mut schema["properties"][table]["properties"][key]);
    }
    allow_true(&mut schema["properties"]["media"]["properties"]["unknown-computers"]);
    let site = &mut schema["properties"]["sites"]["items"]["properties"]["certificate"].take();
    for certificate in [&mut schema["properties"]["certificate"], site] {
        for key in ["start", "expires"] {
            allow_dates(&mut certificate["properties"]["self-signed"]["properties"][key]);
        }
    }
    schema["properties"]["sites"]["items"]["properties"]["certificate"] = site.take();
    to_text(schema, ID)
}

/// Identifier of the library schema for editors.
const LIBRARY_ID: &str = "urn:tsmedia:schema:library:1";

/// Returns the schema of a content library before its templates are rendered.
pub fn library_schema() -> Json {
    let mut schema = generate::<LibrarySchema>();
    schema["title"] = json!("tsmedia content library");
    allow_templates(&mut schema, true);
    schema
}

/// Returns the library schema for editors, as text.
pub fn library_editor_schema() -> String {
    to_text(library_schema(), LIBRARY_ID)
}

/// Makes a key of an object schema optional.
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

/// Restricts the keys of the manifest, and of tables with keys for certain kinds of media, by the
/// kind of the medium. All keys are allowed in a profile, which may have no kind.
fn close_by_kind(schema: &mut Json, of_captures: Json) {
    let refused = |kind: &str| {
        let pointers = rules::refused_keys(kind).into_iter();
        pointers.map(|pointer| pointer.trim_start_matches('/').to_owned()).collect::<Vec<_>>()
    };
    let all: BTreeSet<_> = KINDS.iter().flat_map(|kind| refused(kind)).collect();
    // Tables with keys that some kind refuses; all others look the same for every kind.
    let tables: BTreeSet<_> = all.iter().filter_map(|path| Some(path.split_once('/')?.0)).collect();
    let closed = |refused: &[String]| {
        let is_taken = |path: &str| !refused.iter().any(|refused| refused == path);
        let mut closed = schema::closed_object(keys(schema).filter(|key| is_taken(key)));
        for table in &tables {
            let own = keys(&schema["properties"][table]).filter(|key| is_taken(&format!("{table}/{key}")));
            closed["properties"][table] = schema::closed_object(own);
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
    let chain = schema::if_chain(cases, closed(&[]));
    // The cases below decide which keys are allowed, and `additionalProperties` does not see keys
    // of other subschemas.
    for table in &tables {
        schema["properties"][table]["additionalProperties"] = json!(true);
    }
    schema["additionalProperties"] = json!(true);
    for (key, value) in chain.as_object().into_iter().flatten() {
        schema[key] = value.clone();
    }
}

/// Allows templates for every value; tables with headers stay tables.
fn allow_templates(schema: &mut Json, is_root: bool) {
    if let Some(Json::Object(properties)) = schema.get_mut("properties") {
        for (key, property) in properties {
            if is_root && key == REMOVE {
                describe_removals(property);
                continue;
            }
            // These are read before templates are rendered.
            if ["manifest-version", "library-version", "profile"].contains(&key.as_str()) {
                describe_text(property);
                continue;
            }
            let is_table = property.get("type").is_some_and(|kind| kind == "object");
            match is_root && is_table {
                true => allow_templates(property, false),
                false => allow_template(property),
            }
        }
    }
}

/// Allows `true` in place of a table, which is replaced before the full schema applies.
fn allow_true(schema: &mut Json) {
    if let Some(Json::Array(types)) = schema.get_mut("type") {
        types.push(json!("boolean"));
    }
}

/// Allows TOML dates: some language servers distinguish them from strings by `format`.
fn allow_dates(schema: &mut Json) {
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

/// Makes all keys optional, since profiles may supply them. Entries of lists stay complete.
fn drop_all_required(schema: &mut Json) {
    if let Json::Object(map) = schema {
        map.remove("required");
        for key in ["properties", "anyOf"] {
            match map.get_mut(key) {
                Some(Json::Object(properties)) => properties.values_mut().for_each(drop_all_required),
                Some(Json::Array(all)) => all.iter_mut().for_each(drop_all_required),
                _ => {}
            }
        }
    }
}

fn allow_template(schema: &mut Json) {
    let is = |schema: &Json, kind: &str| schema.get("type").is_some_and(|found| found == kind);
    if is(schema, "object") {
        allow_templates(schema, false);
    }
    if is(schema, "array") {
        let items = &mut schema["items"];
        if is(items, "object") {
            return allow_templates(items, false);
        }
        allow_template(items);
    }
    let Json::Object(map) = schema else { return };
    // Prefer one schema with two types: editors offer each alternative of an `anyOf` as a separate
    // completion.
    match map.get("type").and_then(Json::as_str).map(str::to_owned).as_deref() {
        Some("string") => {
            if let Some(Json::String(pattern)) = map.get_mut("pattern") {
                *pattern = format!("{pattern}|{TEMPLATE_PATTERN}");
            }
        }
        Some(kind) => {
            map.insert("type".into(), json!([kind, "string"]));
            map.insert("pattern".into(), json!(TEMPLATE_PATTERN));
        }
        None => add_template_alternative(map),
    }
}

/// Describes the keys of `[remove]`, which has no templates.
fn describe_removals(table: &mut Json) {
    for property in table.get_mut("properties").and_then(Json::as_object_mut).into_iter().flat_map(Map::values_mut) {
        match property.get("properties") {
            Some(_) => describe_removals(property),
            None => describe_text(property),
        }
    }
}

/// Gives the string alternative the description of the key, because taplo shows only that one.
fn describe_text(schema: &mut Json) {
    let description = schema["description"].clone();
    for one in schema.get_mut("anyOf").and_then(Json::as_array_mut).into_iter().flatten() {
        name_values(one, description.as_str().unwrap_or_default());
        if one["type"] == "string" {
            one["description"] = description.clone();
        }
    }
}

/// Adds a template to the alternatives of a value.
fn add_template_alternative(map: &mut Map<String, Json>) {
    let template = json!({ "type": "string", "pattern": TEMPLATE_PATTERN, "description": map.get("description") });
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

/// Rewrites documented constants as an `enum`, also inside lists.
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
        for (manifest_kind, least) in [(ManifestKind::Medium, 30), (ManifestKind::Capture, 15)] {
            let mut n_keys = 0;
            walk(&rendered_schema(manifest_kind), "", &mut n_keys);
            assert!(n_keys > least, "{n_keys}");
        }
    }

    #[test]
    fn every_list_of_tables_is_merged_with_those_of_profiles() {
        fn lists(schema: &Json, path: &str, found: &mut Vec<String>) {
            for (key, property) in schema["properties"].as_object().into_iter().flatten() {
                let path = format!("{path}/{key}");
                if property["items"]["properties"].is_object() {
                    found.push(path.clone());
                }
                lists(property, &path, found);
            }
        }
        let mut found = Vec::new();
        lists(&rendered_schema(ManifestKind::Medium), "", &mut found);
        let of_tables = MERGED_LISTS.iter().filter(|list| !list.keys.is_empty());
        let mut merged: Vec<_> = of_tables.map(|list| format!("/{}", list.path.join("/"))).collect();
        found.sort();
        merged.sort();
        assert_eq!(found, merged);
        for list in &MERGED_LISTS {
            let schema = rendered_schema(ManifestKind::Medium);
            let entry = list.path.iter().fold(&schema, |table, key| &table["properties"][*key])["items"].clone();
            list.keys.iter().for_each(|key| assert!(entry["properties"][*key].is_object(), "{key} in {entry}"));
            let is_text = entry.is_object() && entry["properties"].is_null();
            assert!(!list.keys.is_empty() || is_text, "{list:?}: {entry}");
        }
    }

    #[test]
    fn both_schemas_are_valid_ones() {
        let editor: Json = serde_json::from_str(&editor_schema()).unwrap();
        for schema in [rendered_schema(ManifestKind::Medium), rendered_schema(ManifestKind::Capture), editor] {
            jsonschema::draft7::meta::validate(&schema).unwrap();
        }
    }
}
