//! Looks up keys and values of a file in the JSON Schemas.

use serde_json::{Map, Value as Json};

use super::scan::Scan;
use super::sources::{DocumentKind, SourceFile};
use crate::manifest;
use crate::report::reference::{KeysPage, link_keys};
use crate::sequence;
use crate::simulate;

/// JSON Schemas of all kinds of files.
pub struct Schemas {
    manifest: Json,
    sequence: Json,
    facts: Json,
    library: Json,
}

/// Start of the last paragraph of a description with a link.
const LINK_START: &str = "\n\n[Manual](";

/// Possible value of a key.
#[derive(Debug)]
pub struct Choice {
    /// Value in TOML, with quotes.
    pub value: String,
    /// Documentation.
    pub doc: String,
}

impl Schemas {
    /// Builds the schemas. Descriptions link to the manual at the address, if there is one.
    pub fn new(manual: Option<&str>) -> Self {
        let build = |text: String, page| {
            let mut schema = serde_json::from_str(&text).unwrap_or_default();
            manual.into_iter().for_each(|manual| link_keys(&mut schema, page, manual));
            schema
        };
        Self {
            manifest: build(manifest::editor_schema(), KeysPage::Manifest),
            sequence: build(sequence::schema(), KeysPage::Sequence),
            facts: build(simulate::editor_schema(), KeysPage::Facts),
            library: build(manifest::library_schema(), KeysPage::Library),
        }
    }

    fn root(&self, kind: DocumentKind) -> Option<&Json> {
        match kind {
            DocumentKind::Manifest => Some(&self.manifest),
            DocumentKind::Sequence => Some(&self.sequence),
            DocumentKind::Facts => Some(&self.facts),
            DocumentKind::Library => Some(&self.library),
            DocumentKind::Other => None,
        }
    }

    /// Returns the keys of a table with their schemas. If the keys depend on others, such as the `type` of a step, returns
    /// those that apply.
    pub fn keys<'a>(&'a self, file: &SourceFile, group: usize) -> Vec<(&'a str, &'a Json)> {
        let Some(root) = self.root(file.kind) else { return Vec::new() };
        let Some(table) = self.table(root, file, group) else { return Vec::new() };
        let Some(properties) = table["properties"].as_object() else { return Vec::new() };
        // The chain of conditions is in the table itself; for tables such as `[output]`, whose keys depend on keys of other
        // tables, it is at the root.
        let closed = closed(table, file, group).or_else(|| {
            let key = file.scan.groups[group].path.first().filter(|_| file.scan.groups[group].path.len() == 1)?;
            self::closed(root, file, 0)?["properties"].get(key)
        });
        let own = closed.and_then(|closed| closed["properties"].as_object());
        let of_kind = |(key, schema): (&'a String, &'a Json)| match own.map(|own: &'a Map<String, Json>| own.get(key)) {
            Some(None) => None,
            Some(Some(own)) if own.get("description").is_some() => Some((key.as_str(), referenced(root, own))),
            _ => Some((key.as_str(), referenced(root, schema))),
        };
        properties.iter().filter_map(of_kind).collect()
    }

    /// Returns the schema of a key in a table.
    pub fn key<'a>(&'a self, file: &SourceFile, group: usize, key: &str) -> Option<&'a Json> {
        self.keys(file, group).into_iter().find(|(name, _)| *name == key).map(|(_, schema)| schema)
    }

    fn table<'a>(&'a self, root: &'a Json, file: &SourceFile, group: usize) -> Option<&'a Json> {
        file.scan.groups[group].path.iter().try_fold(root, |schema, key| {
            let schema = with_properties(root, schema)?;
            let named = schema["properties"].get(key);
            with_properties(root, named.or_else(|| schema.get("additionalProperties"))?)
        })
    }
}

/// Follows `$ref`, if the schema has one.
fn referenced<'a>(root: &'a Json, schema: &'a Json) -> &'a Json {
    let reference = schema["$ref"].as_str().map(|reference| reference.trim_start_matches('#'));
    reference.and_then(|pointer| root.pointer(pointer)).unwrap_or(schema)
}

/// Returns the schema of a table, or of the tables of a list, behind references and alternatives.
fn with_properties<'a>(root: &'a Json, schema: &'a Json) -> Option<&'a Json> {
    let schema = referenced(root, schema);
    if schema["properties"].is_object() {
        return Some(schema);
    }
    if schema["items"].is_object() {
        return with_properties(root, &schema["items"]);
    }
    schema["anyOf"].as_array().into_iter().flatten().find_map(|one| with_properties(root, one))
}

/// Returns the branch of a chain of `if`, `then` and `else` that applies to a table; `None` if the schema has no chain.
fn closed<'a>(schema: &'a Json, file: &SourceFile, group: usize) -> Option<&'a Json> {
    let mut link = schema;
    link.get("if")?;
    while let Some(condition) = link.get("if") {
        link = if holds(condition, file, group) { &link["then"] } else { &link["else"] };
    }
    Some(link)
}

fn holds(condition: &Json, file: &SourceFile, group: usize) -> bool {
    let Scan { groups, .. } = &file.scan;
    let child = |key: &str| {
        let path = &groups[group].path;
        groups.iter().position(|one| {
            one.path.len() == path.len() + 1 && one.path.starts_with(path) && one.path.ends_with(&[key.to_owned()])
        })
    };
    let has =
        |key: &Json| key.as_str().is_some_and(|key| file.scan.entry(group, key).is_some() || child(key).is_some());
    let is_right = |(key, schema): (&String, &Json)| match schema["const"].as_str() {
        Some(value) => file.scan.text(&file.text, group, key) == Some(value),
        None => child(key).is_some_and(|child| holds(schema, file, child)),
    };
    condition["required"].as_array().into_iter().flatten().all(has)
        && condition["properties"].as_object().into_iter().flatten().all(is_right)
}

/// Returns the possible values of an enumeration or boolean.
pub fn choices(schema: &Json) -> Vec<Choice> {
    if let Some(values) = schema["enum"].as_array() {
        let docs = &schema["x-taplo"]["docs"]["enumValues"];
        let choice = |(at, value): (usize, &Json)| {
            let doc = docs[at].as_str().unwrap_or_default().to_owned();
            Choice { value: value.to_string(), doc }
        };
        return values.iter().enumerate().map(choice).collect();
    }
    let alternatives = ["anyOf", "oneOf"].into_iter().flat_map(|key| schema[key].as_array().into_iter().flatten());
    let found: Vec<_> = alternatives.flat_map(choices).collect();
    if !found.is_empty() {
        return found;
    }
    if schema["items"].is_object() {
        return choices(&schema["items"]);
    }
    if let Some(value) = schema.get("const") {
        let doc = schema["description"].as_str().unwrap_or_default().to_owned();
        return vec![Choice { value: value.to_string(), doc }];
    }
    let is_boolean = schema["type"] == "boolean" || schema["type"].as_array().is_some_and(|all| all[0] == "boolean");
    let words = if is_boolean { &["true", "false"][..] } else { &[] };
    words.iter().map(|word| Choice { value: (*word).to_owned(), doc: String::new() }).collect()
}

/// Returns the description of a schema without the list of its values.
pub fn doc(schema: &Json) -> &str {
    let text = schema["description"].as_str().unwrap_or_default();
    let end = ["\n\n- `", LINK_START].iter().filter_map(|part| text.find(part)).min().unwrap_or(text.len());
    &text[..end]
}

/// Returns the link to the manual in a key's description, if there is one.
pub fn manual_link(schema: &Json) -> Option<&str> {
    let text = schema["description"].as_str()?;
    text.rfind(LINK_START).map(|at| text[at..].trim_start())
}
