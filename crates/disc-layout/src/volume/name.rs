//! Names that Windows and every file system of a medium can hold.
//!
//! Follows "Naming Files, Paths, and Namespaces" of the Windows documentation and, for the length, ECMA-167 1/7.2.12
//! and 4/14.4 as restricted by UDF 1.02 (2.3.4). Short names are up to the formats that need them.

use std::cmp::Ordering;
use std::fmt;

/// Name that Windows and UDF can hold. Names that differ only in case are equal.
#[derive(Clone, Debug)]
pub struct Name(String);

/// Error of a text that is not a valid name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadName {
    /// Invalid name.
    pub name: String,
    /// Reason, as a fragment that follows "the name `…`".
    pub why: String,
}

/// Device names of Windows, which are reserved with any extension and in any case.
const RESERVED: [&str; 22] = [
    "CON", "PRN", "AUX", "NUL", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8", "COM9", "LPT1", "LPT2",
    "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9",
];

/// Maximum length of a UDF file identifier, without its compression ID.
const MAX_LATIN1: usize = 254;
const MAX_UTF16: usize = 127;

impl Name {
    /// Creates a name if Windows and UDF can hold it.
    pub fn new(name: &str) -> Result<Self, BadName> {
        match check_name(name) {
            None => Ok(Self(name.to_owned())),
            Some(why) => Err(BadName { name: name.to_owned(), why }),
        }
    }

    /// Name as spelled.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Characters that are compared.
    fn folded(&self) -> impl Iterator<Item = char> + '_ {
        fold(&self.0)
    }
}

/// Characters of a name as Windows compares them: in upper case, one by one.
pub fn fold(name: &str) -> impl Iterator<Item = char> + '_ {
    name.chars().map(|c| {
        let mut upper = c.to_uppercase();
        match (upper.next(), upper.next()) {
            (Some(single), None) => single,
            // A letter with several upper-case letters (`ß`) has none on Windows.
            _ => c,
        }
    })
}

/// Returns the reason why no Windows file system can hold a name, as a fragment that follows "the name `…`". The length
/// is not checked.
pub fn check_windows_name(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("is empty".into());
    }
    if name == "." || name == ".." {
        return Some("refers to a folder, not a file".into());
    }
    let is_forbidden = |c: &char| c.is_control() || matches!(c, '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*');
    if let Some(c) = name.chars().find(is_forbidden) {
        return Some(format!("has the character `{}`, which Windows does not allow", c));
    }
    if name.ends_with(['.', ' ']) {
        let what = if name.ends_with('.') { "a full stop" } else { "a space" };
        return Some(format!("ends in {what}, which Windows cuts off"));
    }
    let stem = name.split('.').next().unwrap_or(name).trim_end_matches(' ');
    // Devices have three or four letters, and most names have more.
    if stem.len() <= 4
        && let Some(device) = RESERVED.iter().find(|device| device.eq_ignore_ascii_case(stem))
    {
        return Some(format!("stands for the device {device} on Windows"));
    }
    None
}

fn check_name(name: &str) -> Option<String> {
    if let Some(why) = check_windows_name(name) {
        return Some(why);
    }
    // UTF-8 takes at least one byte for each UTF-16 unit.
    if name.len() <= MAX_UTF16 {
        return None;
    }
    let utf16_len = name.encode_utf16().count();
    let is_latin1 = name.chars().all(|c| u32::from(c) < 0x100);
    match is_latin1 {
        true if utf16_len > MAX_LATIN1 => {
            Some(format!("has {utf16_len} characters; UDF allows {MAX_LATIN1} in a name"))
        }
        false if utf16_len > MAX_UTF16 => {
            Some(format!("has {utf16_len} UTF-16 units; UDF allows {MAX_UTF16} in a name with letters beyond Latin-1"))
        }
        _ => None,
    }
}

/// Number of bytes at the start that are the same, rounded down to a multiple of eight.
fn n_same_bytes(one: &[u8], other: &[u8]) -> usize {
    let eights = one.as_chunks::<8>().0.iter().zip(other.as_chunks::<8>().0);
    8 * eights.take_while(|(one, other)| one == other).count()
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name `{}` {}", self.name, self.why)
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        // Most names are ASCII up to where they differ, and large trees compare millions of them. Equal bytes
        // are equal in upper case.
        let n_same = n_same_bytes(self.0.as_bytes(), other.0.as_bytes());
        for (one, two) in self.0.as_bytes()[n_same..].iter().zip(&other.0.as_bytes()[n_same..]) {
            if !one.is_ascii() || !two.is_ascii() {
                return self.folded().cmp(other.folded());
            }
            match one.to_ascii_uppercase().cmp(&two.to_ascii_uppercase()) {
                Ordering::Equal => {}
                different => return different,
            }
        }
        self.0.len().cmp(&other.0.len())
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Name {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_windows_cannot_hold_are_refused_with_the_reason() {
        for (name, why) in [
            ("", "is empty"),
            ("..", "refers to a folder, not a file"),
            ("a:b", "has the character `:`, which Windows does not allow"),
            ("a\u{7}", "has the character `\u{7}`, which Windows does not allow"),
            ("note.", "ends in a full stop, which Windows cuts off"),
            ("note ", "ends in a space, which Windows cuts off"),
            ("aux.h", "stands for the device AUX on Windows"),
            ("Com1", "stands for the device COM1 on Windows"),
            (&"x".repeat(255), "has 255 characters; UDF allows 254 in a name"),
            (&"ж".repeat(128), "has 128 UTF-16 units; UDF allows 127 in a name with letters beyond Latin-1"),
        ] {
            assert_eq!(Name::new(name).unwrap_err().why, why, "{name}");
        }
        for name in ["a", ".config", "COM10", "console", "größe.txt", &"x".repeat(254), &"ж".repeat(127), "a b.c d"]
        {
            assert!(Name::new(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn names_differ_by_more_than_case() {
        let name = |text: &str| Name::new(text).unwrap();
        assert_eq!(name("ReadMe.TXT"), name("README.txt"));
        assert_eq!(name("ÄÖÜ"), name("äöü"));
        assert_ne!(name("ß"), name("SS"));
        // Differences before, at and after a multiple of eight bytes.
        for n_same in 6..11 {
            let [one, two, same] =
                ["b", "C", "B"].map(|end| name(&format!("{}{end}", "Ab".repeat(10).split_at(n_same).0)));
            assert!(one < two && one == same, "{n_same}");
            let [one, two] = ["Ä", "äx"].map(|end| name(&format!("{}{end}", &"ab".repeat(10)[..n_same])));
            assert!(one < two, "{n_same}");
        }
        assert!(name("b") > name("A"));
        // Letters beyond ASCII whose upper case is ASCII.
        assert_eq!(name("ſıx"), name("SIX"));
        assert!(name("six") < name("ſixth") && name("sIx") > name("ſıw"));
    }
}
