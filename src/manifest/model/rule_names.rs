//! Schemas of keys that name rules, with every name for completion in editors.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, json};

use super::LoweredTo;
use crate::rule::Rule;

/// Returns the schema of `media.rules`, with a property per lowerable rule for completion in
/// editors.
///
/// Other names are accepted here: rules also have numbers, and `check` reports unknown names with
/// better messages.
pub fn lowerable_rules(generator: &mut SchemaGenerator) -> Schema {
    let lowered_to = generator.subschema_for::<LoweredTo>().to_value();
    let rules = Rule::all().into_iter().filter(|rule| rule.is_lowerable());
    let property = |rule: Rule| {
        let mut property = lowered_to.clone();
        property["description"] = json!(format!("{}: {}", rule.code(), rule.title()));
        (rule.slug().to_owned(), property)
    };
    let properties: Map<_, _> = rules.map(property).collect();
    json_schema!({ "type": "object", "properties": properties, "additionalProperties": lowered_to })
}

/// Returns the schema of `media.accept`, with the names of rules for completion in editors.
///
/// Other names are accepted here too, see [`lowerable_rules`].
pub fn acceptable_rules(_: &mut SchemaGenerator) -> Schema {
    let rules = Rule::all().into_iter().filter(|rule| rule.is_acceptable() && rule.unchecked().is_none());
    let name = |rule: Rule| {
        let description = format!("{}: {}", rule.code(), rule.title());
        json!({ "const": rule.slug(), "type": "string", "description": description })
    };
    let names: Vec<_> = rules.map(name).collect();
    json_schema!({
        "type": "array",
        "items": {
            "description": "Name or number of a rule.",
            "anyOf": [{ "oneOf": names }, { "type": "string", "minLength": 1 }],
        },
    })
}
