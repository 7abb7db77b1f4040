//! Warns of secrets written as plain text in task sequence variables and template values.
//!
//! The schema refuses plain text where it requires a reference to a secret. Here only the name
//! suggests a secret, so this is a warning.

use serde_json::Value as Json;

use crate::problem::Problem;
use crate::secret::names::{env_name, is_secret_name};
use authoring::doc::Doc;
use authoring::spanned::escape;

pub(super) fn check(doc: Doc<'_>, problems: &mut Vec<Problem>) {
    let variables = ["/variables", "/reserved-variables"].into_iter().flat_map(|table| {
        let variables = doc.get(table).and_then(Json::as_object).into_iter().flatten();
        variables.map(move |(name, value)| (format!("{table}/{}", escape(name)), name, value))
    });
    for (pointer, name, value) in variables {
        if is_secret_name(name) && is_literal(value) && !doc.spans.is_hole(&pointer) {
            let message =
                format!("the variable `{name}` is probably a secret, but its value is written in the manifest");
            let help = format!(
                "write `{name} = {{ env = \"{}\" }}`, or use `file` or `command` instead of `env`",
                env_name(name)
            );
            problems.push(Problem::warning(message).at(doc.place(&pointer), "").help(help).hide());
        }
    }
    let vars = doc.get("/vars").filter(|vars| vars.is_object());
    vars.into_iter().for_each(|vars| template_values(doc, vars, "/vars", false, problems));
}

/// Checks template values, which are shown in records and plans.
fn template_values(doc: Doc<'_>, value: &Json, pointer: &str, is_in_secret: bool, problems: &mut Vec<Problem>) {
    match value {
        Json::Object(table) => {
            for (name, value) in table {
                let pointer = format!("{pointer}/{}", escape(name));
                template_values(doc, value, &pointer, is_in_secret || is_secret_name(name), problems);
            }
        }
        value if is_in_secret && is_literal(value) && !doc.spans.is_hole(pointer) => {
            let name = super::dotted(pointer);
            let message =
                format!("the template value `{name}` is probably a secret, but records and plans show template values");
            let last = name.rsplit('.').next().unwrap_or(&name);
            let help = format!(
                "replace the value with a reference where it is used, such as `password = {{ env = \"{}\" }}`",
                env_name(last)
            );
            problems.push(Problem::warning(message).at(doc.place(pointer), "").help(help).hide());
        }
        _ => {}
    }
}

/// Returns `true` if a value is not empty; clients prompt for empty variables.
fn is_literal(value: &Json) -> bool {
    value.is_number() || value.as_str().is_some_and(|text| !text.is_empty())
}
