//! Paths by their text alone: no file is looked at, and links count as folders.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

/// Returns the folder of a file: `.` if the path is only a name.
pub fn folder_of(file: &Utf8Path) -> &Utf8Path {
    file.parent().filter(|folder| *folder != "").unwrap_or(".".into())
}

/// Removes `.` and `..` from a path, except for `..` at its start.
pub fn normalized(path: &Utf8Path) -> Utf8PathBuf {
    let mut parts = Utf8PathBuf::new();
    for part in path.components() {
        match part {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir if matches!(parts.components().next_back(), Some(Utf8Component::Normal(_))) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}

/// Returns the path that leads from a folder to another path; both are absolute, or relative to the same folder. `None`
/// if the way up is unknown, since the folder is above that one.
pub fn relative(folder: &Utf8Path, path: &Utf8Path) -> Option<Utf8PathBuf> {
    let (folder, path) = (normalized(folder), normalized(path));
    let n_shared = folder.components().zip(path.components()).take_while(|(one, other)| one == other).count();
    let mut up = folder.components().skip(n_shared);
    if up.clone().any(|part| part == Utf8Component::ParentDir) {
        return None;
    }
    let mut way: Utf8PathBuf = up.by_ref().map(|_| Utf8Component::ParentDir).collect();
    way.extend(path.components().skip(n_shared));
    Some(way)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalized_by_their_text() {
        for (path, expected) in [
            ("media/a/../../packages/vpn", "packages/vpn"),
            ("./a/./b", "a/b"),
            ("../a", "../a"),
            ("/a/../b", "/b"),
            ("a/..", ""),
        ] {
            assert_eq!(normalized(path.into()), expected);
        }
    }

    #[test]
    fn a_path_leads_from_a_folder() {
        for (folder, path, expected) in [
            ("/a/c/d", "/a/b/x.wim", Some("../../b/x.wim")),
            ("a", "a/b", Some("b")),
            ("a/b", "a/b", Some("")),
            ("..", "a", None),
            ("../a", "../b", Some("../b")),
        ] {
            assert_eq!(relative(folder.into(), path.into()).as_deref(), expected.map(Utf8Path::new));
        }
    }

    #[test]
    fn a_name_is_in_the_current_folder() {
        assert_eq!(folder_of("media.toml".into()), ".");
        assert_eq!(folder_of("media/ber.toml".into()), "media");
    }
}
