//! Paths to content: a string, or a table with a medium and a path on it, equivalent to both joined
//! by `!/`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

/// Path to content, as written in a manifest.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum ContentPath {
    /// A plain path.
    Text(String),
    /// A path on a medium.
    OnMedium(PathOnMedium),
}

/// Medium, and path on it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathOnMedium {
    medium: String,
    path: String,
}

impl JsonSchema for ContentPath {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ContentPath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "string", "minLength": 1 },
                {
                    "type": "object",
                    "description": "File or folder on a medium, used without extracting the medium.",
                    "properties": {
                        "medium": {
                            "type": "string",
                            "minLength": 1,
                            "description": "Medium: an ISO file, the image of a USB stick or volume, or the WIM file \
                                            of a prestaged medium.",
                            "examples": ["Win11.iso"],
                        },
                        "path": {
                            "type": "string",
                            "description": "Path on the medium, from its root, in upper or lower case. An empty path \
                                            stands for the whole medium.",
                            "examples": ["sources/install.wim"],
                        },
                    },
                    "required": ["medium", "path"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

impl From<ContentPath> for String {
    fn from(written: ContentPath) -> Self {
        match written {
            ContentPath::Text(text) => text,
            ContentPath::OnMedium(PathOnMedium { medium, path }) => {
                format!("{medium}!/{}", path.trim_matches('/')).trim_end_matches('/').to_owned()
            }
        }
    }
}

/// Deserializes a path.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    ContentPath::deserialize(deserializer).map(String::from)
}

/// Deserializes an optional path.
pub fn deserialize_optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<ContentPath>::deserialize(deserializer)?.map(String::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_means_its_parts_joined() {
        let text = |json: serde_json::Value| serde_json::from_value::<ContentPath>(json).map(String::from).ok();
        assert_eq!(text("a/b".into()).as_deref(), Some("a/b"));
        let table = |path: &str| text(serde_json::json!({ "medium": "Win11.iso", "path": path }));
        assert_eq!(table("sources/boot.wim").as_deref(), Some("Win11.iso!/sources/boot.wim"));
        assert_eq!(table("/boot/").as_deref(), Some("Win11.iso!/boot"));
        assert_eq!(table("").as_deref(), Some("Win11.iso!"));
        assert_eq!(text(serde_json::json!({ "medium": "Win11.iso" })), None);
        assert_eq!(text(serde_json::json!({ "medium": "a", "path": "b", "file": "c" })), None);
    }
}
