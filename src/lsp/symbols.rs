//! Package IDs, variables, sites and paths in author's files: where they are defined and where they are used.

use std::ops::Range;
use std::path::PathBuf;

use super::scan::Entry;
use super::sources::{FileKind, SourceFile};
use crate::sequence::catalog::common::ACTION_KEYS;
use crate::sequence::catalog::{self, Key, ValueType};

/// Lists of a manifest whose entries have an ID.
const CONTENT: [&str; 4] = ["operating-system", "package", "application", "driver-package"];

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolKind {
    /// A package or an application on the medium.
    Content,
    /// A variable of the task sequence.
    Variable,
    /// A site, by its code.
    Site,
}

/// A name in a file.
#[derive(Debug)]
pub struct Symbol<'a> {
    /// What it stands for.
    pub kind: SymbolKind,
    /// The name.
    pub name: &'a str,
    /// Where it is.
    pub range: Range<usize>,
    /// `true` where it is defined or set.
    pub is_definition: bool,
    /// The table that it is in.
    pub group: usize,
}

impl Symbol<'_> {
    /// Returns `true` if both stand for the same. Case counts for sites alone.
    pub fn is_same(&self, other: &Symbol<'_>) -> bool {
        self.kind == other.kind
            && match self.kind {
                SymbolKind::Site => self.name == other.name,
                _ => self.name.eq_ignore_ascii_case(other.name),
            }
    }
}

/// Returns the names in a file, in the order of their values.
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

/// Returns the name at a byte of a file.
pub fn symbol_at(file: &SourceFile, offset: usize) -> Option<Symbol<'_>> {
    let touches = |symbol: &Symbol<'_>| symbol.range.start <= offset && offset <= symbol.range.end;
    symbols(file).into_iter().filter(touches).min_by_key(|symbol| symbol.range.len())
}

/// Returns what the value of an entry, or its key, stands for.
fn role(file: &SourceFile, entry: &Entry) -> Option<(SymbolKind, bool, Range<usize>)> {
    use SymbolKind::{Content, Site, Variable};
    let path: Vec<_> = file.scan.groups[entry.group].path.iter().map(String::as_str).collect();
    let key = entry.key.as_str();
    let value = |kind, is_definition| Some((kind, is_definition, entry.inner.clone()?));
    match (file.kind, path.as_slice(), key) {
        (FileKind::Manifest | FileKind::Library, [list], "id") if CONTENT.contains(list) => value(Content, true),
        (FileKind::Library, ["task-sequence" | "boot-image"], "id") => value(Content, true),
        (FileKind::Manifest, ["sites"], "code") => value(Site, true),
        (FileKind::Manifest | FileKind::Facts, ["variables"], _) => Some((Variable, true, entry.key_range.clone())),
        (FileKind::Sequence, [.., "set"], _) => Some((Variable, true, entry.key_range.clone())),
        (FileKind::Sequence, [.., "rules"], "variable") => value(Variable, false),
        (FileKind::Sequence, [.., "condition" | "all" | "any" | "none"], "variable") => value(Variable, false),
        (FileKind::Sequence, _, _) => match (&catalog_key(file, entry.group, key)?.value_type, key) {
            (ValueType::Package | ValueType::Packages, _) => value(Content, false),
            (ValueType::Application, _) => value(Content, false),
            (ValueType::Variable, "base-variable" | "drive-variable") => value(Variable, false),
            (ValueType::Variable, _) => value(Variable, true),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the step that a table is, or is part of.
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

/// Returns what the catalog says of a key of a step, or of a table in one.
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

/// Variables between percent signs, and sites that templates compare.
fn within_text<'a>(file: &'a SourceFile, entry: &Entry, inner: &Range<usize>, found: &mut Vec<Symbol<'a>>) {
    let Some(text) = file.text.get(inner.clone()) else { return };
    if file.kind == FileKind::Sequence {
        let mut at = 0;
        while let Some(start) = text[at..].find('%').map(|start| at + start + 1) {
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            let len = text[start..].find(|c| !is_name(c)).unwrap_or(text.len() - start);
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

/// Returns the file that a value names, if it is there.
pub fn named_file(file: &SourceFile, entry: &Entry) -> Option<PathBuf> {
    let is_path = matches!(entry.key.as_str(), "file" | "source" | "files" | "profile" | "root-ca" | "update-from");
    let path = file.text.get(entry.inner.clone()?).filter(|path| is_path && !path.is_empty())?;
    let path = file.path.parent()?.join(path.replace('\\', "/"));
    path.exists().then(|| authoring::file::overlay_path(&path))
}
