//! The JSON Schema of the manifest, made from its types.

/// Where each value was written.
#[derive(Debug, Clone, Default)]
pub struct Spans;

/// A string or a list of strings.
#[derive(schemars::JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Many.
    Many(Vec<String>),
}
