//! Content of unmodified files according to the index of a Git repository.
//!
//! The index has the metadata that each file had when Git wrote or read it. A file that still has all of it is
//! unmodified, so its content is known without reading it: a Git LFS pointer has its SHA-256, and any other file is
//! the blob itself, if it has the length of the blob.
//!
//! Left out are files
//!
//! - whose metadata may not show a change, since they were written in the tick of the clock in which the index was
//!   (<https://git-scm.com/docs/racy-git>), or since Git was asked to assume that they are unchanged;
//! - with a filter other than Git LFS, `ident` or `working-tree-encoding`, whose bytes are not those of the blob.
//!   Conversion of line endings shows in the length.
//!
//! Nothing is fetched, and no filter runs. Files whose blobs a clone lacks are left out too.

use std::collections::HashMap;
use std::fs;
use std::process::Command;

use camino::Utf8Path;

use crate::content::Stat;
use crate::digest::{Digest, Digests, Sha256};
use crate::git::{command, run, run_with};
use crate::git_lfs;

/// Content of a file according to Git.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TrackedContent {
    /// Digest of the identity and the length.
    pub(super) id: Digest,
    /// SHA-256 in the pointer of a Git LFS file.
    pub(super) sha256: Option<Sha256>,
    /// Length in bytes.
    len: u64,
}

impl TrackedContent {
    /// Returns `false` if the content can't have these digests, since the pointer or the index is wrong.
    pub(super) fn is_of(&self, digests: &Digests) -> bool {
        self.sha256.is_none_or(|sha256| sha256 == digests.sha256)
    }
}

/// Content of the unmodified files of a repository, by their metadata.
#[derive(Debug, Default)]
pub(super) struct GitIndex(HashMap<IndexStat, TrackedContent>);

/// Metadata of a file in the index: the lower 32 bits of each number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct IndexStat {
    device: u32,
    inode: u32,
    len: u32,
    /// Seconds and nanoseconds.
    modified: [u32; 2],
    changed: [u32; 2],
}

/// Entry of the index.
#[derive(Debug, PartialEq, Eq)]
struct IndexEntry {
    blob: String,
    stat: IndexStat,
}

/// Blobs by name.
type Blobs<'a, T> = HashMap<&'a str, T>;

/// Flags of entries whose metadata or content is not that of a file: assumed unchanged, in a conflict, only intended to
/// be added, not checked out.
const UNUSABLE_FLAGS: u32 = 0x8000 | 0x3000 | 1 << 29 | 1 << 30;
/// Files with no filter but that of Git LFS.
const PATHS: [&str; 2] =
    [":(attr:!filter !ident !working-tree-encoding)", ":(attr:filter=lfs !ident !working-tree-encoding)"];
/// Assumed difference between the clocks of two file systems, in seconds.
const FOREIGN_CLOCK: u32 = 2;

impl GitIndex {
    /// Reads the index of the repository at a root, with three calls of Git. Empty if there is none, or it can't be read.
    pub(super) fn read(root: &Utf8Path) -> Self {
        let Some(written) = index_stat(root) else { return Self::default() };
        let entries = list(root).unwrap_or_default();
        // If Git wrote the index meanwhile, the entries may be older.
        if index_stat(root) != Some(written) {
            return Self::default();
        }
        let entries: Vec<_> = entries.into_iter().filter(|entry| entry.stat.is_older_than(&written)).collect();
        let lens = read_lens(root, &entries).unwrap_or_default();
        let pointers = read_pointers(root, &lens).unwrap_or_default();
        let mut files = HashMap::new();
        for entry in &entries {
            let Some(content) = entry.content(&lens, &pointers) else { continue };
            let other = files.insert(entry.stat, Some(content));
            // Names of one file may have been added in different states.
            if other.is_some_and(|other| other != Some(content)) {
                files.insert(entry.stat, None);
            }
        }
        Self(files.into_iter().filter_map(|(stat, content)| Some((stat, content?))).collect())
    }

    /// Returns the content of a file, if it is tracked and unmodified.
    pub(super) fn find(&self, stat: &Stat) -> Option<TrackedContent> {
        self.0.get(&IndexStat::new(stat)).copied().filter(|content| content.len == stat.len)
    }
}

impl IndexStat {
    fn new(stat: &Stat) -> Self {
        const SECOND_NS: i64 = 1_000_000_000;
        let time = |ns: i64| [ns.div_euclid(SECOND_NS) as u32, ns.rem_euclid(SECOND_NS) as u32];
        Self {
            device: stat.device as u32,
            inode: stat.inode as u32,
            len: stat.len as u32,
            modified: time(stat.modified_ns),
            changed: time(stat.changed_ns),
        }
    }

    /// Returns `true` if any change of the file after the index was written shows in its metadata.
    fn is_older_than(&self, index: &Self) -> bool {
        let margin = if self.device == index.device { 0 } else { FOREIGN_CLOCK };
        let [seconds, ns] = index.modified;
        self.modified.max(self.changed) < [seconds.saturating_sub(margin), ns]
    }
}

impl IndexEntry {
    /// Returns the content of a file with this entry. `None` if it is not known.
    fn content(&self, lens: &Blobs<u64>, pointers: &Blobs<Pointer>) -> Option<TrackedContent> {
        let blob_len = *lens.get(self.blob.as_str())?;
        match pointers.get(self.blob.as_str()) {
            Some(Pointer::LargeFile { sha256, len }) => (*len as u32 == self.stat.len).then(|| TrackedContent {
                id: content_id("git-lfs", &sha256.to_string(), *len),
                sha256: Some(*sha256),
                len: *len,
            }),
            None if git_lfs::can_be_pointer(blob_len) => None,
            Some(Pointer::Other) | None => (blob_len as u32 == self.stat.len).then(|| TrackedContent {
                id: content_id("git", &self.blob, blob_len),
                sha256: None,
                len: blob_len,
            }),
        }
    }
}

fn content_id(kind: &str, name: &str, len: u64) -> Digest {
    Digest::hash(format!("{kind} {name} {len}").as_bytes())
}

/// Metadata of the index file.
fn index_stat(root: &Utf8Path) -> Option<IndexStat> {
    let git = root.join(".git");
    let folder = match git.is_dir() {
        true => git,
        // A linked work tree has a file with the path of its folder.
        false => root.join(fs::read_to_string(&git).ok()?.strip_prefix("gitdir: ")?.trim_end_matches('\n')),
    };
    Some(IndexStat::new(&Stat::from_metadata(&fs::metadata(folder.join("index")).ok()?)))
}

/// Lists the files of the index.
fn list(root: &Utf8Path) -> Option<Vec<IndexEntry>> {
    let arguments = [&["ls-files", "--cached", "--stage", "--debug", "-z", "--"][..], &PATHS].concat();
    let found = run(&mut offline(root, &arguments)).ok()?;
    if found.status.success() { parse_entries(&found.stdout) } else { None }
}

/// Parses what `git ls-files --debug` prints. `None` if it has an unknown form.
fn parse_entries(mut printed: &[u8]) -> Option<Vec<IndexEntry>> {
    let mut entries = Vec::new();
    while !printed.is_empty() {
        let end = printed.iter().position(|byte| *byte == 0)?;
        let head = String::from_utf8_lossy(&printed[..end]);
        printed = &printed[end + 1..];
        let mut numbers = HashMap::new();
        for _ in 0..5 {
            let end = printed.iter().position(|byte| *byte == b'\n')?;
            for field in std::str::from_utf8(&printed[..end]).ok()?.split('\t') {
                let (name, value) = field.trim_start().split_once(": ")?;
                numbers.insert(name, value);
            }
            printed = &printed[end + 1..];
        }
        let [mode, blob, _] = head.splitn(3, ' ').collect::<Vec<_>>().try_into().ok()?;
        let number = |name: &str| numbers.get(name)?.parse().ok();
        let time = |name: &str| {
            let (seconds, ns) = numbers.get(name)?.split_once(':')?;
            Some([seconds.parse().ok()?, ns.parse().ok()?])
        };
        let stat = IndexStat {
            device: number("dev")?,
            inode: number("ino")?,
            len: number("size")?,
            modified: time("mtime")?,
            changed: time("ctime")?,
        };
        let flags = u32::from_str_radix(numbers.get("flags")?, 16).ok()?;
        if matches!(mode, "100644" | "100755") && flags & UNUSABLE_FLAGS == 0 {
            entries.push(IndexEntry { blob: blob.to_owned(), stat });
        }
    }
    Some(entries)
}

/// Blob that is short enough for a Git LFS pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pointer {
    /// Pointer to a file with these bytes.
    LargeFile { sha256: Sha256, len: u64 },
    /// Blob with other content.
    Other,
}

/// Reads the lengths of the blobs that this clone has.
fn read_lens<'a>(root: &Utf8Path, entries: &'a [IndexEntry]) -> Option<Blobs<'a, u64>> {
    let blobs: Vec<&str> = entries.iter().map(|entry| entry.blob.as_str()).collect();
    let printed = cat_file(root, "--batch-check", &blobs)?;
    let lines = std::str::from_utf8(&printed).ok()?.lines();
    let lens = blobs.into_iter().zip(lines).map(|(blob, line)| Some((blob, parse_len(line, blob)?)));
    Some(lens.flatten().collect())
}

/// Reads the blobs that are short enough for a pointer.
fn read_pointers<'a>(root: &Utf8Path, lens: &Blobs<'a, u64>) -> Option<Blobs<'a, Pointer>> {
    let short = lens.iter().filter(|(_, len)| git_lfs::can_be_pointer(**len));
    let blobs: Vec<_> = short.map(|(blob, _)| *blob).collect();
    let read = cat_file(root, "--batch", &blobs)?;
    let mut printed = read.as_slice();
    let mut pointers = HashMap::new();
    for blob in blobs {
        let end = printed.iter().position(|byte| *byte == b'\n')?;
        let len = parse_len(std::str::from_utf8(&printed[..end]).ok()?, blob)? as usize;
        let bytes = printed.get(end + 1..end + 1 + len)?;
        printed = printed.get(end + len + 2..)?;
        pointers.extend(parse_pointer(bytes).map(|pointer| (blob, pointer)));
    }
    Some(pointers)
}

/// Runs `git cat-file` for blobs.
fn cat_file(root: &Utf8Path, mode: &str, blobs: &[&str]) -> Option<Vec<u8>> {
    if blobs.is_empty() {
        return Some(Vec::new());
    }
    let input = blobs.iter().flat_map(|blob| [blob.as_bytes(), b"\n"].concat()).collect();
    let found = run_with(&mut offline(root, &["cat-file", mode, "--buffer"]), input).ok()?;
    found.status.success().then_some(found.stdout)
}

/// Returns a call of Git that fetches nothing. A clone without all blobs would fetch them, with programs that its
/// configuration names.
fn offline(root: &Utf8Path, arguments: &[&str]) -> Command {
    let mut command = command(root, &[&["-c", "protocol.allow=never"], arguments].concat());
    command.env("GIT_NO_LAZY_FETCH", "1");
    command
}

/// Parses the line that `git cat-file` prints for a blob. `None` if the clone does not have it.
fn parse_len(line: &str, blob: &str) -> Option<u64> {
    line.strip_prefix(blob)?.strip_prefix(" blob ")?.parse().ok()
}

/// Parses a blob. `None` for a pointer that does not name the bytes of the file, since they pass through an extension
/// of Git LFS.
fn parse_pointer(bytes: &[u8]) -> Option<Pointer> {
    if !git_lfs::is_pointer(bytes) {
        return Some(Pointer::Other);
    }
    let is_extended = bytes.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"ext-"));
    let (sha256, len) = git_lfs::parse_pointer(bytes).filter(|_| !is_extended)?;
    Some(Pointer::LargeFile { sha256: sha256.parse().ok()?, len })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOB: &str = "78981922613b2afb6025042ff6bd878ac1994e85";

    fn printed(mode: &str, name: &str, flags: &str) -> Vec<u8> {
        let stat =
            "  ctime: 1796074100:401083497\n  mtime: 1796074100:4\n  dev: 65024\tino: 10069044\n  uid: 0\tgid: 0\n";
        format!("{mode} {BLOB} 0\t{name}\0{stat}  size: 2\tflags: {flags}\n").into_bytes()
    }

    fn stat() -> IndexStat {
        let (modified, changed) = ([1_796_074_100, 4], [1_796_074_100, 401_083_497]);
        IndexStat { device: 65_024, inode: 10_069_044, len: 2, modified, changed }
    }

    #[test]
    fn entries_are_parsed_and_those_that_git_does_not_compare_are_left_out() {
        let entry = || IndexEntry { blob: BLOB.into(), stat: stat() };
        let text = [printed("100644", "a b\n  c: d", "0"), printed("100755", "x", "100000")].concat();
        assert_eq!(parse_entries(&text).unwrap(), [entry(), entry()]);
        for (mode, flags) in
            [("120000", "0"), ("160000", "0"), ("100644", "8000"), ("100644", "1000"), ("100644", "40000000")]
        {
            assert_eq!(parse_entries(&printed(mode, "x", flags)), Some(Vec::new()), "{mode} {flags}");
        }
        for cut in [1, 60, 100, text.len() - 3] {
            assert_eq!(parse_entries(&text[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn a_file_as_new_as_the_index_may_have_changed_since() {
        let index = |modified| IndexStat { modified, ..stat() };
        let [seconds, ns] = stat().changed;
        assert!(stat().is_older_than(&index([seconds, ns + 1])));
        assert!(!stat().is_older_than(&index([seconds, ns])));
        assert!(!stat().is_older_than(&index([seconds, 5])), "the time of change counts too");
        let elsewhere = IndexStat { device: 1, ..index([seconds + 1, ns]) };
        assert!(!stat().is_older_than(&elsewhere));
        assert!(stat().is_older_than(&IndexStat { modified: [seconds + 3, 0], ..elsewhere }));
    }

    #[test]
    fn content_is_known_by_pointer_or_by_blob() {
        let oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
        let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 5000000002\n");
        let parsed = parse_pointer(pointer.as_bytes()).unwrap();
        assert_eq!(parsed, Pointer::LargeFile { sha256: oid.parse().unwrap(), len: 5_000_000_002 });
        let extended = pointer.replace("oid", &format!("ext-0-crypt sha256:{oid}\noid"));
        assert_eq!(parse_pointer(extended.as_bytes()), None);
        assert_eq!(parse_pointer(b"rem"), Some(Pointer::Other));

        let content = |blob_len, len, pointer: Option<Pointer>| {
            let entry = IndexEntry { blob: BLOB.into(), stat: IndexStat { len, ..stat() } };
            entry.content(
                &HashMap::from([(BLOB, blob_len)]),
                &pointer.map(|pointer| (BLOB, pointer)).into_iter().collect(),
            )
        };
        assert_eq!(content(130, 705_032_706, Some(parsed)).unwrap().sha256, Some(oid.parse().unwrap()));
        assert_eq!(content(130, 130, Some(parsed)), None, "the pointer itself");
        assert_eq!(content(130, 130, Some(Pointer::Other)).unwrap().id, content_id("git", BLOB, 130));
        assert_eq!(content(130, 130, None), None, "perhaps a pointer");
        assert_eq!(content(2, 2, None).unwrap().id, content_id("git", BLOB, 2));
        assert_eq!(content(2, 3, None), None, "with other line endings");
    }
}
