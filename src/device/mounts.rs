//! Mount points and swap devices, from `/proc/self/mountinfo` and `/proc/swaps`.

use std::fs;

use camino::Utf8Path;

use crate::error::{Error, Result};

/// Line of `mountinfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// Device number, such as `8:17`. File systems that span several devices have one that no device has.
    pub number: String,
    /// Mount point.
    pub at: String,
    /// Source, as given to `mount`.
    pub source: String,
}

/// Lists all mounts.
///
/// # Errors
///
/// If the list can't be read, since nothing may then be assumed to be unused.
pub(super) fn mounts(path: &Utf8Path) -> Result<Vec<Mount>> {
    let text = fs::read(path).map_err(|error| Error::io("reading", path, error))?;
    Ok(String::from_utf8_lossy(&text).lines().filter_map(mount).collect())
}

/// Parses `36 35 8:17 / /media/stick rw,noatime shared:1 - vfat /dev/sdb1 rw`, with any number of fields before the
/// dash.
fn mount(line: &str) -> Option<Mount> {
    let mut fields = line.split(' ');
    let (number, at) = (fields.nth(2)?, fields.nth(1)?);
    let source = fields.skip_while(|field| *field != "-").nth(2)?;
    Some(Mount { number: number.to_owned(), at: unescape(at), source: unescape(source) })
}

/// Lists the swap devices. A kernel without swap has no such list.
pub(super) fn swaps(path: &Utf8Path) -> Vec<String> {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let paths = text.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    paths.filter(|path| path.starts_with("/dev/")).map(unescape).collect()
}

/// Decodes escapes such as `\040` for a space.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..3).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match (first, code) {
            (b'\\', Some(code)) => {
                bytes.push(code);
                rest = &tail[3..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_mountinfo_is_read_however_many_fields_it_has() {
        let mounted = |line| mount(line).map(|mount| (mount.number, mount.at, mount.source));
        let expected = |at: &str| Some(("8:17".to_owned(), at.to_owned(), "/dev/sdb1".to_owned()));
        assert_eq!(mounted(r"36 35 8:17 / /media/my\040stick rw - vfat /dev/sdb1 rw"), expected("/media/my stick"));
        assert_eq!(mounted("36 35 8:17 / /mnt rw shared:1 master:2 - vfat /dev/sdb1 rw"), expected("/mnt"));
        assert_eq!(mounted("36 35 8:17"), None);
        assert_eq!(unescape(r"a\134b\9"), r"a\b\9");
    }
}
