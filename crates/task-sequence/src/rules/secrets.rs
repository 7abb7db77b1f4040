//! Checks for secrets in plain values of variables.

use super::super::{Action, Body, Value, Variable};
use super::{PlacedStep, Rules, at_key};
use authoring::problem::Problem;
use authoring::secret_names::{env_name, is_secret_name};

pub fn check(rules: &mut Rules<'_>) {
    for at in rules.enabled() {
        match &at.step.body {
            Body::Action(action) => {
                check_set_variable(&at, action, rules);
                check_dynamic_variables(&at, action, rules);
                check_kept_variables(&at, &action.variables, rules);
            }
            Body::Foreign(foreign) => {
                check_kept_variables(&at, foreign.variables.as_deref().unwrap_or_default(), rules)
            }
            Body::Group(_) => {}
        }
    }
}

/// Returns `true` if a variable is named like a secret and has a literal value, not that of another
/// variable.
fn is_literal(name: &str, value: &str) -> bool {
    let is_variable = value.len() > 2 && value.starts_with('%') && value.ends_with('%');
    is_secret_name(name) && !value.is_empty() && !is_variable
}

fn report(at: &PlacedStep<'_>, name: &str, key: &str, help: String, rules: &mut Rules<'_>) {
    let message = format!("the variable `{name}` looks like a secret, but its value is written in plain text");
    rules.add(at_key(Problem::warning(message), at.step, key, "").help(help).hide());
}

fn check_set_variable(at: &PlacedStep<'_>, action: &Action, rules: &mut Rules<'_>) {
    let (Some(name), Some(value)) = (action.text("variable"), action.text("value")) else { return };
    if action.is("set-variable") && is_literal(name, value) {
        let env = env_name(name);
        let help = format!("replace `value` with `secret-value = {{ env = \"{env}\" }}`, or use `file` or `command`");
        report(at, name, "value", help, rules);
    }
}

fn check_dynamic_variables(at: &PlacedStep<'_>, action: &Action, rules: &mut Rules<'_>) {
    if !action.is("set-dynamic-variables") {
        return;
    }
    for (index, rule) in action.tables("rules").iter().enumerate() {
        let Some(Value::Map(set)) = rule.get("set") else { continue };
        for (name, _) in set.iter().filter(|(name, value)| is_literal(name, value)) {
            let help = "set it with `secret-value` in a step of type `set-variable` that has a condition";
            report(at, name, &format!("rules/{index}/set"), help.into(), rules);
        }
    }
}

/// Checks variables that have no key, kept as an export had them.
fn check_kept_variables(at: &PlacedStep<'_>, variables: &[Variable], rules: &mut Rules<'_>) {
    for variable in variables.iter().filter(|variable| is_literal(&variable.name, &variable.value)) {
        let help = "remove the value, and set the variable with `secret-value` in a step of type `set-variable`";
        report(at, &variable.name, "variables", help.into(), rules);
    }
}
