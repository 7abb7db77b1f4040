//! Git LFS pointers: short text files that Git stores in place of large files.
//!
//! A checkout without Git LFS leaves them in the work tree. Follows version 1 of the pointer
//! specification, and accepts older version names. The oid is not looked up, since the object may
//! only be on a server.

use camino::{Utf8Path, Utf8PathBuf};

use crate::shell;

/// Upper limit on the length of pointers in bytes, exclusive.
pub const LIMIT: u64 = 1_024;
/// Length of the shortest pointer in bytes: the oldest version, a SHA-256 and a size of one digit.
const SHORTEST: u64 = 120;
/// First lines of pointers, without the version number.
const VERSIONS: [&[u8]; 3] = [
    b"version https://git-lfs.github.com/spec/v",
    b"version https://hawser.github.com/spec/v",
    b"version http://git-media.io/v/",
];

/// Returns `true` if a file of this length may be a pointer, so that it is worth opening.
pub fn can_be_pointer(len: u64) -> bool {
    (SHORTEST..LIMIT).contains(&len)
}

/// Returns `true` if the bytes of a file are a pointer.
pub fn is_pointer(bytes: &[u8]) -> bool {
    let has_oid = || bytes.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"oid "));
    can_be_pointer(bytes.len() as u64) && VERSIONS.iter().any(|version| bytes.starts_with(version)) && has_oid()
}

/// Returns the SHA-256, in lower-case hexadecimal, and the length of the file that a pointer stands
/// for. `None` if either is malformed.
pub fn parse_pointer(bytes: &[u8]) -> Option<(String, u64)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim_end);
    let sha256 = value("oid sha256:")?;
    let is_digest = sha256.len() == 64 && sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_digest.then(|| Some((sha256.to_owned(), value("size ")?.parse().ok()?)))?
}

/// Returns help for pointers at `path`, a file or a folder: the command that fetches the content.
pub fn help(path: &Utf8Path) -> String {
    match path_in_work_tree(path) {
        Some(within) => {
            let all = if path.is_dir() { "/**" } else { "" };
            let include = if within == "" { "**".to_owned() } else { format!("{within}{all}") };
            format!(
                "run `git lfs pull --include={}`; in GitHub Actions, set `lfs: true` for `actions/checkout`",
                shell::quote(&include)
            )
        }
        None => "run `git lfs pull` in the Git repository that it comes from, then copy it again".into(),
    }
}

/// Returns a path relative to the root of its Git work tree, as Git LFS patterns require.
fn path_in_work_tree(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let path = path.canonicalize_utf8().ok()?;
    let top = path.ancestors().find(|folder| folder.join(".git").exists())?;
    path.strip_prefix(top).ok().map(Utf8Path::to_owned)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const OID: &str = "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 512345678\n";

    #[test]
    fn pointers_of_every_version_are_recognized_and_other_small_files_are_not() {
        let pointer = |first: &str| format!("{first}\n{OID}");
        for first in [
            "version https://git-lfs.github.com/spec/v1",
            "version https://hawser.github.com/spec/v1",
            "version http://git-media.io/v/2",
            "version https://git-lfs.github.com/spec/v1\next-0-crypt sha256:4d7a214614ab2935c943f9e0ff69d22e",
        ] {
            assert!(is_pointer(pointer(first).as_bytes()), "{first}");
            // Written by a checkout with `core.autocrlf`.
            assert!(is_pointer(pointer(first).replace('\n', "\r\n").as_bytes()), "{first}");
        }
        let sound = pointer("version https://git-lfs.github.com/spec/v1");
        for other in [
            format!("# {sound}"),
            sound.replace("oid ", "id "),
            format!("{sound}{}", " ".repeat(1_024)),
            pointer("version 1"),
        ] {
            assert!(!is_pointer(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn a_pointer_is_parsed_to_the_digest_and_length_of_its_file() {
        let pointer = format!("version https://git-lfs.github.com/spec/v1\n{OID}");
        let oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
        assert_eq!(parse_pointer(pointer.as_bytes()), Some((oid.into(), 512_345_678)));
        assert_eq!(parse_pointer(pointer.replace('\n', "\r\n").as_bytes()), Some((oid.into(), 512_345_678)));
        for bad in [pointer.replace("4d7a", "../."), pointer.replace("size 5", "size -"), pointer.replace("oid", "id")]
        {
            assert_eq!(parse_pointer(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn the_command_names_the_path_from_the_top_of_the_work_tree() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        fs::create_dir_all(root.join("repo/media/images")).unwrap();
        let file = root.join("repo/media/images/install.wim");
        fs::write(&file, format!("version https://git-lfs.github.com/spec/v1\n{OID}")).unwrap();
        assert!(help(&file).starts_with("run `git lfs pull` in the Git repository"));
        fs::create_dir(root.join("repo/.git")).unwrap();
        assert!(help(&file).starts_with("run `git lfs pull --include=media/images/install.wim`"), "{}", help(&file));
        assert!(help(&root.join("repo/media")).contains("--include='media/**'"));
        assert!(help(&root.join("repo")).contains("--include='**'"));
    }
}
