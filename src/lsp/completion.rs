//! Completes keys, values and names at a cursor.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::hover::{key_doc, value_at};
use super::scan::ScannedEntry;
use super::schema::{Schemas, choices};
use super::sources::{DocumentKind, SourceFile};
use super::symbols::{SymbolKind, catalog_key, symbols};
use super::{text, variables};
use crate::sequence::catalog::ValueType;

/// Kinds of completion items (`CompletionItemKind`).
const VARIABLE: u32 = 6;
const PROPERTY: u32 = 10;
const VALUE: u32 = 12;
const ENUM_MEMBER: u32 = 20;

/// Returns the completion items at a byte of a file.
pub fn complete(
    file: &SourceFile,
    offset: usize,
    files: &BTreeMap<PathBuf, SourceFile>,
    schemas: &Schemas,
) -> Vec<Json> {
    if in_comment(&file.text, offset) {
        return Vec::new();
    }
    if let Some((names, kind, range)) = within_text(file, offset, files) {
        return names.into_iter().map(|(name, doc)| item(file, &name, kind, &doc, &range, &name)).collect();
    }
    match value_at(file, offset).filter(|entry| !is_table(file, entry)) {
        Some(entry) => values(file, entry, offset, files, schemas),
        None => keys(file, offset, schemas),
    }
}

fn in_comment(text: &str, offset: usize) -> bool {
    let line = text[..offset].rsplit('\n').next().unwrap_or_default();
    line.trim_start().starts_with('#')
}

/// Returns whether the value of an entry is an inline table, in which keys are completed instead of a value.
fn is_table(file: &SourceFile, entry: &ScannedEntry) -> bool {
    file.text[entry.value.clone()].starts_with('{')
}

fn item(file: &SourceFile, label: &str, kind: u32, doc: &str, range: &Range<usize>, new: &str) -> Json {
    let mut item = json!({
        "label": label,
        "kind": kind,
        "textEdit": { "range": text::range(&file.text, range), "newText": new },
    });
    if !doc.is_empty() {
        item["documentation"] = json!({ "kind": "markdown", "value": doc });
    }
    item
}

fn keys(file: &SourceFile, offset: usize, schemas: &Schemas) -> Vec<Json> {
    let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let start = file.text[..offset].rfind(|c| !is_key(c)).map_or(0, |at| at + 1);
    let end = offset + file.text[offset..].find(|c| !is_key(c)).unwrap_or(file.text.len() - offset);
    let line = file.text[..start].rsplit('\n').next().unwrap_or_default();
    if line.trim_start().starts_with('[') && !line.contains('=') {
        return headers(file, start..end, schemas, line.trim_start().starts_with("[["));
    }
    let group = file.scan.group_at(start);
    // Renaming a key keeps its value; a new key gets ` = `.
    let has_value = file.text[end..].trim_start_matches([' ', '\t']).starts_with('=');
    let written = |key: &str| file.scan.entry(group, key).is_some_and(|entry| entry.key_range != (start..end));
    let keys = schemas.keys(file, group).into_iter().filter(|(key, _)| !written(key));
    keys.map(|(key, schema)| {
        let new = if has_value { key.to_owned() } else { format!("{key} = ") };
        item(file, key, PROPERTY, &key_doc(file, group, key, schema), &(start..end), &new)
    })
    .collect()
}

/// Completes the name of a table in a header.
fn headers(file: &SourceFile, range: Range<usize>, schemas: &Schemas, is_list: bool) -> Vec<Json> {
    let all = schemas
        .keys(file, 0)
        .into_iter()
        .filter(|(_, schema)| if is_list { schema["items"].is_object() } else { schema["type"] == "object" });
    all.map(|(key, schema)| item(file, key, PROPERTY, &key_doc(file, 0, key, schema), &range, key)).collect()
}

fn values(
    file: &SourceFile,
    entry: &ScannedEntry,
    offset: usize,
    files: &BTreeMap<PathBuf, SourceFile>,
    schemas: &Schemas,
) -> Vec<Json> {
    let mut found = Vec::new();
    // Replace a value that is there, but insert into a list.
    let range = match &entry.inner {
        Some(_) => entry.value.clone(),
        None if file.text[entry.value.clone()].starts_with('[') => offset..offset,
        None => entry.value.clone(),
    };
    if let Some(schema) = schemas.key(file, entry.group, &entry.key) {
        let choices = choices(schema);
        found.extend(choices.iter().map(|one| item(file, &one.value, ENUM_MEMBER, &one.doc, &range, &one.value)));
    }
    let path = &file.scan.groups[entry.group].path;
    let is_condition = path.iter().any(|key| key == "condition") && entry.key == "variable";
    let value_type = catalog_key(file, entry.group, &entry.key).map(|key| &key.value_type);
    let names = match value_type {
        _ if file.kind == DocumentKind::Sequence && is_condition => variable_names(files),
        Some(ValueType::Variable) => variable_names(files),
        Some(ValueType::Package | ValueType::Packages | ValueType::Application) => content(files),
        _ => BTreeMap::new(),
    };
    let quoted = names.into_iter().map(|(name, doc)| (format!("\"{name}\""), doc));
    found.extend(quoted.map(|(name, doc)| item(file, &name, VALUE, &doc, &range, &name)));
    found
}

/// Names with their documentation.
type Names = BTreeMap<String, String>;

/// Returns the names that fit at a cursor within a string: variables after `%`, and the values of templates.
fn within_text(
    file: &SourceFile,
    offset: usize,
    files: &BTreeMap<PathBuf, SourceFile>,
) -> Option<(Names, u32, Range<usize>)> {
    let entry = value_at(file, offset)?;
    let inner = entry.inner.clone().filter(|inner| inner.start <= offset && offset <= inner.end)?;
    let before = file.text.get(inner.start..offset)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let start = before.rfind(|c| !is_name(c)).map_or(0, |at| at + 1);
    let (head, range) = (&before[..start], inner.start + start..offset);
    let in_template = before.rfind("{{").is_some_and(|open| before.rfind("}}").is_none_or(|close| close < open));
    if in_template {
        if let Some(left) = head.strip_suffix(['\'', '"']) {
            let compared = left.trim_end().strip_suffix("==").or_else(|| left.trim_end().strip_suffix("!="))?;
            return compared.trim_end().ends_with("site.code").then(|| (sites(files), VALUE, range));
        }
        let names = match head.rsplit([' ', '{', '(']).next()? {
            "vars." => vars(files),
            "site." => keys_of(files, "sites"),
            "media." => keys_of(files, "media"),
            "" => ["media", "site", "vars"].map(|name| (name.to_owned(), String::new())).into(),
            _ => return None,
        };
        return Some((names, VARIABLE, range));
    }
    // With an odd number of signs, the last one opens a name.
    let is_open = head.ends_with('%') && head.matches('%').count() % 2 == 1;
    (file.kind == DocumentKind::Sequence && is_open).then(|| (variable_names(files), VARIABLE, range))
}

fn variable_names(files: &BTreeMap<PathBuf, SourceFile>) -> Names {
    let mut names: Names = variables::documented().into_iter().map(|(name, doc)| (name.to_owned(), doc)).collect();
    for (name, file) in defined(files, SymbolKind::Variable) {
        names.entry(name).or_insert_with(|| format!("Set in `{file}`."));
    }
    names
}

fn content(files: &BTreeMap<PathBuf, SourceFile>) -> Names {
    let mut names = Names::new();
    for file in files.values() {
        for symbol in symbols(file).iter().filter(|one| one.is_definition && one.kind == SymbolKind::Content) {
            let path = ["source", "file"].iter().find_map(|key| file.scan.text(&file.text, symbol.group, key));
            let list = file.scan.groups[symbol.group].path.join(".");
            let doc = format!("`[[{list}]]` of `{}`", path.unwrap_or_default());
            names.insert(symbol.name.to_owned(), doc);
        }
    }
    names
}

fn sites(files: &BTreeMap<PathBuf, SourceFile>) -> Names {
    defined(files, SymbolKind::Site).map(|(name, file)| (name, format!("A site of `{file}`."))).collect()
}

/// Returns the names that files define, each with the name of the file.
fn defined(files: &BTreeMap<PathBuf, SourceFile>, kind: SymbolKind) -> impl Iterator<Item = (String, String)> {
    files.values().flat_map(move |file| {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let of_kind = symbols(file).into_iter().filter(move |one| one.is_definition && one.kind == kind);
        of_kind.map(move |one| (one.name.to_owned(), name.clone())).collect::<Vec<_>>()
    })
}

/// Returns the names of template values in `[vars]` and in `vars` of sites.
fn vars(files: &BTreeMap<PathBuf, SourceFile>) -> Names {
    let is_vars = |path: &[String]| path.last().is_some_and(|key| key == "vars");
    let manifests = files.values().filter(|file| file.kind == DocumentKind::Manifest);
    let keys = manifests.flat_map(|file| {
        let of_vars = file.scan.entries.iter().filter(|entry| is_vars(&file.scan.groups[entry.group].path));
        of_vars.map(|entry| entry.key.clone())
    });
    keys.map(|key| (key, String::new())).collect()
}

fn keys_of(files: &BTreeMap<PathBuf, SourceFile>, table: &str) -> Names {
    let mut keys = BTreeSet::new();
    for file in files.values().filter(|file| file.kind == DocumentKind::Manifest) {
        let of_table = file.scan.entries.iter().filter(|entry| file.scan.groups[entry.group].path == [table]);
        keys.extend(of_table.map(|entry| entry.key.clone()));
    }
    keys.into_iter().map(|key| (key, String::new())).collect()
}
