//! Checks the names captured from a folder or a FAT volume for those that Windows can't hold.
//!
//! A WIM file can contain such names, but applying its image fails or, worse, creates other files: `a:b` is a stream of
//! `a`. NTFS volumes are not checked, since Windows made their names.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::volume::{BadName, check_windows_name, fold};

/// Maximum length of a name on NTFS, in UTF-16 units.
const MAX_NAME_LEN: usize = 255;

/// Maximum number of names in one message.
const MAX_NAMED: usize = 100;

/// Checks all paths of an image. `place` names its source in messages.
///
/// # Errors
///
/// If Windows can't hold a name, or two names in a folder differ only in case.
pub(super) fn check(mut paths: Vec<String>, place: &str) -> Result<()> {
    paths.sort_unstable();
    let mut spellings: HashMap<(&str, String), &str> = HashMap::new();
    let mut faults = Vec::new();
    for path in &paths {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if let Some(why) = check_name(name) {
            let bad = BadName { name: path.clone(), why };
            faults.push(bad.to_string().replacen("the name ", "", 1));
        }
        let twin = spellings.entry((folder, fold(name).collect())).or_insert(name);
        if *twin != name {
            faults.push(format!("`{path}` differs from `{twin}` beside it only in case"));
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    let n_faults = faults.len();
    let message = match n_faults {
        1 => format!("Windows can't hold a name in {place}:"),
        _ => format!("Windows can't hold {n_faults} names in {place}:"),
    };
    faults.truncate(MAX_NAMED);
    if n_faults > MAX_NAMED {
        faults.push(format!("and {} more", n_faults - MAX_NAMED));
    }
    Err(Error::new(message).with_items(faults).help(
        "rename the files, or list them under `[ExclusionList]` in a file for `--config` (`exclusions` in a manifest)",
    ))
}

fn check_name(name: &str) -> Option<String> {
    if name.contains(char::REPLACEMENT_CHARACTER) {
        return Some("is not valid Unicode".into());
    }
    let len = name.encode_utf16().count();
    check_windows_name(name).or_else(|| {
        (len > MAX_NAME_LEN).then(|| format!("has {len} UTF-16 units; NTFS allows {MAX_NAME_LEN} in a name"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(paths: &[&str]) -> String {
        check(paths.iter().map(|path| (*path).to_owned()).collect(), "`f`").unwrap_err().to_string()
    }

    #[test]
    fn every_name_that_windows_cannot_hold_is_listed() {
        let long = "x".repeat(256);
        let said = refused(&["con", "d/aux.h", "d/a:b", "q?", "trail.", "blank ", "bell\u{7}", "Foo", "foo", &long]);
        assert!(said.starts_with("Windows can't hold 9 names in `f`:\n  `bell\u{7}` has the character"), "{said}");
        for name in [
            "`con` stands for the device CON",
            "`d/aux.h` stands for the device AUX",
            "`d/a:b` has the character `:`",
            "`q?` has the character `?`",
            "`trail.` ends in a full stop",
            "`blank ` ends in a space",
            "`foo` differs from `Foo` beside it only in case",
            "256 UTF-16 units",
        ] {
            assert!(said.contains(name), "{name}: {said}");
        }
    }

    #[test]
    fn other_names_are_let_through_whatever_a_disc_could_hold() {
        let long = "ж".repeat(255);
        check(["Foo", "d/foo", "e/Foo", "größe", ".config", &long].map(str::to_owned).to_vec(), "`f`").unwrap();
    }

    #[test]
    fn a_long_list_is_cut() {
        let paths: Vec<_> = (0..150).map(|n| format!("{n}?")).collect();
        let said = check(paths, "`f`").unwrap_err().to_string();
        assert!(said.ends_with("\n  and 50 more") && said.lines().count() == 102, "{said}");
    }
}
