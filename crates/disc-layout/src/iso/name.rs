//! Names for ISO 9660 and Joliet. Names that don't fit are shortened, and names that would then collide get a digest of
//! the original name, so the result does not depend on their order.

use std::collections::{HashMap, HashSet};

use crate::digest::Digest;

/// Character set of an ECMA-119 structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// ECMA-119 7.4.1 d-characters (`A`–`Z`, `0`–`9`, `_`), up to 31 including the full stop (10.2, 7.6.3).
    Iso,
    /// Big-endian UCS-2, up to 103 characters. Characters beyond the basic plane are replaced: Windows would accept
    /// surrogates, but xorriso warns about them.
    Joliet,
}

impl Charset {
    fn max_len(self) -> usize {
        match self {
            Self::Iso => 31,
            Self::Joliet => 103,
        }
    }

    /// Replaces a character that is not in the set.
    pub fn letter(self, c: char) -> char {
        match self {
            Self::Iso if c.is_ascii_alphanumeric() => c.to_ascii_uppercase(),
            Self::Iso => '_',
            // "Joliet Character Set": `;` separates the version. Windows forbids the other excluded characters anyway.
            Self::Joliet if c == ';' || u32::from(c) > 0xFFFF => '_',
            Self::Joliet => c,
        }
    }
}

/// Maximum length of an extension that is kept whole. Of longer ones, the extension is cut rather than the stem.
const MAX_EXTENSION: usize = 8;

/// Makes the identifiers of a folder's items, given as name and folder flag, in the same order.
pub fn identifiers(charset: Charset, names: &[(&str, bool)]) -> Vec<Box<[u8]>> {
    let plain: Vec<_> = names.iter().map(|(name, is_folder)| shortened(charset, name, *is_folder, "")).collect();
    let mut n_alike = HashMap::new();
    for name in &plain {
        *n_alike.entry(name.to_uppercase()).or_insert(0) += 1;
    }
    // A name that needs no change keeps its identifier, even if others would be shortened to it.
    let keeps = |plain: &str, name: &str| n_alike[&plain.to_uppercase()] == 1 || plain.eq_ignore_ascii_case(name);
    let mut taken: HashSet<_> = HashSet::new();
    for (plain, (name, _)) in plain.iter().zip(names) {
        if keeps(plain, name) {
            taken.insert(plain.to_uppercase());
        }
    }
    let mut identifiers = Vec::with_capacity(names.len());
    for (plain, (name, is_folder)) in plain.iter().zip(names) {
        let mut own = plain.clone();
        let mut n_tries = 0;
        while !keeps(plain, name) {
            let digest = Digest::hash(format!("{n_tries}/{name}").as_bytes()).to_string();
            own = shortened(charset, name, *is_folder, &format!("_{}", digest[..8].to_uppercase()));
            if taken.insert(own.to_uppercase()) {
                break;
            }
            n_tries += 1;
        }
        identifiers.push(encoded(charset, &own, *is_folder));
    }
    identifiers
}

/// Converts a name to the character set, and cuts its stem so that it fits with `mark` appended.
fn shortened(charset: Charset, name: &str, is_folder: bool, mark: &str) -> String {
    let (stem, extension) = match name.rsplit_once('.') {
        // In ISO 9660, only files have extensions; in Joliet, a full stop is an ordinary character.
        Some((stem, extension)) if !is_folder || charset == Charset::Joliet => (stem, Some(extension)),
        _ => (name, None),
    };
    let cut = |text: &str, max_len: usize| text.chars().take(max_len).map(|c| charset.letter(c)).collect::<String>();
    let max_len = charset.max_len();
    if charset == Charset::Joliet && mark.is_empty() && name.chars().count() <= max_len {
        return cut(name, max_len);
    }
    let extension = extension.map(|extension| format!(".{}", cut(extension, MAX_EXTENSION))).unwrap_or_default();
    // Files in ISO 9660 always have a full stop (7.5.1).
    let dot_len = usize::from(charset == Charset::Iso && !is_folder && extension.is_empty());
    format!("{}{mark}{extension}", cut(stem, max_len - extension.chars().count() - dot_len - mark.len()))
}

fn encoded(charset: Charset, name: &str, is_folder: bool) -> Box<[u8]> {
    let version = if is_folder { "" } else { ";1" };
    match charset {
        Charset::Iso if !is_folder && !name.contains('.') => format!("{name}.{version}").into_bytes().into(),
        Charset::Iso => format!("{name}{version}").into_bytes().into(),
        Charset::Joliet => name.encode_utf16().chain(version.encode_utf16()).flat_map(u16::to_be_bytes).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iso(names: &[(&str, bool)]) -> Vec<String> {
        identifiers(Charset::Iso, names).into_iter().map(|name| String::from_utf8(name.into()).unwrap()).collect()
    }

    fn joliet(names: &[(&str, bool)]) -> Vec<String> {
        let units =
            |name: Box<[u8]>| name.chunks(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]])).collect::<Vec<_>>();
        identifiers(Charset::Joliet, names).into_iter().map(|name| String::from_utf16(&units(name)).unwrap()).collect()
    }

    #[test]
    fn iso_names_are_upper_case_and_have_a_full_stop_and_a_version() {
        assert_eq!(
            iso(&[("boot.wim", false), ("README", false), ("a.b.c", false), ("dir.d", true), (".config", false)]),
            ["BOOT.WIM;1", "README.;1", "A_B.C;1", "DIR_D", ".CONFIG;1"]
        );
    }

    #[test]
    fn long_iso_names_have_thirty_one_characters() {
        let long = "x".repeat(60);
        let names = iso(&[(&format!("{long}.txt"), false), (&format!("d{long}"), true), (&format!("f{long}"), false)]);
        let lens: Vec<_> = names.iter().map(|name| name.trim_end_matches(";1").len()).collect();
        assert_eq!(lens, [31, 31, 31]);
    }

    #[test]
    fn names_that_would_be_the_same_are_told_apart_and_the_true_one_keeps_its_name() {
        let names =
            iso(&[("a+b.txt", false), ("a-b.txt", false), ("a_b.txt", false), ("größe", true), ("grö?e", true)]);
        assert_eq!(names[2], "A_B.TXT;1");
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), 5, "{names:?}");
        assert!(names[0].starts_with("A_B_") && names[0].ends_with(".TXT;1"), "{names:?}");
        // The order doesn't matter.
        assert_eq!(iso(&[("a-b.txt", false), ("a_b.txt", false), ("a+b.txt", false)])[2], names[0]);
    }

    #[test]
    fn joliet_keeps_names_of_up_to_103_letters_that_ucs_2_has() {
        assert_eq!(
            joliet(&[("größe.txt", false), ("a.b", true), ("a;b", false), ("😀.txt", false)]),
            ["größe.txt;1", "a.b", "a_b;1", "_.txt;1"]
        );
        let fits = format!("{}.txt", "ж".repeat(99));
        assert_eq!(joliet(&[(&fits, false)]), [format!("{fits};1")]);
        let too_long = format!("{}.txt", "ж".repeat(120));
        assert_eq!(joliet(&[(&too_long, false)]), [format!("{fits};1")]);
        let other = format!("{}b.txt", "ж".repeat(120));
        let names = joliet(&[(&too_long, false), (&other, false)]);
        assert_ne!(names[0], names[1]);
        assert!(names.iter().all(|name| name.chars().count() == 105), "{names:?}");
    }
}
