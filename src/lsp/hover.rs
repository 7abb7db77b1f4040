//! Documentation for the key, value or name at a cursor. Values of variables are never shown: they may be secrets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::scan::ScannedEntry;
use super::schema::{Schemas, choices, doc, manual_link};
use super::sources::{DocumentKind, SourceFile};
use super::symbols::{Symbol, SymbolKind, catalog_key, step_of, symbol_at, symbols};
use super::{text, variables};
use crate::rule::Rule;

/// Returns the hover at a byte of a file.
pub fn hover(
    file: &SourceFile,
    offset: usize,
    files: &BTreeMap<PathBuf, SourceFile>,
    schemas: &Schemas,
) -> Option<Json> {
    let (range, words) = match symbol_at(file, offset) {
        Some(symbol) => {
            let words = symbol_doc(&symbol, files);
            (symbol.range, words)
        }
        None => entry_doc(file, offset, schemas)?,
    };
    Some(json!({ "contents": { "kind": "markdown", "value": words }, "range": text::range(&file.text, &range) }))
}

fn entry_doc(file: &SourceFile, offset: usize, schemas: &Schemas) -> Option<(std::ops::Range<usize>, String)> {
    let entry = file.scan.entry_at(offset)?;
    let is_rule = file.kind == DocumentKind::Manifest && file.scan.groups[entry.group].path == ["media", "rules"];
    let is_key = offset <= entry.key_range.end && entry.key_range.start <= offset;
    if let Some(rule) = Rule::parse(&entry.key).filter(|_| is_rule && is_key) {
        let (code, title, explanation) = (rule.code(), rule.title(), rule.explanation());
        return Some((entry.key_range.clone(), format!("**`{rule}`** ({code}): {title}\n\n{explanation}")));
    }
    let schema = schemas.key(file, entry.group, &entry.key)?;
    if is_key {
        return Some((entry.key_range.clone(), key_doc(file, entry.group, &entry.key, schema)));
    }
    let value = file.text.get(entry.inner.clone()?)?;
    let choice = choices(schema).into_iter().find(|choice| choice.value.trim_matches('"') == value)?;
    Some((entry.value.clone(), format!("`{value}`: {}", choice.doc)))
}

/// Returns the documentation of a key: its meaning, its values and its default.
pub fn key_doc(file: &SourceFile, group: usize, key: &str, schema: &Json) -> String {
    // Schemas merge the keys of all step types; the catalog documents the key of this type.
    let doc = catalog_key(file, group, key).map_or_else(|| doc(schema), |key| key.doc);
    let mut words = format!("**`{key}`**: {doc}");
    for choice in choices(schema).iter().filter(|choice| !choice.doc.is_empty()) {
        if !words.contains("\n- ") {
            words.push('\n');
        }
        words += &format!("\n- `{}`: {}", choice.value.trim_matches('"'), choice.doc);
    }
    if let Some(default) = schema.get("default") {
        words += &format!("\n\nDefault: `{default}`");
    }
    if let Some(link) = manual_link(schema) {
        words += &format!("\n\n{link}");
    }
    words
}

fn symbol_doc(symbol: &Symbol<'_>, files: &BTreeMap<PathBuf, SourceFile>) -> String {
    let what = match symbol.kind {
        SymbolKind::Content => "content of media",
        SymbolKind::Variable => "task sequence variable",
        SymbolKind::Site => "site",
    };
    let mut words = format!("**`{}`**: {what}", symbol.name);
    if symbol.kind == SymbolKind::Variable
        && let Some(doc) = variables::doc(symbol.name)
    {
        words += &format!("\n\n{doc}");
    }
    let places: Vec<_> = files.values().flat_map(|file| definitions(symbol, file)).collect();
    for place in &places {
        words += &format!("\n\n{place}");
    }
    if places.is_empty() {
        words += match symbol.kind {
            SymbolKind::Content => "\n\nNot defined in the workspace.",
            SymbolKind::Variable => "\n\nNot set in the workspace.",
            SymbolKind::Site => "\n\nNot defined in the workspace.",
        };
    }
    words
}

/// Describes the places in a file where a name is defined.
fn definitions(symbol: &Symbol<'_>, file: &SourceFile) -> Vec<String> {
    let name = file.path.file_name().unwrap_or_default().to_string_lossy();
    let of = symbols(file).into_iter().filter(|other| other.is_definition && other.is_same(symbol));
    of.map(|found| {
        let line = file.text[..found.range.start].matches('\n').count() + 1;
        format!("{} (`{name}`, line {line})", place(&found, file))
    })
    .collect()
}

fn place(symbol: &Symbol<'_>, file: &SourceFile) -> String {
    let text = |group, key: &str| file.scan.text(&file.text, group, key);
    match symbol.kind {
        SymbolKind::Content => {
            let path = ["source", "file"].into_iter().find_map(|key| text(symbol.group, key)).unwrap_or_default();
            format!("`[[{}]]` of `{path}`", file.scan.groups[symbol.group].path.join("."))
        }
        SymbolKind::Site => format!("A {} site", text(symbol.group, "kind").unwrap_or("primary")),
        SymbolKind::Variable => match step_of(file, symbol.group) {
            Some(step) => {
                let (kind, name) = (text(step, "type").unwrap_or("step"), text(step, "name").unwrap_or_default());
                format!("Set by the step `{name}` (`{kind}`)")
            }
            None => "Set in `[variables]`".to_owned(),
        },
    }
}

/// Returns the entry at a byte, unless the byte is in its key.
pub fn value_at(file: &SourceFile, offset: usize) -> Option<&ScannedEntry> {
    file.scan.entry_at(offset).filter(|entry| offset > entry.key_range.end)
}
