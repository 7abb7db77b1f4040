//! Dates in manifests, such as `media.source-date`: a day or a time in the notation of RFC 3339.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::date::Date;

/// Date as written in a manifest: a TOML date or a string.
pub struct SourceDate;

impl JsonSchema for SourceDate {
    fn schema_name() -> Cow<'static, str> {
        "SourceDate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt \
                         ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?)?$",
            "patternErrorMessage": "a date is written as year, month and day",
        })
    }
}

/// Parses a date, in UTC unless it has an offset. `None` if it is not valid, or can't be
/// represented in every format.
pub fn parse(text: &str) -> Option<Date> {
    let number = |range: std::ops::Range<usize>| -> Option<u16> {
        let digits = text.get(range)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let part = |range| number(range).and_then(|number| u8::try_from(number).ok());
    let (year, month, day) = (number(0..4)?, part(5..7)?, part(8..10)?);
    let (mut time, mut east) = ((0, 0, 0), 0);
    if let Some(rest) = text.get(10..).filter(|rest| !rest.is_empty()) {
        let second = if text.get(16..17) == Some(":") { part(17..19)? } else { 0 };
        time = (part(11..13)?, part(14..16)?, second);
        let zone = rest.trim_start_matches(|c: char| !matches!(c, 'Z' | 'z' | '+' | '-'));
        if let Some(sign) = zone.chars().next().filter(|c| matches!(c, '+' | '-')) {
            let (hours, minutes) = (zone.get(1..3)?.parse::<i64>().ok()?, zone.get(4..6)?.parse::<i64>().ok()?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = hours * 3_600 + minutes * 60;
            east = if sign == '+' { offset } else { -offset };
        }
    }
    Date::from_civil((year, month, day, time.0, time.1, time.2), east)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_they_are_written() {
        for (text, unix) in [
            ("1980-01-01", 315_532_800),
            ("2000-02-29", 951_782_400),
            ("2026-01-01T12:30:15Z", 1_767_270_615),
            ("2026-01-01 12:30:15", 1_767_270_615),
            ("2026-01-01T12:30:15.5+02:00", 1_767_263_415),
            ("2099-12-31T23:59:59Z", 4_102_444_799),
        ] {
            assert_eq!(parse(text).map(Date::unix), Some(unix), "{text}");
        }
        for text in [
            "1979-12-31",
            "2100-01-01",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-01-01T24:00:00Z",
            "",
            "2026",
            "é026-01-01",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
