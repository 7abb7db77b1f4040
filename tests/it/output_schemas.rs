//! Schemas of JSON output, generated from the tables of `docs/reference/json.md`. `UPDATE=1` writes them.
//!
//! A field is required unless its meaning says `only` or begins with the case that it is for, such as `` `moved`: ``.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use crate::fixtures::json_output::{SCHEMAS, schema_path};
use crate::fixtures::reference_tables::{Field, fields};
use crate::fixtures::repository::{expect_fresh, files_below};
use crate::fixtures::sandbox::Sandbox;

/// Fields of a section, below a path.
struct Part {
    section: &'static str,
    /// Path that replaces the first one, if the section documents a part of another document.
    place: Option<(&'static str, &'static str)>,
    /// `true` if the fields depend on the case.
    is_optional: bool,
}

const fn part(section: &'static str) -> Part {
    Part { section, place: None, is_optional: false }
}

/// Returns the parts of a document, after the envelope.
fn parts(name: &str) -> Vec<Part> {
    let reasons = |path| Part { section: "Reasons", place: Some(("", path)), is_optional: true };
    match name {
        "check" => vec![part("Check")],
        "rules" => vec![part("Rules")],
        "render" => vec![part("Render")],
        "plan" | "show" | "destroy" | "watch" => vec![part("Plan and apply"), reasons("outputs[].reasons[].")],
        "apply" => vec![
            part("Plan and apply"),
            reasons("outputs[].reasons[]."),
            part("Stale saved plans"),
            reasons("stale[].reasons[]."),
        ],
        "layout" => vec![part("Layouts")],
        "verify" => {
            let programs =
                Part { section: "Boot programs", place: Some(("file.", "media[].programs[].")), is_optional: true };
            vec![part("Verify"), part("Verified media"), programs, part("Disc sets")]
        }
        "diff" => vec![part("Diff"), part("Media"), part("Task sequences")],
        "attest" => vec![part("Attest")],
        "sign" => vec![part("Sign")],
        "write" => vec![part("Write")],
        "push" => vec![part("Push")],
        "pull" => vec![part("Pull")],
        "sync" => vec![part("Sync")],
        "certificate" => vec![part("Certificate")],
        "sequence-import" => vec![part("Sequence import")],
        "sequence-show" => vec![part("Sequence show")],
        "simulate" => vec![part("Simulate")],
        "capture" => vec![part("Capture")],
        "import" => vec![part("Import")],
        "lock" => vec![part("Lock")],
        "cache" => vec![part("Cache")],
        other => panic!("no parts are known for `{other}`"),
    }
}

/// Sections that each describe a form of `file`.
const FORMS: [&str; 5] = ["Finished media", "WIM files", "Boot programs", "Boot stores", "Encrypted files"];

/// Node of a schema.
#[derive(Default)]
struct Node {
    types: BTreeSet<String>,
    /// Pointer to the schema that it shares.
    same_as: Option<String>,
    is_any: bool,
    is_optional: bool,
    meaning: String,
    properties: Vec<(String, Node)>,
    items: Option<Box<Node>>,
    /// Schema of all other properties.
    others: Option<Box<Node>>,
    n_items: Option<usize>,
}

impl Node {
    fn child(&mut self, key: &str) -> &mut Node {
        if key == "*" {
            return self.others.get_or_insert_default();
        }
        let at = self.properties.iter().position(|(known, _)| known == key).unwrap_or_else(|| {
            self.properties.push((key.to_owned(), Node::default()));
            self.properties.len() - 1
        });
        &mut self.properties[at].1
    }

    fn insert(&mut self, path: &str, field: &Field, optional_at: Option<usize>) {
        let mut node = self;
        let is_array = field.types.starts_with("array");
        let segments: Vec<_> = path.split('.').collect();
        for (at, segment) in segments.iter().enumerate() {
            let key = segment.trim_end_matches("[]");
            let n_arrays = (segment.len() - key.len()) / 2;
            // The type of the last array says what its elements are.
            let n_entered = if at + 1 == segments.len() && is_array { n_arrays.saturating_sub(1) } else { n_arrays };
            node = node.child(key);
            node.is_optional |= optional_at == Some(at);
            for _ in 0..n_entered {
                node = node.items.get_or_insert_default();
            }
        }
        node.is_optional |= is_conditional(&field.meaning);
        if node.meaning.is_empty() {
            node.meaning = field.meaning.clone();
        }
        node.add_types(&field.types, &field.path);
    }

    fn add_types(&mut self, types: &str, path: &str) {
        let types = types.replace(" or ", ", ");
        for name in types.split(", ") {
            let (array, element) = match name.strip_prefix("array of ") {
                Some(element) => (true, element),
                None => (name == "array", name),
            };
            if !array {
                match name {
                    "any" | "any JSON" => self.is_any = true,
                    "string" | "integer" | "boolean" | "null" | "object" => drop(self.types.insert(name.to_owned())),
                    _ => panic!("the type of `{path}` is `{name}`"),
                }
                continue;
            }
            self.types.insert("array".into());
            if element == "array" {
                continue;
            }
            let items = self.items.get_or_insert_default();
            match element {
                "objects" => drop(items.types.insert("object".into())),
                "strings" | "integers" => drop(items.types.insert(element.trim_end_matches('s').to_owned())),
                "two integers" => {
                    items.types.insert("integer".into());
                    self.n_items = Some(2);
                }
                other => {
                    let same = other.trim_matches('`');
                    assert!(other.starts_with('`') && same.ends_with("[]"), "the type of `{path}` is `{name}`");
                    let keys = same.trim_end_matches("[]").replace('.', "/properties/");
                    items.same_as = Some(format!("#/properties/{keys}/items"));
                }
            }
        }
    }

    fn schema(&self) -> Json {
        if let Some(same) = &self.same_as {
            return json!({ "$ref": same });
        }
        let mut schema = Map::new();
        if !self.meaning.is_empty() {
            schema.insert("description".into(), self.meaning.clone().into());
        }
        let mut types = self.types.clone();
        if !self.properties.is_empty() || self.others.is_some() {
            types.insert("object".into());
        }
        if self.items.is_some() {
            types.insert("array".into());
        }
        assert!(self.is_any || !types.is_empty(), "a field has no type: {}", self.meaning);
        if !self.is_any {
            let types: Vec<_> = types.into_iter().collect();
            schema.insert("type".into(), if let [one] = &types[..] { json!(one) } else { json!(types) });
        }
        if !self.properties.is_empty() {
            let properties: Map<_, _> =
                self.properties.iter().map(|(key, node)| (key.clone(), node.schema())).collect();
            schema.insert("properties".into(), properties.into());
            let required: Vec<_> =
                self.properties.iter().filter(|(_, node)| !node.is_optional).map(|(key, _)| key).collect();
            if !self.is_any && !required.is_empty() {
                schema.insert("required".into(), json!(required));
            }
        }
        if let Some(others) = &self.others {
            schema.insert("additionalProperties".into(), others.schema());
        }
        if let Some(items) = &self.items {
            schema.insert("items".into(), items.schema());
        }
        if let Some(n) = self.n_items {
            schema.extend([("minItems".to_owned(), n.into()), ("maxItems".to_owned(), n.into())]);
        }
        schema.into()
    }
}

/// Returns `true` if a meaning says that the field is not always there.
fn is_conditional(meaning: &str) -> bool {
    let words = meaning.to_lowercase();
    let says_only =
        ["only if", "only for", "only with", "only as", "only then", "only by"].iter().any(|word| words.contains(word));
    // Begins with the cases that have it, such as `moved`: …
    let mut rest = meaning;
    while let Some((_, after)) = rest.strip_prefix('`').and_then(|rest| rest.split_once('`')) {
        if after.starts_with(": ") {
            return true;
        }
        rest = after.strip_prefix(" and ").or(after.strip_prefix(", ")).unwrap_or_default();
    }
    says_only
}

fn tree<'a>(all: &[Field], parts: impl IntoIterator<Item = &'a Part>) -> Node {
    let mut root = Node::default();
    for Part { section, place, is_optional } in parts {
        let mut of_section = all.iter().filter(|field| field.section == *section).peekable();
        assert!(of_section.peek().is_some(), "there is no section `{section}` with fields");
        for field in of_section {
            let (from, to) = place.unwrap_or_default();
            let path = field.path.strip_prefix(from).map(|rest| format!("{to}{rest}"));
            // The first key below the place.
            let optional_at = is_optional.then(|| to.matches('.').count());
            root.insert(&path.unwrap_or_else(|| field.path.clone()), field, optional_at);
        }
    }
    root
}

fn schema(all: &[Field], command: &str, name: &str) -> Json {
    let envelope = [part("Envelope"), part("Problems")];
    let mut schema = match name {
        "inspect" => {
            let mut schema = tree(all, &envelope).schema();
            let forms = FORMS.iter().map(|section| tree(all, [&part(section)]).child("file").schema());
            let forms: Vec<_> = [json!({ "type": "null" })].into_iter().chain(forms).collect();
            let meaning = "Contents of the file, by its form; null if it can't be read.";
            schema["properties"]["file"] = json!({ "description": meaning, "anyOf": forms });
            schema["required"].as_array_mut().unwrap().push("file".into());
            schema
        }
        _ => tree(all, envelope.iter().chain(&parts(name))).schema(),
    };
    schema["properties"]["format"]["const"] = 1.into();
    schema["properties"]["command"]["const"] = command.into();
    let mut whole = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": format!("urn:tsmedia:schema:output:{name}:1"),
        "title": format!("JSON of tsmedia {command}"),
    });
    for (key, value) in schema.as_object().unwrap() {
        whole[key] = value.clone();
    }
    whole
}

#[test]
fn committed_schemas_of_json_output_are_fresh() {
    let all = fields("docs/reference/json.md");
    let sandbox = Sandbox::empty();
    for (command, name) in SCHEMAS {
        let schema = schema(&all, command, name);
        jsonschema::draft7::meta::validate(&schema).unwrap();
        let text = format!("{schema:#}\n");
        expect_fresh(&schema_path(name), &text);
        assert!(std::env::var_os("UPDATE").is_some() || sandbox.done(&["schema", name]) == text, "{name}");
    }
    let n_files = files_below("schemas/output", "json").len();
    assert_eq!(n_files, SCHEMAS.len());
}

#[test]
fn a_failed_command_prints_a_document_of_its_schema() {
    let sandbox = Sandbox::new();
    sandbox.put("media.toml", "manifest-version = 1\n");
    for line in [
        "check",
        "check --explain R999",
        "render",
        "plan",
        "show nothing.plan",
        "apply",
        "inspect nothing.iso",
        "inspect --layout nothing.iso",
        "verify nothing.iso",
        "diff nothing.iso",
        "write nothing.img stick.img",
        "attest nothing.iso",
        "sign nothing.iso --key-from file:nothing.key",
        "certificate",
        "sequence import nothing.zip",
        "sequence show nothing.toml",
        "sequence export nothing.toml",
        "simulate nothing.toml --facts nothing.toml",
        "capture nothing -o out.wim",
        "import nothing.iso -o out",
        "lock",
        "init media.toml/x",
    ] {
        // `run` checks the document against the schema.
        let ran = sandbox.run(&line.split(' ').chain(["--json"]).collect::<Vec<_>>());
        assert_eq!(ran.status.code(), Some(1), "{line}");
        let document: Json = serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{line}: {error}"));
        let problems = document["problems"].as_array().unwrap();
        assert!(problems.iter().any(|problem| problem["severity"] == "error"), "{line}: {document:#}");
    }
}
