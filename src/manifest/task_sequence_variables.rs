//! Task sequence variables of a manifest.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value as Json;

use authoring::SecretRef;

/// Value of a task sequence variable.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Json")]
pub enum VariableValue {
    /// Plain text. Numbers are written as digits, booleans as `true` and `false`.
    Text(String),
    /// Reference to a secret.
    Secret(SecretRef),
}

impl TryFrom<Json> for VariableValue {
    type Error = serde_json::Error;

    fn try_from(value: Json) -> Result<Self, Self::Error> {
        Ok(match value {
            Json::String(text) => Self::Text(text),
            Json::Bool(_) | Json::Number(_) => Self::Text(value.to_string()),
            value => Self::Secret(serde_json::from_value(value)?),
        })
    }
}

impl JsonSchema for VariableValue {
    fn schema_name() -> Cow<'static, str> {
        "VariableValue".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let secret = generator.subschema_for::<SecretRef>();
        json_schema!({
            "anyOf": [
                { "type": "string" },
                { "type": "integer" },
                { "type": "boolean" },
                secret,
            ],
            "examples": ["W. Europe Standard Time", { "env": "JOIN_PASSWORD" }],
        })
    }
}
