//! Keys whose form in XML is inferred (R168).

use super::super::catalog::{Evidence, Form, Key};
use super::super::{Action, Value};
use super::{Rules, at_key};
use authoring::problem::Problem;
use authoring::rule::Rule;

pub fn check(rules: &mut Rules<'_>) {
    for at in rules.enabled() {
        let Some(action) = at.action() else { continue };
        for (key, name) in inferred(action) {
            let message = format!("`{}` is written as `{name}`, and that name is inferred", key.name);
            let problem = at_key(Problem::new(Rule::InferredName, message), at.step, key.name, "");
            rules.add(problem.help(
                "export such a step from your console, and compare: `tsmedia sequence import` shows what it calls it",
            ));
        }
    }
}

/// The keys that a step sets and whose variables are inferred, with the names of these.
fn inferred(action: &Action) -> Vec<(&'static Key, String)> {
    let kind = action.kind;
    let mut found = Vec::new();
    for key in kind.keys {
        let Some(value) = action.values.get(key.name) else { continue };
        if kind.key_evidence(key) == Evidence::Inferred {
            found.push((key, key.variable().to_owned()));
        }
        let (Form::Tables(keys), Value::Tables(tables)) = (&key.form, value) else { continue };
        let is_set = |own: &&Key| tables.iter().any(|table| table.contains_key(own.name));
        let own = keys.iter().filter(is_set).filter(|own| kind.element_evidence(key, own) == Evidence::Inferred);
        found.extend(own.map(|own| (own, format!("{}…{}", key.variable(), own.variable()))));
    }
    found
}
