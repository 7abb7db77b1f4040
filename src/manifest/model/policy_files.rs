//! The files of `[policy]`: one path or several.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

/// Files of `[policy]`, as written.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PolicyFiles {
    /// One file.
    One(#[schemars(length(min = 1))] String),
    /// Several files.
    Several(#[schemars(length(min = 1), inner(length(min = 1)))] Vec<String>),
}

/// Deserializes one path or several.
pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match PolicyFiles::deserialize(deserializer)? {
        PolicyFiles::One(path) => vec![path],
        PolicyFiles::Several(paths) => paths,
    })
}
