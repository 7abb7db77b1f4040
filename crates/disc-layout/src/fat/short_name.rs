//! Short names: eight characters, a full stop and three more ("Short Directory Entries", "Name Limits and Character
//! Sets").
//!
//! A name whose upper case is a valid short name gets that as its short name. All others get a numeric tail as Windows
//! makes them: `~1` to `~4`, then four digits of a digest of the name, so that a new file in a large folder does not
//! rename others.

use std::collections::HashSet;
use std::fmt;

use crate::digest::Digest;

/// Short name as stored in a folder: padded with spaces, without the full stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ShortName(pub [u8; 11]);

impl ShortName {
    /// Converts a name that is a valid short name.
    pub(super) fn exact(name: &str) -> Option<Self> {
        let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
        let is_plain = |part: &str| part.bytes().all(is_allowed);
        let fits = (1..=8).contains(&stem.len()) && extension.len() <= 3 && !name.ends_with('.');
        (fits && is_plain(stem) && is_plain(extension)).then(|| Self::from_parts(stem, extension))
    }

    /// Creates a short name from a stem and an extension that fit.
    fn from_parts(stem: &str, extension: &str) -> Self {
        let mut bytes = [b' '; 11];
        bytes[..stem.len()].copy_from_slice(stem.as_bytes());
        bytes[8..8 + extension.len()].copy_from_slice(extension.as_bytes());
        Self(bytes)
    }

    /// Checksum that links the entries of a long name to their short name.
    pub(super) fn checksum(self) -> u8 {
        self.0.iter().fold(0, |sum: u8, byte| sum.rotate_right(1).wrapping_add(*byte))
    }
}

impl fmt::Display for ShortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        let (stem, extension) = (text(&self.0[..8]), text(&self.0[8..]));
        if extension.is_empty() { f.write_str(&stem) } else { write!(f, "{stem}.{extension}") }
    }
}

/// Makes an unused short name for a name that isn't a valid one.
pub(super) fn short_name(name: &str, taken: &HashSet<ShortName>) -> ShortName {
    let name_without_lead = name.trim_start_matches(['.', ' ']);
    let (stem, extension) = name_without_lead.rsplit_once('.').unwrap_or((name_without_lead, ""));
    let (stem, extension) = (shortened(stem, 8), shortened(extension, 3));
    let stem = if stem.is_empty() { "_".to_owned() } else { stem };
    let digest = Digest::hash(name.as_bytes()).0;
    let hashed = format!("{}{:02X}{:02X}", &stem[..stem.len().min(2)], digest[0], digest[1]);
    let with_tail = |stem: &str, n: u32| {
        let tail = format!("~{n}");
        ShortName::from_parts(&format!("{}{tail}", &stem[..stem.len().min(8 - tail.len())]), &extension)
    };
    let plain = (1..=4).map(|n| with_tail(&stem, n));
    // There are more tails than entries in a folder, so one of them is free.
    plain
        .chain((1..=999_999).map(|n| with_tail(&hashed, n)))
        .find(|short| !taken.contains(short))
        .unwrap_or_else(|| with_tail(&hashed, 0))
}

/// Converts a volume label: the first eleven characters in upper case. `None` if nothing is left.
pub fn label(text: &str) -> Option<[u8; 11]> {
    let kept: String = text
        .trim()
        .chars()
        .take(11)
        .map(|c| c.to_ascii_uppercase())
        .map(|c| if c == ' ' || u8::try_from(c).is_ok_and(is_allowed) { c } else { '_' })
        .collect();
    let kept = kept.trim_end();
    let mut bytes = [b' '; 11];
    bytes[..kept.len()].copy_from_slice(kept.as_bytes());
    (!kept.is_empty()).then_some(bytes)
}

fn shortened(part: &str, len: usize) -> String {
    part.chars()
        .filter(|c| *c != ' ' && *c != '.')
        .map(|c| c.to_ascii_uppercase())
        .map(|c| if u8::try_from(c).is_ok_and(is_allowed) { c } else { '_' })
        .take(len)
        .collect()
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"$%'-_@~`!(){}^#&".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_keep_themselves_and_others_get_a_tail() {
        let taken = HashSet::from([ShortName::exact("LONGFI~1.TXT").unwrap()]);
        for (name, short) in [
            ("Long file name.txt", "LONGFI~2.TXT"),
            ("readme.md", "README~1.MD"),
            (".config", "CONFIG~1"),
            ("größe", "GR__E~1"),
            ("日本", "__~1"),
            ("a.b.c.html", "ABC~1.HTM"),
            ("...x", "X~1"),
        ] {
            assert_eq!(short_name(name, &taken).to_string(), short, "{name}");
            assert_eq!(ShortName::exact(name), None);
        }
        for name in ["BOOTX64.EFI", "A", "X.Y", "12345678.123"] {
            assert_eq!(ShortName::exact(name).unwrap().to_string(), name);
        }
        for name in ["A.B.C", "ABCDEFGHI", "A.HTML", "a", "A B", "A+B"] {
            assert_eq!(ShortName::exact(name), None, "{name}");
        }
    }

    #[test]
    fn twenty_thousand_alike_names_get_as_many_short_ones() {
        let mut taken = HashSet::new();
        for n in 0..20_000 {
            assert!(taken.insert(short_name(&format!("same beginning {n}.dat"), &taken)));
        }
    }

    #[test]
    fn a_label_is_cut_to_what_fat_can_hold() {
        assert_eq!(label("Win11 Berlin deployment"), Some(*b"WIN11 BERLI"));
        assert_eq!(label("büro.1"), Some(*b"B_RO_1     "));
        assert_eq!(label("  "), None);
    }
}
