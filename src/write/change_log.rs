//! Log of changes to a file that is too large to be rewritten after each of them.
//!
//! The log is beside the file, as `.<name>.tsmedia-log`, and continues one state of it. If the file was replaced, the
//! log no longer counts. Each change is synced before the run goes on, so that a killed run loses none.
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 8 | `tsmlog\x00\x01`, the last byte the version |
//! | 8 | 32 | digest of the state that the log continues |
//! | 40 | 4 + 32 + n | each change: length, little-endian; BLAKE3 of the previous digest and the change; the change |

use std::fs::File;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::disk::DiskOps;
use super::open;
use super::temporary::{failed_write, sync_folder};
use crate::digest::Digest;
use crate::error::{Error, Result};

const MAGIC: [u8; 8] = *b"tsmlog\x00\x01";
const HEADER_LEN: usize = 40;
const CHANGE_HEADER_LEN: usize = 36;

/// Log that is open for appending.
#[derive(Debug)]
pub struct ChangeLog {
    path: Utf8PathBuf,
    file: File,
    state: Digest,
    len: u64,
    /// Digest of the last change and everything before it.
    chain: Digest,
}

/// Path of the log of a file.
pub fn log_path(target: &Utf8Path) -> Utf8PathBuf {
    target.with_file_name(format!(".{}.tsmedia-log", target.file_name().unwrap_or_default()))
}

/// Reads the changes in the log of a file, as far as they are whole. There are none if the log is missing, not trusted,
/// longer than `max_len`, or continues another state than this one.
pub fn read_log(target: &Utf8Path, state: &Digest, max_len: u64) -> Vec<Vec<u8>> {
    let bytes = open::read_own(&log_path(target), max_len).unwrap_or_default();
    let mut changes = Vec::new();
    parse(&bytes, state, |change| changes.push(change.to_owned()));
    changes
}

/// Removes the log of a file, if there is one.
pub fn remove_log(disk: &DiskOps, target: &Utf8Path) -> Result<()> {
    let path = log_path(target);
    if open::identity(&path).is_none() {
        return Ok(());
    }
    disk.remove(&path).map_err(|error| Error::io("removing", &path, error))
}

impl ChangeLog {
    /// Opens the log of a file for appending if it continues this state, and starts a new one otherwise.
    pub fn open(disk: &DiskOps, target: &Utf8Path, state: &Digest, max_len: u64) -> Result<Self> {
        let path = log_path(target);
        let bytes = open::read_own(&path, max_len).unwrap_or_default();
        if let (Some((len, chain)), Ok(file)) = (parse(&bytes, state, |_| {}), open::open_own(&path)) {
            // Without the rest of a change that was cut off, the length shows whether others append.
            disk.set_len(&file, len).map_err(|error| failed_write(&path, error))?;
            return Ok(Self { path, file, state: *state, len, chain });
        }
        remove_log(disk, target)?;
        let file = disk.create(&path).map_err(|error| Error::io("creating", &path, error))?;
        let header = [&MAGIC[..], &state.0].concat();
        disk.write_at(&file, &header, 0).map_err(|error| failed_write(&path, error))?;
        sync_folder(disk, &path)?;
        Ok(Self { path, file, state: *state, len: HEADER_LEN as u64, chain: *state })
    }

    /// Length in bytes.
    pub fn log_len(&self) -> u64 {
        self.len
    }

    /// Returns `true` if it continues this state, is still the log under its name, and nothing else was appended to it.
    pub fn continues(&self, state: &Digest) -> bool {
        self.state == *state
            && open::is_named(&self.file, &self.path)
            && self.file.metadata().is_ok_and(|metadata| metadata.len() == self.len)
    }

    /// Appends a change and syncs it.
    pub fn append(&mut self, disk: &DiskOps, change: &[u8]) -> Result<()> {
        let failed = |error| failed_write(&self.path, error);
        let too_long = |_| failed(io::ErrorKind::FileTooLarge.into());
        let change_len = u32::try_from(change.len()).map_err(too_long)?;
        let chain = chained(&self.chain, change);
        let bytes = [&change_len.to_le_bytes()[..], &chain.0, change].concat();
        disk.write_at(&self.file, &bytes, self.len).map_err(failed)?;
        disk.sync(&self.file).map_err(failed)?;
        (self.len, self.chain) = (self.len + bytes.len() as u64, chain);
        Ok(())
    }
}

/// Calls `see` with each whole change of a log that continues this state. Returns the offset after the last one and its
/// digest; `None` if the log does not continue this state.
fn parse<'a>(bytes: &'a [u8], state: &Digest, mut see: impl FnMut(&'a [u8])) -> Option<(u64, Digest)> {
    let (header, mut rest) = bytes.split_at_checked(HEADER_LEN)?;
    if header[..8] != MAGIC || header[8..] != state.0 {
        return None;
    }
    let mut chain = *state;
    while let Some((change, after)) = split_change(rest, &chain) {
        see(change);
        chain = chained(&chain, change);
        rest = after;
    }
    Some(((bytes.len() - rest.len()) as u64, chain))
}

/// Splits off the first change. `None` if it is not whole, or does not follow the changes with this digest.
fn split_change<'a>(bytes: &'a [u8], chain: &Digest) -> Option<(&'a [u8], &'a [u8])> {
    let (header, rest) = bytes.split_at_checked(CHANGE_HEADER_LEN)?;
    let (len, digest) = header.split_first_chunk::<4>()?;
    let (change, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    (chained(chain, change).0 == digest).then_some((change, rest))
}

fn chained(chain: &Digest, change: &[u8]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&chain.0);
    hasher.update(change);
    Digest(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    const MAX_LEN: u64 = 1 << 20;

    fn target() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let target = Utf8PathBuf::from_path_buf(folder.path().join("record.json")).unwrap();
        (folder, target)
    }

    fn append(target: &Utf8Path, state: &Digest, changes: &[&str]) -> ChangeLog {
        let disk = DiskOps::default();
        let mut log = ChangeLog::open(&disk, target, state, MAX_LEN).unwrap();
        changes.iter().for_each(|change| log.append(&disk, change.as_bytes()).unwrap());
        log
    }

    fn read(target: &Utf8Path, state: &Digest) -> Vec<String> {
        let changes = read_log(target, state, MAX_LEN);
        changes.into_iter().map(|change| String::from_utf8(change).unwrap()).collect()
    }

    #[test]
    fn changes_are_read_in_order_and_only_by_the_state_that_they_continue() {
        let (_folder, target) = target();
        let [one, other] = [b"one", b"two"].map(|text| Digest::hash(text));
        assert!(read(&target, &one).is_empty());
        let mut log = append(&target, &one, &["a", ""]);
        assert!(log.continues(&one) && !log.continues(&other));
        // Another process goes on.
        append(&target, &one, &["b"]);
        assert!(!log.continues(&one));
        assert_eq!(read(&target, &one), ["a", "", "b"]);
        assert!(read(&target, &other).is_empty());
        log = append(&target, &other, &["c"]);
        assert_eq!((read(&target, &one), read(&target, &other)), (vec![], vec!["c".to_owned()]));
        assert_eq!(log.log_len(), fs::metadata(log_path(&target)).unwrap().len());
        remove_log(&DiskOps::default(), &target).unwrap();
        assert!(read(&target, &other).is_empty());
        assert!(!log.continues(&other));
    }

    #[test]
    fn of_a_damaged_log_the_changes_before_the_damage_are_read_and_appended_to() {
        let (_folder, target) = target();
        let state = Digest::hash(b"state");
        append(&target, &state, &["first", "second"]);
        let path = log_path(&target);
        let good = fs::read(&path).unwrap();
        let whole = ["first", "second"];
        let n_whole = |at: usize| match at {
            ..40 => 0,
            40..81 => 0,
            _ => 1,
        };
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            for bytes in [bad, good[..at].to_vec()] {
                fs::write(&path, bytes).unwrap();
                assert_eq!(read(&target, &state), whole[..n_whole(at)], "byte {at}");
                append(&target, &state, &["third"]);
                let after = [&whole[..n_whole(at)], &["third"]].concat();
                assert_eq!(read(&target, &state), after, "byte {at}");
            }
        }
        fs::write(&path, good).unwrap();
        assert!(read_log(&target, &state, 10).is_empty());
    }

    #[test]
    fn nothing_is_read_or_written_through_a_link() {
        let (folder, target) = target();
        let state = Digest::hash(b"state");
        append(&target, &state, &["a"]);
        let elsewhere = Utf8PathBuf::from_path_buf(folder.path().join("elsewhere")).unwrap();
        fs::rename(log_path(&target), &elsewhere).unwrap();
        let before = fs::read(&elsewhere).unwrap();
        symlink(&elsewhere, log_path(&target)).unwrap();
        assert!(read(&target, &state).is_empty());
        append(&target, &state, &["b"]);
        assert_eq!(read(&target, &state), ["b"]);
        assert_eq!(fs::read(&elsewhere).unwrap(), before);
    }
}
