//! Sizes with units: `650 MB`, `7.9 GB`, `4 GiB`.

use std::fmt;
use std::str::FromStr;

/// A number of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Size(pub u64);

/// Units with their number of bytes; decimal ones first.
const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Formats with the largest decimal unit that fits, with up to three digits before and two after
/// the point.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimal = &UNITS[..5];
        let (unit, bytes) = decimal.iter().rev().find(|(_, bytes)| self.0 >= *bytes).unwrap_or(&decimal[0]);
        let value = self.0 as f64 / *bytes as f64;
        let decimals = if *bytes == 1 {
            0
        } else if value < 10.0 {
            2
        } else if value < 100.0 {
            1
        } else {
            0
        };
        write!(f, "{value:.decimals$} {unit}")
    }
}

/// Error for a text that is not a size.
#[derive(Debug, PartialEq, Eq)]
pub struct NotASize(String);

impl fmt::Display for NotASize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a size: write a number and a unit, such as `650 MB`, `7.9 GB` or `4 GiB`", self.0)
    }
}

impl std::error::Error for NotASize {}

/// Parses a decimal number with a unit (`B`, `kB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB`, `TiB`,
/// ignoring case), optionally separated by spaces. Fractions of a byte are truncated.
impl FromStr for Size {
    type Err = NotASize;

    fn from_str(text: &str) -> Result<Self, NotASize> {
        let no_size = || NotASize(text.to_owned());
        let unit_at = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or_else(no_size)?;
        let (number, unit) = text.split_at(unit_at);
        let unit = unit.trim_start_matches(' ');
        let (_, bytes) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(no_size)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        if whole.is_empty() || fraction.is_empty() {
            return Err(no_size());
        }
        // Use integers, so that `4.7 GB` is exactly 4,700,000,000 bytes.
        let digits: u128 = format!("{whole}{fraction}").parse().map_err(|_| no_size())?;
        let scale = 10u128.checked_pow(fraction.len() as u32).ok_or_else(no_size)?;
        let size = digits.checked_mul(u128::from(*bytes)).ok_or_else(no_size)? / scale;
        u64::try_from(size).map(Size).map_err(|_| no_size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_people_write_them() {
        for (text, bytes) in
            [("650 MB", 650_000_000), ("4.7GB", 4_700_000_000), ("4 GiB", 4 << 30), ("0 b", 0), ("1.5 kb", 1_500)]
        {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "GB", "12", "1.2.3 GB", "1 XB", "-1 GB", "99999999999999 TB", ". GB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_show_three_digits() {
        let shown: Vec<_> =
            [0, 999, 1_000, 4_294_967_296, 12_400_000_000, 650_000_000].map(|n| Size(n).to_string()).into();
        assert_eq!(shown, ["0 B", "999 B", "1.00 kB", "4.29 GB", "12.4 GB", "650 MB"]);
    }
}
