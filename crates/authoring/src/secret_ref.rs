//! References to secrets: where a value is found, and never the value itself (R53).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::doc::{Doc, dotted};
use crate::problem::Problem;
use crate::rule::Rule;

/// Reference to a secret: exactly one of an environment variable, a file, or a command that prints it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SecretRef {
    /// Environment variable that contains the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), example = &"MEDIA_PASSWORD")]
    pub env: Option<String>,
    /// File that contains the secret. One line break at its end is ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), example = &"/run/secrets/media-password")]
    pub file: Option<String>,
    /// Program that prints the secret, with its arguments. It runs without a shell. One line break at the end of its
    /// output is ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1), example = EXAMPLE_COMMAND)]
    pub command: Option<Vec<String>>,
}

/// Example of [`SecretRef::command`]. A constant, since schemars reads literal arrays only with a feature of `syn` that
/// this crate by itself doesn't turn on.
const EXAMPLE_COMMAND: [&str; 3] = ["pass", "show", "media/password"];

/// The keys of a reference, of which exactly one is given.
pub const KEYS: [&str; 3] = ["env", "file", "command"];

/// Whether a schema is that of a reference, or also of one.
pub fn is_schema_of_one(schema: &Json) -> bool {
    KEYS.iter().all(|key| schema["properties"].get(key).is_some())
}

/// What is wrong with a value at a place where only a reference may stand.
pub fn literal(doc: Doc<'_>, pointer: &str) -> Problem {
    let name = dotted(pointer);
    let last = name.rsplit('.').next().unwrap_or(&name);
    Problem::new(Rule::LiteralSecret, format!("`{name}` is written into the manifest, and secrets are never literal"))
        .at(doc.place(pointer), "")
        .help(format!(
            "say where it is found: `{last} = {{ env = \"NAME\" }}`, `{{ file = \"PATH\" }}` or \
             `{{ command = [\"PROGRAM\", \"ARGUMENT\"] }}`"
        ))
        .hide()
}

/// What is wrong with a table that should be a reference, beyond its keys.
pub fn check(doc: Doc<'_>, pointer: &str, table: &Json) -> Option<Problem> {
    let name = dotted(pointer);
    let given: Vec<_> = KEYS.into_iter().filter(|key| table.get(key).is_some()).collect();
    let last = name.rsplit('.').next().unwrap_or(&name);
    match given[..] {
        [_] => None,
        [] => Some(
            Problem::error(format!("`{name}` does not say where the secret is found"))
                .at(doc.place(pointer), "")
                .help(format!("write `{last} = {{ env = \"NAME\" }}`, or `file` or `command`")),
        ),
        [first, second, ..] => Some(
            Problem::error(format!("`{name}` has both `{first}` and `{second}`, and a secret is found in one place"))
                .at(doc.place(&format!("{pointer}/{second}")), "")
                .at(doc.place(&format!("{pointer}/{first}")), "")
                .help("leave one of them out"),
        ),
    }
}
