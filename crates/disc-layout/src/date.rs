//! Dates on media.

use std::fmt;

/// Point in time in seconds since 1970-01-01 00:00:00 UTC, from [`Date::EARLIEST`] to [`Date::LATEST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(u64);

impl Date {
    /// 1980-01-01, the first day that FAT can represent, and the default date of media.
    pub const EARLIEST: Self = Self(315_532_800);
    /// End of 2099. Every format can represent dates up to this one.
    pub const LATEST: Self = Self(4_102_444_799);

    /// Creates a date from seconds since 1970. `None` if a format can't represent it.
    pub fn from_unix(seconds: u64) -> Option<Self> {
        Some(Self(seconds)).filter(|date| (Self::EARLIEST..=Self::LATEST).contains(date))
    }

    /// Creates a date from the fields of [`civil`](Date::civil) and an offset in seconds east of UTC. `None` if the
    /// date does not exist, or a format can't represent it.
    pub fn from_civil(civil: (u16, u8, u8, u8, u8, u8), east: i64) -> Option<Self> {
        let (year, month, day, hour, minute, second) = civil;
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let month_len = [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let len = *month_len.get(usize::from(month).checked_sub(1)?)?;
        if !(1..=len).contains(&day) || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let [year, month, day, hour, minute, second] =
            [year.into(), month.into(), day.into(), hour.into(), minute.into(), i64::from(second)];
        // Days since 0000-03-01, so that leap days end their years; the inverse of `civil`.
        let shifted_year = if month <= 2 { year - 1 } else { year };
        let shifted_month = (month + 9) % 12;
        let days = 365 * shifted_year + shifted_year / 4 - shifted_year / 100
            + shifted_year / 400
            + (153 * shifted_month + 2) / 5
            + day
            - 1
            - 719_468;
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - east;
        Self::from_unix(u64::try_from(seconds).ok()?)
    }

    /// Seconds since 1970.
    pub fn unix(self) -> u64 {
        self.0
    }

    /// Year, month and day (from 1), hour, minute and second, in UTC.
    pub fn civil(self) -> (u16, u8, u8, u8, u8, u8) {
        civil(self.0)
    }
}

/// Formats the UTC day of any time in seconds since 1970, such as `2026-01-31`. Certificates have dates outside the
/// range of [`Date`].
pub fn day(unix: u64) -> String {
    let (year, month, day, ..) = civil(unix);
    format!("{year}-{month:02}-{day:02}")
}

/// Year, month and day (from 1), hour, minute and second of a time in seconds since 1970.
fn civil(unix: u64) -> (u16, u8, u8, u8, u8, u8) {
    let (days, seconds) = (unix / 86_400, unix % 86_400);
    // Days since 0000-03-01 in the proleptic Gregorian calendar, so that leap days end their years.
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    (year as u16, month as u8, day as u8, hour as u8, minute as u8, second as u8)
}

/// Formats the date as in RFC 3339, in UTC.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute, second) = self.civil();
        write!(f, "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_gregorian_calendar() {
        for (seconds, civil) in [
            (315_532_800, (1980, 1, 1, 0, 0, 0)),
            (951_782_400, (2000, 2, 29, 0, 0, 0)),
            (1_767_225_599, (2025, 12, 31, 23, 59, 59)),
            (4_102_444_799, (2099, 12, 31, 23, 59, 59)),
        ] {
            assert_eq!(Date::from_unix(seconds).unwrap().civil(), civil);
            assert_eq!(Date::from_civil(civil, 0).map(Date::unix), Some(seconds));
        }
        assert_eq!(Date::from_unix(0), None);
        assert_eq!(Date::from_civil((2026, 1, 1, 1, 0, 0), 3_600), Date::from_civil((2026, 1, 1, 0, 0, 0), 0));
        for civil in [(2026, 2, 29, 0, 0, 0), (2026, 0, 1, 0, 0, 0), (2026, 13, 1, 0, 0, 0), (2026, 1, 1, 24, 0, 0)] {
            assert_eq!(Date::from_civil(civil, 0), None);
        }
    }
}
