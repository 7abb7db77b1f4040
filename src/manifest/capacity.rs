//! How much a medium holds.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::size::{NotASize, Size};

/// What a medium can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub enum Capacity {
    /// As much as it takes.
    #[default]
    Unlimited,
    /// At most so many bytes.
    AtMost(Size),
}

/// The capacities with names, in bytes: the smaller of the `-R` and `+R` discs, so that any disc will do.
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
