//! References to secrets: the place to read a value from, never the value itself (R53).

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

/// Example of [`SecretRef::command`]. A constant, because schemars parses literal arrays only with
/// a feature of `syn` that this crate doesn't enable.
const EXAMPLE_COMMAND: [&str; 3] = ["pass", "show", "media/password"];

/// Keys of a reference, exactly one of which is set.
pub const KEYS: [&str; 3] = ["env", "file", "command"];

/// Returns `true` if a schema describes a reference, possibly among other keys.
pub fn is_reference_schema(schema: &Json) -> bool {
    KEYS.iter().all(|key| schema["properties"].get(key).is_some())
}

/// Returns the problem of a literal value where only a reference is allowed.
pub fn literal_problem(doc: Doc<'_>, pointer: &str) -> Problem {
    let name = dotted(pointer);
    let last = name.rsplit('.').next().unwrap_or(&name);
    Problem::new(Rule::LiteralSecret, format!("`{name}` is a literal secret in the manifest"))
        .at(doc.place(pointer), "")
        .help(format!(
            "refer to the secret: `{last} = {{ env = \"NAME\" }}`, `{{ file = \"PATH\" }}` or \
             `{{ command = [\"PROGRAM\", \"ARGUMENT\"] }}`"
        ))
        .hide()
}

/// Checks that a reference has exactly one key.
pub fn check(doc: Doc<'_>, pointer: &str, table: &Json) -> Option<Problem> {
    let name = dotted(pointer);
    let given: Vec<_> = KEYS.into_iter().filter(|key| table.get(key).is_some()).collect();
    let last = name.rsplit('.').next().unwrap_or(&name);
    match given[..] {
        [_] => None,
        [] => Some(
            Problem::error(format!("`{name}` has no source for the secret"))
                .at(doc.place(pointer), "")
                .help(format!("write `{last} = {{ env = \"NAME\" }}`, or use `file` or `command`")),
        ),
        [first, second, ..] => Some(
            Problem::error(format!("`{name}` has two sources for the secret: `{first}` and `{second}`"))
                .at(doc.place(&format!("{pointer}/{second}")), "")
                .at(doc.place(&format!("{pointer}/{first}")), "")
                .help("remove one of them"),
        ),
    }
}
