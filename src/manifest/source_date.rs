//! `media.source-date`: a day, or a moment, in the notation of RFC 3339.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::date::Date;

/// How a source date is written: as a TOML date or in quotes.
pub struct Written;

impl JsonSchema for Written {
    fn schema_name() -> Cow<'static, str> {
        "SourceDate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?)?$",
            "patternErrorMessage": "a date is written as year, month and day",
        })
    }
}

/// The moment that a text means, in UTC unless it names an offset. None if there is no such moment, or if it is
/// one that not every format can hold.
pub fn parse(text: &str) -> Option<Date> {
    let number = |range: std::ops::Range<usize>| -> Option<i64> {
        let digits = text.get(range)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_len = [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if !(1..=12).contains(&month) || !(1..=month_len[month as usize - 1]).contains(&day) {
        return None;
    }
    // Days since 0000-03-01, so that leap days end their years; the opposite of `Date::civil`.
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let shifted_month = (month + 9) % 12;
    let days = 365 * shifted_year + shifted_year / 4 - shifted_year / 100
        + shifted_year / 400
        + (153 * shifted_month + 2) / 5
        + day
        - 1
        - 719_468;
    let mut seconds = days * 86_400;
    let mut rest = text.get(10..)?;
    if !rest.is_empty() {
        let (hour, minute) = (number(11..13)?, number(14..16)?);
        let second = if text.get(16..17) == Some(":") { number(17..19)? } else { 0 };
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        seconds += hour * 3_600 + minute * 60 + second;
        rest = rest.trim_start_matches(|c: char| !matches!(c, 'Z' | 'z' | '+' | '-'));
        if let Some(sign) = rest.chars().next().filter(|c| matches!(c, '+' | '-')) {
            let (hours, minutes) = (rest.get(1..3)?.parse::<i64>().ok()?, rest.get(4..6)?.parse::<i64>().ok()?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = hours * 3_600 + minutes * 60;
            seconds += if sign == '+' { -offset } else { offset };
        }
    }
    Date::from_unix(u64::try_from(seconds).ok()?)
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
