//! Secrets that steps write out as the values of variables.

use super::super::{Action, Body, Value, Variable};
use super::{At, Rules, at_key};
use authoring::problem::Problem;
use authoring::secret_names::{env_name, is_secret_name};

pub fn check(rules: &mut Rules<'_>) {
    for at in rules.enabled() {
        match &at.step.body {
            Body::Action(action) => {
                set_variable(&at, action, rules);
                dynamic_variables(&at, action, rules);
                kept(&at, &action.variables, rules);
            }
            Body::Foreign(foreign) => kept(&at, foreign.variables.as_deref().unwrap_or_default(), rules),
            Body::Group(_) => {}
        }
    }
}

/// Returns whether a variable is named like a secret and has a value of its own, not that of another variable.
fn is_literal(name: &str, value: &str) -> bool {
    let is_variable = value.len() > 2 && value.starts_with('%') && value.ends_with('%');
    is_secret_name(name) && !value.is_empty() && !is_variable
}

fn complain(at: &At<'_>, name: &str, key: &str, help: String, rules: &mut Rules<'_>) {
    let message = format!("the variable `{name}` is probably a secret, and its value is written into the sequence");
    rules.add(at_key(Problem::warning(message), at.step, key, "").help(help).hide());
}

fn set_variable(at: &At<'_>, action: &Action, rules: &mut Rules<'_>) {
    let (Some(name), Some(value)) = (action.text("variable"), action.text("value")) else { return };
    if action.is("set-variable") && is_literal(name, value) {
        let env = env_name(name);
        let help = format!("write `secret-value = {{ env = \"{env}\" }}` in place of `value`, or `file` or `command`");
        complain(at, name, "value", help, rules);
    }
}

fn dynamic_variables(at: &At<'_>, action: &Action, rules: &mut Rules<'_>) {
    if !action.is("set-dynamic-variables") {
        return;
    }
    for (index, rule) in action.tables("rules").iter().enumerate() {
        let Some(Value::Map(set)) = rule.get("set") else { continue };
        for (name, _) in set.iter().filter(|(name, value)| is_literal(name, value)) {
            let help = "set it in a step of type `set-variable` with `secret-value`, under a condition";
            complain(at, name, &format!("rules/{index}/set"), help.into(), rules);
        }
    }
}

/// Variables that no key says, as an export had them.
fn kept(at: &At<'_>, variables: &[Variable], rules: &mut Rules<'_>) {
    for variable in variables.iter().filter(|variable| is_literal(&variable.name, &variable.value)) {
        let help = "take the value out; a step of type `set-variable` can set it, with `secret-value`";
        complain(at, &variable.name, "variables", help.into(), rules);
    }
}
