//! TOML blocks: whole files are checked where their commands run (see `commands`), fragments against their schema.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::page::{Page, ROOT};

/// Pages whose TOML is for another program.
const OTHER_TOML: [&str; 1] = ["docs/guides/editors.md"];

/// Returns the schema that a text follows, by its keys.
fn schema_of(toml: &toml::Table) -> &'static str {
    let has = |keys: &[&str]| keys.iter().any(|key| toml.contains_key(*key));
    match () {
        () if has(&["sequence-version", "steps"]) => "sequence",
        () if has(&["library-version"]) => "library",
        () if has(&["facts-version", "computer", "expect", "step", "wmi"]) => "facts",
        () => "media",
    }
}

/// Makes a schema that accepts parts of what it accepted: nothing is required any more.
fn relax(schema: &mut Value) {
    match schema {
        Value::Object(keys) => {
            for key in ["required", "if", "then", "else"] {
                // A property may have such a name; its schema is an object, and `required` holds a list.
                let is_keyword = if key == "required" { keys.get(key).is_some_and(Value::is_array) } else { true };
                if is_keyword {
                    keys.remove(key);
                }
            }
            keys.values_mut().for_each(relax);
        }
        Value::Array(items) => items.iter_mut().for_each(relax),
        _ => {}
    }
}

/// Converts TOML to JSON; dates become text, as in the schemas.
fn to_json(toml: toml::Value) -> Value {
    match toml {
        toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, to_json(value))).collect(),
        toml::Value::Array(items) => items.into_iter().map(to_json).collect(),
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(is_true) => is_true.into(),
    }
}

#[test]
fn toml_blocks_follow_their_schema() {
    let mut wrong = Vec::new();
    for page in Page::all().iter().filter(|page| !OTHER_TOML.contains(&page.path.as_str())) {
        for block in page.blocks().iter().filter(|block| block.language() == "toml") {
            let place = format!("{}:{}", page.path, block.start + 1);
            let toml: toml::Table = match block.text().parse() {
                Ok(toml) => toml,
                Err(error) => {
                    wrong.push(format!("{place}: {error}"));
                    continue;
                }
            };
            if block.has_mistakes {
                continue;
            }
            let is_whole = toml.keys().any(|key| key.ends_with("-version"));
            let is_checked = toml.contains_key("manifest-version") || toml.contains_key("sequence-version");
            if is_checked && block.file.is_none() {
                wrong.push(format!("{place}: write `<!-- file: media.toml -->` before it, so that it is checked"));
            }
            let path = format!("schemas/{}.schema.json", schema_of(&toml));
            let schema = fs::read_to_string(Path::new(ROOT).join(path)).unwrap();
            let mut schema: Value = serde_json::from_str(&schema).unwrap();
            if !is_whole {
                relax(&mut schema);
            }
            let validator = jsonschema::draft7::new(&schema).unwrap();
            let json = to_json(toml::Value::Table(toml));
            wrong.extend(validator.iter_errors(&json).map(|error| format!("{place}: {error}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
