//! Finds package IDs, variables, sites and paths in files: their definitions and uses.

use std::ops::Range;
use std::path::PathBuf;

use super::scan::ScannedEntry;
use super::sources::{DocumentKind, SourceFile};
use crate::sequence::catalog::common::ACTION_KEYS;
use crate::sequence::catalog::{self, Key, ValueType};

/// Lists of a manifest whose entries have an ID.
const CONTENT: [&str; 4] = ["operating-system", "package", "application", "driver-package"];

/// Kind of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolKind {
    /// Package or application on the medium.
    Content,
    /// Task sequence variable.
    Variable,
    /// Site, by its code.
    Site,
}

/// Name in a file.
#[derive(Debug)]
pub struct Symbol<'a> {
    /// Kind.
    pub kind: SymbolKind,
    /// Name.
    pub name: &'a str,
    /// Bytes of the name.
    pub range: Range<usize>,
    /// `true` for a definition or an assignment.
    pub is_definition: bool,
    /// Index of its table.
    pub group: usize,
}

impl Symbol<'_> {
    /// Returns whether both refer to the same thing. Only sites are case-sensitive.
    pub fn is_same(&self, other: &Symbol<'_>) -> bool {
        self.kind == other.kind
            && match self.kind {
                SymbolKind::Site => self.name == other.name,
                _ => self.name.eq_ignore_ascii_case(other.name),
            }
    }
}

/// Returns the symbols of a file, in the order of the entries.
pub fn symbols(file: &SourceFile) -> Vec<Symbol<'_>> {
    let mut found = Vec::new();
    for entry in &file.scan.entries {
        if let Some((kind, is_definition, range)) = role(file, entry)
            && let Some(name) = file.text.get(range.clone())
            && !name.is_empty()
            && !name.contains("{{")
        {
            found.push(Symbol { kind, name, range, is_definition, group: entry.group });
        }
        if let Some(inner) = &entry.inner {
            within_text(file, entry, inner, &mut found);
        }
    }
    found
}

/// Returns the symbol at a byte of a file.
pub fn symbol_at(file: &SourceFile, offset: usize) -> Option<Symbol<'_>> {
    let touches = |symbol: &Symbol<'_>| symbol.range.start <= offset && offset <= symbol.range.end;
    symbols(file).into_iter().filter(touches).min_by_key(|symbol| symbol.range.len())
}

/// Returns kind and bytes of the symbol in an entry, and `true` if the entry defines it.
fn role(file: &SourceFile, entry: &ScannedEntry) -> Option<(SymbolKind, bool, Range<usize>)> {
    use SymbolKind::{Content, Site, Variable};
    let path: Vec<_> = file.scan.groups[entry.group].path.iter().map(String::as_str).collect();
    let key = entry.key.as_str();
    let value = |kind, is_definition| Some((kind, is_definition, entry.inner.clone()?));
    match (file.kind, path.as_slice(), key) {
        (DocumentKind::Manifest | DocumentKind::Library, [list], "id") if CONTENT.contains(list) => {
            value(Content, true)
        }
        (DocumentKind::Library, ["task-sequence" | "boot-image"], "id") => value(Content, true),
        (DocumentKind::Manifest, ["sites"], "code") => value(Site, true),
        (DocumentKind::Manifest | DocumentKind::Facts, ["variables"], _) => {
            Some((Variable, true, entry.key_range.clone()))
        }
        (DocumentKind::Sequence, [.., "set"], _) => Some((Variable, true, entry.key_range.clone())),
        (DocumentKind::Sequence, [.., "rules"], "variable") => value(Variable, false),
        (DocumentKind::Sequence, [.., "condition" | "all" | "any" | "none"], "variable") => value(Variable, false),
        (DocumentKind::Sequence, _, _) => match (&catalog_key(file, entry.group, key)?.value_type, key) {
            (ValueType::Package | ValueType::Packages, _) => value(Content, false),
            (ValueType::Application, _) => value(Content, false),
            (ValueType::Variable, "base-variable" | "drive-variable") => value(Variable, false),
            (ValueType::Variable, _) => value(Variable, true),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the step that contains a table, or the table itself if it is a step.
pub fn step_of(file: &SourceFile, group: usize) -> Option<usize> {
    let mut group = group;
    loop {
        let here = &file.scan.groups[group];
        if here.path.last().is_some_and(|key| key == "steps") {
            return Some(group);
        }
        group = here.parent?;
    }
}

/// Returns the catalog entry for a key of a step, or of a table in a step.
pub fn catalog_key(file: &SourceFile, group: usize, key: &str) -> Option<&'static Key> {
    let step = step_of(file, group)?;
    let kind = catalog::find(file.scan.text(&file.text, step, "type")?)?;
    let below = &file.scan.groups[group].path[file.scan.groups[step].path.len()..];
    match below {
        [] => kind.key(key).or_else(|| ACTION_KEYS.iter().find(|one| one.name == key)),
        [list] => match &kind.key(list)?.value_type {
            ValueType::Tables(keys) => keys.iter().find(|one| one.name == key),
            _ => None,
        },
        _ => None,
    }
}

/// Adds variables between percent signs, and sites that templates compare with `site.code`.
fn within_text<'a>(file: &'a SourceFile, entry: &ScannedEntry, inner: &Range<usize>, found: &mut Vec<Symbol<'a>>) {
    let Some(text) = file.text.get(inner.clone()) else { return };
    if file.kind == DocumentKind::Sequence {
        let mut at = 0;
        while let Some(start) = text[at..].find('%').map(|start| at + start + 1) {
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            let len = text[start..].find(|c| !is_name(c)).unwrap_or(text.len() - start);
            // Not a name: the second sign may start one, so search from there.
            if len > 0 && text[start + len..].starts_with('%') {
                let range = inner.start + start..inner.start + start + len;
                let (kind, name, group) = (SymbolKind::Variable, &file.text[range.clone()], entry.group);
                found.push(Symbol { kind, name, range, is_definition: false, group });
                at = start + len + 1;
            } else {
                at = start;
            }
        }
    }
    for (at, _) in text.match_indices("site.code") {
        let rest = text[at + "site.code".len()..].trim_start();
        let Some(rest) = rest.strip_prefix("==").or_else(|| rest.strip_prefix("!=")).map(str::trim_start) else {
            continue;
        };
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '\'' | '"')) else { continue };
        let Some(len) = rest[1..].find(quote) else { continue };
        let start = inner.end - rest.len() + 1;
        let (kind, range, group) = (SymbolKind::Site, start..start + len, entry.group);
        found.push(Symbol { kind, name: &file.text[range.clone()], range, is_definition: false, group });
    }
}

/// Returns the file that a value refers to, if it exists.
pub fn named_file(file: &SourceFile, entry: &ScannedEntry) -> Option<PathBuf> {
    let is_path = matches!(entry.key.as_str(), "file" | "source" | "files" | "profile" | "root-ca" | "update-from");
    let path = file.text.get(entry.inner.clone()?).filter(|path| is_path && !path.is_empty())?;
    let path = file.path.parent()?.join(path.replace('\\', "/"));
    path.exists().then(|| authoring::file::overlay_path(&path))
}
