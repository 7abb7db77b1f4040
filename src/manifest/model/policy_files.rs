//! The files of `[policy]`: one path or several.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

/// Paths as they are written.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Written {
    /// One file.
    One(#[schemars(length(min = 1))] String),
    /// Several files.
    Several(#[schemars(length(min = 1), inner(length(min = 1)))] Vec<String>),
}

/// Reads one path or several.
pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match Written::deserialize(deserializer)? {
        Written::One(path) => vec![path],
        Written::Several(paths) => paths,
    })
}
