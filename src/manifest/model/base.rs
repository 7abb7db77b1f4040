//! Medium that another one is built on.

use schemars::JsonSchema;
use serde::Deserialize;

use authoring::SecretRef;

/// Existing Configuration Manager medium to build on.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BaseTable {
    /// Base medium: a disc image, the image of a USB stick, the WIM file of a prestaged medium, or a folder with its
    /// files. It must be of the same kind as the new medium.
    #[schemars(length(min = 1), example = &"genuine/boot.iso")]
    pub medium: String,
    /// Password of the base medium, if it has one. The password of the new medium is set in `[security]`.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "env": "BASE_PASSWORD" }))]
    pub password: Option<SecretRef>,
}
