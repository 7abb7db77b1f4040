//! Finds definitions and references of names, and offers quick fixes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::diagnostics::Finding;
use super::hover::value_at;
use super::sources::SourceFile;
use super::symbols::{named_file, symbol_at, symbols};
use super::{text, uri};

/// Returns the definitions of the name at a byte, or the file that the value there refers to.
pub fn definition(file: &SourceFile, offset: usize, files: &BTreeMap<PathBuf, SourceFile>) -> Vec<Json> {
    if symbol_at(file, offset).is_some() {
        return places(file, offset, files, true);
    }
    let named = value_at(file, offset).and_then(|entry| named_file(file, entry)).filter(|path| path.is_file());
    let start = json!({ "line": 0, "character": 0 });
    let location = |path: PathBuf| json!({ "uri": uri::from_path(&path), "range": { "start": start, "end": start } });
    named.map(location).into_iter().collect()
}

/// Returns the uses of the name at a byte, and its definitions if `with_definitions` is set.
pub fn references(
    file: &SourceFile,
    offset: usize,
    files: &BTreeMap<PathBuf, SourceFile>,
    with_definitions: bool,
) -> Vec<Json> {
    let mut found = places(file, offset, files, false);
    if with_definitions {
        found.extend(places(file, offset, files, true));
    }
    found
}

fn places(file: &SourceFile, offset: usize, files: &BTreeMap<PathBuf, SourceFile>, definitions: bool) -> Vec<Json> {
    let Some(symbol) = symbol_at(file, offset) else { return Vec::new() };
    let in_file = |file: &SourceFile| {
        let same = symbols(file).into_iter().filter(|one| one.is_definition == definitions && one.is_same(&symbol));
        let location = |range| json!({ "uri": uri::from_path(&file.path), "range": text::range(&file.text, &range) });
        same.map(|one| location(one.range)).collect::<Vec<_>>()
    };
    files.values().flat_map(in_file).collect()
}

/// Returns quick fixes for the findings that touch a range.
pub fn actions(uri: &str, findings: &[Finding], range: &Json) -> Vec<Json> {
    let at = |position: &Json| (position["line"].as_u64(), position["character"].as_u64());
    let touches = |own: &Json| at(&own["start"]) <= at(&range["end"]) && at(&range["start"]) <= at(&own["end"]);
    let action = |finding: &Finding| {
        let new = finding.replacement.as_deref()?;
        let own = &finding.diagnostic["range"];
        let edit = json!({ "changes": { uri: [{ "range": own, "newText": new }] } });
        touches(own).then(|| {
            json!({
                "title": format!("Replace with `{}`", new.trim_matches(['"', '\''])),
                "kind": "quickfix",
                "isPreferred": true,
                "diagnostics": [finding.diagnostic],
                "edit": edit,
            })
        })
    };
    findings.iter().filter_map(action).collect()
}
