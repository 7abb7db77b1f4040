//! "did you mean": the nearest of the names that would have been right.

use crate::limits::{MAX_SUGGESTED_LEN, MAX_SUGGESTIONS};

/// The candidate that the author most likely meant, if any is near enough to be worth naming.
///
/// Case and the kind of dash do not count as a difference; otherwise a third of the letters may differ.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    if wrong.len() > MAX_SUGGESTED_LEN {
        return None;
    }
    let wrong = plain(wrong);
    let at_most = (wrong.chars().count() / 3).max(2);
    candidates
        .into_iter()
        .take(MAX_SUGGESTIONS)
        .filter(|candidate| candidate.len() <= MAX_SUGGESTED_LEN)
        .map(|candidate| (strsim::damerau_levenshtein(&wrong, &plain(candidate)), candidate))
        // A short word is not near to another that shares nothing with it.
        .filter(|(distance, candidate)| *distance <= at_most && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Names in backticks, separated by commas, with `or` before the last.
pub fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    join(&quoted, "or")
}

/// Words separated by commas, with `last` before the last one.
pub fn join(words: &[String], last: &str) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}

/// What to do with a text that is so many characters too long.
pub fn shorten(n_chars: usize) -> String {
    format!("shorten it by {n_chars} {}", if n_chars == 1 { "character" } else { "characters" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let keys = ["firmware", "files", "image", "secure-boot-ca", "prompt"];
        assert_eq!(nearest("firmwares", keys), Some("firmware"));
        assert_eq!(nearest("secure_boot_ca", keys), Some("secure-boot-ca"));
        assert_eq!(nearest("fiels", keys), Some("files"));
        assert_eq!(nearest("Image", keys), Some("image"));
        assert_eq!(nearest("password", keys), None);
        assert_eq!(nearest("xy", ["cd", "bd"]), None);
    }

    #[test]
    fn lists_read_as_a_sentence() {
        assert_eq!(one_of(["iso"]), "`iso`");
        assert_eq!(one_of(["2011", "2023"]), "`2011` or `2023`");
        assert_eq!(one_of(["a", "b", "c"]), "`a`, `b` or `c`");
    }
}
