//! Suggestions for mistyped names ("did you mean …").

use camino::{Utf8Path, Utf8PathBuf};

use crate::limits::{MAX_SUGGESTED_LEN, MAX_SUGGESTIONS};

/// Returns the candidate most similar to a wrong name, if any is similar enough.
///
/// Case and the kind of dash are ignored. Otherwise, up to a third of the characters may differ, or
/// words may be missing.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    if wrong.len() > MAX_SUGGESTED_LEN {
        return None;
    }
    let candidates = candidates.into_iter().take(MAX_SUGGESTIONS);
    let candidates: Vec<&'a str> = candidates.filter(|candidate| candidate.len() <= MAX_SUGGESTED_LEN).collect();
    let wrong = plain(wrong);
    // Two mistakes are allowed even in short names, such as swapped and missing letters.
    let at_most = (wrong.chars().count() / 3).max(2);
    candidates
        .iter()
        .copied()
        .map(|candidate| (strsim::damerau_levenshtein(&wrong, &plain(candidate)), candidate))
        // A short word is not similar to a word that shares nothing with it.
        .filter(|(distance, candidate)| *distance <= at_most && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
        .or_else(|| nearest_by_words(&wrong, &candidates))
}

/// Returns the shortest candidate that has all words of a name, or whose words the name has:
/// `run-command` matches `run-command-line`, `user` matches `user-name`.
fn nearest_by_words<'a>(wrong: &str, candidates: &[&'a str]) -> Option<&'a str> {
    fn words(text: &str) -> Vec<String> {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect()
    }
    let wrong = words(wrong);
    // Short words such as `of` occur in too many names.
    let is_in = |some: &[String], all: &[String]| {
        let is_found = |word: &String| word.len() >= 3 && all.iter().any(|other| other == word);
        !some.is_empty() && some.iter().all(is_found)
    };
    let fits = |candidate: &&&str| {
        let candidate = words(candidate);
        is_in(&wrong, &candidate) || (candidate.len() > 1 && is_in(&candidate, &wrong))
    };
    candidates.iter().filter(fits).min_by_key(|candidate| candidate.len()).copied()
}

/// Returns the path probably meant by one that does not exist, in the form of `written`, which ends
/// `path`. Treats backslashes as slashes, ignores case, and accepts a similar name for the last
/// part.
pub fn similar_path(path: &Utf8Path, written: &str) -> Option<String> {
    if path.as_str().contains('\\') {
        let forward = |text: &str| text.replace('\\', "/");
        let meant = Utf8PathBuf::from(forward(path.as_str()));
        let there = meant.exists().then(|| forward(written));
        return there.or_else(|| similar_path(&meant, &forward(written)));
    }
    let mut found = Utf8PathBuf::new();
    let parts: Vec<_> = path.components().collect();
    for (at, part) in parts.iter().enumerate() {
        // Follow the path as far as it exists, and replace only the parts that don't.
        let next = found.join(part);
        if next.symlink_metadata().is_ok() {
            found = next;
            continue;
        }
        let folder = if found == "" { Utf8Path::new(".") } else { &found };
        let names: Vec<_> = folder.read_dir_utf8().ok()?.flatten().map(|entry| entry.file_name().to_owned()).collect();
        let in_other_case = names.iter().find(|name| name.to_lowercase() == part.as_str().to_lowercase());
        let is_last = at + 1 == parts.len();
        let name = match in_other_case {
            Some(name) => name.as_str(),
            // A similar name of a folder would be a guess, with another guess below.
            None if is_last => nearest(part.as_str(), names.iter().map(String::as_str))?,
            None => return None,
        };
        found = found.join(name);
    }
    let written = Utf8Path::new(written);
    // `found` is absolute, or relative to the current folder; return only as many parts as were
    // written.
    let is_here = written.starts_with(".");
    let n_parts = written.components().count() - usize::from(is_here);
    let meant: Utf8PathBuf = found.components().skip(parts.len().saturating_sub(n_parts)).collect();
    let meant = if is_here { Utf8Path::new(".").join(meant) } else { meant };
    (meant != written).then(|| meant.into_string())
}

/// Formats names in backticks as a list with `or`.
pub fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    join(&quoted, "or")
}

/// Joins words with commas, and with `last` before the last word.
pub fn join(words: &[String], last: &str) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}

/// Help text for a value that is `n_chars` characters too long.
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
        let types = ["run-command-line", "run-powershell-script", "restart-computer", "user-name"];
        assert_eq!(nearest("run-command", types), Some("run-command-line"));
        assert_eq!(nearest("powershell", types), Some("run-powershell-script"));
        assert_eq!(nearest("User", types), Some("user-name"));
        assert_eq!(nearest("restart-the-computer", types), Some("restart-computer"));
        assert_eq!(nearest("run", types), Some("run-command-line"));
        assert_eq!(nearest("apply", types), None);
    }

    #[test]
    fn paths_are_found_in_another_case() {
        let scratch = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(scratch.path()).unwrap();
        std::fs::create_dir_all(root.join("Packages/VPN")).unwrap();
        let similar = |written: &str| similar_path(&root.join(written), written);
        assert_eq!(similar("packages/vpn").as_deref(), Some("Packages/VPN"));
        assert_eq!(similar("Packages/vpm").as_deref(), Some("Packages/VPN"));
        assert_eq!(similar("./Packages/vpm").as_deref(), Some("./Packages/VPN"));
        assert_eq!(similar("packages/drivers"), None);
        assert_eq!(similar("pakages/VPN"), None);
        assert_eq!(similar("packages\\vpn").as_deref(), Some("Packages/VPN"));
        assert_eq!(similar("Packages\\VPN").as_deref(), Some("Packages/VPN"));
    }

    #[test]
    fn lists_read_as_a_sentence() {
        assert_eq!(one_of(["iso"]), "`iso`");
        assert_eq!(one_of(["2011", "2023"]), "`2011` or `2023`");
        assert_eq!(one_of(["a", "b", "c"]), "`a`, `b` or `c`");
    }
}
