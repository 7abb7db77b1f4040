//! Checks for keys whose name in XML is inferred (R168).

use super::super::catalog::{Evidence, Key, ValueType};
use super::super::{Action, Value};
use super::{Rules, at_key};
use authoring::problem::Problem;
use authoring::rule::Rule;

pub fn check(rules: &mut Rules<'_>) {
    for at in rules.enabled() {
        let Some(action) = at.action() else { continue };
        for (key, name) in inferred_keys(action) {
            let message = format!("`{}` is written as the variable `{name}`, a name that is inferred", key.name);
            let problem = at_key(Problem::new(Rule::InferredName, message), at.step, key.name, "");
            rules
                .add(problem.help(
                    "export such a step from your console, and compare the names with `tsmedia sequence import`",
                ));
        }
    }
}

/// Returns the keys of a step whose variables are inferred, with the names of the variables.
fn inferred_keys(action: &Action) -> Vec<(&'static Key, String)> {
    let kind = action.kind;
    let mut found = Vec::new();
    for key in kind.keys {
        let Some(value) = action.values.get(key.name) else { continue };
        if kind.key_evidence(key) == Evidence::Inferred {
            found.push((key, key.variable().to_owned()));
        }
        let (ValueType::Tables(keys), Value::Tables(tables)) = (&key.value_type, value) else { continue };
        let is_set = |own: &&Key| tables.iter().any(|table| table.contains_key(own.name));
        let own = keys.iter().filter(is_set).filter(|own| kind.element_evidence(key, own) == Evidence::Inferred);
        found.extend(own.map(|own| (own, format!("{}…{}", key.variable(), own.variable()))));
    }
    found
}
