//! Objects: files made from inputs, found again by what they were made from, so that they are made once.
//!
//! ```text
//! .tsmedia/objects/<kind>/<key>         what was made; the key is the digest of what it was made from
//! .tsmedia/objects/<kind>/<key>.note    its length and digests, and what the file system said of it
//! ```
//!
//! The note is written last: an object without one is not there. It is also what tells when the object was last
//! used, for touching the object itself would make it another file. When all objects together pass the limit, those
//! that were not used for longest go; those that this process used stay. An object that can't be kept, because the
//! disk is full or the limit reached, is no failure: only [`Objects::file`] fails, which is for those who need a file.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::{self, File};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::{FileSystemTime, ask_time, is_before, prepare};
use crate::content::{Source, SourceFile, SourceKey, Stat};
use crate::digest::{Digest, DigestKinds, Digests, Hasher, Sha256};
use crate::error::{Error, Result};
use crate::limits;
use crate::progress::Progress;
use crate::size::Size;
use crate::write::{DiskOps, IfBusy, Temporary, open, replace};

/// The objects in the cache of one folder of manifests.
#[derive(Debug)]
pub struct Objects {
    root: Utf8PathBuf,
    limit: Size,
    disk: DiskOps,
    is_read_only: bool,
    /// The objects that this process used, which it may still need.
    used: RefCell<BTreeSet<Utf8PathBuf>>,
}

/// How many bytes objects may have together, where nobody says anything else.
pub const DEFAULT_LIMIT: Size = Size(20_000_000_000);

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectKind {
    /// What was read out of a WIM file: what it says of its images, and small files in them.
    WimReads,
    /// A WIM file made of one whose contents are compressed together: what starts, or is split, can't be solid.
    WimExports,
    /// WIM files copied out of media, for wimlib, which reads nothing but files.
    MediumFiles,
    /// What was read of boot programs: their digests and signatures.
    Programs,
    /// Folders whose small files were searched for Git LFS pointers, and hold none.
    Pointers,
}

impl ObjectKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::WimReads, Self::WimExports, Self::MediumFiles, Self::Programs, Self::Pointers];

    /// The name of its folder.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WimReads => "wim-reads",
            Self::WimExports => "wim-exports",
            Self::MediumFiles => "medium-files",
            Self::Programs => "programs",
            Self::Pointers => "lfs-scans",
        }
    }
}

/// What an object is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectKey {
    kind: ObjectKind,
    digest: Digest,
}

impl ObjectKey {
    /// The key of an object that is made from this and nothing else. The fields are told from each other by the
    /// caller.
    pub fn new(kind: ObjectKind, made_from: &[u8]) -> Self {
        Self { kind, digest: Digest::hash(made_from) }
    }

    /// The key of what is made from a source as it is now, by the `version`-th way of making it.
    pub fn of_source(kind: ObjectKind, version: u32, source: &Source) -> Self {
        match source.key() {
            SourceKey::File(stat) => Self::of_file(kind, version, &stat),
            SourceKey::Pieced(digest) => Self::new(kind, &[b"pieced", &version.to_le_bytes()[..], &digest.0].concat()),
        }
    }

    /// The key of what is made from a file as it is now, by the `version`-th way of making it.
    pub fn of_file(kind: ObjectKind, version: u32, stat: &Stat) -> Self {
        let Stat { device, inode, len, modified_ns, changed_ns } = *stat;
        let fields = [u64::from(version), device, inode, len, modified_ns as u64, changed_ns as u64];
        Self::new(kind, fields.map(u64::to_le_bytes).as_flattened())
    }
}

/// An object as a file.
#[derive(Clone, Debug)]
pub struct Object {
    /// The file. It is there until this process ends, unless somebody empties the cache.
    pub file: SourceFile,
    /// Its digests.
    pub digests: Digests,
}

/// What is known of an object beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct ObjectNote {
    len: u64,
    blake3: Digest,
    sha256: Sha256,
    /// Device, inode, length, and when it was modified and changed.
    stat: (u64, u64, u64, i64, i64),
}

impl ObjectNote {
    fn new(stat: &Stat, digests: Digests) -> Self {
        let fields = (stat.device, stat.inode, stat.len, stat.modified_ns, stat.changed_ns);
        Self { len: stat.len, blake3: digests.blake3, sha256: digests.sha256, stat: fields }
    }

    fn stat(&self) -> Stat {
        let (device, inode, len, modified_ns, changed_ns) = self.stat;
        Stat { device, inode, len, modified_ns, changed_ns }
    }

    fn digests(&self) -> Digests {
        Digests { blake3: self.blake3, sha256: self.sha256, sha1: None }
    }
}

/// How much there is of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindUsage {
    /// The kind.
    pub kind: ObjectKind,
    /// How many objects.
    pub n_objects: usize,
    /// How many bytes they have.
    pub len: u64,
}

/// A file in the folder of objects.
struct ObjectFile {
    kind: ObjectKind,
    path: Utf8PathBuf,
    len: u64,
    /// When it was last used, in nanoseconds since 1970; what nobody can use comes first.
    used_ns: i64,
}

impl Objects {
    /// The objects in a cache (`.tsmedia`), which need not exist yet.
    pub fn open(root: &Utf8Path, limit: Size, disk: &DiskOps) -> Self {
        Self { root: root.to_owned(), limit, disk: disk.clone(), is_read_only: false, used: RefCell::default() }
    }

    /// The same for somebody who keeps nothing.
    pub fn read_only(self) -> Self {
        Self { is_read_only: true, ..self }
    }

    /// The folder of the cache, unless nothing is to be kept in it.
    pub fn kept_in(&self) -> Option<&Utf8Path> {
        (!self.is_read_only).then_some(self.root.as_path())
    }

    /// The time by the file system's clock, to be asked before the reading of what an object is made from begins;
    /// none if nothing is kept.
    pub fn start_reading(&self) -> Option<ReadingSince> {
        if self.is_read_only || self.limit == Size(0) { None } else { ask_time(&self.root).map(ReadingSince) }
    }

    /// The bytes of a small object, if it is there and whole.
    pub fn bytes(&self, key: &ObjectKey) -> Option<Vec<u8>> {
        let path = self.path(key);
        self.check(key).ok()?;
        let note = read_note(&path)?;
        let bytes = open::read_own(&path, note.len).ok()?;
        if bytes.len() as u64 != note.len || Digest::hash(&bytes) != note.blake3 {
            return None;
        }
        self.use_it(&path);
        Some(bytes)
    }

    /// Keeps the bytes of a small object, if that can be done.
    pub fn keep(&self, key: &ObjectKey, bytes: &[u8]) {
        if self.is_read_only || bytes.len() as u64 > self.limit.0 {
            return;
        }
        let path = self.path(key);
        let kept = self.prepare(key).and_then(|()| {
            let temporary = Temporary::create(&self.disk, &path, IfBusy::Wait)?;
            temporary.write(bytes, 0)?;
            self.finish(temporary, Digests::hash(bytes))
        });
        if kept.is_ok() {
            self.prune();
        }
    }

    /// Whether nothing is made here that is not there.
    pub fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// An object as a file, if it is there.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn find(&self, key: &ObjectKey) -> Result<Option<Object>> {
        if self.check(key).is_ok() { self.found(&self.path(key)) } else { Ok(None) }
    }

    /// An object as a file, made by `make` if it is not there. Whoever makes it writes into the temporary file or,
    /// where a library wants a path, over its bytes at [`temporary_path`](crate::write::temporary_path). Another
    /// process that makes it is waited for.
    ///
    /// # Errors
    ///
    /// When `make` fails, or the disk, or somebody asks to stop.
    pub fn file(
        &self,
        key: &ObjectKey,
        progress: &Progress,
        make: impl FnOnce(&Temporary) -> Result<()>,
    ) -> Result<Object> {
        let path = self.path(key);
        if let Some(object) = self.find(key)? {
            return Ok(object);
        }
        self.prepare(key)?;
        let temporary = Temporary::create(&self.disk, &path, IfBusy::WaitUnless(progress))?;
        // Whoever was waited for may have made it.
        if let Some(object) = self.found(&path)? {
            return Ok(object);
        }
        make(&temporary)?;
        progress.check_cancelled()?;
        let digests = digests_of(temporary.file()).map_err(|error| temporary.failed(error))?;
        progress.check_cancelled()?;
        self.finish(temporary, digests)?;
        let object = self.found(&path)?;
        self.prune();
        object.ok_or_else(|| Error::new(format!("`{path}` was removed while it was being made")))
    }

    /// How much there is of each kind.
    pub fn held(&self) -> Vec<KindUsage> {
        let found = self.scan();
        let of = |kind| {
            let own: Vec<_> = found.iter().filter(|found| found.kind == kind).collect();
            let n_objects = own.iter().filter(|found| found.used_ns > 0).count();
            KindUsage { kind, n_objects, len: own.iter().map(|found| found.len).sum() }
        };
        ObjectKind::ALL.map(of).into()
    }

    /// Removes objects until no more than the limit is left, the ones that were not used for longest first. Says how
    /// many bytes that were.
    pub fn prune(&self) -> u64 {
        let mut found = self.scan();
        let mut len: u64 = found.iter().map(|found| found.len).sum();
        let before = len;
        if len <= self.limit.0 {
            return 0;
        }
        found.sort_by(|a, b| (a.used_ns, &a.path).cmp(&(b.used_ns, &b.path)));
        let used = self.used.borrow();
        for found in found.into_iter().filter(|found| !used.contains(&found.path)) {
            if len <= self.limit.0 {
                break;
            }
            if self.remove(&found.path).is_ok() {
                len -= found.len;
            }
        }
        before - len
    }

    fn path(&self, key: &ObjectKey) -> Utf8PathBuf {
        self.root.join("objects").join(key.kind.as_str()).join(key.digest.to_string())
    }

    /// The folders on the way to an object, from the cache on.
    fn folders(&self, key: &ObjectKey) -> [Utf8PathBuf; 3] {
        let objects = self.root.join("objects");
        let kind = objects.join(key.kind.as_str());
        [self.root.clone(), objects, kind]
    }

    /// Fails if a folder on the way to an object is a link or belongs to another user.
    fn check(&self, key: &ObjectKey) -> std::io::Result<()> {
        self.folders(key).iter().try_for_each(|folder| open::check_folder(folder))
    }

    /// Makes the folders on the way to an object.
    fn prepare(&self, key: &ObjectKey) -> Result<()> {
        prepare(&self.root)?;
        self.folders(key).iter().try_for_each(|folder| {
            open::create_own_folder(folder).map_err(|error| open::failed("using", folder, error))
        })
    }

    /// Gives an object its name, and writes its note.
    fn finish(&self, temporary: Temporary, digests: Digests) -> Result<()> {
        let path = temporary.target().to_owned();
        let stat = temporary.finish()?;
        self.write_note(&path, &ObjectNote::new(&stat, digests))?;
        self.use_it(&path);
        Ok(())
    }

    /// An object that is there and whole. While the file system says what it said when the object was made, it is;
    /// one that came here by other ways is read.
    fn found(&self, path: &Utf8Path) -> Result<Option<Object>> {
        let (Some(note), Ok(file)) = (read_note(path), open::open_own_to_read(path)) else { return Ok(None) };
        let Ok(metadata) = file.metadata() else { return Ok(None) };
        let stat = Stat::from_metadata(&metadata);
        if stat != note.stat() {
            let digests = digests_of(&file);
            if stat.len != note.len || digests.ok() != Some(note.digests()) {
                return Ok(None);
            }
            if !self.is_read_only {
                self.write_note(path, &ObjectNote::new(&stat, note.digests()))?;
            }
        }
        self.use_it(path);
        Ok(Some(Object { file: SourceFile { path: path.to_owned(), stat }, digests: note.digests() }))
    }

    fn write_note(&self, path: &Utf8Path, note: &ObjectNote) -> Result<()> {
        let text = serde_json::to_vec(note).map_err(|error| Error::new("writing a note").because(error))?;
        replace(&self.disk, &note_path(path), &text)
    }

    /// Remembers that an object is used now.
    fn use_it(&self, path: &Utf8Path) {
        if !self.is_read_only {
            // A cache that can't be written to is used all the same.
            let _ = open::touch(&note_path(path));
        }
        self.used.borrow_mut().insert(path.to_owned());
    }

    /// Removes an object, the note first: without one it is not there.
    fn remove(&self, path: &Utf8Path) -> Result<()> {
        for path in [&note_path(path), path] {
            self.disk.remove(path).map_err(|error| Error::io("removing", path, error))?;
        }
        Ok(())
    }

    /// Everything in the folder of objects but for what is being written.
    fn scan(&self) -> Vec<ObjectFile> {
        let mut found = Vec::new();
        for kind in ObjectKind::ALL {
            let folders = self.folders(&ObjectKey { kind, digest: Digest([0; 32]) });
            if folders.iter().any(|folder| open::check_folder(folder).is_err()) {
                continue;
            }
            let [.., folder] = folders;
            for entry in folder.read_dir_utf8().into_iter().flatten().flatten() {
                let path = entry.path().to_owned();
                if path.extension() == Some("note") || is_being_written(&path) {
                    continue;
                }
                let Ok(metadata) = entry.metadata() else { continue };
                let note = fs::symlink_metadata(note_path(&path));
                let used_ns = note.as_ref().map_or(0, |note| Stat::from_metadata(note).modified_ns);
                let len = metadata.len() + note.map_or(0, |note| note.len());
                found.push(ObjectFile { kind, path, len, used_ns });
            }
        }
        found
    }
}

/// When the reading of a file began, by its file system's clock.
#[derive(Clone, Copy, Debug)]
pub struct ReadingSince(FileSystemTime);

impl ReadingSince {
    /// Whether what was read of a file holds as long as the file system says the same of it: a file that changes
    /// twice within one tick of the clock looks the same after both.
    pub fn is_lasting(&self, stat: &Stat) -> bool {
        is_before(stat, &self.0)
    }

    /// Returns whether that is so of every file of a source.
    pub fn is_lasting_of(&self, source: &Source) -> bool {
        source.files().iter().all(|file| self.is_lasting(&file.stat))
    }
}

fn note_path(path: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{path}.note"))
}

fn read_note(path: &Utf8Path) -> Option<ObjectNote> {
    serde_json::from_slice(&open::read_own(&note_path(path), limits::MAX_LOCK_LEN).ok()?).ok()
}

/// Whether a file is a temporary one that a living process holds.
fn is_being_written(path: &Utf8Path) -> bool {
    path.extension() == Some("tsmedia-part") && open::open_to_inspect(path).is_ok_and(|file| file.try_lock().is_err())
}

fn digests_of(mut file: &File) -> std::io::Result<Digests> {
    use std::io::{Read, Seek};
    let mut hasher = Hasher::new(DigestKinds::Lists);
    let mut block = vec![0; 1 << 20];
    file.rewind()?;
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hasher.finish()),
            len => hasher.update(&block[..len]),
        }
    }
}

#[cfg(test)]
mod tests;
