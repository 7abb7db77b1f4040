//! Capacity of a medium.

use std::borrow::Cow;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::size::{NotASize, Size};

/// Capacity of a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum Capacity {
    /// No limit.
    #[default]
    Unlimited,
    /// At most this many bytes.
    AtMost(Size),
}

/// Named capacities in bytes. Each is the smaller of the `-R` and `+R` variants, so that either
/// disc will do.
pub const NAMED: [(&str, u64); 4] = [
    // 74 minutes, 333,000 sectors of 2,048 bytes.
    ("cd", 681_984_000),
    // DVD+R: 2,295,104 sectors.
    ("dvd", 4_700_372_992),
    // DVD-R DL: 4,171,712 sectors.
    ("dvd-dl", 8_543_666_176),
    // BD-R: 12,219,392 sectors.
    ("bd", 25_025_314_816),
];

/// Descriptions of the names, shown by editors.
const NAME_DOCS: [(&str, &str); 5] = [
    ("unlimited", "No limit."),
    ("cd", "CD-R of 74 minutes: 681,984,000 bytes (650 MiB)."),
    ("dvd", "Single-layer DVD: 4,700,372,992 bytes (4.7 GB)."),
    ("dvd-dl", "Dual-layer DVD: 8,543,666,176 bytes (8.5 GB)."),
    ("bd", "Single-layer Blu-ray disc: 25,025,314,816 bytes (25 GB)."),
];

/// Schema: a documented name, or a size as text.
impl JsonSchema for Capacity {
    fn schema_name() -> Cow<'static, str> {
        "Capacity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<_> = NAME_DOCS
            .iter()
            .map(|(name, words)| serde_json::json!({ "const": name, "type": "string", "description": words }))
            .collect();
        json_schema!({
            "anyOf": [
                { "oneOf": names },
                {
                    "type": "string",
                    "description": "Size such as `7.9 GB` or `4 GiB`.",
                    "pattern": r"^[0-9]+(\.[0-9]+)? *([kKmMgGtT][iI]?)?[bB]$",
                    "patternErrorMessage": "a size such as `7.9 GB` or `4 GiB`",
                },
            ],
            "examples": ["dvd-dl", "7.9 GB"],
        })
    }
}

impl FromStr for Capacity {
    type Err = NotASize;

    fn from_str(text: &str) -> Result<Self, NotASize> {
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        match NAMED.iter().find(|(name, _)| *name == text) {
            Some((_, bytes)) => Ok(Self::AtMost(Size(*bytes))),
            None => text.parse().map(Self::AtMost),
        }
    }
}

impl TryFrom<String> for Capacity {
    type Error = NotASize;

    fn try_from(text: String) -> Result<Self, NotASize> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_documented_with_its_bytes() {
        for (name, bytes) in NAMED {
            let (_, words) = NAME_DOCS.iter().find(|(documented, _)| *documented == name).unwrap();
            assert!(words.replace(',', "").contains(&bytes.to_string()), "{name}: {words}");
            assert_eq!(name.parse(), Ok(Capacity::AtMost(Size(bytes))));
        }
        assert_eq!("unlimited".parse(), Ok(Capacity::Unlimited));
        assert_eq!("7.9 GB".parse(), Ok(Capacity::AtMost(Size(7_900_000_000))));
        assert!("big".parse::<Capacity>().is_err());
    }
}
