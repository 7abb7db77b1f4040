//! The medium that another one is built on.

use schemars::JsonSchema;
use serde::Deserialize;

use authoring::SecretRef;

/// A medium that Configuration Manager made, on which the new one is built.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BaseTable {
    /// The medium: a disc image, the image of a stick, or a folder with its files. It is of the same kind as the new one.
    #[schemars(length(min = 1), example = &"genuine/boot.iso")]
    pub medium: String,
    /// The password of that medium, if it asks for one. The password of the new medium is that of `[security]`.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "env": "BASE_PASSWORD" }))]
    pub password: Option<SecretRef>,
}
