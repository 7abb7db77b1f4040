//! The guide of sites: its site file is that of the example, and its script writes the keys of the schema.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::page::{Page, ROOT};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn site_schema() -> Value {
    serde_json::from_str(&read("schemas/site.schema.json")).unwrap()
}

#[test]
fn the_site_file_of_the_guide_is_that_of_the_example_and_follows_the_schema() {
    let blocks = Page::read("docs/guides/sites.md").blocks();
    let [sample] = blocks.iter().filter(|block| block.language() == "json").collect::<Vec<_>>()[..] else {
        panic!("the guide shows one site file");
    };
    let site: Value = serde_json::from_str(&sample.text()).unwrap();
    let validator = jsonschema::draft7::new(&site_schema()).unwrap();
    let wrong: Vec<_> = validator.iter_errors(&site).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let example = read("examples/site-data/sites/BER.json");
    assert_eq!(example.replace("../../../schemas/site.schema.json", "site.schema.json"), sample.text());
}

#[test]
fn the_export_script_writes_only_keys_of_the_schema() {
    let script = read("docs/guides/Export-TsmediaSite.ps1");
    let schema = site_schema();
    let keys = |pointer: &str| -> Vec<String> {
        let keys = schema.pointer(pointer).and_then(|keys| keys.as_object()).expect("an object");
        keys.keys().cloned().collect()
    };
    let quoted = |start: &str, end: &str| -> Vec<String> {
        let parts = script.split(start).skip(1);
        parts.map(|part| part.split(end).next().expect("an end").to_owned()).collect()
    };
    let mut written = quoted("$site['", "']");
    written.extend(["site-version", "code"].map(str::to_owned));
    written.sort();
    written.dedup();
    let mut known = keys("/properties");
    // Editors add `$schema`, and no source of `use-first-certificate` is known.
    known.retain(|key| !["$schema", "use-first-certificate"].contains(&key.as_str()));
    known.sort();
    assert_eq!(written, known);
    let entries = ["boot-images", "packages", "applications"];
    let known: Vec<_> = entries.iter().flat_map(|list| keys(&format!("/properties/{list}/items/properties"))).collect();
    for key in quoted("$entry['", "']").into_iter().chain(quoted("Add-Value $entry '", "'")) {
        assert!(known.contains(&key), "{key}");
    }
    // Without PowerShell, matching brackets are the only syntax that can be checked.
    let mut open = Vec::new();
    for c in code_of(&script).chars() {
        match c {
            '(' | '[' | '{' => open.push(c),
            ')' => assert_eq!(open.pop(), Some('(')),
            ']' => assert_eq!(open.pop(), Some('[')),
            '}' => assert_eq!(open.pop(), Some('{')),
            _ => {}
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

/// Removes comments and the text of strings from PowerShell.
fn code_of(script: &str) -> String {
    let (mut code, mut rest) = (String::new(), script);
    while let Some(c) = rest.chars().next() {
        let end = match c {
            _ if rest.starts_with("<#") => rest.find("#>").map(|at| at + 2),
            '#' => rest.find('\n'),
            '\'' | '"' => rest[1..].find(c).map(|at| at + 2),
            c => {
                code.push(c);
                Some(c.len_utf8())
            }
        };
        rest = &rest[end.expect("an end")..];
    }
    code
}
