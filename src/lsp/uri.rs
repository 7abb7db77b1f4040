//! Converts between `file` URIs and paths.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use authoring::file::overlay_path;

/// Returns the real path of a local `file` URI; `None` for any other URI.
pub fn to_path(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    let path = path.split(['?', '#']).next()?;
    if !path.starts_with('/') {
        return None;
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let code = after.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (byte, code) {
            (b'%', Some(code)) => {
                bytes.push(code);
                rest = &after[2..];
            }
            _ => bytes.push(byte),
        }
    }
    Some(overlay_path(Path::new(&String::from_utf8(bytes).ok()?)))
}

/// Returns the URI of an absolute path.
pub fn from_path(path: &Path) -> String {
    let mut uri = String::from("file://");
    for byte in path.to_string_lossy().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(byte.into()),
            _ => drop(write!(uri, "%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_to_uris_and_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = overlay_path(&folder.path().join("größer 100%.toml"));
        let uri = from_path(&path);
        assert!(uri.ends_with("/gr%C3%B6%C3%9Fer%20100%25.toml"), "{uri}");
        assert_eq!(to_path(&uri), Some(path.clone()));
        // Editors encode more or less than they have to.
        assert_eq!(to_path(&uri.replace("%C3%B6", "ö").replace(".toml", "%2Etoml")), Some(path));
        for other in ["untitled:Untitled-1", "file://server/share/media.toml", "https://example.org/a", "file://%ff"] {
            assert_eq!(to_path(other), None, "{other}");
        }
    }
}
