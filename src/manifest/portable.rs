//! Rendered manifests as files of their own, in another folder.
//!
//! Paths are rebased to that folder, and text that looks like a template is escaped. Values that
//! could not be rendered are left out. Commands that print secrets are not changed: they start in
//! the folder of the manifest.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde_json::Value as Json;

use super::model::{BOOT_IMAGE, MERGED_LISTS, NONE, WINDOWS};
use super::profile::parent_folder;
use super::rendered::{Rendered, relative};
use super::rules::is_pem;
use crate::problem::{Problems, SourceId};
use authoring::doc::dotted;

/// Paths to files in manifests, as JSON pointers; `*` stands for any key or position.
const PATHS: [&str; 36] = [
    "/base/medium",
    "/base/password/file",
    "/boot/image/file",
    "/boot/files",
    "/boot/background",
    "/boot/drivers/*",
    "/boot/file/*/source",
    "/boot/revocations/dbx",
    "/certificate/pfx/file",
    "/certificate/pfx/password/file",
    "/certificate/self-signed/key/file",
    "/security/password/file",
    "/variables/*/file",
    "/reserved-variables/*/file",
    "/prestart/files",
    "/policy/file",
    "/policy/file/*",
    "/task-sequence/file",
    "/library/files/*",
    "/operating-system/*/file",
    "/package/*/source",
    "/application/*/source",
    "/driver-package/*/source",
    "/file/*/source",
    "/sites/*/root-ca",
    "/sites/*/issuing-cas/*",
    "/sites/*/signing-certificate",
    "/sites/*/certificate/pfx/file",
    "/sites/*/certificate/pfx/password/file",
    "/sites/*/certificate/self-signed/key/file",
    "/sites/*/base/medium",
    "/sites/*/base/password/file",
    "/capture/source/*/path",
    "/capture/source/*/allow-references/*",
    "/capture/update-from",
    "/capture/exclusions",
];

/// Paths of outputs, which are relative to the manifest even if a profile sets them.
const OUTPUTS: [&str; 2] = ["/output/path", "/capture/path"];

/// Words that stand in place of paths, with the keys that take them.
const WORDS: [(&str, &str); 3] =
    [("/boot/files", BOOT_IMAGE), ("/capture/exclusions", WINDOWS), ("/capture/exclusions", NONE)];

/// Returns a rendered manifest as a manifest in `folder`. Both paths are relative to the current
/// folder.
pub fn to_json<M>(rendered: &Rendered<M>, folder: &Utf8Path) -> Json {
    let mut value = rendered.value().clone();
    for pattern in PATHS {
        let parts: Vec<_> = pattern.split('/').skip(1).collect();
        change(&mut value, &parts, &mut String::new(), &mut |pointer, text| {
            // A path on a medium may be a table.
            let from = rendered.path_at(&format!("{pointer}/medium"), text);
            if !is_pem(text) && !text.is_empty() && !WORDS.contains(&(pattern, text.as_str())) {
                *text = relative(folder, &from).into_string();
            }
        });
    }
    for output in OUTPUTS {
        if let Some(Json::String(path)) = value.pointer_mut(output).filter(|path| *path != "") {
            *path = relative(folder, &parent_folder(&rendered.path).join(&path)).into_string();
        }
    }
    tidy(&mut value);
    value
}

/// Returns [`to_json`] as TOML. It is a manifest for the same medium.
pub fn to_toml<M>(rendered: &Rendered<M>, folder: &Utf8Path) -> String {
    // Rendered values have only string keys and no null, so this can't fail.
    toml::to_string_pretty(&to_json(rendered, folder)).unwrap_or_default()
}

/// Returns the dotted keys of values that could not be rendered.
pub fn missing<M>(rendered: &Rendered<M>) -> Vec<String> {
    let mut keys: Vec<_> = rendered.spans.holes.iter().map(|pointer| dotted(pointer)).collect();
    keys.dedup();
    keys
}

/// Returns the entries of lists that come from profiles, with the files that set their keys.
pub fn inherited<M>(rendered: &Rendered<M>, sources: &Problems) -> Vec<String> {
    let manifest = rendered.place("").source;
    let mut lines = Vec::new();
    for list in &MERGED_LISTS {
        let pointer = format!("/{}", list.path.join("/"));
        let entries = rendered.value().pointer(&pointer).and_then(Json::as_array);
        for (at, entry) in entries.into_iter().flatten().enumerate() {
            let pointer = format!("{pointer}/{at}");
            if rendered.library_entries().iter().any(|taken| taken.pointer == pointer) {
                continue;
            }
            if let Some(text) = entry.as_str() {
                let source = rendered.place(&pointer).source;
                let line = || format!("{} `{text}`: `{}`", list.names.0, sources.source(source).name);
                lines.extend((source != manifest).then(line));
                continue;
            }
            let mut keys: BTreeMap<SourceId, Vec<&str>> = BTreeMap::new();
            for key in entry.as_object().into_iter().flatten().map(|(key, _)| key.as_str()) {
                let place = rendered.place(&format!("{pointer}/{key}"));
                keys.entry(place.source).or_default().push(key);
            }
            let named = |source: &SourceId| format!("`{}`", sources.source(*source).name);
            let from: Vec<_> = match keys.len() {
                1 => keys.keys().map(named).collect(),
                _ => keys.iter().map(|(source, keys)| format!("{} ({})", named(source), keys.join(", "))).collect(),
            };
            if keys.keys().any(|source| *source != manifest) {
                let identity = list.keys.iter().find_map(|key| entry.get(*key)?.as_str());
                let identity = identity.map_or_else(|| (at + 1).to_string(), |identity| format!("`{identity}`"));
                lines.push(format!("{} {identity}: {}", list.names.0, from.join(", ")));
            }
        }
    }
    lines
}

/// Calls `rebase` with each text at a pattern, and its JSON pointer. Of a table for a path on a
/// medium, the text is the medium.
fn change(value: &mut Json, parts: &[&str], pointer: &mut String, rebase: &mut dyn FnMut(&str, &mut String)) {
    let len = pointer.len();
    match (parts, value) {
        ([], Json::String(text)) => rebase(pointer, text),
        ([], Json::Object(table)) => {
            if let Some(Json::String(medium)) = table.get_mut("medium") {
                rebase(pointer, medium);
            }
        }
        (["*", rest @ ..], Json::Array(items)) => {
            for (at, item) in items.iter_mut().enumerate() {
                pointer.push_str(&format!("/{at}"));
                change(item, rest, pointer, rebase);
                pointer.truncate(len);
            }
        }
        ([wanted, rest @ ..], Json::Object(table)) => {
            for (key, value) in table.iter_mut().filter(|(key, _)| *wanted == "*" || key == wanted) {
                pointer.push('/');
                pointer.push_str(&authoring::spanned::escape(key));
                change(value, rest, pointer, rebase);
                pointer.truncate(len);
            }
        }
        _ => {}
    }
}

/// Removes values that could not be rendered, and escapes text that looks like a template.
fn tidy(value: &mut Json) {
    match value {
        Json::String(text) => *text = escaped(text),
        Json::Array(items) => {
            items.retain(|item| !item.is_null());
            items.iter_mut().for_each(tidy);
        }
        Json::Object(table) => {
            table.retain(|_, value| !value.is_null());
            table.values_mut().for_each(tidy);
        }
        _ => {}
    }
}

/// Escapes the delimiters of templates, so that rendering returns the text.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let delimiter = rest.get(at..at + 2).filter(|delimiter| ["{{", "{%", "{#"].contains(delimiter));
        let len = delimiter.map_or(1, str::len);
        escaped.push_str(&rest[..at]);
        match delimiter {
            Some(delimiter) => escaped.push_str(&format!("{{{{ '{delimiter}' }}}}")),
            None => escaped.push('{'),
        }
        rest = &rest[at + len..];
    }
    escaped + rest
}

#[cfg(test)]
mod tests {
    use super::super::ManifestKind;
    use super::super::schema::rendered_schema;
    use super::*;

    #[test]
    fn every_content_and_every_file_with_a_secret_is_rebased() {
        fn walk(schema: &Json, path: &str, n_found: &mut usize) {
            let is_path =
                schema["anyOf"].as_array().into_iter().flatten().any(|one| one["properties"]["medium"].is_object());
            if is_path {
                *n_found += 1;
                assert!(PATHS.contains(&path), "{path}");
            }
            if schema["properties"]["env"].is_object() {
                *n_found += 1;
                let path = format!("{path}/file");
                assert!(PATHS.contains(&path.as_str()), "{path}");
                return;
            }
            for one in schema["anyOf"].as_array().into_iter().flatten() {
                walk(one, path, n_found);
            }
            for (key, property) in schema["properties"].as_object().into_iter().flatten().filter(|_| !is_path) {
                walk(property, &format!("{path}/{key}"), n_found);
            }
            for (items, path) in [("items", format!("{path}/*")), ("additionalProperties", format!("{path}/*"))] {
                if schema[items].is_object() {
                    walk(&schema[items], &path, n_found);
                }
            }
        }
        let mut n_found = 0;
        for kind in [ManifestKind::Medium, ManifestKind::Capture] {
            walk(&rendered_schema(kind), "", &mut n_found);
        }
        assert!(n_found > 15, "{n_found}");
    }

    #[test]
    fn text_that_looks_like_a_template_is_escaped() {
        assert_eq!(escaped("a { b } {c"), "a { b } {c");
        assert_eq!(escaped("{{ x }}{%{#"), "{{ '{{' }} x }}{{ '{%' }}{{ '{#' }}");
        assert_eq!(escaped("ü{{{"), "ü{{ '{{' }}{");
    }
}
