//! `tsmedia.lock`: sizes and digests of large content, committed with the manifests that use it.
//!
//! It has one line per file, sorted by path, so that changes of different files merge. Paths are relative to the file
//! itself.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use super::repository_root;
use crate::digest::{Digest, Digests, Sha256};
use crate::error::{Error, Result};
use crate::limits;
use crate::merge_conflict;
use crate::paths::{folder_of, relative};
use crate::write::{DiskOps, replace};

/// Name of the file.
const NAME: &str = "tsmedia.lock";
/// Newest version of the file that is read, and the one that is written.
const LOCK_VERSION: u32 = 1;

/// Locked content of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentLock {
    path: Utf8PathBuf,
    text: String,
    files: BTreeMap<String, LockedFile>,
}

/// Locked content of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedFile {
    /// Length in bytes.
    pub len: u64,
    /// Digests.
    pub digests: Digests,
    /// Line of the file in the text.
    pub span: Range<usize>,
}

/// Line of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LockedLine {
    size: u64,
    blake3: Digest,
    sha256: Sha256,
}

impl ContentLock {
    /// Path of the lock for a manifest: at the root of its repository, or beside it.
    pub fn path_for(manifest: &Utf8Path) -> Utf8PathBuf {
        match repository_root(manifest) {
            Some(root) if root.path == "." => NAME.into(),
            Some(root) => root.path.join(NAME),
            None => manifest.with_file_name(NAME),
        }
    }

    /// Creates a lock without files.
    pub fn new(path: &Utf8Path) -> Self {
        Self { path: path.to_owned(), text: String::new(), files: BTreeMap::new() }
    }

    /// Reads a lock. `None` if there is none.
    ///
    /// # Errors
    ///
    /// If it can't be read, is invalid, has a newer version, or an unresolved merge conflict.
    pub fn load(path: &Utf8Path) -> Result<Option<Self>> {
        let Some(text) = read(path)? else { return Ok(None) };
        if let Some(line) = merge_conflict::first_line(&text) {
            return Err(Error::new(format!("`{path}` has an unresolved merge conflict in line {line}"))
                .help("run `tsmedia lock --update`, which keeps the files of both sides and reads them again"));
        }
        Self::parse(path, text).map(Some)
    }

    /// Reads a lock to replace it: in a merge conflict, the files of both sides are used.
    pub fn load_to_update(path: &Utf8Path) -> Result<Self> {
        let Some(text) = read(path)? else { return Ok(Self::new(path)) };
        Self::parse(path, merge_conflict::all_sides(&text))
    }

    fn parse(path: &Utf8Path, text: String) -> Result<Self> {
        let invalid = |start: usize| {
            let line = text[..start].matches('\n').count() + 1;
            Error::new(format!("line {line} of `{path}` is invalid"))
                .help("restore the file from Git, or remove it and run `tsmedia lock`")
        };
        let mut files = BTreeMap::new();
        let mut version = None;
        let mut is_in_files = false;
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let bare = line.trim();
            if bare == "[files]" && version.is_some() {
                is_in_files = true;
            } else if is_in_files && !bare.is_empty() && !bare.starts_with('#') {
                let parsed: BTreeMap<String, LockedLine> =
                    toml::from_str(bare).map_err(|error| invalid(start).because(Error::new(error.message())))?;
                let file = parsed.into_iter().next().ok_or_else(|| invalid(start))?;
                let (name, LockedLine { size, blake3, sha256 }) = file;
                let digests = Digests { blake3, sha256, sha1: None };
                files.insert(name, LockedFile { len: size, digests, span: start..start + line.trim_end().len() });
            } else if let Some(number) = bare.strip_prefix("version = ").filter(|_| !is_in_files) {
                let number: u32 = number.parse().map_err(|error| invalid(start).because(error))?;
                if number > LOCK_VERSION {
                    return Err(Error::new(format!(
                        "`{path}` has version {number}, but this tsmedia reads versions up to {LOCK_VERSION}"
                    ))
                    .help("use the tsmedia version that wrote it, or a newer one"));
                }
                version = Some(number);
            } else if !bare.is_empty() && !bare.starts_with('#') {
                return Err(invalid(start));
            }
            start += line.len();
        }
        if version.is_none() {
            return Err(Error::new(format!("`{path}` has no `version`")).help("restore it from Git, or remove it"));
        }
        Ok(Self { path: path.to_owned(), text, files })
    }

    /// Path of the lock.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Text that it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Locked files by their paths relative to the lock.
    pub fn files(&self) -> &BTreeMap<String, LockedFile> {
        &self.files
    }

    /// Path of a locked file.
    pub fn file_path(&self, name: &str) -> Utf8PathBuf {
        self.path.with_file_name(name)
    }

    /// Name of a file: its path relative to the lock, or the whole path of a file that was given so and is elsewhere.
    pub fn name_of(&self, path: &Utf8Path) -> String {
        let real = |folder: &Utf8Path| folder.canonicalize_utf8().unwrap_or_else(|_| folder.to_owned());
        let root = real(folder_of(&self.path));
        let file = real(folder_of(path)).join(path.file_name().unwrap_or_default());
        match file.strip_prefix(&root) {
            Ok(below) => below.as_str().to_owned(),
            Err(_) if path.is_absolute() => path.as_str().to_owned(),
            Err(_) => relative(&root, &file).unwrap_or(file).into_string(),
        }
    }

    /// Locks a file.
    pub fn put(&mut self, name: String, len: u64, digests: Digests) {
        self.files.insert(name, LockedFile { len, digests, span: 0..0 });
    }

    /// Removes a file.
    pub fn remove(&mut self, name: &str) {
        self.files.remove(name);
    }

    /// Writes the lock, unless the file has the same text.
    pub fn save(&self, disk: &DiskOps) -> Result<()> {
        let text = self.to_toml();
        if read(&self.path).is_ok_and(|found| found.as_deref() == Some(&text)) {
            return Ok(());
        }
        replace(disk, &self.path, text.as_bytes())
    }

    fn to_toml(&self) -> String {
        let mut text = format!(
            "# Sizes and digests of large content. Written by `tsmedia lock`; commit it.\nversion = {LOCK_VERSION}\n\n[files]\n"
        );
        for (name, LockedFile { len, digests: Digests { blake3, sha256, .. }, .. }) in &self.files {
            // A JSON string is a TOML string of one line, except that TOML escapes the delete character.
            let name = serde_json::Value::from(name.as_str()).to_string().replace('\u{7f}', "\\u007f");
            // Writing to a string does not fail.
            let _ = writeln!(text, "{name} = {{ size = {len}, blake3 = \"{blake3}\", sha256 = \"{sha256}\" }}");
        }
        text
    }
}

/// Reads the text of a lock. `None` if there is none.
fn read(path: &Utf8Path) -> Result<Option<String>> {
    match limits::read_text(path, limits::MAX_CONTENT_LOCK_LEN) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("reading", path, error)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn lock() -> (tempfile::TempDir, ContentLock) {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().canonicalize().unwrap()).unwrap();
        (folder, ContentLock::new(&root.join("tsmedia.lock")))
    }

    #[test]
    fn a_lock_is_read_as_it_was_written() {
        let (_folder, mut lock) = lock();
        assert_eq!(ContentLock::load(lock.path()).unwrap(), None);
        for name in ["images/install.wim", "a \"b\".iso", "../shared/ü'.wim", "/srv/x\u{7f}\u{1b}\n.wim"] {
            lock.put(name.into(), 5, Digests::hash(name.as_bytes()));
        }
        lock.save(&DiskOps::default()).unwrap();
        let loaded = ContentLock::load(lock.path()).unwrap().unwrap();
        let facts = |lock: &ContentLock| -> Vec<_> {
            lock.files().iter().map(|(name, file)| (name.clone(), file.len, file.digests)).collect()
        };
        assert_eq!(facts(&loaded), facts(&lock));
        let line = &loaded.text()[loaded.files()["images/install.wim"].span.clone()];
        assert!(line.starts_with("\"images/install.wim\" = { size = 5, blake3 = \"") && line.ends_with('}'), "{line}");
        let refused = DiskOps::watched(|_| Err(io::ErrorKind::ReadOnlyFilesystem.into()));
        loaded.save(&refused).unwrap();
    }

    #[test]
    fn faults_name_the_line() {
        let (_folder, mut lock) = lock();
        lock.put("a.wim".into(), 5, Digests::hash(b"a"));
        lock.put("b.wim".into(), 5, Digests::hash(b"b"));
        let text = lock.to_toml();
        let (path, name) = (lock.path().to_owned(), lock.path().as_str());
        let message = |text: &str| {
            fs::write(&path, text).unwrap();
            ContentLock::load(&path).unwrap_err().to_string()
        };
        assert_eq!(
            message(&text.replace("\nversion", "\nversion = 9\nversion")),
            format!("`{name}` has version 9, but this tsmedia reads versions up to 1")
        );
        assert_eq!(message("# nothing\n"), format!("`{name}` has no `version`"));
        for (from, to, line) in
            [("size = 5", "size = -5", 5), ("b.wim", "b.wim\"x", 6), ("sha256", "sha512", 5), ("[files]", "files", 4)]
        {
            assert_eq!(message(&text.replace(from, to)), format!("line {line} of `{name}` is invalid"));
        }
        let conflict = text.replace("\"b.wim", "<<<<<<< HEAD\n\"b.wim") + "=======\n" + text.lines().nth(4).unwrap();
        let conflict = conflict.replace("=======\n\"a.wim", "=======\n\"c.wim") + "\n>>>>>>> branch\n";
        assert_eq!(message(&conflict), format!("`{name}` has an unresolved merge conflict in line 6"));
        let merged = ContentLock::load_to_update(&path).unwrap();
        assert_eq!(merged.files().keys().collect::<Vec<_>>(), ["a.wim", "b.wim", "c.wim"]);
    }

    #[test]
    fn names_are_relative_to_the_lock() {
        let (_folder, lock) = lock();
        let root = lock.path().parent().unwrap();
        fs::create_dir_all(root.join("sites/ber")).unwrap();
        fs::create_dir(root.join("images")).unwrap();
        assert_eq!(lock.name_of(&root.join("sites/ber/../../images/x.wim")), "images/x.wim");
        assert_eq!(lock.name_of(&root.join("sites/ber/x.wim")), "sites/ber/x.wim");
        assert_eq!(lock.name_of("/usr/x.wim".into()), "/usr/x.wim");
        assert_eq!(lock.file_path("sites/x"), root.join("sites/x"));
        assert_eq!(ContentLock::new("tsmedia.lock".into()).file_path("a/b"), "a/b");
    }
}
