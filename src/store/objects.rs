//! Files made from inputs, stored under the digest of these inputs so that they are made only once.
//!
//! ```text
//! .tsmedia/objects/<kind>/<key>         object; the key is the digest of its inputs
//! .tsmedia/objects/<kind>/<key>.note    its length, digests and metadata
//! ```
//!
//! The note is written last; an object without one does not exist. The note's timestamp also records when the object
//! was last used, since changing that of the object would invalidate it. When the total length exceeds the limit, the
//! least recently used objects are removed, except those used by this process. Failing to store an object, for lack of
//! space or because of the limit, is not an error; only [`Objects::file`] fails, since its callers need a file.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::locks::SharedLock;
use super::{FileSystemTime, ask_time, is_before, prepare};
use crate::content::{Source, SourceFile, SourceKey, Stat};
use crate::digest::{Digest, DigestKinds, Digests, Hasher, Sha256};
use crate::error::{Error, Result};
use crate::limits;
use crate::progress::Progress;
use crate::size::Size;
use crate::write::{DiskOps, IfBusy, Temporary, open, replace};

/// Objects in the cache of one folder of manifests.
#[derive(Debug)]
pub struct Objects {
    root: Utf8PathBuf,
    limit: Size,
    disk: DiskOps,
    is_read_only: bool,
    /// Objects used by this process, which it may still need.
    used: RefCell<BTreeSet<Utf8PathBuf>>,
    /// Lock that keeps other processes from removing them.
    lock: OnceCell<Option<SharedLock>>,
    /// Files in `tsmedia.lock`, whose objects are found whenever the files were last changed.
    claims: RefCell<HashMap<Stat, Claim>>,
}

/// File whose digest `tsmedia.lock` has.
#[derive(Clone, Debug)]
struct Claim {
    path: Utf8PathBuf,
    blake3: Digest,
    /// `true` if the file was read in its current state and has the digest.
    is_verified: bool,
}

/// Default limit of the total length of objects.
pub const DEFAULT_LIMIT: Size = Size(20_000_000_000);

/// Kind of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectKind {
    /// Facts read from a WIM file: descriptions of its images, and small files in them.
    WimReads,
    /// WIM file re-exported from one with solid compression, since boot images and split files can't be solid.
    WimExports,
    /// WIM file copied from a medium, since wimlib reads nothing but files.
    MediumFiles,
    /// Digests and signatures of a boot program.
    Programs,
    /// Folder whose small files include no Git LFS pointer.
    Pointers,
}

impl ObjectKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::WimReads, Self::WimExports, Self::MediumFiles, Self::Programs, Self::Pointers];

    /// Name of its folder.
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

/// Key of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectKey {
    kind: ObjectKind,
    digest: Digest,
    /// Version and file that the object is made from, if it is made from a single one.
    file: Option<(u32, Stat)>,
}

impl ObjectKey {
    /// Creates the key of an object that is made from these bytes alone. The caller must separate fields unambiguously.
    pub fn new(kind: ObjectKind, made_from: &[u8]) -> Self {
        Self { kind, digest: Digest::hash(made_from), file: None }
    }

    /// Creates the key of an object made from the current state of a source. Bump `version` when the way of making it
    /// changes.
    pub fn of_source(kind: ObjectKind, version: u32, source: &Source) -> Self {
        match source.key() {
            SourceKey::File(stat) => Self::of_file(kind, version, &stat),
            SourceKey::Pieced(digest) => Self::new(kind, &[b"pieced", &version.to_le_bytes()[..], &digest.0].concat()),
        }
    }

    /// Creates the key of an object made from the current state of a file. Bump `version` when the way of making it
    /// changes.
    pub fn of_file(kind: ObjectKind, version: u32, stat: &Stat) -> Self {
        let Stat { device, inode, len, modified_ns, changed_ns } = *stat;
        let fields = [u64::from(version), device, inode, len, modified_ns as u64, changed_ns as u64];
        let key = Self::new(kind, fields.map(u64::to_le_bytes).as_flattened());
        Self { file: Some((version, *stat)), ..key }
    }
}

/// Object as a file.
#[derive(Clone, Debug)]
pub struct Object {
    /// File of the object. It exists until this process ends, unless the cache is emptied.
    pub file: SourceFile,
    /// Digests of the file.
    pub digests: Digests,
}

/// Contents of a note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct ObjectNote {
    len: u64,
    blake3: Digest,
    sha256: Sha256,
    /// Device, inode, length, modification time and change time.
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

/// Space used by a kind of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindUsage {
    /// Kind of the objects.
    pub kind: ObjectKind,
    /// Number of objects.
    pub n_objects: usize,
    /// Total length in bytes.
    pub len: u64,
}

/// File in the folder of objects.
struct ObjectFile {
    kind: ObjectKind,
    path: Utf8PathBuf,
    len: u64,
    /// Time of the last use in nanoseconds since 1970; 0 for files without a note.
    used_ns: i64,
}

impl Objects {
    /// Opens the objects in a cache (`.tsmedia`), which need not exist yet.
    pub fn open(root: &Utf8Path, limit: Size, disk: &DiskOps) -> Self {
        Self {
            root: root.to_owned(),
            limit,
            disk: disk.clone(),
            is_read_only: false,
            used: RefCell::default(),
            lock: OnceCell::new(),
            claims: RefCell::default(),
        }
    }

    /// Finds objects made from a file by its digest in `tsmedia.lock`. Only if that is verified are they stored under
    /// it, since a file with other bytes would leave a wrong object for all files with the digest.
    pub(super) fn claim(&self, file: SourceFile, blake3: Digest, is_verified: bool) {
        self.claims.borrow_mut().insert(file.stat, Claim { path: file.path, blake3, is_verified });
    }

    /// Reads the file that an object is to be made from, if its digest is only claimed.
    fn verify(&self, key: &ObjectKey) {
        let Some((_, stat)) = key.file else { return };
        let Some(claim) = self.claims.borrow().get(&stat).filter(|claim| !claim.is_verified).cloned() else { return };
        let is_same = |file: &File| file.metadata().is_ok_and(|found| Stat::from_metadata(&found) == stat);
        let read = File::open(&claim.path).ok().filter(is_same).and_then(|file| Some((digests_of(&file).ok()?, file)));
        if read.is_some_and(|(digests, file)| digests.blake3 == claim.blake3 && is_same(&file)) {
            self.claims.borrow_mut().insert(stat, Claim { is_verified: true, ..claim });
        }
    }

    /// Disables storing objects.
    pub fn read_only(self) -> Self {
        Self { is_read_only: true, ..self }
    }

    /// Reads the file system's clock before the inputs of an object are read. `None` if nothing is stored.
    pub fn start_reading(&self) -> Option<ReadingSince> {
        if self.is_read_only || self.limit == Size(0) { None } else { ask_time(&self.root).map(ReadingSince) }
    }

    /// Bytes of a small object, if it exists and is undamaged.
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

    /// Stores the bytes of a small object if possible.
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
            self.prune_if_alone();
        }
    }

    /// Returns `true` if nothing may be stored.
    pub fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// Finds an object as a file.
    ///
    /// # Errors
    ///
    /// If reading or writing fails.
    pub fn find(&self, key: &ObjectKey) -> Result<Option<Object>> {
        if self.check(key).is_ok() { self.found(&self.path(key)) } else { Ok(None) }
    }

    /// Finds an object as a file, or makes it with `make`, which writes into the temporary file, or at
    /// [`temporary_path`](crate::write::temporary_path) if a library needs a path. Waits for another process that is
    /// making it.
    ///
    /// # Errors
    ///
    /// If `make` fails, reading or writing fails, or the run is interrupted.
    pub fn file(
        &self,
        key: &ObjectKey,
        progress: &Progress,
        make: impl FnOnce(&Temporary) -> Result<()>,
    ) -> Result<Object> {
        if let Some(object) = self.find(key)? {
            return Ok(object);
        }
        self.verify(key);
        let path = self.path(key);
        self.prepare(key)?;
        let temporary = Temporary::create(&self.disk, &path, IfBusy::WaitUnless(progress))?;
        // The other process may have made it in the meantime.
        if let Some(object) = self.found(&path)? {
            return Ok(object);
        }
        make(&temporary)?;
        progress.check_cancelled()?;
        let digests = digests_of(temporary.file()).map_err(|error| temporary.failed(error))?;
        progress.check_cancelled()?;
        self.finish(temporary, digests)?;
        let object = self.found(&path)?;
        self.prune_if_alone();
        object.ok_or_else(|| Error::new(format!("`{path}` was removed while it was being made")))
    }

    /// Space used by each kind.
    pub fn usage(&self) -> Vec<KindUsage> {
        let found = self.scan();
        let of = |kind| {
            let own: Vec<_> = found.iter().filter(|found| found.kind == kind).collect();
            let n_objects = own.iter().filter(|found| found.used_ns > 0).count();
            KindUsage { kind, n_objects, len: own.iter().map(|found| found.len).sum() }
        };
        ObjectKind::ALL.map(of).into()
    }

    /// Removes objects beyond the limit, unless another process may be using them.
    fn prune_if_alone(&self) {
        if let Some(lock) = self.share() {
            lock.if_alone(|| {
                self.prune();
            });
        }
    }

    /// Shares the lock of the cache. `None` if it can't be written, and then nothing is removed either.
    fn share(&self) -> Option<&SharedLock> {
        self.lock.get_or_init(|| SharedLock::take(&self.root).ok()).as_ref()
    }

    /// Removes the least recently used objects until the limit is kept. Returns the number of bytes removed. The caller
    /// must hold the [lock](super::Lock::take_cache) of the cache.
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
        let folder = self.root.join("objects").join(key.kind.as_str());
        let own = folder.join(key.digest.to_string());
        let Some((version, stat)) = key.file else { return own };
        let claims = self.claims.borrow();
        let Some(claim) = claims.get(&stat) else { return own };
        let content = [b"content", &version.to_le_bytes()[..], &claim.blake3.0].concat();
        let shared = folder.join(ObjectKey::new(key.kind, &content).digest.to_string());
        let exists = |path: &Utf8Path| note_path(path).exists();
        if exists(&shared) || (claim.is_verified && !exists(&own)) { shared } else { own }
    }

    /// Folders on the way to an object, starting with the cache.
    fn folders(&self, key: &ObjectKey) -> [Utf8PathBuf; 3] {
        let objects = self.root.join("objects");
        let kind = objects.join(key.kind.as_str());
        [self.root.clone(), objects, kind]
    }

    /// Fails if a folder on the way to an object is a link or belongs to another user.
    fn check(&self, key: &ObjectKey) -> std::io::Result<()> {
        self.folders(key).iter().try_for_each(|folder| open::check_folder(folder))
    }

    /// Creates the folders on the way to an object.
    fn prepare(&self, key: &ObjectKey) -> Result<()> {
        prepare(&self.root)?;
        self.folders(key).iter().try_for_each(|folder| {
            open::create_own_folder(folder).map_err(|error| open::failed("using", folder, error))
        })
    }

    /// Gives an object its name and writes its note.
    fn finish(&self, temporary: Temporary, digests: Digests) -> Result<()> {
        let path = temporary.target().to_owned();
        let stat = temporary.finish()?;
        self.write_note(&path, &ObjectNote::new(&stat, digests))?;
        self.use_it(&path);
        Ok(())
    }

    /// Opens an object that exists and is undamaged. If its metadata is unchanged since it was made, it is trusted;
    /// otherwise, such as after copying the cache, its bytes are compared.
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

    /// Records the use of an object.
    fn use_it(&self, path: &Utf8Path) {
        if !self.is_read_only {
            // A read-only cache is used all the same.
            let _ = open::touch(&note_path(path));
            self.share();
        }
        self.used.borrow_mut().insert(path.to_owned());
    }

    /// Removes an object, the note first, since without one the object does not exist.
    fn remove(&self, path: &Utf8Path) -> Result<()> {
        for path in [&note_path(path), path] {
            self.disk.remove(path).map_err(|error| Error::io("removing", path, error))?;
        }
        Ok(())
    }

    /// Lists all files in the folder of objects, except those being written.
    fn scan(&self) -> Vec<ObjectFile> {
        let mut found = Vec::new();
        for kind in ObjectKind::ALL {
            let folders = self.folders(&ObjectKey { kind, digest: Digest([0; 32]), file: None });
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

/// Time when the reading of a file began, by its file system's clock.
#[derive(Clone, Copy, Debug)]
pub struct ReadingSince(FileSystemTime);

impl ReadingSince {
    /// Returns `true` if what was read of a file may be stored. A file that changes twice within one tick of the clock
    /// looks the same after both.
    pub fn is_lasting(&self, stat: &Stat) -> bool {
        is_before(stat, &self.0)
    }

    /// Returns `true` if what was read of a source may be stored, for all its files.
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

/// Returns `true` for a temporary file that a running process has locked.
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
